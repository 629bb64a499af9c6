//! The application panics. A driver that has no word for that ends the process.

use crate::bench::{UPGRADE, frame, setup};
use sanket::Time;
use sanket::chat::{Chat, ChatConfig};
use sanket_host::host::{Driver, Host, Interest, Socket};
use sanket_host::request::Peer;
use std::process::Command;
use std::sync::Arc;

/// Set in the process that this test starts.
const CHILD: &str = "SANKET_TEST_CHILD";
const NAME: &str = "panics::the_process_ends_after_clients_are_told_unless_the_driver_knows_better";
const TOLD: &str = "a client was told";

struct Silent;

impl Driver for Silent {
    fn now(&self) -> Time {
        Time::from_millis(1_700_000_000_000)
    }

    fn wake(&self) {}
}

/// Says when a close frame is written.
struct Outlet;

impl Socket for Outlet {
    fn try_write(&self, bytes: &[u8], _last: bool) -> std::io::Result<usize> {
        if bytes.first() == Some(&0x88) {
            println!("{TOLD}");
        }
        Ok(bytes.len())
    }

    fn wake(&self, _: Interest) {}
}

/// It would let nobody in, and look alive.
#[test]
fn the_process_ends_after_clients_are_told_unless_the_driver_knows_better() {
    if std::env::var_os(CHILD).is_some() {
        let host = Host::new(Chat::new(ChatConfig::default(), 7), setup(), Silent);
        let line = host.accept(Peer::default(), Arc::new(Outlet)).expect("there is room");
        host.turn().receive(&line, UPGRADE.as_bytes());
        host.turn().receive(&line, &frame("40"));
        host.apply(|_, _| panic!("this is what the test is about")).expect("it is asked");
        unreachable!("the process has ended");
    }
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    let output = child.args(["--exact", NAME, "--nocapture"]).env(CHILD, "1").output().expect("it runs");
    assert_eq!(output.status.code(), Some(101), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(TOLD), "{said}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("the process has ended"), "{output:?}");
}
