//! The services that the settings name: state store, bus and data folder.

mod backend_kinds;
pub mod backends;
pub mod embedded;
pub mod errors;
pub mod external;
pub mod key;
pub mod preflight;
mod settings;
mod startup;

pub use backend_kinds::BackendKinds;
pub use backends::instance;
pub use errors::{reason, unreachable_store, unusable_broker};
pub use settings::{api_settings, bus_settings, redis_address, require_servers, store_settings};
pub use startup::Startup;
