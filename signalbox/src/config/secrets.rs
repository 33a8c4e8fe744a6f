//! Settings whose values are never shown.

/// Printed instead of a secret.
pub const MASK: &str = "***";

/// Whether the value of the setting is a secret, or contains one.
pub fn is_secret(key: &str) -> bool {
    is_api_key(key) || ["redis.url", "amqp.url"].contains(&key)
}

/// Whether the value of the setting is an API key, or contains some.
pub fn is_api_key(key: &str) -> bool {
    let is_plain = |key: &str| [".customer", ".role", ".key_file"].iter().any(|end| key.ends_with(end));
    let of_keys = key.strip_prefix("api.keys").is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    (of_keys && !is_plain(key)) || ["api.key", "api.bootstrap_key"].contains(&key)
}

/// The value in an error.
pub fn shown(key: &str, value: &dyn std::fmt::Display) -> String {
    if is_secret(key) { MASK.to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn keys_and_passwords_are_secrets() {
        for secret in [
            "api.key",
            "api.bootstrap_key",
            "api.keys",
            "api.keys.a",
            "api.keys.a.key",
            "redis.url",
            "amqp.url",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for plain in
            ["api.keys.a.role", "api.keys.a.customer", "api.keys.a.key_file", "api.listen", "api.hosts"]
        {
            assert!(!is_secret(plain), "{plain}");
        }
    }
}
