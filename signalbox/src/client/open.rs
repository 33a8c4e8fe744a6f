//! Selects the API that a command uses: in this process if the settings name Redis and RabbitMQ, otherwise the running
//! Signalbox.

use super::api_client::Client;
use super::transport::Transport;
use crate::config::Config;
use crate::failure::Failure;
use crate::services::external::open_store;
use crate::services::{BackendKinds, api_settings, key};
use adapters::amqp;
use adapters::clock::SystemClock;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Opens a client.
///
/// # Errors
/// The address of the API is unknown, or a service cannot be used.
pub async fn open(config: &Config) -> Result<Client, Failure> {
    let is_direct = !config.redis.url.is_empty() && !config.amqp.url.is_empty();
    if is_direct && config.api.url.is_empty() { direct(config).await } else { remote(config) }
}

/// The same routes in this process.
async fn direct(config: &Config) -> Result<Client, Failure> {
    let store = Arc::new(open_store(config).await?);
    let ports = api::Ports {
        intake: store.clone(),
        catalogue: store.clone(),
        lookup: store.clone(),
        members: store.clone(),
        upkeep: store,
        rejects: Arc::new(amqp::Rejects { url: config.amqp.url.clone() }),
        commands: None,
        clock: Arc::new(SystemClock::default()),
    };
    // Only this process can use the router, so a random key is enough.
    let text = Uuid::new_v4().simple().to_string();
    let keys = vec![key::administrator(config, &text)];
    let settings = api_settings(config, keys, BackendKinds::of(config), CancellationToken::new());
    let router = api::router(ports, settings);
    Ok(Client::new(Transport::Local(router), text))
}

fn remote(config: &Config) -> Result<Client, Failure> {
    let base =
        if config.api.url.is_empty() { of_listen(&config.api.listen)? } else { config.api.url.clone() };
    let transport = Transport::remote(&base);
    Ok(match key::for_client(config)? {
        Some(key) => Client::new(transport, key.text).with_key_from(&key.origin),
        None => Client::new(transport, ""),
    })
}

/// URL of a Signalbox on this machine that listens at `listen`.
fn of_listen(listen: &str) -> Result<String, Failure> {
    let address = listen.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
    let Some(mut address) = address else {
        return Err(Failure::usage(format!(
            "api.listen is `{listen}`, so the address of the running Signalbox is unknown; set SIGNALBOX_API__URL=http://host:port to the address in its log"
        )));
    };
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::of_listen;

    #[test]
    fn a_signalbox_of_this_machine_is_found_where_it_listens() {
        for (listen, base) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(of_listen(listen).unwrap(), base);
        }
        for unknown in ["", "127.0.0.1:0"] {
            assert!(of_listen(unknown).unwrap_err().to_string().contains("SIGNALBOX_API__URL"));
        }
    }
}
