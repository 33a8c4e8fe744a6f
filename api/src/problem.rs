//! Errors as RFC 9457 problems: `application/problem+json` with a stable code, a sentence, and optional parts.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::StoreError;
use common::ports::error::{QueueError, Unusable};
use common::refusal::{Refusal, RefusalReason};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The reason why a request failed. The texts are boxed to keep `Result` small.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:signalbox:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "urn:signalbox:problem:not_found")]
    pub kind: Box<str>,
    /// General meaning of the status.
    #[schema(value_type = String, example = "Not Found")]
    pub title: Box<str>,
    #[schema(example = 404, minimum = 400, maximum = 599)]
    pub status: u16,
    /// Explanation of this failure: the actual and the expected value, and what to do.
    #[schema(value_type = String, example = "no flow has the id or name `Desk`; GET /v1/flows lists the deployed flows")]
    pub detail: Box<str>,
    /// The requested path.
    #[schema(value_type = String, example = "/v1/flows/Desk")]
    pub instance: Box<str>,
    /// Stable code for programs.
    #[schema(value_type = String, example = "not_found")]
    pub code: Box<str>,
    /// The individual errors, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemPart>,
    /// Seconds after which the client should retry.
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// One error, and its location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemPart {
    /// JSON pointer (RFC 6901) into the body, or into the flow's document.
    #[schema(example = "/actions/0/type")]
    pub pointer: String,
    pub detail: String,
    #[schema(example = "SBX0201")]
    pub code: String,
    /// Line in the flow's document, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in the flow's document, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// Code: the state store does not answer, or refuses for now.
pub const STORE_AWAY: &str = "store_away";
/// Code: the state store has no room for another activeflow. What needs none is still accepted.
pub const STORE_FULL: &str = "store_full";

/// Most bytes of a detail: what a client sends may be quoted in it.
const MAX_DETAIL_BYTES: usize = 2_000;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl Problem {
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Problem {
        Problem {
            kind: format!("urn:signalbox:problem:{code}").into(),
            title: status.canonical_reason().unwrap_or("Problem").into(),
            status: status.as_u16(),
            detail: within_limit(detail.into()).into(),
            instance: Box::default(),
            code: code.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub fn bad_request(code: &str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub fn unprocessable(code: &str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    pub fn with(self, mut errors: Vec<ProblemPart>) -> Problem {
        for error in &mut errors {
            error.detail = within_limit(std::mem::take(&mut error.detail));
        }
        Problem { errors, ..self }
    }

    pub fn retry_after(self, seconds: u32) -> Problem {
        Problem { retry_after: Some(seconds), ..self }
    }

    /// The response to a request for the path `instance`.
    pub fn at(mut self, instance: &str) -> Response {
        self.instance = instance.into();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The text without its middle if it is too long: it begins with what is wrong, and ends with what to do.
fn within_limit(text: String) -> String {
    if text.len() <= MAX_DETAIL_BYTES {
        return text;
    }
    let half = MAX_DETAIL_BYTES / 2 - '…'.len_utf8();
    let (first, last) = (text.floor_char_boundary(half), text.ceil_char_boundary(text.len() - half));
    format!("{}…{}", &text[..first], &text[last..])
}

/// The middleware adds the path and writes the body (`middleware.rs`).
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.status).unwrap_or_default().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        if let StoreError::Full { .. } = error {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                STORE_FULL,
                format!("{error}. Trying again later is safe"),
            )
            .retry_after(1);
        }
        if error.is_transient() {
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                STORE_AWAY,
                format!("{error}. Trying again is safe"),
            )
            .retry_after(1);
        }
        tracing::error!(%error, "a request failed");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store_unreadable", error.to_string())
    }
}

impl From<Unusable> for Problem {
    fn from(error: Unusable) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "bus_away", error.to_string()).retry_after(1)
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Problem {
        match error {
            QueueError::Refused { .. } => Problem::conflict(error.to_string()),
            QueueError::Unusable(error) => error.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let status = match refusal.reason {
            RefusalReason::Oversize => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, refusal.reason.name(), refusal.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_detail_keeps_its_first_and_last_words() {
        let long = format!("`{}` is wrong: write another", "ä".repeat(9_000));
        let part = ProblemPart {
            pointer: String::new(),
            detail: long.clone(),
            code: String::new(),
            line: None,
            column: None,
        };
        let problem = Problem::bad_request("invalid", long).with(vec![part]);
        for detail in [&*problem.detail, &*problem.errors[0].detail] {
            assert!(
                detail.len() <= MAX_DETAIL_BYTES && detail.len() > MAX_DETAIL_BYTES / 2,
                "{}",
                detail.len()
            );
            assert!(detail.starts_with("`ää") && detail.ends_with("ä` is wrong: write another"), "{detail}");
        }
    }
}
