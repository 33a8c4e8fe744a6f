//! Where to call: the addresses that lead to flows, asked from Signalbox, or those that were given.

use super::dice::Dice;
use super::scenario::Kind;
use super::wire::now;
use crate::client::Client;
use crate::failure::Failure;
use flow::Timestamp;
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Letters of an ICCID.
const ICCID: usize = 19;
/// Digits of a number that is made up for a pattern: `+15550111`.
const NUMBER: usize = 8;

/// An address, or a pattern of many.
#[derive(Clone, Debug)]
pub struct Target {
    pub kind: Kind,
    /// `+15550111`, `+1555*`, `89440000*`, `*`.
    pub pattern: String,
    /// The flow that it leads to; empty where it is not known.
    pub flow: String,
    /// One SIM does one thing at a time.
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

/// Every address of these kinds that leads somewhere now; there may be none.
///
/// # Errors
/// Signalbox cannot be asked.
pub async fn of_routes(client: &Client, kinds: &[Kind]) -> Result<Vec<Target>, Failure> {
    let routes: Routes = client.get("/v1/routes?page_size=200").await?;
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

/// Nothing of this kind leads anywhere, and what to do.
pub fn nowhere(kind: Kind) -> Failure {
    let deploy = match kind {
        Kind::Call => "samples/voicemail.json --route call=+15550113",
        Kind::Message => "samples/sms-auto-reply.json --route sms=+15550112",
        Kind::Sim => "samples/sim-usage-notice.json --route 'sim=89440000*'",
    };
    Failure::failed(format!(
        "no route takes {}, so nothing would happen; deploy a flow with one, for example: signalbox flow deploy {deploy}",
        kind.plural()
    ))
}

impl Target {
    pub fn new(kind: Kind, pattern: &str) -> Target {
        Target { kind, pattern: pattern.to_owned(), flow: String::new(), turn: Arc::default() }
    }

    /// An address that the pattern takes; of SIMs the `number`-th of a run that begins at `first`.
    pub fn address(&self, first: u64, number: u64, dice: &mut Dice) -> String {
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
                    address.push(char::from(b'0' + dice.between(0, 10) as u8));
                }
                address
            }
        }
    }

    /// Waits while the one SIM that this is does something else.
    pub async fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        let is_one_sim = self.kind == Kind::Sim && !self.pattern.ends_with('*');
        if is_one_sim { Some(self.turn.clone().lock_owned().await) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_becomes_an_address_that_it_takes() {
        let mut dice = Dice::new(1, 1);
        let mut address = |kind, pattern| Target::new(kind, pattern).address(7, 3, &mut dice);
        assert_eq!(address(Kind::Call, "+15550111"), "+15550111");
        let any = address(Kind::Call, "+1555*");
        assert!(any.starts_with("+1555") && any.len() == 9, "{any}");
        assert_eq!(address(Kind::Sim, "89440000*"), "8944000000007000003");
        assert_eq!(address(Kind::Sim, "*"), "8944000000007000003");
        assert_eq!(address(Kind::Message, "*").len(), 9);
    }
}
