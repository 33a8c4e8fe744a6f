//! No log line and no metric of any process shows a full telephone number, whatever happens to the event.

use crate::harness::{Harness, sample};
use serde_json::json;
use tests::carrier::Outgoing;
use tests::chaos::metrics;

/// Numbers whose digits occur nowhere else.
const CALLER: &str = "+15557301846";
const CALLED: &str = "+15558204917";
const SUBSCRIBER: &str = "+15559117350";
const ICCID: &str = "8944500987654321098";
const VERBOSE_LEVELS: &str = "info,signalbox=debug,adapters=debug,dispatcher=debug,executor=debug,scheduler=debug,flow=debug,common=debug";

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_in_no_log_and_in_no_metric() {
    let settings = [("SIGNALBOX_LOG__LEVEL", VERBOSE_LEVELS)];
    let mut harness = Harness::open(&["dispatcher", "executor", "scheduler"], &settings).await;
    harness.deploy(&sample("opening-hours.json"), None);
    harness.deploy(&sample("ivr.json"), Some(&format!("call={CALLED}")));
    harness.deploy(&sample("sms-auto-reply.json"), Some(&format!("sms={CALLED}")));
    harness.deploy(&sample("sim-usage-notice.json"), Some(&format!("sim={ICCID}")));
    call(&mut harness).await;
    message(&mut harness).await;
    sim(&mut harness).await;
    faulty_events(&mut harness).await;

    let secrets = [CALLER, CALLED, SUBSCRIBER, ICCID].map(|number| number.trim_start_matches("+1"));
    let mut texts = harness.site.logs();
    for member in &harness.fleet.members {
        let metrics = metrics::get(member.ops_port, "/metrics").await.unwrap();
        assert!(metrics.contains("signalbox_"), "{} shows no metrics", member.name);
        texts.push((format!("metrics of {}", member.name), metrics));
    }
    assert!(texts.iter().any(|(path, text)| path.contains("dispatcher") && !text.is_empty()));
    for (place, text) in texts {
        for line in text.lines() {
            let shown = secrets.iter().find(|secret| line.contains(**secret));
            assert!(shown.is_none(), "{place} shows {shown:?}: {line}");
        }
    }
}

async fn call(harness: &mut Harness) {
    let subject = format!("sip:{CALLER}@sbc");
    harness.incoming_call(&subject, CALLER, CALLED).await;
    harness.expect("call.answer").await;
    harness.expect("call.talk").await;
    harness.press(&subject, "1").await;
    let sales = harness.expect("call.talk").await;
    assert!(sales.text("text").contains(CALLER), "{sales:?}");
    harness.complete(&sales).await;
    harness.expect("call.hangup").await;
    harness.expect("message.send").await;
}

async fn message(harness: &mut Harness) {
    let subject = format!("{CALLED},{CALLER}");
    let data = |text: &str| json!({ "from": CALLER, "to": CALLED, "text": text });
    harness.send("message.received", &subject, data("hello")).await;
    harness.expect("message.send").await;
    harness.send("message.received", &subject, data("no")).await;
    harness.expect("message.send").await;
}

async fn sim(harness: &mut Harness) {
    let data = json!({ "period": "2026-11", "total_bytes": 2_000_000_000_u64, "msisdn": SUBSCRIBER });
    harness.send("sim.usage", ICCID, data).await;
    harness.expect("message.send").await;
    harness.expect("message.send").await;
}

/// Events that lead to warnings: malformed JSON, a missing number, an unknown address, a duplicate, a failed command.
async fn faulty_events(harness: &mut Harness) {
    let rubbish = format!("{{ \"from\": \"{CALLER}\", cut off");
    harness.link.publish(Outgoing::raw(CALLER, "call.incoming", CALLER, rubbish.into_bytes())).await;
    let incomplete =
        json!({ "id": "x-1", "source": CALLER, "type": "call.incoming", "subject": CALLER, "data": CALLER });
    let body = incomplete.to_string().into_bytes();
    harness.link.publish(Outgoing::raw("x-1", "call.incoming", CALLER, body)).await;
    harness.send("call.incoming", CALLER, json!({ "from": CALLER })).await;
    harness.send("message.received", CALLER, json!({ "from": CALLER, "text": SUBSCRIBER })).await;
    harness.incoming_call("call-unknown", CALLER, SUBSCRIBER).await;
    let data = json!({ "from": CALLER, "to": CALLED });
    let copy = Outgoing::event("sbc", "copied", "call.incoming", "call-copied", data);
    harness.link.publish(copy.clone()).await;
    harness.link.publish(copy).await;
    harness.expect("call.answer").await;
    let greeting = harness.expect("call.talk").await;
    let error = json!({ "code": "busy", "message": format!("{CALLER} is busy") });
    let failed = json!({ "command_id": greeting.id, "error": error });
    harness.send("command.failed", "call-copied", failed).await;
    harness.press("call-copied", "1").await;
    harness.expect("call.talk").await;
}
