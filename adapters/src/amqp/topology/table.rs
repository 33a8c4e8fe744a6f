//! Names and arguments of all queues, exchanges and bindings.

use crate::amqp::settings::Settings;
use lapin::ExchangeKind;
use lapin::types::{AMQPValue, FieldTable};
use std::fmt;

pub const EVENTS: &str = "signalbox.events";
pub const COMMANDS: &str = "signalbox.commands";
pub const UNROUTED: &str = "signalbox.unrouted";
pub const NOTICES: &str = "signalbox.notices";
pub const REJECTED: &str = "signalbox.rejected";

pub(super) enum Item {
    Exchange { name: &'static str, kind: ExchangeKind, arguments: Arguments },
    Queue { name: &'static str, arguments: Arguments },
    Binding { exchange: &'static str, queue: &'static str, key: &'static str },
}

pub(super) type Arguments = Vec<(&'static str, Argument)>;

#[derive(Clone, Copy)]
pub(super) enum Argument {
    Text(&'static str),
    Number(u64),
    Flag(bool),
}

pub(super) fn table(settings: &Settings) -> Vec<Item> {
    use Argument::{Flag, Number, Text};
    use ExchangeKind::{Fanout, Topic};
    use Item::{Binding, Exchange, Queue};
    let quorum_queue = |bytes| {
        vec![
            ("x-queue-type", Text("quorum")),
            ("x-max-length-bytes", Number(bytes)),
            ("x-overflow", Text("reject-publish")),
        ]
    };
    let mut events = quorum_queue(settings.events_max_bytes);
    events.extend([
        ("x-single-active-consumer", Flag(true)),
        ("x-delivery-limit", Number(50)),
        ("x-dead-letter-strategy", Text("at-least-once")),
        ("x-dead-letter-exchange", Text("")),
        ("x-dead-letter-routing-key", Text(REJECTED)),
    ]);
    vec![
        Queue { name: REJECTED, arguments: quorum_queue(settings.rejected_max_bytes) },
        Exchange { name: UNROUTED, kind: Fanout, arguments: vec![] },
        Queue { name: UNROUTED, arguments: quorum_queue(settings.unrouted_max_bytes) },
        Binding { exchange: UNROUTED, queue: UNROUTED, key: "" },
        Exchange { name: COMMANDS, kind: Topic, arguments: vec![("alternate-exchange", Text(UNROUTED))] },
        Exchange { name: NOTICES, kind: Topic, arguments: vec![] },
        Exchange { name: EVENTS, kind: Topic, arguments: vec![] },
        Queue { name: EVENTS, arguments: events },
        Binding { exchange: EVENTS, queue: EVENTS, key: "#" },
    ]
}

pub(super) fn fields(arguments: &Arguments) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString((*text).into()),
            Argument::Number(number) => AMQPValue::LongLongInt(i64::try_from(*number).unwrap_or(i64::MAX)),
            Argument::Flag(flag) => AMQPValue::Boolean(*flag),
        };
        table.insert((*name).into(), value);
    }
    table
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Exchange,
    Queue,
}

impl Kind {
    pub fn text(self) -> &'static str {
        match self {
            Kind::Exchange => "exchange",
            Kind::Queue => "queue",
        }
    }
}

impl Item {
    pub fn kind(&self) -> Option<(Kind, &'static str)> {
        match self {
            Item::Exchange { name, .. } => Some((Kind::Exchange, name)),
            Item::Queue { name, .. } => Some((Kind::Queue, name)),
            Item::Binding { .. } => None,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = match self {
            Item::Exchange { name, kind, arguments } => {
                write!(f, "exchange {name} ({})", format!("{kind:?}").to_lowercase())?;
                arguments
            }
            Item::Queue { name, arguments } => {
                write!(f, "queue {name}")?;
                arguments
            }
            Item::Binding { exchange, queue, key } => {
                return write!(f, "binding of queue {queue} to exchange {exchange} with `{key}`");
            }
        };
        arguments.iter().try_for_each(|(name, value)| match value {
            Argument::Text(text) => write!(f, " {name}=\"{text}\""),
            Argument::Number(number) => write!(f, " {name}={number}"),
            Argument::Flag(flag) => write!(f, " {name}={flag}"),
        })
    }
}
