//! The ports that a scheduler uses.

use common::ports::{Bus, Catalogue, Clock, Members, Upkeep};
use std::sync::Arc;

#[derive(Clone)]
pub struct Ports {
    pub upkeep: Arc<dyn Upkeep>,
    pub members: Arc<dyn Members>,
    pub catalogue: Arc<dyn Catalogue>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
}
