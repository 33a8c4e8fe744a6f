//! A store whose every operation on a shard goes in one call of the script with operations of strangers, before it and behind
//! it, in its shard and in another one that shares its queue of calls. Some of these are refused, one fails because its record cannot be read.

use super::harness::{SHARDS, worker};
use adapters::redis::CALL_QUEUES;
use async_trait::async_trait;
use common::ports::StateStore;
use common::ports::intake::{Deliver, Destination};
use common::ports::intercepted::{Interceptor, Operation, Run};
use common::ports::work::{Claim, ClaimRequest, Claimed, CommitOutcome, Disposition, Token, Transition};
use common::{ActiveflowId, EventKey, Shard, StoreError};
use futures_util::join;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub struct Crowded {
    store: Arc<dyn StateStore>,
    nonce: AtomicU64,
}

impl Crowded {
    /// Plants the unreadable record of [`unreadable`] in each shard of the server.
    pub async fn over(store: Arc<dyn StateStore>, url: &str) -> Crowded {
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        for shard in 0..SHARDS {
            let mut key = format!("sb:{{{shard}}}:a:").into_bytes();
            key.extend(unreadable().as_bytes());
            let _: () =
                redis::cmd("SET").arg(key).arg(&[u8::MAX]).query_async(&mut connection).await.unwrap();
        }
        Crowded { store, nonce: AtomicU64::new(1) }
    }

    /// Delivers to a record of a format that nobody knows.
    async fn failing(&self, shard: Shard) {
        let event = Deliver {
            key: EventKey::of(&["stranger"]),
            shard,
            generation: 0,
            to: Destination::Activeflow { id: unreadable(), realm: "default".into() },
            kind: "command.completed".into(),
            input: b"{}".to_vec(),
            single_use: None,
            always_fits: true,
            eager: None,
        };
        let answer = self.store.deliver(&event).await;
        assert!(
            matches!(answer, Err(StoreError::TooNew { operation: "deliver", found: 255, .. })),
            "{answer:?}"
        );
    }

    async fn fenced(&self, shard: Shard) {
        let id = ActiveflowId::from_bytes([2; 16]);
        let claim = Claim { id, shard, token: Token { worker: worker(1_000), nonce: 1 } };
        let (transition, keep) = (Transition::default(), Disposition::KeepClaim);
        let (committed, finished) =
            join!(self.store.commit(&claim, 0, &transition, &keep), self.store.finish(&claim, 0, 0, &keep));
        assert_eq!((committed.unwrap(), finished.unwrap()), (CommitOutcome::Fenced, CommitOutcome::Fenced));
    }

    async fn idle(&self, shard: Shard) {
        let nonce = self.nonce.fetch_add(1, Ordering::SeqCst);
        let nothing = ClaimRequest { max: 0, idle: false };
        let answer = self.store.claim(shard, worker(1_000), nonce, nothing).await.unwrap();
        assert!(matches!(&answer, Claimed::Rows { rows, .. } if rows.is_empty()), "{answer:?}");
    }
}

#[async_trait]
impl Interceptor for Crowded {
    fn store(&self) -> Arc<dyn StateStore> {
        self.store.clone()
    }

    async fn call<T: Any + Send + Sync>(
        &self,
        operation: Arc<Operation>,
        run: Run<T>,
    ) -> Result<T, StoreError> {
        let Some(shard) = shard_of(&operation) else { return run(self.store(), operation).await };
        let other = Shard((shard.0 + CALL_QUEUES as u16) % SHARDS);
        let (.., answer, (), (), (), (), ()) = join!(
            self.idle(other),
            self.failing(shard),
            self.fenced(shard),
            self.idle(shard),
            run(self.store(), operation),
            self.failing(shard),
            self.fenced(shard),
            self.idle(shard),
            self.failing(other),
            self.idle(other),
        );
        answer
    }
}

fn unreadable() -> ActiveflowId {
    ActiveflowId::from_bytes([1; 16])
}

/// The shard of an operation that shares calls with others.
fn shard_of(operation: &Operation) -> Option<Shard> {
    match operation {
        Operation::Deliver { event } => Some(event.shard),
        Operation::Claim { shard, .. } | Operation::Sweep { shard, .. } | Operation::Depth { shard } => {
            Some(*shard)
        }
        Operation::Commit { claim, .. } | Operation::Finish { claim, .. } | Operation::Release { claim } => {
            Some(claim.shard)
        }
        Operation::Control { id, .. } | Operation::ControlOnce { id, .. } => Some(id.shard(SHARDS)),
        _ => None,
    }
}
