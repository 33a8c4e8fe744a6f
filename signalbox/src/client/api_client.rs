//! The client of the REST interface, and the problems that it reports.

use super::sse::Messages;
use super::transport::{Transport, Unanswered};
use crate::failure::{Failure, lines};
use http_body_util::BodyExt;
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Time for which a request whose answer was lost is repeated.
const REPEATING: Duration = Duration::from_secs(30);
/// Pause before a request is repeated.
const PAUSE: Duration = Duration::from_millis(500);
/// Time after which an answer counts as lost; longer than the API takes for any control request.
const ANSWER: Duration = Duration::from_secs(15);

pub struct Client {
    transport: Transport,
    key: String,
    /// Source of the key, for error messages.
    key_from: Option<String>,
}

/// Response of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(transport: Transport, key: impl Into<String>) -> Client {
        Client { transport, key: key.into(), key_from: None }
    }

    pub fn with_key_from(self, origin: &str) -> Client {
        Client { key_from: Some(origin.to_owned()), ..self }
    }

    /// # Errors
    /// No answer, or a response other than success; the message is the API's.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::GET, path, None).await
    }

    /// # Errors
    /// As [`Client::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.json(Method::POST, path, Some(encoded(body))).await
    }

    /// Sends a request that takes effect once. It has an `Idempotency-Key` of its own, under which it is repeated while
    /// its answer is lost or the store does not answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let key = uuid::Uuid::new_v4().to_string();
        let (body, deadline) = (encoded(body), Instant::now() + REPEATING);
        let mut was_sent = false;
        loop {
            let headers = [("idempotency-key", key.as_str())];
            let answer =
                timeout(ANSWER, self.exchange(Method::POST, path, Some(body.clone()), &headers)).await;
            let answer = answer.unwrap_or_else(|_| {
                Err(self.transport.unanswered(path, &format!("not within {} s", ANSWER.as_secs())))
            });
            was_sent |= answer.as_ref().map_or_else(|lost| lost.was_sent, |_| true);
            let is_lost =
                answer.as_ref().map_or(true, |answer| answer.status == StatusCode::SERVICE_UNAVAILABLE);
            if is_lost && was_sent && Instant::now() < deadline {
                sleep(PAUSE).await;
                continue;
            }
            return self.success(answer?, path);
        }
    }

    /// # Errors
    /// As [`Client::get`].
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.json(Method::PUT, path, Some(encoded(body))).await
    }

    /// # Errors
    /// As [`Client::get`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::DELETE, path, None).await
    }

    /// Sends a request and returns the response, even if it reports a problem.
    ///
    /// # Errors
    /// No answer.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Answer, Failure> {
        Ok(self.exchange(method, path, body, &[]).await?)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Unanswered> {
        let response = self.transport.send(&self.key, method, path, body, headers).await?;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| self.transport.unanswered(path, &error.to_string()))?;
        Ok(Answer { status, body: body.to_bytes().to_vec() })
    }

    /// Opens a stream of server-sent events that starts after the message `after`.
    ///
    /// # Errors
    /// No answer, or a problem.
    pub async fn messages(&self, path: &str, after: Option<&str>) -> Result<Messages, Failure> {
        let headers: Vec<(&str, &str)> = after.map(|id| ("last-event-id", id)).into_iter().collect();
        let response = self.transport.send(&self.key, Method::GET, path, None, &headers).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Messages::new(response.into_body()));
        }
        let body =
            response.into_body().collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
        Err(self.refusal(&Answer { status, body }))
    }

    /// Error for a refused request. For an unknown key it names the source of the key.
    pub fn refusal(&self, answer: &Answer) -> Failure {
        if answer.status != StatusCode::UNAUTHORIZED {
            return problem(answer);
        }
        let key = self.key_from.as_ref().map_or_else(
            || {
                "no key was sent: neither api.key nor api.bootstrap_key is set, and data.dir has no key file"
                    .to_owned()
            },
            |origin| format!("the key from {origin} is not one of its keys"),
        );
        Failure::failed(format!(
            "{} refused the request: {key}. Set SIGNALBOX_API__KEY to its key; `serve` logs the location of its key when it starts",
            self.transport
        ))
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<T, Failure> {
        self.success(self.ask(method, path, body).await?, path)
    }

    fn success<T: DeserializeOwned>(&self, answer: Answer, path: &str) -> Result<T, Failure> {
        if !answer.status.is_success() {
            return Err(self.refusal(&answer));
        }
        answer.json(path)
    }
}

impl Answer {
    /// Parses the response to `path`. An empty body is `null`.
    ///
    /// # Errors
    /// The response has another format.
    pub fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let bytes: &[u8] = if self.body.is_empty() { b"null" } else { &self.body };
        serde_json::from_slice(bytes).map_err(|error| {
            Failure::failed(format!("the response to {path} could not be parsed ({error}); check that this program has the same version as the server"))
        })
    }
}

fn encoded(body: &impl Serialize) -> Vec<u8> {
    common::json::to_bytes(body)
}

/// Error for an RFC 9457 problem: one sentence, and one line for each of its errors.
pub fn problem(answer: &Answer) -> Failure {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let first = text(&problem["detail"])
        .or_else(|| text(&problem["title"]))
        .unwrap_or_else(|| format!("the API answered {}", answer.status));
    let parts = problem["errors"].as_array().into_iter().flatten();
    let part = |error: &Value| {
        let detail = text(&error["detail"])?;
        Some(
            text(&error["pointer"])
                .filter(|p| !p.is_empty())
                .map_or(detail.clone(), |p| format!("{p}: {detail}")),
        )
    };
    let sentences: Vec<String> = std::iter::once(first).chain(parts.filter_map(part)).collect();
    Failure::failed(lines(&sentences))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_sentences() {
        let body = br#"{"title":"Invalid","detail":"2 findings","errors":[{"pointer":"/actions/0","detail":"unknown type"},{"detail":"no end"}]}"#;
        let failure = problem(&Answer { status: StatusCode::UNPROCESSABLE_ENTITY, body: body.to_vec() });
        assert_eq!(failure.to_string(), "2 findings\n       /actions/0: unknown type\n       no end");
        let bare = problem(&Answer { status: StatusCode::BAD_GATEWAY, body: Vec::new() });
        assert_eq!(bare.to_string(), "the API answered 502 Bad Gateway");
    }
}
