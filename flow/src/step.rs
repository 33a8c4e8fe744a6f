//! One input moves the cursor: total, deterministic, no I/O.
//!
//! An input comes in by [`Run::take`], a table of what each means in each state. Actions that wait for nothing then run
//! one after another ([`Run::proceed`]), so that all their commands are one step. Where the cursor goes from an action
//! is decided in one place ([`Run::follow`]).

use crate::Timestamp;
use crate::actions::{Family, Heard, Next, Policy, Taken};
use crate::bundle::{Bundle, Node, OnError, Onward, Reserved};
use crate::cursor::{Cursor, Early, Ending, Failure, Frame, Input, Wait};
use crate::run::Run;
use crate::{Event, finding};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Limits of one activeflow. Each ends it with the reason `limit.<name>`.
pub mod limits {
    /// Executed actions.
    pub const ACTIONS: u32 = 10_000;
    /// Nested frames: the main flow and the subroutines above it.
    pub const DEPTH: usize = 32;
    /// Executions of the same action without an input in between.
    pub const LOOP: u32 = 1_000;
    /// Bytes of variables and results of all frames, as JSON.
    pub const VARIABLES: usize = 64 * 1024;
    /// Life since the first input, in milliseconds: 30 days.
    pub const LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
    /// Actions in one step; then it rests yielded.
    pub const ACTIONS_PER_STEP: u32 = 256;
}

/// What the outside is asked to do. Stored with the cursor before it is performed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    Command(Command),
}

/// A command to a gateway; its id is `<activeflow id>:<sequence>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Counts the activeflow's commands from 1.
    pub sequence: u32,
    /// CloudEvents type and routing key, for example `call.talk`.
    pub kind: String,
    pub action_id: String,
    pub data: Map<String, Value>,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
    /// What happened, in a fixed vocabulary: `started`, `entered`, `waiting`, `completed`, `skipped`, `failed`,
    /// `forwarded`, `early`, `dropped`, `empty_variable`, `command_failed`, `unknown_action`, `yielded`, `ended`.
    pub what: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub detail: Value,
}

/// The outcome of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub cursor: Cursor,
    pub effects: Vec<Effect>,
    pub notes: Vec<Note>,
}

/// Moves `cursor` by one input. An input that is late, doubled or unexpected changes nothing.
pub fn step(bundle: &Bundle, cursor: Cursor, input: Input, now: Timestamp) -> Step {
    let mut run = Run { bundle, cursor, effects: Vec::new(), notes: Vec::new(), now, changed: false };
    if run.cursor.ended.is_none() {
        run.take(input);
    }
    Step { cursor: run.cursor, effects: run.effects, notes: run.notes }
}

const HANGUP: &str = "call.hangup";

/// What comes in.
impl<'a> Run<'a> {
    fn take(&mut self, input: Input) {
        let started = self.cursor.started_at.is_some();
        match input {
            Input::Stopped => self.end("stopped", None),
            Input::Started(event) if !started => self.start(event),
            _ if !started => {}
            _ if self.is_too_old() => self.end("limit.lifetime", None),
            // The same start again: the first one counts.
            Input::Started(_) => {}
            Input::Event { event, .. }
                if event.kind == HANGUP && self.cursor.is_of_a_call() && !event.data.contains_key("leg") =>
            {
                self.end("hangup", None);
            }
            Input::Event { event, start } => self.hear(event, start),
            // A timer of a wait that is gone names its id in vain.
            Input::Timer { wait } if self.cursor.wait.as_ref().is_some_and(|current| current.id == wait) => {
                self.offer_and_proceed(Heard::Timeout);
            }
            Input::Timer { .. } => {}
            Input::Continued if self.cursor.wait.is_some() => self.offer_and_proceed(Heard::Continued),
            Input::Continued => {}
            Input::Resumed if self.cursor.wait.is_none() => self.proceed(),
            Input::Resumed => {}
            Input::Forwarded { action_id } => self.forward(&action_id),
        }
    }

    fn start(&mut self, event: Event) {
        self.cursor.started_at = Some(self.now);
        self.note("started", json!({ "type": event.kind, "event_id": event.id }));
        self.cursor.trigger = Some(event);
        self.changed = true;
        if self.cursor.current_action().is_none() {
            return self.leave_frame();
        }
        self.proceed();
    }

