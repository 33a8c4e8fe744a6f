//! One claimed activeflow, from its claim until it rests. A plain future that spawns nothing: it may be dropped at any
//! port call, and a successor goes on from what is stored.

use crate::commit::{AbortReason, commit, finish, release};
use crate::perform::publish;
use crate::rest::handed_on;
use crate::turn::{Decision, Failed, Turn, decide, journal};
use crate::{Config, Executor, metrics};
use common::command::Message;
use common::ports::Clock;
use common::ports::work::{After, Claim, CommitOutcome, Control, Row, Transition};
use common::record::{ActiveflowSpec, Entry};
use flow::{Bundle, Cursor, Timestamp};
use std::time::Duration;

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdvanceOutcome {
    Parked,
    Paused,
    Yielded,
    Ended,
    Released,
    Fenced,
}

/// The store's time at a claim, and the monotonic moment at which it was told.
#[derive(Clone, Copy, Debug)]
pub struct StoreTime {
    pub told: Timestamp,
    pub at: Duration,
}

impl StoreTime {
    pub fn now(&self, clock: &dyn Clock) -> Timestamp {
        let since = clock.monotonic().saturating_sub(self.at).as_micros();
        self.told.plus_micros(i64::try_from(since).unwrap_or(i64::MAX))
    }
}

struct ClaimedActiveflow {
    claim: Claim,
    spec: ActiveflowSpec,
    version: u64,
    body: Vec<u8>,
    inbox: Vec<Entry>,
    control: Option<Control>,
    time: StoreTime,
    /// Commands that are confirmed but not settled: the next finish does that.
    unsettled: bool,
    /// How often it may still go on under this claim after a commit of few actions.
    commits: u32,
}

/// Moves `row` until it rests or is given back. `time` was told with the claim.
pub async fn advance(executor: &Executor, row: Row, time: StoreTime) -> AdvanceOutcome {
    let Row { claim, record, inbox, outbox, control } = row;
    let mut held = ClaimedActiveflow {
        claim,
        spec: record.spec,
        version: record.version,
        body: record.body,
        inbox,
        control,
        time,
        unsettled: false,
        commits: commits(&executor.config),
    };
    let halt = match go(executor, &mut held, &outbox).await {
        Ok(outcome) => return outcome,
        Err(halt) => halt,
    };
    match halt {
        AbortReason::Fenced => return AdvanceOutcome::Fenced,
        AbortReason::Later => executor.ports.clock.sleep(executor.config.retry_after).await,
        AbortReason::BrokerAway => {}
    }
    release(executor, &held.claim).await;
    metrics::released();
    AdvanceOutcome::Released
}

async fn go(
    executor: &Executor,
    held: &mut ClaimedActiveflow,
    outbox: &[Vec<u8>],
) -> Result<AdvanceOutcome, AbortReason> {
    settle_outbox(executor, held, outbox).await?;
    loop {
        let Some(bundle) = bundle(executor, held).await else {
            return Err(AbortReason::Later);
        };
        let (outcome, after) = match turn(executor, held, &bundle) {
            Ok(decision) => perform(executor, held, decision).await?,
            Err(failed) if failed.newer => {
                tracing::error!(activeflow_id = %held.claim.id, detail = %failed.note.detail, "An activeflow waits for a newer executor");
                return Err(AbortReason::Later);
            }
            Err(failed) => {
                settle(executor, held).await?;
                fail(executor, held, failed).await?
            }
        };
        match outcome {
            CommitOutcome::More { version, inbox, control } => {
                held.version = version;
                held.inbox = inbox;
                held.control = control;
            }
            CommitOutcome::ClaimKept { version } if after == After::KeepClaim => held.version = version,
            CommitOutcome::Released { .. } | CommitOutcome::ClaimKept { .. } => {
                return Ok(outcome_of(&after));
            }
            CommitOutcome::Fenced => return Err(AbortReason::Fenced),
        }
    }
}

/// Commands that an earlier worker stored and did not settle go first, with the bytes that it stored.
async fn settle_outbox(
    executor: &Executor,
    held: &mut ClaimedActiveflow,
    outbox: &[Vec<u8>],
) -> Result<(), AbortReason> {
    if outbox.is_empty() {
        return Ok(());
    }
    let readable = |bytes: &Vec<u8>| match Message::from_bytes(bytes) {
        Ok(message) => Some(message),
        Err(why) => {
            tracing::error!(activeflow_id = %held.claim.id, %why, "A stored command is lost: it cannot be read");
            None
        }
    };
    let commands: Vec<Message> = outbox.iter().filter_map(readable).collect();
    metrics::resent(commands.len());
    publish(executor, &commands).await?;
    held.unsettled = true;
    settle(executor, held).await
}

async fn settle(executor: &Executor, held: &mut ClaimedActiveflow) -> Result<(), AbortReason> {
    if !held.unsettled {
        return Ok(());
    }
    if let CommitOutcome::ClaimKept { version } =
        finish(executor, &held.claim, held.version, &After::KeepClaim).await?
    {
        held.version = version;
    }
    held.unsettled = false;
    Ok(())
}

