//! Random bytes, made of what requests are made of. Nothing may panic, hang or leak.
use crate::client::Client;
use crate::house::{House, eventually};
use sanket_async_std::HttpConfig;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const N_REQUESTS: usize = 2_000;

static N_PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts every panic of this process, caught or not, but for those of `/panic`.
fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref() != Some(&"on purpose") {
            N_PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }
    }));
}

const SEEDS: [&str; 8] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a/values?x=%20 HTTP/1.1\r\nHost: a:80\r\nX: 1\r\nx: 2\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: r\r\n\r\n",
    "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly",
    "GET /park HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\nPOST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
];

const WORDS: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b":",
    b"\0",
    b"\xff",
    b"\xc3\xa4",
    b"%",
    b"#",
    b"0\r\n",
    b"ffffffffffffffff\r\n",
    b";",
    b"Content-Length: 18446744073709551615\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"HTTP/1.0",
    b"HTTP/9.9",
    b"http://[::1]:0/",
    b"*",
    b"Host: [\r\n",
];

fn hostile(rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = SEEDS[rng.usize(..SEEDS.len())].as_bytes().to_vec();
    for _ in 0..rng.usize(..5) {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.u8(..)),
            2 => drop(bytes.splice(at..at, WORDS[rng.usize(..WORDS.len())].iter().copied())),
            3 => drop(bytes.splice(at..at, SEEDS[rng.usize(..SEEDS.len())].bytes())),
            4 => bytes[..at].reverse(),
            _ => {
                let end = rng.usize(at..=bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

fn send(house: &House, rng: &mut fastrand::Rng) {
    let bytes = hostile(rng);
    let Client { mut stream, .. } = house.client();
    let pieces = if rng.bool() { bytes.len().max(1) } else { rng.usize(1..40) };
    for piece in bytes.chunks(pieces) {
        // The server may have had enough already.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    match rng.u8(..4) {
        // Goes at once, which is a reset if an answer is on its way.
        0 => {}
        1 => {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(2)));
            let _ = stream.read(&mut [0; 100]);
        }
        _ => {
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}

#[test]
fn hostile_bytes() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    count_panics();
    let short = 200;
    let house = House::open(HttpConfig { linger_timeout: short, ..HttpConfig::default() });
    std::thread::scope(|scope| {
        for n in 0..4 {
            let mut rng = fastrand::Rng::with_seed(seed ^ n);
            let house = &house;
            scope.spawn(move || (0..N_REQUESTS / 4).for_each(|_| send(house, &mut rng)));
        }
    });
    assert_eq!(house.client().get("/").text(), "hello");
    house.is_left();
    eventually("no poll is parked", || house.seen.parked.load(Ordering::SeqCst) == 0);
    assert_eq!(N_PANICS.load(Ordering::SeqCst), 0, "panics");
}
