//! Commands and notices go out.

use super::world::{Kind, World, message};
use common::command::Message;
use futures_util::future::join_all;

pub async fn commands_arrive_in_the_order_of_the_calls(kind: Kind) {
    let world = World::new(kind).await;
    let mut gateway = world.gateway("call.#").await;
    const COUNT: usize = 2_000;
    let confirms: Vec<_> = (0..COUNT).map(|number| world.bus.publish(message(number))).collect();
    assert!(join_all(confirms).await.iter().all(Result::is_ok));
    for expected in 0..COUNT {
        let Message { id, body, .. } = message(expected);
        assert_eq!(gateway.next().await, (id, body));
    }
    assert!(world.bus.is_up());
}

pub async fn a_notice_needs_no_listener(kind: Kind) {
    let world = World::new(kind).await;
    world.bus.announce(message(8)).await.expect("confirmed");
}
