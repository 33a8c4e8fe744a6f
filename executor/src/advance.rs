//! Advances one claimed activeflow until its claim is released. The future spawns no tasks, so it may be dropped at any port
//! call; another worker then continues from the stored state.

use crate::after::redelivered;
use crate::brake::{self, Brake};
use crate::commit::{AbortReason, commit, finish, release};
use crate::config::Config;
use crate::executor::Executor;
use crate::metrics;
use crate::perform::publish;
use crate::turn::{Decision, Turn, TurnFailure, decide, early_inputs, journal, message};
use common::command::Message;
use common::ports::work::{Claim, CommitOutcome, Control, Disposition, Row, Transition};
use common::record::{ActiveflowSpec, Entry, read_cursor_alone};
use common::store_time::StoreTime;
use flow::{Bundle, Cursor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Outcome of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdvanceOutcome {
    Parked,
    Paused,
    Yielded,
    Ended,
    /// The claim was released unchanged.
    Released,
    /// The claim belongs to another worker.
    Fenced,
}

struct ClaimedActiveflow {
    claim: Claim,
    spec: ActiveflowSpec,
    version: u64,
    trigger: Vec<u8>,
    body: Vec<u8>,
    inbox: Vec<Entry>,
    control: Option<Control>,
    time: StoreTime,
    /// Whether commands are confirmed but not settled. The next finish settles them.
    unsettled: bool,
    /// Number of further turns under this claim for a cursor that only stopped at `actions_per_commit`.
    extra_turns: u32,
    /// Messages that the current turn may send.
    brake: Brake,
}

/// Moves the activeflow of `row` until its claim is released. `time` came with the claim.
pub async fn advance(executor: &Executor, row: Row, time: StoreTime) -> AdvanceOutcome {
    let Row { claim, record, trigger, inbox, outbox, control } = row;
    let mut activeflow = ClaimedActiveflow {
        claim,
        spec: record.spec,
        version: record.version,
        trigger,
        body: record.body,
        inbox,
        control,
        time,
        unsettled: false,
        extra_turns: extra_turns(&executor.config),
        brake: Brake::default(),
    };
    match run_turns(executor, &mut activeflow, &outbox).await {
        Ok(outcome) => return outcome,
        Err(AbortReason::Fenced) => return AdvanceOutcome::Fenced,
        Err(AbortReason::Later) => executor.ports.clock.sleep(executor.config.retry_after).await,
        Err(AbortReason::BrokerAway) => {}
    }
    release(executor, &activeflow.claim).await;
    metrics::released();
    AdvanceOutcome::Released
}

async fn run_turns(
    executor: &Executor,
    activeflow: &mut ClaimedActiveflow,
    outbox: &[Vec<u8>],
) -> Result<AdvanceOutcome, AbortReason> {
    settle_outbox(executor, activeflow, outbox).await?;
    loop {
        let Some(bundle) = bundle(executor, activeflow).await else {
            return Err(AbortReason::Later);
        };
        let (outcome, after) = match turn(executor, activeflow, &bundle) {
            Ok(decision) => perform(executor, activeflow, decision).await?,
            Err(failure) if failure.newer_format => {
                tracing::error!(activeflow_id = %activeflow.claim.id, detail = %failure.note.detail, "Activeflow waits until this executor is upgraded: its cursor has a newer format");
                return Err(AbortReason::Later);
            }
            Err(failure) => {
                settle(executor, activeflow).await?;
                fail(executor, activeflow, &bundle, failure).await?
            }
        };
        match outcome {
            CommitOutcome::More { version, inbox, control } => {
                activeflow.version = version;
                activeflow.inbox = inbox;
                activeflow.control = control;
            }
            CommitOutcome::ClaimKept { version } if after == Disposition::KeepClaim => {
                activeflow.version = version
            }
            CommitOutcome::Released { .. } | CommitOutcome::ClaimKept { .. } => {
                return Ok(outcome_of(&after));
            }
            // The turn is decided again, with the messages that are left.
            CommitOutcome::RateLimited { .. } => continue,
            CommitOutcome::Fenced => return Err(AbortReason::Fenced),
        }
        activeflow.brake = Brake::default();
    }
}

/// Publishes and settles the commands that an earlier worker stored and did not settle, with the stored bytes.
async fn settle_outbox(
    executor: &Executor,
    activeflow: &mut ClaimedActiveflow,
    outbox: &[Vec<u8>],
) -> Result<(), AbortReason> {
    if outbox.is_empty() {
        return Ok(());
    }
    let readable = |bytes: &Vec<u8>| match Message::from_bytes(bytes) {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::error!(activeflow_id = %activeflow.claim.id, %error, "A stored command is lost: it cannot be read");
            None
        }
    };
    let commands: Vec<Message> = outbox.iter().filter_map(readable).collect();
    metrics::resent(commands.len());
    publish(executor, &commands).await?;
    activeflow.unsettled = true;
    settle(executor, activeflow).await
}

