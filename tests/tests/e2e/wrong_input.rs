//! Wrong input of every kind, given to the real binary, with the expected exit code and a part of the error message.
//! Exit code 2 is wrong usage (flags and settings), 1 is an operation that failed.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use tests::chaos::Site;
use tests::chaos::site::binary;
use tests::support::process::{Folder, output_of};
use tests::support::{Redis, RedisOptions};

struct Case<'a> {
    arguments: Vec<&'a str>,
    settings: Vec<(&'a str, &'a str)>,
    code: i32,
    says: &'a str,
}

fn case<'a>(arguments: &[&'a str], settings: &[(&'a str, &'a str)], code: i32, says: &'a str) -> Case<'a> {
    Case { arguments: arguments.to_vec(), settings: settings.to_vec(), code, says }
}

/// Runs every case and fails with all differences.
fn check(folder: &Path, environment: &[(String, String)], cases: &[Case]) {
    let differences: Vec<String> =
        cases.iter().filter_map(|case| difference(folder, environment, case)).collect();
    assert!(
        differences.is_empty(),
        "{} of {} differ:\n\n{}",
        differences.len(),
        cases.len(),
        differences.join("\n\n")
    );
}

fn difference(folder: &Path, environment: &[(String, String)], case: &Case) -> Option<String> {
    let inherited = std::env::vars().filter(|(name, _)| !name.starts_with("SIGNALBOX_"));
    let mut command = Command::new(binary().unwrap());
    command
        .args(&case.arguments)
        .env_clear()
        .envs(inherited)
        .env("SIGNALBOX_OPS__LISTEN", "")
        .env("SIGNALBOX_API__LISTEN", "127.0.0.1:1")
        .envs(environment.iter().cloned())
        .envs(case.settings.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null());
    let output = output_of(&mut command).unwrap();
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let is_right = output.status.code() == Some(case.code) && text.contains(case.says);
    let wrong = || {
        let Case { arguments, settings, code, says } = case;
        format!(
            "signalbox {} {settings:?}\n  expected code {code} and: {says}\n  got {} and: {text}",
            arguments.join(" "),
            output.status
        )
    };
    (!is_right).then(wrong)
}

const REDIS: &str = "SIGNALBOX_REDIS__URL";
const AMQP: &str = "SIGNALBOX_AMQP__URL";

fn flow(name: &str, actions: &str) -> String {
    format!(
        r#"{{ "schema": "signalbox.flow/v1", "name": "{name}", "type": "voice", "trigger": {{ "event": "call.incoming" }},
  "actions": [ {actions} ] }}"#
    )
}

