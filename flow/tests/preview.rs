//! The preview of a cursor: certain on the straight path, conditional after a decision.

mod support;

use flow::preview::{current, is_reserved, jumps, option, outputs, pending, waiting_for};
use serde_json::{Value, json};
use support::{Drive, bundle_of, voice};

/// `-a` is certain, `?a` conditional.
fn ahead(drive: &Drive) -> String {
    let mark = |conditional| if conditional { "?" } else { "-" };
    let shown = pending(&drive.bundle, &drive.cursor);
    shown
        .iter()
        .map(|action| format!("{}{}", mark(action.conditional), action.id))
        .collect::<Vec<_>>()
        .join(" ")
}

fn wait(id: &str) -> Value {
    json!({"id": id, "type": "sleep", "option": {"duration": 1000}})
}

#[test]
fn the_straight_way_is_certain() {
    let mut jump = wait("a");
    jump["next_id"] = json!("c");
    let drive = Drive::new(voice(json!([jump, wait("b"), wait("c"), {"id": "s", "type": "stop"}])));
    assert_eq!(ahead(&drive), "-c -s");
    let current = current(&drive.bundle, &drive.cursor).unwrap();
    assert_eq!((current.id.as_str(), current.kind, current.next_id.as_deref()), ("a", "sleep", Some("c")));
    assert_eq!(current.option, json!({"duration": 1000}));
}

#[test]
fn behind_a_branch_everything_is_conditional() {
    let branch = json!({"id": "b", "type": "branch", "option": {"target_ids": {"1": "d"}}});
    let drive = Drive::new(voice(json!([wait("a"), branch, wait("c"), wait("d")])));
    assert_eq!(ahead(&drive), "-b ?c ?d");
}

#[test]
fn where_only_an_error_leads_is_conditional_and_the_rest_stays_certain() {
    let mut risky = wait("b");
    risky["on_error"] = json!("sorry");
    let stop = json!({"id": "s", "type": "stop"});
    let drive = Drive::new(voice(json!([wait("a"), risky, wait("c"), stop, wait("sorry")])));
    assert_eq!(ahead(&drive), "-b -c -s ?sorry");
}

#[test]
fn a_jump_is_followed_and_a_loop_told_of_once() {
    let always = json!({"id": "g", "type": "goto", "option": {"target_id": "a"}});
    let drive = Drive::new(voice(json!([wait("a"), wait("b"), always, wait("never")])));
    assert_eq!(ahead(&drive), "-b -g");
    let forward = json!({"id": "g", "type": "goto", "option": {"target_id": "c"}});
    let drive = Drive::new(voice(json!([wait("a"), forward, wait("b"), wait("c")])));
    assert_eq!(ahead(&drive), "-g -c");
    let counted = json!({"id": "g", "type": "goto", "option": {"target_id": "a", "loop_count": 3}});
    let drive = Drive::new(voice(json!([wait("a"), wait("b"), counted, wait("after")])));
    assert_eq!(ahead(&drive), "-b -g ?after");
}

#[test]
fn the_rest_of_the_caller_follows_that_of_the_subroutine() {
    let main = |after: Value| {
        json!({
            "schema": "signalbox.flow/v1", "name": "main", "type": "voice", "trigger": {"event": "call.incoming"},
            "actions": [{"id": "sub", "type": "subroutine", "option": {"flow_id": "inner"}}, wait("m"), after]
        })
    };
    let inner = |actions: Value| json!({"schema": "signalbox.flow/v1", "name": "inner", "type": "voice", "actions": actions});
    let within = |inner: Value| Drive::call(bundle_of(&main(wait("n")), &[("inner", &inner)]));
    let straight = within(inner(json!([wait("x"), wait("y")])));
    assert_eq!(ahead(&straight), "-y -m -n");
    assert_eq!(jumps(&straight.bundle, Some(&straight.cursor)), ["x", "y", "sub", "m", "n"]);
    assert_eq!(jumps(&straight.bundle, None), ["sub", "m", "n"]);
    assert_eq!(option(&straight.bundle, "y", "sleep"), Some(json!({"duration": 1000})));
    assert_eq!(option(&straight.bundle, "y", "talk"), None);

    let condition =
        json!({"id": "c", "type": "condition", "option": {"expression": "1 == 1", "false_target_id": "z"}});
    let decided = within(inner(json!([wait("x"), condition, wait("y"), wait("z")])));
    assert_eq!(ahead(&decided), "-c ?y ?z ?m ?n");
    let stopped = within(inner(json!([wait("x"), {"id": "s", "type": "stop"}])));
    assert_eq!(ahead(&stopped), "-s");
}

#[test]
fn a_wait_says_what_ends_it_and_leaves_its_outputs() {
    let menu = json!({"id": "menu", "type": "digits_receive", "option": {"length": 1, "duration": 5000}});
    let fresh = Drive::new(voice(json!([menu, wait("b")])));
    assert_eq!(waiting_for(&fresh.bundle, &fresh.cursor), Vec::<String>::new());
    let mut drive = Drive::call(fresh.bundle);
    assert_eq!(waiting_for(&drive.bundle, &drive.cursor), ["call.digits", "timer"]);
    assert_eq!(outputs(&drive.cursor, "menu"), None);
    drive.digits("7");
    assert_eq!(outputs(&drive.cursor, "menu").unwrap()["digits"], "7");
    assert_eq!(waiting_for(&drive.bundle, &drive.cursor), ["timer"]);
    drive.hear("call.hangup", json!({}));
    assert_eq!((ahead(&drive).as_str(), waiting_for(&drive.bundle, &drive.cursor).len()), ("", 0));
    assert_eq!(current(&drive.bundle, &drive.cursor).unwrap().id, "b");
}

#[test]
fn reserved_ids_lead_somewhere_in_every_flow() {
    assert!(is_reserved("00000000-0000-0000-0000-000000000002"));
    assert!(!is_reserved("menu"));
}
