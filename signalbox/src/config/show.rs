//! The effective settings and their origins, with secrets masked.

use super::secrets::{MASK, is_secret};
use super::settings::DEFAULTS;
use figment::Figment;
use figment::value::{Dict, Value};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EffectiveSetting {
    pub key: String,
    pub value: String,
    pub origin: String,
}

/// Every setting in the order of `config/default.toml`.
pub fn effective(figment: &Figment) -> Vec<EffectiveSetting> {
    let mut all = Vec::new();
    if let Ok(root) = figment.extract::<Dict>() {
        walk("", &root, figment, &mut all);
    }
    all.sort_by_key(|setting| section_order(&setting.key));
    all
}

fn walk(prefix: &str, dict: &Dict, figment: &Figment, all: &mut Vec<EffectiveSetting>) {
    for (name, value) in dict {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, inner) if !inner.is_empty() => walk(&key, inner, figment, all),
            value => {
                let origin =
                    figment.get_metadata(value.tag()).map_or("default", |metadata| metadata.name.as_ref());
                all.push(EffectiveSetting { value: text(&key, value), origin: origin.to_owned(), key });
            }
        }
    }
}

/// Position of the key's section in the file, then the key.
fn section_order(key: &str) -> (usize, String) {
    let section = key.split('.').next().unwrap_or_default();
    (DEFAULTS.find(&format!("\n[{section}]")).unwrap_or(usize::MAX), key.to_owned())
}

fn text(key: &str, value: &Value) -> String {
    match value {
        Value::String(_, text) if is_secret(key) && !text.is_empty() && !key.ends_with(".url") => MASK.into(),
        Value::String(_, text) => masked_url(text),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Dict(..) => "{}".into(),
        other => other.to_i128().map_or_else(|| format!("{other:?}"), |number| number.to_string()),
    }
}

/// `redis://user:secret@host` becomes `redis://user:***@host`.
pub fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // Up to the last `@`: a password may have a `/` that should have been escaped.
    let authority = &rest[..rest.rfind('@').map_or(0, |at| at + 1)];
    match authority.rfind('@').and_then(|at| Some((at, authority[..at].find(':')?))) {
        Some((at, colon)) => format!("{scheme}://{}:***{}", &rest[..colon], &rest[at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::masked_url;

    #[test]
    fn passwords_are_masked_and_the_rest_stays() {
        assert_eq!(masked_url("redis://:p@ss@h:6379/0"), "redis://:***@h:6379/0");
        assert_eq!(masked_url("amqp://guest:guest@h/%2f"), "amqp://guest:***@h/%2f");
        assert_eq!(masked_url("redis://h:6379"), "redis://h:6379");
        assert_eq!(masked_url("redis://:pa/ss@h:6379"), "redis://:***@h:6379");
        assert_eq!(masked_url("info"), "info");
    }
}