fn files(folder: &Path) {
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("syntax.json", "{\n  \"actions\": [,]\n}".into());
    write("action.json", flow("A", r#"{ "id": "a", "type": "tlak" }"#));
    write("option.json", flow("A", r#"{ "id": "a", "type": "hangup", "option": { "raeson": "normal" } }"#));
    write(
        "target.json",
        flow(
            "A",
            r#"{ "id": "a", "type": "answer", "next_id": "nowhere" }, { "id": "b", "type": "hangup" }"#,
        ),
    );
    write("twice.json", flow("A", r#"{ "id": "a", "type": "answer" }, { "id": "a", "type": "hangup" }"#));
    write("oversize.json", flow(&"x".repeat(2 * 1024 * 1024), ""));
    write("fine.json", flow("Fine", r#"{ "id": "a", "type": "answer" }, { "id": "b", "type": "hangup" }"#));
    write(
        "nameless.json",
        flow("Fine", r#"{ "id": "b", "type": "hangup" }"#).replace(r#""name": "Fine","#, ""),
    );
    write(
        "calls.json",
        flow("Calls", r#"{ "id": "a", "type": "subroutine", "option": { "flow_id": "Nobody" } }"#),
    );
    write(
        "event.json",
        r#"{ "specversion": "1.0", "id": "1", "source": "signalbox", "type": "call.incoming" }"#.into(),
    );
    write("broken-event.json", "{ \"id\": ".into());
    write("key.toml", "[redis]\nulr = \"redis://x\"\n".into());
    write("broken.toml", "[redis\n".into());
}

#[test]
fn files_flags_and_settings_are_refused_before_any_service_is_contacted() {
    let folder = Folder::new("wrong-input");
    files(folder.path());
    let validate = |file, says| case(&["flow", "validate", file], &[], 1, says);
    let event = |arguments: &[&'static str], code, says| {
        case(&[&["event", "send"], arguments].concat(), &[], code, says)
    };
    let setting = |name, value, says| case(&["config", "show"], &[(name, value)], 2, says);
    let cases = [
        validate("syntax.json", "syntax.json:2:15: error[SBX0101]"),
        validate("action.json", "Did you mean `talk`?"),
        validate("option.json", "error[SBX0202] /actions/0/option/raeson"),
        validate("target.json", "error[SBX0301] /actions/0/next_id"),
        validate("twice.json", "error[SBX0206]"),
        validate("oversize.json", "error[SBX0102]"),
        validate("missing.json", "the flow file missing.json cannot be read"),
        case(&["flow", "validate"], &[], 2, "<FILE>"),
        case(&["flow", "deploy", "action.json"], &[], 1, "action.json is not deployed: 1 error"),
        case(
            &["flow", "deploy", "fine.json", "--route", "fax=+15550111"],
            &[],
            2,
            "`fax` is not a kind of address",
        ),
        case(
            &["flow", "deploy", "fine.json", "--route", "call=555x0111"],
            &[],
            2,
            "write a number such as +15550111",
        ),
        case(
            &["flow", "deploy", "fine.json", "--active-from", "2026-12-01T00:00:00Z"],
            &[],
            2,
            "add --route",
        ),
        case(
            &["flow", "deploy", "fine.json", "--active-from", "tomorrow"],
            &[],
            2,
            "`tomorrow` is not an RFC 3339 time",
        ),
        case(&["flow", "deploy", "fine.json"], &[], 1, "no Signalbox answers at http://127.0.0.1:1"),
        case(&["status"], &[(REDIS, "redis://127.0.0.1:1")], 1, "no Signalbox answers at http://127.0.0.1:1"),
        case(
            &["status", "--set", "api.url=http://127.0.0.1:2"],
            &[],
            1,
            "no Signalbox answers at http://127.0.0.1:2",
        ),
        case(&["status", "--set", "api.listen="], &[], 2, "set SIGNALBOX_API__URL=http://host:port"),
        event(
            &[
                "--type",
                "call.incoming",
                "--subject",
                "c",
                "--data",
                "{\"from\":\"+15550100\",\"to\":\"+15550111\"}",
            ],
            1,
            "Start one with `signalbox serve`",
        ),
        case(&["route", "set", "call=*"], &[], 2, "--flow"),
        event(&["--type", "call.incoming", "--data", "{to"], 2, "--data is not JSON"),
        event(
            &["--type", "call.incoming", "--subject", "c", "--data", "{\"to\":[5]}"],
            2,
            "`data.to` of call.incoming is `[5]`",
        ),
        event(
            &["--type", "call.incoming", "--data", "{\"to\":\"+15550111\"}"],
            2,
            "`subject` of call.incoming is missing",
        ),
        event(&["--type", "weather.rain"], 2, "`weather.rain`, which has no addressee; send one of"),
        event(
            &["--type", "cal.incoming"],
            2,
            "`cal.incoming`, which has no addressee; did you mean `call.incoming`?",
        ),
        event(
            &["--type", "call.incomming", "--subject", "c"],
            1,
            "The event type call.incomming is not one that Signalbox knows. Did you mean call.incoming?",
        ),
        event(&["--type", "call.incoming", "--time", "noon"], 2, "`noon` is not an RFC 3339 time"),
        event(&["event.json", "--type", "call.incoming"], 2, "cannot be used with"),
        event(&["event.json"], 1, "reserved_source"),
        event(&["broken-event.json"], 1, "broken-event.json:1:8: not JSON"),
        event(&[], 2, "--type"),
        case(&["event", "rejected", "discard", "--all", "--id", "7"], &[], 2, "cannot be used with"),
        case(&["event", "rejected", "replay"], &[], 2, "--id <ID>|--all"),
        case(&["activeflow", "stop", "4711"], &[], 2, "`4711` is not an activeflow id"),
        case(&["activeflow", "list", "--reference", ":call-1"], &[], 2, "write KIND or KIND:ID"),
        case(&["activeflow", "list", "--state", "asleep"], &[], 2, "[possible values: ready, claimed"),
        case(&["event", "rejected", "list", "--limit", "0"], &[], 2, "0 is not in 1..=1000"),
        case(&["activeflow", "list", "--output", "yaml"], &[], 2, "[possible values: table, json, ndjson]"),
        case(
            &["config", "show", "--config", "key.toml"],
            &[],
            2,
            "there is no setting redis.ulr (key.toml). Did you mean redis.url?",
        ),
        case(&["config", "show", "--config", "broken.toml"], &[], 2, "broken.toml:1:"),
        case(&["config", "show", "--config", "nowhere.toml"], &[], 2, "nowhere.toml cannot be read"),
        case(&["config", "show", "--set", "engine.lease"], &[], 2, "write SECTION.KEY=VALUE"),
        setting("SIGNALBOX_ENGINE__LEASE", "10 parsecs", "`10 parsecs` is not a duration"),
        setting("SIGNALBOX_AMQP__EVENTS_MAX_BYTES", "1TB", "`1TB` is not a size"),
        setting("SIGNALBOX_ENGINE__SHARDS", "12", "engine.shards is 12: it must be a power of two"),
        setting(
            "SIGNALBOX_ENGINE__LEASE",
            "2s",
            "engine.lease (2s) must be at least four times engine.heartbeat_interval (1s)",
        ),
        setting("SIGNALBOX_ENGINE__LAESE", "10s", "Did you mean SIGNALBOX_ENGINE__LEASE?"),
        setting(
            "SIGNALBOX_API__LISTEN",
            "localhost:8080",
            "api.listen is `localhost:8080`: write an IP address",
        ),
        setting("SIGNALBOX_API__URL", "https://flows.example", "supports only plain HTTP"),
        setting("SIGNALBOX_API__BOOTSTRAP_KEY", "secret", "api.bootstrap_key has 6 characters"),
        setting("SIGNALBOX_API__KEY", "two words", "api.key contains a space"),
        setting("SIGNALBOX_DATA__DIR", "", "data.dir is empty"),
        setting("SIGNALBOX_DATA__FOLDER", "x", "there is no setting data.folder"),
        setting("SIGNALBOX_REDIS_URL", "redis://x", "write two underscores after the section"),
        setting("SIGNALBOX_LOG__FORMAT", "xml", "write one of auto, json, text"),
        setting("SIGNALBOX_REDIS__URL_FILE", "/nowhere", "/nowhere cannot be read"),
        case(
            &["executor"],
            &[],
            2,
            "redis.url is not set: a role that runs in its own process needs a state store",
        ),
        case(&["api"], &[], 2, "run everything in one process: signalbox serve"),
        case(&["executor"], &[(REDIS, "redis://127.0.0.1:1")], 2, "amqp.url is not set"),
        case(&["conductor"], &[], 2, "unrecognized subcommand"),
    ];
    check(folder.path(), &[], &cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_missing_wrong_or_configured_differently_are_named() {
    tokio::task::block_in_place(|| {
        let site = Site::open(&[]).unwrap();
        files(site.folder());
        let amqp_port = site.rabbit.port();
        let redis_port = site.redis.port();
        let at = |user: &str, port: u16| format!("amqp://{user}@127.0.0.1:{port}/%2f");
        let (wrong_password, not_rabbit) = (at("guest:wrong", amqp_port), at("guest:guest", redis_port));
        let wrong_vhost = format!("amqp://guest:guest@127.0.0.1:{amqp_port}/nowhere");
        let not_redis = format!("redis://127.0.0.1:{amqp_port}");
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken.local_addr().unwrap().to_string();
        let unknown = "8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f";
        site.run(&["flow", "deploy", site.folder().join("fine.json").to_str().unwrap()]).unwrap();
        let cases = [
            case(
                &["flow", "list"],
                &[(REDIS, "redis://127.0.0.1:1")],
                1,
                "the state store at redis://127.0.0.1:1 (redis.url) cannot be used: Connection refused",
            ),
            case(&["flow", "list"], &[(REDIS, &not_redis)], 1, "Is it Redis"),
            case(
                &["flow", "list"],
                &[(REDIS, "http://127.0.0.1")],
                2,
                "redis.url does not begin with redis://",
            ),
            case(
                &["event", "rejected", "list"],
                &[(AMQP, "amqp://guest:guest@127.0.0.1:1/%2f")],
                1,
                "RabbitMQ at 127.0.0.1:1",
            ),
            case(&["event", "rejected", "list"], &[(AMQP, &wrong_password)], 1, "ACCESS_REFUSED"),
            case(
                &["event", "rejected", "list"],
                &[(AMQP, &not_rabbit)],
                1,
                "connecting to RabbitMQ at 127.0.0.1",
            ),
            case(&["event", "rejected", "list"], &[(AMQP, &wrong_vhost)], 1, "vhost `nowhere`"),
            case(
                &["event", "rejected", "replay", "--id", "7"],
                &[],
                1,
                "no rejected event has the id or message id 7",
            ),
            case(&["executor"], &[("SIGNALBOX_OPS__LISTEN", &taken)], 1, "another program uses it"),
            // A role waits for a server that is away, and not for a wrong setting.
            case(&["executor"], &[(AMQP, &wrong_password)], 1, "ACCESS_REFUSED"),
            case(&["serve"], &[(AMQP, &wrong_vhost)], 1, "vhost `nowhere`"),
            case(&["scheduler"], &[(REDIS, &not_redis)], 1, "Is it Redis"),
            case(&["migrate"], &[(REDIS, "redis://127.0.0.1:1")], 1, "Connection refused"),
            case(&["executor", "--set", "ops.listen=nowhere:80"], &[], 2, "ops.listen is `nowhere:80`"),
            case(
                &["executor", "--set", "engine.shards=32"],
                &[],
                1,
                "engine.shards is 32, but the state store was installed with 16",
            ),
            case(
                &["migrate", "--set", "amqp.events_max_bytes=2GiB"],
                &[],
                1,
                "x-max-length-bytes is 1073741824 at the broker, wanted 2147483648",
            ),
            case(
                &["dispatcher", "--set", "amqp.rejected_max_bytes=2GiB"],
                &[],
                1,
                "the setting is amqp.rejected_max_bytes",
            ),
            case(&["api"], &[], 2, "api.bootstrap_key is not set, so no client could authenticate"),
            case(&["api", "--set", "api.listen="], &[], 2, "so the API has no address"),
            case(&["flow", "deploy", "nameless.json"], &[], 1, "has no `name`"),
            case(&["flow", "export", "Nobody"], &[], 1, "no flow has the id or name `Nobody`"),
            case(&["activeflow", "actions", unknown], &[], 1, "there is no activeflow 8a4f0c3e"),
            case(&["activeflow", "journal", unknown], &[], 1, "there is no activeflow 8a4f0c3e"),
            case(&["activeflow", "get", unknown], &[], 1, "there is no activeflow 8a4f0c3e"),
            case(&["activeflow", "stop", unknown], &[], 1, "there is no activeflow 8a4f0c3e"),
            case(&["flow", "deploy", "calls.json"], &[], 1, "error[SBX0504] /actions/0/option/flow_id"),
            case(
                &["flow", "deploy", "fine.json", "--route", "sms=+15550111"],
                &[],
                1,
                "its trigger is call.incoming",
            ),
            case(
                &["route", "set", "call=+15550111", "--flow", "Nobody"],
                &[],
                1,
                "no flow named `Nobody` is deployed; deployed are `Fine`",
            ),
            case(&["route", "delete", "call=+15550111"], &[], 1, "there is no route call=+15550111"),
        ];
        check(site.folder(), &site.env, &cases);
        stores_that_would_lose_data(&site);
    });
}

fn stores_that_would_lose_data(site: &Site) {
    let durable = || RedisOptions { appendonly: true, fsync: "always", ..RedisOptions::default() };
    let with =
        |extra: &[&str]| RedisOptions { extra: extra.iter().map(ToString::to_string).collect(), ..durable() };
    let start = |options| {
        let redis = Redis::start(options);
        let url = redis.url();
        (redis, url)
    };
    let (_volatile, volatile) = start(RedisOptions { appendonly: false, ..durable() });
    let (_evicting, evicting) = start(with(&["--maxmemory-policy", "allkeys-lru"]));
    let (locked, _) = start(durable());
    locked.ask(&["CONFIG", "SET", "requirepass", "secret"]);
    let wrong_password = format!("redis://:guess@127.0.0.1:{}", locked.port());
    let (_empty, empty) = start(durable());
    let cases = [
        case(&["dispatcher"], &[(REDIS, &volatile)], 1, "CONFIG SET appendonly yes"),
        case(&["dispatcher"], &[(REDIS, &evicting)], 1, "CONFIG SET maxmemory-policy noeviction"),
        case(&["dispatcher"], &[(REDIS, &wrong_password)], 1, "authentication failed"),
        case(&["dispatcher"], &[(REDIS, &empty)], 1, "run `signalbox migrate`"),
    ];
    check(site.folder(), &site.env, &cases);
}
