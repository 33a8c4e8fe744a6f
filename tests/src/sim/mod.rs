//! Seeded simulation: whole dispatchers, executors and schedulers over the model, in virtual time, in one thread.
//!
//! ```text
//! callers ──► broker ──► dispatchers ─┐
//!    ▲          ▲                     ├─► network that fails ──► model ──► auditor: every promise, after every operation
//!    └─ commands └──── executors ─────┤
//!   operators, archive, schedulers ───┘        nemesis: kills, pauses, upgrades, clock steps, outages
//! ```
//! Every choice comes from the seed: the same seed gives the same history, line by line. At some moment everything
//! heals; then every activeflow must come to its end, and the ledger compares what was said with what the flows ask for.

mod audit;
mod broker;
mod bus;
mod caller;
pub mod fault;
mod judge;
mod nemesis;
mod people;
mod process;
pub mod promise;
mod settings;
mod store;
mod time;
mod upgrade;
mod world;

use crate::carrier::Dice;
use crate::ledger::Story;
use api::publish::{Deployment, RouteAddress, RouteChange, deploy};
use caller::{NUMBER, SEASONAL};
use common::ports::Catalogue;
use fault::Tally;
use flow::route::Window;
use flow::{Definitions, Timestamp};
use nemesis::Nemesis;
use people::Person;
use process::Process;
use promise::Kept;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use world::World;

const CALLS: &str = include_str!("../../tests/faults/chaos-flow.json");
const ECHO: &str = r#"{ "schema": "signalbox.flow/v1", "name": "Echo", "type": "chat",
    "trigger": { "event": "message.received" },
    "actions": [
        { "id": "think", "type": "sleep", "option": { "duration": 200 } },
        { "id": "echo", "type": "message_send", "option": {
            "source": { "type": "tel", "target": "+15550111" }, "destinations": [{ "type": "tel", "target": "${message.from}" }], "text": "Got ${message.text}." } }
    ] }"#;
/// Runs never; is deployed again and again.
const IDLE: &str = r#"{ "schema": "signalbox.flow/v1", "name": "Idle", "type": "chat",
    "trigger": { "event": "message.received" },
    "actions": [{ "id": "think", "type": "sleep", "option": { "duration": 9000 } }] }"#;
const CUSTOMER: &str = "00000000-0000-0000-0000-000000000000";

/// What one history came to.
pub struct Report {
    pub seed: u64,
    pub moves: u64,
    pub activeflows: usize,
    pub tally: Tally,
    pub promises: Kept,
    pub lines: Vec<String>,
    /// Two equal histories share it.
    pub digest: u64,
}

/// Who took part, as the ledger knows them.
#[derive(Default)]
struct Cast {
    calls: BTreeMap<String, Story>,
    /// How many messages about each subject must be answered.
    letters: BTreeMap<String, u32>,
    /// Whom an operator stopped, or who was quarantined: they lack what would have come.
    cut_short: BTreeSet<String>,
    /// How often each flow was deployed.
    deployed: BTreeMap<&'static str, u32>,
}

/// Plays the history of `seed`.
pub fn play(seed: u64) -> Report {
    let (deaths, died) = mpsc::unbounded_channel();
    let world = World::new(seed, deaths);
    let time = world.time.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || time.advance())
        .build()
        .unwrap_or_else(|error| panic!("a runtime: {error}"));
    let cast = runtime.block_on(history(world.clone(), seed, died));
    drop(runtime);
    judge::judge(&world, &cast);
    let (lines, digest) = world.told();
    Report {
        seed,
        moves: world.moves(),
        activeflows: world.audit(|audit| audit.started()),
        tally: world.tally(),
        promises: world.audit(|audit| audit.promises.clone()),
        lines,
        digest,
    }
}

