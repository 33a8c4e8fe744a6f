//! Starts every Signalbox service of `deploy/compose.yaml` with its command and environment, a Redis with the arguments in
//! that file and a RabbitMQ with its two configuration files. Only host names, ports and the paths of secrets are replaced.

use crate::compose::{Compose, OURS, Service};
use crate::{http, prometheus, repository};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tests::carrier::event::now;
use tests::carrier::gateway::{COMMANDS, bind, keep_consuming};
use tests::carrier::{Link, Outgoing};
use tests::chaos::site::binary;
use tests::support::process::{Folder, output_of};
use tests::support::{Process, Rabbit, RabbitOptions, ports};
use tokio_util::sync::CancellationToken;

const START: Duration = Duration::from_secs(60);
const SECRETS: &str = "/run/secrets/";

struct ComposeHarness {
    compose: Compose,
    folder: Folder,
    rabbit: Rabbit,
    _redis: Process,
}

impl ComposeHarness {
    fn open() -> ComposeHarness {
        let compose = Compose::open();
        let folder = Folder::new("compose");
        let secrets = folder.path().join("secrets");
        let made = Command::new(repository("deploy/make-secrets")).arg(&secrets).status();
        assert!(made.is_ok_and(|status| status.success()), "deploy/make-secrets failed");

        let redis_port = ports::free();
        let redis = start_redis(&compose, redis_port, folder.path());
        let lines = |path: PathBuf| -> Vec<String> {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        };
        let of_rabbit = [lines(repository("deploy/rabbitmq.conf")), lines(secrets.join("rabbitmq.conf"))];
        let rabbit = Rabbit::start(RabbitOptions { config: of_rabbit.concat() });

        let move_to = |secret: &str, host: &str, port: u16| {
            let path = secrets.join(secret);
            let url = std::fs::read_to_string(&path).unwrap();
            assert!(url.contains(&format!("@{host}")), "{secret} has another host than {host}: {url}");
            std::fs::write(&path, url.replace(&format!("@{host}"), &format!("@127.0.0.1:{port}"))).unwrap();
        };
        move_to("redis-url", "redis:6379", redis_port);
        move_to("amqp-url", "rabbitmq:5672", rabbit.port());
        ComposeHarness { compose, folder, rabbit, _redis: redis }
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.folder.path().join(self.compose.secret_file(name))
    }

    fn secret_text(&self, name: &str) -> String {
        std::fs::read_to_string(self.secret(name)).unwrap().trim_end().to_owned()
    }

    /// The binary with exactly the environment of a service. `ports` replace 9464 and 8080.
    fn command(&self, service: &Service<'_>, ports: [u16; 2]) -> Command {
        let mut command = Command::new(binary().unwrap());
        command.env_clear().current_dir(self.folder.path());
        for (name, value) in service.environment() {
            let value = match value.strip_prefix(SECRETS) {
                Some(secret) => self.secret(secret).display().to_string(),
                None => value
                    .replace("0.0.0.0:9464", &format!("127.0.0.1:{}", ports[0]))
                    .replace("0.0.0.0:8080", &format!("127.0.0.1:{}", ports[1])),
            };
            command.env(name, value);
        }
        command
    }

    /// Runs a command as `docker compose run --rm migrate …` does.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&self.compose.service("migrate"), [ports::free(), 0]);
        output_of(command.args(arguments).env("SIGNALBOX_OPS__LISTEN", "")).unwrap()
    }

    fn run_successfully(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "signalbox {arguments:?}: {}\n{text}", output.status);
        text
    }
}

fn start_redis(compose: &Compose, port: u16, folder: &Path) -> Process {
    let service = compose.service("redis");
    let arguments = service.texts("command");
    let (program, rest) = arguments.split_first().expect("redis has a command");
    let mut command = Command::new(program);
    let secrets = folder.join("secrets").display().to_string() + "/";
    command.args(rest.iter().map(|argument| argument.replace(SECRETS, &secrets)));
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(folder);
    let mut redis = Process::spawn("redis-server", &mut command, &folder.join("redis.log"));
    assert!(ports::wait_until_open(port, START), "{}", redis.log());
    assert!(redis.is_running());
    redis
}

