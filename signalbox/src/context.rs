//! Settings and services that every command uses.

use crate::client::{self, Client};
use crate::config::{Config, LoadedConfig};
use crate::failure::Failure;
use common::FlowId;

/// Context of a command: the settings in effect and the source of each.
pub struct Context {
    pub loaded: LoadedConfig,
}

impl Context {
    pub fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// Client of the API that this command uses.
    ///
    /// # Errors
    /// No API is configured, or a service cannot be used.
    pub async fn client(&self) -> Result<Client, Failure> {
        client::open(self.config()).await
    }

    /// Id of a customer's flow, given its name or its id.
    pub fn flow_id(&self, customer: Option<uuid::Uuid>, name_or_id: &str) -> String {
        let customer = customer.unwrap_or(self.config().intake.default_customer).hyphenated().to_string();
        uuid::Uuid::parse_str(name_or_id).map_or_else(
            |_| FlowId::derive(&customer, name_or_id).to_string(),
            |id| id.hyphenated().to_string(),
        )
    }
}
