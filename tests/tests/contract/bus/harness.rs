//! A bus under test, with the publishers and gateways around it.

use adapters::amqp;
use adapters::embedded::bus::{Bus as Embedded, Event, Settings};
use adapters::embedded::disk::{Disk, OpenError};
use common::command::Message;
use common::ports::bus::{Deliveries, Delivery};
use common::ports::commands::CommandReader;
use common::ports::error::BusError;
use common::ports::{Bus, Commands, Rejects};
use lapin::Channel;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::support::broker;
use tests::support::process::Folder;
use tests::support::rabbit::{Rabbit, Shared};
use tokio::time::timeout;

pub use tests::support::broker::{SOON, TRACE};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    RabbitMq,
    Embedded,
    /// Opens a copy of the folder, as a kill would have left it.
    EmbeddedKilled,
}

#[derive(Clone, Copy)]
pub struct Limits {
    pub events: u64,
    pub rejected: u64,
    /// Only for the embedded bus: at RabbitMQ the gateway declares its own queue.
    pub commands: u64,
    pub unrouted: u64,
    pub prefetch: u16,
}

impl Default for Limits {
    fn default() -> Limits {
        let much = 64 << 20;
        Limits { events: much, rejected: much, commands: much, unrouted: much, prefetch: 64 }
    }
}

pub struct BusHarness {
    pub bus: Arc<dyn Bus>,
    pub rejects: Arc<dyn Rejects>,
    backend: Backend,
}

/// Keys and values.
type Records = Vec<(Vec<u8>, Vec<u8>)>;

enum Backend {
    RabbitMq { _turn: Shared, settings: amqp::Settings, bus: Arc<amqp::Bus>, channel: Channel },
    Embedded { folder: Folder, settings: Settings, disk: Arc<Disk>, bus: Embedded, is_killed: bool },
}

impl BusHarness {
    pub async fn new(kind: Kind) -> BusHarness {
        BusHarness::with(kind, Limits::default()).await
    }

    pub async fn with(kind: Kind, limits: Limits) -> BusHarness {
        match kind {
            Kind::RabbitMq => BusHarness::on_broker(limits).await,
            Kind::Embedded | Kind::EmbeddedKilled => {
                let settings = Settings {
                    events_max_bytes: limits.events,
                    rejected_max_bytes: limits.rejected,
                    commands_max_bytes: limits.commands,
                    unrouted_max_bytes: limits.unrouted,
                    prefetch: limits.prefetch,
                    ..Settings::default()
                };
                BusHarness::in_folder(Folder::new("bus"), settings, kind == Kind::EmbeddedKilled)
            }
        }
    }

    async fn on_broker(limits: Limits) -> BusHarness {
        let turn = tokio::task::block_in_place(Rabbit::shared);
        let settings = amqp::Settings {
            events_max_bytes: limits.events,
            rejected_max_bytes: limits.rejected,
            unrouted_max_bytes: limits.unrouted,
            prefetch: limits.prefetch,
            ..broker::settings(&turn.url())
        };
        let channel = broker::prepared(&settings).await;
        let bus = Arc::new(amqp::Bus::connect(settings.clone()));
        let rejects = Arc::new(amqp::Rejects { url: settings.url.clone() });
        BusHarness {
            bus: bus.clone(),
            rejects,
            backend: Backend::RabbitMq { _turn: turn, settings, bus, channel },
        }
    }

    fn in_folder(folder: Folder, settings: Settings, is_killed: bool) -> BusHarness {
        let (disk, records) = opened(folder.path());
        let bus = Embedded::recover(disk.clone(), &settings, records).expect("the bus recovers");
        BusHarness {
            bus: Arc::new(bus.clone()),
            rejects: Arc::new(bus.clone()),
            backend: Backend::Embedded { folder, settings, disk, bus, is_killed },
        }
    }

    /// The bus after a restart. The caller has dropped its consumers and readers.
    pub async fn reopened(self) -> BusHarness {
        let BusHarness { bus, rejects, backend } = self;
        drop((bus, rejects));
        match backend {
            Backend::RabbitMq { _turn, settings, bus, channel } => {
                bus.close().await;
                let bus = Arc::new(amqp::Bus::connect(settings.clone()));
                let rejects = Arc::new(amqp::Rejects { url: settings.url.clone() });
                BusHarness {
                    bus: bus.clone(),
                    rejects,
                    backend: Backend::RabbitMq { _turn, settings, bus, channel },
                }
            }
            Backend::Embedded { folder, settings, disk, bus, is_killed: true } => {
                // Writes without a waiter may be lost with the process; the cases need them.
                disk.write([]).durable().await.expect("the disk writes");
                let copy = copied(&folder);
                drop((bus, disk));
                BusHarness::in_folder(copy, settings, true)
            }
            Backend::Embedded { folder, settings, disk, bus, is_killed: false } => {
                drop((bus, disk));
                BusHarness::in_folder(folder, settings, false)
            }
        }
    }

