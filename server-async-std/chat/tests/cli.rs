//! The command line: what it says of itself, and what it does with a bad flag.

mod support;

use support::{run, text};

/// All but those about one run.
const FLAGS: &[&str] = &[
    "--port",
    "--listen",
    "--admin-listen",
    "--ping-interval",
    "--ping-timeout",
    "--max-payload",
    "--max-queue",
    "--max-sessions",
    "--trusted-proxy",
    "--host",
    "--jsonp",
    "--max-connections-per-ip",
    "--max-sessions-per-ip",
    "--max-unjoined-per-ip",
    "--connect-rate",
    "--handshake-rate",
    "--join-rate",
    "--byte-rate",
    "--allow-origin",
    "--recovery",
    "--no-client-files",
    "--max-text",
    "--message-burst",
    "--message-interval",
    "--message-bytes",
    "--max-debts",
    "--refusal-interval",
    "--tick",
    "--drain",
    "--web-dir",
    "--log",
    "--log-rate",
    "--config",
];

#[test]
fn version_and_help() {
    let version = run(&["--version"], &[]);
    assert!(version.status.success());
    assert_eq!(text(&version.stdout).trim(), format!("sanket {}", env!("CARGO_PKG_VERSION")));
    // As one line, however wide the terminal is said to be.
    let help = text(&run(&["--help"], &[]).stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for flag in FLAGS {
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
        (&["--admin-listen", "127.0.0.1"], "invalid socket address"),
        (&["--max-sessions", "0"], "0 is not in 1..=268435456"),
        (&["--trusted-proxy", "10.0.0.0/33"], "invalid value '10.0.0.0/33' for '--trusted-proxy <CIDR>'"),
        (&["--trusted-proxy", "proxy.example"], "invalid value 'proxy.example' for '--trusted-proxy <CIDR>'"),
        (&["--host", "chat.example:443"], "a host is a name or an address without a port"),
        (&["--host", "*"], "a host is a name or an address without a port"),
        (&["--jsonp=perhaps"], "invalid value 'perhaps' for '--jsonp"),
        (&["--max-connections-per-ip", "0"], "0 is not in 1.."),
        (&["--max-sessions-per-ip", "0"], "0 is not in 1.."),
        (&["--max-unjoined-per-ip", "0"], "0 is not in 1.."),
        (&["--connect-rate", "200"], "invalid value '200' for '--connect-rate <BURST/RATE>'"),
        (&["--handshake-rate", "0/1"], "invalid value '0/1' for '--handshake-rate <BURST/RATE>'"),
        (&["--join-rate", "1/0"], "invalid value '1/0' for '--join-rate <BURST/RATE>'"),
        (&["--byte-rate", "none"], "invalid value 'none' for '--byte-rate <BURST/RATE>'"),
        (&["--message-bytes", "0"], "0 is not in 1..=1073741824"),
        (&["--max-debts", "-1"], "unexpected argument '-1'"),
        (&["--refusal-interval", "0"], "0 is not in 1..=3600000"),
        (&["--drain", "3601"], "3601 is not in 0..=3600"),
        (&["--drain", "soon"], "invalid digit found in string"),
        (&["--log", "loud"], "invalid value 'loud' for '--log <LEVEL>'"),
        (&["--log-rate", "0"], "0 is not in 1..=1000000"),
    ] {
        let output = run(args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(complaint), "{args:?}: {stderr}");
    }
}

#[test]
fn good_values_of_the_limits_are_taken() {
    let flags = [
        "--trusted-proxy=10.0.0.0/8,::1",
        "--host=chat.example,*.chat.example,192.0.2.1,::1",
        "--admin-listen=[::1]:9100",
        "--jsonp",
        "--connect-rate=off",
        "--handshake-rate=1/1",
        "--byte-rate=4294967295/4294967295",
        "--max-sessions-per-ip=1",
        "--max-debts=0",
        "--drain=0",
    ];
    let output = run(&[&["--check"], &flags[..]].concat(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// `--check` prints all settings.
#[test]
fn the_list_of_flags_is_complete() {
    let checked = text(&run(&["--check"], &[]).stdout);
    for line in checked.lines() {
        let key = line.trim_start_matches("# ").split(' ').next().unwrap_or_default();
        assert!(FLAGS.contains(&&*format!("--{key}")), "{key} is missing");
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
