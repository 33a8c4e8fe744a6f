//! Arguments for the time window of a route.

use crate::failure::Failure;
use api::publish::RouteAddress;
use clap::Args;
use flow::Timestamp;
use flow::route::Window;
use serde_json::{Value, json};

/// Time window of a route; the time of the event decides.
#[derive(Args, Debug)]
pub struct WindowArgs {
    /// Start of the window, for example 2026-12-24T00:00:00Z; the default is no start
    #[arg(long, value_name = "TIME")]
    active_from: Option<Timestamp>,
    /// End of the window (exclusive); the default is no end
    #[arg(long, value_name = "TIME")]
    active_until: Option<Timestamp>,
}

impl WindowArgs {
    /// A route as the API takes it.
    pub fn of_route(&self, address: &RouteAddress) -> Value {
        json!({
            "address": address.to_string(),
            "active_from": self.active_from,
            "active_until": self.active_until,
        })
    }

    /// # Errors
    /// The window is empty.
    pub fn window(&self) -> Result<Window, Failure> {
        if let (Some(from), Some(until)) = (self.active_from, self.active_until)
            && from >= until
        {
            return Err(Failure::usage(format!(
                "--active-from is {from} and --active-until {until}: the end must come after the start"
            )));
        }
        Ok(Window { active_from: self.active_from, active_until: self.active_until })
    }
}
