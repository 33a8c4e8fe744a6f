//! The samples, each driven through whole conversations.

mod support;

use flow::cursor::Input;
use flow::definitions::{Definitions, Deployed};
use flow::route::{Address, Route, Window};
use flow::{Bundle, Class, validate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{Drive, event};

const IVR: &str = include_str!("../../samples/ivr.json");
const OPENING_HOURS: &str = include_str!("../../samples/opening-hours.json");
const SMS: &str = include_str!("../../samples/sms-auto-reply.json");
const SIM: &str = include_str!("../../samples/sim-usage-notice.json");
const VOICEMAIL: &str = include_str!("../../samples/voicemail.json");
const SURVEY: &str = include_str!("../../samples/survey.json");
const NIGHT: &str = include_str!("../../samples/night.json");

fn sample(text: &str) -> Bundle {
    let subroutines = BTreeMap::from([("opening-hours".to_owned(), OPENING_HOURS.to_owned())]);
    Bundle::compile(("main", text), &subroutines).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

#[test]
fn no_sample_has_a_finding() {
    for text in [IVR, OPENING_HOURS, SMS, SIM, VOICEMAIL, SURVEY, NIGHT] {
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

const NOTICE: &str =
    "message.send: +15550100 leaves a message: https://recordings.example/voicemail-8a4f.wav";

/// Runs the voicemail flow until the caller speaks.
fn voicemail() -> Drive {
    let mut call = Drive::call(sample(VOICEMAIL));
    assert_eq!(call.completed(), ["call.recording_start", NOTICE]);
    let [.., record, notice] = call.commands.as_slice() else { panic!("{:?}", call.commands) };
    assert_eq!(record.data["name"], "voicemail-8a4f");
    assert_eq!((&notice.data["from"], &notice.data["to"]), (&json!("+15550111"), &json!("+15550199")));
    call
}

#[test]
fn a_message_for_nobody_is_recorded_until_the_key_and_kept() {
    let mut call = voicemail();
    assert_eq!(call.digits("#"), ["call.recording_stop"]);
    assert_eq!(call.completed(), ["call.talk: Thank you, your message is kept. Goodbye."]);
    assert_eq!(call.completed(), ["call.hangup"]);
    assert_eq!(call.ended().as_deref(), Some("finished"));
}

#[test]
fn a_message_ends_with_its_time_and_with_the_call() {
    assert_eq!(voicemail().timer(), ["call.recording_stop"]);
    let mut call = voicemail();
    assert_eq!(call.hear("call.hangup", json!({ "reason": "normal" })), Vec::<String>::new());
    assert_eq!(call.ended().as_deref(), Some("hangup"), "the owner has already been notified");
}

#[test]
fn a_caller_hears_when_the_message_was_not_kept() {
    let mut call = voicemail();
    call.digits("#");
    assert_eq!(
        call.failed("disk_full"),
        ["call.talk: Sorry, your message could not be kept. Please call again."]
    );
}

const THANKS: &str = "message.send: Thank you for your time. Example Telecom";

fn survey() -> Drive {
    let mut sms = Drive::new(sample(SURVEY));
    let asked = sms.input(Input::Started(event("message.received", message("hi"))));
    let expected =
        "message.send: Thank you for writing to Example Telecom. How were we, from 1 (bad) to 5 (very good)?";
    assert_eq!(asked.iter().map(support::spoken).collect::<Vec<_>>(), [expected]);
    sms
}

fn answer(sms: &mut Drive, text: &str) -> Vec<String> {
    sms.hear("message.received", message(text))
}

#[test]
fn a_survey_asks_by_the_score_and_tells_the_team() {
    let mut sms = survey();
    assert_eq!(
        answer(&mut sms, " 2 "),
        ["message.send: We are sorry. May we call you about it? Answer YES or NO."]
    );
    let told = "message.send: +15550100 gave 2 of 5 and may be called.";
    assert_eq!(answer(&mut sms, "Yes"), [told, THANKS]);
    assert_eq!(sms.ended().as_deref(), Some("finished"));
    let to: Vec<_> = sms.commands.iter().map(|command| command.data["to"].clone()).collect();
    assert_eq!(to, ["+15550100", "+15550100", "+15550199", "+15550100"]);

    let mut sms = survey();
    let glad = "message.send: We are glad. May we call you and ask what you liked? Answer YES or NO.";
    assert_eq!(answer(&mut sms, "5"), [glad]);
    let told = "message.send: +15550100 gave 5 of 5 and may not be called.";
    assert_eq!(answer(&mut sms, "no"), [told, THANKS]);
}

#[test]
fn a_wrong_answer_is_asked_once_more() {
    let mut sms = survey();
    assert_eq!(answer(&mut sms, "good"), ["message.send: Please answer with one digit, from 1 to 5."]);
    answer(&mut sms, "4");
    assert_eq!(answer(&mut sms, "perhaps"), ["message.send: Please answer YES or NO."]);
    assert_eq!(answer(&mut sms, "who is this"), [THANKS]);
    assert_eq!(sms.ended().as_deref(), Some("finished"));

    let mut sms = survey();
    answer(&mut sms, "6");
    assert_eq!(answer(&mut sms, "7"), [THANKS]);
}

#[test]
fn whoever_does_not_answer_a_survey_within_a_day_is_left_alone() {
    let mut sms = survey();
    let (_, until) = sms.wait();
    assert_eq!(until, Some(sms.now.plus_millis(86_400_000)));
    assert_eq!(sms.timer(), Vec::<String>::new());
    assert_eq!(sms.ended().as_deref(), Some("finished"));
    let mut sms = survey();
    answer(&mut sms, "3");
    assert_eq!((sms.timer().len(), sms.ended().as_deref()), (0, Some("finished")));
}

#[test]
fn by_night_the_engineer_on_duty_is_woken_by_a_key() {
    let mut call = Drive::call(sample(NIGHT));
    let woken = "message.send: +15550100 says that the line is down. Please call back.";
    let promised = "call.talk: The engineer on duty calls you back within half an hour.";
    assert_eq!(call.digits("1"), [woken, promised]);
    assert_eq!(call.completed(), ["call.hangup"]);
    let mut call = Drive::call(sample(NIGHT));
    call.completed();
    assert_eq!(call.timer(), ["call.hangup"]);
}

#[test]
fn the_night_flow_has_the_number_only_within_its_window() {
    let flow = |id: &str, text: &str| {
        let bundle = sample(text);
        let deployed = Deployed {
            id: id.into(),
            name: bundle.name().into(),
            customer_id: "acme".into(),
            version: 1,
            bundle: bundle.hash(),
            trigger: bundle.trigger().map(str::to_owned),
            class: bundle.class(),
            hears: bundle.hears(),
            deployed_at: at("2026-11-01T00:00:00Z"),
        };
        (id.to_owned(), deployed)
    };
    let route = |flow_id: &str, priority, window| Route {
        id: "call=+15550111".into(),
        kind: "call".into(),
        pattern: "+15550111".into(),
        flow_id: flow_id.into(),
        customer_id: "acme".into(),
        priority,
        window,
        closed_at: None,
    };
    let night = Window {
        active_from: Some(at("2026-11-22T18:00:00Z")),
        active_until: Some(at("2026-11-23T08:00:00Z")),
    };
    let definitions = Definitions {
        generation: 1,
        flows: BTreeMap::from([flow("day", IVR), flow("night", NIGHT)]),
        routes: vec![route("night", 10, night), route("day", 0, Window::default())],
    };
    let number = Address { kind: "call".into(), value: "+15550111".into() };
    let leads_to = |time: &str| {
        definitions.route(&number, "call.incoming", at(time)).map(|(_, flow)| flow.id.clone()).unwrap()
    };
    assert_eq!(leads_to("2026-11-22T17:59:59Z"), "day");
    assert_eq!(leads_to("2026-11-22T18:00:00Z"), "night");
    assert_eq!(leads_to("2026-11-23T07:59:59Z"), "night");
    assert_eq!(leads_to("2026-11-23T08:00:00Z"), "day");
}

fn at(time: &str) -> flow::Timestamp {
    time.parse().unwrap_or_else(|what| panic!("{time}: {what}"))
}
