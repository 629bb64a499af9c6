//! Logging to stderr that never blocks whoever logs, however long nobody reads: `sanket 2>&1 | less` goes on serving.
//!
//! Lines go through a bounded queue to a thread that writes. What does not fit is dropped, and the count is said in its place. A
//! place of the program that logs more than `--log-rate` lines a second is cut short likewise. env_logger makes the lines.
//! tracing-appender's `non_blocking` is near, but bounds lines only, and says no count.

mod queue;
mod rates;

use anstream::{AutoStream, ColorChoice};
use env_logger::{Builder, Logger, Target, WriteStyle};
use log::{Level, LevelFilter, Log, Metadata, Record};
use queue::{Lines, Queue, Work};
use rates::{LeftOut, Rates, Verdict};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the end of the program waits for what is queued to be written.
const FLUSH: Duration = Duration::from_secs(1);
/// Between two tries to write to a stderr that another process has made non-blocking.
const RETRY: Duration = Duration::from_millis(20);

/// Writes what is queued when it is dropped, as far as that takes no longer than a second. `log::logger().flush()` does the same.
#[derive(Debug)]
pub(crate) struct Flush;

impl Drop for Flush {
    fn drop(&mut self) {
        log::logger().flush();
    }
}

/// Starts to log what is of this level or more important, panics included, each place of the program at most `rate` lines a
/// second.
///
/// # Errors
///
/// The system gives no thread, or no descriptor.
pub(crate) fn start(level: LevelFilter, rate: u32) -> io::Result<Flush> {
    // It lives as long as the process, whose threads may log until the very end.
    let queue: &'static Queue = Box::leak(Box::default());
    let lines = builder(level).target(Target::Pipe(Box::new(Lines(queue)))).build();
    let queued: &'static Queued = Box::leak(Box::new(Queued { queue, lines, rates: Mutex::new(Rates::new(rate)) }));
    let direct = builder(LevelFilter::Trace).target(Target::Pipe(Box::new(stderr()?))).build();
    let mut output = stderr()?;
    thread::Builder::new().name("log".to_owned()).spawn(move || queued.write(&mut output, &direct))?;
    log::set_logger(queued).map_err(io::Error::other)?;
    log::set_max_level(level);
    // The standard hook writes to stderr by itself, and would wait for it.
    std::panic::set_hook(Box::new(|panic| {
        let mut record = Record::builder();
        record.level(Level::Error).target("panic");
        if let Some(location) = panic.location() {
            record.file(Some(location.file())).line(Some(location.line()));
        }
        let (thread, backtrace) = (thread::current(), Backtrace::capture());
        let name = thread.name().unwrap_or("<unnamed>");
        match backtrace.status() {
            BacktraceStatus::Captured => {
                log::logger().log(&record.args(format_args!("thread '{name}' {panic}\n{backtrace}")).build());
            }
            _ => log::logger().log(&record.args(format_args!("thread '{name}' {panic}")).build()),
        }
    }));
    Ok(Flush)
}

fn builder(level: LevelFilter) -> Builder {
    let mut builder = Builder::new();
    let style = match AutoStream::choice(&io::stderr()) {
        ColorChoice::Never => WriteStyle::Never,
        _ => WriteStyle::Always,
    };
    builder.filter_level(level).format_target(false).write_style(style);
    builder
}

/// The logger.
struct Queued {
    queue: &'static Queue,
    /// Makes lines and puts them into the queue.
    lines: Logger,
    rates: Mutex<Rates>,
}

impl Log for Queued {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.lines.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.lines.matches(record) {
            return;
        }
        let now = Instant::now();
        let mut verdict = self.rates().admit(record, now, None);
        if verdict == Verdict::Show {
            let sample = rates::sample(record);
            verdict = self.rates().admit(record, now, Some(sample));
        }
        match verdict {
            Verdict::Log(left_out) => {
                self.say(left_out);
                self.lines.log(record);
            }
            Verdict::LeaveOut(Some(end)) => self.queue.remind(end),
            Verdict::LeaveOut(None) | Verdict::Show => {}
        }
    }

    fn flush(&self) {
        let rest = self.rates().rest();
        self.say(rest);
        self.queue.flush(FLUSH);
    }
}

impl Queued {
    /// What the thread does that writes. `direct` writes where `output` does.
    fn write(&self, output: &mut impl Write, direct: &Logger) {
        loop {
            match self.queue.next() {
                // Nobody could be told of an error: the reader has gone, or the disk is full.
                Work::Write(lines) => _ = output.write_all(&lines),
                Work::SayDropped(count) => {
                    let mut record = Record::builder();
                    record.level(Level::Warn);
                    direct.log(
                        &record.args(format_args!("{count} lines were dropped: stderr did not take them")).build(),
                    );
                }
                Work::Reminder => self.reminded(Instant::now()),
            }
        }
    }

    /// Says what was left out in periods that are over. The queue has one reminder for all places: for those whose periods are not
    /// over yet, another one has to follow.
    fn reminded(&self, now: Instant) {
        let (over, next) = self.rates().over(now);
        self.say(over);
        if let Some(next) = next {
            self.queue.remind(next);
        }
    }

    fn say(&self, left_out: impl IntoIterator<Item = LeftOut>) {
        for LeftOut { count, level, sample } in left_out {
            let mut record = Record::builder();
            record.level(level);
            self.lines.log(&record.args(format_args!("{count} more lines like this were left out: {sample}")).build());
        }
    }

