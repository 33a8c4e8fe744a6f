//! The REST interface of this process: its key, its address and its shutdown.

use crate::client::{Client, Transport};
use crate::config::Config;
use crate::failure::Failure;
use crate::services::api_settings;
use crate::services::backends::Backends;
use crate::services::key::{self, Key};
use axum::Router;
use axum::serve::ListenerExt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Maximum time to finish open requests at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// The routes and the key of the first administrator.
pub struct Rest {
    pub key: Key,
    /// Bound address; `None` if api.listen is "".
    pub address: Option<SocketAddr>,
    router: Router,
    listener: Option<TcpListener>,
}

impl Rest {
    /// Binds the address. `None` if there is no key, because no client could authenticate.
    ///
    /// # Errors
    /// The address cannot be bound, or is public while no key was chosen; or the key file cannot be used.
    pub async fn open(
        backends: &Backends,
        config: &Config,
        shutdown: &CancellationToken,
    ) -> Result<Option<Rest>, Failure> {
        let set = &config.api.bootstrap_key;
        let key = if backends.has_data_folder() {
            key::for_data_folder(config)?
        } else if set.is_empty() {
            return Ok(None);
        } else {
            Key { text: set.clone(), origin: "api.bootstrap_key".into() }
        };
        let listener = bind(config).await?;
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let keys = vec![key::administrator(config, &key.text)];
        let router =
            api::router(backends.api_ports(), api_settings(config, keys, backends.kinds, shutdown.clone()));
        Ok(Some(Rest { key, address, router, listener }))
    }

    /// A client in this process, with the administrator's key.
    pub fn client(&self) -> Client {
        Client::new(Transport::Local(self.router.clone()), self.key.text.clone())
    }

    /// Serves until `shutdown`. Then open requests finish and streams end.
    pub fn serve(&mut self, shutdown: CancellationToken) -> Option<impl Future<Output = ()> + Send + use<>> {
        let listener = self.listener.take()?.tap_io(|stream| {
            // Without it, responses are only a little slower.
            let _ = stream.set_nodelay(true);
        });
        let routes = self.router.clone();
        Some(async move {
            let ending = shutdown.clone();
            let served = axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned());
            let late = async {
                ending.cancelled().await;
                tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
            };
            tokio::select! {
                served = served.into_future() => if let Err(error) = served {
                    tracing::error!(%error, "the REST listener stopped");
                },
                // A stalled client must not delay the shutdown.
                () = late => tracing::debug!("closing REST connections that did not finish"),
            }
        })
    }
}

async fn bind(config: &Config) -> Result<Option<TcpListener>, Failure> {
    let listen = &config.api.listen;
    if listen.is_empty() {
        return Ok(None);
    }
    let is_local = listen.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    if !is_local && config.api.bootstrap_key.is_empty() {
        return Err(Failure::failed(format!(
            "api.listen is {listen}, which other machines can reach, and api.bootstrap_key is not set: choose a key, \
             SIGNALBOX_API__BOOTSTRAP_KEY=$(openssl rand -hex 24), or listen only on this machine, SIGNALBOX_API__LISTEN=127.0.0.1:8080"
        )));
    }
    TcpListener::bind(listen).await.map(Some).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program uses it".into(),
            _ => error.to_string(),
        };
        Failure::failed(format!(
            "api.listen is {listen}, and this address cannot be used: {why}; set another address, for example \
             SIGNALBOX_API__LISTEN=127.0.0.1:8081, or port 0 for a free one"
        ))
    })
}
