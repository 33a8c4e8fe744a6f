//! Seeded simulation: whole dispatchers, executors and schedulers over the model, in virtual time, in one thread.
//!
//! ```text
//! callers ──► broker ──► dispatchers ─┐
//!    ▲          ▲                     ├─► faulty network ──► model ──► audit: every promise, after every operation
//!    └─ commands └──── executors ─────┤
//!   operators, archive, schedulers ───┘        nemesis: kills, pauses, upgrades, clock steps, outages
//! ```
//! Every random choice comes from the seed: the same seed gives the same history, line by line. After a while no more
//! faults are injected; then every activeflow must end, and the ledger compares the published commands with the flows.

mod audit;
mod broker;
mod bus;
pub mod fault;
mod final_checks;
mod nemesis;
mod operator;
mod process;
pub mod promise;
mod settings;
mod simulation;
mod store;
mod time;
mod traffic;
mod upgrade;

use crate::ledger::CallScript;
use crate::rng::Rng;
use api::publish::{Deployment, RouteAddress, RouteChange, deploy};
use common::ports::Catalogue;
use fault::Tally;
use flow::route::Window;
use flow::{Definitions, Timestamp};
use nemesis::Nemesis;
use operator::Operator;
use process::Process;
use promise::PromiseTally;
use simulation::Simulation;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use traffic::{NUMBER, SEASONAL};

const CALLS: &str = include_str!("../../tests/faults/chaos-flow.json");
const ECHO: &str = r#"{ "schema": "signalbox.flow/v1", "name": "Echo", "type": "chat",
    "trigger": { "event": "message.received" },
    "actions": [
        { "id": "think", "type": "sleep", "option": { "duration": 200 } },
        { "id": "echo", "type": "message_send", "option": {
            "source": { "type": "tel", "target": "+15550111" }, "destinations": [{ "type": "tel", "target": "${message.from}" }], "text": "Got ${message.text}." } }
    ] }"#;
/// A flow that never runs and is deployed several times.
const IDLE: &str = r#"{ "schema": "signalbox.flow/v1", "name": "Idle", "type": "chat",
    "trigger": { "event": "message.received" },
    "actions": [{ "id": "think", "type": "sleep", "option": { "duration": 9000 } }] }"#;
const CUSTOMER: &str = "00000000-0000-0000-0000-000000000000";

/// Result of one history.
pub struct Report {
    pub seed: u64,
    /// Operations that reached the store or the bus.
    pub moves: u64,
    pub activeflows: usize,
    pub tally: Tally,
    pub promises: PromiseTally,
    pub lines: Vec<String>,
    /// Hash of the lines.
    pub digest: u64,
}

/// The outcome that the final checks expect.
#[derive(Default)]
struct Expected {
    /// Each call's script, by subject.
    calls: BTreeMap<String, CallScript>,
    /// Number of messages that must be answered, by subject.
    messages: BTreeMap<String, u32>,
    /// Subjects of activeflows that an operator stopped or that were quarantined; some of their commands are missing.
    cut_short: BTreeSet<String>,
    /// Number of deployments, by flow name.
    deployed: BTreeMap<&'static str, u32>,
}

/// Plays the history of `seed`.
pub fn play(seed: u64) -> Report {
    let (deaths, died) = mpsc::unbounded_channel();
    let simulation = Simulation::new(seed, deaths);
    let time = simulation.time.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || time.advance())
        .build()
        .unwrap_or_else(|error| panic!("a runtime: {error}"));
    let expected = runtime.block_on(history(simulation.clone(), seed, died));
    drop(runtime);
    final_checks::check(&simulation, &expected);
    let (lines, digest) = simulation.history();
    Report {
        seed,
        moves: simulation.moves(),
        activeflows: simulation.audit(|audit| audit.started()),
        tally: simulation.tally(),
        promises: simulation.audit(|audit| audit.promises.clone()),
        lines,
        digest,
    }
}

async fn history(
    simulation: Arc<Simulation>,
    seed: u64,
    died: mpsc::UnboundedReceiver<Arc<Process>>,
) -> Expected {
    deployed(&simulation).await;
    let time = simulation.time.clone();
    tokio::spawn(async move { time.pump().await });
    let mut rng = Rng::new(seed, 2);
    let mut nemesis = Nemesis::new(simulation.clone(), Rng::new(seed, 3), died);
    let mut archive = Operator::new(&simulation, "archive", Rng::new(seed, 5));
    let run = async { nemesis.run().await };
    let archive = async { archive.follow_feed().await };
    tokio::select! {
        biased;
        expected = run_traffic(&simulation, &mut rng) => expected,
        () = run => Expected::default(),
        () = archive => Expected::default(),
    }
}

