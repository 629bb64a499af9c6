//! Socket.IO beside the routes of an existing tide application, as the tutorial attached it to an express server.
//!
//! `cargo run --release -p sanket-async-std --features client-files --example mounted`, then point any socket.io-client at it.

use async_std::task::block_on;
use sanket::chat::{Chat, ChatConfig};
use sanket_async_std::{Server, setup};

fn main() -> std::io::Result<()> {
    block_on(async {
        // The application that is there already.
        let mut app = tide::new();
        app.at("/").get(|_| async { Ok("Hello from tide.\n") });
        app.at("/users/:name")
            .get(|request: tide::Request<()>| async move { Ok(format!("Hello, {}.\n", request.param("name")?)) });

        // The one thing to add. Pages get the client from it: `<script src="/socket.io/socket.io.js">`.
        let server = Server::start(Chat::new(ChatConfig::default(), fastrand::u64(..)), setup())?;

        println!("http://127.0.0.1:8081");
        app.listen(server.listener([([127, 0, 0, 1], 8081)])).await
    })
}
