//! The door for people and programs: REST over the same ports that the roles use. It decides nothing about running
//! activeflows itself: it asks the store, and the next claim does what was asked.

pub mod asyncapi;
pub mod publish;

use common::ports::{Catalogue, Commands, Intake, Lookup, Members, Rejects};
use std::sync::Arc;

/// What the API asks of the world.
#[derive(Clone)]
pub struct Ports {
    pub intake: Arc<dyn Intake>,
    pub catalogue: Arc<dyn Catalogue>,
    pub lookup: Arc<dyn Lookup>,
    pub members: Arc<dyn Members>,
    pub rejects: Arc<dyn Rejects>,
    /// `None` where commands leave by AMQP: gateways then bind a queue there.
    pub commands: Option<Arc<dyn Commands>>,
}
