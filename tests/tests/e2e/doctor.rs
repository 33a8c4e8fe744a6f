//! `doctor` finds faults that are planted on real servers, advises what to do, and names the row of the promise table.

use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use serde_json::{Value, json};
use std::process::{Command, Output};
use std::time::Duration;
use tests::carrier::link::{EVENTS, connect};
use tests::chaos::Site;
use tests::chaos::site::binary;
use tests::support::process::{Folder, Process, output_of};
use tests::support::{Signal, ports};

/// The exit code and the report of one run.
struct DoctorRun {
    code: Option<i32>,
    report: Value,
}

impl DoctorRun {
    fn at(site: &Site) -> DoctorRun {
        DoctorRun::read(&site.try_run(&["doctor", "--output", "json"]).unwrap())
    }

    fn read(output: &Output) -> DoctorRun {
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        DoctorRun { code: output.status.code(), report }
    }

    /// The findings of `check` with this severity, each with its advice.
    fn found(&self, severity: &str, check: &str) -> String {
        let findings = self.report["findings"].as_array().unwrap();
        let of = findings.iter().filter(|f| f["severity"] == severity && f["check"] == check);
        of.map(|f| format!("{} → {}\n", f["found"].as_str().unwrap(), f["advice"].as_str().unwrap()))
            .collect()
    }

    fn holds(&self) -> &str {
        self.report["promises"]["holds"].as_str().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_faults_are_found_each_with_what_to_do() {
    let mut site = tokio::task::block_in_place(|| Site::open(&[])).unwrap();
    let empty = DoctorRun::at(&site);
    assert_eq!(empty.code, Some(0), "{}", empty.report);
    assert!(empty.found("warn", "members").contains("signalbox serve"), "{}", empty.report);
    assert!(empty.found("warn", "amqp queues").contains("signalbox dispatcher"), "{}", empty.report);

    let _fleet = tokio::task::block_in_place(|| site.start(&["serve"])).unwrap();
    let well = DoctorRun::at(&site);
    assert_eq!((well.code, well.holds()), (Some(0), "all guarantees hold"), "{}", well.report);
    assert_eq!(well.found("ok", "members").lines().count(), 3, "{}", well.report);
    for check in ["redis durability", "installation", "amqp topology", "amqp alarms", "clock", "lag"] {
        assert!(!well.found("ok", check).is_empty(), "{check}: {}", well.report);
    }

    site.redis.ask(&["CONFIG", "SET", "appendfsync", "everysec"]);
    let ghost = json!({
        "id": "00000000-0000-4000-8000-000000000001", "role": "executor", "instance": "ghost:1", "heartbeats": 7,
        "generation": 0, "formats": [1, 1],
    });
    site.redis.ask(&["HSET", "sb:{members}", "sixteen bytes id", &ghost.to_string()]);
    reject_event(&site).await;
    let sick = DoctorRun::at(&site);
    assert_eq!(sick.code, Some(0), "warnings only: {}", sick.report);
    assert!(
        sick.found("warn", "redis durability").contains("CONFIG SET appendfsync always"),
        "{}",
        sick.report
    );
    assert!(
        sick.holds().starts_with("all guarantees hold, with one exception: after a power failure"),
        "{}",
        sick.report
    );
    assert!(sick.found("warn", "members").contains("silent: executor at ghost:1"), "{}", sick.report);
    assert!(sick.found("warn", "amqp queues").contains("signalbox event rejected list"), "{}", sick.report);
    assert!(sick.found("warn", "publishers").starts_with("1 of 1 rejected events"), "{}", sick.report);

    site.redis.ask(&["CONFIG", "SET", "appendonly", "no"]);
    site.redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    site.env.push(("SIGNALBOX_AMQP__EVENTS_MAX_BYTES".into(), "8MiB".into()));
    let broken = DoctorRun::at(&site);
    assert_eq!(broken.code, Some(1), "{}", broken.report);
    let durability = broken.found("fail", "redis durability");
    assert!(durability.contains("CONFIG SET appendonly yes"), "{durability}");
    assert!(durability.contains("CONFIG SET maxmemory-policy noeviction"), "{durability}");
    assert!(broken.found("fail", "amqp topology").contains("x-max-length-bytes"), "{}", broken.report);
    assert!(broken.holds().starts_with("none: "), "{}", broken.report);

    site.redis.kill9();
    let gone = DoctorRun::at(&site);
    assert_eq!(gone.code, Some(1), "{}", gone.report);
    assert!(gone.found("fail", "redis").contains("redis.url"), "{}", gone.report);
    let text = site.try_run(&["doctor"]).unwrap();
    assert!(String::from_utf8_lossy(&text.stdout).contains("fail  redis "), "{text:?}");
}

#[test]
fn the_process_that_has_the_data_folder_is_asked_over_its_api() {
    let folder = Folder::new("doctor");
    let settings = [
        ("SIGNALBOX_DATA__DIR", folder.path().join("data").display().to_string()),
        ("SIGNALBOX_API__LISTEN", format!("127.0.0.1:{}", ports::free())),
        ("SIGNALBOX_OPS__LISTEN", String::new()),
    ];
    let run = || {
        let mut command = Command::new(binary().unwrap());
        DoctorRun::read(
            &output_of(command.args(["doctor", "--output", "json"]).envs(settings.clone())).unwrap(),
        )
    };
    let before = run();
    assert_eq!((before.code, before.holds()), (Some(0), "all guarantees hold"), "{}", before.report);
    let mut command = Command::new(binary().unwrap());
    command.arg("serve").envs(settings.clone());
    let mut serve = Process::spawn("serve", &mut command, &folder.path().join("serve.log"));
    serve.wait_for("three living members", Duration::from_secs(60), || {
        run().found("ok", "members").matches("alive").count() == 3
    });
    let during = run();
    assert_eq!(during.code, Some(0), "{}", during.report);
    assert!(during.found("ok", "members").contains("(active)"), "{}", during.report);
    serve.signal_one(Signal::Stop);
    let stopped = run();
    serve.signal_one(Signal::Cont);
    assert_eq!(stopped.code, Some(1), "{}", stopped.report);
    assert!(stopped.found("fail", "api").contains("does not answer within"), "{}", stopped.report);
    assert!(stopped.holds().starts_with("not while a check above fails"), "{}", stopped.report);
    let found = during.found("ok", "data folder");
    assert!(found.contains(&format!("in use by process {}", serve.id())), "{found}");
}

/// Publishes a malformed event without headers. Returns when it is in the rejected queue.
async fn reject_event(site: &Site) {
    let connection = connect(&site.rabbit.url()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish(
        EVENTS.into(),
        "call.incoming".into(),
        options,
        b"{",
        BasicProperties::default(),
    );
    sent.await.unwrap();
    for _ in 0..300 {
        if site.run(&["event", "rejected", "list", "--output", "json"]).unwrap().contains("malformed") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing was rejected");
}
