//! Cases that concern only the embedded store: processes killed at work, folders that are in use, foreign or damaged, full
//! disks, and writes of an idle process.

use super::harness::*;
use adapters::embedded::disk::OpenError;
use adapters::embedded::{self, Settings, Store};
use adapters::memory::{Clocks, ManualClocks, ManualTime};
use common::StoreError;
use common::member::{Member, MemberId, Role};
use common::ports::intake::{Deliver, Delivered};
use common::ports::work::{ClaimRequest, Claimed, Disposition, Transition};
use common::ports::{Catalogue, Intake, Lookup, Members, Upkeep, Work};
use common::record::{State, Suspect};
use flow::Timestamp;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tests::support::folder::Folder;

const FOLDER: &str = "SIGNALBOX_CONTRACT_FOLDER";

fn manual() -> ManualTime {
    ManualTime::at(Timestamp::from_micros(START))
}

fn member(n: u128, beat: u64) -> Member {
    let (instance, formats) = ("here:1".to_string(), (1, 1));
    let (role, generation, consuming) = (Role::Executor, 0, None);
    Member { id: worker(n), role, instance, heartbeats: beat, generation, formats, consuming }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_many_operations_loses_nothing_that_was_answered() {
    let folder = Folder::new();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let mut child = a_child(&mut child, folder.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut answered = Vec::new();
        for line in lines.filter(|line| line.starts_with("answered")) {
            answered.push(line);
            // Lines that were written before the kill still arrive through the pipe.
            if answered.len() == 500 + round * 137 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(answered.len() >= 500);
        assert_all_stored(folder.path(), &answered).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_when_it_has_room_again_the_same_calls_succeed() {
    let folder = Folder::new();
    let mut child = Command::new("sh");
    // Files are limited to half a megabyte; a write beyond that fails with an error instead of a signal.
    child.args(["-c", "trap '' XFSZ; ulimit -S -f 1000; exec \"$0\" \"$@\""]);
    child.arg(std::env::current_exe().unwrap());
    let mut child = a_child(&mut child, folder.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut answered: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("refused")).collect();
    let room = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &child.id().to_string()]).status();
    assert!(room.unwrap().success());
    let mut more = 0;
    for line in lines {
        more += usize::from(line.starts_with("answered"));
        answered.push(line);
        if more == 500 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(more >= 500, "only {more} calls were answered after there was room again");
    answered.retain(|line| line.starts_with("answered"));
    assert_all_stored(folder.path(), &answered).await;
}

/// Starts this test binary again, as [`child`] on `folder`.
fn a_child(command: &mut Command, folder: &Path) -> Child {
    let name = "state_store::on_disk::child";
    command.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Not a test but the process that is killed. Prints a line for each answered call.
#[tokio::test]
#[ignore = "started by the tests above, in a process of its own"]
async fn child() {
    let folder = std::env::var(FOLDER).unwrap();
    let store = embedded::open(Path::new(&folder), &Settings::new(SHARDS)).unwrap().store;
    store.sweep_previous_processes().await.unwrap();
    let prefix = uuid::Uuid::new_v4().simple().to_string();
    let workers = (0..32).map(|n| work(store.clone(), format!("{prefix}-{n}")));
    futures_util::future::join_all(workers).await;
}

async fn work(store: Arc<Store>, name: String) {
    let me = MemberId(uuid::Uuid::new_v4());
    for n in 1.. {
        let call = call(&format!("{name}-{n}"));
        let event = call.incoming("e1");
        let delivered = insist(async || store.deliver(&event).await).await;
        assert!(matches!(delivered, Delivered::Applied { .. } | Delivered::Duplicate), "{delivered:?}");
        println!("answered {} 0", call.reference.subject);
        let want = ClaimRequest { max: 4, idle: true };
        let claimed = insist(async || store.claim(call.shard(), me, n, want).await).await;
        let Claimed::Rows { rows, .. } = claimed else { panic!("declared dead") };
        for row in rows {
            let version = row.record.version;
            let made = Transition { journal: Some(vec![b'j'; 200]), ..taking(&row) };
            let after = match n % 2 {
                0 => Disposition::End { rest: vec![] },
                _ => Disposition::Park { wait: 1, until: None },
            };
            insist(async || store.commit(&row.claim, version, &made, &after).await).await;
            println!("answered {} {}", row.record.spec.reference.subject, version + 1);
        }
    }
}

/// Repeats the same call until it is answered.
async fn insist<T>(call: impl AsyncFn() -> Result<T, StoreError>) -> T {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) if error.is_transient() => println!("refused {error}"),
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asserts that every call with a line is stored in the folder.
async fn assert_all_stored(folder: &Path, answered: &[String]) {
    let store = embedded::open(folder, &Settings::new(SHARDS)).unwrap().store;
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    for line in answered {
        // The last line may be cut.
        let parts: Vec<&str> = line.split(' ').collect();
        let [_, subject, version] = parts[..] else { continue };
        let Ok(version) = version.parse::<u64>() else { continue };
        let newest = versions.entry(subject).or_default();
        *newest = version.max(*newest);
    }
    for (subject, version) in versions {
        let call = call(subject);
        let found = store.get(call.start("e1").id).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{subject} was answered and is not stored"));
        assert!(found.record.version >= version, "{subject}: {} of {version}", found.record.version);
        assert_eq!(found.journal.len() as u64, found.record.version, "{subject}");
        assert_eq!(store.deliver(&call.incoming("e1")).await.unwrap(), Delivered::Duplicate, "{subject}");
    }
}

#[tokio::test]
async fn what_an_earlier_process_held_is_ready_at_once_as_a_suspect() {
    let folder = Folder::new();
    let w = StoreHarness::on_folder(folder.path(), &manual());
    let calls = calls_of_one_shard(2);
    let shard = calls[0].shard();
    for call in &calls {
        w.applied(&call.incoming("e1")).await;
    }
    let held = w.claim_as(worker(1), shard, 1).await;
    w.store.heartbeat(&member(1, 1), &[]).await.unwrap();
    drop(w);
    let store = embedded::open(folder.path(), &embedded_settings(&manual())).unwrap().store;
    assert_eq!(store.sweep_previous_processes().await.unwrap(), 1);
    assert!(store.members().await.unwrap().is_empty());
    let found = store.get(held[0].claim.id).await.unwrap().unwrap();
    assert_eq!((found.record.state, found.record.suspect), (State::Ready, Suspect::Group));
    let busy = ClaimRequest { max: 9, idle: false };
    assert_eq!(store.claim(shard, worker(1), 9, busy).await.unwrap(), Claimed::Dead);
    let Claimed::Rows { rows, suspects, .. } = store.claim(shard, worker(2), 1, busy).await.unwrap() else {
        panic!("not dead")
    };
    assert_eq!((rows.len(), suspects), (1, 1));
    drop(store);
    let store = embedded::open(folder.path(), &embedded_settings(&manual())).unwrap().store;
    assert_eq!(store.sweep_previous_processes().await.unwrap(), 1, "the second process held the other one");
}

#[tokio::test]
async fn a_second_start_on_the_same_folder_names_the_process_that_has_it() {
    let folder = Folder::new();
    let _first = StoreHarness::on_folder(folder.path(), &manual());
    let refused = refusal(folder.path(), SHARDS);
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
}

#[tokio::test]
async fn another_number_of_shards_is_refused_with_both_numbers() {
    let folder = Folder::new();
    drop(StoreHarness::on_folder(folder.path(), &manual()));
    let refused = refusal(folder.path(), SHARDS * 2).to_string();
    assert!(refused.contains("has 8 shards") && refused.contains("engine.shards is 16"), "{refused}");
}

#[tokio::test]
async fn a_record_of_a_newer_format_is_refused_with_both_numbers_and_a_damaged_one_with_its_key() {
    let folder = Folder::new();
    let w = StoreHarness::on_folder(folder.path(), &manual());
    w.parked(&call("call-1"), None).await;
    drop(w);
    let activeflow = "WHERE substr(key, 1, 2) = x'7361' AND length(key) = 12";
    let sql = |sql: &str| {
        let table = rusqlite::Connection::open(folder.path().join("signalbox.db")).unwrap();
        // A record without a checksum is one that an earlier version wrote.
        table.execute(&format!("UPDATE state SET value = {sql}, sum = NULL {activeflow}"), []).unwrap()
    };
    assert_eq!(sql("CAST(x'02' || substr(value, 2) AS BLOB)"), 1);
    let refused = refusal(folder.path(), SHARDS);
    assert!(matches!(refused, OpenError::TooNew { found: 2, supported: 1, .. }), "{refused}");
    for damage in ["CAST(x'01' || substr(value, 2, 40) AS BLOB)", "x'01'", "x''"] {
        sql(damage);
        let refused = refusal(folder.path(), SHARDS).to_string();
        assert!(refused.contains("x'7361") && refused.contains("damaged"), "{refused}");
    }
}

fn refusal(folder: &Path, shards: u16) -> OpenError {
    match embedded::open(folder, &Settings::new(shards)) {
        Ok(_) => panic!("the folder was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn every_record_that_was_changed_on_disk_is_named_and_no_other_is_changed() {
    let folder = Folder::new();
    let w = StoreHarness::on_folder(folder.path(), &manual());
    for n in 0..3 {
        w.parked(&call(&format!("call-{n}")), None).await;
    }
    drop(w);
    let path = folder.path().join("signalbox.db");
    let table = rusqlite::Connection::open(&path).unwrap();
    // The last byte of each activeflow's record, as a failing disk would change it.
    let changed = "UPDATE state SET value = CAST(substr(value, 1, length(value) - 1) || x'7e' AS BLOB)
        WHERE substr(key, 1, 2) = x'7361' AND length(key) = 12";
    assert_eq!(table.execute(changed, []).unwrap(), 3);
    drop(table);
    let refused = refusal(folder.path(), SHARDS);
    let OpenError::Damaged { records, .. } = &refused else { panic!("{refused}") };
    let activeflows = records.iter().filter(|record| record.kind.starts_with("activeflow"));
    assert_eq!(activeflows.count(), 3, "{refused}");
    let to = folder.path().join("salvaged");
    let report = embedded::salvage::salvage(folder.path(), &to, &Settings::new(SHARDS)).unwrap();
    assert_eq!(&report.damaged, records);
    let store = embedded::open(&to, &Settings::new(SHARDS)).unwrap().store;
    assert!(store.everything().is_empty());
    store.check_invariants().unwrap();
}

/// Redis refuses every write above its `maxmemory`; this store only those that start something.
#[tokio::test]
async fn above_the_memory_mark_nothing_starts_and_what_runs_goes_on() {
    let folder = Folder::new();
    let time = manual();
    let settings = Settings { max_memory: 20_000, ..embedded_settings(&time) };
    let store = embedded::open(folder.path(), &settings).unwrap().store;
    let mut started = 0;
    let refused = loop {
        match store.deliver(&call(&format!("call-{started}")).incoming("e1")).await {
            Ok(_) => started += 1,
            Err(error) => break error,
        }
        assert!(started < 1_000, "the mark has no effect");
    };
    assert!(matches!(refused, StoreError::Full { .. }) && refused.to_string().contains("data.max_memory"));
    let first = call("call-0");
    assert_eq!(store.deliver(&first.incoming("e1")).await.unwrap(), Delivered::Duplicate);
    let digits = store.deliver(&first.event("e2", "call.digits")).await.unwrap();
    assert!(matches!(digits, Delivered::Applied { .. }), "{digits:?}");
    let counted = store.memory();
    drop(store);

    let store = embedded::open(folder.path(), &settings).unwrap().store;
    assert_eq!(store.memory(), counted, "after a restart the same is counted");
    for shard in (0..SHARDS).map(common::Shard) {
        let want = ClaimRequest { max: 1_000, idle: true };
        let Claimed::Rows { rows, .. } = store.claim(shard, worker(1), 1, want).await.unwrap() else {
            panic!("declared dead")
        };
        for row in rows {
            let (version, end) = (row.record.version, Disposition::End { rest: vec![] });
            store.commit(&row.claim, version, &taking(&row), &end).await.unwrap();
        }
    }
    time.advance(settings.limits.ended_retention * 2);
    for shard in (0..SHARDS).map(common::Shard) {
        while store.sweep(shard, &[]).await.unwrap().more {}
    }
    assert!(store.everything().is_empty());
    let again = store.deliver(&call("call-x").incoming("e1")).await.unwrap();
    assert!(matches!(again, Delivered::Applied { .. }), "there is room again: {again:?}");
}

/// Time goes on evenly: a wait that is due in ten seconds fires after about ten seconds.
#[tokio::test]
async fn a_jump_of_the_wall_clock_neither_fires_nor_freezes_a_wait() {
    let folder = Folder::new();
    let clocks = ManualClocks::at("2026-11-27T12:00:00Z".parse().unwrap());
    let settings = Settings { clocks: Arc::new(clocks.clone()), ..Settings::new(SHARDS) };
    let store = embedded::open(folder.path(), &settings).unwrap().store;
    let hour = Duration::from_secs(3_600).as_micros() as i64;
    for (n, jump) in [hour, -hour, -hour, hour].into_iter().enumerate() {
        let call = call(&format!("call-{n}"));
        store.deliver(&call.incoming("e1")).await.unwrap();
        let want = ClaimRequest { max: 1, idle: false };
        let claimed = store.claim(call.shard(), worker(1), n as u64 + 1, want).await.unwrap();
        let Claimed::Rows { rows, now, .. } = claimed else { panic!("declared dead") };
        let park = Disposition::Park { wait: 1, until: Some(now.plus_millis(10_000)) };
        store.commit(&rows[0].claim, rows[0].record.version, &taking(&rows[0]), &park).await.unwrap();
        clocks.set_wall(clocks.wall().plus_micros(jump));
        let fired = async || store.sweep(call.shard(), &[]).await.unwrap().late_us.len();
        assert_eq!(fired().await, 0, "jump {jump}: it fired early");
        clocks.advance(Duration::from_secs(9));
        assert_eq!(fired().await, 0, "jump {jump}: it fired early");
        clocks.advance(Duration::from_secs(3));
        assert_eq!(fired().await, 1, "jump {jump}: it stands still");
    }
}

#[tokio::test]
async fn an_idle_process_writes_nothing() {
    let folder = Folder::new();
    let w = StoreHarness::on_folder(folder.path(), &manual());
    w.parked(&call("call-1"), None).await;
    let log = || std::fs::read(folder.path().join("signalbox.db-wal")).unwrap();
    w.store.heartbeat(&member(1, 1), &[]).await.unwrap();
    let before = log();
    for beat in 2..5 {
        w.advance(1);
        w.store.heartbeat(&member(1, beat), &[]).await.unwrap();
        for shard in (0..SHARDS).map(common::Shard) {
            assert!(w.claim_as(worker(1), shard, 10).await.is_empty());
            w.store.sweep(shard, &[]).await.unwrap();
            w.store.depth(shard).await.unwrap();
        }
        assert_eq!(w.store.deliver(&call("call-1").incoming("start")).await.unwrap(), Delivered::Duplicate);
    }
    assert!(before == log(), "{} bytes became {}", before.len(), log().len());
    w.store.heartbeat(&Member { generation: 7, ..member(1, 5) }, &[]).await.unwrap();
    assert!(before != log(), "a change of the member's data is written");
}

#[tokio::test]
async fn the_time_never_goes_back_over_a_restart() {
    let folder = Folder::new();
    let ahead = ManualTime::at("2100-01-01T00:00:00Z".parse().unwrap());
    StoreHarness::on_folder(folder.path(), &ahead).applied(&call("call-1").incoming("e1")).await;
    let store = embedded::open(folder.path(), &Settings::new(SHARDS)).unwrap().store;
    assert!(store.now().await.unwrap() >= ahead.now());
}

#[tokio::test]
async fn a_folder_made_of_a_thousand_steps_is_the_same_after_reopening() {
    let folder = Folder::new();
    let time = manual();
    let w = StoreHarness::on_folder(folder.path(), &time);
    for n in 0..250 {
        let event: Deliver = call(&format!("call-{n}")).incoming("e1");
        w.applied(&event).await;
        for row in w.claim_as(worker(1), event.shard, 1 + n % 3).await {
            match n % 4 {
                0 => w.end(&row).await,
                1 => w.park(&row, 1, Some(w.now().plus_millis(i64::from(n)))).await,
                2 => _ = w.commit(&row, &taking(&row), &Disposition::Yield).await,
                _ => {}
            }
        }
        w.advance(1);
        w.store.sweep(event.shard, &[]).await.unwrap();
    }
    let before = everything(&w).await;
    drop(w);
    assert_eq!(before, everything(&StoreHarness::on_folder(folder.path(), &time)).await);
}

/// Everything that a store shows of one customer's activeflows, its depths and its feeds.
async fn everything(w: &StoreHarness) -> Vec<String> {
    let query = common::ports::lookup::ListQuery { customer_id: CUSTOMER.into(), before: None, limit: 1_000 };
    let mut seen: Vec<String> =
        w.store.list(&query).await.unwrap().iter().map(|f| format!("{f:?}")).collect();
    for shard in (0..SHARDS).map(common::Shard) {
        seen.push(format!("{:?}", w.store.depth(shard).await.unwrap()));
        seen.push(format!("{:?}", w.store.feed(shard, "", 2_000).await.unwrap()));
    }
    seen
}
