//! `signalbox simulate call|message|sim`: a carrier that keeps a ledger.

use crate::client;
use crate::config::Span;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs, note};
use crate::shutdown;
use crate::simulate::progress::Progress;
use crate::simulate::{self, Equipment, Kind, Ledger, Order, Run, Target, Verdict, link, targets};
use clap::Args;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a run may take to end in order after Ctrl-C: events that are repeated, commands that still come, questions.
const GRACE: Duration = Duration::from_secs(60);

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox simulate call --count 20\n  \
    signalbox simulate message --rate 50 --count 1000 --speed 20\n  \
    signalbox simulate sim --to 8944000000000000001 --count 3\n  \
    signalbox simulate call --count 0 --output json      (until Ctrl-C)\n\n\
    Exit code 1 if anything was lost, done twice, out of order or refused. Late is told and is no failure.")]
pub struct SimulateArgs {
    /// What is simulated
    #[arg(value_enum)]
    kind: Kind,
    /// The address: a number or ICCID, or a pattern such as +1555*; the default is every route that there is
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// How many begin in a second
    #[arg(long, value_name = "N", default_value = "10", value_parser = positive)]
    rate: f64,
    /// How many there are; 0: until Ctrl-C
    #[arg(long, value_name = "N", default_value_t = 100)]
    count: u64,
    /// How many there are at the same time, at most
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: u32,
    /// The same seed makes the same people; the default is another each time
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many times faster than people they speak and think; the timers of flows are not sped up
    #[arg(long, value_name = "FACTOR", default_value = "5", value_parser = positive)]
    speed: f64,
    /// A command that follows later than this is told of as late
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    late: Span,
    /// Say nothing until the end
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Report<'a> {
    simulated: &'a str,
    seed: u64,
    seconds: f64,
    clean: bool,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

pub async fn run(args: SimulateArgs, context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let what = args.kind.plural();
    let client = Arc::new(client::open(config).await?);
    let targets = match args.to.as_slice() {
        [] => targets::of_routes(&client, &[args.kind]).await?,
        given => given.iter().map(|to| Target::new(args.kind, to)).collect(),
    };
    if targets.is_empty() {
        return Err(targets::nowhere(args.kind));
    }
    let seed = args.seed.unwrap_or_else(|| u64::from(uuid::Uuid::new_v4().as_fields().0));
    let run = Run::new();
    let linked = link::open(config, client.clone(), &run.queue()).await?;
    if !args.quiet && args.output.output == Format::Table {
        let addresses: Vec<&str> = targets.iter().map(|target| target.pattern.as_str()).collect();
        let many = if args.count == 0 { "until Ctrl-C".to_owned() } else { args.count.to_string() };
        note(&format!(
            "simulating {what} to {}: {many}, {} a second, --seed {seed}",
            addresses.join(", "),
            args.rate
        ));
    }

    let ledger = Arc::new(Ledger::new(args.late.0));
    let stop = shutdown::on_signals(GRACE)?;
    let progress = (!args.quiet).then(|| Progress::show(ledger.clone(), what, args.count));
    let order = Order {
        targets,
        rate: args.rate,
        count: args.count,
        concurrency: args.concurrency as usize,
        seed,
        speed: args.speed,
        until: None,
    };
    let began = Instant::now();
    let verdict = simulate::run(order, Equipment { linked, client, ledger, stories: None, run, stop }).await;
    drop(progress);

    let seconds = began.elapsed().as_secs_f64();
    let clean = verdict.is_clean();
    let report = Report { simulated: what, seed, seconds, clean, verdict: &verdict };
    args.output.one(&report, || verdict.text(what));
    if clean { Ok(()) } else { Err(Failure::Told) }
}

/// A number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is not a number above 0")),
    }
}
