//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): it names a request, so that the request takes
//! effect once however often it arrives.

use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponseParts, ResponseParts};
use std::convert::Infallible;

const KEY: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Maximum length of a key.
const MAX_LENGTH: usize = 128;

/// The key of a request, if the client sent one.
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IdempotencyKey, Problem> {
        let mut values = parts.headers.get_all(KEY).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(IdempotencyKey(None)),
            (Some(value), None) => read(value).map(|key| IdempotencyKey(Some(key))),
            (Some(_), Some(_)) => Err(invalid("the request has several of them; send one")),
        }
    }
}

/// Reads a key, with the quotation marks of the draft or without them.
fn read(value: &HeaderValue) -> Result<String, Problem> {
    let text = String::from_utf8_lossy(value.as_bytes());
    let text = text.trim();
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    if !(1..=MAX_LENGTH).contains(&key.len()) {
        return Err(invalid(&format!(
            "it has {} bytes; send 1 to {MAX_LENGTH}, for example a UUID",
            key.len()
        )));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte)) {
        return Err(invalid(
            "it has other characters than visible ASCII, or `\"` or `\\`; send for example a UUID",
        ));
    }
    Ok(key.to_owned())
}

fn invalid(why: &str) -> Problem {
    Problem::bad_request("invalid_idempotency_key", format!("the header Idempotency-Key is not valid: {why}"))
}

/// The problem of a key that was sent with another request.
pub fn reused(key: &str) -> Problem {
    let detail = format!(
        "the Idempotency-Key `{key}` was sent before with another request to this activeflow; send a new key with each new request"
    );
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
}

/// Whether the request was accepted before; the header `Idempotency-Replayed: true` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed(pub bool);

impl IntoResponseParts for Replayed {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        if self.0 {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &[u8]) -> Option<String> {
        read(&HeaderValue::from_bytes(text).unwrap()).ok()
    }

    #[test]
    fn a_key_is_bounded_visible_and_may_be_quoted() {
        for text in [&b"8e03978e-40d5"[..], b"\"8e03978e-40d5\"", b" 8e03978e-40d5 "] {
            assert_eq!(key(text).as_deref(), Some("8e03978e-40d5"));
        }
        assert_eq!(key(&[b'k'; 128]).map(|key| key.len()), Some(128));
        for text in
            [&b""[..], b"\"\"", b" ", b"a b", b"a\"b", b"\"", b"a\\", &[b'k'; 129], b"\xc3\xa9", b"a\tb"]
        {
            assert_eq!(key(text), None, "{text:?}");
        }
    }
}