    fn is_too_old(&self) -> bool {
        self.cursor.started_at.is_some_and(|started| self.now >= started.plus_millis(limits::LIFETIME_MS))
    }

    fn hear(&mut self, event: Event, start: Option<Vec<u8>>) {
        match self.offer(Heard::Event(&event)) {
            Some((node, Ok(Taken::Done(next)))) => self.complete(node, next),
            Some((node, Ok(Taken::DoneLeaving(next, left)))) => {
                self.keep_early(0, Early { event: left, start });
                self.complete(node, next);
            }
            Some((node, Err(failure))) => self.follow(node, Err(failure)),
            Some((_, Ok(Taken::Kept))) => return,
            Some((_, Ok(Taken::Not))) | None => return self.set_aside(event, start),
        }
        self.proceed();
    }

    fn set_aside(&mut self, event: Event, start: Option<Vec<u8>>) {
        let nothing_in_it = event.kind == "call.digits" && event.text("digits").is_none_or(str::is_empty);
        if self.bundle.hears_one(&event.kind) && !nothing_in_it {
            let last = self.cursor.early.len();
            self.keep_early(last, Early { event, start });
        } else if event.kind == "command.failed" && self.command_of(&event).is_some() {
            self.note("command_failed", json!({ "command_id": event.data.get("command_id"), "error": event.data.get("error").map(finding::shown) }));
        }
    }

    fn offer_and_proceed(&mut self, heard: Heard<'_>) {
        match self.offer(heard) {
            Some((node, Ok(Taken::Done(next) | Taken::DoneLeaving(next, _)))) => self.complete(node, next),
            Some((node, Err(failure))) => self.follow(node, Err(failure)),
            Some((_, Ok(Taken::Kept | Taken::Not))) => return,
            None => return self.lost(),
        }
        self.proceed();
    }

    /// Offers what came to the waiting action.
    fn offer(&mut self, heard: Heard<'_>) -> Option<(&'a Node, Result<Taken, Failure>)> {
        self.cursor.wait.as_ref()?;
        let node = self.node()?;
        let taken = node.action.take(self, heard);
        Some((node, taken))
    }

    fn complete(&mut self, node: &'a Node, next: Next) {
        self.note("completed", Value::Null);
        self.follow(node, Ok(next));
    }

    /// A jump from outside: to an action of the flow on top, or of one that called it.
    fn forward(&mut self, action_id: &str) {
        let found = self.cursor.frames.iter().rposition(|frame| {
            self.bundle
                .flow(&frame.flow)
                .is_some_and(|flow| flow.node(action_id).is_some() || Onward::reserved(action_id).is_some())
        });
        let Some(depth) = found else {
            return self.note("unknown_action", json!({ "asked_for": action_id }));
        };
        self.note("forwarded", json!({ "to": action_id }));
        self.cursor.wait = None;
        self.cursor.repeated.clear();
        self.cursor.frames.truncate(depth + 1);
        self.jump(action_id);
        self.proceed();
    }
}

