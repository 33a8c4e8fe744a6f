//! Authentication by API key, from the header or the query, and the customer that the request is about.

use crate::config::Key;
use crate::problem::Problem;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The authenticated caller. Every operation that needs a key has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The customer that the request is about: the key's, or the one that an administrator selected.
    pub customer_id: String,
    is_admin: bool,
    /// Index of the key in the configuration.
    pub key: usize,
}

impl Caller {
    /// Whether the caller may see this customer's resources. Other customers' resources appear not to exist.
    pub fn may_see(&self, customer_id: &str) -> bool {
        self.is_admin || self.customer_id == customer_id
    }

    /// Checks that the key is an administrator's.
    ///
    /// # Errors
    /// 403.
    pub fn must_be_admin(&self, what: &str) -> Result<(), Problem> {
        if self.is_admin {
            return Ok(());
        }
        Err(forbidden(format!(
            "{what} belong to the whole installation, and this key is not an administrator's; use an administrator's key"
        )))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(unauthorized)
    }
}

/// Digests of the keys, so that the time of a comparison does not reveal how much of a wrong key is right.
pub struct Keys(Vec<([u8; 32], Caller)>);

impl Keys {
    pub fn new(keys: &[Key]) -> Keys {
        let digests = keys.iter().enumerate().filter(|(_, key)| !key.key.is_empty()).map(|(number, key)| {
            let caller = Caller { customer_id: key.customer_id.clone(), is_admin: key.is_admin, key: number };
            (Sha256::digest(&key.key).into(), caller)
        });
        Keys(digests.collect())
    }

    fn find(&self, key: &str) -> Option<&Caller> {
        let presented: [u8; 32] = Sha256::digest(key).into();
        let differs = |known: &[u8; 32]| known.iter().zip(&presented).fold(0, |all, (a, b)| all | (a ^ b));
        // Every key is compared, so that the time does not reveal which one is similar.
        self.0
            .iter()
            .fold(None, |found, (known, caller)| if differs(known) == 0 { Some(caller) } else { found })
    }
}

/// Rejects requests without a known key.
pub async fn require(State(keys): State<Arc<Keys>>, mut request: Request, next: Next) -> Response {
    match caller(&keys, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn caller(keys: &Keys, request: &Request) -> Result<Caller, Problem> {
    let query = Pairs::of(request.uri());
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let key = bearer.or_else(|| query.last("token")).ok_or_else(unauthorized)?;
    let caller = keys.find(key).ok_or_else(unauthorized)?;
    let Some(text) = query.last("customer_id") else { return Ok(caller.clone()) };
    let customer_id = uuid::Uuid::parse_str(text).map_err(|_| {
        let detail = format!(
            "`customer_id` is `{text}`; expected a UUID such as 5e4a0680-804e-11ec-8477-2fea5968d85b"
        );
        Problem::bad_request("invalid_query", detail)
    })?;
    let customer_id = customer_id.hyphenated().to_string();
    if !caller.may_see(&customer_id) {
        return Err(forbidden(format!(
            "this key has no access to customer {customer_id}; leave out `customer_id`, or use an administrator's key"
        )));
    }
    Ok(Caller { customer_id, ..*caller })
}

fn unauthorized() -> Problem {
    let detail = "the request has no known API key; send `Authorization: Bearer KEY` or `?token=KEY`. The first key is in the file `api-key` of the data folder, or in the setting api.bootstrap_key";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}

fn forbidden(detail: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// The pairs of a query. If a name occurs twice, the last value counts.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn of(uri: &Uri) -> Pairs {
        Pairs(Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default())
    }

    fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    const ACME: &str = "5e4a0680-804e-11ec-8477-2fea5968d85b";

    fn keys() -> Keys {
        let key = |key: &str, is_admin| Key { key: key.into(), customer_id: ACME.into(), is_admin };
        Keys::new(&[key("", true), key("secret", true), key("plain", false)])
    }

    fn ask(uri: &str, authorization: Option<&str>) -> Result<Caller, u16> {
        let mut request = Request::builder().uri(uri);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        caller(&keys(), &request.body(Body::empty()).unwrap()).map_err(|problem| problem.status)
    }

    #[test]
    fn a_key_is_taken_as_a_bearer_or_from_the_query() {
        let admin = Ok(Caller { customer_id: ACME.into(), is_admin: true, key: 1 });
        assert_eq!(ask("/v1/flows", Some("Bearer secret")), admin);
        assert_eq!(ask("/v1/flows", Some("bearer secret")), admin);
        assert_eq!(ask("/v1/flows?token=secret", None), admin);
        assert_eq!(ask("/v1/flows?token=%73ecret&x=1", None), admin);
    }

    #[test]
    fn a_request_without_a_known_key_is_rejected() {
        for authorization in
            [None, Some("Bearer"), Some("Bearer "), Some("Bearer secre"), Some("Basic secret")]
        {
            assert_eq!(ask("/v1/flows", authorization), Err(401), "{authorization:?}");
        }
        assert_eq!(ask("/v1/flows?token=", None), Err(401));
        assert_eq!(ask("/v1/flows?token=secretsecret", None), Err(401));
    }

    #[test]
    fn only_an_administrator_names_another_customer() {
        let other = "00000000-0000-0000-0000-000000000001";
        let selected = ask(&format!("/v1/flows?customer_id={other}"), Some("Bearer secret")).unwrap();
        assert_eq!(selected.customer_id, other);
        assert_eq!(ask(&format!("/v1/flows?customer_id={other}"), Some("Bearer plain")), Err(403));
        assert!(ask(&format!("/v1/flows?customer_id={ACME}"), Some("Bearer plain")).is_ok());
        assert_eq!(ask("/v1/flows?customer_id=acme", Some("Bearer secret")), Err(400));
    }
}
