//! `signalbox bench`: throughput, latency and cost on the configured services.

use crate::bench::figure::Figure;
use crate::bench::{self, BenchHarness, Commit, MOST_STEPS, Plan};
use crate::config::Config;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format, OutputArgs, line};
use crate::{ops, shutdown};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(Args, Debug)]
#[command(
    after_help = "Measurements: M1 memory and CPU; P1a, P1b, P2a, P2b, P3 activeflows a second; L1 latency; T1 timers;\n\
    M2 bytes of a parked activeflow; S1 CPU per activeflow.\n\n\
    Examples:\n  \
    signalbox bench                                  (all of them, about a minute; embedded unless configured)\n  \
    signalbox bench --only P1b,L1 --rounds 5\n  \
    signalbox bench --only T1 --events 100000 --output json"
)]
pub struct BenchArgs {
    /// Run only these measurements
    #[arg(long, value_name = "ID,…", value_delimiter = ',', value_parser = known)]
    only: Vec<String>,
    /// Events per measurement [default: depends on the measurement]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    events: Option<u32>,
    /// Number of actions of the measured flows
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=MOST_STEPS as i64))]
    steps: u8,
    /// Run only with this kind of commit [default: both]
    #[arg(long, value_enum)]
    commit: Option<Commit>,
    /// Rounds of each measurement; the figures are medians
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// Also run on services that hold data or are in use
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// The printed report.
#[derive(Serialize)]
struct Report {
    version: &'static str,
    store: String,
    bus: String,
    cores: usize,
    settings: serde_json::Value,
    figures: Vec<Figure>,
}

pub async fn run(args: BenchArgs, context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let plan =
        Plan { events: args.events.map(|n| n as usize), steps: args.steps.into(), commit: args.commit };
    let chosen = bench::chosen(&args.only, &plan, config.redis.url.is_empty());
    if chosen.is_empty() {
        return Err(Failure::usage(
            "none of these measurements is about this store and this kind of commit: leave out --commit, or see `signalbox bench --help`",
        ));
    }
    let stop = shutdown::on_signals(config.engine.shutdown_grace.0)?;
    // Metrics are installed as in production, so that the figures include their cost.
    let metrics = ops::install_metrics()?;
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            metrics.run_upkeep();
        }
    });
    let harness = BenchHarness::open(config.clone(), plan.steps, args.yes).await?;
    let services = harness.services().await?;
    let measured = measure(&chosen, &harness, &plan, args.rounds, &stop).await;
    let closed = harness.close().await;
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        store: services.0,
        bus: services.1,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        settings: settings(config, &args),
        figures: measured?,
    };
    print(&report, args.output);
    closed
}

async fn measure(
    chosen: &[&bench::Measurement],
    harness: &BenchHarness,
    plan: &Plan,
    rounds: u8,
    stop: &CancellationToken,
) -> Result<Vec<Figure>, Failure> {
    let bar = ProgressBar::new(chosen.len() as u64 * u64::from(rounds));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    // Rounds are interleaved, so that a drift of the machine affects all measurements.
    let mut figures: Vec<Vec<Vec<Figure>>> = chosen.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (measurement, rounds_so_far) in chosen.iter().zip(&mut figures) {
            bar.set_message(format!("{} {}, round {round}", measurement.id, measurement.what));
            let measured = tokio::select! {
                measured = (measurement.run)(harness, plan) => measured?,
                () = stop.cancelled() => return Err(Failure::failed("stopped; nothing was measured to its end")),
            };
            rounds_so_far.push(measured);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(figures.into_iter().flat_map(Figure::medians).collect())
}

fn print(report: &Report, output: OutputArgs) {
    if output.output != Format::Table {
        return output.one(report, String::new);
    }
    let columns: [Column<Figure>; 5] = [
        ("ID", |figure| figure.id.into()),
        ("WHAT", |figure| figure.what.clone()),
        ("FIGURE", Figure::shown),
        ("GOAL", |figure| figure.goal.shown()),
        ("MET", |figure| figure.met.map_or("", |met| if met { "yes" } else { "no" }).into()),
    ];
    let Report { version, store, bus, cores, .. } = report;
    line(&format!("Signalbox {version}, store {store}, bus {bus}, {cores} cores"));
    output.list(&report.figures, &columns, "");
}

fn settings(config: &Config, args: &BenchArgs) -> serde_json::Value {
    json!({
        "events": args.events,
        "steps": args.steps,
        "rounds": args.rounds,
        "engine.shards": config.engine.shards,
        "dispatcher.max_in_flight": config.dispatcher.max_in_flight,
        "executor.capacity": config.executor.capacity,
        "executor.actions_per_commit": config.executor.actions_per_commit,
        "amqp.prefetch": config.amqp.prefetch,
        "redis.connections": config.redis.connections,
    })
}

fn known(text: &str) -> Result<String, String> {
    let ids = || bench::ALL.iter().map(|measurement| measurement.id);
    ids().find(|id| id.eq_ignore_ascii_case(text)).map(str::to_owned).ok_or_else(|| {
        format!("there is no measurement `{text}`; there are {}", ids().collect::<Vec<_>>().join(", "))
    })
}
