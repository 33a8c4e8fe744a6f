//! A data folder for one bench: on the disk that the real one is or would be on, and gone afterwards.

use crate::failure::Failure;
use std::fs;
use std::path::{Path, PathBuf};

pub struct Scratch(PathBuf);

impl Scratch {
    /// Beside `dir`; where that cannot be written, in the system's folder for temporary files.
    ///
    /// # Errors
    /// Neither can be written.
    pub fn beside(dir: &Path) -> Result<Scratch, Failure> {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = format!("signalbox-bench-{}", std::process::id());
        let mut refused = Vec::new();
        for parent in [parent.to_owned(), std::env::temp_dir()] {
            let path = parent.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Scratch(path)),
                Err(error) => refused.push(format!("{}: {error}", path.display())),
            }
        }
        Err(Failure::failed(format!(
            "no folder for the data of the bench can be made ({}); set data.dir to a place that can be written",
            refused.join("; ")
        )))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn bytes(&self) -> u64 {
        let files = fs::read_dir(&self.0).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
