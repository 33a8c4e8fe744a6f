//! The requests: how the history shows them, what they touch, and what the audit learns from them.

use super::super::process::Process;
use super::super::simulation::{LEASE, Simulation};
use super::super::upgrade::Touch;
use super::short;
use common::ports::catalogue::{Published, RouteTransitionRecord};
use common::ports::intake::{Delivered, Destination};
use common::ports::intercepted::Operation;
use common::ports::work::Claimed;
use std::any::Any;
use std::sync::Arc;

/// The arguments of `operation` as the history shows them.
pub fn arguments(operation: &Operation) -> String {
    match operation {
        Operation::Deliver { event } => event.kind.clone(),
        Operation::Claim { shard, nonce, .. } => format!("{shard} nonce {nonce}"),
        Operation::Commit { claim, version, .. } | Operation::Finish { claim, version, .. } => {
            format!("{} at {version}", short(claim.id))
        }
        Operation::Release { claim } => short(claim.id),
        Operation::Sweep { shard, dead } => format!("{shard} for {} dead", dead.len()),
        Operation::Heartbeat { me, .. } => me.heartbeats.to_string(),
        Operation::Publish { publication } => publication.definitions.generation.to_string(),
        Operation::Definitions { than } => format!("newer than {than}"),
        Operation::RecordRouteTransition { transition }
        | Operation::RouteTransitionPublished { transition } => transition.transition.to_string(),
        Operation::Get { id } => short(*id),
        Operation::Control { id, control } | Operation::ControlOnce { id, control, .. } => {
            format!("{control:?} of {}", short(*id))
        }
        Operation::Feed { shard, .. } | Operation::Trim { shard, .. } => shard.to_string(),
        Operation::CountAttempt { .. }
        | Operation::Depth { .. }
        | Operation::Leave { .. }
        | Operation::Members {}
        | Operation::Bundle { .. }
        | Operation::Now {}
        | Operation::RouteTransitions {}
        | Operation::List { .. } => String::new(),
    }
}

/// The records that `operation` reads or writes.
pub fn touch(operation: &Operation) -> Touch {
    match operation {
        Operation::Deliver { event } => match &event.to {
            Destination::Activeflow { id, .. } => Touch::One(*id),
            Destination::Reference { key, .. } => Touch::Owner(*key),
        },
        Operation::Claim { shard, .. } | Operation::Sweep { shard, .. } => Touch::Shard(*shard),
        Operation::Commit { claim, .. } | Operation::Finish { claim, .. } | Operation::Release { claim } => {
            Touch::One(claim.id)
        }
        Operation::Get { id } | Operation::Control { id, .. } | Operation::ControlOnce { id, .. } => {
            Touch::One(*id)
        }
        _ => Touch::Nothing,
    }
}

/// Tells the audit about `operation` before it takes effect.
pub fn before(simulation: &Simulation, operation: &Operation) {
    let now = simulation.time.now();
    simulation.audit(|audit| match operation {
        Operation::Sweep { dead, .. } => audit.declared_dead(dead, now, LEASE),
        Operation::Heartbeat { me, .. } => audit.heartbeat(me.id, now),
        Operation::RouteTransitionPublished { transition } => audit.route_transition_marked(transition),
        _ => {}
    });
}

/// Tells the audit about `operation` and its answer.
pub fn after(simulation: &Arc<Simulation>, process: &Arc<Process>, operation: &Operation, answer: &dyn Any) {
    if let (Operation::Deliver { event }, Some(Delivered::Unmatched | Delivered::Copy)) =
        (operation, answer.downcast_ref())
    {
        simulation.audit(|audit| audit.unheard(&event.input));
    } else if let Some(Claimed::Rows { rows, .. }) = answer.downcast_ref() {
        let claimed: Vec<_> = rows.iter().map(|row| &row.record.spec.reference).collect();
        simulation.kill_if_poisonous(process, &claimed);
    } else if let (Operation::Deliver { event }, Some(Delivered::Applied { claimed: Some(_), .. })) =
        (operation, answer.downcast_ref())
    {
        if let Destination::Reference { owner: Some(start), .. } = &event.to {
            simulation.kill_if_poisonous(process, &[&start.spec.reference]);
        }
    } else if let (Operation::Publish { publication }, Some(published)) =
        (operation, answer.downcast_ref::<Published>())
    {
        simulation.audit(|audit| audit.published(publication, *published));
    } else if let Some(record) = answer.downcast_ref::<RouteTransitionRecord>() {
        let latest = simulation.latest_store_time();
        simulation.audit(|audit| audit.route_transition_recorded(record, latest));
    }
}
