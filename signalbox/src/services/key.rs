//! The key of the first administrator: taken from the settings, or generated at the first start in a data folder. Only the
//! owner of the key file can read it.

use crate::config::Config;
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
    api::Key { key: text.to_owned(), customer_id, is_admin: true }
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
    match read(config)? {
        Some(key) => Ok(key),
        None => generate(config),
    }
}

fn read(config: &Config) -> Result<Option<Key>, Failure> {
    let path = file(config);
    let origin = path.display().to_string();
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
        let data = format!("data.dir={}", dir.display());
        let plain = config(std::slice::from_ref(&data));
        assert!(for_client(&plain).unwrap().is_none());
        let made = for_data_folder(&plain).unwrap();
        assert_eq!(for_data_folder(&plain).unwrap().text, made.text);
        assert_eq!(for_client(&plain).unwrap().unwrap().text, made.text);
        assert_eq!(std::fs::metadata(file(&plain)).unwrap().permissions().mode() & 0o777, 0o600);

        let set = config(&[data.clone(), "api.bootstrap_key=0123456789abcdef".into()]);
        assert_eq!(for_data_folder(&set).unwrap().text, "0123456789abcdef");
        let own = config(&[data, "api.bootstrap_key=0123456789abcdef".into(), "api.key=mine".into()]);
        assert_eq!(for_client(&own).unwrap().unwrap().text, "mine");
        let _ = std::fs::remove_dir_all(&dir);
    }
}
