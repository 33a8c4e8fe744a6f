//! Checks of a whole flow: unreachable actions, loops, variables, actions that need a call.

use super::fields;
use crate::class::Class;
use crate::finding::{self, Report, did_you_mean};
use crate::program::expression::{RESERVED, Template};
use crate::program::{Category, Flow, NextNode, Node, options};
use serde_json::Value;
use std::collections::BTreeSet;

/// `trigger` is the flow's own, or the main flow's when this flow is a subroutine.
pub(crate) fn check(flow: &Flow, document: &Value, trigger: Option<&str>, report: &mut Report) {
    for node in &flow.nodes {
        against_trigger(flow, node, trigger, report);
    }
    variables(flow, document, report);
    // Errors leave gaps in the graph; findings that follow from gaps would distract.
    if !report.has_errors() {
        unreachable(flow, report);
        loops(flow, report);
    }
}

fn against_trigger(flow: &Flow, node: &Node, trigger: Option<&str>, report: &mut Report) {
    let pointer = format!("{}/type", node.pointer);
    let has_call = match trigger {
        Some(trigger) => trigger.starts_with("call."),
        None => flow.class == Class::Voice,
    };
    if node.kind.category == Category::Voice && !has_call {
        let why = trigger.map_or("the flow's type has no calls".to_owned(), |trigger| {
            format!("the flow is started by `{trigger}`")
        });
        let what = format!("`{}` needs a call, but {why}.", node.kind.name);
        report.add(
            finding::FAMILY,
            pointer,
            what,
            "Remove the action, or start the flow by `call.incoming`.",
        );
    } else if let (Some(needed), Some(trigger)) = (node.action.needs_trigger(), trigger)
        && needed != trigger
    {
        let what =
            format!("`{}` waits for `{needed}`, but the flow is started by `{trigger}`.", node.kind.name);
        report.add(
            finding::NEEDS_TRIGGER,
            pointer,
            what,
            format!("Use it in a flow whose trigger is `{needed}`."),
        );
    }
}

fn variables(flow: &Flow, document: &Value, report: &mut Report) {
    let set = flow.nodes.iter().flat_map(|node| node.action.sets()).filter_map(|name| name.split('.').next());
    let own: BTreeSet<&str> = flow.variables.keys().map(String::as_str).chain(set).collect();
    for node in &flow.nodes {
        let pointer = format!("{}/option", node.pointer);
        let mut found = Vec::new();
        if let Some(option) = document.pointer(&pointer) {
            options::templates(option, &pointer, &mut found);
        }
        // The results of a subroutine are evaluated in the called flow.
        let results = format!("{pointer}/results/");
        let in_place = found.iter().filter(|(at, _)| !at.starts_with(&results));
        let bare = node.action.reads().into_iter().map(|template| (&pointer, template));
        let all = in_place.map(|(at, template)| (at, template)).chain(bare);
        let all: Vec<(&String, &Template)> = all.collect();
        for (at, template) in &all {
            comparisons(flow, at, template, report);
        }
        let reads: BTreeSet<(&String, &[String])> = all
            .iter()
            .flat_map(|(at, template)| template.reads().into_iter().map(move |path| (*at, path)))
            .collect();
        for (at, path) in reads {
            check_path(flow, at, path, &own, report);
        }
    }
}

