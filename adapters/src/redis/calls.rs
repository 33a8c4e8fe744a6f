//! Calls of the script for operations on records. At most one call of a shard is under way: the operations that arrive
//! meanwhile go together in the next one.
//!
//! ```text
//! call ─► queue of the shard ─► task of the shard: up to 64 operations ─► EVALSHA ─► answers, in order
//! ```
//! Each operation answers for itself. If the call has no answer, none of its operations has one.

use super::connections::{Connections, of_script};
use super::reply::unexpected;
use super::scripts::Scripts;
use super::settings::Settings;
use super::{keys, metrics};
use common::{Shard, StoreError};
use redis::{ToRedisArgs, Value};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

/// Maximum weight of one call: a shard's other callers wait for about a millisecond.
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
    shards: Vec<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Whether a task sends the operations of this shard.
    is_served: bool,
}

struct Waiting {
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
        let shards = (0..settings.shards).map(|_| Mutex::default()).collect();
        Calls { connections, scripts, settings, writes, shards }
    }

    /// Performs one operation. It is performed although its caller is gone.
    ///
    /// # Errors
    /// The server did not answer, or refused the operation.
    pub async fn call(self: &Arc<Self>, shard: Shard, operation: Operation) -> Result<Value, StoreError> {
        let (name, begun) = (operation.name, Instant::now());
        let (reply, answer) = oneshot::channel();
        let starts = {
            let mut queue = self.queue(shard).ok_or_else(|| self.no_shard(name, shard))?;
            queue.waiting.push_back(Waiting { operation, reply });
            !std::mem::replace(&mut queue.is_served, true)
        };
        if starts {
            tokio::spawn(self.clone().serve(shard));
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

    /// Sends the operations of a shard until none waits.
    async fn serve(self: Arc<Self>, shard: Shard) {
        let _release = Release { calls: &self, shard };
        while let Some(batch) = self.queue(shard).and_then(|mut queue| queue.next()) {
            self.send(shard, batch).await;
        }
    }

    async fn send(&self, shard: Shard, batch: Vec<Waiting>) {
        let mut call = self.scripts.batch.key(keys::shard(shard));
        let now = self.settings.clock.as_ref().map(|clock| clock.now().as_micros().to_string());
        let formats = [self.settings.formats.1, self.writes.load(Ordering::Relaxed)];
        call.arg(now.unwrap_or_default()).arg(formats.as_slice());
        let mut replies = Vec::with_capacity(batch.len());
        for Waiting { operation, reply } in batch {
            call.arg(operation.name).arg(operation.arguments.len());
            for argument in operation.arguments {
                call.arg(argument);
            }
            replies.push((operation.name, reply));
        }
        let count = replies.len();
        metrics::batch(count);
        let answer =
            self.connections.run("batch", async |connection| call.invoke_async(connection).await).await;
        let mut answers = match answer {
            Ok(Value::Array(answers)) if answers.len() == count => Ok(answers.into_iter()),
            Ok(_) => Err(unexpected("batch", "an answer for each operation")),
            Err(error) => Err(error),
        };
        for (name, reply) in replies {
            let _ = reply.send(match &mut answers {
                Ok(answers) => of_operation(name, answers.next().unwrap_or(Value::Nil)),
                Err(error) => Err(of_call(name, error, count)),
            });
        }
    }

    fn queue(&self, shard: Shard) -> Option<MutexGuard<'_, Queue>> {
        let queue = self.shards.get(usize::from(shard.0))?;
        Some(queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn no_shard(&self, operation: &'static str, shard: Shard) -> StoreError {
        let reason = format!("shard {shard} does not exist: there are {}", self.shards.len());
        StoreError::Refused { operation, reason }
    }
}

/// Leaves the queue of a shard, also after a panic: the next operation starts another task.
struct Release<'a> {
    calls: &'a Calls,
    shard: Shard,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(mut queue) = self.calls.queue(self.shard)
        {
            *queue = Queue::default();
        }
    }
}

impl Queue {
    /// The operations of the next call. `None` ends the task of the shard.
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
            Waiting { operation, reply: oneshot::channel().0 }
        };
        let mut queue = Queue { is_served: true, ..Queue::default() };
        queue.waiting.extend((0..70).map(|_| operation(1, 10)));
        queue.waiting.extend([operation(u32::MAX, 10), operation(1, MAX_BYTES + 1), operation(1, 10)]);
        let sizes: Vec<usize> = std::iter::from_fn(|| queue.next()).map(|batch| batch.len()).collect();
        assert_eq!(sizes, [64, 6, 1, 1, 1]);
        assert!(!queue.is_served);
    }
}
