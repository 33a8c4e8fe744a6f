//! The data folder of the embedded store and bus.

use super::backend_kinds::BackendKinds;
use crate::config::Config;
use crate::failure::Failure;
use adapters::embedded::disk::OpenError;
use adapters::embedded::{self, Folder};
use adapters::memory::Limits;
use common::ports::Catalogue;
use std::fs::{File, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// File that exists in every data folder that was used.
const TABLE: &str = "signalbox.db";
const LOCK: &str = "lock";

/// Opens the folder if the store or the bus is embedded. Releases the claims of the previous process, because no other process
/// can use the folder. Logs if the folder has state that is not used.
///
/// # Errors
/// Another process uses the folder, or it cannot be read or written.
pub async fn open(config: &Config, kinds: BackendKinds) -> Result<Option<Folder>, Failure> {
    let dir = &config.data.dir;
    let shown = dir.display();
    if !kinds.has_data_folder() {
        if dir.join(TABLE).exists() {
            tracing::info!("{}", unused(config));
        }
        return Ok(None);
    }
    make_private(dir)
        .map_err(|error| refused(&OpenError::Unusable { dir: dir.clone(), reason: error.to_string() }))?;
    let folder = embedded::open(dir, &settings(config)).map_err(|error| refused(&error))?;
    if kinds.store == "embedded" {
        let freed = folder.store.sweep_previous_processes().await?;
        if freed > 0 {
            tracing::info!(
                activeflows = freed,
                "{freed} activeflows were claimed by the previous process that used {shown}; they continue now"
            );
        }
    } else if folder.store.definitions(0).await?.is_some() {
        tracing::info!("{}", unused(config));
    }
    Ok(Some(folder))
}

/// Only the owner may read the data, which has the contents of calls and messages: a new folder and a new database are
/// private, and the files of an existing one become so.
fn make_private(dir: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    for name in [TABLE, LOCK] {
        File::options().create(true).append(true).mode(0o600).open(dir.join(name))?;
    }
    for name in [TABLE, "signalbox.db-wal", "signalbox.db-shm", LOCK] {
        let path = dir.join(name);
        let Ok(found) = std::fs::metadata(&path) else { continue };
        if found.permissions().mode() & OTHERS != 0 {
            std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        }
    }
    if std::fs::metadata(dir)?.permissions().mode() & OTHERS != 0 {
        tracing::warn!("other users can list the data folder {0}: run `chmod 700 {0}`", dir.display());
    }
    Ok(())
}

/// Bits of a mode that give rights to others than the owner.
const OTHERS: u32 = 0o077;

/// Checks the folder without opening it, because a running Signalbox may use it.
///
/// # Errors
/// The folder cannot be written.
pub fn check_folder(config: &Config) -> Result<&'static str, String> {
    let dir = &config.data.dir;
    let has_table = dir.join(TABLE).exists();
    // The nearest existing parent, in which the folder would be created.
    let existing = dir.ancestors().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
    let existing = existing.into_iter().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    if !existing.is_dir() {
        return Err(format!("{} is not a folder", existing.display()));
    }
    let probe = existing.join(format!(".signalbox-{}", std::process::id()));
    let tried = File::options().write(true).create_new(true).open(&probe);
    let tried = tried.and_then(|_| std::fs::remove_file(&probe));
    tried.map_err(|error| format!("{} cannot be written: {error}", existing.display()))?;
    Ok(if has_table { "exists and is writable" } else { "does not exist yet; `serve` creates it" })
}

fn unused(config: &Config) -> String {
    format!(
        "the state in the data folder {} is not used, because redis.url is set",
        config.data.dir.display()
    )
}

pub fn settings(config: &Config) -> embedded::Settings {
    let limits = Limits {
        ended_retention: config.engine.ended_retention.0,
        dedup_rotation: config.engine.dedup_rotation.0,
        feed_length: config.engine.feed_length,
    };
    // Both buses use the same limits for unacknowledged events and for confirms.
    let bus = embedded::bus::Settings {
        prefetch: config.amqp.prefetch,
        confirm_timeout: config.amqp.confirm_timeout.0,
        queue_idle_limit: config.data.queue_idle_limit.0,
        ..embedded::bus::Settings::default()
    };
    let max_memory = config.data.max_memory.0;
    embedded::Settings { limits, max_memory, bus, ..embedded::Settings::new(config.engine.shards) }
}

/// The error with what to do.
pub fn refused(error: &OpenError) -> Failure {
    let what = match error {
        OpenError::InUse { .. } => {
            "stop that process first; commands such as `signalbox activeflow list` connect to it while it runs. \
             A second process needs its own folder and addresses: \
             --set data.dir=DIR --set api.listen=127.0.0.1:8081 --set ops.listen=127.0.0.1:9465"
        }
        OpenError::Unusable { .. } => {
            "check that this user owns the folder and that the disk is not full, or set another folder: SIGNALBOX_DATA__DIR=DIR"
        }
        OpenError::Damaged { .. } | OpenError::BrokenDatabase { .. } => {
            "nothing was changed. Restore a backup, or copy what is whole into a new folder: \
             signalbox data salvage --to NEW-FOLDER (docs/data-folder.md)"
        }
        OpenError::TooNew { .. } => "the folder was not changed; set another folder: SIGNALBOX_DATA__DIR=DIR",
    };
    Failure::failed(format!("data.dir: {error}; {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_can_read_the_data() {
        let parent = std::env::temp_dir().join(format!("signalbox-modes-{}", uuid::Uuid::new_v4().simple()));
        let dir = parent.join("data");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        make_private(&dir).unwrap();
        assert_eq!((mode(&dir), mode(&dir.join(TABLE)), mode(&dir.join(LOCK))), (0o700, 0o600, 0o600));
        // A folder of an earlier release.
        for name in [TABLE, "signalbox.db-wal", "lock"] {
            std::fs::write(dir.join(name), "").unwrap();
            std::fs::set_permissions(dir.join(name), Permissions::from_mode(0o644)).unwrap();
        }
        make_private(&dir).unwrap();
        for name in [TABLE, "signalbox.db-wal", "lock"] {
            assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
        }
        std::fs::remove_dir_all(&parent).unwrap();
    }
}
