//! A stream of deliveries over successive consumer sessions.

use common::ports::Bus;
use common::ports::bus::{Deliveries, Delivery};
use futures_util::future::BoxFuture;
use std::sync::Arc;

pub struct Source {
    bus: Arc<dyn Bus>,
    session: Session,
}

enum Session {
    Opening(BoxFuture<'static, Box<dyn Deliveries>>),
    Open(Box<dyn Deliveries>),
}

impl Source {
    pub fn new(bus: Arc<dyn Bus>) -> Source {
        let session = open(&bus);
        Source { bus, session }
    }

    /// The next delivery; `None` when the session has ended and the next one is being opened. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            match &mut self.session {
                Session::Opening(opening) => self.session = Session::Open(opening.await),
                Session::Open(deliveries) => match deliveries.next().await {
                    Some(delivery) => return Some(delivery),
                    None => {
                        self.session = open(&self.bus);
                        return None;
                    }
                },
            }
        }
    }

    pub fn ack_through(&self, tag: u64) {
        if let Session::Open(deliveries) = &self.session {
            deliveries.ack_through(tag);
        }
    }
}

fn open(bus: &Arc<dyn Bus>) -> Session {
    let bus = bus.clone();
    Session::Opening(Box::pin(async move { bus.consume().await }))
}
