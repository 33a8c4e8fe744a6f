//! Authentication by API key, from the header or the query, the key's rights, and the customer that the request is about.

use crate::access::{self, Access, Scope};
use crate::audit::{Asked, AuditLine};
use crate::config::{Key, Role};
use crate::middleware::RequestId;
use crate::problem::Problem;
use crate::wrong_keys::WrongKeys;
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::ports::Clock;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The authenticated caller. Every operation that needs a key has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The customer that the request is about: the key's, or the one that the caller selected.
    pub customer_id: String,
    /// Whether the key is for all customers.
    pub is_for_all: bool,
    pub role: Role,
    /// Name of the key.
    pub name: Arc<str>,
    /// Index of the key in the configuration.
    pub key: usize,
}

impl Caller {
    /// Whether the caller may see this customer's resources. Other customers' resources appear not to exist.
    pub fn may_see(&self, customer_id: &str) -> bool {
        self.is_for_all || self.customer_id == customer_id
    }

    /// Checks the right to `operation`.
    ///
    /// # Errors
    /// 403.
    fn must_have(&self, needed: Access, operation: &str) -> Result<(), Problem> {
        let Caller { name, role, .. } = self;
        let detail = if *role < needed.role {
            format!(
                "{operation} needs a key with the role `{}`, and the key `{name}` has the role `{}`; use another key (api.keys)",
                needed.role.name(),
                role.name()
            )
        } else if needed.scope == Scope::Installation && !self.is_for_all {
            format!(
                "{operation} belongs to the whole installation, and the key `{name}` is for one customer; use a key for all \
                 customers (customer = \"all\")"
            )
        } else {
            return Ok(());
        };
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(unauthorized)
    }
}

/// The keys, and the answer to wrong ones.
pub struct Authentication {
    keys: Keys,
    wrong_keys: WrongKeys,
}

impl Authentication {
    pub fn new(keys: &[Key], clock: Arc<dyn Clock>) -> Authentication {
        Authentication { keys: Keys::new(keys), wrong_keys: WrongKeys::new(clock) }
    }
}

/// Digests of the keys, so that the time of a comparison does not reveal how much of a wrong key is right.
struct Keys(Vec<([u8; 32], Caller)>);

