//! The services that the settings name: state store, bus and data folder.

pub mod backends;
pub mod embedded;
mod errors;
pub mod external;
pub mod key;
mod kinds;
pub mod preflight;
mod settings;

pub use backends::instance;
pub use errors::{reason, unreachable_store, unusable_broker};
pub use kinds::Kinds;
pub use settings::{api_settings, bus_settings, need_servers, store_settings};
