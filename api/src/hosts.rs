//! The hosts to which requests may be addressed, against DNS rebinding: a page in a browser that reaches this server under
//! a name of its own could use it as if the page came from here.

use crate::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The allowed hosts: IP addresses, `localhost`, names without a dot, and the names of the setting `api.hosts`. Nobody can
/// register the first three for a page.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts {
    names: BTreeSet<String>,
    allows_all: bool,
}

impl AllowedHosts {
    /// `names` are separated by commas; `*` allows every host.
    pub fn new(names: &str) -> AllowedHosts {
        let names: BTreeSet<String> =
            names.split(',').map(|name| normal(name.trim())).filter(|name| !name.is_empty()).collect();
        AllowedHosts { allows_all: names.contains("*"), names }
    }

    /// The host of the request, if it is not allowed. Browsers always send one.
    pub fn refused<B>(&self, request: &axum::http::Request<B>) -> Option<String> {
        let of_uri = request.uri().authority().map(|authority| authority.as_str().to_owned());
        let of_headers = request.headers().get_all(header::HOST).iter();
        let of_headers = of_headers.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        of_uri.into_iter().chain(of_headers).find(|host| !self.allows(host))
    }

    pub fn explain(host: &str) -> String {
        let host: String = host.chars().take(MAX_SHOWN).collect();
        format!(
            "the request is addressed to the host {host:?}, which is not a name of this Signalbox; use its IP address, or add the \
             name to the setting api.hosts"
        )
    }

    fn allows(&self, authority: &str) -> bool {
        let host = normal(without_port(authority));
        let is_bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_ip = is_bracketed.unwrap_or(&host).parse::<IpAddr>().is_ok();
        let is_local = host == "localhost" || host.ends_with(".localhost");
        self.allows_all || is_ip || is_local || is_single_label(&host) || self.names.contains(&host)
    }
}

/// Maximum number of characters of a refused host in an error.
const MAX_SHOWN: usize = 100;

fn is_single_label(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ['-', '_'].contains(&c))
}

fn without_port(authority: &str) -> &str {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Rejects requests that are addressed to another host.
pub async fn require(State(hosts): State<Arc<AllowedHosts>>, request: Request, next: Next) -> Response {
    match hosts.refused(&request) {
        None => next.run(request).await,
        Some(host) => {
            Problem::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", AllowedHosts::explain(&host))
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    #[test]
    fn only_names_that_nobody_else_can_have_are_allowed() {
        let hosts = AllowedHosts::new("Flows.example, api.internal.");
        for host in [
            "127.0.0.1:8080",
            "10.0.0.7",
            "[::1]:8080",
            "[::1]",
            "localhost",
            "LOCALHOST:1",
            "a.localhost",
            "signalbox:8080",
            "flows.example",
            "FLOWS.example.:443",
            "api.internal",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "",
            ":8080",
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "flows.example.evil.example",
            "user@evil.example",
            "127.0.0.1@evil.example:80",
            "[::1].evil.example",
            "flows.example/x",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
        assert!(AllowedHosts::new("*").allows("evil.example") && !AllowedHosts::new("").allows("x.example"));
    }
}
