//! Socket.IO beside the routes of an existing tide application, as the tutorial attached it to an express server.
//!
//! `cargo run --release -p sanket-async-std --features client-files --example mounted`, then point any socket.io-client at it.

use async_std::task::block_on;
use sanket::{Chat, ChatConfig, Config};
use sanket_async_std::front::Front;
use sanket_async_std::{Options, Server, client_files};

fn main() -> std::io::Result<()> {
    block_on(async {
        // The application that is there already.
        let mut app = tide::new();
        app.at("/").get(|_| async { Ok("Hello from tide.\n") });
        app.at("/users/:name")
            .get(|request: tide::Request<()>| async move { Ok(format!("Hello, {}.\n", request.param("name")?)) });

        // The one thing to add.
        let server =
            Server::start(Chat::new(ChatConfig::default(), fastrand::u64(..)), Config::default(), Options::default());
        let mut front = Front::bind_to([([127, 0, 0, 1], 8081)]);
        server.mount_directly(&mut app, &mut front, "/socket.io");
        // For pages that say `<script src="/socket.io/socket.io.js">`.
        client_files::mount(&mut app, "/socket.io");

        println!("http://127.0.0.1:8081");
        app.listen(front).await
    })
}
