//! The command line: what it says of itself, and what it does with a bad flag.

use std::process::{Command, Output};

fn sanket(args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sanket")).args(args).envs(env.iter().copied()).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn version_and_help() {
    let version = sanket(&["--version"], &[]);
    assert!(version.status.success());
    assert_eq!(text(&version.stdout).trim(), format!("sanket {}", env!("CARGO_PKG_VERSION")));
    // As one line, however wide the terminal is said to be.
    let help = text(&sanket(&["--help"], &[]).stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for flag in [
        "--port",
        "--listen",
        "--ping-interval",
        "--ping-timeout",
        "--max-payload",
        "--max-queue",
        "--allow-origin",
        "--no-client-files",
    ] {
        assert!(help.contains(flag), "{flag} is missing:\n{help}");
        let variable = flag.trim_start_matches('-').replace('-', "_").to_uppercase();
        assert!(help.contains(&format!("[env: {variable}=]")), "{variable} is missing:\n{help}");
    }
}

#[test]
fn a_bad_flag_is_a_clear_error() {
    for (args, env, complaint) in [
        (&["--port", "http"][..], &[][..], "invalid value 'http' for '--port"),
        (&["--port", "65536"], &[], "65536 is not in 0..=65535"),
        (&["--pink"], &[], "unexpected argument '--pink'"),
        (&["--ping-interval", "0"], &[], "0 is not in 10..=3600000"),
        (&["--listen", "nowhere"], &[], "invalid IP address"),
        (&["--allow-origin", "example.org"], &[], "an origin is"),
        (&[], &[("PING_TIMEOUT", "soon")], "invalid value 'soon' for '--ping-timeout"),
    ] {
        let output = sanket(args, env);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(complaint), "{args:?}: {stderr}");
    }
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = sanket(&["--listen", "127.0.0.1"], &[("PORT", &port)]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains(&format!("127.0.0.1:{port}")), "{stderr}");
}
