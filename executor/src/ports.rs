//! The ports that an executor uses.

use crate::eager::EagerStarts;
use common::ports::{Bus, Catalogue, Clock, Members, Work};
use std::sync::Arc;

#[derive(Clone)]
pub struct Ports {
    pub work: Arc<dyn Work>,
    pub catalogue: Arc<dyn Catalogue>,
    pub members: Arc<dyn Members>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    /// What the dispatcher of this process starts for this executor.
    pub eager: Arc<EagerStarts>,
}
