//! Extractors for paths, queries and JSON bodies. Invalid input becomes a problem that explains the error.

use crate::problem::{Problem, ProblemPart};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use std::io;

/// Parts of the path.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(value)| Path(value))
            .map_err(|rejection| Problem::bad_request("invalid_path", rejection.body_text()))
    }
}

/// The query.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Problem> {
        let read = axum::extract::Query::from_request_parts(parts, state).await;
        read.map(|axum::extract::Query(value)| Query(value))
            .map_err(|rejection| Problem::bad_request("invalid_query", rejection.body_text()))
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        must_be(request.headers(), &["application/json"])?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        read(&bytes).map(Body)
    }
}

/// The bytes of a body, and its media type if the client sent one.
pub struct TypedBytes {
    pub bytes: Bytes,
    pub media_type: Option<String>,
}

impl TypedBytes {
    pub async fn take<S: Send + Sync>(
        request: Request,
        state: &S,
        types: &[&str],
    ) -> Result<TypedBytes, Problem> {
        let media_type = must_be(request.headers(), types)?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        Ok(TypedBytes { bytes, media_type })
    }
}

/// Checks the media type, and that the body is not compressed. A body without a type is accepted.
fn must_be(headers: &HeaderMap, types: &[&str]) -> Result<Option<String>, Problem> {
    for encoding in headers.get_all(header::CONTENT_ENCODING) {
        let encoding = String::from_utf8_lossy(encoding.as_bytes());
        if !encoding.trim().is_empty() && !encoding.trim().eq_ignore_ascii_case("identity") {
            let detail = format!(
                "the body's Content-Encoding is `{encoding}`; send the body as it is, without a compression"
            );
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", detail));
        }
    }
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let content_type = String::from_utf8_lossy(content_type.as_bytes());
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if types.contains(&essence.as_str()) {
        return Ok(Some(essence));
    }
    let detail = format!("the body's Content-Type is `{content_type}`; send {}", types.join(" or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail))
}

fn unread(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        status @ StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            status,
            "oversize",
            "the body is larger than this operation accepts; send a smaller one",
        ),
        _ if is_late(rejection) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the body did not arrive in time; send it again",
        ),
        _ => Problem::bad_request("unreadable_body", rejection.body_text()),
    }
}

/// Whether the listener's time limit for a body is over.
fn is_late(rejection: &BytesRejection) -> bool {
    let mut error = std::error::Error::source(rejection);
    while let Some(cause) = error {
        if cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        error = cause.source();
    }
    false
}

/// Reads JSON: 400 if it is malformed, 422 with a pointer if it does not match the type.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would read an array as the fields of an object, in order.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Problem::unprocessable("invalid_body", "the body is a JSON array; send an object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let inner = error.inner();
        match inner.classify() {
            Category::Data => {
                let pointer = pointer(error.path());
                let part = ProblemPart {
                    pointer,
                    detail: common::json::reason(inner),
                    code: "invalid_body".into(),
                    line: None,
                    column: None,
                };
                Problem::unprocessable(
                    "invalid_body",
                    "the body is valid JSON but does not match the schema; `errors` shows where",
                )
                .with(vec![part])
            }
            Category::Io | Category::Syntax | Category::Eof => malformed(inner),
        }
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::bad_request("malformed_json", format!("the body cannot be read as JSON: {error}"))
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}
