//! Performs operations on the three stores and compares every answer, the records that an operation touched, and at
//! intervals and at the end all contents.

use super::fixtures::{CUSTOMERS, customer, worker};
use super::generator::Generator;
use super::operation::{Answer, Operation};
use super::stores::{SHARDS, Stores};
use common::ports::intake::{Delivered, Destination};
use common::ports::lookup::ListQuery;
use common::ports::work::{ClaimRequest, Claimed};
use common::{ActiveflowId, Shard};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// Number of operations between two comparisons of all contents.
const COMPARISON_INTERVAL: usize = 100;

/// Number of occurrences, by operation and kind of answer.
pub type Tally = BTreeMap<(&'static str, &'static str), u64>;

/// The first difference between the stores.
pub struct Difference {
    /// The operations up to and including the one after which the stores differ.
    pub operations: Vec<Operation>,
    /// The call whose answers differ.
    pub asked: String,
    /// Each store's answer.
    pub answers: Vec<(&'static str, String)>,
}

pub struct Player {
    stores: Stores,
    played: Vec<Operation>,
    /// The last call of a port, with the model's answer.
    last: Option<(Operation, Answer)>,
    known: BTreeSet<ActiveflowId>,
    pub tally: Tally,
    /// Whether all contents are compared at intervals.
    pub thorough: bool,
}

type Equal<T = ()> = Result<T, Box<Difference>>;

/// Plays the history of `seed`: `length` operations, then those that reveal the state that cannot be read.
pub async fn play(url: &str, seed: u64, length: u64, tally: &mut Tally) -> Equal {
    let mut player = Player::new(url).await;
    let mut generator = Generator::new(seed);
    let played = async {
        for _ in 0..length {
            let operation = generator.draw(player.stores.now());
            let answer = player.perform(operation.clone()).await?;
            generator.learn(&operation, &answer);
        }
        player.close(&mut generator).await
    };
    let played = played.await;
    for (key, count) in player.tally {
        *tally.entry(key).or_default() += count;
    }
    played
}

/// Plays operations that were drawn before.
pub async fn replay(url: &str, operations: &[Operation]) -> Equal {
    let mut player = Player { thorough: false, ..Player::new(url).await };
    for operation in operations {
        player.perform(operation.clone()).await?;
    }
    player.compare_everything().await
}

impl Player {
    async fn new(url: &str) -> Player {
        Player {
            stores: Stores::new(url).await,
            played: Vec::new(),
            last: None,
            known: BTreeSet::new(),
            tally: Tally::new(),
            thorough: true,
        }
    }

    /// Performs an operation on all stores and compares. Returns the model's answer.
    async fn perform(&mut self, operation: Operation) -> Equal<Answer> {
        let answers = self.stores.run(&operation).await;
        let before = self.before(&operation).cloned();
        self.played.push(operation.clone());
        self.compare(&operation, &answers)?;
        let [answer, ..] = answers;
        for kind in answer.kinds() {
            *self.tally.entry((operation.name(), kind)).or_default() += 1;
        }
        if let Some(before) = before.filter(|before| !before.may_be_followed_by(&answer)) {
            return Err(self.differ(&operation, &[("first", &before), ("again", &answer)]));
        }
        self.touched(&operation, &answer).await?;
        if self.thorough && self.played.len().is_multiple_of(COMPARISON_INTERVAL) {
            self.compare_everything().await?;
        }
        match operation {
            // Answers contain the time.
            Operation::Step(_) => self.last = None,
            Operation::Kill | Operation::Restart => {}
            call => self.last = Some((call, answer.clone())),
        }
        Ok(answer)
    }

    /// The answer to the previous call, if it was the same call. A process may have been killed between them.
    fn before(&self, operation: &Operation) -> Option<&Answer> {
        self.last.as_ref().filter(|last| last.0 == *operation).map(|last| &last.1)
    }

    fn compare(&self, asked: &Operation, answers: &[Answer; 3]) -> Equal {
        let failed = answers.iter().any(|answer| matches!(answer, Answer::Failed(_)));
        match failed || answers[0] != answers[1] || answers[0] != answers[2] {
            true => {
                let [model, embedded, redis] = answers;
                Err(self.differ(asked, &[("model", model), ("embedded", embedded), ("Redis", redis)]))
            }
            false => Ok(()),
        }
    }

