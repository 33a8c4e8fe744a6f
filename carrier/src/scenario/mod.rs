//! Behaviour of callers, texters and SIMs. A scenario knows no flow: it reacts to commands as people would. Events of one
//! participant are published one after another, each after the previous one is stored, so that their order is the source's.

mod call;
mod message;
mod participant;
mod sim;
mod speech_parse;

pub use participant::{RunContext, Transcript};

use crate::kind::Kind;
use crate::rng::Rng;
use crate::targets::Target;

/// Plays the `number`-th participant of a run to its end. `to` is an address of `target`: a number or an ICCID.
pub async fn play(context: &RunContext, target: &Target, number: u64, to: String, rng: Rng) {
    match target.kind {
        Kind::Call => call::play(context, target, number, to, rng).await,
        Kind::Message => message::play(context, target, number, to, rng).await,
        Kind::Sim => sim::play(context, target, number, to, rng).await,
    }
}
