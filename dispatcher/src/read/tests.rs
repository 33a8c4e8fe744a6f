use super::*;
use crate::fakes::{delivery, deployed, published, route};
use common::address::address;
use common::ports::intake::{Deliver, Destination};
use common::record::Start;
use common::{ActiveflowId, Shard};
use flow::route::Window;
use flow::route::{Reference, Route};
use flow::{Definitions, Timestamp};

fn read_in_default(delivery: &Delivery) -> ParsedEvent {
    read(delivery, &Realms::default()).unwrap()
}

/// A route for every number, active until second 100.
fn definitions() -> Definitions {
    let window = Window { active_from: None, active_until: Some(Timestamp::from_micros(100_000_000)) };
    let route = Route { window, ..route("call") };
    Definitions {
        generation: 7,
        flows: [("flow".into(), deployed("call.incoming"))].into(),
        routes: vec![route],
    }
}

fn owner(deliver: Deliver) -> Option<Start> {
    match deliver.to {
        Destination::Reference { owner, .. } => owner,
        Destination::Activeflow { .. } => panic!("a reference was expected"),
    }
}

#[test]
fn an_incoming_call_starts_the_flow_of_its_route_under_a_derived_id() {
    let numbers = serde_json::json!({ "from": "+15550100", "to": "+15550111" });
    let read = read_in_default(&published("call.incoming", Some("call-1"), numbers));
    let deliver = address(&read, &definitions(), Timestamp::default(), 16).unwrap();
    assert_eq!((deliver.generation, deliver.always_fits), (7, false));
    let reference = Reference { realm: "default".into(), kind: "call".into(), subject: "call-1".into() };
    assert_eq!(deliver.shard, Shard::of(&reference, 16));
    let start = owner(deliver).unwrap();
    assert_eq!(start.id, ActiveflowId::derive(&reference, "sbc", "e1", "call.incoming", "flow"));
    assert_eq!((start.spec.bundle, start.spec.customer_id.as_str()), ([0xab; 32], "acme"));
}

#[test]
fn an_event_without_a_time_is_judged_by_its_arrival_and_others_by_their_own() {
    let numbers = serde_json::json!({ "from": "+15550100", "to": "+15550111" });
    let mut read = read_in_default(&published("call.incoming", Some("call-1"), numbers));
    let late = Timestamp::from_micros(200_000_000);
    assert_eq!(owner(address(&read, &definitions(), late, 16).unwrap()), None);
    read.event.time = Some(Timestamp::from_micros(99_000_000));
    assert!(owner(address(&read, &definitions(), late, 16).unwrap()).is_some());
}

#[test]
fn a_result_of_a_command_goes_to_its_activeflow_in_the_queue_of_its_subject() {
    let id = "8a4f0c3e-0000-8000-8000-000000000001";
    let data = serde_json::json!({ "command_id": format!("{id}:3") });
    let read = read_in_default(&published("command.completed", Some("call-1"), data));
    let digits = published("call.digits", Some("call-1"), serde_json::json!({ "digits": "1" }));
    assert_eq!(key(&read), key(&read_in_default(&digits)));
    let deliver = address(&read, &definitions(), Timestamp::default(), 16).unwrap();
    let id: ActiveflowId = id.parse().unwrap();
    assert!(deliver.always_fits);
    assert_eq!(
        (deliver.shard, deliver.to),
        (id.shard(16), Destination::Activeflow { id, realm: "default".into() })
    );
}

#[test]
fn an_event_without_a_reference_gets_its_own_key_that_a_redelivery_shares() {
    let custom = published("custom.order", None, serde_json::json!({}));
    let (first, again) = (read_in_default(&custom), read_in_default(&custom));
    assert_eq!(key(&first), key(&again));
    assert_eq!(key(&first).1.len(), 64);
}

#[test]
fn the_realm_comes_from_the_broker_user() {
    let users = [("acme-sbc".to_owned(), "acme".to_owned())].into();
    let realms = Realms { users, accepts_missing_user: false };
    let known = Delivery { user_id: Some("acme-sbc".into()), ..delivery(1, "e1", "a") };
    let unknown = Delivery { user_id: Some("guest".into()), ..delivery(1, "e1", "a") };
    assert_eq!(read(&known, &realms).unwrap().realm, "acme");
    assert_eq!(read(&unknown, &realms).unwrap_err().reason.name(), "unknown_user");
    assert_eq!(read(&unknown, &Realms::default()).unwrap().realm, "default");
}

#[test]
fn a_message_with_an_unreadable_property_is_refused_whatever_its_body() {
    let part = Some("property message_id".to_owned());
    for body in [delivery(1, "e1", "a").body, b"{".to_vec()] {
        let unreadable = Delivery { unreadable: part.clone(), body, ..delivery(1, "e1", "a") };
        let refused = read(&unreadable, &Realms::default()).unwrap_err();
        assert_eq!(refused.reason.name(), "unreadable_property");
        assert!(refused.message.contains("property message_id"), "{}", refused.message);
    }
}

#[test]
fn an_event_without_an_address_is_refused_with_a_reason() {
    let refused =
        read(&published("call.digits", None, serde_json::json!({ "digits": "1" })), &Realms::default())
            .unwrap_err();
    assert_eq!(refused.reason.name(), "unaddressable");
    assert!(refused.message.contains("subject"));
}

#[test]
fn only_the_two_answers_to_a_command_are_addressed_by_its_id() {
    let data = serde_json::json!({ "command_id": "8a4f0c3e-0000-8000-8000-000000000001:3" });
    let of = |kind| read(&published(kind, Some("call-1"), data.clone()), &Realms::default());
    assert!(of("command.completed").is_ok() && of("command.failed").is_ok());
    let refused = of("command.done").unwrap_err();
    assert_eq!(refused.reason.name(), "unaddressable");
    assert!(refused.message.contains("`command.done`") && refused.message.contains("command.completed"));
}
