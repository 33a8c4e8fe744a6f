//! Over the broker: every publish is confirmed, commands come from a queue of the carrier's own.

use super::{Attempt, Link, Linked};
use crate::config::Config;
use crate::failure::Failure;
use crate::services::{bus_settings, instance, unusable_broker};
use crate::simulate::wire::Event;
use adapters::amqp::carrier::{self, Carrier};
use async_trait::async_trait;
use std::sync::Arc;

pub async fn open(config: &Config, queue: &str) -> Result<Linked, Failure> {
    let settings = bus_settings(config, &format!("signalbox simulate {}", instance()));
    let (carrier, commands) =
        Carrier::connect(settings, queue).await.map_err(|error| unusable_broker(config, &error))?;
    Ok(Linked { link: Arc::new(carrier), commands })
}

#[async_trait]
impl Link for Carrier {
    async fn send(&self, event: &Event) -> Attempt {
        let event = carrier::Event {
            id: &event.id,
            kind: event.kind,
            reference: &event.subject,
            body: event.body.as_bytes(),
        };
        match self.publish(&event).await {
            Ok(()) => Attempt::Stored { activeflow: None },
            Err(error) => Attempt::Again(error.to_string()),
        }
    }

    async fn close(&self) {
        Carrier::close(self).await;
    }
}
