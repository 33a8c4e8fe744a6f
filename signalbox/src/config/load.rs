//! Loads the settings from defaults, file, environment and flags; later sources override earlier ones. Every value keeps
//! its origin.

use super::layers::{self, Layer};
use super::secrets::shown;
use super::settings::Config;
use super::show::{EffectiveSetting, effective};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use std::path::PathBuf;

/// Sources of settings. The environment is a parameter, so that tests can set their own.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
    /// `SECTION.KEY=VALUE`
    pub flags: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct LoadedConfig {
    pub config: Config,
    /// Every effective setting and its origin.
    pub settings: Vec<EffectiveSetting>,
    /// What is set and has no effect, one sentence each.
    pub warnings: Vec<String>,
}

impl LoadedConfig {
    pub fn is_default(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key && setting.origin == "default")
    }
}

/// Loads the settings.
///
/// # Errors
/// All errors in the sources, one sentence each, with key, value and origin.
pub fn load(sources: &Sources) -> Result<LoadedConfig, Vec<String>> {
    let known = layers::defaults().map_err(|wrong| vec![wrong])?;
    let mut layers = Vec::new();
    let mut wrong = Vec::new();
    if let Some(path) = &sources.file {
        match layers::of_file(path, &known) {
            Ok(layer) => layers.push(layer),
            Err(found) => wrong.extend(found),
        }
    }
    let environment =
        sources.environment.iter().filter_map(|(name, value)| layers::of_variable(name, value, &known));
    let flags = sources.flags.iter().map(|flag| layers::of_flag(flag, &known));
    for layer in environment.chain(flags) {
        match layer {
            Ok(layer) => layers.push(layer),
            Err(found) => wrong.push(found),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let figment = layers.into_iter().fold(Figment::from(known), Figment::merge);
    let config =
        figment.extract().map_err(|errors| errors.into_iter().map(|e| sentence(&e)).collect::<Vec<_>>())?;
    let warnings = sources.environment.iter().filter_map(|(name, _)| layers::unused_variable(name)).collect();
    Ok(LoadedConfig { config, settings: effective(&figment), warnings })
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut root = Dict::new();
        for (key, value) in &self.values {
            insert(&mut root, key, Value::serialize(value)?);
        }
        Ok(Map::from([(Profile::Default, root)]))
    }
}

fn insert(dict: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let entry =
                dict.entry(first.to_owned()).or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
            if let Value::Dict(_, inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

fn sentence(error: &figment::Error) -> String {
    use figment::error::Kind;
    let key = error.path.join(".");
    let origin = error.metadata.as_ref().map_or("no origin", |metadata| metadata.name.as_ref());
    match &error.kind {
        Kind::Message(what) => format!("{key} ({origin}): {what}"),
        Kind::InvalidValue(got, expected) | Kind::InvalidType(got, expected) => {
            format!("{key} is {} ({origin}): expected {expected}", shown(&key, got))
        }
        Kind::UnknownVariant(got, known) => {
            format!("{key} is `{got}` ({origin}): write one of {}", known.join(", "))
        }
        Kind::MissingField(field) => format!("the setting {field} is missing in config/default.toml"),
        other => format!("{key} ({origin}): {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn environment(pairs: &[(&str, &str)]) -> Sources {
        let environment = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Sources { environment, ..Sources::default() }
    }

    #[test]
    fn the_default_file_has_every_setting() {
        let loaded = load(&Sources::default()).unwrap();
        assert_eq!(loaded.config.engine.shards, 16);
        assert!(loaded.settings.iter().all(|setting| setting.origin == "default"));
    }

    #[test]
    fn environment_goes_over_the_file_and_flags_over_both() {
        let folder = std::env::temp_dir().join(format!("signalbox-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.toml");
        std::fs::write(&file, "[engine]\nlease = \"11s\"\nshards = 32\n[amqp.realms]\nsbc = \"north\"\n")
            .unwrap();
        let sources = Sources {
            file: Some(file.clone()),
            flags: vec!["redis.connections=7".into()],
            ..environment(&[
                ("SIGNALBOX_ENGINE__LEASE", "12s"),
                ("SIGNALBOX_REDIS__CONNECTIONS", "5"),
                ("HOME", "/"),
            ])
        };
        let loaded = load(&sources).unwrap();
        assert_eq!(loaded.config.engine.lease.0, Duration::from_secs(12));
        assert_eq!((loaded.config.engine.shards, loaded.config.redis.connections), (32, 7));
        assert_eq!(loaded.config.amqp.realms["sbc"], "north");
        let origin = |key: &str| loaded.settings.iter().find(|s| s.key == key).unwrap().origin.clone();
        assert_eq!(origin("engine.lease"), "SIGNALBOX_ENGINE__LEASE");
        assert_eq!(origin("engine.shards"), file.display().to_string());
        assert_eq!(origin("redis.connections"), "--set redis.connections");
    }

    #[test]
    fn a_secret_may_be_in_a_file() {
        let file = std::env::temp_dir().join(format!("signalbox-secret-{}", std::process::id()));
        std::fs::write(&file, "redis://:hunter2@127.0.0.1:6379\n").unwrap();
        let loaded = load(&environment(&[("SIGNALBOX_REDIS__URL_FILE", file.to_str().unwrap())])).unwrap();
        assert_eq!(loaded.config.redis.url, "redis://:hunter2@127.0.0.1:6379");
        let url = loaded.settings.iter().find(|s| s.key == "redis.url").unwrap();
        assert!(url.value.contains("***") && !url.value.contains("hunter2"));
        let loaded =
            load(&environment(&[("SIGNALBOX_API__BOOTSTRAP_KEY", "hunter2-hunter2-hunter2")])).unwrap();
        assert!(loaded.settings.iter().all(|setting| !setting.value.contains("hunter2")));
    }

    #[test]
    fn an_error_names_key_value_and_origin() {
        for (name, value, expected) in [
            (
                "SIGNALBOX_REDIS__ULR",
                "x",
                "SIGNALBOX_REDIS__ULR (environment): there is no setting redis.ulr. Did you mean SIGNALBOX_REDIS__URL?",
            ),
            ("SIGNALBOX_REDIS_URL", "x", "write two underscores after the section, SIGNALBOX_REDIS__URL"),
            ("SIGNALBOX_LOGLEVEL", "debug", "write two underscores after the section, SIGNALBOX_LOG__LEVEL"),
            ("SIGNALBOX_REDIS_ULR", "x", "Did you mean SIGNALBOX_REDIS__URL?"),
            (
                "SIGNALBOX_ENGINE__LEASE",
                "10 parsecs",
                "engine.lease (SIGNALBOX_ENGINE__LEASE): `10 parsecs` is not a duration",
            ),
            ("SIGNALBOX_AMQP__EVENTS_MAX_BYTES", "1TB", "`1TB` is not a size"),
            (
                "SIGNALBOX_ENGINE__SHARDS",
                "many",
                "engine.shards is `many` (SIGNALBOX_ENGINE__SHARDS): expected a whole number",
            ),
            ("SIGNALBOX_ENGINE__SHARDS", "70000", "engine.shards is"),
            (
                "SIGNALBOX_LOG__FORMAT",
                "xml",
                "log.format is `xml` (SIGNALBOX_LOG__FORMAT): write one of auto, json, text",
            ),
            ("SIGNALBOX_REDIS__ACCEPT_LOSS", "yes", "expected true or false"),
            ("SIGNALBOX_REDIS__URL_FILE", "/does/not/exist", "the file /does/not/exist cannot be read"),
            ("SIGNALBOX_INTAKE__DEFAULT_CUSTOMER", "me", "intake.default_customer"),
        ] {
            let wrong = load(&environment(&[(name, value)])).unwrap_err();
            assert!(wrong.len() == 1 && wrong[0].contains(expected), "{name}={value}: {wrong:?}");
        }
    }

    #[test]
    fn an_error_never_shows_a_secret() {
        const SECRET: &str = "hunter2";
        let file =
            std::env::temp_dir().join(format!("signalbox-echo-{}.toml", uuid::Uuid::new_v4().simple()));
        for text in [
            "[redis]\nurl = [\"hunter2\"]",
            "[amqp]\nurl = { password = \"hunter2\" }",
            "[api]\nkey = [\"hunter2\"]",
            "[api]\nbootstrap_key = { a = \"hunter2\" }",
            "[api]\nkeys = \"hunter2\"",
            "[api.keys]\nacme = \"hunter2\"",
            "[api.keys.acme]\nkey = [\"hunter2\"]",
            "[api.keys.acme]\npassword = \"hunter2\"",
            "[api]\nkey = \"hunter2",
            "[api]\nkey = hunter2",
        ] {
            std::fs::write(&file, text).unwrap();
            let wrong = load(&Sources { file: Some(file.clone()), ..Sources::default() }).unwrap_err();
            assert!(
                !wrong.is_empty() && wrong.iter().all(|line| !line.contains(SECRET)),
                "{text}: {wrong:?}"
            );
        }
        for (name, value) in [("SIGNALBOX_API__KEYS", SECRET), ("SIGNALBOX_API__KEYS", "{ a = \"hunter2\" }")]
        {
            let wrong = load(&environment(&[(name, value)])).unwrap_err();
            assert!(wrong.iter().all(|line| !line.contains(SECRET)), "{wrong:?}");
        }
        let flag = Sources { flags: vec!["api.key:hunter2".into()], ..Sources::default() };
        assert_eq!(load(&flag).unwrap_err()[0].find(SECRET), None);
    }

    #[test]
    fn a_file_with_a_key_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("signalbox-mode-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let set = |path: &PathBuf, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set(&folder, 0o755);
        let file = folder.join("a.toml");
        let load_with = |text: &str, mode| {
            std::fs::write(&file, text).unwrap();
            set(&file, mode);
            load(&Sources { file: Some(file.clone()), ..Sources::default() })
        };
        for text in ["[api]\nbootstrap_key = \"hunter2\"", "[api.keys.a]\nkey = \"hunter2\""] {
            assert!(load_with(text, 0o600).is_ok());
            let wrong = load_with(text, 0o644).unwrap_err();
            assert!(wrong[0].contains("chmod 600") && !wrong[0].contains("hunter2"), "{wrong:?}");
        }
        assert!(load_with("[api]\nbootstrap_key = \"\"\n[api.keys.a]\nrole = \"read\"", 0o644).is_ok());
        let key = folder.join("key");
        std::fs::write(&key, "hunter2").unwrap();
        set(&key, 0o640);
        let wrong = load(&environment(&[("SIGNALBOX_API__KEY_FILE", key.to_str().unwrap())])).unwrap_err();
        assert!(wrong[0].contains("SIGNALBOX_API__KEY_FILE") && wrong[0].contains("chmod 600"), "{wrong:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn keys_are_read_from_every_source() {
        let loaded = load(&environment(&[(
            "SIGNALBOX_API__KEYS",
            "{ acme = { key = \"hunter2-hunter2\", customer = \"all\", role = \"read\" } }",
        )]))
        .unwrap();
        assert_eq!(loaded.config.api.keys["acme"].role, "read");
        assert!(loaded.settings.iter().all(|setting| !setting.value.contains("hunter2")));
        let flags = vec!["api.keys.b.key_file=/etc/key".into(), "api.keys.b.role=operate".into()];
        let loaded = load(&Sources { flags, ..Sources::default() }).unwrap();
        assert_eq!(loaded.config.api.keys["b"].key_file.as_deref(), Some(std::path::Path::new("/etc/key")));
    }

    #[test]
    fn a_variable_without_an_effect_is_named() {
        let loaded = load(&environment(&[("SIGNALBOX_COLOUR", "red"), ("SIGNALBOX_CONFIG", "x")])).unwrap();
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].starts_with("SIGNALBOX_COLOUR "), "{:?}", loaded.warnings);
    }

    #[test]
    fn a_kubernetes_service_named_signalbox_is_not_a_setting() {
        let set = [
            ("SIGNALBOX_SERVICE_HOST", "10.0.0.1"),
            ("SIGNALBOX_PORT", "tcp://x"),
            ("SIGNALBOX_API_SERVICE_PORT_HTTP", "8080"),
            ("SIGNALBOX_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ];
        assert_eq!(load(&environment(&set)).unwrap().warnings, Vec::<String>::new());
    }

    #[test]
    fn an_error_in_a_file_has_line_and_column() {
        let file = std::env::temp_dir().join(format!("signalbox-bad-{}.toml", std::process::id()));
        for (text, expected) in [
            ("[engine]\nlease = ten", ":2:9: not TOML"),
            ("[engine]\nlease = 10", "engine.lease is `10`"),
            ("[engin]\nlease = \"10s\"", "Did you mean engine.lease?"),
            ("shards = 3", "Did you mean engine.shards?"),
            ("[amqp.realms]\nsbc = 3", "amqp.realms.sbc is `3`"),
        ] {
            std::fs::write(&file, text).unwrap();
            let wrong = load(&Sources { file: Some(file.clone()), ..Sources::default() }).unwrap_err();
            assert!(
                wrong[0].contains(expected) && wrong[0].contains(file.to_str().unwrap()),
                "{text}: {wrong:?}"
            );
        }
    }
}
