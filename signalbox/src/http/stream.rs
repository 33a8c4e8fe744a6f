//! The bytes of a connection: a request's header must arrive in time, and the client must read its response.

use super::activity::{Activity, Phase};
use super::limits::Limits;
use super::troubles::{Trouble, Troubles};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

type Timer = Pin<Box<Sleep>>;

pub struct TimedStream {
    inner: TcpStream,
    activity: Arc<Activity>,
    limits: Limits,
    troubles: Arc<Troubles>,
    /// Runs while a header arrives.
    header: Option<Timer>,
    /// Runs while the client reads nothing.
    stall: Option<Timer>,
}

impl TimedStream {
    /// A connection that is just accepted.
    pub fn new(
        inner: TcpStream,
        activity: Arc<Activity>,
        limits: Limits,
        troubles: Arc<Troubles>,
    ) -> TimedStream {
        let header = Some(timer(limits.header));
        TimedStream { inner, activity, limits, troubles, header, stall: None }
    }

    fn poll_header_timer(&mut self, context: &mut Context<'_>, has_read: bool) -> Poll<io::Error> {
        match self.activity.phase() {
            Phase::Idle if has_read => {
                self.activity.enter(Phase::Header);
                self.header = Some(timer(self.limits.header));
            }
            Phase::Header => {}
            Phase::Idle | Phase::Busy | Phase::Stalled => {
                self.header = None;
                return Poll::Pending;
            }
        }
        let is_over = self.header.as_mut().is_some_and(|timer| timer.as_mut().poll(context).is_ready());
        if !is_over {
            return Poll::Pending;
        }
        self.troubles.count(Trouble::Header);
        Poll::Ready(late("the header of the request did not arrive in time"))
    }

    fn watch(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.activity.stall(written.is_pending());
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let limit = self.limits.stall;
        if self.stall.get_or_insert_with(|| timer(limit)).as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.troubles.count(Trouble::Response);
        Poll::Ready(Err(late("the client did not read the response in time")))
    }
}

fn timer(limit: Duration) -> Timer {
    Box::pin(sleep(limit))
}

fn late(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(context, buffer);
        let has_read = buffer.filled().len() > before;
        if (read.is_pending() || has_read)
            && let Poll::Ready(late) = this.poll_header_timer(context, has_read)
        {
            return Poll::Ready(Err(late));
        }
        read
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
