//! Kinds of answers, and the answers that a repeated call may get.

use super::operation::Answer;
use common::ports::catalogue::Published;
use common::ports::intake::Delivered;
use common::ports::lookup::Controlled;
use common::ports::work::{Claimed, CommitOutcome};

impl Answer {
    /// The kinds that are counted, to show that every kind of answer occurred.
    pub fn kinds(&self) -> Vec<&'static str> {
        match self {
            Answer::Delivered(delivered) => vec![of_delivered(delivered)],
            Answer::Claimed(claimed) => of_claimed(claimed),
            Answer::CommitOutcome(outcome) => vec![match outcome {
                CommitOutcome::ClaimKept { .. } => "kept",
                CommitOutcome::Released { .. } => "released",
                CommitOutcome::More { control: Some(_), .. } => "more, with a control",
                CommitOutcome::More { .. } => "more",
                CommitOutcome::RateLimited { .. } => "rate limited",
                CommitOutcome::Fenced => "fenced",
            }],
            Answer::Controlled(controlled) => vec![match controlled {
                Controlled::Accepted => "accepted",
                Controlled::Ended => "ended",
                Controlled::Unknown => "unknown",
                Controlled::Repeated => "repeated",
                Controlled::IdReused => "id reused",
                Controlled::Void => "void",
            }],
            Answer::SweepReport(swept) => {
                let kinds = [
                    ("fired waits", !swept.late_us.is_empty()),
                    ("suspects", swept.suspects > 0),
                    ("quarantined", swept.quarantined > 0),
                    ("overdue", swept.overdue > 0),
                    ("forgotten", swept.forgotten > 0),
                    ("more to do", swept.more),
                ];
                some_of(&kinds, "nothing to do")
            }
            Answer::Published(Published::Done) => vec!["done"],
            Answer::Published(Published::Conflict { .. }) => vec!["conflict"],
            Answer::Definitions(found) => vec![some(found.is_some())],
            Answer::Bundle(found) => vec![some(found.is_some())],
            Answer::Found(found) => vec![some(found.is_some())],
            Answer::RouteTransition(transition) => {
                vec![if transition.published { "published" } else { "not published" }]
            }
            Answer::RouteTransitions(transitions) => vec![some(!transitions.is_empty())],
            Answer::List(found) => vec![some(!found.is_empty())],
            Answer::Feed(entries) => vec![some(!entries.is_empty())],
            Answer::Members(_) | Answer::Counted(_) | Answer::Depth(_) | Answer::Now(_) | Answer::Done => {
                vec!["answered"]
            }
            Answer::Corrupt => vec!["refused as an error"],
            Answer::Failed(_) => vec!["failed"],
        }
    }

    /// Whether the same call may answer `again` right after it answered `self`. A repeated event is a duplicate or, if the
    /// call claimed, gets the same claim; a repeated sweep finds less to do; all other answers are equal.
    pub fn may_be_followed_by(&self, again: &Answer) -> bool {
        match (self, again) {
            (Answer::Delivered(Delivered::Applied { to, claimed, .. }), Answer::Delivered(again)) => {
                match again {
                    Delivered::Applied { to: again, claimed: Some(_), .. } => {
                        claimed.is_some() && again == to
                    }
                    again => claimed.is_none() && *again == Delivered::Duplicate,
                }
            }
            // With an id; without one, a repeated control is accepted again.
            (Answer::Controlled(Controlled::Accepted), Answer::Controlled(Controlled::Repeated)) => true,
            (Answer::SweepReport(first), Answer::SweepReport(again)) => {
                first.more
                    || (again.late_us.is_empty() && again.suspects + again.overdue + again.forgotten == 0)
            }
            // Other members may have sent heartbeats.
            (Answer::Members(_), Answer::Members(_)) => true,
            (first, again) => first == again,
        }
    }
}

fn of_delivered(delivered: &Delivered) -> &'static str {
    match delivered {
        Delivered::Applied { claimed: Some(_), .. } => "applied, owner started and claimed",
        Delivered::Applied { to: Some(to), started, .. } if started.contains(to) => "applied, owner started",
        Delivered::Applied { to: Some(_), started, .. } if started.is_empty() => "applied to an existing one",
        Delivered::Applied { to: Some(_), .. } => "applied to an existing one, sides started",
        Delivered::Applied { to: None, .. } => "applied, sides started",
        Delivered::Duplicate => "duplicate",
        Delivered::Copy => "copy",
        Delivered::Unmatched => "unmatched",
        Delivered::Late => "late",
        Delivered::InboxFull { .. } => "inbox full",
        Delivered::StaleDefinitions { .. } => "stale definitions",
    }
}

fn of_claimed(claimed: &Claimed) -> Vec<&'static str> {
    let Claimed::Rows { rows, suspects, .. } = claimed else { return vec!["dead"] };
    let kinds = [
        ("rows", !rows.is_empty()),
        ("with inputs", rows.iter().any(|row| !row.inbox.is_empty())),
        ("with unsettled commands", rows.iter().any(|row| !row.outbox.is_empty())),
        ("with a control", rows.iter().any(|row| row.control.is_some())),
        ("suspects wait", *suspects > 0),
    ];
    some_of(&kinds, "nothing")
}

fn some_of(kinds: &[(&'static str, bool)], none: &'static str) -> Vec<&'static str> {
    let found: Vec<&'static str> = kinds.iter().filter(|kind| kind.1).map(|kind| kind.0).collect();
    if found.is_empty() { vec![none] } else { found }
}

fn some(found: bool) -> &'static str {
    if found { "found" } else { "nothing" }
}
