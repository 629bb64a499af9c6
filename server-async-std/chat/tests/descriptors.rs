//! With few descriptors, clients beyond the room are told so, and those within it are served.
// It shows how many descriptors a process has.
#![cfg(target_os = "linux")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::{PATIENCE, Running, clean, connect, text};

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Asks for the page, and reads the head of the answer: whether it is the page. A connection without an answer fails.
fn is_served(stream: &mut TcpStream) -> bool {
    // A refusal may come, and the connection end, before the request is sent.
    let _ = stream.write_all(REQUEST.as_bytes());
    is_answered(stream)
}

/// Reads an answer, likewise.
fn is_answered(stream: &mut TcpStream) -> bool {
    let mut received = Vec::new();
    while !text(&received).contains("\r\n\r\n") {
        let mut byte = [0; 1];
        let length = stream.read(&mut byte).expect("an answer");
        assert_ne!(length, 0, "closed without an answer after {:?}", text(&received));
        received.extend_from_slice(&byte);
    }
    let head = text(&received);
    assert!(head.starts_with("HTTP/1.1 200 ") || head.starts_with("HTTP/1.1 503 "), "{head}");
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let length = length.and_then(|length| length.parse::<u64>().ok()).expect("a length");
    stream.take(length).read_to_end(&mut Vec::new()).expect("the body");
    head.contains(" 200 ")
}

#[test]
fn beyond_the_room_everybody_is_refused_politely_and_those_within_are_served() {
    const LIMIT: usize = 128;
    let mut shell = clean(Command::new("sh"));
    let script = format!("ulimit -n {LIMIT} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_sanket")]);
    let mut server = Running::start_as(shell, &[]);
    let said = server.stderr.seen.iter().find(|line| line.contains("descriptors leave room for")).expect("said once");
    let room: usize =
        said.split(' ').skip_while(|word| *word != "for").nth(1).and_then(|word| word.parse().ok()).expect("a number");
    assert!(room >= LIMIT / 4, "{said}");

    let mut within: Vec<_> = (0..room).map(|_| connect(server.address)).collect();
    assert!(within.iter_mut().all(is_served), "there is room");
    let open = descriptors(&server);
    assert!(open < LIMIT - LIMIT / 4, "{open} are open, and {} have to be free", LIMIT / 4);
    for round in 0..3 {
        // As many at the same time as can be refused at the same time.
        let mut beyond: Vec<_> = (0..LIMIT / 4).map(|_| connect(server.address)).collect();
        assert!(!beyond.iter_mut().any(is_served), "there is no room");
        assert!(within.iter_mut().all(is_served), "in round {round}");
        drop(beyond);
        // Until the server has seen all of them go, there is no room to refuse.
        let end = Instant::now() + PATIENCE;
        while descriptors(&server) > open {
            assert!(Instant::now() < end, "refused connections stay open");
            sleep(Duration::from_millis(5));
        }
    }
    let gone = within.pop().expect("one");
    drop(gone);
    // One that goes makes room for another one.
    let end = Instant::now() + PATIENCE;
    while !is_served(&mut connect(server.address)) {
        assert!(Instant::now() < end, "its room is not given to another one");
    }

    server.child.signal(rustix::process::Signal::TERM);
    assert!(server.child.ends().success());
    let lines = server.stderr.rest();
    assert!(!lines.iter().any(|line| line.contains("cannot accept")), "it never ran out: {lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("descriptors leave room")).count(), 1);
}

/// It counts on a reserve, but others may use that up: the system's own limit, a library, an operator's `prlimit`.
#[test]
fn with_none_left_accepting_pauses_without_spinning_and_says_so_once() {
    use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
    use std::thread;

    let mut server = Running::start(&[]);
    let mut established: Vec<_> = (0..10).map(|_| connect(server.address)).collect();
    assert!(established.iter_mut().all(is_served));
    let limit = Rlimit { current: Some(descriptors(&server) as u64), ..getrlimit(Resource::Nofile) };
    prlimit(Some(Pid::from_child(&server.child.0)), Resource::Nofile, limit).expect("a limit");

    // The system completes their connections; nobody takes them.
    let mut waiting: Vec<_> = (0..50).map(|_| connect(server.address)).collect();
    for stream in &mut waiting {
        stream.write_all(REQUEST.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes()).expect("written");
    }
    server.stderr.wait_for("cannot accept connections, trying again");
    let (began, before) = (Instant::now(), processor_time(&server));
    // What is measured is how little happens in a while.
    sleep(Duration::from_secs(1));
    let (took, used) = (began.elapsed(), processor_time(&server) - before);
    assert!(used < took / 4, "{used:?} of processor time in {took:?}");
    assert!(established.iter_mut().all(is_served), "those who are in are served");

    // Others have descriptors again, one after another.
    drop(established);
    let served: Vec<_> =
        waiting.into_iter().map(|mut stream| thread::spawn(move || is_answered(&mut stream))).collect();
    assert!(served.into_iter().all(|served| served.join().expect("an answer")), "all who waited are served");
    server.child.signal(Signal::TERM);
    assert!(server.child.ends().success());
    let lines = server.stderr.rest();
    assert_eq!(lines.iter().filter(|line| line.contains("cannot accept connections")).count(), 1, "{lines:#?}");
}

/// What the process has used so far.
fn processor_time(server: &Running) -> Duration {
    let id = i32::try_from(server.child.0.id()).expect("a process");
    let stat = procfs::process::Process::new(id).and_then(|process| process.stat()).expect("it lives");
    Duration::from_secs(stat.utime + stat.stime) / u32::try_from(procfs::ticks_per_second()).expect("few")
}

/// How many are open.
fn descriptors(server: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.child.0.id())).expect("it lives").count()
}
