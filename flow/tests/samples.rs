//! The samples, each driven through whole conversations.

mod support;

use flow::cursor::Input;
use flow::{Bundle, Class, validate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{Drive, event};

const IVR: &str = include_str!("../../samples/ivr.json");
const OPENING_HOURS: &str = include_str!("../../samples/opening-hours.json");
const SMS: &str = include_str!("../../samples/sms-auto-reply.json");
const SIM: &str = include_str!("../../samples/sim-usage-notice.json");

fn sample(text: &str) -> Bundle {
    let subroutines = BTreeMap::from([("opening-hours".to_owned(), OPENING_HOURS.to_owned())]);
    Bundle::compile(("main", text), &subroutines).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

#[test]
fn no_sample_has_a_finding() {
    for text in [IVR, OPENING_HOURS, SMS, SIM] {
        assert_eq!(validate(text), []);
    }
}

#[test]
fn the_samples_say_what_starts_them_and_what_they_hear() {
    let ivr = sample(IVR);
    assert_eq!((ivr.class(), ivr.trigger()), (Class::Voice, Some("call.incoming")));
    assert_eq!(ivr.hears().into_iter().collect::<Vec<_>>(), ["call.digits", "call.hangup", "call.incoming"]);
    assert_eq!(sample(SMS).hears().into_iter().collect::<Vec<_>>(), ["message.received"]);
    assert_eq!(sample(SIM).class(), Class::Service);
}

const GREETING: &str = "call.talk: Welcome to Example Telecom. For sales press 1. For support press 2. For our opening hours press 3.";

fn call(from: &str) -> Drive {
    let mut call = Drive::new(sample(IVR));
    let commands =
        call.input(Input::Started(event("call.incoming", json!({ "from": from, "to": "+15550111" }))));
    assert_eq!(commands.iter().map(support::spoken).collect::<Vec<_>>(), ["call.answer", GREETING]);
    call
}

#[test]
fn a_caller_interrupts_the_greeting_and_reaches_support() {
    let mut call = call("+15550100");
    assert_eq!(call.digits("2"), ["call.talk: Support is there for you and calls back at once."]);
    assert_eq!(call.completed(), Vec::<String>::new());
    assert_eq!(
        call.timer(),
        ["call.hangup", "message.send: Thank you for calling Example Telecom. We are open around the clock."]
    );
    assert_eq!(call.ended().as_deref(), Some("finished"));
    let message = &call.commands.last().unwrap().data;
    assert_eq!((&message["from"], &message["to"]), (&json!("+15550111"), &json!("+15550100")));
}

#[test]
fn a_stranger_hears_that_support_is_closed_and_when_it_opens() {
    let mut call = call("+4930123");
    assert_eq!(call.completed(), Vec::<String>::new());
    assert_eq!(call.at(), "choice");
    assert_eq!(call.digits("2"), ["call.talk: Support is closed now."]);
    assert_eq!(call.completed(), ["call.talk: We are open from nine to five."]);
}

#[test]
fn three_wrong_digits_end_the_call() {
    let mut call = call("+4930123");
    for _ in 0..2 {
        assert_eq!(call.digits("9"), ["call.talk: Sorry, I did not get that."]);
        assert_eq!(call.completed(), [GREETING]);
    }
    assert_eq!(call.digits("9"), ["call.talk: Sorry, I did not get that."]);
    assert_eq!(call.completed(), ["call.talk: Please call again."]);
    call.completed();
    call.timer();
    assert_eq!(call.ended().as_deref(), Some("finished"));
}

#[test]
fn a_caller_who_hangs_up_ends_the_flow_wherever_it_stands() {
    let mut call = call("+4930123");
    assert_eq!(call.hear("call.hangup", json!({ "reason": "normal" })), Vec::<String>::new());
    assert_eq!(call.ended().as_deref(), Some("hangup"));
}

fn message(text: &str) -> Value {
    json!({ "from": "+15550100", "to": "+15550111", "text": text })
}

fn conversation() -> Drive {
    let mut sms = Drive::new(sample(SMS));
    let asked = sms.input(Input::Started(event("message.received", message("hi"))));
    assert_eq!(
        support::spoken(&asked[0]),
        "message.send: Hello! You wrote: \"hi\". Do you want an appointment? Answer YES or NO."
    );
    assert_eq!((&asked[0].data["from"], &asked[0].data["to"]), (&json!("+15550111"), &json!("+15550100")));
    sms
}

#[test]
fn a_yes_books_the_appointment() {
    let mut sms = conversation();
    assert_eq!(
        sms.hear("message.received", message(" Yes ")),
        ["message.send: Wonderful, we will call you on +15550100."]
    );
    assert_eq!(sms.ended().as_deref(), Some("finished"));
}

#[test]
fn an_unclear_answer_is_asked_again() {
    let mut sms = conversation();
    assert_eq!(sms.hear("message.received", message("maybe")), ["message.send: Please answer YES or NO."]);
    assert_eq!(sms.hear("message.received", message("n")), ["message.send: All right. Have a nice day!"]);
    assert_eq!(sms.ended().as_deref(), Some("finished"));
}

#[test]
fn nobody_waits_for_an_answer_forever() {
    let mut sms = conversation();
    assert_eq!(sms.timer(), ["message.send: We did not hear from you. Write again whenever you like."]);
    assert_eq!(sms.ended().as_deref(), Some("finished"));
}

fn usage(total_bytes: u64) -> Drive {
    let mut sim = Drive::new(sample(SIM));
    let data = json!({ "period": "2026-11", "total_bytes": total_bytes, "msisdn": "+15550155" });
    let event = flow::Event { subject: Some("8944000000000000001".into()), ..event("sim.usage", data) };
    sim.input(Input::Started(event));
    sim
}

#[test]
fn a_sim_over_its_quota_tells_subscriber_and_operator() {
    let sim = usage(1_204_000_000);
    let text = "message.send: SIM 8944000000000000001 used 120% of its data in 2026-11.";
    assert_eq!(sim.commands.iter().map(support::spoken).collect::<Vec<_>>(), [text, text]);
    assert_eq!(
        sim.commands.iter().map(|c| c.data["to"].clone()).collect::<Vec<_>>(),
        [json!("+15550155"), json!("+15550199")]
    );
    assert_eq!(sim.ended().as_deref(), Some("finished"));
}

#[test]
fn a_sim_within_its_quota_tells_nobody() {
    let sim = usage(999_999_999);
    assert_eq!((sim.commands.len(), sim.ended().as_deref()), (0, Some("finished")));
}