async fn settle(executor: &Executor, activeflow: &mut ClaimedActiveflow) -> Result<(), AbortReason> {
    if !activeflow.unsettled {
        return Ok(());
    }
    if let CommitOutcome::ClaimKept { version } =
        finish(executor, &activeflow.claim, activeflow.version, &Disposition::KeepClaim).await?
    {
        activeflow.version = version;
    }
    activeflow.unsettled = false;
    Ok(())
}

async fn bundle(executor: &Executor, activeflow: &ClaimedActiveflow) -> Option<Arc<Bundle>> {
    match executor.bundles.get(&activeflow.spec.bundle).await {
        Ok(bundle) => Some(bundle),
        Err(error) => {
            metrics::no_bundle();
            tracing::error!(activeflow_id = %activeflow.claim.id, flow_id = activeflow.spec.flow.id, %error, "Activeflow waits for its bundle");
            None
        }
    }
}

/// A bad input must not undo the good inputs before it: these are a turn of their own.
fn turn(
    executor: &Executor,
    activeflow: &ClaimedActiveflow,
    bundle: &Bundle,
) -> Result<Decision, TurnFailure> {
    let clock = &executor.ports.clock;
    let started_at = clock.monotonic();
    let turn = activeflow.turn(executor, bundle);
    let decided = match decide(&turn) {
        Err(failure) if failure.good_inputs() > 0 => {
            decide(&Turn { inbox: &activeflow.inbox[..failure.good_inputs() as usize], ..turn })
        }
        decided => decided,
    };
    metrics::decided(clock.monotonic().saturating_sub(started_at));
    decided
}

/// Allows one claim as many actions as with the largest `actions_per_commit`.
fn extra_turns(config: &Config) -> u32 {
    let largest = flow::step::limits::ACTIONS_PER_STEP;
    if config.actions_per_commit < largest {
        config.resumes.saturating_mul(largest) / config.actions_per_commit.max(1)
    } else {
        0
    }
}

impl ClaimedActiveflow {
    /// Whether a cursor that yielded gets another turn under this claim.
    fn take_extra_turn(&mut self, after: &Disposition) -> bool {
        let granted = *after == Disposition::Yield && self.extra_turns > 0;
        self.extra_turns -= u32::from(granted);
        granted
    }

    fn turn<'a>(&'a self, executor: &Executor, bundle: &'a Bundle) -> Turn<'a> {
        Turn {
            id: self.claim.id,
            spec: &self.spec,
            bundle,
            version: self.version,
            trigger: &self.trigger,
            body: &self.body,
            inbox: &self.inbox,
            control: self.control.as_ref(),
            now: self.time.now(&*executor.ports.clock),
            resumes: executor.config.resumes,
            actions: executor.config.actions_per_commit,
            quota: &self.brake.quota,
            format: executor.ports.work.written_format(),
        }
    }
}

/// Stores the commands with the transition, then publishes them, then settles them together with `after`.
async fn perform(
    executor: &Executor,
    activeflow: &mut ClaimedActiveflow,
    decision: Decision,
) -> Result<(CommitOutcome, Disposition), AbortReason> {
    let Decision { transition, commands, messages, after, ending, started, failures, unused, actions } =
        decision;
    let after = if activeflow.take_extra_turn(&after) { Disposition::KeepClaim } else { after };
    let claim = activeflow.claim;
    let outcome = match transition {
        None => finish(executor, &claim, activeflow.version, &after).await?,
        Some(mut transition) => {
            transition.messages =
                brake::counted(&activeflow.spec, &messages, executor.config.messages_per_minute);
            let is_final = commands.is_empty() && !activeflow.unsettled;
            let first = if is_final { &after } else { &Disposition::KeepClaim };
            let stored = commit(executor, &claim, activeflow.version, &transition, first).await?;
            if let CommitOutcome::RateLimited { left } = &stored {
                activeflow.brake.refused(messages.into_keys(), left);
                return Ok((stored, after));
            }
            activeflow.body = transition.body;
            if is_final && after != Disposition::KeepClaim {
                stored
            } else {
                publish_stored(executor, activeflow, stored, &commands, transition.consumed, &after).await?
            }
        }
    };
    metrics::actions(&actions);
    unused.into_iter().for_each(metrics::ignored);
    for failure in &failures {
        if activeflow.brake.is_on() && failure.detail["code"] == "rate_limited" {
            metrics::rate_limited();
        }
        executor.failures.warn(
            executor.ports.clock.monotonic(),
            activeflow.claim.id,
            &activeflow.spec.flow,
            failure,
        );
    }
    if started {
        metrics::started();
    }
    if let Some(reason) = ending {
        metrics::ended(&reason);
        tracing::info!(activeflow_id = %activeflow.claim.id, flow_name = activeflow.spec.flow.name, reason, "Activeflow ended");
    }
    Ok((outcome, after))
}

