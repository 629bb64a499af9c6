//! How a host is set up.

use super::addresses::AddressLimits;
use super::entropy::Fill;
use crate::http::HttpConfig;
use crate::request::RequestOptions;
use sanket::Config;
use std::fmt;

/// How a host is set up. All but the random numbers has a default.
pub struct Setup {
    /// Limits and intervals of the protocol.
    pub config: Config,
    /// Limits and deadlines of connections.
    pub http: HttpConfig,
    /// What one address may have and do.
    pub addresses: AddressLimits,
    /// Path, origins, cookies, compression, who is let in.
    pub options: RequestOptions,
    /// How many shards: one for each thread that the driver reads with. At most 255.
    pub shards: usize,
    /// Where session ids come from: the operating system's generator, as they are credentials.
    pub fill: Fill,
}

impl Setup {
    /// Defaults, one shard, and random numbers from `fill`, which says whether it could fill the buffer.
    pub fn new(fill: impl Fn(&mut [u8]) -> bool + Send + Sync + 'static) -> Self {
        let (config, http, options) = (Config::default(), HttpConfig::default(), RequestOptions::default());
        Self { config, http, addresses: AddressLimits::default(), options, shards: 1, fill: Box::new(fill) }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("config", &self.config).field("shards", &self.shards).finish_non_exhaustive()
    }
}
