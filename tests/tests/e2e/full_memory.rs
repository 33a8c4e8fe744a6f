//! Above data.max_memory: REST refuses what would start an activeflow, a dispatcher waits with it, and what runs goes on.

use crate::standalone::{Standalone, TIMEOUT};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tests::carrier::{Link, Outgoing};
use tests::support::{Rabbit, RabbitOptions};

/// Events in one request.
const BATCH: usize = 50;

impl Standalone {
    /// Sends events, or one, by REST. Returns the status, the head and the answer.
    fn post(&self, events: &Value) -> (u16, String, Value) {
        let key = std::fs::read_to_string(self.data().join("api-key")).unwrap();
        let body = events.to_string();
        let mut stream = TcpStream::connect(&self.api).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        write!(
            stream,
            "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            key.trim(),
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {text}")))
    }

    /// The value of a metric without labels; 0 before it is first counted.
    fn metric(&self, name: &str) -> f64 {
        let text = self.get_until(&self.ops(), "/metrics", "process_start_time_seconds ");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    fn wait(&self, what: &str, wanted: impl Fn() -> bool) {
        let deadline = Instant::now() + TIMEOUT * 2;
        while !wanted() {
            assert!(Instant::now() < deadline, "{what} did not happen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn event(kind: &str, subject: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": format!("{kind} {subject}"), "source": "sbc.example", "type": kind, "subject": subject, "data": data })
}

fn incoming(subject: &str) -> Value {
    let data = json!({ "from": "+15550100", "to": "+15550111", "note": "x".repeat(30_000) });
    event("call.incoming", subject, &data)
}

/// Starts calls until one is refused. Returns the subjects of those that run.
fn fill(standalone: &Standalone) -> Vec<String> {
    let mut running = Vec::new();
    for batch in 0..40 {
        let subjects: Vec<String> = (0..BATCH).map(|n| format!("call-{batch}-{n}")).collect();
        let events: Vec<Value> = subjects.iter().map(|subject| incoming(subject)).collect();
        let (status, _, answers) = standalone.post(&json!(events));
        assert_eq!(status, 200, "{answers}");
        let answers = answers.as_array().unwrap();
        let applied = answers.iter().zip(subjects).filter(|(answer, _)| answer["outcome"] == "applied");
        running.extend(applied.map(|(_, subject)| subject));
        if let Some(refused) = answers.iter().find(|answer| answer["outcome"] != "applied") {
            let problem = &refused["problem"];
            assert_eq!(
                (&problem["status"], &problem["code"]),
                (&json!(503), &json!("store_full")),
                "{refused}"
            );
            return running;
        }
    }
    panic!("{} calls run, and none was refused", running.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_memory_limit_rest_answers_503_and_a_dispatcher_waits() {
    let rabbit = tokio::task::block_in_place(|| Rabbit::start(RabbitOptions::default()));
    let url = rabbit.url();
    let (standalone, running) = tokio::task::block_in_place(|| {
        let standalone = Standalone::open(&[
            ("SIGNALBOX_AMQP__URL", &url),
            ("SIGNALBOX_DATA__MAX_MEMORY", "16MiB"),
            ("SIGNALBOX_ENGINE__ENDED_RETENTION", "1s"),
        ]);
        let flow = json!({
            "schema": "signalbox.flow/v1", "name": "Hold", "type": "voice", "trigger": { "event": "call.incoming" },
            "actions": [{ "id": "wait", "type": "digits_receive", "option": { "length": 2, "duration": 3_600_000 } }],
        });
        let file = standalone.folder.path().join("hold.json");
        std::fs::write(&file, flow.to_string()).unwrap();
        standalone.run(&["flow", "deploy", &file.to_string_lossy(), "--route", "call=+15550111"]);
        let running = fill(&standalone);
        (standalone, running)
    });

    let link = Link::open(&url);
    let data = json!({ "from": "+15550100", "to": "+15550111" });
    link.publish(Outgoing::event("sbc.example", "late", "call.incoming", "call-late", data)).await;
    tokio::task::block_in_place(|| {
        let (status, head, problem) = standalone.post(&incoming("call-refused"));
        assert_eq!(status, 503, "{problem}");
        assert!(head.contains("retry-after:"), "{head}");
        assert!(problem["detail"].as_str().unwrap().contains("data.max_memory is 16 MiB"), "{problem}");
        let digits = event("call.digits", &running[0], &json!({ "digits": "1" }));
        assert_eq!(standalone.post(&digits).2["outcome"], "applied", "what runs goes on");

        // The dispatcher has the event, and asks again and again.
        let refused = standalone.metric("signalbox_starts_refused_total");
        standalone.wait("the dispatcher's next attempts", || {
            standalone.metric("signalbox_starts_refused_total") >= refused + 3.0
        });
        assert_eq!(standalone.metric("signalbox_dispatcher_held_events"), 1.0);
        let late = || standalone.json(&["activeflow", "list", "--reference", "call:call-late"]);
        assert_eq!(late(), json!([]));
        assert_eq!(standalone.json(&["event", "rejected", "list"]), json!([]));
        // In an array, what needs no room is applied behind an event that is refused.
        let both = json!([
            incoming("call-refused-too"),
            event("call.digits", &running[1], &json!({ "digits": "1" }))
        ]);
        let (_, _, answers) = standalone.post(&both);
        assert_eq!(
            (&answers[0]["problem"]["code"], &answers[1]["outcome"]),
            (&json!("store_full"), &json!("applied"))
        );
        let doctor = standalone.try_run(&["doctor"], &[("SIGNALBOX_OPS__LISTEN", &standalone.ops())]);
        let doctor = crate::standalone::text_of(&doctor);
        assert!(doctor.contains("no activeflow starts"), "{doctor}");

        for subjects in running.chunks(BATCH) {
            let ends =
                subjects.iter().map(|subject| event("call.hangup", subject, &json!({ "reason": "normal" })));
            let (_, _, answers) = standalone.post(&json!(ends.collect::<Vec<_>>()));
            let answers = answers.as_array().unwrap();
            assert!(answers.iter().all(|answer| answer["outcome"] == "applied"), "{answers:?}");
        }
        standalone.wait("the start of the call that waited", || late().as_array().unwrap().len() == 1);
        standalone.wait("room for another call", || standalone.post(&incoming("call-refused")).0 == 200);
    });
}
