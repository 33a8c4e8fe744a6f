//! The samples, one conversation each, as a newcomer would try them.

use crate::stage::{Stage, sample};
use serde_json::json;
use tests::carrier::event::now_plus;

const OWN: &str = "+15550111";
const ICCID: &str = "8944500102030405060";

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_interrupts_the_greeting_and_is_known_by_the_subroutine() {
    let mut stage = Stage::open(&["serve"], &[]).await;
    stage.deploy(&sample("opening-hours.json"), None);
    stage.deploy(&sample("ivr.json"), Some("call=+15550111"));

    stage.incoming_call("call-4711", "+15550100", OWN).await;
    stage.expect("call.answer").await;
    let greeting = stage.expect("call.talk").await;
    assert!(greeting.text("text").starts_with("Welcome to Example Telecom."), "{greeting:?}");
    assert_eq!(greeting.text("digits_handle"), "next");

    stage.press("call-4711", "2").await;
    let open = stage.expect("call.talk").await;
    assert_eq!(open.text("text"), "Support is there for you and calls back at once.");
    stage.complete(&greeting).await;
    stage.complete(&open).await;
    stage.expect("call.hangup").await;
    let thanks = stage.expect("message.send").await;
    assert_eq!((thanks.text("from"), thanks.text("to")), (OWN, "+15550100"));
    assert_eq!(thanks.text("text"), "Thank you for calling Example Telecom. We are open around the clock.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_digit_and_silence_go_back_to_the_greeting() {
    let mut stage = Stage::open(&["dispatcher", "executor", "scheduler"], &[]).await;
    stage.deploy(&sample("opening-hours.json"), None);
    stage.deploy(&sample("ivr.json"), Some("call=+1555*"));

    stage.incoming_call("call-4712", "+15550177", OWN).await;
    stage.expect("call.answer").await;
    stage.expect("call.talk").await;
    stage.press("call-4712", "9").await;
    let sorry = stage.expect("call.talk").await;
    assert_eq!(sorry.text("text"), "Sorry, I did not get that.");
    stage.complete(&sorry).await;
    let greeting = stage.expect("call.talk").await;
    assert_eq!(greeting.action_id, "greeting");
    stage.complete(&greeting).await;
    let sorry = stage.expect("call.talk").await;
    assert_eq!(sorry.action_id, "wrong", "five seconds of silence end the wait for a digit");
    stage.send("call.hangup", "call-4712", json!({ "reason": "normal" })).await;

    stage.incoming_call("call-4713", "+15550177", OWN).await;
    stage.expect("call.answer").await;
    stage.expect("call.talk").await;
    stage.press("call-4713", "3").await;
    let hours = stage.expect("call.talk").await;
    assert_eq!(hours.text("text"), "We are open from nine to five.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_sms_finds_the_flow_that_waits_for_it() {
    let mut stage = Stage::open(&["serve"], &[]).await;
    stage.deploy(&sample("sms-auto-reply.json"), Some("sms=+15550111"));
    let subject = "+15550111,+15550100";
    let message = |text: &str| json!({ "from": "+15550100", "to": OWN, "text": text });

    stage.send("message.received", subject, message("my tooth")).await;
    let question = stage.expect("message.send").await;
    assert_eq!(
        question.text("text"),
        "Hello! You wrote: \"my tooth\". Do you want an appointment? Answer YES or NO."
    );
    assert_eq!((question.text("from"), question.text("to")), (OWN, "+15550100"));
    stage.send("message.received", subject, message("perhaps")).await;
    assert_eq!(stage.expect("message.send").await.action_id, "unclear");
    stage.send("message.received", subject, message(" Yes ")).await;
    let booked = stage.expect("message.send").await;
    assert_eq!(booked.text("text"), "Wonderful, we will call you on +15550100.");
    assert_eq!(question.data["activeflow_id"], booked.data["activeflow_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sim_usage_is_noticed_inside_its_window_and_not_outside() {
    let mut stage = Stage::open(&["serve"], &[]).await;
    let (from, until) = (now_plus(-3_600), now_plus(3_600));
    stage.deploy(&sample("sim-usage-notice.json"), None);
    let route = format!("sim={ICCID}");
    let window = ["--active-from", &from, "--active-until", &until];
    stage
        .site
        .run(&[&["route", "set", &route, "--flow", "Data usage notice"][..], &window].concat())
        .unwrap();
    let usage = |bytes: u64| json!({ "period": "2026-11", "total_bytes": bytes, "msisdn": "+15550142" });

    stage.send_at(&now_plus(-7_200), "sim.usage", ICCID, usage(1_100_000_000)).await;
    stage.send_at(&now_plus(7_200), "sim.usage", ICCID, usage(1_200_000_000)).await;
    stage.send("sim.usage", ICCID, usage(999_999_999)).await;
    stage.send("sim.usage", ICCID, usage(1_500_000_000)).await;

    let subscriber = stage.expect("message.send").await;
    let expected = format!("SIM {ICCID} used 150% of its data in 2026-11.");
    assert_eq!(subscriber.text("text"), expected);
    assert_eq!((subscriber.text("from"), subscriber.text("to")), (OWN, "+15550142"));
    let operator = stage.expect("message.send").await;
    assert_eq!((operator.text("text"), operator.text("to")), (expected.as_str(), "+15550199"));
}
