//! Connects the simulated carrier (crate `carrier`) to the configured services.

mod api;
pub mod progress;

pub use api::RestApi;

use crate::client::Client;
use crate::config::Config;
use crate::failure::Failure;
use crate::services::{bus_settings, instance, unusable_broker};
use carrier::Kind;
use carrier::amqp::Broker;
use carrier::api::ApiError;
use carrier::link::{self, OpenLink};
use std::sync::Arc;

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        Failure::failed(error.to_string())
    }
}

/// Opens a link over the broker if one is configured, over REST otherwise. The command queue `queue` exists when this
/// returns.
///
/// # Errors
/// Signalbox or the broker cannot be reached, or refuses.
pub async fn open_link(config: &Config, client: Arc<Client>, queue: &str) -> Result<OpenLink, Failure> {
    if config.amqp.url.is_empty() {
        return Ok(link::rest::open(Arc::new(RestApi(client)), queue).await?);
    }
    let settings = bus_settings(config, &format!("signalbox simulate {}", instance()));
    let broker = Broker { url: settings.url, name: settings.name, heartbeat: settings.heartbeat };
    let opened = link::amqp::open(broker, queue, settings.confirm_timeout).await;
    opened.map_err(|error| unusable_broker(config, &error))
}

/// The error when no route of this kind exists, with a command that deploys one.
pub fn no_route(kind: Kind) -> Failure {
    let deploy = match kind {
        Kind::Call => "samples/voicemail.json --route call=+15550113",
        Kind::Message => "samples/sms-auto-reply.json --route sms=+15550112",
        Kind::Sim => "samples/sim-usage-notice.json --route 'sim=89440000*'",
    };
    Failure::failed(format!(
        "there is no route for {}; deploy a flow with one, for example: signalbox flow deploy {deploy}",
        kind.plural()
    ))
}