    fn differ(&self, asked: &dyn Debug, answers: &[(&'static str, &dyn Debug)]) -> Box<Difference> {
        let answers = answers.iter().map(|(store, answer)| (*store, format!("{answer:#?}"))).collect();
        Box::new(Difference { operations: self.played.clone(), asked: format!("{asked:?}"), answers })
    }

    /// Compares the activeflows that the operation or its answer names, and the depth of its shard.
    async fn touched(&mut self, operation: &Operation, answer: &Answer) -> Equal {
        let ids = named(operation, answer);
        self.known.extend(&ids);
        let mut questions: Vec<Operation> = ids.into_iter().map(Operation::Get).collect();
        questions.extend(operation.shard(SHARDS).map(Operation::Depth));
        self.compare_reads(questions).await
    }

    /// Compares everything that the ports show.
    async fn compare_everything(&mut self) -> Equal {
        self.known.extend(self.stores.known());
        let mut questions: Vec<Operation> = self.known.iter().copied().map(Operation::Get).collect();
        for shard in (0..SHARDS).map(Shard) {
            questions.push(Operation::Depth(shard));
            questions.push(Operation::Feed { shard, behind: None, max: 1_000 });
        }
        questions.extend((0..CUSTOMERS).map(|number| {
            Operation::List(ListQuery { customer_id: customer(number), before: None, limit: 1_000 })
        }));
        questions.extend([Operation::Members, Operation::RouteTransitions, Operation::Definitions(0)]);
        questions.extend((0..8).map(|hash| Operation::Bundle(format!("{hash:02x}"))));
        self.compare_reads(questions).await?;
        self.stores
            .check_invariants()
            .map_err(|misplaced| self.differ(&"the invariants", &[("violation", &misplaced)]))?;
        let [expected, found] = self.stores.leftovers().await;
        match expected == found {
            true => Ok(()),
            false => Err(self.differ(&"keys in Redis", &[("model", &expected), ("Redis", &found)])),
        }
    }

    async fn compare_reads(&mut self, questions: Vec<Operation>) -> Equal {
        for (question, answers) in questions.iter().zip(self.stores.read(&questions).await) {
            self.compare(question, &answers)?;
        }
        Ok(())
    }

    /// Compares state that can only be observed by changing it: the dedup window, the order of claims, the waits, and the
    /// removal of ended activeflows.
    async fn close(&mut self, generator: &mut Generator) -> Equal {
        self.perform(Operation::Kill).await?;
        self.compare_everything().await?;
        for (call, event) in generator.events.iter().rev().step_by(5) {
            self.perform(Operation::Deliver(call.dedup_probe(*event))).await?;
            let (shard, key) = (call.shard(), call.key(*event));
            self.perform(Operation::CountAttempt { shard, key, attempt: 9 }).await?;
        }
        for shard in (0..SHARDS).map(Shard) {
            self.claim_all(generator, shard).await?;
        }
        for hours in [1, 30] {
            self.perform(Operation::Step(hours * 3_600_000_000)).await?;
            for shard in (0..SHARDS).map(Shard) {
                while self.sweep(shard).await? {}
            }
        }
        self.compare_everything().await
    }

    async fn claim_all(&mut self, generator: &mut Generator, shard: Shard) -> Equal {
        let worker = worker(generator.new_worker());
        loop {
            let (nonce, want) = (generator.new_nonce(), ClaimRequest { max: 7, idle: true });
            let claim = Operation::Claim { shard, worker, nonce, want };
            let answer = self.perform(claim).await?;
            if matches!(&answer, Answer::Claimed(Claimed::Rows { rows, .. }) if rows.is_empty()) {
                return Ok(());
            }
        }
    }

    async fn sweep(&mut self, shard: Shard) -> Equal<bool> {
        let answer = self.perform(Operation::Sweep { shard, dead: vec![] }).await?;
        Ok(matches!(answer, Answer::SweepReport(swept) if swept.more))
    }
}

fn named(operation: &Operation, answer: &Answer) -> BTreeSet<ActiveflowId> {
    let mut ids = BTreeSet::new();
    match operation {
        Operation::Deliver(event) => match &event.to {
            Destination::Activeflow { id, .. } => _ = ids.insert(*id),
            Destination::Reference { owner, sides, .. } => {
                ids.extend(owner.iter().chain(sides).map(|start| start.id))
            }
        },
        Operation::Commit { claim, .. } | Operation::Finish { claim, .. } | Operation::Release(claim) => {
            ids.insert(claim.id);
        }
        Operation::Control { id, .. } => _ = ids.insert(*id),
        _ => {}
    }
    match answer {
        Answer::Delivered(Delivered::Applied { to, .. }) => ids.extend(to),
        Answer::Delivered(Delivered::InboxFull { owner }) => _ = ids.insert(*owner),
        Answer::Claimed(Claimed::Rows { rows, .. }) => ids.extend(rows.iter().map(|row| row.claim.id)),
        _ => {}
    }
    ids
}
