//! The settings: their types, sources and checks.

mod check;
mod keys;
mod layers;
mod load;
mod log_level;
mod private_file;
mod secrets;
mod settings;
mod show;
mod units;

pub use keys::weakness;
pub use load::{LoadedConfig, Sources, load};
pub use private_file::{must_be_private, read_private};
pub use settings::{ApiKey, Config, Log, LogFormat};
pub use show::{EffectiveSetting, masked_url};
pub use units::HumanDuration;