async fn bundle(executor: &Executor, held: &ClaimedActiveflow) -> Option<std::sync::Arc<Bundle>> {
    match executor.bundles.get(&held.spec.bundle).await {
        Ok(bundle) => Some(bundle),
        Err(error) => {
            metrics::no_bundle();
            tracing::error!(activeflow_id = %held.claim.id, flow_id = held.spec.flow.id, %error, "An activeflow waits for its bundle");
            None
        }
    }
}

/// What is wrong with one input must not undo those before it: they are a turn of their own.
fn turn(executor: &Executor, held: &ClaimedActiveflow, bundle: &Bundle) -> Result<Decision, Failed> {
    let clock = &executor.ports.clock;
    let begun = clock.monotonic();
    let whole = held.turn(executor, bundle);
    let decided = match decide(&whole) {
        Err(failed) if failed.good() > 0 => {
            decide(&Turn { inbox: &held.inbox[..failed.good() as usize], ..whole })
        }
        decided => decided,
    };
    metrics::decided(clock.monotonic().saturating_sub(begun));
    decided
}

/// As many actions as without commits of few actions.
fn commits(config: &Config) -> u32 {
    let most = flow::limits::ACTIONS_PER_STEP;
    if config.actions_per_commit < most {
        config.resumes.saturating_mul(most) / config.actions_per_commit.max(1)
    } else {
        0
    }
}

impl ClaimedActiveflow {
    /// A cursor that only made room for a commit goes on under its claim.
    fn goes_on(&mut self, after: &After) -> bool {
        let goes_on = *after == After::Yield && self.commits > 0;
        self.commits -= u32::from(goes_on);
        goes_on
    }

    fn turn<'a>(&'a self, executor: &Executor, bundle: &'a Bundle) -> Turn<'a> {
        Turn {
            id: self.claim.id,
            spec: &self.spec,
            bundle,
            version: self.version,
            body: &self.body,
            inbox: &self.inbox,
            control: self.control.as_ref(),
            now: self.time.now(&*executor.ports.clock),
            resumes: executor.config.resumes,
            actions: executor.config.actions_per_commit,
        }
    }
}

/// Save, then speak: commands are stored with the transition, then published, then settled with what comes after.
async fn perform(
    executor: &Executor,
    held: &mut ClaimedActiveflow,
    decision: Decision,
) -> Result<(CommitOutcome, After), AbortReason> {
    let Decision { transition, commands, after, ending, started, actions } = decision;
    let after = if held.goes_on(&after) { After::KeepClaim } else { after };
    let claim = &held.claim;
    let outcome = match transition {
        None => finish(executor, claim, held.version, &after).await?,
        Some(transition) if after == After::KeepClaim => {
            let outcome = commit(executor, claim, held.version, &transition, &after).await?;
            publish(executor, &commands).await?;
            held.unsettled |= !commands.is_empty();
            held.inbox.drain(..held.inbox.len().min(transition.consumed as usize));
            held.control = None;
            held.body = transition.body;
            outcome
        }
        Some(transition) if commands.is_empty() && !held.unsettled => {
            let outcome = commit(executor, claim, held.version, &transition, &after).await?;
            held.body = transition.body;
            outcome
        }
        Some(transition) => {
            let kept = commit(executor, claim, held.version, &transition, &After::KeepClaim).await?;
            held.body = transition.body;
            if let CommitOutcome::ClaimKept { version } = kept {
                held.version = version;
            }
            publish(executor, &commands).await?;
            let outcome = finish(executor, claim, held.version, &after).await?;
            held.unsettled = false;
            outcome
        }
    };
    metrics::actions(&actions);
    if started {
        metrics::started();
    }
    if let Some(reason) = ending {
        metrics::ended(&reason);
        tracing::info!(activeflow_id = %held.claim.id, flow_name = held.spec.flow.name, reason, "Activeflow ended");
    }
    Ok((outcome, after))
}

/// Data that cannot be read, a core that panics and a step that asks for too much end the activeflow: trying again would
/// do the same. The reference is given up, and what would start another is delivered again.
async fn fail(
    executor: &Executor,
    held: &ClaimedActiveflow,
    failed: Failed,
) -> Result<(CommitOutcome, After), AbortReason> {
    let Failed { consumed, note, .. } = failed;
    tracing::error!(
        activeflow_id = %held.claim.id,
        flow_name = held.spec.flow.name,
        action_id = note.action_id,
        what = note.what.as_str(),
        detail = common::mask::masked(&note.detail.to_string()),
        "Activeflow ends: it cannot be moved"
    );
    let rest = Cursor::from_bytes(&held.body).map(|cursor| handed_on(&cursor)).unwrap_or_default();
    let after = After::End { rest };
    let transition = Transition {
        body: held.body.clone(),
        consumed,
        commands: Vec::new(),
        journal: Some(journal(held.version, note.at, vec![note])),
        control: held.control.clone(),
    };
    let outcome = commit(executor, &held.claim, held.version, &transition, &after).await?;
    metrics::ended("failed");
    Ok((outcome, after))
}

fn outcome_of(after: &After) -> AdvanceOutcome {
    match after {
        After::Park { .. } => AdvanceOutcome::Parked,
        After::Pause => AdvanceOutcome::Paused,
        After::Yield | After::KeepClaim => AdvanceOutcome::Yielded,
        After::End { .. } => AdvanceOutcome::Ended,
    }
}

#[cfg(test)]
mod tests;
