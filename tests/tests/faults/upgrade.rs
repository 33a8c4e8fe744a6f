//! A rolling upgrade under load: one process after another is replaced by one that speaks the next record format. While a
//! process of the old release lives, nothing is stored in the next format; afterwards it is, and no call suffers.

use super::chaos::{HEALED, keep_logs, open_site, print_line, series, until, verdict};
use common::record::HEAD_BYTES;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tests::carrier::{Gateway, Link, Timeline};
use tests::chaos::{Fleet, Load, Settings, Site};
use tests::ledger::reader::record_commands;
use tokio_util::sync::CancellationToken;

const OLD: u8 = common::record::FORMAT;
const ROLES: [&str; 5] = ["dispatcher", "dispatcher", "executor", "executor", "scheduler"];
/// The stored values whose formats are counted.
const VALUES: [&str; 3] = ["record", "cursor", "journal entry"];
const NEXT: (&str, &str) = ("SIGNALBOX_TEST_NEXT_FORMAT", "for tests only");
/// Where a record says the length of its spec.
const SPEC_LENGTH_AT: usize = HEAD_BYTES - 4;
const END: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(900);
/// Calls that start between two steps of the upgrade.
const CALLS: u64 = 40;

#[test]
fn an_upgrade_under_load_writes_the_next_format_when_everyone_reads_it() {
    let settings = Settings { calls: 200, live: 400, rate: 40, kills: 0, ..Settings::from_env() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let run = async { tokio::time::timeout(LIMIT, run(&settings)).await };
    runtime.block_on(run).expect("the run ends in time").unwrap();
}

async fn run(settings: &Settings) -> anyhow::Result<()> {
    let site = open_site()?;
    let url = site.rabbit.url();
    let stop = CancellationToken::new();
    let log = record_commands(&url, stop.clone()).await?;
    let timeline = Arc::new(Timeline::default());
    let gateway =
        Gateway::open(&url, "gateway.calls", &["call.#", "message.#"], timeline, stop.clone()).await?;
    let mut fleet = tokio::task::block_in_place(|| site.start(&ROLES))?;
    let load = Load::start(settings, Link::open(&url), gateway);

    let mut wrong = upgrade(&site, &mut fleet, &load).await?;
    load.enough();
    if tokio::time::timeout(HEALED, load.over()).await.is_err() {
        wrong.push(format!("calls that never ended: {:?}", load.unfinished()));
    }
    let verdict = verdict(&url, &load, &log).await?;
    let counted = fleet.counted().await;
    let met = series(&counted, "signalbox_events_too_new_total", "");
    if met > 0.0 {
        wrong.push(format!("{met} events met a record that was too new"));
    }
    if !verdict.violations.is_empty() {
        wrong.push(verdict.to_string());
    }
    stop.cancel();
    if wrong.is_empty() {
        return Ok(());
    }
    keep_logs(settings, &site)?;
    anyhow::bail!("{}", wrong.join("\n"))
}

/// Replaces every process. Returns what was stored too early or never.
async fn upgrade(site: &Site, fleet: &mut Fleet, load: &Arc<Load>) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for index in 0..fleet.members.len() {
        let started = load.started();
        until(|| load.started() >= started + CALLS).await;
        let stored = formats(site).await?;
        if stored.keys().any(|(_, format)| *format != OLD) {
            wrong.push(format!("{stored:?} before {} was replaced", fleet.members[index].name));
        }
        let member = &mut fleet.members[index];
        let ended = member.end(END).await;
        if !ended.is_some_and(|status| status.success()) {
            wrong.push(format!("{} ended with {ended:?}", member.name));
        }
        member.set_env(NEXT.0, NEXT.1);
        member.revive();
        tokio::task::block_in_place(|| fleet.wait_until_ready());
    }
    let started = load.started();
    until(|| load.started() >= started + 5 * CALLS).await;
    let stored = formats(site).await?;
    print_line(&format!("stored values by format after the upgrade: {stored:?}"));
    if VALUES.iter().any(|value| !stored.contains_key(&(*value, OLD + 1))) {
        wrong.push(format!("{stored:?} after everyone was replaced"));
    }
    Ok(wrong)
}

/// Number of stored values of each kind and format.
async fn formats(site: &Site) -> anyhow::Result<BTreeMap<(&'static str, u8), usize>> {
    let [record_of, cursor_of, journal_of] = VALUES;
    let client = redis::Client::open(site.redis.url())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("sb:{*}:a:*").query_async(&mut connection).await?;
    let mut counted = BTreeMap::new();
    for key in keys {
        let record: Vec<u8> = redis::cmd("GET").arg(key).query_async(&mut connection).await?;
        for (value, format) in [(record_of, record.first()), (cursor_of, cursor_in(&record))] {
            if let Some(format) = format {
                *counted.entry((value, *format)).or_default() += 1;
            }
        }
    }
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("sb:{*}:j:*").query_async(&mut connection).await?;
    for key in keys {
        let mut command = redis::cmd("LRANGE");
        let entries: Vec<Vec<u8>> = command.arg(key).arg(0).arg(-1).query_async(&mut connection).await?;
        for format in entries.iter().filter_map(|entry| entry.first()) {
            *counted.entry((journal_of, *format)).or_default() += 1;
        }
    }
    Ok(counted)
}

/// The format of the cursor in a record: the first byte of its body.
fn cursor_in(record: &[u8]) -> Option<&u8> {
    let head = u16::from_be_bytes(record.get(1..3)?.try_into().ok()?);
    let spec = u32::from_be_bytes(record.get(SPEC_LENGTH_AT..)?.first_chunk::<4>().copied()?);
    record.get(usize::from(head) + spec as usize)
}