async fn history(world: Arc<World>, seed: u64, died: mpsc::UnboundedReceiver<Arc<Process>>) -> Cast {
    deployed(&world).await;
    let time = world.time.clone();
    tokio::spawn(async move { time.pump().await });
    let mut dice = Dice::new(seed, 2);
    let mut nemesis = Nemesis::new(world.clone(), Dice::new(seed, 3), died);
    let mut archive = Person::new(&world, "archive", Dice::new(seed, 5));
    let rage = async { nemesis.rage().await };
    let archive = async { archive.archive().await };
    tokio::select! {
        biased;
        cast = cast(&world, &mut dice) => cast,
        () = rage => Cast::default(),
        () = archive => Cast::default(),
    }
}

/// Everybody plays his part, and then everything heals and comes to its end.
async fn cast(world: &Arc<World>, dice: &mut Dice) -> Cast {
    let mut cast = Cast::default();
    let mut calls = ring(world, dice);
    let mut letters = write(world, dice);
    let mut operator = Person::new(world, "operator", Dice::new(dice.throw(), 6));
    let mut deployer = Person::new(world, "deployer", Dice::new(dice.throw(), 7));
    let mut other = Person::new(world, "other deployer", Dice::new(dice.throw(), 8));
    let (chaos, idle) = (dice.between(0, 4), dice.between(0, 4));
    cast.deployed = [("Chaos", 1 + chaos as u32), ("Idle", 1 + idle as u32)].into();
    let trouble = async {
        let operated = operator.meddle(dice.between(1, 4));
        let (stopped, (), ()) =
            tokio::join!(operated, deployer.deploy("Chaos", CALLS, chaos), other.deploy("Idle", IDLE, idle));
        stopped
    };
    let (stopped, ()) = tokio::join!(trouble, world.time.sleep(caller::FAULTY));
    cast.cut_short = stopped;
    world.heal();
    let done = async {
        while let Some(played) = calls.join_next().await {
            cast.calls.extend(played);
        }
        while let Some(written) = letters.join_next().await {
            cast.letters.extend(written);
        }
        while !judge::is_over(world) {
            cast.cut_short.extend(operator.pardon().await);
            world.time.sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = done => {}
        () = world.time.sleep(caller::HEALING) => world.say("patience is over"),
    }
    cast
}

fn ring(world: &Arc<World>, dice: &mut Dice) -> JoinSet<(String, Story)> {
    let mut calls = JoinSet::new();
    for n in 1..=dice.between(3, 7) {
        let (world, dice) = (world.clone(), Dice::new(dice.throw(), n));
        calls.spawn(caller::ring(world, format!("call-{n}"), dice));
    }
    calls
}

fn write(world: &Arc<World>, dice: &mut Dice) -> JoinSet<(String, u32)> {
    let mut letters = JoinSet::new();
    for (to, prefix) in [(NUMBER, "+1555020"), (SEASONAL, "+1555030")] {
        for n in 0..dice.between(1, 3) {
            let (texts, peer) = (dice.between(2, 6) as u32, format!("{prefix}{n}"));
            if n == 0 && to == NUMBER && dice.percent(30) {
                world.curse_subject(&format!("{to},{peer}"));
            }
            let (world, dice) = (world.clone(), Dice::new(dice.throw(), n));
            letters.spawn(async move { caller::write(world, to, peer, texts, dice).await });
        }
    }
    letters
}

async fn deployed(world: &World) {
    let mut definitions = Definitions::default();
    let always = Window::default();
    let seasonal = format!("sms={SEASONAL}");
    let flows = [
        ("Chaos", CALLS, Some(("call=*", always))),
        ("Echo", ECHO, Some(("sms=+15550111", always))),
        ("Season", ECHO, Some((&*seasonal, world.season))),
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
        let published = world.store.publish(&effect.publication).await;
        world.audit(|audit| {
            audit.published(&effect.publication, published.unwrap_or_else(|why| panic!("{why}")))
        });
    }
}

fn routed(address: &str, window: Window) -> RouteChange {
    let address: RouteAddress = address.parse().unwrap_or_else(|why| panic!("{address}: {why}"));
    RouteChange { address, window, priority: 0 }
}
