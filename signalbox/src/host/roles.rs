//! Starts each role with its ports and its part of the settings.

use crate::config::Config;
use crate::services::backends::Backends;
use common::member::Role;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub fn spawn(
    role: Role,
    backends: &Backends,
    config: &Config,
    shutdown: &CancellationToken,
    running: &mut JoinSet<()>,
) {
    let shutdown = shutdown.clone();
    match role {
        Role::Dispatcher => {
            let config = dispatcher_config(backends, config);
            running.spawn(dispatcher::run(dispatcher_ports(backends), config, shutdown))
        }
        Role::Executor => {
            let config = executor_config(backends, config);
            running.spawn(executor::run(executor_ports(backends), config, shutdown))
        }
        Role::Scheduler => {
            let config = scheduler_config(backends, config);
            running.spawn(scheduler::run(scheduler_ports(backends), config, shutdown))
        }
    };
}

fn dispatcher_ports(backends: &Backends) -> dispatcher::Ports {
    dispatcher::Ports {
        bus: backends.bus.clone(),
        intake: backends.store.clone(),
        catalogue: backends.store.clone(),
        members: backends.store.clone(),
        upkeep: backends.store.clone(),
        clock: backends.clock.clone(),
        eager: Some(backends.eager.clone()),
    }
}

fn dispatcher_config(backends: &Backends, config: &Config) -> dispatcher::Config {
    dispatcher::Config {
        instance: backends.instance.clone(),
        realms: dispatcher::Realms {
            users: config.amqp.realms.clone(),
            accepts_missing_user: config.amqp.accept_missing_user_id,
        },
        max_in_flight: config.dispatcher.max_in_flight,
        backlog_high: config.dispatcher.backlog_high,
        backlog_low: config.dispatcher.backlog_low,
        heartbeat_interval: config.engine.heartbeat_interval.0,
        shutdown_grace: config.engine.shutdown_grace.0,
    }
}

fn executor_ports(backends: &Backends) -> executor::Ports {
    executor::Ports {
        work: backends.store.clone(),
        catalogue: backends.store.clone(),
        members: backends.store.clone(),
        bus: backends.bus.clone(),
        clock: backends.clock.clone(),
        eager: backends.eager.clone(),
    }
}

fn executor_config(backends: &Backends, config: &Config) -> executor::Config {
    executor::Config {
        instance: backends.instance.clone(),
        shards: config.engine.shards,
        capacity: config.executor.capacity,
        resumes: config.executor.resumes,
        actions_per_commit: config.executor.actions_per_commit,
        messages_per_minute: config.executor.messages_per_minute,
        confirm_timeout: config.amqp.confirm_timeout.0,
        bundles: config.executor.bundles,
        heartbeat_interval: config.engine.heartbeat_interval.0,
        poll_interval: config.engine.poll_interval.0,
        lease: config.engine.lease.0,
        retry_after: config.executor.retry_after.0,
        shutdown_grace: config.engine.shutdown_grace.0,
    }
}

fn scheduler_ports(backends: &Backends) -> scheduler::Ports {
    scheduler::Ports {
        upkeep: backends.store.clone(),
        members: backends.store.clone(),
        catalogue: backends.store.clone(),
        bus: backends.bus.clone(),
        clock: backends.clock.clone(),
    }
}

fn scheduler_config(backends: &Backends, config: &Config) -> scheduler::Config {
    scheduler::Config {
        instance: backends.instance.clone(),
        shards: config.engine.shards,
        lease: config.engine.lease.0,
        heartbeat_interval: config.engine.heartbeat_interval.0,
        poll_interval: config.engine.poll_interval.0,
        windows_interval: config.scheduler.windows_interval.0,
        depth_interval: config.scheduler.depth_interval.0,
    }
}
