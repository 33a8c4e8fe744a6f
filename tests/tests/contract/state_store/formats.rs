//! Old and new releases side by side: a script that reads a record of a newer format fails and changes nothing.

use super::harness::*;
use adapters::redis::{Settings, Store as Redis};
use common::StoreError;
use common::limits::CLAIM_OVERDUE;
use common::member::{Member, Role};
use common::ports::intake::Delivered;
use common::ports::work::{ClaimRequest, Claimed, Control, Disposition, Transition};
use common::ports::{Intake, Lookup, Members, Work};
use common::record::{FORMAT, HEAD_BYTES};

const NEWER: u8 = FORMAT + 1;

#[tokio::test]
async fn a_newer_record_stops_every_script_before_it_writes() {
    let w = StoreHarness::redis(false).await;
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.store.release(&row.claim).await.unwrap();
    w.advance(1);
    let newer = Raw::of(&w).await;
    newer.set_format(&row.claim.id, NEWER).await;
    let before = newer.everything().await;

    let too_new =
        |error: StoreError| matches!(error, StoreError::TooNew { found: NEWER, supported: FORMAT, .. });
    assert!(too_new(w.store.deliver(&call.event("e2", "call.digits")).await.unwrap_err()));
    let want = ClaimRequest { max: 10, idle: false };
    assert!(too_new(w.store.claim(call.shard(), worker(2), 9, want).await.unwrap_err()));
    assert!(too_new(
        w.store.commit(&row.claim, 0, &taking(&row), &Disposition::KeepClaim).await.unwrap_err()
    ));
    assert!(too_new(w.store.finish(&row.claim, 0, 0, &Disposition::KeepClaim).await.unwrap_err()));
    assert!(too_new(w.store.release(&row.claim).await.unwrap_err()));
    assert!(too_new(w.store.control(row.claim.id, &Control::Stop).await.unwrap_err()));
    assert!(too_new(w.store.get(row.claim.id).await.unwrap_err()));
    assert_eq!(newer.everything().await, before);
}

#[tokio::test]
async fn a_newer_record_in_one_lane_leaves_the_other_lane_as_it_is() {
    let w = StoreHarness::redis(false).await;
    let calls = calls_of_one_shard(2);
    let shard = calls[0].shard();
    w.parked(&calls[0], None).await;
    w.applied(&calls[0].event("d1", "call.digits")).await;
    w.applied(&calls[1].incoming("e1")).await;
    let newer = Raw::of(&w).await;
    newer.set_format(&calls[1].start("e1").id, NEWER).await;
    let want = ClaimRequest { max: 10, idle: false };
    let before = newer.everything().await;
    let error = w.store.claim(shard, worker(2), 9, want).await.unwrap_err();
    assert!(matches!(error, StoreError::TooNew { .. }), "{error}");
    assert_eq!(newer.everything().await, before);
    newer.set_format(&calls[1].start("e1").id, FORMAT).await;
    assert_eq!(w.claim_as(worker(2), shard, 10).await.len(), 2, "both are still in their lanes");
}

#[tokio::test]
async fn one_that_ends_without_its_reference_changes_nothing_before_the_owner_is_read() {
    let w = StoreHarness::redis(false).await;
    let call = call("call-1");
    super::suspects::quarantined(&w, &call).await;
    w.applied(&call.incoming("e3")).await;
    let next = w.claim_one(call.shard()).await;
    w.store.control(call.start("e1").id, &Control::Retry).await.unwrap();
    let alone = ClaimRequest { max: 1, idle: true };
    let retried = w.claim_wanting(worker(2), call.shard(), alone).await.remove(0);
    let newer = Raw::of(&w).await;
    newer.set_format(&next.claim.id, NEWER).await;
    let before = newer.everything().await;
    let ended =
        w.store.commit(&retried.claim, 0, &taking(&retried), &Disposition::End { rest: vec![] }).await;
    assert!(matches!(ended.unwrap_err(), StoreError::TooNew { found: NEWER, .. }));
    assert_eq!(newer.everything().await, before);
}

