//! SIGTERM under load: every role ends with exit code 0 within its grace period, and nothing is lost.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tests::carrier::{Gateway, Link, Timeline};
use tests::chaos::{Load, Settings, Site};
use tests::ledger::Flow;
use tests::ledger::reader::{drain, record_commands};
use tests::ledger::verdict::judge;
use tests::support::Signal;
use tokio_util::sync::CancellationToken;

const ROLES: [&str; 4] = ["dispatcher", "executor", "executor", "scheduler"];
/// The default grace period plus a margin.
const GRACE: Duration = Duration::from_secs(30);
/// Limit against a hanging test.
const TIMEOUT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_receives_sigterm_ends_in_time_and_loses_nothing() {
    let site = tokio::task::block_in_place(|| Site::open(&[])).unwrap();
    let flow = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/chaos-flow.json");
    site.run(&["flow", "deploy", &flow.to_string_lossy(), "--route", "call=+15550111"]).unwrap();
    let mut fleet = tokio::task::block_in_place(|| site.start(&ROLES)).unwrap();
    let url = site.rabbit.url();
    let stop = CancellationToken::new();
    let run_log = record_commands(&url, stop.clone()).await.unwrap();
    let timeline = Arc::new(Timeline::default());
    let gateway = Gateway::open(&url, "gateway.calls", &["call.#"], timeline, stop.clone()).await.unwrap();
    let settings = Settings { seed: 1, calls: 300, live: 200, rate: 100, ..Settings::from_env() };
    let load = Load::start(&settings, Link::open(&url), gateway);

    for member in &mut fleet.members {
        while load.live() < 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        member.signal(Signal::Term);
        let status = tokio::task::block_in_place(|| member.wait(GRACE));
        let name = &member.name;
        assert!(
            status.is_some_and(|status| status.success()),
            "{name} ended with {status:?} (None: not in time)"
        );
        member.revive();
    }
    load.enough();
    tokio::time::timeout(TIMEOUT, load.over()).await.expect("every call ends after the restarts");

    let flow = Flow::read(&std::fs::read_to_string(flow).unwrap()).unwrap();
    let (scripts, rubbish) = load.snapshot();
    let judged = || judge(&run_log.lock().unwrap(), &flow, &scripts).unwrap();
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while !judged().violations.is_empty() && tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut verdict = judged();
    let mut leftovers = drain(&url, "signalbox.rejected").await.unwrap();
    leftovers.extend(drain(&url, "signalbox.unrouted").await.unwrap());
    verdict.weigh_leftovers(&leftovers, &rubbish);
    assert!(verdict.violations.is_empty(), "{verdict}");
    stop.cancel();
}
