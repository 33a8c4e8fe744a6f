//! Client of Signalbox's own REST interface: over HTTP to a running process, or to the same routes in this process if the
//! services can be reached directly. Every command therefore has one implementation, the API's.

mod api_client;
mod open;
mod path;
mod sse;
mod transport;

pub use api_client::{Answer, Client, problem};
pub use open::open;
pub use path::Path;
pub use sse::Messages;
pub use transport::Transport;
