//! Shortens a failing history: replays it without a part, keeps what still fails, and continues with smaller parts.

use super::operation::Operation;
use super::player::{Difference, replay};

/// Maximum replays. By then most histories are short.
const TRIES: usize = 300;

pub async fn shrink(url: &str, first: Box<Difference>) -> Box<Difference> {
    let mut shortest = first;
    let mut part = shortest.operations.len() / 2;
    let mut tries = 0;
    while part > 0 && tries < TRIES {
        let mut from = 0;
        while from < shortest.operations.len() && tries < TRIES {
            tries += 1;
            match replay(url, &without(&shortest.operations, from, part)).await {
                Err(shorter) => shortest = shorter,
                Ok(()) => from += part,
            }
        }
        part /= 2;
    }
    shortest
}

fn without(operations: &[Operation], from: usize, part: usize) -> Vec<Operation> {
    let end = (from + part).min(operations.len());
    [&operations[..from], &operations[end..]].concat()
}
