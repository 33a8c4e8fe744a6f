//! One run: starts participants at a rate, waits for them, and asks the ledger for its verdict.

use crate::api::Api;
use crate::audit;
use crate::bystander::{Bystander, QUEUE_PREFIX};
use crate::gateway::Gateway;
use crate::ledger::{Ledger, Verdict};
use crate::link::OpenLink;
use crate::rng::Rng;
use crate::scenario::{self, RunContext, Transcript};
use crate::targets::Target;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Time for commands that follow the last hang-up.
const AFTERMATH: Duration = Duration::from_millis(500);

/// Load to generate.
pub struct LoadPlan {
    pub targets: Vec<Target>,
    /// Participants started per second.
    pub rate: f64,
    /// Total number of participants; 0: until `stop`.
    pub count: u64,
    /// Maximum number of participants at the same time.
    pub concurrency: usize,
    pub seed: u64,
    /// Factor by which participants are faster than people.
    pub speed: f64,
    /// Time after which no participant starts.
    pub until: Option<Instant>,
}

/// Connections of a run to Signalbox and to its observers.
pub struct Connections {
    pub link: OpenLink,
    pub api: Arc<dyn Api>,
    pub ledger: Arc<Ledger>,
    /// Receives a transcript at the start and at the end of each participant.
    pub transcripts: Option<mpsc::UnboundedSender<Transcript>>,
    pub run: RunName,
    /// Whether commands for subjects that no participant has are answered too. Only a carrier that is the only gateway may.
    pub serves_others: bool,
    pub stop: CancellationToken,
}

/// A name that is unique to a run, even if the seed is used again.
#[derive(Clone, Debug)]
pub struct RunName {
    /// Five letters, for subjects and the source.
    pub name: String,
    number: u64,
}

impl RunName {
    #[expect(clippy::new_without_default, reason = "every name is another one")]
    pub fn new() -> RunName {
        let number = fastrand::u64(..);
        let letter =
            |at: u32| char::from(b"23456789abcdefghijkmnpqrstuvwxyz"[(number >> (5 * at)) as usize % 32]);
        RunName { name: (0..5).map(letter).collect(), number: number >> 25 }
    }

    /// Name of the command queue.
    pub fn queue(&self) -> String {
        format!("{QUEUE_PREFIX}{}", self.name)
    }
}

/// Plays all participants and audits the result. Ends early when `stop` is cancelled: participants under way hang up.
pub async fn run(plan: LoadPlan, connections: Connections) -> Verdict {
    let Connections { link: OpenLink { link, commands }, api, ledger, transcripts, run, serves_others, stop } =
        connections;
    let source = format!("simulate-{}", run.name);
    let bystander =
        serves_others.then(|| Bystander::new(api.clone(), link.clone(), source.clone(), plan.speed));
    let gateway = Arc::new(Gateway::new(ledger.clone(), bystander));
    let served = gateway.clone();
    let serving = tokio::spawn(async move { served.serve(commands).await });
    let context = Arc::new(RunContext {
        link,
        api,
        ledger,
        gateway,
        source,
        first_peer: run.number % 1_000_000,
        run: run.name,
        speed: plan.speed,
        stop,
        transcripts,
    });
    play(&plan, &context).await;
    tokio::time::sleep(AFTERMATH).await;
    audit::of_ends(&*context.api, &context.ledger, &context.run).await;
    context.link.close().await;
    // Commands that were read before the link closed are still recorded.
    let _ = serving.await;
    context.ledger.verdict()
}

async fn play(plan: &LoadPlan, context: &Arc<RunContext>) {
    let room = Arc::new(Semaphore::new(plan.concurrency));
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / plan.rate));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut participants = JoinSet::new();
    for number in 1..=if plan.count == 0 { u64::MAX } else { plan.count } {
        let begins = async {
            tick.tick().await;
            room.clone().acquire_owned().await.ok()
        };
        let permit = tokio::select! {
            () = context.stop.cancelled() => break,
            () = until(plan.until) => break,
            permit = begins => permit,
        };
        let mut rng = Rng::new(plan.seed, number);
        let Some(target) = rng.pick(&plan.targets).cloned() else { break };
        let context = context.clone();
        participants.spawn(async move {
            let _permit = permit;
            let _turn = target.turn().await;
            let address = target.address(context.first_peer, number, &mut rng);
            scenario::play(&context, &target, number, address, rng).await;
        });
        while participants.try_join_next().is_some() {}
    }
    while participants.join_next().await.is_some() {}
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
