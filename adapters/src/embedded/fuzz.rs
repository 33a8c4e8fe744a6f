//! Fuzzing of the records of a data folder (CONTRIBUTING.md). A record with a good checksum may be of another version, or
//! written by a defect: any key and value are a part of the state or an error, and the state can be worked on.

use super::bus::Event;
use super::store::Recovery;
use super::{Folder, Settings, bus, describe::describe, open};
use crate::memory::{ManualTime, Model};
use ::fuzz::{Rng, Target, mutate};
use common::address::{DEFAULT_REALM, address, read};
use common::command::Message;
use common::identity::hex;
use common::member::{Member, MemberId, Role};
use common::ports::catalogue::{Publication, RouteTransition};
use common::ports::commands::Commands;
use common::ports::lookup::ListQuery;
use common::ports::work::{ClaimRequest, Claimed, Control, Disposition, Token, Transition};
use common::ports::{Bus, Catalogue, Intake, Lookup, Members, Upkeep, Work};
use common::record::Entry;
use common::{EventKey, Shard};
use flow::definitions::Deployed;
use flow::route::{Route, Window, WindowTransition};
use flow::{Class, Definitions, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;

const SHARDS: u16 = 2;
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const CUSTOMER: &str = "acme";
/// Length of a key in an input: one byte before the key and the value.
const MOST_KEY: usize = 255;

type Row = (Vec<u8>, Vec<u8>);

fn target() -> Target {
    Target::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/data-folder"))
}

fn worker(number: u128) -> MemberId {
    MemberId(uuid::Uuid::from_u128(number))
}

fn definitions() -> Definitions {
    let flow = Deployed {
        id: "flow-1".into(),
        name: "Desk".into(),
        customer_id: CUSTOMER.into(),
        version: 1,
        bundle: hex(&[7; 32]),
        trigger: Some("call.incoming".into()),
        class: Class::Voice,
        hears: BTreeSet::from(["call.digits".to_owned()]),
        deployed_at: NOW,
    };
    let route = Route {
        id: "call=*".into(),
        kind: "call".into(),
        pattern: "*".into(),
        flow_id: flow.id.clone(),
        customer_id: CUSTOMER.into(),
        priority: 0,
        window: Window { active_from: Some(Timestamp::from_micros(1)), active_until: None },
        closed_at: None,
    };
    Definitions { generation: 1, flows: [(flow.id.clone(), flow)].into(), routes: vec![route] }
}

fn deliver(kind: &str, call: u32) -> common::ports::intake::Deliver {
    let event = json!({
        "specversion": "1.0", "id": kind, "source": "sbc-1", "type": kind, "subject": format!("call-{call}"),
        "data": { "from": "+15550100", "to": "+15550111", "digits": "1" },
    });
    let parsed = read(event.to_string().as_bytes(), DEFAULT_REALM, None).unwrap();
    address(&parsed, &definitions(), NOW, SHARDS).unwrap()
}

fn settings() -> Settings {
    Settings { clock: Some(ManualTime::at(NOW)), ..Settings::new(SHARDS) }
}

/// The records of a folder in which every kind of record occurs.
async fn known() -> Vec<Row> {
    let dir = std::env::temp_dir().join(format!("signalbox-fuzz-folder-{}", uuid::Uuid::new_v4().simple()));
    let Folder { store, bus } = open(&dir, &settings()).unwrap();
    let bundles = vec![(hex(&[7; 32]), b"bundle".to_vec())];
    store.publish(&Publication { definitions: definitions(), bundles }).await.unwrap();
    let transition =
        RouteTransition { route_id: "call=*".into(), transition: WindowTransition::Activated, at: NOW };
    store.record_route_transition(&transition).await.unwrap();
    let me = Member {
        id: worker(1),
        role: Role::Executor,
        instance: "a:1".into(),
        heartbeats: 1,
        generation: 1,
        formats: (1, 1),
    };
    store.heartbeat(&me, &[]).await.unwrap();
    for call in 0..12 {
        store.deliver(&deliver("call.incoming", call)).await.unwrap();
        store.deliver(&deliver("call.digits", call)).await.unwrap();
    }
    for shard in (0..SHARDS).map(Shard) {
        store.count_attempt(shard, EventKey::of(&["x"]), 1).await.unwrap();
        let wanted = ClaimRequest { max: 6, idle: false };
        let Claimed::Rows { rows, .. } = store.claim(shard, worker(1), 1, wanted).await.unwrap() else {
            panic!("the worker is not dead")
        };
        let rest = vec![Entry::Timer { wait: 1 }];
        let ends =
            [Disposition::KeepClaim, Disposition::Pause, Disposition::Yield, Disposition::End { rest }];
        for (row, after) in rows.iter().zip(ends) {
            let transition = Transition {
                body: b"{}".to_vec(),
                consumed: row.inbox.len() as u32,
                commands: if after == Disposition::KeepClaim { vec![b"command".to_vec()] } else { vec![] },
                journal: Some(b"[]".to_vec()),
                control: None,
            };
            store.commit(&row.claim, 0, &transition, &after).await.unwrap();
            store.control(row.claim.id, &Control::Forward { action_id: "menu".into() }).await.unwrap();
        }
        store.sweep(shard, &[worker(2)]).await.unwrap();
    }
    drop(bus.open("gateway", &["call.#".to_owned()], None).await.unwrap());
    bus.offer(Event { body: b"{}".to_vec(), routing_key: "call.incoming".into(), ..Event::default() })
        .await
        .unwrap();
    bus.publish(Message {
        id: "a:1".into(),
        routing_key: "call.talk".into(),
        correlation_id: "a".into(),
        reference: "call-1".into(),
        traceparent: None,
        body: "{}".into(),
    })
    .await
    .unwrap();
    drop((store, bus));
    let rows = {
        let database = rusqlite::Connection::open(dir.join(super::disk::folder::DATABASE)).unwrap();
        let mut all = database.prepare("SELECT key, value FROM state ORDER BY key").unwrap();
        all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let _ = std::fs::remove_dir_all(&dir);
    rows
}

/// A key and a value as one input.
fn input(key: &[u8], value: &[u8]) -> Vec<u8> {
    let key = &key[..key.len().min(MOST_KEY)];
    [&[u8::try_from(key.len()).unwrap()], key, value].concat()
}

/// Reads a folder in which the records of the input stand beside, or instead of, the known ones.
fn exercise(known: &[Row], input: &[u8]) {
    let Some((&length, rest)) = input.split_first() else { return };
    let Some((key, value)) = rest.split_at_checked(length.into()) else { return };
    let _ = describe(key);
    if key.first() == Some(&b'b') {
        return drop(bus::check(key, value));
    }
    let mut recovery = Recovery::new(SHARDS, settings().limits);
    let others = known.iter().filter(|row| row.0 != key && row.0[0] == b's');
    let mut all: Vec<(&[u8], &[u8])> = others.map(|row| (row.0.as_slice(), row.1.as_slice())).collect();
    all.push((key, value));
    all.sort_unstable();
    if all.into_iter().all(|(key, value)| recovery.record(key, value).is_ok()) {
        work_on(recovery.finish().0);
    }
}

/// Does to the state what the roles do.
fn work_on(mut model: Model) {
    let query = ListQuery { customer_id: CUSTOMER.into(), before: None, limit: 50 };
    let _ = (model.list(&query), model.members(), model.definitions(0), model.bytes());
    for (turn, number) in (0..SHARDS).chain(0..SHARDS).enumerate() {
        let now = NOW.plus_millis(i64::try_from(turn).unwrap() * 40_000_000);
        let shard = model.shard(Shard(number));
        let _ = (shard.depth(now), shard.feed("", 50), shard.bytes());
        for call in 0..3 {
            shard.deliver(&deliver("call.hangup", call), now);
        }
        shard.sweep(&[worker(1)], now);
        let token = Token { worker: worker(3 + turn as u128), nonce: 1 };
        let claimed = shard.claim(token, ClaimRequest { max: 50, idle: true }, now);
        let Claimed::Rows { rows, .. } = claimed else { continue };
        for row in rows {
            let transition = Transition { consumed: row.inbox.len() as u32, ..Transition::default() };
            let after = Disposition::End { rest: vec![] };
            let _ = shard.commit(&row.claim, row.record.version, &transition, &after, now);
            let _ = shard.finish(&row.claim, row.record.version, 0, &after, now);
            shard.control(row.claim.id, &Control::Stop, now);
        }
        shard.sweep(&[], now);
    }
}

#[tokio::test]
async fn what_once_went_wrong_stays_right() {
    let known = known().await;
    for (key, value) in &known {
        exercise(&known, &input(key, value));
    }
    target().replay(|input| exercise(&known, input));
}

#[tokio::test]
async fn any_record_of_a_data_folder_is_read_or_refused() {
    let known = known().await;
    let kinds: BTreeSet<&[u8]> = known.iter().map(|row| &row.0[..row.0.len().min(2)]).collect();
    assert!(kinds.len() > 14, "kinds of records: {kinds:?}");
    let draw = |rng: &mut Rng| {
        let (one, other) = (&known[rng.index(known.len())], &known[rng.index(known.len())]);
        let (mut key, mut value) = one.clone();
        if rng.one_in(4) {
            key = mutate::bytes(rng, &key, &other.0, &[]);
        }
        if !rng.one_in(8) {
            value = mutate::bytes(rng, &value, &other.1, &mutate::PIECES);
        }
        input(&key, &value)
    };
    target().fuzz(2_000, draw, |input| exercise(&known, input));
}
