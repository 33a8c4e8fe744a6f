//! The key of the first administrator: taken from the settings, or generated at the first start in a data folder. Only the
//! owner of the key file can read it.

use crate::config::{ApiKey, Config, must_be_private, read_private, weakness};
use crate::failure::Failure;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use uuid::Uuid;

/// A key and its source.
#[derive(Clone)]
pub struct Key {
    pub text: String,
    pub origin: String,
}

/// An API key with all rights, for every customer.
pub fn administrator(config: &Config, text: &str) -> api::Key {
    let customer_id = config.intake.default_customer.hyphenated().to_string();
    let name = "administrator".to_owned();
    api::Key { name, key: text.to_owned(), customer_id, is_for_all: true, role: api::Role::Admin }
}

/// The keys of `api.keys`.
///
/// # Errors
/// A key file cannot be read, or its key is easy to guess.
pub fn further(config: &Config) -> Result<Vec<api::Key>, Failure> {
    config.api.keys.iter().map(|(name, entry)| further_one(config, name, entry)).collect()
}

fn further_one(config: &Config, name: &str, entry: &ApiKey) -> Result<api::Key, Failure> {
    let key = match &entry.key_file {
        None => entry.key.clone(),
        Some(path) => {
            let wrong = |why: String| Failure::failed(format!("api.keys.{name}.key_file: {why}"));
            let text = read_private(path).map_err(wrong)?.trim().to_owned();
            if let Some(why) = weakness(&text) {
                return Err(wrong(format!("the key in {} {why}", path.display())));
            }
            text
        }
    };
    // `Config::check` has refused other roles and customers.
    let role = api::Role::from_name(&entry.role).unwrap_or(api::Role::Read);
    let customer = entry.customer().unwrap_or(Some(Uuid::nil()));
    let customer_id = customer.unwrap_or(config.intake.default_customer).hyphenated().to_string();
    Ok(api::Key { name: name.to_owned(), key, customer_id, is_for_all: customer.is_none(), role })
}

/// Path of the key file.
pub fn file(config: &Config) -> PathBuf {
    config.data.dir.join("api-key")
}

/// Key that the command line sends: api.key, else api.bootstrap_key, else the key in the data folder.
///
/// # Errors
/// The key file exists but cannot be read.
pub fn for_client(config: &Config) -> Result<Option<Key>, Failure> {
    let set = [("api.key", &config.api.key), ("api.bootstrap_key", &config.api.bootstrap_key)];
    match set.into_iter().find(|(_, text)| !text.is_empty()) {
        Some((name, text)) => Ok(Some(Key { text: text.clone(), origin: name.to_owned() })),
        None => read(config),
    }
}

/// Administrator's key of the Signalbox that uses the data folder: from the settings, else from the key file, else a new one.
///
/// # Errors
/// The key file cannot be read or written.
pub fn for_data_folder(config: &Config) -> Result<Key, Failure> {
    if !config.api.bootstrap_key.is_empty() {
        return Ok(Key { text: config.api.bootstrap_key.clone(), origin: "api.bootstrap_key".into() });
    }
    let Some(key) = read(config)? else { return generate(config) };
    match weakness(&key.text) {
        None => Ok(key),
        Some(why) => Err(Failure::failed(format!(
            "the key in {} {why}. Without this file, `signalbox serve` generates a key",
            key.origin
        ))),
    }
}

fn read(config: &Config) -> Result<Option<Key>, Failure> {
    let path = file(config);
    let origin = path.display().to_string();
    must_be_private(&path).map_err(Failure::failed)?;
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().is_empty() => Err(Failure::failed(format!(
            "the key file {origin} is empty; remove it and restart `signalbox serve`, which generates a new key"
        ))),
        Ok(text) => Ok(Some(Key { text: text.trim().to_owned(), origin })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::failed(format!(
            "the key file {origin} cannot be read: {error}; run this command as the user of `signalbox serve`, or set SIGNALBOX_API__KEY"
        ))),
    }
}

fn generate(config: &Config) -> Result<Key, Failure> {
    let path = file(config);
    let text = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    // Written to a temporary file first: an empty key file would have to be removed by hand.
    let part = path.with_extension("part");
    let written = File::options().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let written = written.and_then(|mut file| {
        writeln!(file, "{text}")?;
        file.sync_all()?;
        std::fs::rename(&part, &path)
    });
    let origin = path.display().to_string();
    written.map_err(|error| Failure::failed(format!("the key file {origin} cannot be written: {error}")))?;
    Ok(Key { text, origin })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use std::os::unix::fs::PermissionsExt;

    fn config(settings: &[String]) -> Config {
        load(&Sources { flags: settings.to_vec(), ..Sources::default() }).unwrap().config
    }

    #[test]
    fn a_key_is_generated_once_and_only_its_owner_can_read_it() {
        let dir = std::env::temp_dir().join(format!("signalbox-key-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        let data = format!("data.dir={}", dir.display());
        let plain = config(std::slice::from_ref(&data));
        assert!(for_client(&plain).unwrap().is_none());
        let made = for_data_folder(&plain).unwrap();
        assert_eq!(for_data_folder(&plain).unwrap().text, made.text);
        assert_eq!(for_client(&plain).unwrap().unwrap().text, made.text);
        assert_eq!(std::fs::metadata(file(&plain)).unwrap().permissions().mode() & 0o777, 0o600);

        let set = config(&[data.clone(), "api.bootstrap_key=9f1c2b7a4e8d0f6351bc".into()]);
        assert_eq!(for_data_folder(&set).unwrap().text, "9f1c2b7a4e8d0f6351bc");
        let own = config(&[data, "api.bootstrap_key=9f1c2b7a4e8d0f6351bc".into(), "api.key=mine".into()]);
        assert_eq!(for_client(&own).unwrap().unwrap().text, "mine");
        std::fs::set_permissions(file(&plain), std::fs::Permissions::from_mode(0o644)).unwrap();
        for refused in [for_data_folder(&plain).map(Some), for_client(&plain)] {
            assert!(refused.err().unwrap().to_string().contains("chmod 600"));
        }
        std::fs::write(file(&plain), "changeme-changeme").unwrap();
        std::fs::set_permissions(file(&plain), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(for_data_folder(&plain).err().unwrap().to_string().contains("made of words"));
        let _ = std::fs::remove_dir_all(&dir);
    }
}
