//! `signalbox dispatcher|executor|scheduler|serve`: checks what it rests on, then runs until it is told to stop.

use super::migrate::migrate;
use crate::cli::Context;
use crate::config::Config;
use crate::failure::Failure;
use crate::ops::{self, Readiness, Watched};
use crate::services::preflight::{self, Verdict};
use crate::services::{
    bus_settings, need_amqp, need_redis, place, store_settings, unreachable_store, unusable_broker,
    unusable_topology,
};
use crate::shutdown;
use adapters::amqp::{Bus, admin, topology};
use adapters::clock::SystemClock;
use adapters::redis::{self, Store};
use common::member::Role;
use common::ports::{Bus as _, Clock};
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What every role of this process shares.
struct World {
    store: Arc<Store>,
    bus: Arc<Bus>,
    clock: Arc<dyn Clock>,
    place: String,
}

/// All roles, after a migration.
pub async fn serve(context: &Context) -> Result<(), Failure> {
    for done in migrate(context.config()).await? {
        tracing::info!("migrate: {done}");
    }
    run(context, &[Role::Dispatcher, Role::Executor, Role::Scheduler]).await
}

pub async fn run(context: &Context, roles: &[Role]) -> Result<(), Failure> {
    let config = context.config();
    need_redis(config)?;
    need_amqp(config)?;
    let shutdown = shutdown::on_signals(config.engine.grace.0)?;
    let metrics = ops::install_metrics()?;
    let listener = ops::bind(&config.ops.listen).await?;
    let names = roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let world = world(config, &names).await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        place = %world.place,
        "Signalbox {} runs as {names}",
        env!("CARGO_PKG_VERSION")
    );

    if roles.contains(&Role::Scheduler) {
        world.bus.watch_queues(config.scheduler.depth.0);
    }

    // Health answers while roles finish, and stops with them.
    let done = CancellationToken::new();
    let readiness = Arc::new(readiness(&world, roles, config));
    let observer = tokio::spawn(ops::watch_process(metrics.clone(), readiness.clone()));
    let server =
        listener.map(|listener| tokio::spawn(ops::serve(listener, metrics, readiness, done.clone())));

    let outcome = run_roles(&world, roles, config, shutdown).await;
    world.bus.close().await;
    observer.abort();
    done.cancel();
    if let Some(server) = server {
        server.abort();
    }
    if outcome.is_ok() {
        tracing::info!("Signalbox has stopped: {names}");
    }
    outcome
}

/// Connects, after everything that would lose data is refused or warned about.
async fn world(config: &Config, names: &str) -> Result<World, Failure> {
    let facts = redis::inspect(&config.redis.url).await.map_err(|error| unreachable_store(config, &error))?;
    let mut refused = Vec::new();
    for verdict in preflight::judge_store(&facts, config.redis.accept_loss) {
        match verdict {
            Verdict::Refuse(why) => refused.push(why),
            Verdict::Warn(why) => tracing::warn!("{why}"),
        }
    }
    if !refused.is_empty() {
        return Err(Failure::failed(crate::failure::lines(&refused)));
    }
    let store = Store::connect(store_settings(config))?;
    preflight::installed_shards(store.installed().await?, config.engine.shards).map_err(Failure::Failed)?;

    let place = place();
    let settings = bus_settings(config, &format!("signalbox {names} {place}"));
    let version = admin::probe(&config.amqp.url).await.map_err(|error| unusable_broker(config, &error))?;
    if let Some(refusal) = preflight::broker_too_old(&version) {
        return Err(Failure::Failed(refusal));
    }
    topology::check(&config.amqp.url, &settings).await.map_err(|error| unusable_topology(config, &error))?;
    let bus = Arc::new(Bus::connect(settings));
    Ok(World { store: Arc::new(store), bus, clock: Arc::new(SystemClock::default()), place })
}

fn readiness(world: &World, roles: &[Role], config: &Config) -> Readiness {
    let store = world.store.clone();
    let ping: ops::Ping = Box::new(move || {
        let store = store.clone();
        Box::pin(async move { store.ping().await })
    });
    let bus = world.bus.clone();
    Readiness::new(Watched {
        store: world.store.clone(),
        ping,
        is_broker_up: Box::new(move || bus.is_up()),
        roles: roles.to_vec(),
        place: world.place.clone(),
        lease: config.engine.lease.0,
    })
}

/// Until every role has stopped. One that stops by itself, or panics, stops the process: a supervisor starts it again.
async fn run_roles(
    world: &World,
    roles: &[Role],
    config: &Config,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let mut running = JoinSet::new();
    for role in roles {
        match role {
            Role::Dispatcher => running.spawn(dispatcher::run(
                dispatcher_ports(world),
                dispatcher_config(world, config),
                shutdown.clone(),
            )),
            Role::Executor => running.spawn(executor::run(
                executor_ports(world),
                executor_config(world, config),
                shutdown.clone(),
            )),
            Role::Scheduler => running.spawn(scheduler::run(
                scheduler_ports(world),
                scheduler_config(world, config),
                shutdown.clone(),
            )),
        };
    }
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            outcome = Err(Failure::failed(format!(
                "a role stopped by a fault of its own ({error}); the process ends, start it again"
            )));
        } else if !shutdown.is_cancelled() {
            outcome = Err(Failure::failed("a role stopped by itself; the process ends, start it again"));
        }
        shutdown.cancel();
    }
    outcome
}

fn dispatcher_ports(world: &World) -> dispatcher::Ports {
    dispatcher::Ports {
        bus: world.bus.clone(),
        intake: world.store.clone(),
        catalogue: world.store.clone(),
        members: world.store.clone(),
        upkeep: world.store.clone(),
        clock: world.clock.clone(),
    }
}

fn dispatcher_config(world: &World, config: &Config) -> dispatcher::Config {
    dispatcher::Config {
        place: world.place.clone(),
        realms: config.amqp.realms.clone(),
        max_in_flight: config.dispatcher.max_in_flight,
        backlog_high: config.dispatcher.backlog_high,
        backlog_low: config.dispatcher.backlog_low,
        beat: config.engine.beat.0,
        grace: config.engine.grace.0,
    }
}

fn executor_ports(world: &World) -> executor::Ports {
    executor::Ports {
        work: world.store.clone(),
        catalogue: world.store.clone(),
        members: world.store.clone(),
        bus: world.bus.clone(),
        clock: world.clock.clone(),
    }
}

fn executor_config(world: &World, config: &Config) -> executor::Config {
    executor::Config {
        place: world.place.clone(),
        shards: config.engine.shards,
        capacity: config.executor.capacity,
        resumes: config.executor.resumes,
        actions_per_commit: config.executor.actions_per_commit,
        confirm_timeout: config.amqp.confirm_timeout.0,
        bundles: config.executor.bundles,
        beat: config.engine.beat.0,
        look: config.engine.look.0,
        lease: config.engine.lease.0,
        retry_after: config.executor.retry_after.0,
        grace: config.engine.grace.0,
    }
}

fn scheduler_ports(world: &World) -> scheduler::Ports {
    scheduler::Ports {
        upkeep: world.store.clone(),
        members: world.store.clone(),
        catalogue: world.store.clone(),
        bus: world.bus.clone(),
        clock: world.clock.clone(),
    }
}

fn scheduler_config(world: &World, config: &Config) -> scheduler::Config {
    scheduler::Config {
        place: world.place.clone(),
        shards: config.engine.shards,
        lease: config.engine.lease.0,
        beat: config.engine.beat.0,
        look: config.engine.look.0,
        windows: config.scheduler.windows.0,
        depth: config.scheduler.depth.0,
    }
}
