//! Seeded simulation: whole dispatchers, executors and schedulers over the model, in virtual time, in one thread.
//!
//! ```text
//! callers ──► broker ──► dispatchers ─┐
//!    ▲          ▲                     ├─► network that fails ──► model ──► auditor: every promise, after every operation
//!    └─ commands └──── executors ─────┤
//!                      schedulers ────┘        nemesis: kills, pauses, clock steps, broken connections
//! ```
//! Every choice comes from the seed: the same seed gives the same history, line by line. At some moment everything
//! heals; then every activeflow must come to its end, and the ledger compares what was said with what the flows ask for.

mod audit;
mod broker;
mod caller;
pub mod fault;
mod nemesis;
mod store;
mod time;
mod world;

use crate::carrier::Dice;
use crate::ledger::{Book, Flow, Story, Violation};
use adapters::memory::Store;
use api::publish::{Deployment, RouteAddress, RouteChange, deploy};
use common::answer::until_answered;
use common::ports::work::Control;
use common::ports::{Catalogue, Lookup};
use fault::Tally;
use flow::route::Window;
use flow::{Definitions, Timestamp};
use nemesis::Nemesis;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::SimStore;
use time::ProcessClock;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use world::{Process, World};

const CALLS: &str = include_str!("../../tests/faults/chaos-flow.json");
const ECHO: &str = r#"{ "schema": "signalbox.flow/v1", "name": "Echo", "type": "chat",
    "trigger": { "event": "message.received" },
    "actions": [
        { "id": "think", "type": "sleep", "option": { "duration": 200 } },
        { "id": "echo", "type": "message_send", "option": {
            "source": { "type": "tel", "target": "+15550111" }, "destinations": [{ "type": "tel", "target": "${message.from}" }], "text": "Got ${message.text}." } }
    ] }"#;
const CUSTOMER: &str = "00000000-0000-0000-0000-000000000000";

/// What one history came to.
pub struct Report {
    pub seed: u64,
    pub moves: u64,
    pub activeflows: usize,
    pub tally: Tally,
    pub violations: Vec<String>,
    pub lines: Vec<String>,
    /// Two equal histories share it.
    pub digest: u64,
}

/// Who took part, as the ledger knows them.
#[derive(Default)]
struct Cast {
    calls: BTreeMap<String, Story>,
    /// How many messages were written about each subject.
    letters: BTreeMap<String, u32>,
    /// The calls that an operator stopped: they lack what would have come.
    stopped: BTreeSet<String>,
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
    let mut violations = world.audit(|audit| std::mem::take(&mut audit.violations));
    violations.extend(judged(&world, &cast));
    let (lines, digest) = world.told();
    Report {
        seed,
        moves: world.moves(),
        activeflows: world.audit(|audit| audit.started()),
        tally: world.tally(),
        violations,
        lines,
        digest,
    }
}

