//! The service class of a flow and its activeflows.

use serde::{Deserialize, Serialize};

/// Service class: the flow's type, or the type that its trigger implies. Stored with each activeflow; claims do not use it.
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
