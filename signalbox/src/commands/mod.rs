//! The commands, one per file.

pub mod activeflow;
pub mod bench;
mod clock;
pub mod completions;
pub mod config;
pub mod data;
pub mod demo;
pub mod doctor;
pub mod event;
pub mod flow;
mod live;
pub mod migrate;
mod pages;
pub mod queue;
pub mod role;
pub mod route;
pub mod simulate;
pub mod status;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Consume events from the broker and store them as input for activeflows; any number of replicas
    Dispatcher,
    /// Advance activeflows and publish their commands; any number of replicas
    Executor,
    /// Fire timers, open and close route windows, recover the work of dead workers; any number of replicas
    Scheduler,
    /// Run only the REST interface; any number of replicas
    Api,
    /// Run everything in one process; uses Redis and RabbitMQ if they are configured
    Serve,
    /// Run a demonstration: everything in one process, with sample flows and a simulated carrier
    Demo(demo::DemoArgs),
    /// Create or check the queues and the state store that Signalbox needs; safe to repeat
    Migrate,
    /// Check, deploy and list flows
    #[command(subcommand)]
    Flow(flow::Command),
    /// Bind addresses to flows
    #[command(subcommand)]
    Route(route::Command),
    /// Inspect and control activeflows (running flows)
    #[command(subcommand)]
    Activeflow(activeflow::Command),
    /// Send events, and manage rejected events
    #[command(subcommand)]
    Event(event::Command),
    /// List and remove command queues of gateways without AMQP
    #[command(subcommand)]
    Queue(queue::Command),
    /// Check a data folder, and salvage a damaged one
    #[command(subcommand)]
    Data(data::Command),
    /// Show running members, queue depths, state store and bus
    Status(status::StatusArgs),
    /// Simulate a carrier: publish events, answer commands, and report lost or duplicated messages
    Simulate(simulate::SimulateArgs),
    /// Measure throughput, latency and cost on the configured services
    Bench(bench::BenchArgs),
    /// Diagnose settings and services, and recommend fixes
    Doctor(doctor::DoctorArgs),
    /// Show and check the settings
    #[command(subcommand)]
    Config(config::Command),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// Whether it is a long-running service, which logs what it does.
    pub fn is_role(&self) -> bool {
        matches!(
            self,
            Command::Dispatcher | Command::Executor | Command::Scheduler | Command::Api | Command::Serve
        )
    }
}

/// Runs a command that needs neither settings nor services; `None` for the others.
pub fn run_alone(command: &Command, cli: fn() -> clap::Command) -> Option<Result<(), Failure>> {
    match command {
        Command::Completions(args) => Some(completions::run(args, cli())),
        Command::Flow(flow::Command::Validate(args)) => Some(flow::validate::run(args)),
        Command::Flow(flow::Command::Schema(_)) => {
            flow::schema::run();
            Some(Ok(()))
        }
        _ => None,
    }
}

pub async fn run(command: Command, context: &Context, cli: fn() -> clap::Command) -> Result<(), Failure> {
    use common::member::Role;
    match command {
        Command::Dispatcher => role::run(context, &[Role::Dispatcher]).await,
        Command::Executor => role::run(context, &[Role::Executor]).await,
        Command::Scheduler => role::run(context, &[Role::Scheduler]).await,
        Command::Api => role::api(context).await,
        Command::Serve => role::serve(context).await,
        Command::Demo(args) => demo::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Simulate(args) => simulate::run(args, context).await,
        Command::Bench(args) => bench::run(args, context).await,
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Migrate => migrate::run(context).await,
        Command::Flow(command) => flow::run(command, context).await,
        Command::Route(command) => route::run(command, context).await,
        Command::Activeflow(command) => activeflow::run(command, context).await,
        Command::Event(command) => event::run(command, context).await,
        Command::Queue(command) => queue::run(command, context).await,
        Command::Data(command) => data::run(&command, context),
        Command::Config(command) => config::run(command, context).await,
        Command::Completions(args) => completions::run(&args, cli()),
    }
}
