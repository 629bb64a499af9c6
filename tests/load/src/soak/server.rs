//! The chat program as a process of its own, with a log that is kept. Knows nothing of clients.

use crate::account::Process;
use crate::fault::{Fault, Result};
use std::fs::{File, create_dir_all};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Milliseconds between heartbeats: short, so that there are many.
pub const PING_INTERVAL: u64 = 2_000;
/// Milliseconds that a client may be silent after one was due. Long enough for a machine that has other work.
pub const PING_TIMEOUT: u64 = 3_000;
/// Bytes of the largest message.
pub const MAX_PAYLOAD: usize = 20_000;
/// Bytes that may wait for one client: few, so that those who do not read are closed within seconds.
const MAX_QUEUE: usize = 400_000;
/// How long the program may take until it listens, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the log is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);
/// Lines of the log that are told when something is wrong with them.
const TOLD: usize = 5;

/// The program, which ends when this is dropped.
#[derive(Debug)]
pub struct Chat {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it serves polls by script.
    pub jsonp: bool,
}

impl Chat {
    /// Starts the program on a free port of loopback, and waits until it listens.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn start(program: &Path, log: &Path) -> Result<Self> {
        let failed = |error| Fault::from(error).at(program.display());
        let help = Command::new(program).arg("--help").output().map_err(failed)?;
        let jsonp = String::from_utf8_lossy(&help.stdout).contains("--jsonp");
        create_dir_all(log.parent().unwrap_or(Path::new(".")))?;
        let mut command = Command::new(program);
        // Its flags can be set in the environment, too: what the user has there is not what is tested.
        command.env_clear().env("RUST_BACKTRACE", "1");
        command.args(["--listen", "127.0.0.1", "--port", "0", "--recovery"]);
        for (flag, value) in [("--ping-interval", PING_INTERVAL), ("--ping-timeout", PING_TIMEOUT)] {
            command.args([flag, &value.to_string()]);
        }
        for (flag, value) in [("--max-payload", MAX_PAYLOAD), ("--max-queue", MAX_QUEUE)] {
            command.args([flag, &value.to_string()]);
        }
        command.args(jsonp.then_some("--jsonp"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log)?).spawn();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut chat = Self { child: child.map_err(failed)?, log: log.into(), address, jsonp };
        let until = Instant::now() + PATIENCE;
        loop {
            let line = chat.lines(|line| line.contains("listening on http://"))?.pop();
            if let Some(address) = line.and_then(|line| line.split_once("http://")?.1.trim().parse().ok()) {
                chat.address = address;
                return Ok(chat);
            }
            if Instant::now() > until || chat.ended()? {
                return Err(Fault::new(format!("it does not listen; see {}", log.display())).at(program.display()));
            }
            sleep(LOOK);
        }
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Whether it has ended.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Asks it to end, as an operator does, and waits until it has.
    ///
    /// # Errors
    ///
    /// If it does not, or says that it failed.
    pub fn stop(&mut self) -> Result<()> {
        // The standard library knows no signals but the one that can not be handled.
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        let until = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Fault::new(format!("the server ended with {status}"))),
                None if Instant::now() > until => return Err(Fault::new("the server does not end on SIGTERM")),
                None => sleep(LOOK),
            }
        }
    }

    /// What in its log no client may be able to cause.
    ///
    /// # Errors
    ///
    /// If the log can not be read.
    pub fn complaints(&self) -> Result<Vec<String>> {
        self.lines(|line| line.contains("panicked") || line.contains(" ERROR ") || line.contains("did not end in time"))
    }

    /// The first lines of its log that are such.
    fn lines(&self, such: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let lines = BufReader::new(File::open(&self.log)?).split(b'\n').map_while(std::result::Result::ok);
        let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
        Ok(lines.filter(|line| such(line)).take(TOLD).collect())
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        // If it has ended by itself, the soak has told so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
