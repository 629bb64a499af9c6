//! socketioxide doing what the load tool wants of a server in `/` and every other namespace, written as its documentation writes servers: async handlers,
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
/// The namespaces besides `/`: every path of one part.
const OTHERS: &str = "/{name}";
/// The room that everybody of a namespace is in.
const ROOM: &str = "everybody";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (layer, io) = SocketIo::builder().max_buffer_size(BUFFER).build_layer();
    let joined = Arc::new(AtomicU64::new(0));
    let serve = async move |socket: SocketRef| {
        socket.join(ROOM);
        socket.on("say", async |socket: SocketRef, Data::<(u64, u64, String)>(said)| {
            // Whoever can not be reached is missed by the load tool.
            socket.within(ROOM).emit("said", &said).await.ok();
        });
        socket.on("enter", async |socket: SocketRef, Data::<String>(room)| socket.join(room));
        socket.on("tell", async |socket: SocketRef, Data::<(String, u64, u64, String)>((room, who, number, text))| {
            socket.within(room).emit("said", &(who, number, text)).await.ok();
        });
        socket.on("echo", async |Data::<String>(text), ack: AckSender| {
            ack.send(&text).ok();
        });
        for name in ["join", "arrive"] {
            let joined = joined.clone();
            socket.on(name, async move |socket: SocketRef| {
                let count = joined.fetch_add(1, Ordering::Relaxed) + 1;
                socket.within(ROOM).emit("joined", &Joined { count }).await.ok();
            });
        }
    };
    io.ns("/", serve.clone());
    io.dyn_ns(OTHERS, serve).map_err(std::io::Error::other)?;
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
