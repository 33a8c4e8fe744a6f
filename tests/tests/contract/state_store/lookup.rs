//! Lists, journal and feed.

use super::harness::*;
use common::ports::lookup::ListQuery;
use common::ports::work::{Disposition, Transition};

pub async fn a_list_is_newest_first_and_pages_without_a_gap(w: &StoreHarness) {
    let calls: Vec<Call> = (0..23).map(|n| call(&format!("call-{n}"))).collect();
    for (n, call) in calls.iter().enumerate() {
        // Groups of three share a creation time.
        if n % 3 == 0 {
            w.advance(1);
        }
        w.applied(&call.incoming("e1")).await;
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let query = ListQuery { customer_id: CUSTOMER.into(), before, limit: 5 };
        let page = w.store.list(&query).await.unwrap();
        seen.extend(page.iter().map(|found| (found.record.created, found.id)));
        before = seen.last().copied();
        if page.len() < 5 {
            break;
        }
    }
    assert_eq!(seen.len(), 23);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once");
    let other = ListQuery { customer_id: "another".into(), before: None, limit: 5 };
    assert!(w.store.list(&other).await.unwrap().is_empty());
}

pub async fn the_journal_keeps_the_last_64_entries(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    for version in 0..70u64 {
        let journal = Some(format!("entry {}", version + 1).into_bytes());
        let consumed = u32::from(version == 0);
        let transition = Transition { body: b"\x01".to_vec(), consumed, journal, ..Transition::default() };
        w.store.commit(&row.claim, version, &transition, &Disposition::KeepClaim).await.unwrap();
    }
    let journal = w.store.get(row.claim.id).await.unwrap().unwrap().journal;
    assert_eq!(journal.len(), 64);
    assert_eq!((journal[0].as_slice(), journal[63].as_slice()), (&b"entry 7"[..], &b"entry 70"[..]));
}

pub async fn the_feed_tells_births_moves_and_ends_and_is_trimmed(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    let moved = Transition { journal: Some(b"j".to_vec()), ..taking(&row) };
    w.commit(&row, &moved, &Disposition::End { rest: vec![] }).await;
    let feed = w.store.feed(call.shard(), "", 10).await.unwrap();
    let what: Vec<&str> = feed.iter().map(|entry| entry.kind.name()).collect();
    assert_eq!(what, ["created", "moved", "ended"]);
    assert!(feed.iter().all(|entry| entry.id == row.claim.id && entry.at == w.now()));
    assert_eq!(feed[1].journal, b"j");
    let behind = w.store.feed(call.shard(), &feed[0].position, 1).await.unwrap();
    assert_eq!(behind, feed[1..2]);
    w.store.trim(call.shard(), &feed[1].position).await.unwrap();
    assert_eq!(w.store.feed(call.shard(), "", 10).await.unwrap(), feed[2..]);
}
