//! The walk of the cursor: from action to action, into subroutines and back, until it waits, yields or ends.

use super::cursor::{Early, Ending, Frame};
use super::effect::Effect;
use super::note::NoteKind;
use super::run::Run;
use crate::json::encoded_len;
use crate::limits;
use crate::program::{
    Category, Context, ErrorPolicy, Failure, Next, NextNode, Node, OnError, Reaction, ReservedId, Signal,
    Wait,
};
use serde_json::{Map, Value, json};

/// Execution of actions.
impl<'a> Run<'a> {
    pub fn proceed(&mut self) {
        for done in 0..self.actions {
            if self.rests() {
                return;
            }
            if self.work.is_exhausted() {
                return self.note(NoteKind::Yielded, because_of_work());
            }
            let has_whole_budget = self.work.is_unused();
            self.execute();
            if self.work.is_exhausted() && !has_whole_budget {
                self.overrun = Some(done);
                return;
            }
        }
        match self.rests() {
            true => {}
            false if self.yields_for_work => self.note(NoteKind::Yielded, because_of_work()),
            // A smaller limit is the caller's choice and needs no note.
            false if self.actions == limits::ACTIONS_PER_STEP => self.note(NoteKind::Yielded, Value::Null),
            false => {}
        }
    }

    fn rests(&self) -> bool {
        self.cursor.ended.is_some() || self.cursor.wait.is_some()
    }

    fn execute(&mut self) {
        let Some(node) = self.node() else { return self.lost() };
        if let Some(limit) = self.limit_before(node) {
            return self.end(limit, None);
        }
        self.note(NoteKind::Entered, Value::Null);
        if node.kind.category == Category::Voice && !self.cursor.is_of_a_call() {
            self.note(NoteKind::Skipped, json!({ "because": "there is no call" }));
            return self.follow(node, Ok(Next::Proceed));
        }
        let next = node.action.enter(self);
        self.follow(node, next);
    }

    fn limit_before(&mut self, node: &Node) -> Option<&'static str> {
        let key = format!("{}/{}", self.cursor.frames.last().map_or("", |frame| &frame.flow), node.id);
        let repeated = self.cursor.repeated.entry(key).or_insert(0);
        if *repeated >= limits::LOOP {
            return Some("limit.loop");
        }
        *repeated += 1;
        if self.cursor.executed >= limits::ACTIONS {
            return Some("limit.actions");
        }
        self.cursor.executed += 1;
        None
    }

    /// Moves the cursor from `node`.
    pub fn follow(&mut self, node: &'a Node, next: Result<Next, Failure>) {
        self.cursor.wait = None;
        match next {
            Ok(Next::Proceed) => self.go(node.next),
            Ok(Next::Jump(target)) => self.jump(&target),
            Ok(Next::Wait(wait)) => self.rest_on(node, wait),
            Ok(Next::CallFlow { flow, arguments }) => self.call(node, flow, arguments),
            Ok(Next::Finish) => self.end("finished", None),
            Err(failure) => self.fail(node, failure),
        }
        if self.changed && self.cursor.ended.is_none() {
            self.measure();
        }
    }

    /// Ends the wait of `node` and moves on.
    pub fn complete(&mut self, node: &'a Node, next: Next) {
        self.note(NoteKind::Completed, Value::Null);
        self.follow(node, Ok(next));
    }

    fn fail(&mut self, node: &'a Node, failure: Failure) {
        let failure = Failure { action_id: Some(node.id.clone()), ..failure };
        self.note(NoteKind::Failed, json!({ "code": failure.code, "message": failure.message }));
        self.cursor.error = Some(failure.clone());
        self.cursor.failed = self.cursor.failed.saturating_add(1);
        match (&node.on_error, node.kind.on_error) {
            (Some(OnError::Stop), _) | (None, ErrorPolicy::Stop) => self.end("failed", Some(failure)),
            (Some(OnError::Continue), _) | (None, ErrorPolicy::Continue) => self.go(node.next),
            (Some(OnError::Jump(target)), _) => self.jump(target),
        }
    }

    /// Starts a wait, and passes it the early events first.
    fn rest_on(&mut self, node: &'a Node, wait: Wait) {
        self.cursor.waits = self.cursor.waits.saturating_add(1);
        // Only an input ends the wait, so the counts start again.
        self.cursor.repeated.clear();
        let last = self.cursor.started_at.map(|started| started.plus_millis(limits::LIFETIME_MS));
        let until = wait.until.map(|until| last.map_or(until, |last| until.min(last)));
        self.note(NoteKind::Waiting, json!({ "wait": self.cursor.waits, "until": until }));
        self.cursor.wait = Some(Wait { id: self.cursor.waits, until, ..wait });
        let mut index = 0;
        while let Some(early) = self.cursor.early.get(index).cloned() {
            match node.action.take(self, Signal::Event(&early.event)) {
                Ok(Reaction::Ignored) => {
                    index += 1;
                    continue;
                }
                Ok(Reaction::Consumed) => {
                    self.cursor.early.remove(index);
                    continue;
                }
                Ok(Reaction::Done(next)) => {
                    self.cursor.early.remove(index);
                    self.complete(node, next);
                }
                Ok(Reaction::DoneWithRemainder(next, left)) => {
                    self.cursor.early.remove(index);
                    self.keep_early(index, Early { event: left, start: early.start });
                    self.complete(node, next);
                }
                Err(failure) => {
                    self.cursor.early.remove(index);
                    self.follow(node, Err(failure));
                }
            }
            return;
        }
    }

    fn call(&mut self, node: &'a Node, key: String, arguments: Map<String, Value>) {
        if self.cursor.frames.len() >= limits::DEPTH {
            return self.end("limit.depth", None);
        }
        let Some(flow) = self.bundle.flow(&key) else {
            return self
                .fail(node, Failure::new("unknown_flow", format!("the flow `{key}` is not in the bundle")));
        };
        let mut variables = flow.variables.clone();
        variables.extend(arguments);
        self.changed = true;
        self.cursor.frames.push(Frame { flow: key, at: flow.first(), variables, ..Frame::default() });
        if flow.nodes.is_empty() {
            self.leave_frame();
        }
    }
}

