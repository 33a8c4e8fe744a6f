//! Signalbox's REST API as the carrier uses it. The caller brings the HTTP client.

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// A request that failed, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ApiError(pub String);

/// Answer to `POST /v1/events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventAnswer {
    Stored {
        activeflow: Option<String>,
    },
    /// Refused for good.
    Refused(String),
    /// No answer, an error of the server, or too many requests.
    Retry(String),
}

#[async_trait]
pub trait Api: Send + Sync {
    /// # Errors
    /// No answer, or a problem, in the words of the API.
    async fn get(&self, path: &str) -> Result<Value, ApiError>;
    /// # Errors
    /// As [`Api::get`].
    async fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError>;
    /// # Errors
    /// As [`Api::get`].
    async fn delete(&self, path: &str) -> Result<Value, ApiError>;
    async fn post_event(&self, body: &str) -> EventAnswer;
    /// Opens a stream of commands (server-sent events).
    ///
    /// # Errors
    /// As [`Api::get`].
    async fn commands(&self, path: &str) -> Result<Box<dyn CommandStream>, ApiError>;
}

/// A stream of commands that is open.
#[async_trait]
pub trait CommandStream: Send {
    /// The next command; `None` at the end of the stream. Dropping the future loses nothing.
    async fn next(&mut self) -> Option<StreamedCommand>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamedCommand {
    /// Position to acknowledge.
    pub position: Option<u64>,
    pub body: Vec<u8>,
}

/// # Errors
/// As [`Api::get`], or the answer has another shape.
pub async fn get<T: DeserializeOwned>(api: &dyn Api, path: &str) -> Result<T, ApiError> {
    serde_json::from_value(api.get(path).await?).map_err(|error| {
        ApiError(format!(
            "the answer of {path} was not understood ({error}): is this program older than the one that answers?"
        ))
    })
}
