//! The byte stream of a broker connection.
//!
//! lapin ends a connection when a short string that the broker sends is not UTF-8, and it parses nested tables by
//! recursion. The broker passes both on from any publisher, so one message would end the session of a consumer again and
//! again. Here, each frame is repaired before lapin reads it (decision 0015).
//!
//! ```text
//! broker ─► TCP or TLS ─► frames.rs: splits the bytes into frames ─► repair.rs: repairs one frame ─► lapin
//! ```

mod frames;
#[cfg(test)]
mod fuzz;
mod reactor;
mod repair;

pub(super) use repair::SUBSTITUTE;

use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use lapin::tcp::AMQPUriTcpExt;
use lapin::uri::AMQPUri;
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use reactor::{RepairingReactor, Stream};

/// Connects like [`Connection::connect_uri`], over a stream that repairs frames.
pub(super) async fn connect(uri: AMQPUri, properties: ConnectionProperties) -> lapin::Result<Connection> {
    let tokio = Tokio::current();
    let runtime = Runtime::new(RuntimeParts::new(tokio.clone(), RepairingReactor(tokio.clone())));
    let connect = async move |uri: AMQPUri, _| {
        let stream = uri.connect_async(&Runtime::new(tokio.clone())).await?;
        Ok(AsyncTcpStream::Plain(Stream::new(stream)))
    };
    Connection::connector(uri, runtime, connect, properties).await
}
