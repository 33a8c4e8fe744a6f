//! The backends that roles and API work over: a state store and a bus, each embedded or a server, as the settings name them.

use super::backend_kinds::BackendKinds;
use super::{embedded, external};
use crate::config::Config;
use crate::failure::Failure;
use adapters::clock::SystemClock;
use adapters::embedded::Folder;
use adapters::{amqp, redis};
use common::StoreError;
use common::ports::{Bus, Clock, Commands, Rejects, StateStore};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A write to the store: reading alone would not notice a full disk.
pub type Ping =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Duration, StoreError>> + Send>> + Send + Sync>;

/// What everything in this process shares.
pub struct Backends {
    pub store: Arc<dyn StateStore>,
    pub bus: Arc<dyn Bus>,
    pub rejects: Arc<dyn Rejects>,
    /// `None` where commands leave by AMQP.
    pub commands: Option<Arc<dyn Commands>>,
    pub clock: Arc<dyn Clock>,
    pub kinds: BackendKinds,
    /// Where this process runs, for people: `host:pid`.
    pub instance: String,
    /// A write to the store.
    pub ping: Ping,
    folder: Option<Folder>,
    broker: Option<Arc<amqp::Bus>>,
}

/// Opens what is configured, after everything that would lose data is refused or warned about. `name` says at the broker
/// who is connected.
///
/// # Errors
/// A service cannot be used, or would lose what it confirms; another process has the data folder.
pub async fn open(config: &Config, name: &str) -> Result<Backends, Failure> {
    let kinds = BackendKinds::of(config);
    let instance = instance();
    let folder = embedded::open(config, kinds).await?;
    let (store, ping) = match &folder {
        Some(folder) if kinds.store == "embedded" => of_folder(folder),
        _ => of_redis(Arc::new(external::open_redis(config).await?)),
    };
    let BusPorts { bus, rejects, commands, broker } = match &folder {
        Some(folder) if kinds.bus == "embedded" => BusPorts::of_folder(folder),
        _ => BusPorts::of_broker(
            external::open_amqp(config, &format!("signalbox {name} {instance}")).await?,
            config,
        ),
    };
    let clock = Arc::new(SystemClock::default());
    Ok(Backends { store, bus, rejects, commands, clock, kinds, instance, ping, folder, broker })
}

/// How events come in and commands go out.
struct BusPorts {
    bus: Arc<dyn Bus>,
    rejects: Arc<dyn Rejects>,
    commands: Option<Arc<dyn Commands>>,
    broker: Option<Arc<amqp::Bus>>,
}

impl BusPorts {
    fn of_folder(folder: &Folder) -> BusPorts {
        let bus = Arc::new(folder.bus.clone());
        BusPorts { bus: bus.clone(), rejects: bus.clone(), commands: Some(bus), broker: None }
    }

    fn of_broker(broker: amqp::Bus, config: &Config) -> BusPorts {
        let broker = Arc::new(broker);
        let rejects = Arc::new(amqp::Rejects { url: config.amqp.url.clone() });
        BusPorts { bus: broker.clone(), rejects, commands: None, broker: Some(broker) }
    }
}

impl Backends {
    /// Whether this process has the data folder.
    pub fn has_data_folder(&self) -> bool {
        self.folder.is_some()
    }

    pub fn api_ports(&self) -> api::Ports {
        api::Ports {
            intake: self.store.clone(),
            catalogue: self.store.clone(),
            lookup: self.store.clone(),
            members: self.store.clone(),
            upkeep: self.store.clone(),
            rejects: self.rejects.clone(),
            commands: self.commands.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Keeps the gauges of the queues fresh.
    pub fn watch_queues(&self, config: &Config) {
        let every = config.scheduler.depth_interval.0;
        match (&self.broker, &self.folder) {
            (Some(broker), _) => broker.watch_queues(every),
            (None, Some(folder)) => folder.bus.watch_queues(every),
            (None, None) => {}
        }
    }

    /// Settles what was accepted, within a bounded time. What is embedded answers only for what is on the disk already.
    pub async fn close(&self) {
        if let Some(broker) = &self.broker {
            broker.close().await;
        }
    }
}

fn of_folder(folder: &Folder) -> (Arc<dyn StateStore>, Ping) {
    let store = folder.store.clone();
    let pinged = store.clone();
    let ping: Ping = Arc::new(move || {
        let store = pinged.clone();
        Box::pin(async move { store.ping().await })
    });
    (store, ping)
}

fn of_redis(store: Arc<redis::Store>) -> (Arc<dyn StateStore>, Ping) {
    let pinged = store.clone();
    let ping: Ping = Arc::new(move || {
        let store = pinged.clone();
        Box::pin(async move { store.ping().await })
    });
    (store, ping)
}

/// Where this process runs, for people: `host:pid`.
pub fn instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    format!("{host}:{}", std::process::id())
}
