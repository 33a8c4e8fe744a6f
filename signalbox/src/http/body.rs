//! Bodies of requests with a time limit, and of responses that tell when they are sent.

use super::activity::InProgress;
use super::troubles::{Trouble, Troubles};
use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The body of a request. Reading it fails with [`io::ErrorKind::TimedOut`] when it takes too long.
pub struct TimedBody {
    inner: Incoming,
    limit: Duration,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    troubles: Arc<Troubles>,
}

impl TimedBody {
    pub fn new(inner: Incoming, limit: Duration, troubles: Arc<Troubles>) -> TimedBody {
        TimedBody { inner, limit, deadline: Instant::now() + limit, timer: None, troubles }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(this.deadline)));
        ready!(timer.as_mut().poll(context));
        this.troubles.count(Trouble::Body);
        let why = format!("the body did not arrive within {} s", this.limit.as_secs_f64());
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, why).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of a response; its request is in progress until it is dropped.
pub struct WatchedBody {
    inner: axum::body::Body,
    _in_progress: InProgress,
}

impl WatchedBody {
    pub fn new(inner: axum::body::Body, in_progress: InProgress) -> WatchedBody {
        WatchedBody { inner, _in_progress: in_progress }
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
