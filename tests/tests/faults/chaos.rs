//! Chaos: thousands of calls while every process, the store and the broker are killed again and again.
//!
//! ```text
//! steady (a fifth, no faults) ─► faults, each with ≥ 200 calls in flight ─► no more faults ─► the ledger's verdict
//! ```
//! `cargo test -p tests --test faults --profile quick -- chaos` runs it; `CHAOS_CALLS=50000` at full size; all settings
//! are in `tests::chaos::settings`. A failure prints the seed and the command that repeats it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tests::carrier::{Gateway, Link, Timeline};
use tests::chaos::metrics::Readings;
use tests::chaos::{Fleet, Load, Nemesis, Report, Settings, Site, metrics};
use tests::ledger::reader::{drain, record_commands};
use tests::ledger::verdict::judge;
use tests::ledger::{Flow, RunLog, Verdict};
use tokio_util::sync::CancellationToken;

const FLOW: &str = include_str!("chaos-flow.json");
const LEASE: Duration = Duration::from_secs(3);
const ROLES: [&str; 7] =
    ["dispatcher", "dispatcher", "executor", "executor", "executor", "scheduler", "scheduler"];
const COMMITS: &str = "signalbox_commits_total";
const FENCED: &str = "signalbox_fenced_total";
/// The engine's metrics in the report. The metrics of a process are read just before it is killed.
const COUNTERS: [&str; 12] = [
    "signalbox_claims_total",
    COMMITS,
    FENCED,
    "signalbox_deaths_total",
    "signalbox_suspects_total",
    "signalbox_suspects_claimed_total",
    "signalbox_outbox_resent_total",
    "signalbox_quarantined_total",
    "signalbox_rejected_total",
    "signalbox_late_total",
    "signalbox_redelivered_total",
    "signalbox_store_failures_total",
];
/// Limits of the phase after the last fault.
pub(super) const HEALED: Duration = Duration::from_secs(300);
const SETTLED: Duration = Duration::from_secs(60);

