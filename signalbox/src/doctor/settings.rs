//! Checks for settings that work but are not safe.

use super::finding::{Finding, ok, warn};
use crate::config::Config;
use std::net::{IpAddr, SocketAddr};

const API: &str = "api";
const OPS: &str = "ops";
const BROKER_USER: &str = "amqp user";
const REALMS: &str = "amqp realms";
const STORE_USER: &str = "redis user";

pub fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![listener(API, "api.listen", &config.api.listen, API_ADVICE)];
    let has_key = !config.api.bootstrap_key.is_empty() || !config.api.keys.is_empty();
    if is_public(&config.api.listen) && !has_key && !config.redis.url.is_empty() {
        let found =
            format!("api.listen is {}, which other machines can reach, and no key is set", config.api.listen);
        findings.push(warn(API, found, "set SIGNALBOX_API__BOOTSTRAP_KEY, or api.listen to 127.0.0.1:8080"));
    }
    findings.push(listener(OPS, "ops.listen", &config.ops.listen, OPS_ADVICE));
    if let Some(Server { user, password, host }) = server(&config.amqp.url) {
        findings.push(match (user.as_str(), password.as_str(), is_local(&host)) {
            ("guest" | "", "guest" | "", false) => {
                let found = format!("the broker at {host} is used as `guest` with its well-known password");
                warn(
                    BROKER_USER,
                    found,
                    "create a separate user there (rabbitmqctl add_user), and delete guest",
                )
            }
            _ => ok(BROKER_USER, format!("`{}` at {host}", if user.is_empty() { "guest" } else { &user })),
        });
    }
    if !config.amqp.url.is_empty() {
        findings.push(realms(config));
    }
    if let Some(Server { password, host, .. }) = server(&config.redis.url) {
        findings.push(match password.is_empty() && !is_local(&host) {
            true => {
                let found = format!("Redis at {host} is used without a password");
                warn(
                    STORE_USER,
                    found,
                    "set requirepass or an ACL user there, and redis.url to redis://user:password@host:port",
                )
            }
            false => ok(STORE_USER, format!("Redis at {host}")),
        });
    }
    findings
}

fn realms(config: &Config) -> Finding {
    let users = config.amqp.realms.len();
    match (users, config.amqp.accept_missing_user_id) {
        (0, _) => ok(REALMS, "[amqp.realms] is empty: every publisher belongs to the realm `default`"),
        (_, false) => ok(REALMS, format!("{users} users have a realm; events of others are rejected")),
        (_, true) => warn(
            REALMS,
            format!("{users} users have a realm, but events without a user_id belong to the realm `default`"),
            "each publisher can leave the user_id out: let all set it, then turn amqp.accept_missing_user_id off",
        ),
    }
}

const API_ADVICE: &str =
    "keys and events cross the network unencrypted: use a TLS proxy, or listen on 127.0.0.1";
const OPS_ADVICE: &str = "anyone on that network can read metrics and readiness: listen on 127.0.0.1, or on a network for operators";

fn listener(check: &'static str, key: &str, listen: &str, advice: &str) -> Finding {
    match listen {
        "" => ok(check, format!("{key} is off")),
        listen if is_public(listen) => {
            warn(check, format!("{key} is {listen}, which other machines can reach"), advice)
        }
        listen => ok(check, format!("{key} is {listen}, this machine only")),
    }
}

fn is_public(listen: &str) -> bool {
    listen.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback())
}

struct Server {
    user: String,
    password: String,
    host: String,
}

/// Parses `scheme://user:password@host:port/…`; `None` if the URL is empty.
fn server(url: &str) -> Option<Server> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let host = match place.strip_prefix('[') {
        Some(six) => six.split(']').next()?,
        None => place.split(':').next()?,
    };
    Some(Server { user: user.to_owned(), password: password.to_owned(), host: host.to_owned() })
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::doctor::finding::Severity;

    fn warned(settings: &[&str]) -> Vec<&'static str> {
        let flags = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let config = load(&Sources { flags, ..Sources::default() }).unwrap().config;
        let findings = examine(&config);
        findings.into_iter().filter(|f| f.severity == Severity::Warn).map(|f| f.check).collect()
    }

    #[test]
    fn public_addresses_and_well_known_passwords_are_reported() {
        assert_eq!(warned(&[]), Vec::<&str>::new());
        assert_eq!(
            warned(&["amqp.url=amqp://guest:guest@127.0.0.1/%2f", "redis.url=redis://[::1]:6379"]),
            Vec::<&str>::new()
        );
        assert_eq!(warned(&["amqp.url=amqp://guest:guest@broker.example/%2f"]), [BROKER_USER]);
        assert_eq!(warned(&["amqp.url=amqp://us:secret@broker.example/%2f"]), Vec::<&str>::new());
        assert_eq!(warned(&["redis.url=redis://10.0.0.7:6379"]), [STORE_USER]);
        assert_eq!(warned(&["redis.url=redis://:secret@10.0.0.7:6379"]), Vec::<&str>::new());
        assert_eq!(warned(&["ops.listen=0.0.0.0:9464"]), [OPS]);
        assert_eq!(warned(&["api.listen=0.0.0.0:8080"]), [API]);
        assert_eq!(warned(&["api.listen=0.0.0.0:8080", "redis.url=redis://127.0.0.1"]), [API, API]);
    }
}
