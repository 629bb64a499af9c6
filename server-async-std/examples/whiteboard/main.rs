//! The whiteboard of the reference's examples: what somebody draws, the others draw too.
//!
//! `cargo run --release -p sanket-async-std --features client-files --example whiteboard -- DIRECTORY` serves a page that was
//! written for the reference, with the client that it loads, on <http://127.0.0.1:3000>.

#[path = "../serving/mod.rs"]
mod serving;
#[cfg(test)]
mod tests;

use sanket::router::Router;

fn app() -> Router<()> {
    let mut io = Router::default();
    io.of("/").on_event("drawing", |cx, event| {
        cx.broadcast().emit_json("drawing", event.args_json(), event.attachments());
    });
    io
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serving::serve(app(), "http://localhost:3000")
}
