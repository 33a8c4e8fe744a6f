//! The ports: traits for everything that the roles need from store, bus and clock. An absent value is `None`; a lost claim is
//! an answer, not an error.

pub mod bus;
pub mod catalogue;
pub mod clock;
pub mod commands;
pub mod eager;
pub mod error;
pub mod intake;
pub mod intercepted;
pub mod lookup;
pub mod members;
pub mod rejects;
pub mod upkeep;
pub mod work;

pub use bus::Bus;
pub use catalogue::Catalogue;
pub use clock::Clock;
pub use commands::Commands;
pub use eager::EagerStarts;
pub use intake::Intake;
pub use lookup::Lookup;
pub use members::Members;
pub use rejects::Rejects;
pub use upkeep::Upkeep;
pub use work::Work;

/// The complete state store. Adapters implement the parts; a role takes only the parts that it uses.
pub trait StateStore: Intake + Work + Upkeep + Members + Catalogue + Lookup {}

impl<T: Intake + Work + Upkeep + Members + Catalogue + Lookup> StateStore for T {}
