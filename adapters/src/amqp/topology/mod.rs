//! Queues, exchanges and bindings: [`migrate`] declares them, [`check`] verifies them.
//!
//! Last, `migrate` declares an exchange whose name contains a fingerprint of the topology. Roles only check that this
//! exchange exists, so they need no configure permission.

mod table;

pub use table::{COMMANDS, EVENTS, NOTICES, REJECTED, UNROUTED};

use super::connection::{self, ConnectError};
use super::settings::Settings;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Connection, ErrorKind, ExchangeKind};
use std::fmt;
use table::{Arguments, Item, Kind, fields, table};
use thiserror::Error;

const FINGERPRINT_PREFIX: &str = "signalbox.topology.";

#[derive(Debug, Error)]
pub enum TopologyError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(
        "RabbitMQ at {endpoint} has no exchange `{expected}`, the fingerprint of the topology that this version and these \
         settings need: run `signalbox migrate`"
    )]
    Missing { endpoint: String, expected: String },
    #[error("the topology of RabbitMQ at {endpoint} differs; nothing was changed. {}", listed(.differences))]
    Different { endpoint: String, differences: Vec<Difference> },
    #[error("{what} at RabbitMQ at {endpoint}: {reason}")]
    Failed { endpoint: String, what: String, reason: String, is_away: bool },
}

impl TopologyError {
    /// Whether the broker is away for now.
    pub fn is_away(&self) -> bool {
        match self {
            TopologyError::Connect(error) => error.is_away(),
            TopologyError::Failed { is_away, .. } => *is_away,
            TopologyError::Missing { .. } | TopologyError::Different { .. } => false,
        }
    }
}

/// An argument that differs at the broker. The broker reports the first per queue or exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Either `queue` or `exchange`.
    pub kind: &'static str,
    pub name: String,
    pub argument: String,
    pub broker: String,
    pub wanted: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { kind, name, argument, broker, wanted } = self;
        write!(f, "{kind} `{name}`: {argument} is {broker} at the broker, wanted {wanted}; ")?;
        match *kind {
            "queue" => write!(
                f,
                "use the broker's value in the settings, or drain the queue, stop all roles, run `rabbitmqctl delete_queue {name}`, then `signalbox migrate`"
            ),
            _ => write!(f, "stop all publishers, delete the exchange, and run `signalbox migrate`"),
        }
    }
}