#[test]
fn chaos() {
    let settings = Settings::from_env();
    print_line(&format!("seed {}; repeat with: {}", settings.seed, settings.repeat()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let run = async { tokio::time::timeout(settings.limit, run(&settings)).await };
    let outcome = match runtime.block_on(run) {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("the run did not end within {:?}", settings.limit)),
    };
    if let Err(error) = outcome {
        panic!("{error:#}\nseed {}; repeat with: {}", settings.seed, settings.repeat());
    }
}

/// Prints a line that the test harness does not capture, so that a long run is visible.
pub(super) fn print_line(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut site = open_site()?;
    let url = site.rabbit.url();
    let timeline = Arc::new(Timeline::default());
    let stop = CancellationToken::new();
    let log = record_commands(&url, stop.clone()).await?;
    let patterns = ["call.#", "message.#"];
    let gateway = Gateway::open(&url, "gateway.calls", &patterns, timeline.clone(), stop.clone()).await?;
    tokio::task::block_in_place(|| site.settle_queues());
    let mut fleet = tokio::task::block_in_place(|| site.start(&ROLES))?;
    let load = Load::start(settings, Link::open(&url), gateway.clone());

    let shares = steady(settings, &fleet, &load).await;
    let steady_rate = timeline.rate(Duration::ZERO, timeline.elapsed());
    let mut nemesis = Nemesis::new(settings, &fleet);
    nemesis.inject(settings, &mut fleet, &mut site, &load, &timeline, LEASE).await;
    load.enough();
    print_line("all faults are injected; the remaining calls run without faults");
    let healed = heal(&load, &mut nemesis, &mut fleet).await;

    let verdict = verdict(&url, &load, &log).await?;
    let counted = fleet.counted().await;
    let mut report = Report::default();
    report.settings(settings);
    report.tell("calls", load.started());
    report.tell("calls over", load.finished());
    let (events, copies, noise) = load.sent();
    report.tell("events", events);
    report.tell("copies of events", copies);
    report.tell("other events", noise);
    report.tell("repeated after a nack", load.link().counts().nacked.load(Ordering::Relaxed));
    report.tell("repeated after silence", load.link().counts().unknown.load(Ordering::Relaxed));
    report.tell("commands", verdict.commands);
    report.tell("copies of commands", verdict.copies);
    report.tell("copies the gateway dropped", gateway.copies());
    for member in &fleet.members {
        report.tell(&format!("kills of {}", member.name), member.kills);
    }
    report.tell("refused starts", nemesis.refused_starts);
    report.injections(&nemesis.injections, &timeline);
    report.silences(&load.silences());
    report.tell("steady commands per second", steady_rate);
    report.tell("duration in s", timeline.elapsed().as_secs_f64());
    report.tell("calls per second", load.finished() as f64 / timeline.elapsed().as_secs_f64());
    report.tell("shares of commits in the steady phase", shares.clone());
    report.counters(&counted, &COUNTERS);
    let recognised = series(&counted, "signalbox_events_total", "outcome=\"duplicate\"");
    report.tell("duplicates recognised", recognised);
    report.tell("violations", verdict.violations.len());
    print_line(&report.table());
    save(settings, &report)?;
    stop.cancel();

    let mut wrong = Vec::new();
    if !verdict.violations.is_empty() {
        wrong.push(verdict.to_string());
    }
    if !healed {
        wrong.push(format!("calls that never ended: {:?}", load.unfinished()));
    }
    wrong.extend(nemesis.deaths);
    wrong.extend(unfair(&shares));
    if count_of(&counted, FENCED) < 1.0 {
        wrong.push("no executor was fenced although each was stopped past its lease".into());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    keep_logs(settings, &site)?;
    anyhow::bail!("{}", wrong.join("\n"))
}

pub(super) fn open_site() -> anyhow::Result<Site> {
    let site = tokio::task::block_in_place(|| {
        Site::open(&[
            ("SIGNALBOX_ENGINE__LEASE", "3s"),
            ("SIGNALBOX_ENGINE__HEARTBEAT_INTERVAL", "500ms"),
            ("SIGNALBOX_REDIS__RESPONSE_TIMEOUT", "1500ms"),
        ])
    })?;
    let flow = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/chaos-flow.json");
    let flow = flow.to_string_lossy();
    site.run(&["flow", "deploy", &flow, "--route", "call=+15550111"])?;
    Ok(site)
}

/// Runs the first fifth of the calls without faults. Returns each executor's share of the commits.
async fn steady(settings: &Settings, fleet: &Fleet, load: &Load) -> Vec<f64> {
    until(|| load.started() >= settings.calls / 20).await;
    let before = commits(fleet).await;
    until(|| load.started() >= settings.calls / 5).await;
    let after = commits(fleet).await;
    let made: Vec<f64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    let all: f64 = made.iter().sum();
    made.iter().map(|one| one / all.max(1.0)).collect()
}

async fn commits(fleet: &Fleet) -> Vec<f64> {
    let mut commits = Vec::new();
    for executor in fleet.of_role("executor") {
        commits.push(count_of(&metrics::read(executor.ops_port).await.unwrap_or_default(), COMMITS));
    }
    commits
}

fn count_of(readings: &Readings, name: &str) -> f64 {
    readings.get(name).copied().unwrap_or_default()
}

/// The sum of a metric's series with this label.
pub(super) fn series(readings: &Readings, name: &str, label: &str) -> f64 {
    readings.iter().filter(|(s, _)| s.starts_with(name) && s.contains(label)).map(|(_, value)| value).sum()
}

fn unfair(shares: &[f64]) -> Option<String> {
    let fair = shares.iter().all(|share| *share >= 0.2);
    (!fair).then(|| format!("an executor made less than a fifth of the commits: {shares:?}"))
}

/// Waits until every call has ended. Returns false if the time is over before.
async fn heal(load: &Arc<Load>, nemesis: &mut Nemesis, fleet: &mut Fleet) -> bool {
    let over = AtomicBool::new(false);
    let waiting = async {
        let ended = tokio::time::timeout(HEALED, load.over()).await.is_ok();
        over.store(true, Ordering::Relaxed);
        ended
    };
    tokio::join!(waiting, nemesis.supervise(fleet, || over.load(Ordering::Relaxed))).0
}

/// Waits until every expected command has arrived and no more arrive, then compares them with the flow.
pub(super) async fn verdict(url: &str, load: &Load, log: &Arc<Mutex<RunLog>>) -> anyhow::Result<Verdict> {
    let flow = Flow::read(FLOW)?;
    let (scripts, rubbish) = load.snapshot();
    let judged = || judge(&log.lock().unwrap(), &flow, &scripts);
    let patience = tokio::time::Instant::now() + SETTLED;
    while !judged()?.violations.is_empty() && tokio::time::Instant::now() < patience {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    loop {
        let before = log.lock().unwrap().commands;
        tokio::time::sleep(LEASE * 2).await;
        if log.lock().unwrap().commands == before {
            break;
        }
    }
    let mut verdict = judged()?;
    let mut leftovers = drain(url, "signalbox.rejected").await?;
    leftovers.extend(drain(url, "signalbox.unrouted").await?);
    verdict.weigh_leftovers(&leftovers, &rubbish);
    Ok(verdict)
}

pub(super) async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn save(settings: &Settings, report: &Report) -> anyhow::Result<()> {
    let path = folder()?.join(format!("chaos-{}.json", settings.seed));
    std::fs::write(&path, serde_json::to_string_pretty(&report.json())?)?;
    print_line(&format!("report: {}", path.display()));
    Ok(())
}

pub(super) fn keep_logs(settings: &Settings, site: &Site) -> anyhow::Result<()> {
    let folder = folder()?.join(format!("chaos-{}-logs", settings.seed));
    std::fs::create_dir_all(&folder)?;
    for (path, text) in site.logs() {
        let name = Path::new(&path).file_name().unwrap_or_default();
        std::fs::write(folder.join(name), text)?;
    }
    print_line(&format!("logs: {}", folder.display()));
    Ok(())
}

/// The target folder.
fn folder() -> anyhow::Result<std::path::PathBuf> {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    Ok(temporary.parent().unwrap_or(temporary).to_owned())
}
