//! What is demanded at the end, when everything is whole again.

use super::promise::Promise;
use super::world::World;
use super::{CALLS, Cast};
use crate::ledger::{Flow, Violation, verdict};

/// Whether nothing is left to happen.
pub fn is_over(world: &World) -> bool {
    let now = world.set_store_time();
    let rest = |audit: &mut super::audit::Audit| {
        audit.unfinished().is_empty() && audit.untold(now).is_empty() && audit.untold_ends().is_empty()
    };
    world.audit(rest) && world.broker.waiting() == 0
}

/// Notes what each promise of the whole history came to.
pub fn judge(world: &World, cast: &Cast) {
    let now = world.set_store_time();
    world.audit(|audit| {
        for (promise, left) in [
            (Promise::Finishes, audit.unfinished()),
            (Promise::Windows, audit.untold(now)),
            (Promise::Feed, audit.untold_ends()),
            (Promise::Accepted, world.broker.rejected()),
        ] {
            audit.promises.demand(promise, left.is_empty(), || format!("at the end: {}", left.join("; ")));
        }
        let waiting = world.broker.waiting();
        audit
            .promises
            .demand(Promise::Accepted, waiting == 0, || format!("{waiting} events were never taken"));
        audit.promises.demand(Promise::Finishes, !cast.calls.is_empty(), || "the callers never ended".into());
        for (name, times) in &cast.deployed {
            let version = audit.version_of(name);
            audit.promises.demand(Promise::Definitions, version == *times, || {
                format!("{name} was deployed {times} times and is at version {version}")
            });
        }
        world.broker.with_book(|book| {
            let flow = Flow::read(CALLS).unwrap_or_else(|error| panic!("the flow: {error}"));
            let verdict = verdict::judge(book, &flow, &cast.calls).unwrap_or_else(|error| panic!("{error}"));
            let mut broken = verdict.violations;
            broken.retain(|violation| counts(violation, cast));
            audit.promises.demand(Promise::Story, true, String::new);
            for violation in broken {
                let promise = match violation {
                    Violation::CopiesDiffer { .. } => Promise::SameBytes,
                    Violation::Disordered { .. } => Promise::CommandOrder,
                    Violation::StartedTwice { .. } => Promise::StartedOnce,
                    _ => Promise::Story,
                };
                audit.promises.demand(promise, false, || format!("{violation:?}"));
            }
            for (subject, expected) in &cast.letters {
                let told = book.told(subject);
                audit.promises.demand(Promise::Story, told == *expected as usize, || {
                    format!("{subject}: {expected} messages to answer, {told} answers")
                });
            }
        });
    });
}

fn counts(violation: &Violation, cast: &Cast) -> bool {
    match violation {
        Violation::Invented { subject, .. } => !cast.letters.contains_key(subject),
        Violation::Lost { subject, .. } | Violation::Different { subject, .. } => {
            !cast.cut_short.contains(subject)
        }
        _ => true,
    }
}
