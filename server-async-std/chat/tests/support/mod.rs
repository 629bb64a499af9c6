//! The program as a process, for tests: started, asked, and killed at the latest when the test is over.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// No wait takes longer, unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The program, with nothing of this process's environment that it would read.
pub fn sanket() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_sanket")))
}

/// Any command, likewise.
pub fn clean(mut command: Command) -> Command {
    let ours = |name: &str| name == "PORT" || name == "RUST_BACKTRACE" || name.starts_with("SANKET_");
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
}

/// What the program says when it is run with these flags and variables to its end.
pub fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    sanket().args(args).envs(env.iter().copied()).output().expect("the binary runs")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lines that come out of a process, as they come.
pub struct Lines {
    lines: Receiver<String>,
    /// All that were waited for so far.
    pub seen: Vec<String>,
}

impl Lines {
    pub fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if sender.send(text(&line)).is_err() {
                    return;
                }
            }
        });
        Self { lines, seen: Vec::new() }
    }

    /// The next line that has this in it.
    pub fn wait_for(&mut self, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
        let last: Vec<_> = self.seen.iter().rev().take(20).collect();
        panic!("no line with {part:?}; the last of {}: {last:#?}", self.seen.len());
    }

    /// All lines until the process has closed its end.
    pub fn rest(mut self) -> Vec<String> {
        self.seen.extend(self.lines.iter());
        self.seen
    }
}

/// A child that does not outlive the test.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Killed {
    /// How it ended, if it did in time.
    pub fn ends(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[cfg(unix)]
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).expect("it lives");
    }
}

/// The program at work, on a port of its own.
pub struct Running {
    pub child: Killed,
    pub stderr: Lines,
    pub address: SocketAddr,
}

impl Running {
    pub fn start(flags: &[&str]) -> Self {
        Self::start_as(sanket(), flags)
    }

    /// `command` runs the program with the flags that it gets.
    pub fn start_as(mut command: Command, flags: &[&str]) -> Self {
        command.args(["--listen", "127.0.0.1", "--port", "0"]).args(flags);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
        let mut stderr = Lines::of(child.stderr.take().expect("a pipe"));
        let child = Killed(child);
        let address = address(&stderr.wait_for("listening on"));
        Self { child, stderr, address }
    }
}

/// The address in the line in which the program says where it listens.
pub fn address(line: &str) -> SocketAddr {
    line.rsplit("http://").next().and_then(|address| address.trim().parse().ok()).expect("an address")
}

/// Sends these bytes on a connection of their own, and reads until the server ends it.
pub fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).expect("written");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).expect("a response");
    text(&response)
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream.set_write_timeout(Some(PATIENCE)).expect("a deadline");
    stream
}

/// The page is served.
pub fn assert_serves(address: SocketAddr) {
    let response = ask(address, "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
}
