//! Publishing of commands and notices.

use super::harness::{BusHarness, Kind, message};
use common::command::Message;
use futures_util::future::join_all;

pub async fn commands_arrive_in_the_order_of_the_calls(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let mut gateway = harness.gateway("call.#").await;
    const COUNT: usize = 2_000;
    let confirms: Vec<_> = (0..COUNT).map(|number| harness.bus.publish(message(number))).collect();
    assert!(join_all(confirms).await.iter().all(Result::is_ok));
    for expected in 0..COUNT {
        let Message { id, body, .. } = message(expected);
        assert_eq!(gateway.next().await, (id, body));
    }
    assert!(harness.bus.is_up());
}

pub async fn a_notice_needs_no_listener(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    harness.bus.announce(message(8)).await.expect("confirmed");
}
