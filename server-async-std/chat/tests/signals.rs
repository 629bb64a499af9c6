//! Signals to the running program.
#![cfg(unix)]

mod support;

use rustix::process::Signal;
use support::{Running, assert_serves};

#[test]
fn sighup_and_sigusr1_do_not_kill_it() {
    let mut server = Running::start(&[]);
    for (signal, name) in [(Signal::HUP, "SIGHUP"), (Signal::USR1, "SIGUSR1"), (Signal::USR2, "SIGUSR2")] {
        server.child.signal(signal);
        server.stderr.wait_for(&format!("{name}: nothing to reload"));
        assert_serves(server.address);
    }
    server.child.signal(Signal::TERM);
    assert!(server.child.ends().success());
    server.stderr.wait_for("closed");
}

#[test]
fn sigterm_and_sigint_end_it_well() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let mut server = Running::start(&[]);
        assert_serves(server.address);
        server.child.signal(signal);
        assert!(server.child.ends().success());
        server.stderr.wait_for(&format!("{name}: closing"));
        server.stderr.wait_for("closed");
    }
}
