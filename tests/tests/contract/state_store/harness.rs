//! A store under test with its clock, and helpers for the cases.

use super::ambiguous::Ambiguous;
use super::crowded::Crowded;
use super::killed::Killed;
use adapters::embedded::{self, Settings as Embedded};
use adapters::memory::{Limits, ManualTime, Store as Memory};
use adapters::redis::{Settings, Store as Redis};
use common::identity::reference_key;
use common::member::MemberId;
use common::ports::StateStore;
use common::ports::intake::{Deliver, Delivered, Destination};
use common::ports::intercepted::Intercepted;
use common::ports::lookup::ActiveflowSnapshot;
use common::ports::work::{Claim, ClaimRequest, Claimed, CommitOutcome, Disposition, Row, Transition};
use common::record::{ActiveflowSpec, Entry, FlowRef, Start};
use common::{ActiveflowId, EventKey, Shard};
use flow::route::Reference;
use flow::{Class, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tests::support::folder::Folder;
use tests::support::redis::{Redis as Server, RedisOptions};
use tokio::sync::{Mutex, MutexGuard};

pub const SHARDS: u16 = 8;
pub const START: i64 = 1_800_000_000_000_000;
pub const CUSTOMER: &str = "00000000-0000-0000-0000-000000000000";

pub struct StoreHarness {
    pub store: Arc<dyn StateStore>,
    pub time: ManualTime,
    pub ambiguous: bool,
    pub url: Option<String>,
    nonce: AtomicU64,
    _folder: Option<Folder>,
    _alone: Option<MutexGuard<'static, Option<Server>>>,
}

static SINGLE: Mutex<Option<Server>> = Mutex::const_new(None);
static CLUSTER: Mutex<Option<Server>> = Mutex::const_new(None);

impl StoreHarness {
    pub fn memory(ambiguous: bool) -> StoreHarness {
        let time = ManualTime::at(Timestamp::from_micros(START));
        let store = Arc::new(Memory::new(SHARDS, Limits::default(), time.clone()));
        StoreHarness::over(store, time, ambiguous)
    }

    pub fn embedded(ambiguous: bool) -> StoreHarness {
        let time = ManualTime::at(Timestamp::from_micros(START));
        let folder = Folder::new();
        let store = embedded::open(folder.path(), &embedded_settings(&time)).unwrap().store;
        StoreHarness { _folder: Some(folder), ..StoreHarness::over(store, time, ambiguous) }
    }

    pub fn on_folder(folder: &Path, time: &ManualTime) -> StoreHarness {
        let store = embedded::open(folder, &embedded_settings(time)).unwrap().store;
        StoreHarness::over(store, time.clone(), false)
    }

    pub fn embedded_killed() -> StoreHarness {
        let time = ManualTime::at(Timestamp::from_micros(START));
        StoreHarness::over(Arc::new(Intercepted(Killed::new(embedded_settings(&time)))), time, false)
    }

    pub async fn redis(ambiguous: bool) -> StoreHarness {
        StoreHarness::on_server(&SINGLE, false, ambiguous).await
    }

    pub async fn redis_cluster() -> StoreHarness {
        StoreHarness::on_server(&CLUSTER, true, false).await
    }

    /// Every operation shares its call with those of strangers.
    pub async fn redis_crowded(ambiguous: bool) -> StoreHarness {
        let mut harness = StoreHarness::redis(false).await;
        let crowded = Crowded::over(harness.store, harness.url.as_deref().unwrap_or_default()).await;
        let StoreHarness { store, .. } =
            StoreHarness::over(Arc::new(Intercepted(crowded)), harness.time.clone(), ambiguous);
        harness.store = store;
        harness.ambiguous = ambiguous;
        harness
    }

    async fn on_server(slot: &'static Mutex<Option<Server>>, cluster: bool, ambiguous: bool) -> StoreHarness {
        let mut server = slot.lock().await;
        let url = server
            .get_or_insert_with(|| Server::start(RedisOptions { cluster, ..RedisOptions::default() }))
            .url();
        flush(&url).await;
        let time = ManualTime::at(Timestamp::from_micros(START));
        let settings = Settings { clock: Some(time.clone()), ..Settings::new(&url, SHARDS) };
        let mut harness = StoreHarness::over(Arc::new(Redis::connect(settings).unwrap()), time, ambiguous);
        harness.url = Some(url);
        harness._alone = Some(server);
        harness
    }

    fn over(store: Arc<dyn StateStore>, time: ManualTime, ambiguous: bool) -> StoreHarness {
        let store: Arc<dyn StateStore> =
            if ambiguous { Arc::new(Intercepted(Ambiguous(store))) } else { store };
        StoreHarness {
            store,
            time,
            ambiguous,
            url: None,
            nonce: AtomicU64::new(1),
            _folder: None,
            _alone: None,
        }
    }

    pub fn advance(&self, seconds: u64) {
        self.time.advance(Duration::from_secs(seconds));
    }

    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Delivers an event and requires that it was applied. With ambiguous answers a *duplicate* means the same.
    pub async fn applied(&self, event: &Deliver) {
        match self.store.deliver(event).await.unwrap() {
            Delivered::Applied { .. } => {}
            Delivered::Duplicate if self.ambiguous => {}
            other => panic!("expected to be applied, got {other:?}"),
        }
    }

    pub async fn claim_as(&self, worker: MemberId, shard: Shard, max: u32) -> Vec<Row> {
        self.claim_wanting(worker, shard, ClaimRequest { max, idle: false }).await
    }

    pub async fn claim_wanting(&self, worker: MemberId, shard: Shard, want: ClaimRequest) -> Vec<Row> {
        let nonce = self.nonce.fetch_add(1, Ordering::SeqCst);
        match self.store.claim(shard, worker, nonce, want).await.unwrap() {
            Claimed::Rows { rows, .. } => rows,
            Claimed::Dead => panic!("the worker was declared dead"),
        }
    }

    /// Claims the only ready activeflow of `shard`.
    pub async fn claim_one(&self, shard: Shard) -> Row {
        let mut rows = self.claim_as(worker(1), shard, 10).await;
        assert_eq!(rows.len(), 1, "one row to claim");
        rows.remove(0)
    }

    /// Starts a call, claims it, takes its first input, and parks it under wait 1 until `until`.
    pub async fn parked(&self, call: &Call, until: Option<Timestamp>) -> ActiveflowId {
        self.applied(&call.incoming("start")).await;
        let row = self.claim_one(call.shard()).await;
        self.park(&row, 1, until).await;
        row.claim.id
    }

    pub async fn park(&self, row: &Row, wait: u64, until: Option<Timestamp>) {
        let after = Disposition::Park { wait, until };
        let outcome = self.commit(row, &taking(row), &after).await;
        assert_eq!(outcome, CommitOutcome::Released { version: row.record.version + 1 });
    }

    pub async fn end(&self, row: &Row) {
        let outcome = self.commit(row, &taking(row), &Disposition::End { rest: vec![] }).await;
        assert_eq!(outcome, CommitOutcome::Released { version: row.record.version + 1 });
    }

    pub async fn commit(&self, row: &Row, transition: &Transition, after: &Disposition) -> CommitOutcome {
        self.store.commit(&row.claim, row.record.version, transition, after).await.unwrap()
    }

    /// Sweeps the worker of `claim` as dead, which releases its claims as suspects.
    pub async fn declare_dead(&self, claim: &Claim) {
        self.store.sweep(claim.shard, &[claim.token.worker]).await.unwrap();
    }
}

pub fn embedded_settings(time: &ManualTime) -> Embedded {
    Embedded { clock: Some(time.clone()), ..Embedded::new(SHARDS) }
}

async fn flush(url: &str) {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
}

/// A transition that consumes the row's inbox and control.
pub fn taking(row: &Row) -> Transition {
    Transition {
        body: format!("\u{1}body {}", row.record.version + 1).into_bytes(),
        consumed: row.inbox.len() as u32,
        control: row.control.clone(),
        ..Transition::default()
    }
}

pub fn worker(n: u128) -> MemberId {
    MemberId(uuid::Uuid::from_u128(n))
}

/// A call, from which events and starts are made.
#[derive(Clone)]
pub struct Call {
    pub reference: Reference,
    pub starter: String,
}

pub fn call(subject: &str) -> Call {
    let reference = Reference { realm: "default".into(), kind: "call".into(), subject: subject.into() };
    Call { reference, starter: "flow-1".into() }
}

/// Calls of the same shard, and so of the same lanes.
pub fn calls_of_one_shard(count: usize) -> Vec<Call> {
    let shard = call("call-0").shard();
    (0..).map(|n| call(&format!("call-{n}"))).filter(|call| call.shard() == shard).take(count).collect()
}

impl Call {
    pub fn shard(&self) -> Shard {
        Shard::of(&self.reference, SHARDS)
    }

    pub fn start(&self, event_id: &str) -> Start {
        let hears = ["call.incoming", "call.digits", "call.hangup"].map(String::from).into();
        Start {
            id: ActiveflowId::derive(&self.reference, "sbc-1", event_id, "call.incoming", &self.starter),
            class: Class::Voice,
            spec: ActiveflowSpec {
                reference: self.reference.clone(),
                customer_id: CUSTOMER.into(),
                bundle: [7; 32],
                hears,
                flow: FlowRef { id: self.starter.clone(), name: "Support line".into(), version: 1 },
                traceparent: None,
            },
        }
    }

    /// An event that starts the flow if the reference has no owner.
    pub fn incoming(&self, event_id: &str) -> Deliver {
        let to = Destination::Reference {
            key: reference_key(&self.reference),
            owner: Some(self.start(event_id)),
            sides: vec![],
        };
        self.deliver(event_id, "call.incoming", to)
    }

    /// An event that starts nothing.
    pub fn event(&self, event_id: &str, kind: &str) -> Deliver {
        let to = Destination::Reference { key: reference_key(&self.reference), owner: None, sides: vec![] };
        self.deliver(event_id, kind, to)
    }

    pub fn answer(&self, event_id: &str, id: ActiveflowId, realm: &str) -> Deliver {
        let to = Destination::Activeflow { id, realm: realm.into() };
        let shard = id.shard(SHARDS);
        Deliver { shard, always_fits: true, ..self.deliver(event_id, "command.completed", to) }
    }

    fn deliver(&self, event_id: &str, kind: &str, to: Destination) -> Deliver {
        Deliver {
            key: EventKey::of(&["default", "sbc-1", &format!("{} {event_id}", self.reference.subject)]),
            shard: self.shard(),
            generation: 0,
            to,
            kind: kind.into(),
            input: format!("{{\"id\":\"{event_id}\"}}").into_bytes(),
            single_use: None,
            always_fits: kind == "call.hangup",
            eager: None,
        }
    }
}

/// The ids of the events in the inbox of `found`, in order; of its trigger too, if it has not started.
pub fn event_ids<'a>(found: impl Into<Inputs<'a>>) -> Vec<String> {
    let Inputs { trigger, inbox } = found.into();
    let id_in = |event: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(event).unwrap();
        value["id"].as_str().unwrap().to_string()
    };
    let id = |entry: &Entry| match entry {
        Entry::Trigger => id_in(trigger),
        Entry::Event { input, .. } => id_in(input),
        Entry::Timer { wait } => format!("timer {wait}"),
    };
    inbox.iter().map(id).collect()
}

/// An inbox, and the trigger to which its first entry may refer.
pub struct Inputs<'a> {
    trigger: &'a [u8],
    inbox: &'a [Entry],
}

impl<'a> From<&'a Row> for Inputs<'a> {
    fn from(row: &'a Row) -> Inputs<'a> {
        Inputs { trigger: &row.trigger, inbox: &row.inbox }
    }
}

impl<'a> From<&'a ActiveflowSnapshot> for Inputs<'a> {
    fn from(found: &'a ActiveflowSnapshot) -> Inputs<'a> {
        Inputs { trigger: &found.trigger, inbox: &found.inbox }
    }
}

impl<'a> From<&'a Vec<Entry>> for Inputs<'a> {
    fn from(inbox: &'a Vec<Entry>) -> Inputs<'a> {
        Inputs { trigger: &[], inbox }
    }
}

/// A side run: it has the same reference; its id differs by its starter.
pub fn side_of(call: &Call, event_id: &str) -> Start {
    Call { starter: "autoflow-1".into(), ..call.clone() }.start(event_id)
}