/// Comparisons that can only fail when the flow runs.
fn comparisons(flow: &Flow, at: &str, template: &Template, report: &mut Report) {
    let action_type = |id: &str| flow.node(id).map(|node| node.kind.name);
    for mistake in template.mistakes(&|path| fields::kind(path, action_type)) {
        let help = "Write the number in quotes, or convert the text with the filter `int`.";
        report.add(finding::INCOMPARABLE, at, format!("{}.", capitalized(&mistake)), help);
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn check_path(flow: &Flow, at: &str, path: &[String], own: &BTreeSet<&str>, report: &mut Report) {
    let Some(root) = path.first().map(String::as_str).filter(|_| !report.is_full()) else { return };
    let name = path.join(".");
    if root == "actions" {
        if let Some(id) = path.get(1).filter(|id| flow.position(id).is_none()) {
            let help = did_you_mean(id, flow.nodes.iter().map(|node| node.id.as_str()));
            report.add(
                finding::UNKNOWN_VARIABLE,
                at,
                format!("`{name}` names the action `{id}`, which does not exist."),
                help,
            );
        }
    } else if RESERVED.contains(&root) {
        let family =
            flow.trigger.as_deref().and_then(|trigger| trigger.split_once('.')).map(|(family, _)| family);
        if let Some(family) =
            family.filter(|family| ["call", "message", "sim"].contains(&root) && *family != root)
        {
            let what = format!("`{name}` is always empty: a `{family}.*` event starts the flow.");
            report.add(finding::ABSENT_CONTEXT, at, what, "Use `event.data.*`, or another trigger.");
        } else if let Some(help) = fields::unknown(path, flow.trigger.as_deref()) {
            report.add(finding::UNKNOWN_FIELD, at, format!("`{name}` is no field of `{root}`."), help);
        }
    } else if !own.contains(root) && flow.trigger.is_some() {
        let help = did_you_mean(root, own.iter().copied().chain(RESERVED.iter().copied()));
        report.add(finding::UNKNOWN_VARIABLE, at, format!("Nothing sets the variable `{name}`."), help);
    } else if !own.contains(root) {
        let help = "Declare it under `variables`, with the value it has when the caller gives none.";
        report.add(finding::UNDECLARED, at, format!("`{name}` is not declared."), help);
    }
}

fn unreachable(flow: &Flow, report: &mut Report) {
    let mut reached = BTreeSet::new();
    let mut open = if flow.nodes.is_empty() { vec![] } else { vec![0] };
    while let Some(index) = open.pop() {
        if reached.insert(index) {
            open.extend(flow.successors(index));
        }
    }
    for (index, node) in flow.nodes.iter().enumerate().filter(|(index, _)| !reached.contains(index)) {
        let before = if index == 0 {
            String::new()
        } else {
            format!(" The action before it, `{}`, goes elsewhere.", flow.nodes[index - 1].id)
        };
        let what = format!("Nothing leads to `{}`.{before}", node.id);
        report.add(finding::UNREACHABLE, node.pointer.clone(), what, "Use it as a target, or remove it.");
    }
}

/// Removes pausing actions and actions outside loops. The remaining ones can loop without an input.
fn loops(flow: &Flow, report: &mut Report) {
    let successors: Vec<BTreeSet<usize>> = (0..flow.nodes.len())
        .map(|index| {
            let node = &flow.nodes[index];
            let mut next = if node.action.pauses() { BTreeSet::new() } else { flow.successors(index) };
            if let Some(NextNode::Node(counted)) =
                node.action.counted_target().map(|target| flow.resolve(index, target))
            {
                next.remove(&counted);
            }
            next
        })
        .collect();
    let circling = in_circles(&successors);
    let Some(first) = circling.first() else { return };
    let has_way_out = circling.iter().any(|index| {
        let node = &flow.nodes[*index];
        let leaves = node.action.passes() && !matches!(node.next, NextNode::Node(_));
        let ends = node
            .action
            .targets()
            .iter()
            .any(|(_, target)| !matches!(flow.resolve(*index, target), NextNode::Node(_)));
        leaves || ends || successors[*index].iter().any(|next| !circling.contains(next))
    });
    let ids = circling
        .iter()
        .take(8)
        .map(|index| format!("`{}`", flow.nodes[*index].id))
        .collect::<Vec<_>>()
        .join(", ");
    let code = if has_way_out { finding::UNPACED_LOOP } else { finding::ENDLESS_LOOP };
    let what = format!("These actions can loop without waiting for anything: {ids}.");
    report.add(
        code,
        flow.nodes[*first].pointer.clone(),
        what,
        "Add a `loop_count` to the `goto`, or an action that waits to the loop.",
    );
}

/// The rest of a graph after removing, repeatedly, every node without a predecessor or without a successor.
fn in_circles(successors: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut before = vec![BTreeSet::new(); successors.len()];
    for (index, next) in successors.iter().enumerate() {
        for next in next {
            before[*next].insert(index);
        }
    }
    let forwards = without_dead_ends(successors, &before, (0..successors.len()).collect());
    without_dead_ends(&before, successors, forwards)
}

fn without_dead_ends(
    ways_on: &[BTreeSet<usize>],
    ways_in: &[BTreeSet<usize>],
    mut left: BTreeSet<usize>,
) -> BTreeSet<usize> {
    let mut count: Vec<usize> = ways_on.iter().map(|ways| ways.intersection(&left).count()).collect();
    let mut dead: Vec<usize> = left.iter().copied().filter(|index| count[*index] == 0).collect();
    while let Some(index) = dead.pop() {
        left.remove(&index);
        for before in ways_in[index].iter().filter(|before| left.contains(before)) {
            count[*before] -= 1;
            if count[*before] == 0 {
                dead.push(*before);
            }
        }
    }
    left
}
