//! Flags, the environment and a file: which counts, and what is an error.

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;
use support::{Running, ask, run, sanket, text};

/// A file that is removed after the test.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sanket-{}-{number}.toml", std::process::id()));
        std::fs::write(&path, text).expect("written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What `--check` prints, without the names of files.
fn check(args: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(&[&["--check"], args].concat(), env);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The line about a setting.
fn line<'a>(printed: &'a str, key: &str) -> &'a str {
    let is_meant = |line: &&str| line.starts_with(&format!("{key} = ")) || *line == format!("# {key} is not set");
    printed.lines().find(is_meant).unwrap_or_else(|| panic!("{key} is missing:\n{printed}"))
}

fn assert_refused(output: &Output, complaint: &str) {
    let stderr = text(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains(complaint), "not {complaint:?} but {stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_flag_overrides_the_environment_and_that_the_file_and_that_the_default() {
    let file = File::new("ping-interval = 3_000\nmax-queue = 5000\nlisten = ['127.0.0.3']\nrecovery = true\n");
    let env = [("SANKET_PING_INTERVAL", "2000"), ("SANKET_LISTEN", "127.0.0.2,::1")];
    let flags = ["--config", file.path(), "--ping-interval", "1000", "--recovery=false"];
    let printed = check(&flags, &env);
    assert_eq!(line(&printed, "ping-interval"), "ping-interval = 1000 # --ping-interval");
    assert_eq!(line(&printed, "listen"), "listen = [\"127.0.0.2\", \"::1\"] # SANKET_LISTEN");
    assert_eq!(line(&printed, "recovery"), "recovery = false # --recovery");
    assert_eq!(line(&printed, "max-queue"), format!("max-queue = 5000 # {}:2", file.path()));
    assert_eq!(line(&printed, "ping-timeout"), "ping-timeout = 20000 # default");
    let printed = check(&[], &[("SANKET_CONFIG", file.path())]);
    assert_eq!(line(&printed, "listen"), format!("listen = [\"127.0.0.3\"] # {}:3", file.path()));
    assert_eq!(line(&printed, "recovery"), format!("recovery = true # {}:4", file.path()));
}

#[test]
fn port_alone_counts_where_sanket_port_is_missing() {
    assert_eq!(line(&check(&[], &[("PORT", "5000")]), "port"), "port = 5000 # PORT");
    let both = [("PORT", "5000"), ("SANKET_PORT", "6000")];
    assert_eq!(line(&check(&[], &both), "port"), "port = 6000 # SANKET_PORT");
    assert_eq!(line(&check(&["--port", "7000"], &both), "port"), "port = 7000 # --port");
    // Names without the prefix, which other programs use.
    let others = [("LOG", "loud"), ("LISTEN", "everywhere"), ("PING_INTERVAL", "1")];
    assert_eq!(check(&[], &others), check(&[], &[]));
}

#[test]
fn the_port_that_kubernetes_sets_is_none() {
    let link = ("SANKET_PORT", "tcp://10.0.0.1:8081");
    for (env, expected) in [
        (&[link][..], "port = 8081 # default"),
        (&[link, ("PORT", "5000")], "port = 5000 # PORT"),
        (&[link, ("SANKET_PORT_8081_TCP", "tcp://10.0.0.1:8081")], "port = 8081 # default"),
    ] {
        let output = run(&["--check"], env);
        let stderr = text(&output.stderr);
        assert_eq!((output.status.code(), line(&text(&output.stdout), "port")), (Some(0), expected), "{stderr}");
        let warned = stderr.lines().filter(|line| line.contains("WARN")).count();
        assert!(stderr.contains("SANKET_PORT=tcp://10.0.0.1:8081 is ignored"), "{stderr}");
        assert_eq!(warned, 1 + usize::from(env.iter().any(|(name, _)| *name == "SANKET_PORT_8081_TCP")), "{stderr}");
    }
    let file = File::new("port = 6000\n");
    let expected = format!("port = 6000 # {}:1", file.path());
    assert_eq!(line(&check(&["--config", file.path()], &[link]), "port"), expected);
    assert!(run(&["--help"], &[link]).status.success());
    assert_refused(&run(&["--check"], &[("SANKET_PORT", "udp://10.0.0.1:8081")]), "SANKET_PORT: invalid value");
}

#[test]
fn an_empty_array_is_a_list_without_values_or_an_error() {
    let file = File::new("listen = []\nallow-origin = []\n");
    let printed = check(&["--config", file.path()], &[]);
    assert_eq!(line(&printed, "listen"), "# listen is not set");
    for key in ["port", "recovery", "max-sessions-per-ip", "log", "drain", "web-dir"] {
        let file = File::new(&format!("\n{key} = []\n"));
        let complaint = format!("{}:2: '{key}' is an empty array", file.path());
        assert_refused(&run(&["--check", "--config", file.path()], &[]), &complaint);
    }
}

#[test]
fn check_prints_a_file_that_says_the_same() {
    let flags = ["--listen=::1", "--allow-origin=*", "--recovery", "--web-dir=a \"b\"\\c'd\té"];
    let printed = check(&flags, &[]);
    let file = File::new(&printed);
    let values = |printed: &str| -> Vec<String> {
        printed.lines().map(|line| line.split(" # ").next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(values(&check(&["--config", file.path()], &[])), values(&printed));
}

#[test]
fn check_ends_without_listening() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    check(&["--listen", "127.0.0.1", "--port", &port], &[]);
}

#[test]
fn an_unknown_key_is_an_error_that_names_key_file_and_line() {
    for (content, number, key) in [
        ("port = 1\n\nprot = 2\n", 3, "prot"),
        ("ping_interval = 1000", 1, "ping_interval"),
        ("check = true", 1, "check"),
        ("config = 'x'", 1, "config"),
        ("help = true", 1, "help"),
    ] {
        let file = File::new(content);
        let complaint = format!("{}:{number}: unknown key '{key}'", file.path());
        assert_refused(&run(&["--check", "--config", file.path()], &[]), &complaint);
        assert_refused(&run(&["--config", file.path()], &[]), &complaint);
    }
}

#[test]
fn a_bad_value_gets_the_same_complaint_wherever_it_is() {
    for (flag, toml, value, complaint) in [
        ("ping-interval", "5", "5", "invalid value '5' for '--ping-interval <MS>': 5 is not in 10..=3600000"),
        ("ping-timeout", "'soon'", "soon", "invalid value 'soon' for '--ping-timeout <MS>': invalid digit"),
        ("port", "true", "true", "invalid value 'true' for '--port <PORT>'"),
        ("port", "65536", "65536", "65536 is not in 0..=65535"),
        ("max-queue", "2000.5", "2000.5", "invalid value '2000.5' for '--max-queue <BYTES>'"),
        ("listen", "['::1', 'nowhere']", "::1,nowhere", "invalid value 'nowhere' for '--listen <ADDRESS>'"),
        ("allow-origin", "'example.org'", "example.org", "an origin is"),
        ("recovery", "3", "3", "invalid value '3' for '--recovery"),
        ("log", "'loud'", "loud", "invalid value 'loud' for '--log <LEVEL>'"),
    ] {
        assert_refused(&run(&["--check", &format!("--{flag}={value}")], &[]), complaint);
        let variable = format!("SANKET_{}", flag.replace('-', "_").to_uppercase());
        let output = run(&["--check"], &[(&variable, value)]);
        assert_refused(&output, complaint);
        assert_refused(&output, &format!("error: {variable}: "));
        let file = File::new(&format!("{flag} = {toml}\n"));
        let output = run(&["--check", "--config", file.path()], &[]);
        assert_refused(&output, complaint);
        assert_refused(&output, &format!("error: {}:1: ", file.path()));
    }
}

#[test]
fn a_bad_value_is_an_error_even_where_another_overrides_it() {
    assert_refused(&run(&["--port", "1"], &[("SANKET_PORT", "x")]), "SANKET_PORT: invalid value 'x'");
    let file = File::new("port = 'x'\n");
    assert_refused(&run(&["--port", "1", "--config", file.path()], &[]), "invalid value 'x'");
}

#[test]
fn a_file_that_is_none_is_an_error_that_names_it() {
    let missing = std::env::temp_dir().join("sanket-none.toml");
    let missing = Path::to_str(&missing).expect("text");
    assert_refused(&run(&["--config", missing], &[]), missing);
    for (content, number) in [("port = \n", 1), ("port = 1\nport = 2\n", 2), ("\n[server]\nport = 1\n", 2)] {
        let file = File::new(content);
        assert_refused(&run(&["--config", file.path()], &[]), &format!("{}:{number}: ", file.path()));
    }
}

#[test]
fn an_unknown_variable_is_warned_of() {
    let output = run(&["--check"], &[("SANKET_PROT", "1"), ("SANKET_SKIP_WEB", "1"), ("SANKETTE", "1")]);
    assert!(output.status.success());
    let stderr = text(&output.stderr);
    assert!(stderr.lines().count() == 1 && stderr.contains("WARN") && stderr.contains("SANKET_PROT"), "{stderr}");
    let mut command = sanket();
    command.env("SANKET_PROT", "1");
    let server = Running::start_as(command, &[]);
    assert!(server.stderr.seen.iter().any(|line| line.contains("SANKET_PROT")), "{:?}", server.stderr.seen);
}

#[test]
fn limits_of_the_chat_are_settings() {
    let file = File::new("max-text = 5\nmessage-burst = 2\nmessage-interval = 3600000\n");
    let server = Running::start(&["--config", file.path()]);
    let poll = "/socket.io/?EIO=4&transport=polling";
    let get = |path: &str| {
        ask(server.address, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
    };
    let open = get(poll);
    let session = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a session");
    let path = format!("{poll}&sid={session}");
    let say = |number: u32, text: &str| format!("42{number}[\"chat message\",{{\"description\":\"{text}\"}}]");
    let post = |packets: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: ");
        ask(server.address, &format!("{head}{}\r\n\r\n{packets}", packets.len()));
    };
    let hear = |part: &str| {
        let mut heard = String::new();
        while !heard.contains(part) {
            let polled = get(&path);
            assert!(polled.starts_with("HTTP/1.1 200"), "{polled} after {heard}");
            heard.push_str(&polled);
        }
        heard
    };
    post("40");
    hear("40{");
    post(&[say(1, "123456"), say(2, "a"), say(3, "b"), say(4, "c")].join("\u{1e}"));
    let heard = hear("434[");
    let answer = |number| heard.split(&format!("43{number}[")).nth(1).and_then(|rest| rest.split('\u{1e}').next());
    assert!(answer(1).is_some_and(|answer| answer.contains("\"limit\":5")), "{heard}");
    assert!(answer(2).is_some_and(|answer| answer.contains("\"ok\":true")), "{heard}");
    assert!(answer(4).is_some_and(|answer| answer.contains("too_fast")), "{heard}");
}