/// Publishes the commands of a transition that is stored under a kept claim, then settles them together with `after`.
async fn publish_stored(
    executor: &Executor,
    activeflow: &mut ClaimedActiveflow,
    stored: CommitOutcome,
    commands: &[Message],
    consumed: u32,
    after: &Disposition,
) -> Result<CommitOutcome, AbortReason> {
    if *after == Disposition::KeepClaim {
        publish(executor, commands).await?;
        activeflow.unsettled |= !commands.is_empty();
        activeflow.inbox.drain(..activeflow.inbox.len().min(consumed as usize));
        activeflow.control = None;
        return Ok(stored);
    }
    if let CommitOutcome::ClaimKept { version } = stored {
        activeflow.version = version;
    }
    publish(executor, commands).await?;
    let outcome = finish(executor, &activeflow.claim, activeflow.version, after).await?;
    activeflow.unsettled = false;
    Ok(outcome)
}

/// Ends an activeflow whose data cannot be read, whose step panics or whose step produces too much: a retry would fail
/// again. Its reference becomes free, and early inputs that would start an activeflow are delivered again.
async fn fail(
    executor: &Executor,
    activeflow: &mut ClaimedActiveflow,
    bundle: &Bundle,
    failure: TurnFailure,
) -> Result<(CommitOutcome, Disposition), AbortReason> {
    let TurnFailure { consumed, note, .. } = failure;
    tracing::error!(
        activeflow_id = %activeflow.claim.id,
        flow_name = activeflow.spec.flow.name,
        action_id = note.action_id,
        what = note.what.as_str(),
        detail = common::mask::masked(&note.detail.to_string()),
        "Activeflow ended: it cannot be executed"
    );
    let (id, spec) = (activeflow.claim.id, &activeflow.spec);
    let cursor = match activeflow.body.as_slice() {
        [] => Some(Cursor::new(bundle, spec.identity(id))),
        // What is needed here is not in the trigger, which may be the damaged part.
        body => read_cursor_alone(id, spec, body).ok(),
    };
    let release = cursor.as_ref().and_then(|cursor| cursor.line_release(bundle));
    let to_message = |command: flow::step::Command| message(id, spec, &command, note.at);
    let commands: Vec<Message> = release.map(to_message).into_iter().collect();
    let transition = Transition {
        body: activeflow.body.clone(),
        consumed,
        commands: commands.iter().map(Message::to_bytes).collect(),
        journal: Some(journal(activeflow.version, note.at, vec![note], executor.ports.work.written_format())),
        control: activeflow.control.clone(),
        early: cursor.as_ref().map(early_inputs).unwrap_or_default(),
        ..Transition::default()
    };
    let decision = Decision {
        transition: Some(transition),
        commands,
        messages: BTreeMap::new(),
        after: Disposition::End { rest: cursor.as_ref().map(redelivered).unwrap_or_default() },
        ending: Some("failed".into()),
        started: false,
        failures: Vec::new(),
        unused: Vec::new(),
        actions: Vec::new(),
    };
    perform(executor, activeflow, decision).await
}

fn outcome_of(after: &Disposition) -> AdvanceOutcome {
    match after {
        Disposition::Park { .. } => AdvanceOutcome::Parked,
        Disposition::Pause => AdvanceOutcome::Paused,
        Disposition::Yield | Disposition::KeepClaim => AdvanceOutcome::Yielded,
        Disposition::End { .. } => AdvanceOutcome::Ended,
    }
}

#[cfg(test)]
mod tests;
