//! Addresses to call: of all active routes, or given by the user.

use crate::api::{self, Api, ApiError};
use crate::kind::Kind;
use crate::rng::Rng;
use crate::wire::now;
use flow::Timestamp;
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Length of an ICCID.
const ICCID: usize = 19;
/// Digits of a number that is generated for a pattern: `+15550111`.
const NUMBER: usize = 8;

/// An address, or a pattern of addresses.
#[derive(Clone, Debug)]
pub struct Target {
    pub kind: Kind,
    /// `+15550111`, `+1555*`, `89440000*`, `*`.
    pub pattern: String,
    /// Name of the flow that the route leads to; empty if unknown.
    pub flow: String,
    /// Serializes the participants of a single SIM.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug, Deserialize)]
struct Routes {
    result: Vec<Route>,
}

#[derive(Debug, Deserialize)]
struct Route {
    address: String,
    flow_name: String,
    active_from: Option<Timestamp>,
    active_until: Option<Timestamp>,
}

/// Addresses of all routes of these kinds that are active now.
///
/// # Errors
/// The API does not answer.
pub async fn of_routes(api: &dyn Api, kinds: &[Kind]) -> Result<Vec<Target>, ApiError> {
    let routes: Routes = api::get(api, "/v1/routes?page_size=200").await?;
    let now = now();
    let is_open = |route: &&Route| {
        route.active_from.is_none_or(|from| from <= now) && route.active_until.is_none_or(|until| now < until)
    };
    let target = |route: &Route| {
        let (name, pattern) = route.address.split_once('=')?;
        let kind = kinds.iter().find(|kind| kind.reference_type() == name)?;
        Some(Target { flow: route.flow_name.clone(), ..Target::new(*kind, pattern) })
    };
    Ok(routes.result.iter().filter(is_open).filter_map(target).collect())
}

impl Target {
    pub fn new(kind: Kind, pattern: &str) -> Target {
        Target { kind, pattern: pattern.to_owned(), flow: String::new(), turn: Arc::default() }
    }

    /// An address that matches the pattern; for SIMs the `number`-th of a run that begins at `first`.
    pub fn address(&self, first: u64, number: u64, rng: &mut Rng) -> String {
        let Some(prefix) = self.pattern.strip_suffix('*') else { return self.pattern.clone() };
        match self.kind {
            Kind::Sim => {
                let prefix = if prefix.is_empty() { "8944" } else { prefix };
                let room = ICCID.saturating_sub(prefix.len()).clamp(1, 18);
                let number = (first * 1_000_000 + number) % 10_u64.pow(room as u32);
                format!("{prefix}{number:0room$}")
            }
            Kind::Call | Kind::Message => {
                let mut address = if prefix.is_empty() { "+1555".to_owned() } else { prefix.to_owned() };
                while address.len() < NUMBER + 1 {
                    address.push(char::from(b'0' + rng.between(0, 10) as u8));
                }
                address
            }
        }
    }

    /// Waits until no other participant uses this SIM.
    pub async fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        let is_one_sim = self.kind == Kind::Sim && !self.pattern.ends_with('*');
        if is_one_sim { Some(self.turn.clone().lock_owned().await) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_becomes_an_address_that_matches_it() {
        let mut rng = Rng::new(1, 1);
        let mut address = |kind, pattern| Target::new(kind, pattern).address(7, 3, &mut rng);
        assert_eq!(address(Kind::Call, "+15550111"), "+15550111");
        let any = address(Kind::Call, "+1555*");
        assert!(any.starts_with("+1555") && any.len() == 9, "{any}");
        assert_eq!(address(Kind::Sim, "89440000*"), "8944000000007000003");
        assert_eq!(address(Kind::Sim, "*"), "8944000000007000003");
        assert_eq!(address(Kind::Message, "*").len(), 9);
    }
}
