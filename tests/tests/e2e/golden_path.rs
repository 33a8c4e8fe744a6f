//! One conversation with each sample flow.

use crate::harness::{Harness, sample};
use serde_json::json;
use tests::carrier::event::now_plus;

const OWN: &str = "+15550111";
const ICCID: &str = "8944500102030405060";

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_interrupts_the_greeting_and_is_known_by_the_subroutine() {
    let mut harness = Harness::open(&["serve"], &[]).await;
    harness.deploy(&sample("opening-hours.json"), None);
    harness.deploy(&sample("ivr.json"), Some("call=+15550111"));

    harness.incoming_call("call-4711", "+15550100", OWN).await;
    harness.expect("call.answer").await;
    let greeting = harness.expect("call.talk").await;
    assert!(greeting.text("text").starts_with("Welcome to Example Telecom."), "{greeting:?}");
    assert_eq!(greeting.text("digits_handle"), "next");

    harness.press("call-4711", "2").await;
    let open = harness.expect("call.talk").await;
    assert_eq!(open.text("text"), "Support is there for you and calls back at once.");
    harness.complete(&greeting).await;
    harness.complete(&open).await;
    harness.expect("call.hangup").await;
    let thanks = harness.expect("message.send").await;
    assert_eq!((thanks.text("from"), thanks.text("to")), (OWN, "+15550100"));
    assert_eq!(thanks.text("text"), "Thank you for calling Example Telecom. We are open around the clock.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_digit_and_silence_go_back_to_the_greeting() {
    let mut harness = Harness::open(&["dispatcher", "executor", "scheduler"], &[]).await;
    harness.deploy(&sample("opening-hours.json"), None);
    harness.deploy(&sample("ivr.json"), Some("call=+1555*"));

    harness.incoming_call("call-4712", "+15550177", OWN).await;
    harness.expect("call.answer").await;
    harness.expect("call.talk").await;
    harness.press("call-4712", "9").await;
    let sorry = harness.expect("call.talk").await;
    assert_eq!(sorry.text("text"), "Sorry, I did not get that.");
    harness.complete(&sorry).await;
    let greeting = harness.expect("call.talk").await;
    assert_eq!(greeting.action_id, "greeting");
    harness.complete(&greeting).await;
    let sorry = harness.expect("call.talk").await;
    assert_eq!(sorry.action_id, "wrong", "five seconds of silence end the wait for a digit");
    harness.send("call.hangup", "call-4712", json!({ "reason": "normal" })).await;

    harness.incoming_call("call-4713", "+15550177", OWN).await;
    harness.expect("call.answer").await;
    harness.expect("call.talk").await;
    harness.press("call-4713", "3").await;
    let hours = harness.expect("call.talk").await;
    assert_eq!(hours.text("text"), "We are open from nine to five.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_sms_finds_the_flow_that_waits_for_it() {
    let mut harness = Harness::open(&["serve"], &[]).await;
    harness.deploy(&sample("sms-auto-reply.json"), Some("sms=+15550111"));
    let subject = "+15550111,+15550100";
    let message = |text: &str| json!({ "from": "+15550100", "to": OWN, "text": text });

    harness.send("message.received", subject, message("my tooth")).await;
    let question = harness.expect("message.send").await;
    assert_eq!(
        question.text("text"),
        "Hello! You wrote: \"my tooth\". Do you want an appointment? Answer YES or NO."
    );
    assert_eq!((question.text("from"), question.text("to")), (OWN, "+15550100"));
    harness.send("message.received", subject, message("perhaps")).await;
    assert_eq!(harness.expect("message.send").await.action_id, "unclear");
    harness.send("message.received", subject, message(" Yes ")).await;
    let booked = harness.expect("message.send").await;
    assert_eq!(booked.text("text"), "Wonderful, we will call you on +15550100.");
    assert_eq!(question.data["activeflow_id"], booked.data["activeflow_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_usage_is_noticed_inside_its_window_and_not_outside() {
    let mut harness = Harness::open(&["serve"], &[]).await;
    let (from, until) = (now_plus(-3_600), now_plus(3_600));
    harness.deploy(&sample("sim-usage-notice.json"), None);
    let route = format!("sim={ICCID}");
    let window = ["--active-from", &from, "--active-until", &until];
    harness
        .site
        .run(&[&["route", "set", &route, "--flow", "Data usage notice"][..], &window].concat())
        .unwrap();
    let usage = |bytes: u64| json!({ "period": "2026-11", "total_bytes": bytes, "msisdn": "+15550142" });

    harness.send_at(&now_plus(-7_200), "sim.usage", ICCID, usage(1_100_000_000)).await;
    harness.send_at(&now_plus(7_200), "sim.usage", ICCID, usage(1_200_000_000)).await;
    harness.send("sim.usage", ICCID, usage(999_999_999)).await;
    harness.send("sim.usage", ICCID, usage(1_500_000_000)).await;

    let subscriber = harness.expect("message.send").await;
    let expected = format!("SIM {ICCID} used 150% of its data in 2026-11.");
    assert_eq!(subscriber.text("text"), expected);
    assert_eq!((subscriber.text("from"), subscriber.text("to")), (OWN, "+15550142"));
    let operator = harness.expect("message.send").await;
    assert_eq!((operator.text("text"), operator.text("to")), (expected.as_str(), "+15550199"));
}