async fn history(world: Arc<World>, seed: u64, died: mpsc::UnboundedReceiver<Arc<Process>>) -> Cast {
    deployed(&world.store).await;
    let mut dice = Dice::new(seed, 2);
    let mut nemesis = Nemesis::new(world.clone(), Dice::new(seed, 3), died);
    let rage = async { nemesis.rage().await };
    let play = async {
        let (mut calls, mut letters) = (JoinSet::new(), JoinSet::new());
        let mut cast = Cast::default();
        for n in 1..=dice.between(3, 6) {
            let dice = Dice::new(dice.throw(), n);
            calls.spawn(caller::ring(world.clone(), format!("call-{n}"), dice));
        }
        for n in 0..dice.between(1, 3) {
            let (texts, dice) = (dice.between(2, 6) as u32, Dice::new(dice.throw(), n));
            let peer = format!("+1555020{n}");
            let world = world.clone();
            letters.spawn(async move { (caller::write(world, peer, texts, dice).await, texts) });
        }
        let faulty = dice.millis(20_000, 60_000);
        world.time.sleep(faulty).await;
        cast.stopped.extend(meddle(&world, &mut dice).await);
        world.time.sleep(faulty.min(caller::FAULTY - faulty)).await;
        world.heal();
        let done = async {
            while let Some(played) = calls.join_next().await {
                cast.calls.extend(played);
            }
            while let Some(written) = letters.join_next().await {
                cast.letters.extend(written);
            }
            while !world.audit(|audit| audit.unfinished().is_empty()) || world.broker.waiting() > 0 {
                world.time.sleep(std::time::Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = done => {}
            () = world.time.sleep(caller::HEALING) => world.say("patience is over"),
        }
        cast
    };
    tokio::select! {
        biased;
        cast = play => cast,
        () = rage => Cast::default(),
    }
}

/// An operator pauses one and lets it go on, which changes no story, or stops it; answers with whom it stopped.
async fn meddle(world: &Arc<World>, dice: &mut Dice) -> Option<String> {
    let live = world.audit(|audit| audit.live());
    if live.is_empty() {
        return None;
    }
    let (subject, id) = dice.pick(&live).clone();
    let stops = dice.percent(25) && subject.starts_with("call");
    let wishes: &[Control] = if stops { &[Control::Stop] } else { &[Control::Pause, Control::Resume] };
    let process = Process::new("operator".into());
    let store = SimStore { world: world.clone(), process: process.clone() };
    let clock = ProcessClock::new(world.time.clone(), Dice::new(dice.throw(), 1));
    for control in wishes {
        world.say(format!("an operator wants {control:?} of {subject}"));
        let asked = until_answered(&clock, || store.control(id, control)).await;
        world.say(format!("the operator is told {asked:?}"));
        world.time.sleep(dice.millis(500, 3_000)).await;
    }
    stops.then_some(subject)
}

async fn deployed(store: &Store) {
    let mut definitions = Definitions::default();
    for (name, document, route) in [("Chaos", CALLS, "call=*"), ("Echo", ECHO, "sms=*")] {
        let address: RouteAddress = route.parse().unwrap_or_else(|why| panic!("{route}: {why}"));
        let routes = [RouteChange { address, window: Window::default(), priority: 0 }];
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
        let published = store.publish(&effect.publication).await;
        assert!(published.is_ok(), "{published:?}");
    }
}

/// What the ledger says at the end.
fn judged(world: &World, cast: &Cast) -> Vec<String> {
    let mut found = world.audit(|audit| audit.unfinished());
    found.extend(world.broker.rejected().into_iter().map(|why| format!("rejected: {why}")));
    if world.broker.waiting() > 0 {
        found.push(format!("{} events were never taken", world.broker.waiting()));
    }
    if cast.calls.is_empty() {
        found.push("the callers never came to their end".into());
    }
    let flow = Flow::read(CALLS).unwrap_or_else(|error| panic!("the flow: {error}"));
    world.broker.with_book(|book| {
        match crate::ledger::verdict::judge(book, &flow, &cast.calls) {
            Ok(verdict) => {
                let of_letters = |v: &Violation| matches!(v, Violation::Invented { subject, .. } if cast.letters.contains_key(subject));
                let of_stopped = |v: &Violation| matches!(v, Violation::Lost { subject, .. } if cast.stopped.contains(subject));
                let counts = |v: &&Violation| !of_letters(v) && !of_stopped(v);
                found.extend(verdict.violations.iter().filter(counts).map(|v| format!("{v:?}")));
            }
            Err(error) => found.push(error.to_string()),
        }
        for (subject, texts) in &cast.letters {
            found.extend(unanswered(book, subject, *texts));
        }
    });
    found
}

/// Each message has one activeflow, which answers it once.
fn unanswered(book: &Book, subject: &str, texts: u32) -> Option<String> {
    let told = book.told(subject);
    (told != texts as usize).then(|| format!("{subject}: {texts} messages, {told} answers"))
}