fn because_of_work() -> Value {
    json!({ "because": "work" })
}

/// Moves of the cursor.
impl<'a> Run<'a> {
    pub fn jump(&mut self, target: &str) {
        let (Some(flow), current) = (self.flow(), self.node()) else { return self.lost() };
        match ReservedId::of(target) {
            Some(ReservedId::End) => self.end("finished", None),
            Some(ReservedId::Start) => self.go(NextNode::Node(0)),
            Some(ReservedId::Finish) => self.leave_frame(),
            Some(ReservedId::Next) => self.go(current.map_or(NextNode::Return, |node| node.next)),
            None => match flow.position(target) {
                Some(index) => self.go(NextNode::Node(index)),
                None => self.lost(),
            },
        }
    }

    fn go(&mut self, next: NextNode) {
        let Some(flow) = self.flow() else { return self.lost() };
        let node = match next {
            NextNode::Node(index) => flow.nodes.get(index),
            NextNode::Return => return self.leave_frame(),
            NextNode::End => return self.end("finished", None),
        };
        let (Some(node), Some(frame)) = (node, self.cursor.frames.last_mut()) else { return self.lost() };
        frame.at.clone_from(&node.id);
        if !frame.loops.is_empty() {
            frame.loops.retain(|goto, _| flow.is_in_loop_of(goto, &node.id));
        }
    }

    /// The top flow has ended: returns to its caller, or ends the activeflow.
    pub fn leave_frame(&mut self) {
        let [.., caller, _] = self.cursor.frames.as_slice() else { return self.end("finished", None) };
        let Some(node) = self.bundle.flow(&caller.flow).and_then(|flow| flow.node(&caller.at)) else {
            return self.lost();
        };
        let results = node.action.leave(self);
        self.cursor.frames.pop();
        self.note(NoteKind::Completed, Value::Null);
        match results {
            Ok(results) => {
                for (name, value) in results {
                    self.result(&name, value.clone());
                    self.set(&name, value);
                }
                self.go(node.next);
            }
            Err(failure) => self.fail(node, failure),
        }
    }

    fn measure(&mut self) {
        self.changed = false;
        let frames = self.cursor.frames.iter();
        let sizes = frames.map(|frame| encoded_len(&frame.variables) + encoded_len(&frame.results));
        let size = sizes.sum::<usize>() + encoded_len(&self.cursor.message);
        self.work.count(size / 4);
        if size > limits::VARIABLES {
            self.end("limit.variables", None);
        }
    }

    /// The cursor names an action that the bundle does not contain: the activeflow ends.
    pub fn lost(&mut self) {
        let at = self.cursor.current_action().unwrap_or_default().to_owned();
        let message = format!("the action `{at}` is not in the bundle");
        self.end("failed", Some(Failure { action_id: Some(at), ..Failure::new("unknown_action", message) }));
    }

    pub fn end(&mut self, reason: &str, error: Option<Failure>) {
        self.cursor.wait = None;
        self.cursor.repeated.clear();
        let release = if reason == "hangup" { None } else { self.cursor.line_release(self.bundle) };
        let releases = release.is_some();
        if let Some(command) = release {
            self.cursor.sequence = command.sequence;
            self.cursor.hung_up = true;
            self.effects.push(Effect::Command(command));
        }
        let detail =
            if releases { json!({ "reason": reason, "hung_up": true }) } else { json!({ "reason": reason }) };
        self.note(NoteKind::Ended, detail);
        self.cursor.ended = Some(Ending { reason: reason.to_owned(), error });
    }
}
