//! Measures the embedded store: `cargo run --profile quick -p tests --example embedded [-- FOLDER]`.
//!
//! It prints the operations per second of a loop deliver → claim → commit → finish, and the time to open a folder with
//! 100,000 parked activeflows. Run it on an idle machine.

use adapters::embedded::{self, Settings, Store};
use common::identity::reference_key;
use common::member::MemberId;
use common::ports::intake::{Deliver, Delivered, Destination};
use common::ports::work::{ClaimRequest, Claimed, Disposition, Transition};
use common::ports::{Intake, Work};
use common::record::{ActiveflowSpec, FlowRef, Start};
use common::{ActiveflowId, EventKey, Shard};
use flow::Class;
use flow::route::Reference;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::support::folder::Folder;

const SHARDS: u16 = 16;
const EVENT: usize = 620;
const BODY: usize = 600;
const PARKED: u64 = 100_000;

#[tokio::main]
async fn main() {
    let given = std::env::args().nth(1);
    let own = given.is_none().then(Folder::new);
    let folder = given
        .as_deref()
        .map(Path::new)
        .or(own.as_ref().map(Folder::path))
        .expect("a given or temporary folder");
    println!("fsync of 8 KiB: {:?}", fsync(folder));
    for (concurrent, rounds) in [(1, 300), (64, 100), (512, 40)] {
        let place = Folder::new();
        let store = open(place.path());
        let begun = Instant::now();
        let workers = (0..concurrent).map(|n| tokio::spawn(moving(store.clone(), n, rounds)));
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        let (took, all) = (begun.elapsed(), concurrent * rounds);
        println!(
            "{concurrent:>4} concurrent: {:.0} activeflows/s, {:.0} operations/s, {:.1} KiB an activeflow",
            all as f64 / took.as_secs_f64(),
            4.0 * all as f64 / took.as_secs_f64(),
            place.size() as f64 / 1024.0 / all as f64,
        );
    }
    let store = open(folder);
    let before = rss_mib();
    let workers = (0..500).map(|n| tokio::spawn(parking(store.clone(), n, PARKED / 500)));
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    println!("{PARKED} parked: {} MiB additional resident memory", rss_mib() - before);
    drop(store);
    println!("folder: {} MiB", size_mib(folder));
    let begun = Instant::now();
    let _store = open(folder);
    println!("opened again in {:?}, {} MiB resident", begun.elapsed(), rss_mib());
}

fn open(folder: &Path) -> Arc<Store> {
    embedded::open(folder, &Settings::new(SHARDS)).unwrap().store
}

/// Runs activeflows to their end: deliver, claim, commit with a command, finish.
async fn moving(store: Arc<Store>, worker: u64, rounds: u64) {
    let me = MemberId(uuid::Uuid::new_v4());
    for round in 1..=rounds {
        let event = event(&format!("call-{worker}-{round}"));
        assert!(matches!(store.deliver(&event).await.unwrap(), Delivered::Applied { .. }));
        let want = ClaimRequest { max: 1, idle: false };
        let Claimed::Rows { rows, .. } = store.claim(event.shard, me, round, want).await.unwrap() else {
            panic!("declared dead")
        };
        for row in rows {
            let made = Transition {
                body: vec![b'b'; BODY],
                consumed: 1,
                commands: vec![vec![b'c'; 400]],
                journal: Some(vec![b'j'; 200]),
                ..Transition::default()
            };
            store.commit(&row.claim, row.record.version, &made, &Disposition::KeepClaim).await.unwrap();
            let after = Disposition::End { rest: vec![] };
            store.finish(&row.claim, row.record.version + 1, 0, &after).await.unwrap();
        }
    }
}

async fn parking(store: Arc<Store>, worker: u64, rounds: u64) {
    let me = MemberId(uuid::Uuid::new_v4());
    for round in 1..=rounds {
        let event = event(&format!("parked-{worker}-{round}"));
        store.deliver(&event).await.unwrap();
        let want = ClaimRequest { max: 8, idle: false };
        let Claimed::Rows { rows, .. } = store.claim(event.shard, me, round, want).await.unwrap() else {
            panic!("declared dead")
        };
        for row in rows {
            let made = Transition {
                body: vec![b'b'; BODY],
                consumed: 1,
                journal: Some(vec![b'j'; 200]),
                ..Transition::default()
            };
            let after = Disposition::Park { wait: 1, until: None };
            store.commit(&row.claim, row.record.version, &made, &after).await.unwrap();
        }
    }
}

fn event(subject: &str) -> Deliver {
    let reference = Reference { realm: "default".into(), kind: "call".into(), subject: subject.into() };
    let start = Start {
        id: ActiveflowId::derive(&reference, "sbc-1", "e1", "call.incoming", "flow-1"),
        class: Class::Voice,
        spec: ActiveflowSpec {
            reference: reference.clone(),
            customer_id: "00000000-0000-0000-0000-000000000000".into(),
            bundle: [7; 32],
            hears: ["call.incoming", "call.digits", "call.hangup"].map(String::from).into(),
            flow: FlowRef { id: "flow-1".into(), name: "Support line".into(), version: 1 },
            traceparent: None,
        },
    };
    Deliver {
        key: EventKey::of(&["default", "sbc-1", subject]),
        shard: Shard::of(&reference, SHARDS),
        generation: 0,
        to: Destination::Reference { key: reference_key(&reference), owner: Some(start), sides: vec![] },
        kind: "call.incoming".into(),
        input: vec![b'e'; EVENT],
        single_use: None,
        always_fits: false,
        eager: None,
    }
}

/// Median duration of a durable write of 8 KiB.
fn fsync(folder: &Path) -> Duration {
    let path = folder.join("fsync");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut took: Vec<Duration> = (0..100)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[0; 8_192]).unwrap();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    std::fs::remove_file(path).unwrap();
    took.sort_unstable();
    took[took.len() / 2]
}

fn size_mib(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().flatten().map(|file| file.metadata().unwrap().len()).sum::<u64>() >> 20
}

fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}
