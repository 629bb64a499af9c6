//! The chat of the reference's examples: whoever has a name is counted, and hears who else comes, writes and goes.
//!
//! `cargo run --release -p sanket-async-std --features client-files --example chat -- DIRECTORY` serves a page that was
//! written for the reference, with the client that it loads, on <http://127.0.0.1:3000>.

#[path = "../serving/mod.rs"]
mod serving;
#[cfg(test)]
mod tests;

use sanket::router::{Cx, Router};
use serde::Serialize;

/// What everybody is told of somebody.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct News<'a> {
    /// Left out for somebody without a name, as the reference does.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_users: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The number of users, and the name of each.
type Context<'a> = Cx<'a, usize, Option<String>>;

fn app() -> Router<usize, Option<String>> {
    let mut io = Router::default();
    io.of("/")
        .on("add user", add_user)
        .on("new message", |cx, text: String| {
            let username = cx.data.as_deref();
            cx.broadcast().emit("new message", News { username, message: Some(text), ..News::default() });
        })
        .on("typing", |cx, ()| tell(cx, "typing", None))
        .on("stop typing", |cx, ()| tell(cx, "stop typing", None))
        .on_disconnect(|cx, _| {
            if cx.data.is_some() {
                *cx.state -= 1;
                tell(cx, "user left", Some(*cx.state));
            }
        });
    io
}

fn add_user(cx: &mut Context<'_>, name: String) {
    if cx.data.is_none() {
        *cx.data = Some(name);
        *cx.state += 1;
        let num_users = Some(*cx.state);
        cx.emit("login", News { num_users, ..News::default() });
        tell(cx, "user joined", num_users);
    }
}

/// Tells the others something of this one.
fn tell(cx: &Context<'_>, what: &str, num_users: Option<usize>) {
    let username = cx.data.as_deref();
    cx.broadcast().emit(what, News { username, num_users, ..News::default() });
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serving::serve(app(), "http://localhost:3000")
}