    /// Nobody panics while the lock is held.
    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits where the system does not: another process may have made the same terminal or pipe non-blocking.
struct Patient<W>(W);

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A descriptor of its own: whoever writes to [`io::stderr`] holds its lock while it waits, and everybody else who writes there
/// would wait too.
#[cfg(unix)]
fn stderr() -> io::Result<Patient<std::fs::File>> {
    use std::os::fd::AsFd as _;
    Ok(Patient(io::stderr().as_fd().try_clone_to_owned()?.into()))
}

/// Text for a console has to go through [`io::stderr`].
#[cfg(not(unix))]
fn stderr() -> io::Result<Patient<io::Stderr>> {
    Ok(Patient(io::stderr()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    /// Set in the process that is to panic: how many lines it logs before.
    const LINES: &str = "SANKET_TEST_PANICS_AFTER";

    /// Runs the test of this name in a process of its own, whose stderr is read only after it has ended.
    fn panics_after(lines: u32, test: &str) -> String {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(LINES, lines.to_string()).env_remove("RUST_BACKTRACE");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        assert!(child.wait().unwrap().success());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        stderr
    }

    /// In that process.
    fn panic_if_asked() -> bool {
        let Ok(lines) = std::env::var(LINES) else { return false };
        let _flush = start(LevelFilter::Info, u32::MAX).unwrap();
        for number in 0..lines.parse::<u32>().unwrap() {
            log::info!("line {number}");
        }
        let thread = thread::Builder::new().name("of the test".to_owned());
        assert!(thread.spawn(|| panic!("as it should")).unwrap().join().is_err());
        true
    }

    #[test]
    fn a_panic_is_logged() {
        if !panic_if_asked() {
            let stderr = panics_after(0, "logging::tests::a_panic_is_logged");
            assert!(stderr.contains("ERROR] thread 'of the test' panicked at "), "{stderr}");
            assert!(stderr.contains("as it should"), "{stderr}");
        }
    }

    #[test]
    fn a_panic_does_not_wait_for_a_stalled_stderr() {
        if !panic_if_asked() {
            let stderr = panics_after(20_000, "logging::tests::a_panic_does_not_wait_for_a_stalled_stderr");
            assert!(stderr.contains("line 0\n") && !stderr.contains("as it should"));
        }
    }

    /// A logger whose lines stay in its queue, and which takes one line a second of each place.
    fn queued() -> &'static Queued {
        let queue: &'static Queue = Box::leak(Box::default());
        let lines = builder(LevelFilter::Info).target(Target::Pipe(Box::new(Lines(queue)))).build();
        Box::leak(Box::new(Queued { queue, lines, rates: Mutex::new(Rates::new(1)) }))
    }

    /// What `work` results in, unless it waits for ever.
    fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::channel();
        thread::spawn(move || sender.send(work()));
        receiver.recv_timeout(Duration::from_secs(20)).expect("it does not end")
    }

    #[test]
    fn what_two_places_were_kept_from_logging_is_said_without_another_line() {
        let queued = queued();
        let now = Instant::now();
        // The period of one is over long before that of the other.
        let second = now + Duration::from_millis(500);
        for (line, at) in [(1, now), (2, second)] {
            let mut record = Record::builder();
            let record = record.level(Level::Info).file(Some("a.rs")).line(Some(line)).build();
            let admit = |sample| queued.rates().admit(&record, at, sample);
            assert_eq!((admit(None), admit(None)), (Verdict::Log(None), Verdict::Show));
            let Verdict::LeaveOut(Some(end)) = admit(Some(format!("place {line}"))) else { panic!("it is the first") };
            queued.queue.remind(end);
        }
        let mut said = String::new();
        while !said.contains("1 more lines like this were left out: place 2") {
            match in_time(|| queued.queue.next()) {
                Work::Write(lines) => said += &String::from_utf8(lines).unwrap(),
                Work::Reminder => queued.reminded(Instant::now()),
                work @ Work::SayDropped(_) => panic!("{work:?}"),
            }
        }
        assert!(said.contains("1 more lines like this were left out: place 1"), "{said}");
    }

    #[test]
    fn a_value_that_logs_or_panics_when_it_is_shown_stops_nobody() {
        /// Logs when it is shown, or panics.
        struct Loud(&'static Queued, bool);

        impl std::fmt::Display for Loud {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                log_to(self.0, 2, format_args!("from within"));
                assert!(!self.1, "as it should");
                f.write_str("loud")
            }
        }

        fn log_to(queued: &Queued, line: u32, args: std::fmt::Arguments<'_>) {
            queued.log(&Record::builder().level(Level::Info).line(Some(line)).args(args).build());
        }

        let queued = queued();
        // The first of its place is logged, the second is the sample, the third is counted.
        for panics in [false, true, false, false] {
            let result = in_time(move || {
                let log = || log_to(queued, 1, format_args!("{}", Loud(queued, panics)));
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(log))
            });
            assert_eq!(result.is_err(), panics);
        }
    }

    #[test]
    fn whoever_writes_waits_where_the_system_does_not() {
        /// Takes every other write, one byte of it.
        struct Busy(Vec<u8>, bool);

        impl Write for Busy {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 {
                    return Err(ErrorKind::WouldBlock.into());
                }
                self.0.push(bytes[0]);
                Ok(1)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let mut output = Patient(Busy(Vec::new(), false));
        output.write_all(b"line").unwrap();
        assert_eq!(output.0.0, b"line");
    }
}
