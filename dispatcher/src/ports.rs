//! The ports that a dispatcher uses.

use common::ports::{Bus, Catalogue, Clock, EagerStarts, Intake, Members, Upkeep};
use std::sync::Arc;

#[derive(Clone)]
pub struct Ports {
    pub bus: Arc<dyn Bus>,
    pub intake: Arc<dyn Intake>,
    pub catalogue: Arc<dyn Catalogue>,
    pub members: Arc<dyn Members>,
    pub upkeep: Arc<dyn Upkeep>,
    pub clock: Arc<dyn Clock>,
    /// The executor of this process, if it has one.
    pub eager: Option<Arc<dyn EagerStarts>>,
}
