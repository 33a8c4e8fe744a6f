//! One layer of settings: its origin and its values, checked against the known settings.

use super::private_file::must_be_private;
use super::secrets::{is_api_key, shown};
use super::settings::DEFAULTS;
use crate::next_format::VARIABLE;
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// Values of one file, one variable or one flag, by full key (`redis.url`).
#[derive(Clone, Debug)]
pub struct Layer {
    /// Shown to people: `/etc/signalbox.toml`, `SIGNALBOX_REDIS__URL`, `--set redis.url`.
    pub origin: String,
    pub values: BTreeMap<String, Value>,
}

const PREFIX: &str = "SIGNALBOX_";

/// All known settings and their defaults.
pub fn defaults() -> Result<Layer, String> {
    let table: Table = DEFAULTS.parse().map_err(|error| format!("config/default.toml: {error}"))?;
    Ok(Layer { origin: "default".into(), values: flattened(&table) })
}

pub fn of_file(path: &Path, known: &Layer) -> Result<Layer, Vec<String>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| vec![format!("the configuration file {shown} cannot be read: {error}")])?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let (line, column) = place(&text, error.span().map_or(0, |span| span.start));
        vec![format!("{shown}:{line}:{column}: not TOML: {}", error.message().replace('\n', ", "))]
    })?;
    let mut values = flattened(&table);
    values.retain(|key, value| !is_empty_section(key, value, known));
    let layer = Layer { origin: shown.to_string(), values };
    let mut wrong: Vec<String> =
        layer.values.iter().filter_map(|(key, value)| fits(key, value, known, &layer.origin).err()).collect();
    let has_key = |(key, value): (&String, &Value)| is_api_key(key) && value.as_str() != Some("");
    if layer.values.iter().any(has_key) {
        wrong
            .extend(must_be_private(path).err().map(|why| format!("{why}, or move the key to a `key_file`")));
    }
    if wrong.is_empty() { Ok(layer) } else { Err(wrong) }
}

/// `SIGNALBOX_<SECTION>__<KEY>`, or with `_FILE` behind it the name of a file that holds the value.
/// `None` if the variable is not a setting.
pub fn of_variable(name: &str, value: &str, known: &Layer) -> Option<Result<Layer, String>> {
    let rest = name.strip_prefix(PREFIX)?;
    if !rest.contains("__") {
        return near_miss(name, known).map(Err);
    }
    let key = rest.to_lowercase().replacen("__", ".", 1);
    if known.values.contains_key(&key) {
        return Some(one(name.to_owned(), &key, value, known));
    }
    match key.strip_suffix("_file").filter(|key| known.values.contains_key(*key)) {
        Some(key) => Some(of_secret_file(name, key, value, known)),
        None => {
            let proposal = nearest(&key, known)
                .map_or_else(String::new, |near| format!(" Did you mean {}?", variable(near)));
            Some(Err(format!("{name} (environment): there is no setting {key}.{proposal}")))
        }
    }
}