/// Runs the traffic and the operators, then stops all faults and waits until everything has ended.
async fn run_traffic(simulation: &Arc<Simulation>, rng: &mut Rng) -> Expected {
    let mut expected = Expected::default();
    let mut calls = start_calls(simulation, rng);
    let mut messages = start_messages(simulation, rng);
    let mut operator = Operator::new(simulation, "operator", Rng::new(rng.throw(), 6));
    let mut deployer = Operator::new(simulation, "deployer", Rng::new(rng.throw(), 7));
    let mut other = Operator::new(simulation, "other deployer", Rng::new(rng.throw(), 8));
    let (chaos, idle) = (rng.between(0, 4), rng.between(0, 4));
    expected.deployed = [("Chaos", 1 + chaos as u32), ("Idle", 1 + idle as u32)].into();
    let interventions = async {
        let operated = operator.intervene(rng.between(1, 4));
        let (stopped, (), ()) =
            tokio::join!(operated, deployer.deploy("Chaos", CALLS, chaos), other.deploy("Idle", IDLE, idle));
        stopped
    };
    let (stopped, ()) = tokio::join!(interventions, simulation.time.sleep(traffic::FAULTY));
    expected.cut_short = stopped;
    simulation.heal();
    let done = async {
        while let Some(played) = calls.join_next().await {
            expected.calls.extend(played);
        }
        while let Some(written) = messages.join_next().await {
            expected.messages.extend(written);
        }
        while !final_checks::is_finished(simulation) {
            expected.cut_short.extend(operator.recover_quarantined().await);
            simulation.time.sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = done => {}
        () = simulation.time.sleep(traffic::HEALING) => simulation.log("the time for the end is over"),
    }
    expected
}

fn start_calls(simulation: &Arc<Simulation>, rng: &mut Rng) -> JoinSet<(String, CallScript)> {
    let mut calls = JoinSet::new();
    for n in 1..=rng.between(3, 7) {
        let (simulation, rng) = (simulation.clone(), Rng::new(rng.throw(), n));
        calls.spawn(traffic::call(simulation, format!("call-{n}"), rng));
    }
    calls
}

fn start_messages(simulation: &Arc<Simulation>, rng: &mut Rng) -> JoinSet<(String, u32)> {
    let mut messages = JoinSet::new();
    for (to, prefix) in [(NUMBER, "+1555020"), (SEASONAL, "+1555030")] {
        for n in 0..rng.between(1, 3) {
            let (texts, peer) = (rng.between(2, 6) as u32, format!("{prefix}{n}"));
            if n == 0 && to == NUMBER && rng.percent(30) {
                simulation.poison_subject(&format!("{to},{peer}"));
            }
            let (simulation, rng) = (simulation.clone(), Rng::new(rng.throw(), n));
            messages.spawn(async move { traffic::send_messages(simulation, to, peer, texts, rng).await });
        }
    }
    messages
}

async fn deployed(simulation: &Simulation) {
    let mut definitions = Definitions::default();
    let always = Window::default();
    let seasonal = format!("sms={SEASONAL}");
    let flows = [
        ("Chaos", CALLS, Some(("call=*", always))),
        ("Echo", ECHO, Some(("sms=+15550111", always))),
        ("Season", ECHO, Some((&*seasonal, simulation.season))),
        ("Idle", IDLE, None),
    ];
    for (name, document, route) in flows {
        let routes: Vec<RouteChange> =
            route.into_iter().map(|(address, window)| routed(address, window)).collect();
        let deployment = Deployment {
            customer_id: CUSTOMER,
            name,
            document,
            routes: &routes,
            now: Timestamp::from_micros(1_700_000_000_000_000),
        };
        let effect = deploy(&definitions, &BTreeMap::new(), &deployment)
            .unwrap_or_else(|why| panic!("{name}: {why:?}"))
            .unwrap_or_else(|| panic!("{name} is there already"));
        definitions = effect.publication.definitions.clone();
        let published = simulation.store.publish(&effect.publication).await;
        simulation.audit(|audit| {
            audit.published(&effect.publication, published.unwrap_or_else(|why| panic!("{why}")))
        });
    }
}

fn routed(address: &str, window: Window) -> RouteChange {
    let address: RouteAddress = address.parse().unwrap_or_else(|why| panic!("{address}: {why}"));
    RouteChange { address, window, priority: 0 }
}
