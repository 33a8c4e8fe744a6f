//! The settings: their types, sources and checks.

mod check;
mod layers;
mod load;
mod settings;
mod show;
mod units;

pub use load::{Loaded, Sources, load};
pub use settings::{Config, Log, LogFormat};
pub use show::{Shown, masked_url};
pub use units::Span;
