//! The service class of an activeflow.

use serde::{Deserialize, Serialize};

/// Service class of an activeflow, by descending priority: voice is claimed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Class {
    Voice = 0,
    Chat = 1,
    Forms = 2,
    Service = 3,
}

impl Class {
    pub const fn name(self) -> &'static str {
        match self {
            Class::Voice => "voice",
            Class::Chat => "chat",
            Class::Forms => "forms",
            Class::Service => "service",
        }
    }
}