/// The next release, as far as the store sees it: it reads two formats.
#[tokio::test]
async fn what_is_written_is_the_newest_format_that_every_member_reads() {
    let w = StoreHarness::redis(false).await;
    let raw = Raw::of(&w).await;
    let clock = Some(w.time.clone());
    let settings = Settings { formats: (1, 2), clock, ..Settings::new(w.url.as_deref().unwrap(), SHARDS) };
    let next = Redis::connect(settings).unwrap();
    let member = |n, newest| Member {
        id: worker(n),
        role: Role::Executor,
        instance: "here:1".into(),
        heartbeats: 1,
        generation: 0,
        formats: (1, newest),
        consuming: None,
    };
    let written = async |subject: &str| {
        let start = call(subject).incoming("e1");
        assert!(matches!(next.deliver(&start).await.unwrap(), Delivered::Applied { .. }));
        let [record, spec, trigger] = raw.formats(&call(subject).start("e1").id).await;
        [record, spec, trigger, next.written_format()]
    };
    assert_eq!(written("call-1").await, [1; 4], "no member is known yet");
    next.heartbeat(&member(1, 2), &[]).await.unwrap();
    assert_eq!(written("call-2").await, [2; 4]);
    w.store.heartbeat(&member(2, 1), &[]).await.unwrap();
    next.heartbeat(&member(1, 2), &[]).await.unwrap();
    assert_eq!(written("call-3").await, [1; 4]);
    let old = w.store.get(call("call-2").start("e1").id).await.unwrap_err();
    assert!(matches!(old, StoreError::TooNew { found: 2, supported: 1, .. }), "{old}");
    next.heartbeat(&member(1, 2), &[worker(2)]).await.unwrap();
    assert_eq!(written("call-4").await, [2; 4]);
}

/// Whoever writes the older format leaves a newer record newer: what is in it may be of the newer format.
#[tokio::test]
async fn a_record_never_goes_back_to_an_older_format() {
    let w = StoreHarness::redis(false).await;
    let raw = Raw::of(&w).await;
    let upgrading = |writes| {
        let clock = Some(w.time.clone());
        let settings =
            Settings { formats: (writes, 2), clock, ..Settings::new(w.url.as_deref().unwrap(), SHARDS) };
        Redis::connect(settings).unwrap()
    };
    // Both read two formats; the first one writes the newer, the second one still the older.
    let (newer, older) = (upgrading(2), upgrading(1));
    let calls = calls_of_one_shard(3);
    let (call, early) = (&calls[0], &calls[1]);
    newer.deliver(&call.incoming("e1")).await.unwrap();
    let id = call.start("e1").id;
    let deliver = async |kind| older.deliver(&call.event(kind, kind)).await.unwrap();
    assert!(matches!(deliver("call.digits").await, Delivered::Applied { .. }));
    older.control(id, &Control::Resume).await.unwrap();
    let want = ClaimRequest { max: 10, idle: false };
    let refused = w.store.claim(call.shard(), worker(2), 9, want).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 2, .. }), "{refused}");
    assert_eq!(raw.formats(&id).await, [2; 3]);

    // Whoever writes the newer format makes an older record newer.
    older.deliver(&early.incoming("e2")).await.unwrap();
    assert_eq!(raw.formats(&early.start("e2").id).await, [1; 3]);
    newer.deliver(&early.event("e3", "call.digits")).await.unwrap();
    older.control(early.start("e2").id, &Control::Resume).await.unwrap();
    assert_eq!(raw.formats(&early.start("e2").id).await, [2, 1, 1]);

    // So does a newer cursor, which a process wrote before an older one joined.
    let third = &calls[2];
    older.deliver(&third.incoming("e4")).await.unwrap();
    let row = older.claim(third.shard(), worker(3), 1, want).await.unwrap();
    let Claimed::Rows { rows, .. } = row else { panic!("the worker lives") };
    let id = third.start("e4").id;
    let row = rows.into_iter().find(|row| row.claim.id == id).unwrap();
    let transition = Transition { body: vec![2], ..taking(&row) };
    older.commit(&row.claim, 0, &transition, &Disposition::KeepClaim).await.unwrap();
    assert_eq!(raw.formats(&id).await, [2, 1, 1]);

    // A newer event that starts the next owner makes its record newer, whoever ends the owner before.
    newer.deliver(&third.incoming("e5")).await.unwrap();
    older.finish(&row.claim, 1, 0, &Disposition::End { rest: vec![] }).await.unwrap();
    assert_eq!(raw.formats(&third.start("e5").id).await, [2; 3]);
}

