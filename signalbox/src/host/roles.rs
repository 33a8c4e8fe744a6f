//! What each role is given of the world and of the settings.

use crate::config::Config;
use crate::services::world::World;
use common::member::Role;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub fn spawn(
    role: Role,
    world: &World,
    config: &Config,
    shutdown: &CancellationToken,
    running: &mut JoinSet<()>,
) {
    let shutdown = shutdown.clone();
    match role {
        Role::Dispatcher => {
            let config = dispatcher_config(world, config);
            running.spawn(dispatcher::run(dispatcher_ports(world), config, shutdown))
        }
        Role::Executor => {
            let config = executor_config(world, config);
            running.spawn(executor::run(executor_ports(world), config, shutdown))
        }
        Role::Scheduler => {
            let config = scheduler_config(world, config);
            running.spawn(scheduler::run(scheduler_ports(world), config, shutdown))
        }
    };
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
