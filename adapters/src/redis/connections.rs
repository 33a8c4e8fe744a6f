//! A few multiplexed connections, shared by all calls.
//!
//! A connection that was dropped, or that did not answer three times in a row (a stopped server still accepts bytes), is
//! replaced. While the server is unreachable, one call at a time connects and the others share its failure.

use super::metrics;
use super::settings::{Address, Settings};
use common::StoreError;
use deadpool_redis::{Connection, Manager, Pool, PoolError};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, TlsCertificates};
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const TIMEOUTS_BEFORE_REPLACING: u32 = 3;

pub struct Connections {
    pool: Pool,
    slots: Vec<Slot>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    shared: Mutex<Option<Arc<SharedConnection>>>,
    opening: tokio::sync::Mutex<()>,
    failures: AtomicUsize,
}

struct SharedConnection {
    connection: MultiplexedConnection,
    timeouts: AtomicU32,
}

impl Connections {
    pub fn new(settings: &Settings) -> Result<Connections, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.response_timeout))
            .set_response_timeout(Some(settings.response_timeout))
            .set_pipeline_buffer_size(1_024)
            .set_write_backpressure_boundary(256 * 1_024);
        let info = connection_info(&settings.address)?;
        let manager = Manager::new_with_config(info, config).map_err(|e| to_store("connect to Redis", &e))?;
        let pool = Pool::builder(manager)
            .max_size(settings.connections.max(1))
            .build()
            .map_err(|e| StoreError::Refused { operation: "connect to Redis", reason: e.to_string() })?;
        let slots = (0..settings.connections.max(1)).map(|_| Slot::default()).collect();
        Ok(Connections { pool, slots, next: AtomicUsize::new(0) })
    }

    /// Runs one call on a connection, and replaces the connection if it failed.
    pub async fn run<T, F>(&self, operation: &'static str, call: F) -> Result<T, StoreError>
    where
        F: AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, RedisError>,
    {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        let shared = slot.connection(&self.pool).await.map_err(|reason| {
            metrics::failed(operation);
            StoreError::Unanswered { operation, reason }
        })?;
        let begun = Instant::now();
        let answer = call(&mut shared.connection.clone()).await;
        metrics::called(operation, begun.elapsed());
        match &answer {
            Ok(_) => shared.timeouts.store(0, Ordering::Relaxed),
            Err(error) if error.is_timeout() => {
                if shared.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS_BEFORE_REPLACING {
                    slot.replace(&shared);
                }
            }
            Err(error) if error.is_io_error() || error.is_connection_dropped() => slot.replace(&shared),
            Err(_) => shared.timeouts.store(0, Ordering::Relaxed),
        }
        answer.map_err(|error| {
            metrics::failed(operation);
            to_store(operation, &error)
        })
    }
}

impl Slot {
    async fn connection(&self, pool: &Pool) -> Result<Arc<SharedConnection>, String> {
        if let Some(shared) = self.current() {
            return Ok(shared);
        }
        let failures = self.failures.load(Ordering::SeqCst);
        let _opening = self.opening.lock().await;
        if let Some(shared) = self.current() {
            return Ok(shared);
        }
        if self.failures.load(Ordering::SeqCst) != failures {
            return Err("no connection to Redis".into());
        }
        match pool.get().await {
            Ok(connection) => {
                let connection = Connection::take(connection);
                let shared = Arc::new(SharedConnection { connection, timeouts: AtomicU32::new(0) });
                *self.lock() = Some(shared.clone());
                Ok(shared)
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::SeqCst);
                Err(match error {
                    PoolError::Backend(error) => plain(&error),
                    other => other.to_string(),
                })
            }
        }
    }

    fn current(&self) -> Option<Arc<SharedConnection>> {
        self.lock().clone()
    }

    fn replace(&self, failed: &Arc<SharedConnection>) {
        let mut shared = self.lock();
        if shared.as_ref().is_some_and(|shared| Arc::ptr_eq(shared, failed)) {
            *shared = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<SharedConnection>>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Parses the address, and adds the trusted certificates and the TCP settings that redis-rs leaves off.
pub fn connection_info(address: &Address) -> Result<redis::ConnectionInfo, StoreError> {
    let info = address.url.as_str().into_connection_info().map_err(|e| StoreError::Refused {
        operation: "read redis.url",
        reason: format!("{}; expected redis://[user:password@]host:port/", plain(&e)),
    })?;
    let info = match &address.ca_file {
        Some(path) => with_trusted(info, path)?,
        None => info,
    };
    let tcp =
        redis::io::tcp::TcpSettings::default().set_nodelay(true).set_user_timeout(Duration::from_secs(5));
    Ok(info.set_tcp_settings(tcp))
}

fn with_trusted(info: redis::ConnectionInfo, path: &Path) -> Result<redis::ConnectionInfo, StoreError> {
    let refused = |reason: String| StoreError::Refused {
        operation: "read redis.ca_file",
        reason: format!("redis.ca_file {}: {reason}", path.display()),
    };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(refused("it has no certificate in PEM form (-----BEGIN CERTIFICATE-----)".into()));
    }
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
    let client = Client::build_with_tls(info, certificates).map_err(|error| refused(plain(&error)))?;
    Ok(client.get_connection_info().clone())
}

/// Whether the handshake of TLS failed: a certificate is not trusted, or one side does not speak TLS.
fn is_tls(error: &RedisError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<Arc<dyn Error + Send + Sync>>());
    source.is_some_and(|source| match source.downcast_ref::<std::io::Error>() {
        Some(io) => io.kind() == std::io::ErrorKind::InvalidData,
        // Certificates of the system that cannot be read, or a host that no certificate can be for.
        None => error.is_io_error(),
    })
}

