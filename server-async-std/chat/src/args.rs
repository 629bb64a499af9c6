//! The flags of `sanket`, with their defaults and ranges. `configuration` gives each a variable of the environment and a key in
//! the file, by its name.

use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::{ArgAction, Parser};
use log::LevelFilter;
use sanket::chat::ChatConfig;
use sanket_async_std::{HostName, InvalidRate, Origin, Rate, TrustedProxy};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// A chat room for socket.io-client 2, 3 and 4, with its page
#[derive(Debug, Parser)]
#[command(
    name = "sanket",
    version,
    after_help = "A flag overrides its variable, that its key in the file, that the default."
)]
pub(crate) struct Args {
    /// TOML file with values for the flags, under their names without the dashes in front
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Check flags, environment and file, print what is in effect, and end
    #[arg(long)]
    pub(crate) check: bool,

    /// TCP port; 0 lets the system choose one. Without SANKET_PORT, the variable PORT counts
    #[arg(long, default_value_t = 8081)]
    pub(crate) port: u16,

    /// Address to listen on; may be repeated [default: 127.0.0.1 and ::1; 0.0.0.0 is every IPv4 address]
    #[arg(long, value_delimiter = ',', value_name = "ADDRESS")]
    pub(crate) listen: Vec<IpAddr>,

    /// Address and port for /health, /ready and /metrics, without a password [default: on the same port, from this machine only]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) admin_listen: Option<SocketAddr>,

    /// Milliseconds between heartbeats
    #[arg(long, default_value_t = 25_000, value_parser = RangedU64ValueParser::<u64>::new().range(10..=3_600_000), value_name = "MS")]
    pub(crate) ping_interval: u64,

    /// Milliseconds a client may be silent after a heartbeat was due
    #[arg(long, default_value_t = 20_000, value_parser = RangedU64ValueParser::<u64>::new().range(10..=3_600_000), value_name = "MS")]
    pub(crate) ping_timeout: u64,

    /// Bytes of one message
    #[arg(long, default_value_t = 1_000_000, value_parser = RangedU64ValueParser::<usize>::new().range(16..=1 << 30), value_name = "BYTES")]
    pub(crate) max_payload: usize,

    /// Bytes that may wait to be sent to one client
    #[arg(long, default_value_t = 12_000_000, value_parser = RangedU64ValueParser::<usize>::new().range(1_024..=1 << 30), value_name = "BYTES")]
    pub(crate) max_queue: usize,

    /// Sessions at the same time
    #[arg(long, default_value_t = 100_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 28), value_name = "COUNT")]
    pub(crate) max_sessions: usize,

    /// Address or network (10.0.0.0/8) of a proxy whose X-Forwarded-For, -Host and -Proto, or Forwarded, are believed; may be repeated
    #[arg(long, value_delimiter = ',', value_name = "CIDR")]
    pub(crate) trusted_proxy: Vec<TrustedProxy>,

    /// Host that requests are answered for, as chat.example.org or *.example.org; may be repeated. If only loopback addresses are
    /// listened on, they and localhost always are [default: any otherwise]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) host: Vec<HostName>,

