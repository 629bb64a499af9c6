//! The fuzz targets' seeds, replayed: what once broke a server of this kind, ours or another, is a test from then on.

use sanket_tests::fuzz;
use std::fs;
use std::path::Path;

fn replay(target: &str, body: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.expect("a directory can be listed").path();
        println!("{}", path.display());
        body(&fs::read(&path).expect("a seed can be read"));
        count += 1;
    }
    assert!(count > 0, "no seeds in {}", directory.display());
}

#[test]
fn payload() {
    replay("payload", fuzz::payload);
}

#[test]
fn packet() {
    replay("packet", fuzz::packet);
}

#[test]
fn request() {
    replay("request", fuzz::request);
}

#[test]
fn server() {
    replay("server", fuzz::server);
}
