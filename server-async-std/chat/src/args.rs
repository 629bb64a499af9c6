//! The command line of `sanket`: each flag has an environment variable of the same name, and a default.

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use log::LevelFilter;
use sanket_async_std::Origin;
use std::net::IpAddr;
use std::path::PathBuf;

/// A chat room for socket.io-client 2, 3 and 4, with its page
#[derive(Debug, Parser)]
#[command(name = "sanket", version)]
pub(crate) struct Args {
    /// TCP port; 0 lets the system choose one
    #[arg(long, env, default_value_t = 8081)]
    pub(crate) port: u16,

    /// Address to listen on; may be repeated [default: 127.0.0.1 and ::1; 0.0.0.0 is every IPv4 address]
    #[arg(long, env, value_delimiter = ',', value_name = "ADDRESS")]
    pub(crate) listen: Vec<IpAddr>,

    /// Milliseconds between heartbeats
    #[arg(long, env, default_value_t = 25_000, value_parser = RangedU64ValueParser::<u64>::new().range(10..=3_600_000), value_name = "MS")]
    pub(crate) ping_interval: u64,

    /// Milliseconds a client may be silent after a heartbeat was due
    #[arg(long, env, default_value_t = 20_000, value_parser = RangedU64ValueParser::<u64>::new().range(10..=3_600_000), value_name = "MS")]
    pub(crate) ping_timeout: u64,

    /// Bytes of one message
    #[arg(long, env, default_value_t = 1_000_000, value_parser = RangedU64ValueParser::<usize>::new().range(16..=1 << 30), value_name = "BYTES")]
    pub(crate) max_payload: usize,

    /// Bytes that may wait to be sent to one client
    #[arg(long, env, default_value_t = 12_000_000, value_parser = RangedU64ValueParser::<usize>::new().range(1_024..=1 << 30), value_name = "BYTES")]
    pub(crate) max_queue: usize,

    /// Sessions at the same time
    #[arg(long, env, default_value_t = 100_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 28), value_name = "COUNT")]
    pub(crate) max_sessions: usize,

    /// TCP connections from one address (IPv6: one /64) [default: no limit of its own; behind a proxy all are one address]
    #[arg(long, env, value_parser = RangedU64ValueParser::<usize>::new().range(1..), value_name = "COUNT")]
    pub(crate) max_connections_per_ip: Option<usize>,

    /// A web page's origin as browsers write it, that may connect from elsewhere; may be repeated; * lets in any
    #[arg(long, env, value_delimiter = ',', value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<Origin>,

    /// Let clients that lost their connection take up where they were, for two minutes (socket.io-client 4.6 and later)
    #[arg(long, env)]
    pub(crate) recovery: bool,

    /// Do not serve the client's own files (/socket.io/socket.io.js and its like)
    #[arg(long, env)]
    pub(crate) no_client_files: bool,

    /// Serve the page from this directory instead of from the program, for development
    #[arg(long, env, value_name = "DIRECTORY")]
    pub(crate) web_dir: Option<PathBuf>,

    /// What to log to stderr: off, error, warn, info, debug or trace
    #[arg(long, env, default_value_t = LevelFilter::Info, value_name = "LEVEL")]
    pub(crate) log: LevelFilter,
}
