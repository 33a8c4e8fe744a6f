//! Where a cursor stands and what may follow, for people who look: nothing here moves.
//!
//! What follows is the rest of every frame, the one on top first. On the way straight ahead an action is certain;
//! behind a branch, or where only an error or a jump back leads, it is conditional.

use super::cursor::{Cursor, Frame, Rest};
use crate::program::{Bundle, Flow, NextNode, Node, ReservedId};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// At most so many actions are told of as pending.
pub const MAX_PENDING: usize = 1_000;

/// An action of a flow, as its document has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub id: String,
    pub kind: &'static str,
    pub option: Value,
    /// Where it leads when it is done; `None` is out of its flow.
    pub next_id: Option<String>,
    /// Whether something is decided before it is reached.
    pub conditional: bool,
}

/// The action at which the cursor stands; the last one when it has ended. `None` in a flow without actions.
pub fn current(bundle: &Bundle, cursor: &Cursor) -> Option<Planned> {
    let frame = cursor.frames.last()?;
    let flow = bundle.flow(&frame.flow)?;
    Some(planned(flow, flow.position(&frame.at)?, false))
}

/// What ends the current wait: event types, `command.completed` for answers that are missing, `timer` for a deadline.
/// Empty when it does not wait.
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
    if matches!(cursor.rest(), Rest::Ended(_)) {
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

/// The ids that `forward` can name now: of the flow on top, then of those that called it; before the first step, of the
/// main flow.
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

/// The options of an action of this id and type, as its document has them: of the main flow first, then of those it calls.
pub fn option(bundle: &Bundle, id: &str, kind: &str) -> Option<Value> {
    let mut nodes = bundle.all().filter_map(|flow| flow.node(id));
    nodes.find(|node| node.kind.name == kind).map(|node| node.option.clone())
}

/// What the latest run of an action left behind, while its flow is on the stack.
pub fn outputs<'a>(cursor: &'a Cursor, id: &str) -> Option<&'a Map<String, Value>> {
    cursor.frames.iter().rev().find_map(|frame| frame.results.get(id))
}

/// Whether an id means something in every flow: its start, its end, the next action, the end of all.
pub fn is_reserved(id: &str) -> bool {
    ReservedId::of(id).is_some()
}

/// What lies behind one action of a flow.
struct Ahead {
    /// In the order in which they run.
    certain: Vec<usize>,
    /// In the order of the document.
    perhaps: BTreeSet<usize>,
    leaves: Leaves,
}

/// Whether the flow comes to its end, and so to the rest of its caller.
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

/// The one way on from an action; `None` where something is decided, and at the end.
fn straight(flow: &Flow, index: usize) -> Option<NextNode> {
    let node = flow.nodes.get(index)?;
    match (node.action.passes(), node.action.targets().as_slice()) {
        (true, []) => Some(node.next),
        (false, [(_, target)]) => Some(flow.resolve(index, target)),
        _ => None,
    }
}

/// Every way on from an action, those after an error too.
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