/// Classifies an error for the caller: unknown outcome, refused, too new, or damaged.
pub fn to_store(operation: &'static str, error: &RedisError) -> StoreError {
    let reason = plain(error);
    if is_tls(error) {
        return StoreError::Refused { operation, reason: format!("{TLS}: {reason}") };
    }
    if error.is_timeout() || error.is_io_error() || error.is_connection_dropped() {
        return StoreError::Unanswered { operation, reason };
    }
    match error.code() {
        Some(code) => answered(operation, code, error.detail().unwrap_or_default(), reason),
        None => StoreError::Corrupt { operation, what: reason },
    }
}

/// Classifies the error of one operation of a script: a code and a detail.
pub fn of_script(operation: &'static str, error: &str) -> StoreError {
    let (code, detail) = error.split_once(' ').unwrap_or((error, ""));
    answered(operation, code, detail, error.to_owned())
}

fn answered(operation: &'static str, code: &str, detail: &str, reason: String) -> StoreError {
    match code {
        "TOONEW" => {
            let found = detail.split_whitespace().next().and_then(|found| found.parse().ok());
            let found = found.unwrap_or(u8::MAX);
            StoreError::TooNew { operation, found, supported: common::record::formats().1 }
        }
        code if PASSING.contains(&code) || LASTING.contains(&code) => {
            StoreError::Refused { operation, reason }
        }
        _ => StoreError::Corrupt { operation, what: reason },
    }
}

/// How the reason of a failed handshake begins.
pub const TLS: &str = "no trusted TLS connection";

/// Whether the server is away for now: it does not answer, or says that it cannot serve yet. Any other error lasts until
/// somebody changes a setting.
pub fn is_away(error: &StoreError) -> bool {
    match error {
        StoreError::Unanswered { .. } => true,
        StoreError::Refused { reason, .. } => {
            reason.split(' ').next().is_some_and(|code| PASSING.contains(&code))
        }
        _ => false,
    }
}

/// Refusals that end by themselves, or when an operator fixes the server. Callers repeat the call and no event is rejected,
/// as for [`LASTING`]. All other errors concern stored data.
const PASSING: &[&str] = &[
    "OOM",
    "MISCONF",
    "READONLY",
    "LOADING",
    "BUSY",
    "NOREPLICAS",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "EXECABORT",
    // A call for several slots: `calls.rs` repeats it, one for each.
    "CROSSSLOT",
    // The server lost the script between loading and calling.
    "NOSCRIPT",
];

/// Refusals that last until somebody changes a setting.
const LASTING: &[&str] = &["MOVED", "ASK", "NOPERM", "NOAUTH", "WRONGPASS"];

/// Text of an error in the server's words, without the arguments of the script.
pub fn plain(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_serve_yet_is_away_and_one_that_refuses_the_user_is_not() {
        let refused = |reason: &str| StoreError::Refused { operation: "claim", reason: reason.into() };
        let unanswered = StoreError::Unanswered { operation: "claim", reason: "refused".into() };
        assert!(is_away(&unanswered) && is_away(&refused("LOADING Redis is loading the dataset in memory")));
        for reason in
            ["NOAUTH Authentication required.", "WRONGPASS invalid username", "NOPERM no", "LOADINGX"]
        {
            assert!(!is_away(&refused(reason)), "{reason}");
        }
        assert!(!is_away(&StoreError::Corrupt {
            operation: "claim",
            what: "Password authentication failed".into()
        }));
    }

    #[test]
    fn a_file_without_certificates_is_refused_with_its_name() {
        let refused = |path: &str| {
            let address = Address { url: "rediss://127.0.0.1".into(), ca_file: Some(path.into()) };
            connection_info(&address).err().map_or(String::new(), |error| error.to_string())
        };
        assert!(
            refused("/nowhere").contains("read redis.ca_file") && refused("/nowhere").contains("/nowhere: ")
        );
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(refused(manifest).contains("has no certificate in PEM form"));
    }

    #[test]
    fn connections_have_the_tcp_settings_that_redis_rs_leaves_off() {
        let Ok(info) = connection_info(&"redis://127.0.0.1:6379/".into()) else { panic!("the URL is valid") };
        assert!(info.tcp_settings().nodelay());
        assert_eq!(info.tcp_settings().user_timeout(), Some(Duration::from_secs(5)));
    }
}