/// Runs the service's healthcheck against the port that replaces 9464.
fn is_healthy(service: &Service<'_>, port: u16) -> bool {
    let test: Vec<String> = service.field("healthcheck")["test"]
        .as_array()
        .expect("a test")
        .iter()
        .map(|word| word.as_str().unwrap().replace("/9464;", &format!("/{port};")))
        .collect();
    let [kind, program, rest @ ..] = test.as_slice() else { panic!("{test:?}") };
    assert_eq!(kind, "CMD");
    let asked = Command::new(program).args(rest).stderr(std::process::Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_through_the_services_of_the_compose_file() {
    let (harness, running) = tokio::task::block_in_place(|| {
        let harness = ComposeHarness::open();
        let migrate = harness.compose.service("migrate");
        let mut command = harness.command(&migrate, [ports::free(), 0]);
        let migrated = output_of(command.args(migrate.texts("command"))).unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));

        let mut running = Vec::new();
        for name in OURS.into_iter().filter(|name| *name != "migrate") {
            let service = harness.compose.service(name);
            for number in 1..=service.replicas() {
                let given = [ports::free(), ports::free()];
                let mut command = harness.command(&service, given);
                command.args(service.texts("command"));
                let log = harness.folder.path().join(format!("{name}-{number}.log"));
                running.push((name, given, Process::spawn(name, &mut command, &log)));
            }
        }
        for (name, given, process) in &mut running {
            let service = harness.compose.service(name);
            process.wait_for("health", START, || is_healthy(&service, given[0]));
            if *name == "api" {
                let key = harness.secret_text("api-key");
                assert_eq!(http::get(given[1], "/v1/status", None).unwrap().0, 401);
                let (status, body) = http::get(given[1], "/v1/status", Some(&key)).unwrap();
                assert_eq!(status, 200, "{body}");
            }
        }
        let checked = harness.run_successfully(&["config", "check"]);
        assert!(!checked.to_lowercase().contains("warn"), "{checked}");
        harness.run_successfully(&[
            "flow",
            "deploy",
            &repository("samples/opening-hours.json").display().to_string(),
        ]);
        let ivr = repository("samples/ivr.json").display().to_string();
        harness.run_successfully(&["flow", "deploy", &ivr, "--route", "call=+15550111"]);
        (harness, running)
    });

    let url = harness.secret_text("amqp-url");
    bind(&url, "test.commands", COMMANDS, &["#"]).await.unwrap();
    let (sender, mut commands) = tokio::sync::mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    tokio::spawn(keep_consuming(url.clone(), "test.commands".into(), stop.clone(), move |delivery| {
        let _ = sender.send(serde_json::from_slice::<Value>(&delivery.data).unwrap());
    }));
    let send = |kind: &str, data: &str| {
        let call = ["event", "send", "--type", kind, "--subject", "call-1", "--data", data];
        tokio::task::block_in_place(|| harness.run_successfully(&call));
    };
    let mut next = async |expected: &str| {
        let command = tokio::time::timeout(START, commands.recv()).await.expect(expected).unwrap();
        assert_eq!((command["type"].as_str(), command["subject"].as_str()), (Some(expected), Some("call-1")));
        command["id"].as_str().unwrap().to_owned()
    };
    send("call.incoming", r#"{"from":"+15550100","to":"+15550111","direction":"incoming"}"#);
    next("call.answer").await;
    next("call.talk").await;
    send("call.digits", r#"{"digits":"1"}"#);
    let spoken = next("call.talk").await;
    send("command.completed", &format!(r#"{{"command_id":"{spoken}"}}"#));
    // A scheduler wakes it half a second later.
    next("call.hangup").await;
    // This event has no called number.
    let data = serde_json::json!({ "from": "+15550100" });
    let unusable = Outgoing::event_at("sbc-1.example", "1", "call.incoming", "call-2", &now(), data);
    Link::open(&url).publish(unusable).await;
    while !harness.run_successfully(&["event", "rejected", "list"]).contains("call.incoming") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();

    let mut metrics = prometheus::Names::default();
    for (name, given, _) in &running {
        metrics.add(&http::get(given[0], "/metrics", None).expect(name).1);
    }
    prometheus::assert_alerts_use_only(&metrics);
    assert!(harness.rabbit.dir().exists());
}

#[test]
fn make_secrets_makes_each_secret_of_the_compose_file_once() {
    let compose = Compose::open();
    let folder = Folder::new("secrets");
    let secrets = folder.path().join("secrets");
    let make = || Command::new(repository("deploy/make-secrets")).arg(&secrets).output().unwrap();
    assert!(make().status.success());
    let before = std::fs::read_to_string(secrets.join("api-key")).unwrap();
    assert!(before.trim_end().len() >= 32, "the key is too short: {before}");
    let mut made: Vec<String> = std::fs::read_dir(&secrets)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    for name in &made {
        assert_eq!(compose.secret_file(name), format!("./secrets/{name}"));
    }
    assert_eq!(made, ["amqp-url", "api-key", "rabbitmq.conf", "redis-url", "redis.conf"]);
    let again = make();
    assert_eq!(again.status.code(), Some(1), "passwords that are in use are not overwritten");
    assert_eq!(std::fs::read_to_string(secrets.join("api-key")).unwrap(), before);
}