    /// The embedded bus after its process was killed now, with writes still pending.
    pub fn killed(self) -> BusHarness {
        let Backend::Embedded { folder, settings, is_killed, .. } = &self.backend else {
            panic!("RabbitMQ is not killed")
        };
        BusHarness::in_folder(copied(folder), settings.clone(), *is_killed)
    }

    /// The command queues of the embedded bus.
    pub fn commands(&self) -> &dyn Commands {
        match &self.backend {
            Backend::Embedded { bus, .. } => bus,
            Backend::RabbitMq { .. } => panic!("RabbitMQ has no command queues of Signalbox"),
        }
    }

    /// Publishes event `number` as a carrier does.
    pub async fn offer(&self, number: usize) -> Result<(), BusError> {
        match &self.backend {
            Backend::RabbitMq { channel, .. } => broker::send(channel, number).await,
            Backend::Embedded { bus, .. } => {
                let event = Event {
                    routing_key: "call.incoming".into(),
                    reference: Some("call-1".into()),
                    message_id: Some(format!("event-{number}")),
                    traceparent: Some(TRACE.into()),
                    user_id: Some("guest".into()),
                    body: number.to_string().into_bytes(),
                };
                bus.offer(event).await
            }
        }
    }

    pub async fn offer_all(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.offer(number).await.expect("confirmed");
        }
    }

    /// A gateway that takes commands of these types from now on.
    pub async fn gateway(&self, pattern: &str) -> Gateway {
        match &self.backend {
            Backend::RabbitMq { channel, .. } => {
                Gateway::Queue { channel: channel.clone(), queue: broker::gateway(channel, pattern).await }
            }
            Backend::Embedded { bus, .. } => {
                let opened = bus.open("gateway", &[pattern.to_owned()], None).await;
                Gateway::Reader(opened.expect("a reader"))
            }
        }
    }
}

pub enum Gateway {
    Queue { channel: Channel, queue: String },
    Reader(Box<dyn CommandReader>),
}

impl Gateway {
    /// The id and the body of the next command.
    pub async fn next(&mut self) -> (String, String) {
        match self {
            Gateway::Queue { channel, queue } => {
                let got = broker::get(channel, queue).await;
                let id = got.properties.message_id().as_ref().map(ToString::to_string);
                (id.unwrap_or_default(), String::from_utf8_lossy(&got.data).into_owned())
            }
            Gateway::Reader(reader) => {
                let message = command(reader).await.1;
                (message.id, message.body)
            }
        }
    }
}

/// Opens the disk and its records. It retries because a child process of another test inherits this one's locks briefly.
fn opened(dir: &Path) -> (Arc<Disk>, Records) {
    let started = Instant::now();
    loop {
        let mut records = Vec::new();
        match Disk::open(dir, |key, value| {
            records.push((key.to_vec(), value.to_vec()));
            Ok(())
        }) {
            Ok(disk) => return (Arc::new(disk), records),
            Err(OpenError::InUse { .. }) if started.elapsed() < SOON => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A copy of the files as they are; nothing is closed or flushed.
fn copied(folder: &Folder) -> Folder {
    let copy = Folder::new("bus-copy");
    for entry in std::fs::read_dir(folder.path()).expect("the folder is there") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
    }
    copy
}

pub async fn next(deliveries: &mut Box<dyn Deliveries>) -> Delivery {
    timeout(SOON, deliveries.next()).await.expect("a delivery in time").expect("the consumer is open")
}

/// The next command of a reader, with its position.
pub async fn command(reader: &mut Box<dyn CommandReader>) -> (u64, Message) {
    let queued = timeout(SOON, reader.next()).await.expect("a command in time").expect("the reader is open");
    (queued.position, queued.message)
}

pub fn message(number: usize) -> Message {
    Message {
        id: format!("flow:{number}"),
        routing_key: "call.talk".into(),
        correlation_id: "flow".into(),
        reference: "call-1".into(),
        traceparent: Some(TRACE.into()),
        body: format!("{{\"number\":{number}}}"),
    }
}

pub fn number(delivery: &Delivery) -> usize {
    String::from_utf8_lossy(&delivery.body).parse().expect("a number")
}
