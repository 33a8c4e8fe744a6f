//! The ledger finds what is wrong.

use super::*;
use serde_json::json;

const CALL: &str = "call-1";
const LATE: Duration = Duration::from_secs(5);

fn event(kind: &'static str) -> Event {
    Event::new("carrier", format!("{CALL}-{kind}"), kind, CALL, &json!({}))
}

fn body(id: &str, action: &str, seconds: u32) -> String {
    json!({ "id": id, "type": "call.talk", "subject": CALL, "time": format!("2026-11-22T05:00:{seconds:02}Z"),
            "data": { "action_id": action } })
    .to_string()
}

fn hears(ledger: &Ledger, body: &str) -> bool {
    ledger.receive(&Command::read(body.as_bytes()).unwrap(), body.as_bytes())
}

/// A call that came in and is stored.
fn ringing() -> Ledger {
    let ledger = Ledger::new(LATE);
    ledger.opens(CALL);
    publish(&ledger, "call.incoming");
    ledger
}

fn publish(ledger: &Ledger, kind: &'static str) {
    ledger.sends(&event(kind), false);
    ledger.stored(&event(kind), None);
}

#[test]
fn what_is_as_it_should_be_is_clean() {
    let ledger = ringing();
    assert!(hears(&ledger, &body("a:1", "greet", 0)));
    publish(&ledger, "call.digits");
    assert!(hears(&ledger, &body("a:2", "sales", 1)));
    assert!(!hears(&ledger, &body("a:1", "greet", 0)), "a copy is not to be carried out");
    publish(&ledger, "call.hangup");
    ledger.closes(CALL);
    assert!(ledger.is_hung_up(CALL) && !ledger.is_silent(CALL));
    let verdict = ledger.verdict();
    assert!(verdict.is_clean(), "{}", verdict.text("calls"));
    assert_eq!((verdict.counted.commands, verdict.counted.copies, verdict.late), (2, 1, 0));
    assert_eq!(
        verdict.latencies.iter().map(|row| row.event).collect::<Vec<_>>(),
        ["call.digits", "call.incoming"]
    );
}

#[test]
fn a_command_that_is_missing_is_lost() {
    let ledger = ringing();
    hears(&ledger, &body("a:1", "greet", 0));
    hears(&ledger, &body("a:4", "bye", 1));
    let verdict = ledger.verdict();
    assert_eq!(verdict.lost, 1);
    assert!(verdict.findings[0].text.contains("[2, 3]"), "{:?}", verdict.findings);
}

#[test]
fn an_event_of_which_nothing_came_is_silent_until_something_comes() {
    let ledger = ringing();
    assert!(ledger.is_silent(CALL));
    ledger.stored(&event("call.incoming"), Some("a"));
    assert!(!ledger.is_silent(CALL), "an activeflow came of it");
}

#[test]
fn two_activeflows_of_one_call_are_doubled() {
    let ledger = ringing();
    hears(&ledger, &body("a:1", "greet", 0));
    hears(&ledger, &body("b:1", "greet", 0));
    assert_eq!(ledger.verdict().doubled, 1);
}

#[test]
fn the_next_message_may_start_the_next_activeflow() {
    let ledger = Ledger::new(LATE);
    ledger.opens(CALL);
    for id in ["a:1", "b:1"] {
        publish(&ledger, "message.received");
        hears(&ledger, &body(id, "ask", 0));
    }
    assert!(ledger.verdict().is_clean());
}

#[test]
fn the_same_step_under_two_ids_is_doubled_unless_something_happened_or_time_passed() {
    let ledger = ringing();
    hears(&ledger, &body("a:1", "greet", 0));
    hears(&ledger, &body("a:2", "greet", 0));
    assert_eq!(ledger.verdict().doubled, 1);

    let ledger = ringing();
    hears(&ledger, &body("a:1", "greet", 0));
    publish(&ledger, "call.digits");
    hears(&ledger, &body("a:2", "greet", 0));
    hears(&ledger, &body("a:3", "greet", 5));
    assert!(ledger.verdict().is_clean());
}

#[test]
fn one_id_with_two_bodies_is_doubled() {
    let ledger = ringing();
    hears(&ledger, &body("a:1", "greet", 0));
    assert!(!hears(&ledger, &body("a:1", "other", 0)));
    assert_eq!(ledger.verdict().doubled, 1);
}

#[test]
fn first_appearances_out_of_order_are_found() {
    let ledger = ringing();
    hears(&ledger, &body("a:2", "menu", 0));
    hears(&ledger, &body("a:1", "greet", 0));
    let verdict = ledger.verdict();
    assert_eq!((verdict.out_of_order, verdict.lost), (1, 0));
}

#[test]
fn a_command_that_does_not_come_in_time_is_late_and_no_broken_promise() {
    let ledger = Ledger::new(Duration::ZERO);
    ledger.opens(CALL);
    publish(&ledger, "call.incoming");
    std::thread::sleep(Duration::from_millis(2));
    assert!(ledger.is_late(CALL).is_some());
    hears(&ledger, &body("a:1", "greet", 0));
    assert!(ledger.is_late(CALL).is_none());
    let verdict = ledger.verdict();
    assert_eq!((verdict.late, verdict.is_clean()), (1, true));
}

#[test]
fn what_is_refused_and_what_still_runs_is_told_without_numbers_in_clear() {
    let ledger = Ledger::new(LATE);
    let subject = "+15550111,+15550100";
    let sms = Event::new("carrier", "1".into(), "message.received", subject, &json!({}));
    ledger.opens(subject);
    ledger.refused(&sms, "`to` is +15550111".into());
    ledger.finds(Finding::StillRuns {
        subject: subject.into(),
        activeflow: "a".into(),
        state: "claimed".into(),
    });
    ledger.finds(Finding::NothingCame { subject: subject.into(), event: "message.received" });
    let verdict = ledger.verdict();
    assert_eq!((verdict.lost, verdict.refused), (2, 1));
    let text = verdict.text("conversations");
    assert!(!text.contains("+15550111") && text.contains("+15***11"), "{text}");
}

#[test]
fn commands_of_others_are_not_ours() {
    let ledger = ringing();
    let body = body("a:1", "greet", 0).replace(CALL, "call-of-others");
    assert!(!hears(&ledger, &body));
    assert_eq!(ledger.counters().commands, 0);
}
