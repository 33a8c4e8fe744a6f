//! Recovery of the bus from the records in the data folder.

use super::bus::Bus;
use super::event::Event;
use super::events::Events;
use super::queue::QueueRecord;
use super::queues::{Limits, Queues};
use super::record::{Key, check_format, decode};
use super::rejected::{RejectionHeader, Rejections};
use super::settings::Settings;
use super::shared::{Inner, State};
use crate::embedded::disk::{Disk, Unreadable};
use common::command::Message;
use common::ports::error::Unusable;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

impl Bus {
    /// Rebuilds the bus from `records`: those whose keys begin with `b`, ordered by key, as `Disk::open` passes them.
    /// Other records are skipped.
    ///
    /// # Errors
    /// A record has a newer format or cannot be read. Nothing is changed.
    pub fn recover(
        disk: Arc<Disk>,
        settings: &Settings,
        records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Bus, Unusable> {
        let mut state = State {
            events: Events::new(settings.events_max_bytes, settings.prefetch),
            queues: Queues::new(Limits {
                queue: settings.commands_max_bytes,
                unrouted: settings.unrouted_max_bytes,
                idle: settings.queue_idle_limit,
            }),
            rejections: Rejections::new(settings.rejected_max_bytes),
        };
        let parse_key = |(key, record): (Vec<u8>, Vec<u8>)| Some((Key::from_bytes(&key)?, record));
        let records: Vec<(Key, Vec<u8>)> = records.into_iter().filter_map(parse_key).collect();
        // Queue records sort after the commands in the queues, but must be recovered first.
        let (queues, others): (Vec<_>, Vec<_>) =
            records.iter().partition(|(key, _)| matches!(key, Key::Queue(_)));
        for (key, record) in queues.into_iter().chain(others) {
            state.recover(*key, record).map_err(|reason| Unusable {
                what: "recovering the bus from the data folder".into(),
                reason: format!("record {key:?} {reason}"),
            })?;
        }
        state.events.end();
        let bytes = Arc::new(AtomicU64::new(state.bytes()));
        Ok(Bus {
            inner: Arc::new(Inner {
                disk,
                confirm_timeout: settings.confirm_timeout,
                state: Mutex::new(state),
                changed: watch::Sender::new(()),
                consumer: Arc::default(),
                bytes,
            }),
        })
    }

    /// Bytes of all queues, kept up to date.
    pub(in crate::embedded) fn bytes(&self) -> Arc<AtomicU64> {
        self.inner.bytes.clone()
    }
}

/// Checks one record without the others.
///
/// # Errors
/// The record has a newer format or is damaged.
pub fn check(key: &[u8], record: &[u8]) -> Result<(), Unreadable> {
    check_format(record)?;
    let read = match Key::from_bytes(key) {
        None => return Err(Unreadable::Damaged { what: "its key is unknown to this version".into() }),
        Some(Key::Event(_)) => decode::<Event>(record).map(drop),
        Some(Key::Session(_) | Key::LastCommand) => decode::<u64>(record).map(drop),
        Some(Key::Queue(_)) => decode::<QueueRecord>(record).map(drop),
        Some(Key::Command { .. }) => decode::<Message>(record).map(drop),
        Some(Key::Rejection(_)) => decode::<RejectionHeader>(record).map(drop),
    };
    read.map_err(|what| Unreadable::Damaged { what: format!("it {what}") })
}

impl State {
    fn recover(&mut self, key: Key, record: &[u8]) -> Result<(), String> {
        let size = record.len();
        match key {
            Key::Event(position) => {
                let (event, body) = decode::<Event>(record)?;
                self.events.recover_event(position, size, Event { body: body.to_vec(), ..event });
            }
            Key::Session(number) => self.events.recover_session(number, decode(record)?.0),
            Key::Queue(number) => self.queues.recover_queue(number, decode::<QueueRecord>(record)?.0),
            Key::Command { queue, position } => {
                self.queues.recover_command(queue, position, size, decode::<Message>(record)?.0)?;
            }
            Key::LastCommand => self.queues.recover_last(decode(record)?.0),
            Key::Rejection(position) => {
                let (header, body) = decode::<RejectionHeader>(record)?;
                self.rejections.recover(position, size, header, body);
            }
        }
        Ok(())
    }
}
