//! The judge is fed wrong streams and must find each kind of violation, and nothing in a right one.

use super::*;
use crate::ledger::Received;
use serde_json::json;

const FLOW: &str = r#"{ "actions": [
    { "id": "answer", "type": "answer", "option": {} },
    { "id": "menu", "type": "talk", "option": { "text": "Hello ${call.from}." } },
    { "id": "bye", "type": "hangup", "option": {} }
] }"#;

const RIGHT: [(u32, &str, &str); 3] = [(1, "answer", ""), (2, "talk", "menu"), (3, "hangup", "bye")];

fn command(activeflow: &str, sequence: u32, kind: &str, action: &str) -> Received {
    let id = format!("{activeflow}:{sequence}");
    let action = if action.is_empty() { kind } else { action };
    let mut data = json!({ "activeflow_id": activeflow, "action_id": action });
    if kind == "talk" {
        data["text"] = json!("Hello +15550100.");
    }
    let kind = format!("call.{kind}");
    let body = json!({ "id": id, "type": kind, "subject": "call-1", "data": data });
    Received {
        routing_key: kind,
        message_id: Some(id),
        correlation_id: Some(activeflow.into()),
        content_type: Some("application/cloudevents+json".into()),
        persistent: true,
        reference: Some("call-1".into()),
        body: body.to_string().into_bytes(),
    }
}

fn judged(stream: &[Received]) -> Vec<Violation> {
    let mut log = RunLog::default();
    stream.iter().for_each(|received| log.note(received));
    let script = CallScript { from: "+15550100".into(), ..CallScript::default() };
    let scripts = BTreeMap::from([("call-1".to_owned(), script)]);
    judge(&log, &Flow::read(FLOW).unwrap(), &scripts).unwrap().violations
}

fn right() -> Vec<Received> {
    RIGHT.iter().map(|(sequence, kind, action)| command("a", *sequence, kind, action)).collect()
}

#[test]
fn a_right_stream_with_copies_is_clean() {
    let mut stream = right();
    stream.extend(right());
    assert_eq!(judged(&stream), []);
}

#[test]
fn a_missing_command_is_lost() {
    let mut stream = right();
    stream.remove(1);
    assert!(
        matches!(&judged(&stream)[..], [Violation::Lost { missing, got: 2, .. }] if missing == &["a:2 menu"])
    );
}

#[test]
fn a_confirmed_call_without_a_word_is_lost() {
    assert!(matches!(&judged(&[])[..], [Violation::Lost { got: 0, .. }]));
}

#[test]
fn a_command_too_many_is_beyond() {
    let mut stream = right();
    stream.push(command("a", 4, "talk", "menu"));
    assert!(matches!(&judged(&stream)[..], [Violation::Beyond { ids, .. }] if ids == &["a:4"]));
}

#[test]
fn another_command_than_the_flow_asks_for_is_different() {
    let mut stream = right();
    stream[2] = command("a", 3, "play", "bye");
    assert!(matches!(&judged(&stream)[..], [Violation::Different { id, .. }] if id == "a:3"));
}

#[test]
fn another_text_is_different() {
    let mut stream = right();
    let body = String::from_utf8(stream[1].body.clone()).unwrap().replace("+15550100", "+15550101");
    stream[1].body = body.into_bytes();
    assert!(matches!(&judged(&stream)[..], [Violation::Different { id, .. }] if id == "a:2"));
}

#[test]
fn copies_that_differ_are_found() {
    let mut stream = right();
    let mut copy = stream[1].clone();
    copy.body.push(b' ');
    stream.push(copy);
    assert!(matches!(&judged(&stream)[..], [Violation::CopiesDiffer { id, .. }] if id == "a:2"));
}

#[test]
fn first_appearances_out_of_order_are_found_and_late_copies_are_not() {
    let mut stream = right();
    stream.push(stream[0].clone());
    assert_eq!(judged(&stream), []);
    stream.swap(0, 1);
    assert!(matches!(&judged(&stream)[..], [Violation::Disordered { before: 2, after: 1, .. }]));
}

#[test]
fn a_second_activeflow_of_one_call_is_found() {
    let mut stream = right();
    stream.push(command("b", 1, "answer", ""));
    assert!(
        matches!(&judged(&stream)[..], [Violation::StartedTwice { activeflows, .. }] if activeflows.len() == 2)
    );
}

#[test]
fn commands_for_nobody_are_invented() {
    let mut stray = command("z", 1, "answer", "");
    stray.body = String::from_utf8(stray.body).unwrap().replace("call-1", "call-2").into_bytes();
    stray.reference = Some("call-2".into());
    let mut stream = right();
    stream.push(stray);
    assert!(matches!(&judged(&stream)[..], [Violation::Invented { commands: 1, .. }]));
}

#[test]
fn properties_that_disagree_with_the_body_are_unreadable() {
    let breakers: [fn(&mut Received); 6] = [
        |r| r.message_id = None,
        |r| r.correlation_id = Some("b".into()),
        |r| r.reference = None,
        |r| r.routing_key = "call.play".into(),
        |r| r.persistent = false,
        |r| r.body = b"{".to_vec(),
    ];
    for breaker in breakers {
        let mut stream = right();
        breaker(&mut stream[2]);
        assert!(judged(&stream).iter().any(|v| matches!(v, Violation::Unreadable { .. })));
    }
}

fn leftover(queue: &str, body: &[u8]) -> Leftover {
    Leftover { queue: queue.into(), message_id: "m".into(), headers: String::new(), body: body.to_vec() }
}

#[test]
fn rubbish_belongs_into_the_rejected_queue_and_nothing_else_does() {
    let rubbish = BTreeMap::from([(Verdict::key(b"{"), "noise-1".to_owned())]);
    let weighed = |leftovers: &[Leftover]| {
        let mut verdict = Verdict::default();
        verdict.weigh_leftovers(leftovers, &rubbish);
        verdict.violations
    };
    let right = leftover("signalbox.rejected", b"{");
    assert_eq!(weighed(&[right.clone(), right.clone()]), []);
    assert!(
        matches!(&weighed(&[])[..], [Violation::RejectionLost { message_id }] if message_id == "noise-1")
    );
    let stray = leftover("signalbox.rejected", b"{}");
    assert!(matches!(&weighed(&[right.clone(), stray])[..], [Violation::Unexplained { .. }]));
    let unrouted = leftover("signalbox.unrouted", b"{");
    assert!(matches!(&weighed(&[right, unrouted])[..], [Violation::Unexplained { .. }]));
}
