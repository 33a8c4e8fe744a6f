//! State that all events of one dispatcher share.

use crate::backlog_gate::BacklogGate;
use crate::config::Config;
use crate::definitions_cache::DefinitionsCache;
use crate::handled_suspects::HandledSuspects;
use crate::ports::Ports;
use common::member::Consuming;
use tokio::sync::watch;

/// State shared by all events of one dispatcher.
pub struct Dispatcher {
    pub ports: Ports,
    pub config: Config,
    pub definitions: DefinitionsCache,
    pub backlog_gate: BacklogGate,
    pub handled_suspects: HandledSuspects,
    /// State of the consumer, for the heartbeats.
    pub consuming: watch::Sender<Consuming>,
}

impl Dispatcher {
    pub fn new(ports: Ports, config: Config) -> Dispatcher {
        let definitions = DefinitionsCache::new(ports.catalogue.clone(), ports.clock.clone());
        let backlog_gate = BacklogGate::new(config.backlog_high, config.backlog_low);
        let handled_suspects = HandledSuspects::default();
        let consuming = watch::Sender::new(Consuming::Connecting);
        Dispatcher { ports, config, definitions, backlog_gate, handled_suspects, consuming }
    }
}
