//! Breaking the real thing on purpose: a fleet of role processes, the load on it, and a seeded nemesis.
//!
//! ```text
//! Load ── calls, copies, noise ──► broker ◄──► Fleet (dispatchers, executors, schedulers) ◄──► store
//!  ▲  live ≥ 200                      ▲                    ▲                                     ▲
//!  └──────────────────────────────────┴───── Nemesis ──────┴─────────────────────────────────────┘
//! ```
//! Nothing here judges: the ledger does.

pub mod fleet;
pub mod load;
pub mod metrics;
pub mod nemesis;
pub mod report;
pub mod settings;
pub mod site;

pub use fleet::{Fleet, Member};
pub use load::Load;
pub use nemesis::{Injection, Nemesis};
pub use report::Report;
pub use settings::Settings;
pub use site::Site;
