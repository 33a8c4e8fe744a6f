//! A compiled flow: its actions in order, each with its successor.

use super::action_type::{Action, CatalogueEntry};
use crate::class::Class;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One document, compiled.
#[derive(Debug)]
pub(crate) struct Flow {
    /// The flow's id; for a subroutine, the id or name that the call uses.
    pub key: String,
    pub name: String,
    pub class: Class,
    pub trigger: Option<String>,
    pub variables: Map<String, Value>,
    pub nodes: Vec<Node>,
    /// Whether the call goes on after the end of the flow.
    pub leaves_line: bool,
    index: BTreeMap<String, usize>,
    /// The actions in the loop of each counting `goto`.
    loops: BTreeMap<String, BTreeSet<usize>>,
}

/// One action.
#[derive(Debug)]
pub(crate) struct Node {
    pub id: String,
    /// JSON pointer into the document.
    pub pointer: String,
    pub kind: &'static CatalogueEntry,
    pub action: Box<dyn Action>,
    /// The options as in the document, for display.
    pub option: Value,
    pub next: NextNode,
    pub on_error: Option<OnError>,
}

/// Successor of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextNode {
    Node(usize),
    /// Return to the caller, or end the main flow.
    Return,
    /// The end of the activeflow.
    End,
}

/// An action's `on_error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    Stop,
    Continue,
    Jump(String),
}

/// Reserved target ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReservedId {
    End,
    Start,
    Finish,
    Next,
}

impl Node {
    /// The action id in `on_error`, if it is one.
    pub fn on_error_target(&self) -> Option<&str> {
        match &self.on_error {
            Some(OnError::Jump(target)) => Some(target),
            _ => None,
        }
    }
}

impl ReservedId {
    pub fn of(id: &str) -> Option<ReservedId> {
        match id.strip_prefix("00000000-0000-0000-0000-00000000000")? {
            "0" => Some(ReservedId::End),
            "1" => Some(ReservedId::Start),
            "2" => Some(ReservedId::Finish),
            "3" => Some(ReservedId::Next),
            _ => None,
        }
    }
}

/// Maximum number of actions in all counted loops together. Further loops do not reset their count on leaving.
const MAX_LOOP_MEMBERS: usize = 1_000_000;

impl Flow {
    pub fn new(
        key: &str,
        name: String,
        class: Class,
        trigger: Option<String>,
        variables: Map<String, Value>,
        nodes: Vec<Node>,
    ) -> Flow {
        let index = nodes.iter().enumerate().rev().map(|(i, node)| (node.id.clone(), i)).collect();
        let mut flow = Flow {
            key: key.to_owned(),
            name,
            class,
            trigger,
            variables,
            nodes,
            leaves_line: false,
            index,
            loops: BTreeMap::new(),
        };
        flow.loops = flow.counted_loops();
        flow
    }

    /// The id of the first action; empty without any.
    pub fn first(&self) -> String {
        self.nodes.first().map(|node| node.id.clone()).unwrap_or_default()
    }

    pub fn position(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(self.position(id)?)
    }

    /// Whether the loop of `goto` contains the action `id`.
    pub fn is_in_loop_of(&self, goto: &str, id: &str) -> bool {
        match (self.loops.get(goto), self.position(id)) {
            (Some(body), Some(index)) => body.contains(&index),
            _ => true,
        }
    }

    /// The actions to which the cursor can go from the action at `index`.
    pub fn successors(&self, index: usize) -> BTreeSet<usize> {
        let Some(node) = self.nodes.get(index) else { return BTreeSet::new() };
        let passes = node.action.passes() || matches!(node.on_error, Some(OnError::Continue));
        let next = passes.then_some(node.next).into_iter();
        let on_error = node.on_error_target().map(|target| self.resolve(index, target));
        let targets = node
            .action
            .targets()
            .into_iter()
            .map(|(_, target)| self.resolve(index, target))
            .collect::<Vec<_>>();
        let all = next.chain(on_error).chain(targets);
        all.filter_map(|next| if let NextNode::Node(index) = next { Some(index) } else { None }).collect()
    }

    /// The node of a target id, as seen from the action at `index`.
    pub fn resolve(&self, index: usize, target: &str) -> NextNode {
        match ReservedId::of(target) {
            Some(ReservedId::End) => NextNode::End,
            Some(ReservedId::Start) => NextNode::Node(0),
            Some(ReservedId::Finish) => NextNode::Return,
            Some(ReservedId::Next) => self.nodes.get(index).map_or(NextNode::Return, |node| node.next),
            None => self.position(target).map_or(NextNode::Return, NextNode::Node),
        }
    }

    /// The bodies of counted loops. A body is every action that leads to the `goto` without passing its target, found
    /// backwards from the `goto`.
    fn counted_loops(&self) -> BTreeMap<String, BTreeSet<usize>> {
        let counting: Vec<(usize, &str)> = self
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(i, node)| Some((i, node.action.counted_target()?)))
            .collect();
        if counting.is_empty() {
            return BTreeMap::new();
        }
        let mut before = vec![Vec::new(); self.nodes.len()];
        for index in 0..self.nodes.len() {
            for next in self.successors(index) {
                before[next].push(index);
            }
        }
        let mut left = MAX_LOOP_MEMBERS;
        let mut loops = BTreeMap::new();
        for (goto, target) in counting {
            let NextNode::Node(head) = self.resolve(goto, target) else { continue };
            let mut body = BTreeSet::from([head, goto]);
            let mut open = if head == goto { vec![] } else { vec![goto] };
            while let Some(index) = open.pop() {
                open.extend(before[index].iter().filter(|index| body.insert(**index)));
            }
            if body.len() > left {
                break;
            }
            left -= body.len();
            loops.insert(self.nodes[goto].id.clone(), body);
        }
        loops
    }
}
