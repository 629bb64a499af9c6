//! A server as a child process: which one, is told by the environment. `SANKET_SUITE_BIN` is the path of the `suite` example
//! (default: the release build of the workspace around); `SANKET_TARGET=reference` takes the Node server beside the Node
//! clients' tests instead. Knows nothing of Socket.IO.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// For everything that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// One of the kinds of server that suites talk to. Ends with its owner.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub url: String,
    lines: mpsc::Receiver<String>,
}

impl Server {
    /// Returns when the server has said on which address it listens.
    ///
    /// # Panics
    /// If it does not say so in time.
    #[must_use]
    pub fn start(kind: &str) -> Self {
        let mut child = command()
            .args([kind, "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let (say, lines) = mpsc::channel();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let mut server = Self { child, url: String::new(), lines };
        let deadline = Instant::now() + PATIENCE;
        while server.url.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = server.lines.recv_timeout(left).expect("the server says where it listens");
            if let Some((_, url)) = line.split_once("listening on ") {
                server.url = url.trim_end_matches('/').into();
            }
        }
        server
    }

    /// Asks the server to end.
    ///
    /// # Panics
    /// If nobody can be asked.
    pub fn end(&self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(status.success(), "the server is there");
    }

    /// Asks the server to end, and is content only with a clean and timely end.
    ///
    /// # Panics
    /// If it ends otherwise.
    pub fn stop(mut self) {
        self.end();
        if is_reference() {
            // It waits until clients have closed their side. It ends with its owner.
            return;
        }
        let deadline = Instant::now() + STOP;
        let status = loop {
            match self.child.try_wait().expect("the server can be asked for its end") {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "the server ends after SIGTERM"),
            }
            std::thread::sleep(LOOK);
        };
        let said: Vec<String> = self.lines.try_iter().collect();
        assert!(
            status.success() && !said.iter().any(|line| line.contains("panicked")),
            "a bad end: {status}, {said:?}"
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_reference() -> bool {
    env::var("SANKET_TARGET").is_ok_and(|target| target == "reference")
}

fn command() -> Command {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if is_reference() {
        let mut command = Command::new("node");
        command.arg(repository.join("tests/clients/support/reference-suite.mjs"));
        return command;
    }
    let binary = env::var_os("SANKET_SUITE_BIN");
    Command::new(binary.unwrap_or_else(|| repository.join("target/release/examples/suite").into()))
}
