//! The servers that are compared: how they are started, and what they are.

use super::processors;
use crate::client::Transport;
use crate::fault::{Fault, Result};
use crate::scenario::{Kind, Plan};
use serde_json::Value;
use std::fs::read_to_string;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::spawn;
use std::time::Duration;

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);
/// Ours.
pub const OURS: &str = "sanket";
/// The one that does nothing but what the scenarios ask for.
pub const FLOOR: &str = "bare";
/// The others.
pub const PEERS: [&str; 3] = ["bun", "socketioxide", "socket.io"];
/// Where socket.io on Bun is.
const BUN: &str = "tests/load/peers/bun";
/// Where socket.io on Node is.
const NODE: &str = "tests/load/peers/node";
/// Where socketioxide is.
const OXIDE: &str = "tests/load/peers/socketioxide";

/// A server that can be started.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name on the command line and in tables.
    pub name: &'static str,
    /// The command that starts it; it prints `listening on http://ADDRESS`.
    command: Vec<PathBuf>,
    /// Whether it keeps the order of what one client says. One that runs each handler in a task of its own does not.
    pub keeps_order: bool,
    /// Whether it compiles what it runs often, and so gets faster.
    pub warms_up: bool,
}

/// All of them, ours being the program `ours`. Called from the root of the repository.
#[must_use]
pub fn all(ours: PathBuf) -> Vec<Server> {
    let compiled = |name, program, keeps_order| Server { name, command: vec![program], keeps_order, warms_up: false };
    let script = |name, runtime: String, place: &str| Server {
        name,
        command: vec![runtime.into(), format!("{place}/server.mjs").into()],
        keeps_order: true,
        warms_up: true,
    };
    vec![
        compiled(OURS, ours, true),
        compiled(FLOOR, "target/release/bare".into(), true),
        script("bun", format!("{BUN}/node_modules/.bin/bun"), BUN),
        compiled("socketioxide", "target/peers/release/socketioxide-peer".into(), false),
        script("socket.io", "node".to_owned(), NODE),
    ]
}

/// A server that is running; it ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Whether it can do what a scenario asks for: the floor has only WebSockets, and no heartbeats.
    #[must_use]
    pub fn takes(&self, plan: &Plan) -> bool {
        self.name != FLOOR || (plan.transport == Transport::Websocket && plan.kind != Kind::Heartbeats)
    }

    /// Starts it with so many processors, and waits until it listens.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn start(&self, processors: usize) -> Result<Running> {
        let place = || format!("{} can not be started", self.name);
        let (program, args) = self.command.split_first().ok_or_else(|| Fault::new(place()))?;
        let mut command = Command::new(program);
        command.args(args).env("NODE_ENV", "production").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = processors::spawn(&mut command, processors).map_err(|fault| fault.at(place()))?;
        let (said, heard) = channel();
        let output = child.stdout.take();
        spawn(move || {
            for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
                // Nobody wants to hear more than the address, but the pipe must not be closed.
                let address = line.ok().and_then(|line| line.split_once("http://")?.1.trim().parse().ok());
                let _ = address.map(|address: SocketAddr| said.send(address));
            }
        });
        match heard.recv_timeout(START) {
            Ok(address) => Ok(Running { child, address }),
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Fault::new("it did not say where it listens").at(place()))
            }
        }
    }
}

impl Running {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // If it has ended by itself, the run has told so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was compared, and on what: names and versions.
#[must_use]
pub fn versions() -> Vec<(&'static str, String)> {
    let lock = read_to_string(format!("{OXIDE}/Cargo.lock")).unwrap_or_default();
    let in_lock = |name: &str| {
        let after = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, after)| after);
        after.and_then(|after| Some(after.split_once('"')?.0.to_owned())).unwrap_or_else(unknown)
    };
    let processors = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let dirty = if said_by("git", &["status", "--porcelain", "-uno"]).is_empty() { "" } else { ", with changes" };
    vec![
        ("Sanket", format!("{}{dirty}", said_by("git", &["rev-parse", "--short", "HEAD"]))),
        (
            "socketioxide",
            format!("{} on axum {}, tokio {}", in_lock("socketioxide"), in_lock("axum"), in_lock("tokio")),
        ),
        ("socket.io", format!("{} on Node {}", package(NODE, "socket.io"), said_by("node", &["--version"]))),
        (
            "socket.io on Bun",
            format!(
                "{} on Bun {}, bun-engine {}",
                package(BUN, "socket.io"),
                package(BUN, "bun"),
                package(BUN, "@socket.io/bun-engine")
            ),
        ),
        (
            "bare",
            "the floor: a loop around epoll in one thread, without checks, heartbeats, limits or polling".to_owned(),
        ),
        ("rustc", said_by("rustc", &["--version"]).trim_start_matches("rustc ").to_owned()),
        ("machine", format!("{count} × {}", model.map_or("processor", |(_, model)| model))),
        ("kernel", said_by("uname", &["-sr"])),
    ]
}

fn package(place: &str, name: &str) -> String {
    let text = read_to_string(format!("{place}/node_modules/{name}/package.json")).unwrap_or_default();
    let package: Value = serde_json::from_str(&text).unwrap_or_default();
    package["version"].as_str().map_or_else(unknown, str::to_owned)
}

fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or_else(|_| unknown(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