/// How the cursor runs.
impl<'a> Run<'a> {
    fn proceed(&mut self) {
        for _ in 0..limits::ACTIONS_PER_STEP {
            if self.rests() {
                return;
            }
            self.execute();
        }
        if !self.rests() {
            self.note("yielded", Value::Null);
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
        self.note("entered", Value::Null);
        if node.kind.family == Family::Voice && !self.cursor.is_of_a_call() {
            self.note("skipped", json!({ "because": "there is no call" }));
            return self.follow(node, Ok(Next::On));
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

    /// Where the cursor goes from `node`.
    fn follow(&mut self, node: &'a Node, next: Result<Next, Failure>) {
        self.cursor.wait = None;
        match next {
            Ok(Next::On) => self.go(node.next),
            Ok(Next::Jump(target)) => self.jump(&target),
            Ok(Next::Wait(wait)) => self.rest_on(node, wait),
            Ok(Next::Call { flow, arguments }) => self.call(node, flow, arguments),
            Ok(Next::Finish) => self.end("finished", None),
            Err(failure) => self.fail(node, failure),
        }
        if self.changed && !self.rests_ended() {
            self.measure();
        }
    }

    fn fail(&mut self, node: &'a Node, failure: Failure) {
        let failure = Failure { action_id: Some(node.id.clone()), ..failure };
        self.note("failed", json!({ "code": failure.code, "message": failure.message }));
        self.cursor.error = Some(failure.clone());
        match (&node.on_error, node.kind.on_error) {
            (Some(OnError::Stop), _) | (None, Policy::Stop) => self.end("failed", Some(failure)),
            (Some(OnError::Continue), _) | (None, Policy::Continue) => self.go(node.next),
            (Some(OnError::Jump(target)), _) => self.jump(target),
        }
    }

    /// Arms a wait, and offers it first what came before.
    fn rest_on(&mut self, node: &'a Node, wait: Wait) {
        self.cursor.waits += 1;
        // Whatever ends the wait is an input.
        self.cursor.repeated.clear();
        let last = self.cursor.started_at.map(|started| started.plus_millis(limits::LIFETIME_MS));
        let until = wait.until.map(|until| last.map_or(until, |last| until.min(last)));
        self.note("waiting", json!({ "wait": self.cursor.waits, "until": until }));
        self.cursor.wait = Some(Wait { id: self.cursor.waits, until, ..wait });
        let mut index = 0;
        while let Some(early) = self.cursor.early.get(index).cloned() {
            match node.action.take(self, Heard::Event(&early.event)) {
                Ok(Taken::Not) => {
                    index += 1;
                    continue;
                }
                Ok(Taken::Kept) => {
                    self.cursor.early.remove(index);
                    continue;
                }
                Ok(Taken::Done(next)) => {
                    self.cursor.early.remove(index);
                    self.complete(node, next);
                }
                Ok(Taken::DoneLeaving(next, left)) => {
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

/// Where the cursor stands.
impl<'a> Run<'a> {
    fn node(&self) -> Option<&'a Node> {
        self.flow()?.node(&self.cursor.frames.last()?.at)
    }

    fn jump(&mut self, target: &str) {
        let (Some(flow), current) = (self.flow(), self.node()) else { return self.lost() };
        match Onward::reserved(target) {
            Some(Reserved::Halt) => self.end("finished", None),
            Some(Reserved::Start) => self.go(flow.onward(0)),
            Some(Reserved::Finish) => self.leave_frame(),
            Some(Reserved::Next) => self.go(current.map_or(Onward::Leave, |node| node.next)),
            None => match flow.position(target) {
                Some(index) => self.go(Onward::Node(index)),
                None => self.lost(),
            },
        }
    }

    fn go(&mut self, onward: Onward) {
        let Some(flow) = self.flow() else { return self.lost() };
        let node = match onward {
            Onward::Node(index) => flow.nodes.get(index),
            Onward::Leave => return self.leave_frame(),
            Onward::Halt => return self.end("finished", None),
        };
        let (Some(node), Some(frame)) = (node, self.cursor.frames.last_mut()) else { return self.lost() };
        frame.at.clone_from(&node.id);
        if !frame.loops.is_empty() {
            frame.loops.retain(|goto, _| flow.is_in_loop_of(goto, &node.id));
        }
    }

    /// The flow on top is at its end: back to its caller, or out.
    fn leave_frame(&mut self) {
        let [.., caller, _] = self.cursor.frames.as_slice() else { return self.end("finished", None) };
        let Some(node) = self.bundle.flow(&caller.flow).and_then(|flow| flow.node(&caller.at)) else {
            return self.lost();
        };
        let results = node.action.leave(self);
        self.cursor.frames.pop();
        self.note("completed", Value::Null);
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
        let sizes = frames.map(|frame| bytes_of(&frame.variables) + bytes_of(&frame.results));
        if sizes.sum::<usize>() + bytes_of(&self.cursor.message) > limits::VARIABLES {
            self.end("limit.variables", None);
        }
    }

    fn rests_ended(&self) -> bool {
        self.cursor.ended.is_some()
    }

    /// The cursor names what its bundle does not have: it can only end.
    fn lost(&mut self) {
        let at = self.cursor.current_action().unwrap_or_default().to_owned();
        let message = format!("the action `{at}` is not in the bundle");
        self.end("failed", Some(Failure { action_id: Some(at), ..Failure::new("unknown_action", message) }));
    }

    fn end(&mut self, reason: &str, error: Option<Failure>) {
        self.cursor.wait = None;
        self.cursor.repeated.clear();
        self.note("ended", json!({ "reason": reason }));
        self.cursor.ended = Some(Ending { reason: reason.to_owned(), error });
    }
}

fn bytes_of(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
