//! Transport of requests to the API: HTTP, or the router in this process.

use crate::failure::Failure;
use axum::Router;
use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt;

/// Maximum time to connect.
const CONNECTING: Duration = Duration::from_secs(3);
/// Maximum time until an answer begins; the slowest calls have 60 s at the server.
const ANSWERING: Duration = Duration::from_secs(120);

pub enum Transport {
    /// To a running process; `base` is `http://host:port`.
    Remote { http: Http<HttpConnector, Full<Bytes>>, base: String },
    /// To the same routes in this process.
    Local(Router),
}

/// A request without an answer.
pub struct Unanswered {
    pub failure: Failure,
    /// Whether the request may have taken effect.
    pub was_sent: bool,
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Failure {
        unanswered.failure
    }
}

impl Transport {
    pub fn remote(base: &str) -> Transport {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECTING));
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Transport::Remote { http, base: base.trim_end_matches('/').to_owned() }
    }

    pub(super) async fn send(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>, Unanswered> {
        let base = match self {
            Transport::Remote { base, .. } => base,
            Transport::Local(_) => "",
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{base}{path}"))
            .header(AUTHORIZATION, format!("Bearer {key}"));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let bytes = Bytes::from(body.unwrap_or_default());
        let invalid = |error| Unanswered {
            failure: Failure::usage(format!("{path} is not a valid request: {error}")),
            was_sent: false,
        };
        match self {
            Transport::Remote { http, .. } => {
                let request = request.body(Full::new(bytes)).map_err(invalid)?;
                let response = timeout(ANSWERING, http.request(request)).await.map_err(|_| {
                    self.unanswered(path, &format!("no answer within {} s", ANSWERING.as_secs()))
                })?;
                let response = response.map_err(|error| match error.is_connect() {
                    true => {
                        Unanswered { failure: self.broken(path, &innermost_reason(&error)), was_sent: false }
                    }
                    false => self.unanswered(path, &innermost_reason(&error)),
                })?;
                Ok(response.map(|body| Body::new(body.map_err(axum::Error::new))))
            }
            Transport::Local(router) => {
                let request = request.body(Body::from(bytes)).map_err(invalid)?;
                match router.clone().oneshot(request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
        }
    }

    /// The connection was open, so the request may have taken effect.
    pub(super) fn unanswered(&self, path: &str, why: &str) -> Unanswered {
        let failure = Failure::failed(format!(
            "no response to {path} ({why}): the request may have taken effect. Check the result before you repeat it"
        ));
        Unanswered { failure, was_sent: true }
    }

    pub(super) fn broken(&self, path: &str, why: &str) -> Failure {
        Failure::failed(match self {
            Transport::Remote { base, .. } => format!(
                "no Signalbox answers at {base} (api.url): {why}. Start one with `signalbox serve`, or set its address: \
                 SIGNALBOX_API__URL=http://host:port"
            ),
            Transport::Local(_) => format!("no response to {path}: {why}"),
        })
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Transport::Remote { base, .. } => write!(f, "the Signalbox at {base} (api.url)"),
            Transport::Local(_) => f.write_str("this process"),
        }
    }
}

/// Message of the innermost error: "Connection refused" rather than "client error (Connect)".
fn innermost_reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
