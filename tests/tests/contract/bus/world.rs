//! A bus under test, with the outside of it: whoever publishes events and whoever takes commands.

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
    /// Each reopening finds the folder as a kill would have left it.
    EmbeddedKilled,
}

#[derive(Clone, Copy)]
pub struct Limits {
    pub events: u64,
    pub rejected: u64,
    /// Of the embedded bus only: a gateway's queue at RabbitMQ is the gateway's.
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

pub struct World {
    pub bus: Arc<dyn Bus>,
    pub rejects: Arc<dyn Rejects>,
    place: Place,
}

/// Keys and values.
type Records = Vec<(Vec<u8>, Vec<u8>)>;

enum Place {
    Broker { _turn: Shared, settings: amqp::Settings, bus: Arc<amqp::Bus>, channel: Channel },
    Folder { folder: Folder, settings: Settings, disk: Arc<Disk>, bus: Embedded, is_killed: bool },
}

impl World {
    pub async fn new(kind: Kind) -> World {
        World::with(kind, Limits::default()).await
    }

    pub async fn with(kind: Kind, limits: Limits) -> World {
        match kind {
            Kind::RabbitMq => World::on_broker(limits).await,
            Kind::Embedded | Kind::EmbeddedKilled => {
                let settings = Settings {
                    events_max_bytes: limits.events,
                    rejected_max_bytes: limits.rejected,
                    commands_max_bytes: limits.commands,
                    unrouted_max_bytes: limits.unrouted,
                    prefetch: limits.prefetch,
                    ..Settings::default()
                };
                World::in_folder(Folder::new("bus"), settings, kind == Kind::EmbeddedKilled)
            }
        }
    }

    async fn on_broker(limits: Limits) -> World {
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
        World { bus: bus.clone(), rejects, place: Place::Broker { _turn: turn, settings, bus, channel } }
    }

    fn in_folder(folder: Folder, settings: Settings, is_killed: bool) -> World {
        let (disk, records) = opened(folder.path());
        let bus = Embedded::recover(disk.clone(), &settings, records).expect("the bus recovers");
        World {
            bus: Arc::new(bus.clone()),
            rejects: Arc::new(bus.clone()),
            place: Place::Folder { folder, settings, disk, bus, is_killed },
        }
    }

    /// The bus that a next process has. Consumers and readers of this one have been dropped.
    pub async fn reopened(self) -> World {
        let World { bus, rejects, place } = self;
        drop((bus, rejects));
        match place {
            Place::Broker { _turn, settings, bus, channel } => {
                bus.close().await;
                let bus = Arc::new(amqp::Bus::connect(settings.clone()));
                let rejects = Arc::new(amqp::Rejects { url: settings.url.clone() });
                World { bus: bus.clone(), rejects, place: Place::Broker { _turn, settings, bus, channel } }
            }
            Place::Folder { folder, settings, disk, bus, is_killed: true } => {
                // What nobody waited for may be lost with a process; a case wants to know what is there.
                disk.write([]).durable().await.expect("the disk writes");
                let copy = copied(&folder);
                drop((bus, disk));
                World::in_folder(copy, settings, true)
            }
            Place::Folder { folder, settings, disk, bus, is_killed: false } => {
                drop((bus, disk));
                World::in_folder(folder, settings, false)
            }
        }
    }

    /// The embedded bus of the process after one that was killed now, whatever it still had to write.
    pub fn killed(self) -> World {
        let Place::Folder { folder, settings, is_killed, .. } = &self.place else { panic!("RabbitMQ stays") };
        World::in_folder(copied(folder), settings.clone(), *is_killed)
    }

    /// The command queues of the embedded bus.
    pub fn commands(&self) -> &dyn Commands {
        match &self.place {
            Place::Folder { bus, .. } => bus,
            Place::Broker { .. } => panic!("RabbitMQ has queues of its own"),
        }
    }

    /// Publishes event `number` as a source does.
    pub async fn offer(&self, number: usize) -> Result<(), BusError> {
        match &self.place {
            Place::Broker { channel, .. } => broker::send(channel, number).await,
            Place::Folder { bus, .. } => {
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

    /// Whoever takes commands of these types from now on.
    pub async fn gateway(&self, pattern: &str) -> Gateway {
        match &self.place {
            Place::Broker { channel, .. } => {
                Gateway::Queue { channel: channel.clone(), queue: broker::gateway(channel, pattern).await }
            }
            Place::Folder { bus, .. } => {
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

/// The disk and its records. A child process that another test starts has this one's locks for a moment.
fn opened(dir: &Path) -> (Arc<Disk>, Records) {
    let started = Instant::now();
    loop {
        let mut records = Vec::new();
        match Disk::open(dir, |key, value| records.push((key.to_vec(), value.to_vec()))) {
            Ok(disk) => return (Arc::new(disk), records),
            Err(OpenError::InUse { .. }) if started.elapsed() < SOON => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The files as they are: nothing is closed or flushed.
fn copied(folder: &Folder) -> Folder {
    let copy = Folder::new("bus-copy");
    for entry in std::fs::read_dir(folder.path()).expect("the folder is there") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
    }
    copy
}

pub async fn next(deliveries: &mut Box<dyn Deliveries>) -> Delivery {
    timeout(SOON, deliveries.next()).await.expect("a delivery in time").expect("the consumer lives")
}

/// The next command of a reader, with its position.
pub async fn command(reader: &mut Box<dyn CommandReader>) -> (u64, Message) {
    let queued = timeout(SOON, reader.next()).await.expect("a command in time").expect("the reader lives");
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
