//! The load of a fault run: calls at a rate with a bound on those alive, copies of a tenth of their events, and noise.
//!
//! Copies go out at once, a little later, after the call's end, and after the next restart of something. What was
//! confirmed is remembered for the ledger.

use super::settings::Settings;
use crate::carrier::call::{Line, place_call};
use crate::carrier::noise::noise;
use crate::carrier::{Caller, DigitTiming, Gateway, Link, Outgoing};
use crate::ledger::{CallScript, Verdict};
use crate::rng::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

const SOURCE: &str = "sbc-1.example";
const LATE_KEPT: usize = 2_000;

pub struct Load {
    settings: Settings,
    link: Link,
    gateway: Arc<Gateway>,
    tasks: TaskTracker,
    enough: AtomicBool,
    started: AtomicU64,
    finished: AtomicU64,
    events: AtomicU64,
    copies: AtomicU64,
    noises: AtomicU64,
    state: Mutex<LoadState>,
}

/// State that grows during the run.
#[derive(Default)]
struct LoadState {
    scripts: BTreeMap<String, CallScript>,
    finished: Vec<String>,
    silences: Vec<Duration>,
    rubbish: BTreeMap<u64, String>,
    after_restart: Vec<Outgoing>,
    late: VecDeque<String>,
    rng: Option<Rng>,
}

impl Load {
    /// Starts calling; goes on until `settings.calls` were started and [`Load::enough`] was said.
    pub fn start(settings: &Settings, link: Link, gateway: Arc<Gateway>) -> Arc<Load> {
        let state = LoadState { rng: Some(Rng::new(settings.seed, 1)), ..LoadState::default() };
        let load = Arc::new(Load {
            settings: settings.clone(),
            link,
            gateway,
            tasks: TaskTracker::new(),
            enough: AtomicBool::new(false),
            started: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            events: AtomicU64::new(0),
            copies: AtomicU64::new(0),
            noises: AtomicU64::new(0),
            state: Mutex::new(state),
        });
        load.tasks.spawn(load.clone().keep_calling());
        load
    }

    /// No call needs to be made any more only for the nemesis.
    pub fn enough(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }

    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    pub fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Calls whose first event is confirmed and whose last is not.
    pub fn live(&self) -> u64 {
        self.started().saturating_sub(self.finished())
    }

