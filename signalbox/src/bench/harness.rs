//! The harness of a measurement: the configured services with a probe in between, our flows, a carrier and a gateway.
//! It leaves the services as it found them where possible.

use super::flows::{self, Flow, KIND};
use super::run_log::{Faults, RunLog};
use super::scratch::Scratch;
use super::traffic::{Gateway, Source};
use super::{amqp, guard, probe};
use crate::config::Config;
use crate::failure::Failure;
use crate::host::roles;
use crate::services::backends::{self, Backends};
use crate::services::{external, redis_address, unusable_broker};
use adapters::amqp::admin;
use adapters::redis::Server;
use common::member::Role;
use common::ports::intercepted::Intercepted;
use common::ports::work::Control;
use common::ports::{Catalogue, Lookup};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Time without progress after which missing results count as lost.
const STALLED: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Concurrent calls of the store.
const AT_ONCE: usize = 256;

/// Actions per commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Commit {
    /// Each action is stored by itself
    Action,
    /// Actions that run without waiting are stored together, as the engine does
    Run,
}

pub struct BenchHarness {
    pub config: Config,
    pub probe: Arc<probe::Store>,
    /// Redis, where it is the state store.
    pub server: Option<Server>,
    pub source: Source,
    gateway: Gateway,
    backends: Backends,
    /// The data folder, where something is embedded. Behind the backends, which has it open.
    scratch: Option<Scratch>,
    /// The services were empty before.
    was_empty: bool,
    /// Distinguishes the events of this bench from others.
    name: String,
    runs: AtomicU32,
}

/// Roles that run; they stop when it is dropped.
pub struct Running {
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl BenchHarness {
    /// # Errors
    /// A service cannot be used, or holds data and `yes` is not set.
    pub async fn open(mut config: Config, steps: usize, yes: bool) -> Result<BenchHarness, Failure> {
        let was_empty = guard::check_unused(&config, yes).await?;
        let is_embedded = config.redis.url.is_empty() || config.amqp.url.is_empty();
        let scratch = is_embedded.then(|| Scratch::beside(&config.data.dir)).transpose()?;
        if let Some(scratch) = &scratch {
            config.data.dir = scratch.path().to_owned();
        }
        external::migrate(&config, None).await?;
        let mut backends = backends::open(&config, "bench", None).await?;
        let probe = Arc::new(Intercepted(probe::Probe::new(backends.store.clone())));
        backends.store = probe.clone();
        backends.bus = Arc::new(probe::Rerouted(backends.bus.clone()));
        flows::place(&*probe, steps).await?;
        let server = match config.redis.url.as_str() {
            "" => None,
            _ => Some(Server::connect(&redis_address(&config)).await?),
        };
        let (source, gateway) = match &backends.commands {
            None => {
                let publisher = amqp::Publisher::open(&config.amqp.url).await?;
                (Source::Amqp(publisher), Gateway::Amqp(config.amqp.url.clone()))
            }
            Some(commands) => {
                let definitions = Arc::new(probe.definitions(0).await?.unwrap_or_default());
                let source = Source::Direct { store: probe.clone(), definitions };
                (source, Gateway::Embedded(commands.clone()))
            }
        };
        let name = format!("{KIND}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let runs = AtomicU32::new(0);
        Ok(BenchHarness { config, probe, server, source, gateway, backends, scratch, was_empty, name, runs })
    }

    /// Store and bus, for people: `redis 7.0.15 appendfsync always`, `rabbitmq 3.10.8`.
    ///
    /// # Errors
    /// A service does not answer.
    pub async fn services(&self) -> Result<(String, String), Failure> {
        let store = match &self.server {
            Some(server) => {
                let (info, settings) = (server.info().await?, server.settings().await.unwrap_or_default());
                let fsync = settings.get("appendfsync").map_or("", String::as_str);
                let version = info.get("redis_version").map_or("", String::as_str);
                format!("redis {version} appendfsync {fsync}")
            }
            None => "embedded".into(),
        };
        let bus = match &self.gateway {
            Gateway::Amqp(url) => {
                let version = admin::probe(url).await;
                format!("rabbitmq {}", version.map_err(|error| unusable_broker(&self.config, &error))?)
            }
            Gateway::Embedded(_) => "embedded".into(),
        };
        Ok((store, bus))
    }

    /// Of the data folder; 0 without one.
    pub fn bytes_on_disk(&self) -> u64 {
        self.scratch.as_ref().map_or(0, Scratch::bytes)
    }

    /// Starts a new log.
    pub fn log(&self, flow: Flow, events: usize) -> Arc<RunLog> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let log = Arc::new(RunLog::new(flow, format!("{}-{run}", self.name), events));
        self.probe.0.record_into(Some(log.clone()));
        log
    }

    /// Starts receiving the commands of a run.
    ///
    /// # Errors
    /// The queue cannot be opened.
    pub async fn gateway(
        &self,
        log: &Arc<RunLog>,
    ) -> Result<Option<tokio_util::task::AbortOnDropHandle<()>>, Failure> {
        match log.flow.commands() {
            0 => Ok(None),
            _ => self.gateway.open(log.clone()).await.map(Some),
        }
    }

    pub fn start(&self, roles: &[Role], commit: Commit) -> Running {
        let mut config = self.config.clone();
        // All activeflows of the bench write to one number.
        config.executor.messages_per_minute = 0;
        if commit == Commit::Action {
            config.executor.actions_per_commit = 1;
        }
        let mut running = Running { shutdown: CancellationToken::new(), tasks: JoinSet::new() };
        for role in roles {
            roles::spawn(*role, &self.backends, &config, &running.shutdown, &mut running.tasks);
        }
        running
    }

    /// Removes the data of the bench.
    ///
    /// # Errors
    /// A service does not answer; the data stays then.
    pub async fn close(self) -> Result<(), Failure> {
        self.backends.close().await;
        match (&self.server, self.was_empty) {
            (Some(server), true) => Ok(server.clear().await?),
            (Some(_), false) => flows::remove(&*self.probe).await,
            // The folder goes as a whole.
            (None, _) => Ok(()),
        }
    }

    /// Ends all waiting activeflows.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn end_all(&self, log: &RunLog) -> Result<(), Failure> {
        let stop = async |id| self.probe.control(id, &Control::Stop).await;
        let stopping = stream::iter(log.ids().map(stop)).buffer_unordered(AT_ONCE);
        stopping.try_for_each(async |_| Ok(())).await?;
        ended(log).await;
        Ok(())
    }
}

impl Running {
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Waits until `reached` returns `goal`, or nothing has changed for a while.
pub async fn until(goal: usize, reached: impl Fn() -> usize) -> bool {
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let now = reached();
        if now >= goal {
            return true;
        }
        if now != last {
            (last, moved) = (now, Instant::now());
        } else if moved.elapsed() > STALLED {
            return false;
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Waits until every activeflow of `log` has ended and every command has arrived; returns what is missing.
pub async fn ended(log: &RunLog) -> Faults {
    let commands = log.flow.commands();
    if until(log.len(), || log.ended_so_far()).await {
        until(log.len() * commands, || log.commands_so_far()).await;
    }
    log.faults(commands)
}
