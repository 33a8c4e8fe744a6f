//! The load of a fault run: calls at a rate with a bound on those alive, copies of a tenth of their events, and noise.
//!
//! Copies go out at once, a little later, after the call's end, and after the next restart of something. What was
//! confirmed is remembered for the ledger.

use super::settings::Settings;
use crate::carrier::call::{Line, ring};
use crate::carrier::noise::noise;
use crate::carrier::{Caller, Dice, Gateway, Link, Moment, Outgoing};
use crate::ledger::{Story, Verdict};
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
    told: Mutex<Told>,
}

/// What only grows while calls go on.
#[derive(Default)]
struct Told {
    stories: BTreeMap<String, Story>,
    finished: Vec<String>,
    silences: Vec<Duration>,
    rubbish: BTreeMap<u64, String>,
    after_restart: Vec<Outgoing>,
    late: VecDeque<String>,
    dice: Option<Dice>,
}

impl Load {
    /// Starts calling; goes on until `settings.calls` were started and [`Load::enough`] was said.
    pub fn start(settings: &Settings, link: Link, gateway: Arc<Gateway>) -> Arc<Load> {
        let told = Told { dice: Some(Dice::new(settings.seed, 1)), ..Told::default() };
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
            told: Mutex::new(told),
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
        let copies = std::mem::take(&mut self.told().after_restart);
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

    /// The stories of all calls, and the rubbish that was confirmed.
    pub fn told_all(&self) -> (BTreeMap<String, Story>, BTreeMap<u64, String>) {
        let told = self.told();
        (told.stories.clone(), told.rubbish.clone())
    }

    /// The longest silence of each call that is over, shortest first.
    pub fn silences(&self) -> Vec<Duration> {
        let mut silences = self.told().silences.clone();
        silences.sort_unstable();
        silences
    }

    /// The calls that are not over.
    pub fn unfinished(&self) -> Vec<String> {
        let told = self.told();
        let finished: std::collections::BTreeSet<&String> = told.finished.iter().collect();
        told.stories.keys().filter(|subject| !finished.contains(subject)).cloned().collect()
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
        let mut dice = Dice::new(self.settings.seed, 1_000 + number);
        let (caller, story) = caller(number, &mut dice);
        self.told().stories.insert(caller.subject.clone(), story);
        let after_end = Mutex::new(Vec::new());
        let published = |event: &Outgoing| self.published(event, &after_end);
        let line = Line { source: SOURCE, link: &self.link, gateway: &self.gateway, published: &published };
        let played = ring(&caller, &line, dice).await;
        self.finished.fetch_add(1, Ordering::Relaxed);
        for copy in after_end.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.send_copy(copy, Duration::from_millis(500));
        }
        let mut told = self.told();
        told.finished.push(caller.subject);
        told.late.extend(played.commands.into_iter().take(1));
        told.silences.push(played.longest_silence);
        if told.late.len() > LATE_KEPT {
            told.late.pop_front();
        }
    }

    /// Decides what else a confirmed event brings with it.
    fn published(self: &Arc<Self>, event: &Outgoing, after_end: &Mutex<Vec<Outgoing>>) {
        self.events.fetch_add(1, Ordering::Relaxed);
        if event.routing_key == "call.incoming" {
            self.started.fetch_add(1, Ordering::Relaxed);
        }
        let mut told = self.told();
        let Some(mut dice) = told.dice.take() else { return };
        if dice.percent(10) {
            match dice.between(0, 4) {
                0 => self.send_copy(event.clone(), Duration::ZERO),
                1 => self.send_copy(event.clone(), dice.millis(200, 5_000)),
                2 => after_end.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone()),
                _ => told.after_restart.push(event.clone()),
            }
        }
        if dice.percent(5) {
            let late = told.late.pop_front();
            let number = self.noises.fetch_add(1, Ordering::Relaxed);
            let noise = noise(SOURCE, number, late.as_deref(), &mut dice);
            if noise.rejected {
                told.rubbish.insert(Verdict::key(&noise.message.body), noise.message.message_id.clone());
            }
            let link = self.link.clone();
            self.tasks.spawn(async move { link.publish(noise.message).await });
        }
        told.dice = Some(dice);
    }

    fn send_copy(self: &Arc<Self>, copy: Outgoing, after: Duration) {
        self.copies.fetch_add(1, Ordering::Relaxed);
        let link = self.link.clone();
        self.tasks.spawn(async move {
            tokio::time::sleep(after).await;
            link.publish(copy).await;
        });
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who calls as the `number`-th, and what a ledger must know of it.
fn caller(number: u64, dice: &mut Dice) -> (Caller, Story) {
    let stays = !dice.percent(4);
    let digit = stays.then(|| *dice.pick(&['1', '2', '3', '9']));
    let fails = stays && dice.percent(15);
    let moment = *dice.pick(&[Moment::AtOnce, Moment::BargeIn, Moment::BargeIn, Moment::Afterwards]);
    let caller = Caller {
        subject: format!("call-{number:07}"),
        from: format!("+1555{number:07}"),
        to: "+15550111".into(),
        digit,
        moment,
        fails_at: fails.then(|| "detail".to_owned()),
        pace: (100, 700),
    };
    let story = Story {
        from: caller.from.clone(),
        to: caller.to.clone(),
        digits: digit.into_iter().collect(),
        hangs_up_at: (!stays).then(|| "pick".to_owned()),
        fails_at: caller.fails_at.clone(),
    };
    (caller, story)
}