fn listed(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

/// Fingerprint of the topology with all arguments; the same in every build (FNV-1a).
pub fn fingerprint(settings: &Settings) -> String {
    let text: String = table(settings).iter().map(|item| format!("{item}\n")).collect();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Declares everything that is missing. Returns one line per change; repeating it changes nothing.
///
/// # Errors
/// The broker cannot be reached or refuses, or something exists with other arguments; then nothing is changed.
pub async fn migrate(url: &str, settings: &Settings) -> Result<Vec<String>, TopologyError> {
    let broker = Broker::connect(url, settings).await?;
    let outcome = broker.migrate(settings).await;
    connection::close(broker.connection).await;
    outcome
}

/// Checks that the broker has the topology of this version and these settings.
///
/// # Errors
/// `Different` if something has other arguments and the user has configure permission, else `Missing`.
pub async fn check(url: &str, settings: &Settings) -> Result<(), TopologyError> {
    let broker = Broker::connect(url, settings).await?;
    let outcome = broker.check(settings).await;
    connection::close(broker.connection).await;
    outcome
}

/// Declares a queue again that was deleted, with its bindings.
///
/// # Errors
/// The broker refuses, for example because the user has no configure permission.
pub(super) async fn restore(connection: &Connection, settings: &Settings, name: &str) -> Result<(), String> {
    let belongs = |item: &Item| match item {
        Item::Queue { name: queue, .. } | Item::Binding { queue, .. } => *queue == name,
        Item::Exchange { .. } => false,
    };
    for item in table(settings).iter().filter(|item| belongs(item)) {
        declare(connection, item).await.map_err(|e| format!("declaring {item}: {e}"))?;
    }
    Ok(())
}

struct Broker {
    connection: Connection,
    endpoint: String,
}

impl Broker {
    async fn connect(url: &str, settings: &Settings) -> Result<Broker, TopologyError> {
        let connection =
            connection::open(url, &format!("{} topology", settings.name), settings.heartbeat).await?;
        Ok(Broker { connection, endpoint: connection::endpoint(url) })
    }

    async fn migrate(&self, settings: &Settings) -> Result<Vec<String>, TopologyError> {
        let mut items = table(settings);
        let missing = self.missing(&items).await?;
        let fingerprint = fingerprint_exchange(settings);
        let exists = self.exists(Kind::Exchange, &fingerprint).await?;
        items.retain(|item| item.kind().is_none() || missing.iter().any(|name| *name == item.to_string()));
        let mut lines = Vec::new();
        for item in &items {
            self.declare(item).await.map_err(|e| self.failed(format!("declaring {item}"), &e))?;
            lines.push(format!("declared {item}"));
        }
        if !exists {
            self.declare_exchange(&fingerprint, ExchangeKind::Fanout, &vec![], false)
                .await
                .map_err(|e| self.failed(format!("declaring exchange {fingerprint}"), &e))?;
        }
        lines.push(format!("{} exchange {fingerprint}", if exists { "found" } else { "declared" }));
        Ok(lines)
    }

    async fn check(&self, settings: &Settings) -> Result<(), TopologyError> {
        let expected = fingerprint_exchange(settings);
        if self.exists(Kind::Exchange, &expected).await? {
            return Ok(());
        }
        match self.missing(&table(settings)).await {
            Err(different @ TopologyError::Different { .. }) => Err(different),
            Err(lost) if lost.is_away() => Err(lost),
            _ => Err(TopologyError::Missing { endpoint: self.endpoint.clone(), expected }),
        }
    }

    /// Returns the missing queues and exchanges.
    ///
    /// # Errors
    /// An existing one has other arguments.
    async fn missing(&self, items: &[Item]) -> Result<Vec<String>, TopologyError> {
        let mut missing = Vec::new();
        let mut differences = Vec::new();
        for item in items {
            let Some((kind, name)) = item.kind() else { continue };
            if !self.exists(kind, name).await? {
                missing.push(item.to_string());
            } else if let Err(e) = self.declare(item).await {
                let difference = inequivalent(kind.text(), name, &e);
                differences.push(difference.ok_or_else(|| self.failed(format!("comparing {item}"), &e))?);
            }
        }
        match differences.is_empty() {
            true => Ok(missing),
            false => Err(TopologyError::Different { endpoint: self.endpoint.clone(), differences }),
        }
    }

    async fn exists(&self, kind: Kind, name: &str) -> Result<bool, TopologyError> {
        let declared = match kind {
            Kind::Exchange => self.declare_exchange(name, ExchangeKind::Fanout, &vec![], true).await,
            Kind::Queue => declare_queue(&self.connection, name, &vec![], true).await,
        };
        match declared {
            Ok(()) => Ok(true),
            Err(e) if is_missing(&e) => Ok(false),
            Err(e) => Err(self.failed(format!("checking {} {name}", kind.text()), &e)),
        }
    }

    async fn declare(&self, item: &Item) -> lapin::Result<()> {
        declare(&self.connection, item).await
    }

    async fn declare_exchange(
        &self,
        name: &str,
        kind: ExchangeKind,
        arguments: &Arguments,
        passive: bool,
    ) -> lapin::Result<()> {
        declare_exchange(&self.connection, name, kind, arguments, passive).await
    }

    fn failed(&self, what: String, error: &lapin::Error) -> TopologyError {
        let advice = match soft_error(error) {
            Some(AMQPSoftError::ACCESSREFUSED) => {
                ": `signalbox migrate` needs the permissions configure, write and read on `^signalbox\\.`"
            }
            _ => "",
        };
        TopologyError::Failed {
            endpoint: self.endpoint.clone(),
            what,
            reason: format!("{error}{advice}"),
            is_away: connection::is_away(error),
        }
    }
}

async fn declare(connection: &Connection, item: &Item) -> lapin::Result<()> {
    match item {
        Item::Exchange { name, kind, arguments } => {
            declare_exchange(connection, name, kind.clone(), arguments, false).await
        }
        Item::Queue { name, arguments } => declare_queue(connection, name, arguments, false).await,
        Item::Binding { exchange, queue, key } => {
            let channel = connection.create_channel().await?;
            let (queue, exchange, key) = ((*queue).into(), (*exchange).into(), (*key).into());
            channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await
        }
    }
}

/// Uses a separate channel, like every declaration: the broker closes the channel on an error.
async fn declare_exchange(
    connection: &Connection,
    name: &str,
    kind: ExchangeKind,
    arguments: &Arguments,
    passive: bool,
) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions { passive, durable: true, ..Default::default() };
    let channel = connection.create_channel().await?;
    channel.exchange_declare(name.into(), kind, options, fields(arguments)).await
}

async fn declare_queue(
    connection: &Connection,
    name: &str,
    arguments: &Arguments,
    passive: bool,
) -> lapin::Result<()> {
    let options = QueueDeclareOptions { passive, durable: true, ..Default::default() };
    let channel = connection.create_channel().await?;
    channel.queue_declare(name.into(), options, fields(arguments)).await.map(|_| ())
}

fn fingerprint_exchange(settings: &Settings) -> String {
    format!("{FINGERPRINT_PREFIX}{}", fingerprint(settings))
}

/// Whether the broker answered that a queue or an exchange does not exist.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    soft_error(error) == Some(AMQPSoftError::NOTFOUND)
}

fn soft_error(error: &lapin::Error) -> Option<AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(e) => match e.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}

/// Parses `PRECONDITION_FAILED - inequivalent arg 'A' for queue 'Q' in vhost '/': received W but current is B`, where W
/// and B are `'x'`, `the value 'x' of type 't'` or `none`.
fn inequivalent(kind: &'static str, name: &str, error: &lapin::Error) -> Option<Difference> {
    let ErrorKind::ProtocolError(e) = error.kind() else { return None };
    let text = e.get_message().as_str();
    let (head, values) = text.split_once("received ")?;
    let (wanted, broker) = values.split_once(" but current is ")?;
    let argument = head.split_once("inequivalent arg ").map_or("an argument", |(_, rest)| quoted(rest));
    let (broker, wanted) = (quoted(broker).into(), quoted(wanted).into());
    Some(Difference { kind, name: name.into(), argument: argument.into(), broker, wanted })
}

fn quoted(text: &str) -> &str {
    text.split('\'').nth(1).unwrap_or(text)
}
