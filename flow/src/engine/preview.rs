//! A read-only preview of a cursor: the current action, and the actions that may follow.
//!
//! The actions that follow are the rest of every frame, the top one first. An action on the straight path is certain.
//! An action after a branch, or one that only an error or a jump back reaches, is conditional.

use super::cursor::{Cursor, CursorState, Frame};
use crate::program::{Bundle, Flow, NextNode, Node, ReservedId};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Maximum number of pending actions in a preview.
pub const MAX_PENDING: usize = 1_000;

/// An action of a flow, as in its document.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub id: String,
    pub kind: &'static str,
    pub option: Value,
    /// The action after it; `None` at the end of its flow.
    pub next_id: Option<String>,
    /// Whether the action is conditional: it follows a branch, or only an error or a jump back reaches it.
    pub conditional: bool,
}

/// The current action, or the last one when the activeflow has ended. `None` in a flow without actions.
pub fn current(bundle: &Bundle, cursor: &Cursor) -> Option<Planned> {
    let frame = cursor.frames.last()?;
    let flow = bundle.flow(&frame.flow)?;
    Some(planned(flow, flow.position(&frame.at)?, false))
}

/// The inputs that end the current wait: event types, `command.completed` for outstanding replies, `timer` for a
/// deadline. Empty when the cursor does not wait.
pub fn waiting_for(bundle: &Bundle, cursor: &Cursor) -> Vec<String> {
    let Some(wait) = cursor.wait.as_ref().filter(|_| cursor.ended.is_none()) else { return Vec::new() };
    let node = cursor.frames.last().and_then(|frame| bundle.flow(&frame.flow)?.node(&frame.at));
    let heard = node.map_or(&[] as &[&str], |node| node.action.hears()).iter().copied();
    let answers = (!wait.commands.is_empty()).then_some("command.completed");
    let timer = wait.until.map(|_| "timer");
    heard.chain(answers).chain(timer).map(str::to_owned).collect()
}

/// Every action that may still run after the current one.
pub fn pending(bundle: &Bundle, cursor: &Cursor) -> Vec<Planned> {
    let mut pending = Vec::new();
    if matches!(cursor.state(), CursorState::Ended(_)) {
        return pending;
    }
    let mut conditional = false;
    for frame in cursor.frames.iter().rev() {
        let Some(flow) = bundle.flow(&frame.flow) else { return pending };
        let Some(at) = flow.position(&frame.at) else { return pending };
        let ahead = ahead(flow, at);
        let of_frame = ahead.certain.iter().map(|index| (*index, conditional));
        let of_frame = of_frame.chain(ahead.perhaps.iter().map(|index| (*index, true)));
        for (index, conditional) in of_frame {
            if pending.len() == MAX_PENDING {
                return pending;
            }
            pending.push(planned(flow, index, conditional));
        }
        match ahead.leaves {
            Leaves::Never => return pending,
            Leaves::Perhaps => conditional = true,
            Leaves::Surely => {}
        }
    }
    pending
}

/// The ids that `forward` accepts now: those of the top flow, then of its callers; before the first step, of the main
/// flow.
pub fn jumps(bundle: &Bundle, cursor: Option<&Cursor>) -> Vec<String> {
    let frames = cursor.map_or(&[] as &[Frame], |cursor| &cursor.frames);
    let main = frames.is_empty().then(|| bundle.main());
    let flows = frames.iter().rev().filter_map(|frame| bundle.flow(&frame.flow)).chain(main);
    let mut seen = BTreeSet::new();
    flows
        .flat_map(|flow| &flow.nodes)
        .filter(|node| seen.insert(node.id.as_str()))
        .map(|node| node.id.clone())
        .collect()
}

/// The options of the action with this id and type, as in its document. Searches the main flow, then the subroutines.
pub fn option(bundle: &Bundle, id: &str, kind: &str) -> Option<Value> {
    let mut nodes = bundle.all().filter_map(|flow| flow.node(id));
    nodes.find(|node| node.kind.name == kind).map(|node| node.option.clone())
}

/// Results of the latest run of an action, while its flow is on the stack.
pub fn outputs<'a>(cursor: &'a Cursor, id: &str) -> Option<&'a Map<String, Value>> {
    cursor.frames.iter().rev().find_map(|frame| frame.results.get(id))
}

/// Whether an id is reserved: the start or end of the flow, the next action, or the end of the activeflow.
pub fn is_reserved(id: &str) -> bool {
    ReservedId::of(id).is_some()
}

/// The actions after one action of a flow.
struct Ahead {
    /// In the order in which they run.
    certain: Vec<usize>,
    /// In the order of the document.
    perhaps: BTreeSet<usize>,
    leaves: Leaves,
}

/// Whether the flow reaches its end and returns to its caller.
#[derive(Clone, Copy)]
enum Leaves {
    Surely,
    Perhaps,
    Never,
}

fn ahead(flow: &Flow, at: usize) -> Ahead {
    let mut certain = Vec::new();
    let mut seen = BTreeSet::from([at]);
    let mut last = at;
    let leaves_surely = loop {
        match straight(flow, last) {
            Some(NextNode::Node(index)) if seen.insert(index) => {
                certain.push(index);
                last = index;
            }
            onward => break onward == Some(NextNode::Return),
        }
    };
    let mut perhaps = BTreeSet::new();
    let mut leaves_perhaps = false;
    let mut open: Vec<usize> = seen.iter().copied().collect();
    while let Some(index) = open.pop() {
        for onward in exits(flow, index) {
            match onward {
                NextNode::Node(next) if !seen.contains(&next) && perhaps.insert(next) => open.push(next),
                NextNode::Return => leaves_perhaps = true,
                NextNode::Node(_) | NextNode::End => {}
            }
        }
    }
    let leaves = match (leaves_surely, leaves_perhaps) {
        (true, _) => Leaves::Surely,
        (false, true) => Leaves::Perhaps,
        (false, false) => Leaves::Never,
    };
    Ahead { certain, perhaps, leaves }
}

/// The only node after an action; `None` after a decision and at the end.
fn straight(flow: &Flow, index: usize) -> Option<NextNode> {
    let node = flow.nodes.get(index)?;
    match (node.action.passes(), node.action.targets().as_slice()) {
        (true, []) => Some(node.next),
        (false, [(_, target)]) => Some(flow.resolve(index, target)),
        _ => None,
    }
}

/// Every node after an action, including those after an error.
fn exits(flow: &Flow, index: usize) -> Vec<NextNode> {
    let Some(node) = flow.nodes.get(index) else { return Vec::new() };
    let targets = node.action.targets().into_iter().map(|(_, target)| flow.resolve(index, target));
    let on_error = node.on_error_target().map(|target| flow.resolve(index, target));
    let next = node.action.passes().then_some(node.next);
    targets.chain(on_error).chain(next).collect()
}

fn planned(flow: &Flow, index: usize, conditional: bool) -> Planned {
    let Node { id, kind, option, next, .. } = &flow.nodes[index];
    let next_id = match next {
        NextNode::Node(next) => flow.nodes.get(*next).map(|node| node.id.clone()),
        NextNode::Return | NextNode::End => None,
    };
    Planned { id: id.clone(), kind: kind.name, option: option.clone(), next_id, conditional }
}
