//! Deliveries, one consumer life after another.

use common::ports::Bus;
use common::ports::bus::{Deliveries, Delivery};
use futures_util::future::BoxFuture;
use std::sync::Arc;

pub struct Source {
    bus: Arc<dyn Bus>,
    life: Life,
}

enum Life {
    Opening(BoxFuture<'static, Box<dyn Deliveries>>),
    Open(Box<dyn Deliveries>),
}

impl Source {
    pub fn new(bus: Arc<dyn Bus>) -> Source {
        let life = open(&bus);
        Source { bus, life }
    }

    /// The next delivery; `None` when a life is over and the next one is being opened. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            match &mut self.life {
                Life::Opening(opening) => self.life = Life::Open(opening.await),
                Life::Open(deliveries) => match deliveries.next().await {
                    Some(delivery) => return Some(delivery),
                    None => {
                        self.life = open(&self.bus);
                        return None;
                    }
                },
            }
        }
    }

    pub fn ack_through(&self, tag: u64) {
        if let Life::Open(deliveries) = &self.life {
            deliveries.ack_through(tag);
        }
    }
}

fn open(bus: &Arc<dyn Bus>) -> Life {
    let bus = bus.clone();
    Life::Opening(Box::pin(async move { bus.consume().await }))
}