impl Keys {
    fn new(keys: &[Key]) -> Keys {
        let digests = keys.iter().enumerate().filter(|(_, key)| !key.key.is_empty()).map(|(number, key)| {
            let Key { name, key, customer_id, is_for_all, role } = key;
            let (customer_id, name) = (customer_id.clone(), name.as_str().into());
            let caller = Caller { customer_id, is_for_all: *is_for_all, role: *role, name, key: number };
            (Sha256::digest(key).into(), caller)
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

/// Rejects requests without a known key, or with a key that has not the right to the operation. Changes leave a line in
/// the audit log.
pub async fn require(
    State(authentication): State<Arc<Authentication>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer(&request);
    let caller = match caller(&authentication.keys, &request) {
        Ok(caller) => caller,
        Err(Denied::NoKey) => return unauthorized().into_response(),
        Err(Denied::WrongKey) => {
            let answer = authentication.wrong_keys.answer(peer).await;
            return answer.unwrap_or_else(unauthorized).into_response();
        }
        Err(Denied::Problem(problem)) => return problem.into_response(),
    };
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let access = access::needed(request.method(), path);
    let operation = format!("{} {path}", request.method());
    let line = access.is_audited.then(|| AuditLine::begin(asked(&request, &caller, peer)));
    let response = match caller.must_have(access, &operation) {
        Ok(()) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(line) = line {
        line.end(&response);
    }
    response
}

fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip())
}

fn asked(request: &Request, caller: &Caller, peer: Option<IpAddr>) -> Asked {
    let id = request.extensions().get::<RequestId>();
    Asked {
        key: caller.name.to_string(),
        peer,
        customer_id: caller.customer_id.clone(),
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        request_id: id.map(|id| String::from_utf8_lossy(id.0.as_bytes()).into_owned()).unwrap_or_default(),
    }
}

/// The reason why there is no caller.
#[derive(Debug)]
enum Denied {
    NoKey,
    WrongKey,
    Problem(Problem),
}

fn caller(keys: &Keys, request: &Request) -> Result<Caller, Denied> {
    let query = Pairs::of(request.uri());
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    let key = bearer.or_else(|| query.last("token")).filter(|key| !key.is_empty()).ok_or(Denied::NoKey)?;
    let caller = keys.find(key).ok_or(Denied::WrongKey)?;
    let Some(text) = query.last("customer_id") else { return Ok(caller.clone()) };
    let customer_id = uuid::Uuid::parse_str(text).map_err(|_| {
        let detail = format!(
            "`customer_id` is `{text}`; expected a UUID such as 5e4a0680-804e-11ec-8477-2fea5968d85b"
        );
        Denied::Problem(Problem::bad_request("invalid_query", detail))
    })?;
    let customer_id = customer_id.hyphenated().to_string();
    if !caller.may_see(&customer_id) {
        let detail = format!(
            "the key `{}` has no access to customer {customer_id}; leave out `customer_id`, or use a key for all customers",
            caller.name
        );
        return Err(Denied::Problem(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)));
    }
    Ok(Caller { customer_id, ..caller.clone() })
}

fn unauthorized() -> Problem {
    let detail = "the request has no known API key; send `Authorization: Bearer KEY` or `?token=KEY`. The first key is in the file `api-key` of the data folder, or in the setting api.bootstrap_key; api.keys has further ones";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
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
        let key = |key: &str, is_for_all| Key {
            name: format!("key-{key}"),
            key: key.into(),
            customer_id: ACME.into(),
            is_for_all,
            role: Role::Admin,
        };
        Keys::new(&[key("", true), key("secret", true), key("plain", false)])
    }

    fn ask(uri: &str, authorization: Option<&str>) -> Result<Caller, u16> {
        let mut request = Request::builder().uri(uri);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        caller(&keys(), &request.body(Body::empty()).unwrap()).map_err(|denied| match denied {
            Denied::NoKey => 0,
            Denied::WrongKey => 401,
            Denied::Problem(problem) => problem.status,
        })
    }

    #[test]
    fn a_key_is_taken_as_a_bearer_or_from_the_query() {
        let admin = Ok(Caller {
            customer_id: ACME.into(),
            is_for_all: true,
            role: Role::Admin,
            name: "key-secret".into(),
            key: 1,
        });
        assert_eq!(ask("/v1/flows", Some("Bearer secret")), admin);
        assert_eq!(ask("/v1/flows", Some("bearer secret")), admin);
        assert_eq!(ask("/v1/flows?token=secret", None), admin);
        assert_eq!(ask("/v1/flows?token=%73ecret&x=1", None), admin);
    }

    #[test]
    fn a_request_without_a_known_key_is_rejected() {
        for authorization in [None, Some("Bearer"), Some("Bearer "), Some("Basic secret")] {
            assert_eq!(ask("/v1/flows", authorization), Err(0), "{authorization:?}");
        }
        assert_eq!(ask("/v1/flows", Some("Bearer secre")), Err(401));
        assert_eq!(ask("/v1/flows?token=", None), Err(0));
        assert_eq!(ask("/v1/flows?token=secretsecret", None), Err(401));
    }

    #[test]
    fn only_a_key_for_all_customers_names_another_one() {
        let other = "00000000-0000-0000-0000-000000000001";
        let selected = ask(&format!("/v1/flows?customer_id={other}"), Some("Bearer secret")).unwrap();
        assert_eq!(selected.customer_id, other);
        assert_eq!(ask(&format!("/v1/flows?customer_id={other}"), Some("Bearer plain")), Err(403));
        assert!(ask(&format!("/v1/flows?customer_id={ACME}"), Some("Bearer plain")).is_ok());
        assert_eq!(ask("/v1/flows?customer_id=acme", Some("Bearer secret")), Err(400));
    }
}
