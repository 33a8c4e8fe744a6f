use super::*;
use crate::fakes::{Harness, message, nacked};
use std::sync::Arc;

#[tokio::test]
async fn after_a_nack_the_suffix_is_sent_again_in_order() {
    let harness = Arc::new(Harness::default());
    harness.confirms.lock().unwrap().extend([Some(Ok(())), nacked(), Some(Ok(()))]);
    let commands = [1, 2, 3].map(message);
    assert_eq!(publish(&harness.executor(), &commands).await, Ok(()));
    assert_eq!(harness.log(), ["publish 1", "publish 2", "publish 3", "publish 2", "publish 3"]);
}

#[tokio::test]
async fn a_confirm_that_never_comes_suspends_claiming_until_one_comes() {
    let harness = Arc::new(Harness::default());
    harness.confirms.lock().unwrap().push_back(None);
    let executor = harness.executor();
    assert_eq!(publish(&executor, &[message(1)]).await, Err(AbortReason::BrokerAway));
    assert!(executor.broker.is_away());
    assert_eq!(publish(&executor, &[message(1)]).await, Ok(()));
    assert!(!executor.broker.is_away());
}

#[tokio::test]
async fn a_queue_that_stays_full_is_not_a_broker_that_is_away() {
    let harness = Arc::new(Harness::default());
    harness.confirms.lock().unwrap().extend((0..100).map(|_| nacked()));
    let executor = harness.executor();
    assert_eq!(publish(&executor, &[message(1)]).await, Err(AbortReason::Later));
    assert!(!executor.broker.is_away());
}
