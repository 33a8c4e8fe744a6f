//! The settings: their types, sources and checks.

mod check;
mod layers;
mod load;
mod settings;
mod show;
mod units;

pub use load::{LoadedConfig, Sources, load};
pub use settings::{Config, Log, LogFormat};
pub use show::{EffectiveSetting, masked_url};
pub use units::HumanDuration;
