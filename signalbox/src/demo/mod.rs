//! `signalbox demo`: a complete Signalbox in this process, sample flows, and a simulated carrier that uses and checks it.

mod guide;
mod narrator;
mod ports;
mod samples;

use crate::commands::role;
use crate::config::{Config, HumanDuration};
use crate::context::Context;
use crate::failure::Failure;
use crate::host;
use crate::ops::Operations;
use crate::output::line;
use crate::shutdown;
use crate::simulate::progress::Progress;
use crate::simulate::{self, RestApi};
use carrier::{Connections, Kind, Ledger, LoadPlan, RunName, targets};
use guide::Guide;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Time for an orderly end after Ctrl-C.
const GRACE: Duration = Duration::from_secs(30);
const HEARTBEAT: HumanDuration = HumanDuration(Duration::from_millis(100));
const LATE: Duration = Duration::from_secs(5);
/// Command queue. Only one demo runs on a data folder; it continues with the queue of a demo that was killed.
const QUEUE: &str = "demo";
const WHAT: &str = "conversations";

/// Options of a demo.
pub struct Options {
    /// Calls, conversations and SIMs started per second.
    pub rate: f64,
    /// Number after which the demo ends; 0: no limit.
    pub count: u64,
    /// Time after which the demo ends.
    pub duration: Option<Duration>,
    /// Whether the data folder is temporary.
    pub fresh: bool,
    /// Factor by which people speak and think faster.
    pub speed: f64,
    /// Seed of the random behavior.
    pub seed: Option<u64>,
}

/// # Errors
/// Signalbox cannot be started, or lost or repeated something.
pub async fn run(args: &Options, context: &Context) -> Result<(), Failure> {
    let fresh = if args.fresh { Some(Temporary::new()?) } else { None };
    let (config, notes) = settings(context.config(), fresh.as_ref());
    let stop = shutdown::on_signals(GRACE)?;
    let operations = Operations::start(&config).await?;
    let shutdown = CancellationToken::new();
    let host = host::serve(&config, shutdown.clone()).await?;
    let Some((rest, api)) = host.rest.as_ref().and_then(|rest| Some((rest, rest.address?))) else {
        return Err(Failure::usage(
            "the demo needs the API, and api.listen is empty; set it to an address, for example 127.0.0.1:8080",
        ));
    };
    let client = Arc::new(rest.client());
    let key = rest.key.clone();
    let guide = Guide {
        config: &config,
        exports: exports(&config, context.config()),
        api,
        key: &key.text,
        key_file: key.origin.clone(),
        program: program(),
        notes,
        is_kept: fresh.is_none(),
    };
    line(&guide.text());
    let served = config.clone();
    let running = tokio::spawn(async move { role::watch(host, &served, &host::ALL, operations).await });

    let verdict = simulate_carrier(args, &config, client, stop).await;
    shutdown.cancel();
    let ended = running.await.unwrap_or_else(|error| Err(Failure::failed(error.to_string())));
    let clean = verdict?;
    ended?;
    if fresh.is_none() {
        line(&format!(
            "The data is kept in {}; `{} demo` continues with it.",
            config.data.dir.display(),
            program()
        ));
    }
    if clean { Ok(()) } else { Err(Failure::Reported) }
}

/// Runs the simulated carrier; true if nothing was lost or done twice.
async fn simulate_carrier(
    args: &Options,
    config: &Config,
    client: Arc<crate::client::Client>,
    stop: CancellationToken,
) -> Result<bool, Failure> {
    let count = samples::deploy(&client).await?;
    if count > 0 {
        line(&format!(
            "{count} sample flows are deployed (samples/*.json). Simulated people call, write and use data:\n"
        ));
    } else {
        line("The flows of the last demo are still deployed. Simulated people call, write and use data:\n");
    }
    // Only the samples are called: other flows may have their own gateways.
    let mut targets =
        targets::of_routes(&RestApi(client.clone()), &[Kind::Call, Kind::Message, Kind::Sim]).await?;
    targets.retain(|target| samples::is_of_sample(&target.flow));
    if targets.is_empty() {
        return Err(simulate::no_route(Kind::Call));
    }
    let run = RunName::new();
    let link = simulate::open_link(config, client.clone(), QUEUE).await?;
    let ledger = Arc::new(Ledger::new(LATE));
    let progress = Arc::new(Progress::show(ledger.clone(), WHAT, 0));
    let (transcripts, received) = mpsc::unbounded_channel();
    let narrator = tokio::spawn(narrator::narrate(received, client.clone(), progress.clone()));
    let plan = LoadPlan {
        targets,
        rate: args.rate,
        count: args.count,
        concurrency: 1_000,
        seed: args.seed.unwrap_or_else(|| u64::from(uuid::Uuid::new_v4().as_fields().0)),
        speed: args.speed,
        until: args.duration.map(|duration| Instant::now() + duration),
    };
    let api = Arc::new(RestApi(client));
    let serves_others = true;
    let connections =
        Connections { link, api, ledger, transcripts: Some(transcripts), run, serves_others, stop };
    let verdict = carrier::run(plan, connections).await;
    let _ = narrator.await;
    drop(progress);
    line(&format!("\n{}", verdict.text(WHAT)));
    Ok(verdict.is_clean())
}

/// Settings of the demo (always embedded, at free addresses), and notes on the settings that it replaced.
fn settings(set: &Config, fresh: Option<&Temporary>) -> (Config, Vec<String>) {
    let mut config = set.clone();
    // Deployed flows take effect with the next heartbeat of the dispatcher; the demo does not wait for long.
    config.engine.heartbeat_interval = HEARTBEAT;
    let mut notes = Vec::new();
    for (name, url) in [("redis.url", &mut config.redis.url), ("amqp.url", &mut config.amqp.url)] {
        if !url.is_empty() {
            url.clear();
            notes.push(format!("{name} is set but not used: the demo runs everything in this process"));
        }
    }
    if let Some(fresh) = fresh {
        config.data.dir = fresh.path.clone();
    }
    for (name, listen) in [("api.listen", &mut config.api.listen), ("ops.listen", &mut config.ops.listen)] {
        let free = ports::free(listen);
        if free != *listen {
            notes.push(format!(
                "{name} is {listen}, but another program uses that address: {free} is used instead"
            ));
            *listen = free;
        }
    }
    (config, notes)
}

/// Settings to export in another terminal, because they differ from the defaults there.
fn exports(config: &Config, set: &Config) -> Vec<(&'static str, String)> {
    let mut exports = Vec::new();
    if config.api.listen != "127.0.0.1:8080" {
        exports.push(("SIGNALBOX_API__URL", format!("http://{}", config.api.listen)));
    }
    if config.data.dir != Path::new("./signalbox-data") {
        exports.push(("SIGNALBOX_DATA__DIR", config.data.dir.display().to_string()));
    }
    for (name, url) in [("SIGNALBOX_REDIS__URL", &set.redis.url), ("SIGNALBOX_AMQP__URL", &set.amqp.url)] {
        if !url.is_empty() {
            exports.push((name, String::new()));
        }
    }
    exports
}

/// Name under which this program was started.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "signalbox".to_owned())
}

/// A data folder that is removed at the end.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn new() -> Result<Temporary, Failure> {
        let path = std::env::temp_dir().join(format!("signalbox-demo-{}", uuid::Uuid::new_v4().simple()));
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Failure::failed(format!("the folder {} cannot be created: {error}", path.display()))
        })?;
        Ok(Temporary { path })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // A leftover temporary folder is harmless.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
