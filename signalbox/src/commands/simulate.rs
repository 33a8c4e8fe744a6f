//! `signalbox simulate call|message|sim`: a simulated carrier that keeps a ledger.

use crate::client;
use crate::config::HumanDuration;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs, stderr_line};
use crate::shutdown;
use crate::simulate::progress::Progress;
use crate::simulate::{self, RestApi};
use carrier::{Connections, Kind, Ledger, LoadPlan, RunName, Target, Verdict, targets};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time for an orderly end after Ctrl-C: retries of events, last commands, and the audit.
const GRACE: Duration = Duration::from_secs(60);

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox simulate call --count 20\n  \
    signalbox simulate message --rate 50 --count 1000 --speed 20\n  \
    signalbox simulate sim --to 8944000000000000001 --count 3\n  \
    signalbox simulate call --count 0 --output json      (until Ctrl-C)\n\n\
    Exit code 1 if anything was lost, done twice, out of order or refused. Late commands are reported, but are no failure.")]
pub struct SimulateArgs {
    /// Kind of traffic
    #[arg(value_enum)]
    kind: KindArg,
    /// Address: a number, an ICCID, or a pattern such as +1555* [default: the addresses of all routes]
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// Calls, conversations or SIMs started per second
    #[arg(long, value_name = "N", default_value = "10", value_parser = positive)]
    rate: f64,
    /// Total number; 0: until Ctrl-C
    #[arg(long, value_name = "N", default_value_t = 100)]
    count: u64,
    /// Maximum number at the same time
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: u32,
    /// Seed of the random behavior [default: a new one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Factor by which people speak and think faster; the timers of flows keep their length
    #[arg(long, value_name = "FACTOR", default_value = "5", value_parser = positive)]
    speed: f64,
    /// Report a command as late if it follows after more than this time
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    late: HumanDuration,
    /// Print nothing until the end
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArg {
    /// Callers call, listen, press digits and hang up
    Call,
    /// People send messages and reply to what they receive
    Message,
    /// SIMs report their usage until a notice is sent
    Sim,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Kind {
        match kind {
            KindArg::Call => Kind::Call,
            KindArg::Message => Kind::Message,
            KindArg::Sim => Kind::Sim,
        }
    }
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
    let kind = Kind::from(args.kind);
    let what = kind.plural();
    let client = Arc::new(client::open(config).await?);
    let targets = match args.to.as_slice() {
        [] => targets::of_routes(&RestApi(client.clone()), &[kind]).await?,
        given => given.iter().map(|to| Target::new(kind, to)).collect(),
    };
    if targets.is_empty() {
        return Err(simulate::no_route(kind));
    }
    let seed = args.seed.unwrap_or_else(|| u64::from(uuid::Uuid::new_v4().as_fields().0));
    let run = RunName::new();
    let link = simulate::open_link(config, client.clone(), &run.queue()).await?;
    if !args.quiet && args.output.output == Format::Table {
        let addresses: Vec<&str> = targets.iter().map(|target| target.pattern.as_str()).collect();
        let many = if args.count == 0 { "until Ctrl-C".to_owned() } else { args.count.to_string() };
        stderr_line(&format!(
            "simulating {what} to {}: {many}, {} per second, --seed {seed}",
            addresses.join(", "),
            args.rate
        ));
    }

    let ledger = Arc::new(Ledger::new(args.late.0));
    let stop = shutdown::on_signals(GRACE)?;
    let progress = (!args.quiet).then(|| Progress::show(ledger.clone(), what, args.count));
    let plan = LoadPlan {
        targets,
        rate: args.rate,
        count: args.count,
        concurrency: args.concurrency as usize,
        seed,
        speed: args.speed,
        until: None,
    };
    let began = Instant::now();
    let api = Arc::new(RestApi(client));
    let connections = Connections { link, api, ledger, transcripts: None, run, serves_others: false, stop };
    let verdict = carrier::run(plan, connections).await;
    drop(progress);

    let seconds = began.elapsed().as_secs_f64();
    let clean = verdict.is_clean();
    let report = Report { simulated: what, seed, seconds, clean, verdict: &verdict };
    args.output.one(&report, || verdict.text(what));
    if clean { Ok(()) } else { Err(Failure::Reported) }
}

/// A number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is not a number above 0")),
    }
}
