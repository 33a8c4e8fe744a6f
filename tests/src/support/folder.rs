//! A temporary data folder that is removed at the end of the test.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Folder(PathBuf);

impl Folder {
    /// Creates an empty folder.
    #[expect(clippy::new_without_default, reason = "it creates a folder")]
    pub fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("signalbox-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A copy of its files as they are now, in another folder.
    pub fn copy(&self) -> Folder {
        let copy = Folder::new();
        for file in fs::read_dir(&self.0).unwrap().flatten() {
            fs::copy(file.path(), copy.0.join(file.file_name())).unwrap();
        }
        copy
    }

    /// Total size of its files, in bytes.
    pub fn size(&self) -> u64 {
        fs::read_dir(&self.0).unwrap().flatten().map(|file| file.metadata().unwrap().len()).sum()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
