//! socketioxide doing what the load tool wants of a server, written as its documentation writes servers: async handlers,
//! each of which it runs in a task of its own, on tokio's runtime with a thread for each processor. Its buffers are larger
//! than by default (128 packets a client): in the storm it would lose what does not fit.

use axum::serve::ListenerExt as _;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;

/// Packets that may wait for one client.
const BUFFER: usize = 16_384;
/// The room that everybody is in.
const ROOM: &str = "everybody";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (layer, io) = SocketIo::builder().max_buffer_size(BUFFER).build_layer();
    let joined = Arc::new(AtomicU64::new(0));
    io.ns("/", async move |socket: SocketRef| {
        socket.join(ROOM);
        socket.on("say", async |io: SocketIo, Data::<(u64, u64, String)>(said)| {
            // Whoever can not be reached is missed by the load tool.
            io.to(ROOM).emit("said", &said).await.ok();
        });
        socket.on("echo", async |Data::<String>(text), ack: AckSender| {
            ack.send(&text).ok();
        });
        socket.on("join", async move |io: SocketIo| {
            let count = joined.fetch_add(1, Ordering::Relaxed) + 1;
            io.to(ROOM).emit("joined", &Joined { count }).await.ok();
        });
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // As axum's documentation has it; without it Nagle's algorithm holds every second small packet back.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, axum::Router::new().layer(layer)).await
}

/// A notice.
#[derive(serde::Serialize)]
struct Joined {
    count: u64,
}
