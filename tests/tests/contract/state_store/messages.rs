//! Messages are counted by pair of numbers, and refused beyond the limit of a minute.

use super::harness::*;
use common::identity::pair_key;
use common::ports::work::{CommitOutcome, Disposition, Messages, Row, Transition};

const MOST: u32 = 3;

fn pair(to: &str) -> [u8; 16] {
    pair_key("default", CUSTOMER, "+15550111", to)
}

/// A transition that sends messages to each number.
fn sending(row: &Row, to: &[(&str, u32)]) -> Transition {
    let pairs: Vec<_> = to.iter().map(|(to, number)| (pair(to), *number)).collect();
    let commands = pairs.iter().flat_map(|(_, number)| (0..*number).map(|n| n.to_be_bytes().to_vec()));
    Transition {
        commands: commands.collect(),
        messages: Messages { most: MOST, pairs: pairs.clone() },
        journal: Some(b"journal".to_vec()),
        ..taking(row)
    }
}

async fn send(w: &StoreHarness, row: &Row, to: &[(&str, u32)]) -> CommitOutcome {
    w.commit(row, &sending(row, to), &Disposition::KeepClaim).await
}

/// Rows of activeflows of one shard, all claimed.
async fn rows(w: &StoreHarness, count: usize) -> Vec<Row> {
    let calls = calls_of_one_shard(count);
    for call in &calls {
        w.applied(&call.incoming("e1")).await;
    }
    w.claim_as(worker(1), calls[0].shard(), 100).await
}

const STORED: CommitOutcome = CommitOutcome::ClaimKept { version: 1 };

fn limited(left: &[u32]) -> CommitOutcome {
    CommitOutcome::RateLimited { left: left.to_vec() }
}

pub async fn messages_of_all_activeflows_of_a_shard_count_against_their_pair(w: &StoreHarness) {
    let rows = rows(w, 5).await;
    assert_eq!(send(w, &rows[0], &[("+1", 2), ("+2", 1)]).await, STORED);
    assert_eq!(send(w, &rows[1], &[("+1", 1)]).await, STORED);
    assert_eq!(send(w, &rows[2], &[("+1", 1)]).await, limited(&[0]));
    assert_eq!(send(w, &rows[2], &[("+2", 3), ("+3", 3), ("+4", 4)]).await, limited(&[2, 3, 3]));
    assert_eq!(send(w, &rows[2], &[("+2", 2), ("+3", 3)]).await, STORED, "a refused one counted nothing");
    assert_eq!(send(w, &rows[3], &[("+3", 1)]).await, limited(&[0]));
    let unlimited = Transition { messages: Messages::default(), ..sending(&rows[3], &[("+3", 1)]) };
    assert_eq!(w.commit(&rows[3], &unlimited, &Disposition::KeepClaim).await, STORED);
}

pub async fn a_commit_with_too_many_messages_changes_nothing_and_keeps_the_claim(w: &StoreHarness) {
    let rows = rows(w, 2).await;
    assert_eq!(send(w, &rows[0], &[("+1", 3)]).await, STORED);
    let row = &rows[1];
    let before = w.store.get(row.claim.id).await.unwrap();
    let transition = sending(row, &[("+1", 1)]);
    for after in [Disposition::KeepClaim, Disposition::Yield, Disposition::End { rest: vec![] }] {
        assert_eq!(w.commit(row, &transition, &after).await, limited(&[0]));
    }
    assert_eq!(w.store.get(row.claim.id).await.unwrap(), before);
    w.end(row).await;
}

pub async fn a_repeated_commit_counts_its_messages_once(w: &StoreHarness) {
    let rows = rows(w, 2).await;
    for _ in 0..3 {
        assert_eq!(send(w, &rows[0], &[("+1", 2)]).await, STORED);
    }
    assert_eq!(send(w, &rows[1], &[("+1", 1)]).await, STORED, "two of three were counted");
    assert_eq!(send(w, &rows[1], &[("+1", 1)]).await, STORED);
}

pub async fn a_message_counts_for_a_minute(w: &StoreHarness) {
    let rows = rows(w, 6).await;
    assert_eq!(send(w, &rows[0], &[("+1", 1)]).await, STORED);
    w.advance(40);
    assert_eq!(send(w, &rows[1], &[("+1", 2)]).await, STORED);
    w.advance(19);
    assert_eq!(send(w, &rows[2], &[("+1", 1)]).await, limited(&[0]));
    w.store.sweep(rows[0].claim.shard, &[]).await.unwrap();
    w.advance(1);
    assert_eq!(send(w, &rows[2], &[("+1", 2)]).await, limited(&[1]), "no two minutes meet at a border");
    assert_eq!(send(w, &rows[2], &[("+1", 1)]).await, STORED);
    w.advance(40);
    assert_eq!(send(w, &rows[3], &[("+1", 3)]).await, limited(&[2]));
    assert_eq!(send(w, &rows[3], &[("+1", 2)]).await, STORED);
}
