//! What must exist at the broker: one table, declared by [`migrate`], looked for by [`check`].
//!
//! The last thing that `migrate` declares is an exchange that is named after a hash of the table. A role needs no
//! right to configure anything: it asks for that exchange.

mod table;

pub use table::{COMMANDS, EVENTS, NOTICES, REJECTED, UNROUTED};

use super::Settings;
use super::connection::{self, ConnectError};
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
        "RabbitMQ at {endpoint} has no exchange `{expected}`, the mark of the topology that this version and these \
         settings need: run `signalbox migrate`"
    )]
    Missing { endpoint: String, expected: String },
    #[error("the topology of RabbitMQ at {endpoint} differs; nothing was changed. {}", listed(.differences))]
    Different { endpoint: String, differences: Vec<Difference> },
    #[error("{what} at RabbitMQ at {endpoint}: {reason}")]
    Failed { endpoint: String, what: String, reason: String },
}

/// One argument of something that exists with another value. The broker names the first per queue or exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `queue` or `exchange`.
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
                "set it as the broker has it, or drain the queue, `rabbitmqctl delete_queue {name}`, and run `signalbox migrate`"
            ),
            _ => write!(f, "delete the exchange while nobody publishes, and run `signalbox migrate`"),
        }
    }
}

fn listed(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

/// Stands for the table with its arguments; the same in every build (FNV-1a).
pub fn fingerprint(settings: &Settings) -> String {
    let text: String = table(settings).iter().map(|item| format!("{item}\n")).collect();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Declares everything; repeating it changes nothing. The lines say what was done.
///
/// # Errors
/// Also if something exists with other arguments; then nothing was changed.
pub async fn migrate(url: &str, settings: &Settings) -> Result<Vec<String>, TopologyError> {
    let broker = Broker::connect(url, settings).await?;
    let outcome = broker.migrate(settings).await;
    connection::close(broker.connection).await;
    outcome
}

/// Whether the broker has what this version and these settings need.
///
/// # Errors
/// `Different` where the user may configure and something has other arguments, else `Missing`.
pub async fn check(url: &str, settings: &Settings) -> Result<(), TopologyError> {
    let broker = Broker::connect(url, settings).await?;
    let outcome = broker.check(settings).await;
    connection::close(broker.connection).await;
    outcome
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
        let mark = mark(settings);
        let marked = self.exists(Kind::Exchange, &mark).await?;
        items.retain(|item| item.kind().is_none() || missing.iter().any(|name| *name == item.to_string()));
        let mut lines = Vec::new();
        for item in &items {
            self.declare(item).await.map_err(|e| self.failed(format!("declaring {item}"), &e))?;
            lines.push(format!("declared {item}"));
        }
        if !marked {
            self.declare_exchange(&mark, ExchangeKind::Fanout, &vec![], false)
                .await
                .map_err(|e| self.failed(format!("declaring exchange {mark}"), &e))?;
        }
        lines.push(format!("{} exchange {mark}", if marked { "found" } else { "declared" }));
        Ok(lines)
    }

    async fn check(&self, settings: &Settings) -> Result<(), TopologyError> {
        let expected = mark(settings);
        if self.exists(Kind::Exchange, &expected).await? {
            return Ok(());
        }
        match self.missing(&table(settings)).await {
            Err(different @ TopologyError::Different { .. }) => Err(different),
            _ => Err(TopologyError::Missing { endpoint: self.endpoint.clone(), expected }),
        }
    }

    /// The queues and exchanges that do not exist, if those that do are as wanted.
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
        let asked = match kind {
            Kind::Exchange => self.declare_exchange(name, ExchangeKind::Fanout, &vec![], true).await,
            Kind::Queue => self.declare_queue(name, &vec![], true).await,
        };
        match asked {
            Ok(()) => Ok(true),
            Err(e) if soft_error(&e) == Some(AMQPSoftError::NOTFOUND) => Ok(false),
            Err(e) => Err(self.failed(format!("looking for {} {name}", kind.text()), &e)),
        }
    }

    async fn declare(&self, item: &Item) -> lapin::Result<()> {
        match item {
            Item::Exchange { name, kind, arguments } => {
                self.declare_exchange(name, kind.clone(), arguments, false).await
            }
            Item::Queue { name, arguments } => self.declare_queue(name, arguments, false).await,
            Item::Binding { exchange, queue, key } => {
                let channel = self.connection.create_channel().await?;
                let (queue, exchange, key) = ((*queue).into(), (*exchange).into(), (*key).into());
                channel
                    .queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default())
                    .await
            }
        }
    }

    /// On a channel of its own, like every declaration: the broker closes the channel when it disagrees.
    async fn declare_exchange(
        &self,
        name: &str,
        kind: ExchangeKind,
        arguments: &Arguments,
        passive: bool,
    ) -> lapin::Result<()> {
        let options = ExchangeDeclareOptions { passive, durable: true, ..Default::default() };
        let channel = self.connection.create_channel().await?;
        channel.exchange_declare(name.into(), kind, options, fields(arguments)).await
    }

    async fn declare_queue(&self, name: &str, arguments: &Arguments, passive: bool) -> lapin::Result<()> {
        let options = QueueDeclareOptions { passive, durable: true, ..Default::default() };
        let channel = self.connection.create_channel().await?;
        channel.queue_declare(name.into(), options, fields(arguments)).await.map(|_| ())
    }

    fn failed(&self, what: String, error: &lapin::Error) -> TopologyError {
        let advice = match soft_error(error) {
            Some(AMQPSoftError::ACCESSREFUSED) => {
                ": `signalbox migrate` needs the rights configure, write and read on `^signalbox\\.`"
            }
            _ => "",
        };
        TopologyError::Failed { endpoint: self.endpoint.clone(), what, reason: format!("{error}{advice}") }
    }
}

fn mark(settings: &Settings) -> String {
    format!("{FINGERPRINT_PREFIX}{}", fingerprint(settings))
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

/// Reads `PRECONDITION_FAILED - inequivalent arg 'A' for queue 'Q' in vhost '/': received W but current is B`, where W
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
