//! A reactor of lapin's runtime whose streams repair what they read.

use super::frames::Frames;
use async_rs::Tokio;
use async_rs::traits::Reactor;
use futures_io::{AsyncRead, AsyncWrite};
use lapin::AsyncTcpStream;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Bytes that are read from the socket at a time.
const CHUNK: usize = 64 << 10;

/// tokio's reactor; only the type of its streams differs.
#[derive(Clone, Debug)]
pub struct RepairingReactor(pub Tokio);

impl Reactor for RepairingReactor {
    type TcpStream = Stream;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + AsFd + AsRawFd + Send + 'static>(
        &self,
        socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        self.0.register(socket)
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl futures_util::Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        let connected = self.0.tcp_connect_addr(address);
        async move { Ok(Stream::new(AsyncTcpStream::Plain(connected.await?))) }
    }
}

/// A TCP or TLS stream. Reading repairs frames; writing changes nothing.
pub struct Stream {
    inner: AsyncTcpStream<<Tokio as Reactor>::TcpStream>,
    frames: Frames,
    chunk: Vec<u8>,
}

impl Stream {
    pub fn new(inner: AsyncTcpStream<<Tokio as Reactor>::TcpStream>) -> Stream {
        Stream { inner, frames: Frames::default(), chunk: vec![0; CHUNK] }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Stream { inner, frames, chunk } = self.get_mut();
        loop {
            let read = frames.read(buffer);
            if read > 0 || buffer.is_empty() {
                return Poll::Ready(Ok(read));
            }
            match ready!(Pin::new(&mut *inner).poll_read(context, chunk))? {
                0 => return Poll::Ready(Ok(0)),
                count => frames.push(&chunk[..count]),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_close(context)
    }
}
