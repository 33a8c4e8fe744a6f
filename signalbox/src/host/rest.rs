//! The REST interface of this process: its key, its address and its shutdown.

use crate::client::{Client, Transport};
use crate::config::Config;
use crate::failure::Failure;
use crate::http::{self, Limits, Server, descriptors};
use crate::services::api_settings;
use crate::services::backends::Backends;
use crate::services::key::{self, Key};
use axum::Router;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The routes, and the key of the first administrator (empty if only api.keys has keys).
pub struct Rest {
    pub key: Key,
    /// Bound address; `None` if api.listen is "".
    pub address: Option<SocketAddr>,
    router: Router,
    listener: Option<TcpListener>,
    max_connections: usize,
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
        let mut keys = key::further(config)?;
        let key = if backends.has_data_folder() {
            key::for_data_folder(config)?
        } else if !set.is_empty() {
            Key { text: set.clone(), origin: "api.bootstrap_key".into() }
        } else if keys.is_empty() {
            return Ok(None);
        } else {
            Key { text: String::new(), origin: "api.keys".into() }
        };
        let listener = bind(config).await?;
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        keys.insert(0, key::administrator(config, &key.text));
        let router =
            api::router(backends.api_ports(), api_settings(config, keys, backends.kinds, shutdown.clone()));
        Ok(Some(Rest { key, address, router, listener, max_connections: config.api.max_connections }))
    }

    /// A client in this process, with the administrator's key.
    pub fn client(&self) -> Client {
        Client::new(Transport::Local(self.router.clone()), self.key.text.clone())
    }

    /// Serves until `shutdown`. Then open requests finish and streams end.
    pub fn serve(&mut self, shutdown: CancellationToken) -> Option<impl Future<Output = ()> + Send + use<>> {
        let listener = self.listener.take()?;
        let server = Server {
            name: "api",
            limited_by: "api.max_connections",
            routes: self.router.clone(),
            limits: Limits::of(descriptors::for_api(self.max_connections)),
            workers: Handle::current(),
        };
        Some(async move {
            if let Err(failure) = http::serve(listener, server, shutdown).await {
                tracing::error!("the REST listener stopped: {failure}");
            }
        })
    }
}

/// # Errors
/// The REST interface would listen for other machines, and no key was chosen.
pub fn must_have_key(config: &Config) -> Result<(), Failure> {
    let listen = &config.api.listen;
    let is_local = listen.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
    if listen.is_empty() || is_local || !config.api.bootstrap_key.is_empty() || !config.api.keys.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "api.listen is {listen}, which other machines can reach, and api.bootstrap_key is not set: choose a key, \
         SIGNALBOX_API__BOOTSTRAP_KEY=$(openssl rand -hex 24), or listen only on this machine, SIGNALBOX_API__LISTEN=127.0.0.1:8080"
    )))
}

async fn bind(config: &Config) -> Result<Option<TcpListener>, Failure> {
    let listen = &config.api.listen;
    if listen.is_empty() {
        return Ok(None);
    }
    must_have_key(config)?;
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
