//! No telephone number in clear: not in a log line of any process, not in a metric, whatever happens to the event.

use crate::stage::{Stage, sample};
use serde_json::json;
use tests::carrier::Outgoing;
use tests::chaos::metrics;

/// Numbers that occur nowhere else, by their digits.
const CALLER: &str = "+15557301846";
const CALLED: &str = "+15558204917";
const SUBSCRIBER: &str = "+15559117350";
const ICCID: &str = "8944500987654321098";
const CHATTY: &str = "info,signalbox=debug,adapters=debug,dispatcher=debug,executor=debug,scheduler=debug,flow=debug,common=debug";

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_in_no_log_and_in_no_metric() {
    let settings = [("SIGNALBOX_LOG__LEVEL", CHATTY)];
    let mut stage = Stage::open(&["dispatcher", "executor", "scheduler"], &settings).await;
    stage.deploy(&sample("opening-hours.json"), None);
    stage.deploy(&sample("ivr.json"), Some(&format!("call={CALLED}")));
    stage.deploy(&sample("sms-auto-reply.json"), Some(&format!("sms={CALLED}")));
    stage.deploy(&sample("sim-usage-notice.json"), Some(&format!("sim={ICCID}")));
    call(&mut stage).await;
    message(&mut stage).await;
    sim(&mut stage).await;
    mishaps(&mut stage).await;

    let secrets = [CALLER, CALLED, SUBSCRIBER, ICCID].map(|number| number.trim_start_matches("+1"));
    let mut texts = stage.site.logs();
    for member in &stage.fleet.members {
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

async fn call(stage: &mut Stage) {
    let subject = format!("sip:{CALLER}@sbc");
    stage.incoming_call(&subject, CALLER, CALLED).await;
    stage.expect("call.answer").await;
    stage.expect("call.talk").await;
    stage.press(&subject, "1").await;
    let sales = stage.expect("call.talk").await;
    assert!(sales.text("text").contains(CALLER), "{sales:?}");
    stage.complete(&sales).await;
    stage.expect("call.hangup").await;
    stage.expect("message.send").await;
}

async fn message(stage: &mut Stage) {
    let subject = format!("{CALLED},{CALLER}");
    let data = |text: &str| json!({ "from": CALLER, "to": CALLED, "text": text });
    stage.send("message.received", &subject, data("hello")).await;
    stage.expect("message.send").await;
    stage.send("message.received", &subject, data("no")).await;
    stage.expect("message.send").await;
}

async fn sim(stage: &mut Stage) {
    let data = json!({ "period": "2026-11", "total_bytes": 2_000_000_000_u64, "msisdn": SUBSCRIBER });
    stage.send("sim.usage", ICCID, data).await;
    stage.expect("message.send").await;
    stage.expect("message.send").await;
}

/// Events that end in warnings: rubbish, a missing number, an unknown address, a copy, and a failed command.
async fn mishaps(stage: &mut Stage) {
    let rubbish = format!("{{ \"from\": \"{CALLER}\", cut off");
    stage.link.publish(Outgoing::raw(CALLER, "call.incoming", CALLER, rubbish.into_bytes())).await;
    let incomplete =
        json!({ "id": "x-1", "source": CALLER, "type": "call.incoming", "subject": CALLER, "data": CALLER });
    let body = incomplete.to_string().into_bytes();
    stage.link.publish(Outgoing::raw("x-1", "call.incoming", CALLER, body)).await;
    stage.send("call.incoming", CALLER, json!({ "from": CALLER })).await;
    stage.send("message.received", CALLER, json!({ "from": CALLER, "text": SUBSCRIBER })).await;
    stage.incoming_call("call-unknown", CALLER, SUBSCRIBER).await;
    let data = json!({ "from": CALLER, "to": CALLED });
    let copy = Outgoing::event("sbc", "copied", "call.incoming", "call-copied", data);
    stage.link.publish(copy.clone()).await;
    stage.link.publish(copy).await;
    stage.expect("call.answer").await;
    let greeting = stage.expect("call.talk").await;
    let error = json!({ "code": "busy", "message": format!("{CALLER} is busy") });
    let failed = json!({ "command_id": greeting.id, "error": error });
    stage.send("command.failed", "call-copied", failed).await;
    stage.press("call-copied", "1").await;
    stage.expect("call.talk").await;
}
