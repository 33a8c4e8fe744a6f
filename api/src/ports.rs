//! The ports that the API uses.

use common::ports::{Catalogue, Clock, Commands, Intake, Lookup, Members, Rejects, Upkeep};
use std::sync::Arc;

/// The ports that the API uses.
#[derive(Clone)]
pub struct Ports {
    pub intake: Arc<dyn Intake>,
    pub catalogue: Arc<dyn Catalogue>,
    pub lookup: Arc<dyn Lookup>,
    pub members: Arc<dyn Members>,
    pub upkeep: Arc<dyn Upkeep>,
    pub rejects: Arc<dyn Rejects>,
    /// `None` if commands are sent by AMQP; gateways then bind a queue at the broker.
    pub commands: Option<Arc<dyn Commands>>,
    pub clock: Arc<dyn Clock>,
}
