//! Calls of the script for operations on records. The shards share four queues. At most one call of a queue is under
//! way: the operations that arrive meanwhile go together in the next one.
//!
//! ```text
//! call ─► queue ─► task of the queue: up to 64 operations ─► EVALSHA ─► answers, in order
//! ```
//! Each operation answers for itself. If the call has no answer, none of its operations has one. A cluster refuses a call for
//! several slots before it starts; from then on each shard has calls of its own, one after another.

use super::connections::{Connections, of_script};
use super::reply::unexpected;
use super::scripts::Scripts;
use super::settings::Settings;
use super::{keys, metrics};
use common::{Shard, StoreError};
use redis::{ToRedisArgs, Value};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

/// Number of queues: enough that Redis always has work, and few, so that calls are large.
pub const CALL_QUEUES: usize = 4;
/// Maximum weight of one call: the other callers wait for some milliseconds.
const MAX_WEIGHT: u32 = 64;
/// Maximum bytes of arguments in one call.
const MAX_BYTES: usize = 256 * 1_024;

/// An operation on records, with its arguments as its Lua file lists them from ARGV 3.
pub struct Operation {
    name: &'static str,
    /// Activeflows that it reads and writes, roughly.
    weight: u32,
    arguments: Vec<Vec<u8>>,
}

impl Operation {
    pub fn new(name: &'static str) -> Operation {
        Operation { name, weight: 1, arguments: Vec::new() }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn weight(self, weight: u32) -> Operation {
        Operation { weight, ..self }
    }

    pub fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Operation {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    fn bytes(&self) -> usize {
        self.arguments.iter().map(Vec::len).sum()
    }
}

pub struct Calls {
    connections: Arc<Connections>,
    scripts: Arc<Scripts>,
    settings: Settings,
    /// The format in which scripts write.
    writes: Arc<AtomicU8>,
    /// Shard n is in queue n modulo their number.
    queues: [Mutex<Queue>; CALL_QUEUES],
    /// Whether the server refuses calls for several shards.
    is_cluster: AtomicBool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Whether a task sends the operations of this queue.
    is_served: bool,
}

struct Waiting {
    shard: Shard,
    operation: Operation,
    reply: oneshot::Sender<Result<Value, StoreError>>,
}

impl Calls {
    pub fn new(
        connections: Arc<Connections>,
        scripts: Arc<Scripts>,
        settings: Settings,
        writes: Arc<AtomicU8>,
    ) -> Calls {
        let (queues, is_cluster) = (Default::default(), AtomicBool::new(false));
        Calls { connections, scripts, settings, writes, queues, is_cluster }
    }

    /// Performs one operation. It is performed although its caller is gone.
    ///
    /// # Errors
    /// There is no such shard, or the server did not answer, or refused the operation.
    pub async fn call(self: &Arc<Self>, shard: Shard, operation: Operation) -> Result<Value, StoreError> {
        let (name, begun) = (operation.name, Instant::now());
        let (reply, answer) = oneshot::channel();
        if shard.0 >= self.settings.shards {
            let reason = format!("shard {shard} does not exist: there are {}", self.settings.shards);
            return Err(StoreError::Refused { operation: name, reason });
        }
        let index = usize::from(shard.0) % CALL_QUEUES;
        let starts = {
            let mut queue = self.queue(index);
            queue.waiting.push_back(Waiting { shard, operation, reply });
            !std::mem::replace(&mut queue.is_served, true)
        };
        if starts {
            tokio::spawn(self.clone().serve(index));
        }
        let answer = answer.await.unwrap_or_else(|_| {
            Err(StoreError::Unanswered { operation: name, reason: "the call was given up".into() })
        });
        metrics::called(name, begun.elapsed());
        if answer.is_err() {
            metrics::failed(name);
        }
        answer
    }

    /// Sends the operations of a queue until none waits.
    async fn serve(self: Arc<Self>, index: usize) {
        let _release = Release { calls: &self, index };
        loop {
            let Some(mut batch) = self.queue(index).next() else { return };
            batch.sort_by_key(|waiting| waiting.shard);
            let answers = self.answers(&batch).await;
            for (waiting, answer) in batch.into_iter().zip(answers) {
                let _ = waiting.reply.send(answer);
            }
        }
    }

    /// The answer of each operation of `batch`, which is in the order of shards.
    async fn answers(&self, batch: &[Waiting]) -> Vec<Result<Value, StoreError>> {
        if !self.is_cluster.load(Ordering::Relaxed) {
            let answers = self.send(batch).await;
            if !answers.iter().any(crosses_slots) {
                return answers;
            }
            self.is_cluster.store(true, Ordering::Relaxed);
        }
        let mut answers = Vec::with_capacity(batch.len());
        for of_a_shard in batch.chunk_by(|one, next| one.shard == next.shard) {
            answers.extend(self.send(of_a_shard).await);
        }
        answers
    }

    /// Sends one call.
    async fn send(&self, batch: &[Waiting]) -> Vec<Result<Value, StoreError>> {
        let mut call = self.scripts.batch.prepare_invoke();
        let now = self.settings.clock.as_ref().map(|clock| clock.now().as_micros().to_string());
        let formats = [self.settings.formats.1, self.writes.load(Ordering::Relaxed)];
        call.arg(now.unwrap_or_default()).arg(formats.as_slice());
        for (index, of_a_shard) in (1..).zip(batch.chunk_by(|one, next| one.shard == next.shard)) {
            call.key(keys::shard(of_a_shard[0].shard));
            for Waiting { operation, .. } in of_a_shard {
                call.arg(operation.name).arg(index).arg(operation.arguments.len());
                for argument in &operation.arguments {
                    call.arg(argument);
                }
            }
        }
        metrics::batch(batch.len());
        let answer =
            self.connections.run("batch", async |connection| call.invoke_async(connection).await).await;
        let names = batch.iter().map(|waiting| waiting.operation.name);
        match answer {
            Ok(Value::Array(answers)) if answers.len() == batch.len() => {
                names.zip(answers).map(|(name, answer)| of_operation(name, answer)).collect()
            }
            Ok(_) => {
                let unexpected = unexpected("batch", "an answer for each operation");
                names.map(|name| Err(of_call(name, &unexpected, batch.len()))).collect()
            }
            Err(error) => names.map(|name| Err(of_call(name, &error, batch.len()))).collect(),
        }
    }

    fn queue(&self, index: usize) -> MutexGuard<'_, Queue> {
        self.queues[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Empties a queue after a panic of its task: the next operation starts another task.
struct Release<'a> {
    calls: &'a Calls,
    index: usize,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.calls.queue(self.index) = Queue::default();
        }
    }
}

impl Queue {
    /// The operations of the next call. `None` ends the task of the queue.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let (mut batch, mut weight, mut bytes) = (Vec::new(), 0, 0);
        while let Some(next) = self.waiting.front() {
            weight = u32::saturating_add(weight, next.operation.weight);
            bytes += next.operation.bytes();
            if !batch.is_empty() && (weight > MAX_WEIGHT || bytes > MAX_BYTES) {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        self.is_served = !batch.is_empty();
        self.is_served.then_some(batch)
    }
}

/// Whether a cluster refused the call because its shards are in several slots. Nothing was performed then.
fn crosses_slots(answer: &Result<Value, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Refused { reason, .. }) if reason.starts_with("CROSSSLOT"))
}

