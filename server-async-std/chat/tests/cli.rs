//! The command line: what it says of itself, and what it does with a bad flag.

mod support;

use support::{run, text};

#[test]
fn version_and_help() {
    let version = run(&["--version"], &[]);
    assert!(version.status.success());
    assert_eq!(text(&version.stdout).trim(), format!("sanket {}", env!("CARGO_PKG_VERSION")));
    // As one line, however wide the terminal is said to be.
    let help = text(&run(&["--help"], &[]).stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for flag in [
        "--port",
        "--listen",
        "--ping-interval",
        "--ping-timeout",
        "--max-payload",
        "--max-queue",
        "--allow-origin",
        "--no-client-files",
        "--max-text",
        "--message-burst",
        "--message-interval",
        "--tick",
        "--config",
    ] {
        assert!(help.contains(flag), "{flag} is missing:\n{help}");
        let variable = format!("SANKET_{}", flag.trim_start_matches('-').replace('-', "_").to_uppercase());
        assert!(help.contains(&format!("[env: {variable}=]")), "{variable} is missing:\n{help}");
    }
}

#[test]
fn help_is_given_whatever_the_environment_says() {
    assert!(run(&["--help"], &[("SANKET_PING_TIMEOUT", "soon")]).status.success());
}

#[test]
fn a_bad_flag_is_a_clear_error() {
    for (args, complaint) in [
        (&["--port", "http"][..], "invalid value 'http' for '--port"),
        (&["--port", "65536"], "65536 is not in 0..=65535"),
        (&["--pink"], "unexpected argument '--pink'"),
        (&["--ping-interval", "0"], "0 is not in 10..=3600000"),
        (&["--listen", "nowhere"], "invalid IP address"),
        (&["--allow-origin", "example.org"], "an origin is"),
        (&["--message-burst", "0"], "0 is not in 1..=1000000"),
    ] {
        let output = run(args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(complaint), "{args:?}: {stderr}");
    }
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = run(&["--listen", "127.0.0.1"], &[("SANKET_PORT", &port)]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains(&format!("127.0.0.1:{port}")), "{stderr}");
}
