//! The data folder, where store or bus are embedded.

use super::backend_kinds::BackendKinds;
use crate::config::Config;
use crate::failure::Failure;
use adapters::embedded::disk::OpenError;
use adapters::embedded::{self, Folder};
use adapters::memory::Limits;
use common::ports::Catalogue;
use std::fs::File;
use std::path::Path;

/// The file of a data folder that was used once.
const TABLE: &str = "signalbox.db";

/// Opens the folder if something of it is needed, and frees at once what an earlier life held: nobody else has it.
/// What is in it and is not used is told.
///
/// # Errors
/// Another process has it, or it cannot be read or written.
pub async fn open(config: &Config, kinds: BackendKinds) -> Result<Option<Folder>, Failure> {
    let dir = &config.data.dir;
    let shown = dir.display();
    if kinds == (BackendKinds { store: "redis", bus: "amqp" }) {
        if dir.join(TABLE).exists() {
            tracing::info!("{}", unused(config));
        }
        return Ok(None);
    }
    let folder = embedded::open(dir, &settings(config)).map_err(|error| refused(&error))?;
    if kinds.store == "embedded" {
        let freed = folder.store.sweep_previous_processes().await?;
        if freed > 0 {
            tracing::info!(
                activeflows = freed,
                "{freed} activeflows were under way when the last life of {shown} ended; they go on now"
            );
        }
    } else if folder.store.definitions(0).await?.is_some() {
        tracing::info!("{}", unused(config));
    }
    Ok(Some(folder))
}

/// What stands in the way of using the folder, looked at without opening it: a running Signalbox may have it.
///
/// # Errors
/// It cannot be written.
pub fn check_folder(config: &Config) -> Result<&'static str, String> {
    let dir = &config.data.dir;
    let has_table = dir.join(TABLE).exists();
    // The closest folder that is there: it is where the others would be made.
    let existing = dir.ancestors().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
    let existing = existing.into_iter().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    if !existing.is_dir() {
        return Err(format!("{} is not a folder", existing.display()));
    }
    let probe = existing.join(format!(".signalbox-{}", std::process::id()));
    let tried = File::options().write(true).create_new(true).open(&probe);
    let tried = tried.and_then(|_| std::fs::remove_file(&probe));
    tried.map_err(|error| format!("{} cannot be written: {error}", existing.display()))?;
    Ok(if has_table { "there, and writable" } else { "not there yet, `serve` makes it" })
}

fn unused(config: &Config) -> String {
    format!(
        "the state that is in the data folder {} is not used: redis.url is set, and the state store is there",
        config.data.dir.display()
    )
}

fn settings(config: &Config) -> embedded::Settings {
    let limits = Limits {
        ended_retention: config.engine.ended_retention.0,
        dedup_rotation: config.engine.dedup_rotation.0,
        feed_length: config.engine.feed_length,
    };
    // How much is under way at once, and how long an answer may take, are the same question for both buses.
    let bus = embedded::bus::Settings {
        prefetch: config.amqp.prefetch,
        confirm_timeout: config.amqp.confirm_timeout.0,
        ..embedded::bus::Settings::default()
    };
    embedded::Settings { limits, bus, ..embedded::Settings::new(config.engine.shards) }
}

fn refused(error: &OpenError) -> Failure {
    let what = match error {
        OpenError::InUse { .. } => {
            "stop that one first; commands such as `signalbox activeflow list` ask it while it runs. \
             A second one beside it needs a folder and addresses of its own: \
             --set data.dir=DIR --set api.listen=127.0.0.1:8081 --set ops.listen=127.0.0.1:9091"
        }
        OpenError::Unusable { .. } => {
            "is the folder this user's, and the disk not full? Another one: SIGNALBOX_DATA__DIR=DIR"
        }
        _ => "nothing was changed in it; another folder: SIGNALBOX_DATA__DIR=DIR",
    };
    Failure::failed(format!("data.dir: {error}; {what}"))
}
