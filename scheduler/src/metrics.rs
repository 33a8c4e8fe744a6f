//! Metrics of the scheduler.

use common::ports::upkeep::{Depth, SweepReport};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const READY: &str = "signalbox_ready_depth";
const OLDEST: &str = "signalbox_oldest_ready_age_seconds";
const CLAIMED: &str = "signalbox_claimed";
const WAITS: &str = "signalbox_waits";
const LATENESS: &str = "signalbox_timer_lateness_seconds";
const SWEEPS: &str = "signalbox_sweeps_total";
const DEATHS: &str = "signalbox_deaths_total";
const SUSPECTS: &str = "signalbox_suspects_total";
const QUARANTINED: &str = "signalbox_quarantined_total";
const OVERDUE: &str = "signalbox_overdue_claims_total";
const FORGOTTEN: &str = "signalbox_forgotten_total";
const ROUTE_TRANSITIONS: &str = "signalbox_route_transitions_total";

pub fn describe() {
    describe_gauge!(READY, "Activeflows that are ready to be claimed, by lane");
    describe_gauge!(OLDEST, Unit::Seconds, "Time that the oldest ready activeflow has waited");
    describe_gauge!(CLAIMED, "Activeflows claimed by workers");
    describe_gauge!(WAITS, "Activeflows that wait with a deadline");
    describe_histogram!(LATENESS, Unit::Seconds, "Delay between the deadline of a wait and its input");
    describe_counter!(SWEEPS, "Sweeps of a shard");
    describe_counter!(DEATHS, "Members found dead");
    // Exported from the start: Prometheus sees no increase when a counter appears.
    counter!(DEATHS).increment(0);
    describe_counter!(SUSPECTS, "Activeflows whose worker died");
    describe_counter!(
        QUARANTINED,
        "Activeflows quarantined after five workers died with only this one claimed"
    );
    describe_counter!(OVERDUE, "Overdue claims that were released unchanged");
    describe_counter!(FORGOTTEN, "Ended activeflows deleted after their retention");
    describe_counter!(ROUTE_TRANSITIONS, "Transitions of route windows published, by transition");
}

pub fn swept(swept: &SweepReport) {
    counter!(SWEEPS).increment(1);
    counter!(SUSPECTS).increment(u64::from(swept.suspects));
    counter!(QUARANTINED).increment(u64::from(swept.quarantined));
    counter!(OVERDUE).increment(u64::from(swept.overdue));
    counter!(FORGOTTEN).increment(u64::from(swept.forgotten));
    for late_us in &swept.late_us {
        histogram!(LATENESS).record(*late_us as f64 / 1e6);
    }
}

pub fn died() {
    counter!(DEATHS).increment(1);
}

pub fn transition(transition: &str) {
    counter!(ROUTE_TRANSITIONS, "transition" => transition.to_owned()).increment(1);
}

/// Sets the gauges to the sums over all shards.
pub fn depth(all: &Depth, oldest_us: i64) {
    for (lane, depth) in [("resumed", all.resumed), ("new", all.new), ("suspects", all.suspects)] {
        gauge!(READY, "lane" => lane).set(depth as f64);
    }
    gauge!(OLDEST).set(oldest_us as f64 / 1e6);
    gauge!(CLAIMED).set(all.claimed as f64);
    gauge!(WAITS).set(all.waits as f64);
}