fn of_secret_file(name: &str, key: &str, path: &str, known: &Layer) -> Result<Layer, String> {
    if is_api_key(key) {
        must_be_private(Path::new(path)).map_err(|why| format!("{name}: {why}"))?;
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{name}: the file {path} cannot be read: {error}"))?;
    one(format!("{name} ({path})"), key, text.trim_end_matches(['\r', '\n']), known)
}

/// `SECTION.KEY=VALUE`.
pub fn of_flag(flag: &str, known: &Layer) -> Result<Layer, String> {
    let (key, value) = flag.split_once('=').ok_or_else(|| {
        // What follows the name may be a secret.
        let name: String =
            flag.chars().take_while(|c| c.is_ascii_alphanumeric() || ['.', '_'].contains(c)).collect();
        format!("--set {name}: write SECTION.KEY=VALUE, for example engine.lease=15s")
    })?;
    one(format!("--set {key}"), key.trim(), value, known)
}

fn one(origin: String, key: &str, text: &str, known: &Layer) -> Result<Layer, String> {
    let value = typed(key, text, known, &origin)?;
    fits(key, &value, known, &origin)?;
    Ok(Layer { origin, values: BTreeMap::from([(key.to_owned(), value)]) })
}

/// Converts text to the type of the setting's default.
fn typed(key: &str, text: &str, known: &Layer, origin: &str) -> Result<Value, String> {
    let wrong = |expected: &str| format!("{key} is `{}` ({origin}): expected {expected}", shown(key, &text));
    match known.values.get(key) {
        Some(Value::Integer(_)) => {
            text.trim().parse().map(Value::Integer).map_err(|_| wrong("a whole number"))
        }
        Some(Value::Boolean(_)) => {
            text.trim().parse().map(Value::Boolean).map_err(|_| wrong("true or false"))
        }
        Some(Value::Table(_)) => format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .ok_or_else(|| wrong("a table such as { name = \"value\" }")),
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn fits(key: &str, value: &Value, known: &Layer, origin: &str) -> Result<(), String> {
    let Some(default) = known.values.get(key).or_else(|| enclosing_map(key, known)) else {
        let proposal = nearest(key, known).map_or_else(
            || " `signalbox config show` lists all settings.".to_owned(),
            |near| format!(" Did you mean {near}?"),
        );
        return Err(format!("there is no setting {key} ({origin}).{proposal}"));
    };
    let expected = match default {
        Value::Table(_) if known.values.contains_key(key) => "a table",
        Value::Table(_) | Value::String(_) => "a text in quotes, such as \"10s\"",
        Value::Integer(_) => "a whole number",
        _ => "true or false",
    };
    let same = match default {
        Value::Table(_) if !known.values.contains_key(key) => value.is_str(),
        default => default.same_type(value),
    };
    if same {
        Ok(())
    } else {
        Err(format!("{key} is `{}` ({origin}): expected {expected}", shown(key, value)))
    }
}

/// Whether this is an empty section, such as `[redis]` without settings.
fn is_empty_section(key: &str, value: &Value, known: &Layer) -> bool {
    value.as_table().is_some_and(Table::is_empty)
        && known.values.keys().any(|name| name.starts_with(&format!("{key}.")))
}

/// The map (`amqp.realms`) that an entry belongs to.
fn enclosing_map<'a>(key: &str, known: &'a Layer) -> Option<&'a Value> {
    let (map, _) = key
        .match_indices('.')
        .map(|(at, _)| key.split_at(at))
        .find(|(map, _)| known.values.get(*map).is_some_and(Value::is_table))?;
    known.values.get(map)
}

/// `SIGNALBOX_REDIS_URL` or `SIGNALBOX_LOGLEVEL`: a typing error that would otherwise have no effect.
fn near_miss(name: &str, known: &Layer) -> Option<String> {
    if is_known(name) {
        return None;
    }
    let squeezed = |text: &str| text.replace('_', "");
    let plain = name.strip_suffix("_FILE").unwrap_or(name);
    if let Some(key) = known.values.keys().find(|key| squeezed(&variable(key)) == squeezed(plain)) {
        return Some(format!(
            "{name} (environment) is not a setting: write two underscores after the section, {}",
            variable(key)
        ));
    }
    let far = |key: &String| {
        (strsim::damerau_levenshtein(&squeezed(&variable(key)), &squeezed(plain)), key.clone())
    };
    let (distance, key) = known.values.keys().map(far).min()?;
    (distance <= 2)
        .then(|| format!("{name} (environment) is not a setting. Did you mean {}?", variable(&key)))
}

/// A variable with the prefix that has no effect, in a sentence. Kubernetes sets some for a service of this name.
pub fn unused_variable(name: &str) -> Option<String> {
    let is_unused = name.starts_with(PREFIX) && !name.contains("__") && !is_known(name);
    is_unused.then(|| {
        format!("{name} (environment) is not a setting and has no effect; settings are named SIGNALBOX_<SECTION>__<KEY>")
    })
}

/// Whether the variable is the one of `--config`, or one that Kubernetes sets: `SIGNALBOX_SERVICE_HOST`,
/// `SIGNALBOX_PORT_8080_TCP_ADDR`.
fn is_known(name: &str) -> bool {
    let ends = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"];
    [VARIABLE, "SIGNALBOX_CONFIG"].contains(&name)
        || ends.iter().any(|end| name.ends_with(end))
        || name.contains("_SERVICE_PORT_")
        || (name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP")))
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replacen('.', "__", 1).to_uppercase())
}

fn nearest<'a>(key: &str, known: &'a Layer) -> Option<&'a String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    known
        .values
        .keys()
        .map(|name| (strsim::damerau_levenshtein(key, name), name))
        .min()
        .filter(|(far, name)| *far <= 1 + name.len() / 4)
        .map(|(_, name)| name)
        .or_else(|| known.values.keys().find(|name| last(name) == last(key)))
}

/// Values by their full key. An empty table is a value: a map with free keys.
fn flattened(table: &Table) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    flatten("", table, &mut leaves);
    leaves
}

fn flatten(prefix: &str, table: &Table, leaves: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => flatten(&key, inner, leaves),
            value => {
                leaves.insert(key, value.clone());
            }
        }
    }
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}
