//! A simulated carrier with its gateway: people who call, write and use data, commands that are carried out, and a ledger
//! that says what Signalbox lost or did twice. It knows what docs/integrate.md tells every carrier and nothing else.
//!
//! ```text
//! scenario/ ──Event──► link/ (the same bytes until stored) ──► Signalbox
//!     ▲                   │ commands, at least once
//!     └──── switchboard ◄─┘ each id once
//!                │ everything
//!             ledger/ ◄── audit (what only Signalbox can say)
//! ```

mod audit;
mod dice;
mod ledger;
pub mod link;
pub mod progress;
mod scenario;
mod switchboard;
pub mod targets;
mod wire;

pub use ledger::{Class, Ledger, Verdict};
pub use scenario::{Kind, Story};
pub use targets::Target;

use crate::client::Client;
use dice::Dice;
use link::Linked;
use scenario::Line;
use std::sync::Arc;
use std::time::Duration;
use switchboard::Switchboard;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Commands that follow a hang-up are waited for so long.
const AFTERMATH: Duration = Duration::from_millis(500);

/// What shall happen.
pub struct Order {
    pub targets: Vec<Target>,
    /// How many parties begin in a second.
    pub rate: f64,
    /// How many there are; 0: until `stop`.
    pub count: u64,
    /// How many there are at the same time, at most.
    pub concurrency: usize,
    pub seed: u64,
    /// How many times faster than people.
    pub speed: f64,
    /// Until when parties begin.
    pub until: Option<Instant>,
}

/// What a run works with.
pub struct Equipment {
    pub linked: Linked,
    pub client: Arc<Client>,
    pub ledger: Arc<Ledger>,
    pub stories: Option<mpsc::UnboundedSender<Story>>,
    pub run: Run,
    pub stop: CancellationToken,
}

/// What no other run has, however often it is repeated under the same seed.
#[derive(Clone, Debug)]
pub struct Run {
    /// A few letters, for subjects and the source.
    pub name: String,
    number: u64,
}

impl Run {
    pub fn new() -> Run {
        let number = uuid::Uuid::new_v4().as_u64_pair().0;
        let letter =
            |at: u32| char::from(b"23456789abcdefghijkmnpqrstuvwxyz"[(number >> (5 * at)) as usize % 32]);
        Run { name: (0..5).map(letter).collect(), number: number >> 25 }
    }

    /// The name of the command queue.
    pub fn queue(&self) -> String {
        format!("simulate-{}", self.name)
    }
}

/// Plays all parties and asks what is left to ask. Ends early when `stop` is cancelled: those who are under way hang up.
pub async fn run(order: Order, equipment: Equipment) -> Verdict {
    let Equipment { linked: Linked { link, commands }, client, ledger, stories, run, stop } = equipment;
    let switchboard = Arc::new(Switchboard::new(ledger.clone()));
    let served = switchboard.clone();
    let gateway = tokio::spawn(async move { served.serve(commands).await });
    let line = Arc::new(Line {
        link,
        client,
        ledger,
        switchboard,
        source: format!("simulate-{}", run.name),
        first_peer: run.number % 1_000_000,
        run: run.name,
        speed: order.speed,
        stop,
        stories,
    });
    play(&order, &line).await;
    tokio::time::sleep(AFTERMATH).await;
    audit::of_ends(&line.client, &line.ledger, &line.run).await;
    line.link.close().await;
    // What was taken before the link closed is still entered.
    let _ = gateway.await;
    line.ledger.verdict()
}

async fn play(order: &Order, line: &Arc<Line>) {
    let room = Arc::new(Semaphore::new(order.concurrency));
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / order.rate));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut parties = JoinSet::new();
    for number in 1..=if order.count == 0 { u64::MAX } else { order.count } {
        let begins = async {
            tick.tick().await;
            room.clone().acquire_owned().await.ok()
        };
        let place = tokio::select! {
            () = line.stop.cancelled() => break,
            () = until(order.until) => break,
            place = begins => place,
        };
        let mut dice = Dice::new(order.seed, number);
        let Some(target) = dice.pick(&order.targets).cloned() else { break };
        let line = line.clone();
        parties.spawn(async move {
            let _place = place;
            let _turn = target.turn().await;
            let address = target.address(line.first_peer, number, &mut dice);
            scenario::play(&line, &target, number, address, dice).await;
        });
        while parties.try_join_next().is_some() {}
    }
    while parties.join_next().await.is_some() {}
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
