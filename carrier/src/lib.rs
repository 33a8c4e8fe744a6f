//! A simulated carrier with its gateway: callers, texters and SIMs produce events, the gateway carries out commands, and a
//! ledger records what Signalbox lost or did twice. It knows docs/integrate.md and nothing else of Signalbox.
//!
//! ```text
//! scenario/ ──Event──► link/ (the same bytes until stored) ──► Signalbox
//!     ▲                  │ commands, at least once
//!     └──── gateway ◄────┘ each id once
//!              │ everything
//!           ledger/ ◄── audit (REST queries)
//! ```

pub mod amqp;
pub mod api;
mod audit;
mod bystander;
mod gateway;
mod kind;
mod ledger;
pub mod link;
mod rng;
mod run;
mod scenario;
mod speech;
pub mod targets;
mod wire;

pub use kind::Kind;
pub use ledger::{Class, Ledger, Verdict};
pub use run::{Connections, LoadPlan, RunName, run};
pub use scenario::Transcript;
pub use targets::Target;
