//! Metrics of the executor. Labels come from fixed vocabularies: command types and end reasons of the core.

use flow::step::NoteKind;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::Duration;

const CLAIMS: &str = "signalbox_claims_total";
const COMMITS: &str = "signalbox_commits_total";
const FENCED: &str = "signalbox_fenced_total";
const RELEASED: &str = "signalbox_released_total";
const PANICS: &str = "signalbox_panics_total";
const STEP: &str = "signalbox_step_duration_seconds";
const COMMANDS: &str = "signalbox_commands_total";
const CONFIRM: &str = "signalbox_command_confirm_seconds";
const RESENT: &str = "signalbox_outbox_resent_total";
const IN_FLIGHT: &str = "signalbox_executor_in_flight";
const SUSPECTS: &str = "signalbox_suspects_claimed_total";
const STARTED: &str = "signalbox_activeflows_started_total";
const ENDED: &str = "signalbox_activeflows_ended_total";
const ACTIONS: &str = "signalbox_actions_total";
const IGNORED: &str = "signalbox_inputs_ignored_total";
const RATE_LIMITED: &str = "signalbox_messages_limited_total";
const NO_BUNDLE: &str = "signalbox_bundle_unavailable_total";

pub fn describe() {
    counter!(RATE_LIMITED).increment(0);
    describe_counter!(CLAIMS, "Activeflows claimed");
    describe_counter!(COMMITS, "Commit requests that the store answered");
    describe_counter!(FENCED, "Transitions refused because the claim belongs to another worker");
    describe_counter!(RELEASED, "Activeflows released unchanged");
    describe_counter!(PANICS, "Tasks of activeflows that panicked; the log says where");
    describe_histogram!(STEP, Unit::Seconds, "Time to decide one transition, without the store and the bus");
    describe_counter!(COMMANDS, "Commands confirmed by the broker, by type");
    describe_histogram!(CONFIRM, Unit::Seconds, "Time from publishing a command to its confirm");
    describe_counter!(RESENT, "Commands published again, after a failure or for an earlier worker");
    describe_gauge!(IN_FLIGHT, "Activeflows claimed by this executor now");
    describe_counter!(SUSPECTS, "Activeflows claimed after their earlier worker died");
    describe_counter!(STARTED, "Activeflows that made their first transition");
    describe_counter!(ENDED, "Activeflows that ended, by reason");
    describe_counter!(ACTIONS, "Actions by type and outcome: entered, completed, failed, skipped");
    describe_counter!(
        IGNORED,
        "Inputs that changed nothing, or that were dropped, by note: ignored, dropped, replaced"
    );
    describe_counter!(
        RATE_LIMITED,
        "Actions that failed because a pair of numbers had its maximum of messages within a minute"
    );
    describe_counter!(NO_BUNDLE, "Turns postponed because a bundle was missing or not readable");
}

pub fn claimed(rows: usize, suspects: usize) {
    counter!(CLAIMS).increment(rows as u64);
    counter!(SUSPECTS).increment(suspects as u64);
}

pub fn committed() {
    counter!(COMMITS).increment(1);
}

pub fn fenced() {
    counter!(FENCED).increment(1);
}

pub fn released() {
    counter!(RELEASED).increment(1);
}

pub fn panicked() {
    counter!(PANICS).increment(1);
}

pub fn decided(took: Duration) {
    histogram!(STEP).record(took);
}

pub fn confirmed(kind: &str, took: Duration) {
    counter!(COMMANDS, "type" => kind.to_owned()).increment(1);
    histogram!(CONFIRM).record(took);
}

pub fn resent(commands: usize) {
    counter!(RESENT).increment(commands as u64);
}

pub fn in_flight(activeflows: usize) {
    gauge!(IN_FLIGHT).set(activeflows as f64);
}

pub fn started() {
    counter!(STARTED).increment(1);
}

pub fn ended(reason: &str) {
    counter!(ENDED, "reason" => reason.to_owned()).increment(1);
}

/// Counts the notes about actions; other notes are about inputs.
pub fn actions(notes: &[(String, NoteKind)]) {
    for (kind, what) in notes {
        if matches!(what, NoteKind::Entered | NoteKind::Completed | NoteKind::Failed | NoteKind::Skipped) {
            counter!(ACTIONS, "type" => kind.clone(), "outcome" => what.as_str()).increment(1);
        }
    }
}

/// Counts a note about an input that no action used.
pub fn ignored(what: NoteKind) {
    counter!(IGNORED, "note" => what.as_str()).increment(1);
}

pub fn rate_limited() {
    counter!(RATE_LIMITED).increment(1);
}

pub fn no_bundle() {
    counter!(NO_BUNDLE).increment(1);
}