/// An activeflow that cannot be read does not stop the others.
#[tokio::test]
async fn a_damaged_activeflow_is_left_out_of_a_claim_and_is_ready_again_when_the_claim_is_overdue() {
    let w = StoreHarness::redis(false).await;
    let calls = calls_of_one_shard(2);
    for call in &calls {
        w.applied(&call.incoming("e1")).await;
    }
    let raw = Raw::of(&w).await;
    raw.damage_trigger(&calls[0].start("e1").id).await;
    let claimed = w.claim_as(worker(1), calls[0].shard(), 10).await;
    let ids: Vec<_> = claimed.iter().map(|row| row.claim.id).collect();
    assert_eq!(ids, [calls[1].start("e1").id]);
    w.advance(CLAIM_OVERDUE.as_secs() + 1);
    assert_eq!(w.store.sweep(calls[0].shard(), &[]).await.unwrap().overdue, 2);
}

/// A later release of the same format may have added fields to the head.
#[tokio::test]
async fn fields_of_a_longer_head_survive_every_script() {
    let w = StoreHarness::redis(false).await;
    let call = call("call-1");
    let added = [0xa5; 12];
    let raw = Raw::of(&w).await;
    w.applied(&call.incoming("e1")).await;
    let id = call.start("e1").id;
    let mut longer = raw.record(&id).await;
    longer[2] += added.len() as u8;
    longer.splice(HEAD_BYTES..HEAD_BYTES, added);
    raw.set_record(&id, &longer).await;

    let row = w.claim_one(call.shard()).await;
    assert_eq!((row.record.later.as_slice(), &row.record.spec), (&added[..], &call.start("e1").spec));
    w.applied(&call.event("e2", "call.digits")).await;
    w.commit(&row, &taking(&row), &Disposition::KeepClaim).await;
    w.store.control(id, &Control::Pause).await.unwrap();
    w.store.release(&row.claim).await.unwrap();
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    let found = w.store.get(id).await.unwrap().unwrap();
    assert_eq!(
        (found.record.later.as_slice(), found.record.body.as_slice()),
        (&added[..], &b"\x01body 2"[..])
    );
    assert_eq!(found.record.spec, call.start("e1").spec);
    assert_eq!(raw.record(&id).await[HEAD_BYTES..][..added.len()], added);
}

/// The Redis server, accessed without the adapter.
struct Raw(redis::aio::MultiplexedConnection);

impl Raw {
    async fn of(w: &StoreHarness) -> Raw {
        let client = redis::Client::open(w.url.as_deref().unwrap()).unwrap();
        Raw(client.get_multiplexed_async_connection().await.unwrap())
    }

    async fn set_format(&self, id: &common::ActiveflowId, format: u8) {
        let mut command = redis::cmd("SETRANGE");
        command.arg(record_key(id)).arg(0).arg(&[format]);
        let _: i64 = command.query_async(&mut self.0.clone()).await.unwrap();
    }

    async fn record(&self, id: &common::ActiveflowId) -> Vec<u8> {
        redis::cmd("GET").arg(record_key(id)).query_async(&mut self.0.clone()).await.unwrap()
    }

    /// Formats of a new activeflow: its record, its spec, its trigger.
    async fn formats(&self, id: &common::ActiveflowId) -> [u8; 3] {
        let record = self.record(id).await;
        let key = [format!("sb:{{{}}}:e:", id.shard(SHARDS)).as_bytes(), id.as_bytes()].concat();
        let trigger: Vec<u8> = redis::cmd("GET").arg(key).query_async(&mut self.0.clone()).await.unwrap();
        [record[0], record[HEAD_BYTES], trigger[0]]
    }

    /// Puts a value of another type where the event is.
    async fn damage_trigger(&self, id: &common::ActiveflowId) {
        let key = [format!("sb:{{{}}}:e:", id.shard(SHARDS)).as_bytes(), id.as_bytes()].concat();
        let mut commands = redis::pipe();
        commands.del(&key).rpush(&key, "not a string");
        let _: ((), i64) = commands.query_async(&mut self.0.clone()).await.unwrap();
    }

    async fn set_record(&self, id: &common::ActiveflowId, bytes: &[u8]) {
        let mut command = redis::cmd("SET");
        command.arg(record_key(id)).arg(bytes);
        let _: () = command.query_async(&mut self.0.clone()).await.unwrap();
    }

    /// Every key with a digest of its value.
    async fn everything(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut keys: Vec<Vec<u8>> =
            redis::cmd("KEYS").arg("*").query_async(&mut self.0.clone()).await.unwrap();
        keys.sort();
        let mut all = Vec::new();
        for key in keys {
            let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut self.0.clone()).await.unwrap();
            all.push((key, dump));
        }
        all
    }
}

fn record_key(id: &common::ActiveflowId) -> Vec<u8> {
    let mut key = format!("sb:{{{}}}:a:", id.shard(SHARDS)).into_bytes();
    key.extend(id.as_bytes());
    key
}