/// The error of one operation when its whole call failed. In company it says nothing about this operation, so it must not count
/// as damage: the operation is repeated.
fn of_call(name: &'static str, error: &StoreError, operations: usize) -> StoreError {
    match error {
        StoreError::Corrupt { what, .. } if operations > 1 => {
            StoreError::Unanswered { operation: name, reason: what.clone() }
        }
        error => error.clone().of(name),
    }
}

fn of_operation(name: &'static str, answer: Value) -> Result<Value, StoreError> {
    match answer {
        Value::Array(mut answer) if answer.len() == 1 => Ok(answer.remove(0)),
        Value::BulkString(error) => Err(of_script(name, &String::from_utf8_lossy(&error))),
        _ => Err(unexpected(name, "an answer or an error")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_shared_call_is_no_damage_of_its_operations() {
        let error = StoreError::Corrupt { operation: "batch", what: "ERR".into() };
        let alone = of_call("deliver", &error, 1);
        assert!(matches!(alone, StoreError::Corrupt { operation: "deliver", .. }), "{alone}");
        assert!(of_call("deliver", &error, 2).is_transient());
        let refused = StoreError::Refused { operation: "batch", reason: "OOM".into() };
        assert!(matches!(of_call("commit", &refused, 2), StoreError::Refused { operation: "commit", .. }));
    }

    #[test]
    fn a_call_has_at_most_64_activeflows_and_a_large_operation_goes_alone() {
        let operation = |weight: u32, bytes: usize| {
            let mut operation = Operation::new("claim").weight(weight);
            operation.arg(vec![0_u8; bytes]);
            Waiting { shard: Shard(0), operation, reply: oneshot::channel().0 }
        };
        let mut queue = Queue { is_served: true, ..Queue::default() };
        queue.waiting.extend((0..70).map(|_| operation(1, 10)));
        queue.waiting.extend([operation(u32::MAX, 10), operation(1, MAX_BYTES + 1), operation(1, 10)]);
        let sizes: Vec<usize> = std::iter::from_fn(|| queue.next()).map(|batch| batch.len()).collect();
        assert_eq!(sizes, [64, 6, 1, 1, 1]);
        assert!(!queue.is_served);
    }
}
