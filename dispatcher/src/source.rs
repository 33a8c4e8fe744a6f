//! A stream of deliveries over successive consumer sessions.

use common::member::Consuming;
use common::ports::Bus;
use common::ports::bus::{Deliveries, Delivery};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::watch;

pub struct Source<'a> {
    bus: Arc<dyn Bus>,
    session: Session,
    /// State of the present session.
    consuming: &'a watch::Sender<Consuming>,
}

enum Session {
    Opening(BoxFuture<'static, Box<dyn Deliveries>>),
    Open(Box<dyn Deliveries>),
}

impl<'a> Source<'a> {
    pub fn new(bus: Arc<dyn Bus>, consuming: &'a watch::Sender<Consuming>) -> Source<'a> {
        let session = open(&bus);
        Source { bus, session, consuming }
    }

    /// The next delivery; `None` when the session has ended and the next one is being opened. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            match &mut self.session {
                Session::Opening(opening) => {
                    self.session = Session::Open(opening.await);
                    self.report(Consuming::Waiting);
                }
                Session::Open(deliveries) => match deliveries.next().await {
                    Some(delivery) => {
                        self.report(Consuming::Receiving);
                        return Some(delivery);
                    }
                    None => {
                        self.report(Consuming::Connecting);
                        self.session = open(&self.bus);
                        return None;
                    }
                },
            }
        }
    }

    fn report(&self, state: Consuming) {
        self.consuming.send_if_modified(|now| std::mem::replace(now, state) != state);
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
