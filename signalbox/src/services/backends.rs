//! The backends of roles and API: a state store and a bus, each either embedded or a server.

use super::backend_kinds::BackendKinds;
use super::startup::Startup;
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

/// Test write to the store. A read would not detect a full disk.
pub type Ping =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Duration, StoreError>> + Send>> + Send + Sync>;

/// Backends shared by everything in this process.
pub struct Backends {
    pub store: Arc<dyn StateStore>,
    pub bus: Arc<dyn Bus>,
    pub rejects: Arc<dyn Rejects>,
    /// `None` if commands are published to AMQP.
    pub commands: Option<Arc<dyn Commands>>,
    pub clock: Arc<dyn Clock>,
    /// What the dispatcher of this process starts for its executor.
    pub eager: Arc<executor::EagerStarts>,
    pub kinds: BackendKinds,
    /// Name of this process: `host:pid`.
    pub instance: String,
    /// Test write to the store.
    pub ping: Ping,
    folder: Option<Folder>,
    broker: Option<Arc<amqp::Bus>>,
}

/// Opens the configured backends. Refuses or reports settings that lose data. `name` is part of the connection name at the
/// broker. Waits for servers that are away, if this is the `startup` of a role.
///
/// # Errors
/// A service cannot be used, or would lose confirmed writes; or another process uses the data folder.
pub async fn open(config: &Config, name: &str, startup: Option<&Startup>) -> Result<Backends, Failure> {
    let kinds = BackendKinds::of(config);
    let instance = instance();
    let folder = embedded::open(config, kinds).await?;
    let (store, ping) = match &folder {
        Some(folder) if kinds.store == "embedded" => of_folder(folder),
        _ => of_redis(Arc::new(external::open_redis(config, startup).await?)),
    };
    let BusPorts { bus, rejects, commands, broker } = match &folder {
        Some(folder) if kinds.bus == "embedded" => BusPorts::of_folder(folder),
        _ => BusPorts::of_broker(
            external::open_amqp(config, &format!("signalbox {name} {instance}"), startup).await?,
            config,
        ),
    };
    let clock = Arc::new(SystemClock::default());
    let eager = Arc::default();
    Ok(Backends { store, bus, rejects, commands, clock, eager, kinds, instance, ping, folder, broker })
}

/// Ports for events and commands.
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
    /// Whether this process uses the data folder.
    pub fn has_data_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// The embedded state store.
    pub fn embedded_store(&self) -> Option<Arc<adapters::embedded::Store>> {
        let is_used = self.kinds.store == "embedded";
        self.folder.as_ref().filter(|_| is_used).map(|folder| folder.store.clone())
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

    /// Starts updating the gauges of the queues and of the embedded store.
    pub fn watch_queues(&self, config: &Config) {
        let every = config.scheduler.depth_interval.0;
        match (&self.broker, &self.folder) {
            (Some(broker), _) => broker.watch_queues(every),
            (None, Some(folder)) => folder.bus.watch_queues(every),
            (None, None) => {}
        }
        if let Some(store) = self.embedded_store() {
            store.watch(every);
        }
    }

    /// Waits for a bounded time until the broker has confirmed accepted messages, and closes the data folder.
    pub async fn close(&self) {
        if let Some(broker) = &self.broker {
            broker.close().await;
        }
        if let Some(folder) = &self.folder
            && let Err(reason) = tokio::task::block_in_place(|| folder.close())
        {
            tracing::error!(error = reason, "the last write to the data folder failed: {reason}");
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

/// Name of this process: `host:pid`.
pub fn instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    format!("{host}:{}", std::process::id())
}
