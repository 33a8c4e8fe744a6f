//! Pure changes of the definitions: definitions in, publication out. The caller reads again and repeats the change after
//! a conflict.

mod address;
mod deploy;
mod generation;
mod routes;

pub use address::{InvalidAddress, RouteAddress, TriggerMismatch};
pub use deploy::{Deployment, Effect, Refused, deploy};
pub use routes::{RouteChange, RouteChangeResult, RouteError, close_route, place_route};
