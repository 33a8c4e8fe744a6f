//! The world that roles and API work in: a state store and a bus, opened as the settings name them.

use super::{
    bus_settings, place, preflight, store_settings, unreachable_store, unusable_broker, unusable_topology,
};
use crate::config::Config;
use crate::failure::{Failure, lines};
use crate::ops::Ping;
use adapters::amqp::{self, admin, topology};
use adapters::clock::SystemClock;
use adapters::redis;
use common::ports::{Bus, Clock, StateStore};
use preflight::Verdict;
use std::sync::Arc;

/// What everything in this process shares.
pub struct World {
    pub store: Arc<dyn StateStore>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    /// Where this process runs, for people: `host:pid`.
    pub place: String,
    /// A write to the store.
    pub ping: Ping,
    broker: Option<Arc<amqp::Bus>>,
}

/// Opens what is configured, after everything that would lose data is refused or warned about. `name` says at the broker
/// who is connected.
///
/// # Errors
/// A service cannot be used, or would lose what it confirms.
pub async fn open(config: &Config, name: &str) -> Result<World, Failure> {
    let store = Arc::new(open_redis(config).await?);
    let place = place();
    let broker = Arc::new(open_amqp(config, &format!("signalbox {name} {place}")).await?);
    let pinged = store.clone();
    Ok(World {
        store,
        bus: broker.clone(),
        clock: Arc::new(SystemClock::default()),
        place,
        ping: Arc::new(move || {
            let store = pinged.clone();
            Box::pin(async move { store.ping().await })
        }),
        broker: Some(broker),
    })
}

impl World {
    /// Keeps the gauges of the broker's queues fresh.
    pub fn watch_queues(&self, config: &Config) {
        if let Some(broker) = &self.broker {
            broker.watch_queues(config.scheduler.depth.0);
        }
    }

    /// Settles what was accepted, within a bounded time.
    pub async fn close(&self) {
        if let Some(broker) = &self.broker {
            broker.close().await;
        }
    }
}

async fn open_redis(config: &Config) -> Result<redis::Store, Failure> {
    let facts = redis::inspect(&config.redis.url).await.map_err(|error| unreachable_store(config, &error))?;
    let mut refused = Vec::new();
    for verdict in preflight::judge_store(&facts, config.redis.accept_loss) {
        match verdict {
            Verdict::Refuse(why) => refused.push(why),
            Verdict::Warn(why) => tracing::warn!("{why}"),
        }
    }
    if !refused.is_empty() {
        return Err(Failure::failed(lines(&refused)));
    }
    let store = redis::Store::connect(store_settings(config))?;
    preflight::installed_shards(store.installed().await?, config.engine.shards).map_err(Failure::Failed)?;
    Ok(store)
}

async fn open_amqp(config: &Config, name: &str) -> Result<amqp::Bus, Failure> {
    let settings = bus_settings(config, name);
    let version = admin::probe(&config.amqp.url).await.map_err(|error| unusable_broker(config, &error))?;
    if let Some(refusal) = preflight::broker_too_old(&version) {
        return Err(Failure::Failed(refusal));
    }
    topology::check(&config.amqp.url, &settings).await.map_err(|error| unusable_topology(config, &error))?;
    Ok(amqp::Bus::connect(settings))
}
