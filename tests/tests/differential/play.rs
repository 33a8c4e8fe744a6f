//! Plays operations on the three stores and compares: every answer at once, what an operation touched after it, and
//! everything at intervals and at the end.

use super::cast::{CUSTOMERS, customer, worker};
use super::generator::Generator;
use super::operation::{Answer, Operation};
use super::stores::{SHARDS, Stores};
use common::ports::intake::{Delivered, To};
use common::ports::lookup::ListQuery;
use common::ports::work::{Claimed, Want};
use common::{ActiveflowId, Shard};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// Between two comparisons of everything.
const WHOLE_EVERY: usize = 100;

/// Operation × kind of answer.
pub type Tally = BTreeMap<(&'static str, &'static str), u64>;

/// Where the stores parted.
pub struct Difference {
    /// Up to and including the one after which they differ.
    pub operations: Vec<Operation>,
    /// What was asked of all.
    pub asked: String,
    /// Who answered what.
    pub answers: Vec<(&'static str, String)>,
}

pub struct Player {
    stores: Stores,
    played: Vec<Operation>,
    /// The last operation of a port, with the model's answer.
    last: Option<(Operation, Answer)>,
    known: BTreeSet<ActiveflowId>,
    pub tally: Tally,
    /// Everything is compared at intervals too.
    pub thorough: bool,
}

type Equal<T = ()> = Result<T, Box<Difference>>;

/// The history of `seed`: so many operations, and then those that bring to light what is left.
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

/// Plays what was drawn once.
pub async fn replay(url: &str, operations: &[Operation]) -> Equal {
    let mut player = Player { thorough: false, ..Player::new(url).await };
    for operation in operations {
        player.perform(operation.clone()).await?;
    }
    player.whole().await
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

    /// Performs it on all and compares; the model's answer.
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
        if self.thorough && self.played.len().is_multiple_of(WHOLE_EVERY) {
            self.whole().await?;
        }
        match operation {
            // An answer tells the time.
            Operation::Step(_) => self.last = None,
            Operation::Kill | Operation::Bury => {}
            call => self.last = Some((call, answer.clone())),
        }
        Ok(answer)
    }

    /// The answer to the very same call, if it was the one before; a process may have been killed between them.
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
        let answers = answers.iter().map(|(who, answer)| (*who, format!("{answer:#?}"))).collect();
        Box::new(Difference { operations: self.played.clone(), asked: format!("{asked:?}"), answers })
    }

    /// Whatever the operation or its answer names, and how full its shard is.
    async fn touched(&mut self, operation: &Operation, answer: &Answer) -> Equal {
        let ids = named(operation, answer);
        self.known.extend(&ids);
        let mut questions: Vec<Operation> = ids.into_iter().map(Operation::Get).collect();
        questions.extend(operation.shard(SHARDS).map(Operation::Depth));
        self.ask(questions).await
    }

    /// Everything that the ports show.
    async fn whole(&mut self) -> Equal {
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
        self.ask(questions).await?;
        self.stores
            .check_invariants()
            .map_err(|misplaced| self.differ(&"the check_invariants", &[("check_invariants", &misplaced)]))?;
        let [expected, found] = self.stores.leftovers().await;
        match expected == found {
            true => Ok(()),
            false => Err(self.differ(&"keys in Redis", &[("model", &expected), ("Redis", &found)])),
        }
    }

    async fn ask(&mut self, questions: Vec<Operation>) -> Equal {
        for (question, answers) in questions.iter().zip(self.stores.ask(&questions).await) {
            self.compare(question, &answers)?;
        }
        Ok(())
    }

    /// What cannot be looked at without changing it is changed at the end: what was seen, the order of the claims, the
    /// waits, and whether all is forgotten that should be.
    async fn close(&mut self, generator: &mut Generator) -> Equal {
        self.perform(Operation::Kill).await?;
        self.whole().await?;
        for (call, event) in generator.events.iter().rev().step_by(5) {
            self.perform(Operation::Deliver(call.was_it_seen(*event))).await?;
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
        self.whole().await
    }

    async fn claim_all(&mut self, generator: &mut Generator, shard: Shard) -> Equal {
        let worker = worker(generator.new_life());
        loop {
            let (nonce, want) = (generator.new_nonce(), Want { max: 7, idle: true });
            let claim = Operation::Claim { shard, worker, nonce, want };
            let answer = self.perform(claim).await?;
            if matches!(&answer, Answer::Claimed(Claimed::Rows { rows, .. }) if rows.is_empty()) {
                return Ok(());
            }
        }
    }

    async fn sweep(&mut self, shard: Shard) -> Equal<bool> {
        let answer = self.perform(Operation::Sweep { shard, dead: vec![] }).await?;
        Ok(matches!(answer, Answer::Swept(swept) if swept.more))
    }
}

fn named(operation: &Operation, answer: &Answer) -> BTreeSet<ActiveflowId> {
    let mut ids = BTreeSet::new();
    match operation {
        Operation::Deliver(event) => match &event.to {
            To::Activeflow { id, .. } => _ = ids.insert(*id),
            To::Reference { owner, sides, .. } => ids.extend(owner.iter().chain(sides).map(|start| start.id)),
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
