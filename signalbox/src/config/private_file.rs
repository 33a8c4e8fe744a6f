//! Files with API keys: only their owner may read them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Folder in which container runtimes mount secrets; what is readable there is decided outside of the container.
const MOUNTED: &str = "/run/secrets";
const GROUP_READ: u32 = 0o040;
const OTHERS_READ: u32 = 0o004;
const ENTER: u32 = 0o011;

/// Text of the file, without the end of its last line.
///
/// # Errors
/// The file cannot be read, or others can read it too.
pub fn read_private(path: &Path) -> Result<String, String> {
    must_be_private(path)?;
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Checks that only the owner can read the file. A file that does not exist is fine here.
///
/// # Errors
/// Others can read it.
pub fn must_be_private(path: &Path) -> Result<(), String> {
    let (Ok(found), Ok(whole)) = (std::fs::metadata(path), path.canonicalize()) else { return Ok(()) };
    if path.starts_with(MOUNTED) || whole.starts_with(MOUNTED) || !is_readable(&found) || is_enclosed(&whole)
    {
        return Ok(());
    }
    let shown = path.display();
    Err(format!(
        "other users can read the key file {shown} (mode {:03o}): run `chmod 600 {shown}`, and replace the key if somebody may have read it",
        found.mode() & 0o777
    ))
}

/// Whether its mode lets others read the file. A file of root that this process reads as a member of its group is one that
/// was handed to it (Kubernetes: fsGroup).
fn is_readable(file: &Metadata) -> bool {
    let is_handed_over = file.uid() == 0 && !rustix::process::geteuid().is_root();
    let forbidden = if is_handed_over { OTHERS_READ } else { OTHERS_READ | GROUP_READ };
    file.mode() & forbidden != 0
}

/// Whether a folder above the file is closed to others.
fn is_enclosed(path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .any(|folder| std::fs::metadata(folder).is_ok_and(|found| found.mode() & ENTER == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let folder =
            std::env::temp_dir().join(format!("signalbox-private-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let file = folder.join("key");
        std::fs::write(&file, "the text\n").unwrap();
        set(&folder, 0o755);
        for (mode, is_fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o644, false)]
        {
            set(&file, mode);
            let read = read_private(&file);
            assert_eq!(read.is_ok(), is_fine, "{mode:o}: {read:?}");
            if let Err(why) = read {
                assert!(why.contains("chmod 600") && why.contains(&format!("{mode:o}")), "{why}");
            }
        }
        set(&folder, 0o700);
        assert_eq!(read_private(&file).unwrap(), "the text");
        assert!(read_private(&folder.join("nowhere")).unwrap_err().contains("cannot be read"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