    /// Allow JSONP, for browsers without CORS such as Internet Explorer 9: any page can have a script of any host
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = BoolishValueParser::new(), value_name = "BOOL", hide_possible_values = true)]
    pub(crate) jsonp: bool,

    /// TCP connections from one address (IPv6: one /64) [default: no limit of its own; behind a proxy all are one address]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..), value_name = "COUNT")]
    pub(crate) max_connections_per_ip: Option<usize>,

    /// Sessions of one address [default: half of --max-sessions]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..), value_name = "COUNT")]
    pub(crate) max_sessions_per_ip: Option<usize>,

    /// Sessions of one address that have joined nothing; one more ends the oldest [default: a quarter of --max-sessions]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..), value_name = "COUNT")]
    pub(crate) max_unjoined_per_ip: Option<usize>,

    /// New TCP connections of one address: so many at once, and so many a second; or off
    #[arg(long, default_value = "20000/200", value_name = "BURST/RATE")]
    pub(crate) connect_rate: RateLimit,

    /// Handshakes of one address
    #[arg(long, default_value = "20000/200", value_name = "BURST/RATE")]
    pub(crate) handshake_rate: RateLimit,

    /// CONNECT packets of one address: a connection with more is read from later
    #[arg(long, default_value = "20000/200", value_name = "BURST/RATE")]
    pub(crate) join_rate: RateLimit,

    /// Bytes received from one address: a connection with more is read from later
    #[arg(long, default_value = "4194304/524288", value_name = "BURST/RATE")]
    pub(crate) byte_rate: RateLimit,

    /// A web page's origin as browsers write it, that may connect from elsewhere; may be repeated; * lets in any
    #[arg(long, value_delimiter = ',', value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<Origin>,

    /// Let clients that lost their connection take up where they were, for two minutes (socket.io-client 4.6 and later)
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = BoolishValueParser::new(), value_name = "BOOL", hide_possible_values = true)]
    pub(crate) recovery: bool,

    /// Do not serve the client's own files (/socket.io/socket.io.js and its like)
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = BoolishValueParser::new(), value_name = "BOOL", hide_possible_values = true)]
    pub(crate) no_client_files: bool,

    /// UTF-16 code units of one chat message
    #[arg(long, default_value_t = ChatConfig::default().max_text, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 30), value_name = "UNITS")]
    pub(crate) max_text: usize,

    /// Chat messages that a person may send at once after a pause
    #[arg(long, default_value_t = ChatConfig::default().burst, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "COUNT")]
    pub(crate) message_burst: u32,

    /// Milliseconds until a person may send one more
    #[arg(long, default_value_t = ChatConfig::default().interval, value_parser = RangedU64ValueParser::<u64>::new().range(1..=3_600_000), value_name = "MS")]
    pub(crate) message_interval: u64,

    /// Bytes of a chat message's JSON text that count as one message
    #[arg(long, default_value_t = ChatConfig::default().bytes_per_token, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 30), value_name = "BYTES")]
    pub(crate) message_bytes: usize,

    /// People who left whose used-up messages are remembered for whoever comes from their address next
    #[arg(long, default_value_t = ChatConfig::default().max_debts, value_parser = RangedU64ValueParser::<usize>::new().range(0..=1 << 28), value_name = "COUNT")]
    pub(crate) max_debts: usize,

    /// Milliseconds between two notices that tell a person why its messages are refused
    #[arg(long, default_value_t = ChatConfig::default().refusal_interval, value_parser = RangedU64ValueParser::<u64>::new().range(1..=3_600_000), value_name = "MS")]
    pub(crate) refusal_interval: u64,

    /// Milliseconds for which notices of who comes and goes are collected
    #[arg(long, default_value_t = ChatConfig::default().tick, value_parser = RangedU64ValueParser::<u64>::new().range(1..=3_600_000), value_name = "MS")]
    pub(crate) tick: u64,

    /// Seconds over which clients are let go after SIGTERM or SIGINT, so that they do not come back all at once [default: a
    /// millisecond for each session, at most 5 s]
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=3_600), value_name = "SECONDS")]
    pub(crate) drain: Option<u64>,

    /// Serve the page from this directory instead of from the program, for development
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) web_dir: Option<PathBuf>,

    /// What to log to stderr: off, error, warn, info, debug or trace
    #[arg(long, default_value_t = LevelFilter::Info, value_name = "LEVEL")]
    pub(crate) log: LevelFilter,

    /// Lines a second that one place of the program may log; more are counted, and the count is logged. Not at level trace
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "LINES")]
    pub(crate) log_rate: u32,
}

/// A limit that can be switched off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimit(pub(crate) Option<Rate>);

impl FromStr for RateLimit {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        if text == "off" { Ok(Self(None)) } else { text.parse().map(|rate| Self(Some(rate))) }
    }
}
