//! State that all activeflows of one executor share.

use crate::broker_status::BrokerStatus;
use crate::bundle_cache::BundleCache;
use crate::config::Config;
use crate::failure_log::FailureLog;
use crate::ports::Ports;

/// State shared by all activeflows of one executor.
pub struct Executor {
    pub ports: Ports,
    pub config: Config,
    pub bundles: BundleCache,
    pub broker: BrokerStatus,
    pub failures: FailureLog,
}

impl Executor {
    pub fn new(ports: Ports, config: Config) -> Executor {
        let bundles = BundleCache::new(ports.catalogue.clone(), config.bundles);
        Executor { ports, config, bundles, broker: BrokerStatus::default(), failures: FailureLog::default() }
    }
}