    /// Confirmed events without copies and noise, copies, noise.
    pub fn sent(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.events), read(&self.copies), read(&self.noises))
    }

    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Sends the copies that were kept for after a restart.
    pub fn release_copies(self: &Arc<Self>) {
        let copies = std::mem::take(&mut self.state().after_restart);
        for copy in copies {
            self.send_copy(copy, Duration::ZERO);
        }
    }

    /// Waits until all calls are over and every copy and noise is confirmed.
    pub async fn over(self: &Arc<Self>) {
        self.tasks.close();
        self.tasks.wait().await;
        self.release_copies();
        self.tasks.wait().await;
    }

    /// The scripts of all calls, and the rubbish that was confirmed.
    pub fn snapshot(&self) -> (BTreeMap<String, CallScript>, BTreeMap<u64, String>) {
        let state = self.state();
        (state.scripts.clone(), state.rubbish.clone())
    }

    /// The longest silence of each call that is over, shortest first.
    pub fn silences(&self) -> Vec<Duration> {
        let mut silences = self.state().silences.clone();
        silences.sort_unstable();
        silences
    }

    /// The calls that are not over.
    pub fn unfinished(&self) -> Vec<String> {
        let state = self.state();
        let finished: std::collections::BTreeSet<&String> = state.finished.iter().collect();
        state.scripts.keys().filter(|subject| !finished.contains(subject)).cloned().collect()
    }

    async fn keep_calling(self: Arc<Self>) {
        let room = Arc::new(Semaphore::new(self.settings.live));
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut due = 0;
        for number in 0.. {
            if number >= self.settings.calls && self.enough.load(Ordering::Relaxed) {
                return;
            }
            while due == 0 {
                tick.tick().await;
                due = (self.settings.rate / 50).max(1);
            }
            due -= 1;
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            let load = self.clone();
            self.tasks.spawn(async move {
                load.call(number).await;
                drop(permit);
            });
        }
    }

    async fn call(self: Arc<Self>, number: u64) {
        let mut rng = Rng::new(self.settings.seed, 1_000 + number);
        let (caller, script) = caller(number, &mut rng);
        self.state().scripts.insert(caller.subject.clone(), script);
        let after_end = Mutex::new(Vec::new());
        let published = |event: &Outgoing| self.published(event, &after_end);
        let line = Line { source: SOURCE, link: &self.link, gateway: &self.gateway, published: &published };
        let played = place_call(&caller, &line, rng).await;
        self.finished.fetch_add(1, Ordering::Relaxed);
        for copy in after_end.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.send_copy(copy, Duration::from_millis(500));
        }
        let mut state = self.state();
        state.finished.push(caller.subject);
        state.late.extend(played.commands.into_iter().take(1));
        state.silences.push(played.longest_silence);
        if state.late.len() > LATE_KEPT {
            state.late.pop_front();
        }
    }

    /// Decides what else a confirmed event brings with it.
    fn published(self: &Arc<Self>, event: &Outgoing, after_end: &Mutex<Vec<Outgoing>>) {
        self.events.fetch_add(1, Ordering::Relaxed);
        if event.routing_key == "call.incoming" {
            self.started.fetch_add(1, Ordering::Relaxed);
        }
        let mut state = self.state();
        let Some(mut rng) = state.rng.take() else { return };
        if rng.percent(10) {
            match rng.between(0, 4) {
                0 => self.send_copy(event.clone(), Duration::ZERO),
                1 => self.send_copy(event.clone(), rng.millis(200, 5_000)),
                2 => after_end.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone()),
                _ => state.after_restart.push(event.clone()),
            }
        }
        if rng.percent(5) {
            let late = state.late.pop_front();
            let number = self.noises.fetch_add(1, Ordering::Relaxed);
            let noise = noise(SOURCE, number, late.as_deref(), &mut rng);
            if noise.rejected {
                state.rubbish.insert(Verdict::key(&noise.message.body), noise.message.message_id.clone());
            }
            let link = self.link.clone();
            self.tasks.spawn(async move { link.publish(noise.message).await });
        }
        state.rng = Some(rng);
    }

    fn send_copy(self: &Arc<Self>, copy: Outgoing, after: Duration) {
        self.copies.fetch_add(1, Ordering::Relaxed);
        let link = self.link.clone();
        self.tasks.spawn(async move {
            tokio::time::sleep(after).await;
            link.publish(copy).await;
        });
    }

    fn state(&self) -> MutexGuard<'_, LoadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `number`-th caller, and its script for the ledger.
fn caller(number: u64, rng: &mut Rng) -> (Caller, CallScript) {
    let stays = !rng.percent(4);
    let digit = stays.then(|| *rng.pick(&['1', '2', '3', '9']));
    let fails = stays && rng.percent(15);
    let timing = *rng.pick(&[
        DigitTiming::AtOnce,
        DigitTiming::BargeIn,
        DigitTiming::BargeIn,
        DigitTiming::Afterwards,
    ]);
    let caller = Caller {
        subject: format!("call-{number:07}"),
        from: format!("+1555{number:07}"),
        to: "+15550111".into(),
        digit,
        timing,
        fails_at: fails.then(|| "detail".to_owned()),
        pace: (100, 700),
    };
    let script = CallScript {
        from: caller.from.clone(),
        to: caller.to.clone(),
        digits: digit.into_iter().collect(),
        hangs_up_at: (!stays).then(|| "pick".to_owned()),
        fails_at: caller.fails_at.clone(),
    };
    (caller, script)
}
