//! The copy of the tree that bugs are planted in.
//!
//! It holds every file that git knows or would take, as it is now, committed or not. Beside it lies a target directory of its own, which
//! is kept: only what a bug touches is built anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest, Sha256};

use crate::planted::Planted;

/// The copy.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Where it lies.
    pub root: PathBuf,
    /// Sixteen hex digits that stand for every file in it.
    pub id: String,
}

impl Tree {
    /// Brings the copy to what the tree is now. A file that is the same already is left alone, so that cargo sees no news in it.
    ///
    /// # Errors
    /// git's, or those of files.
    pub fn copied(from: &Path, to: &Path) -> Result<Self> {
        let wanted = listed(from)?;
        for path in &wanted {
            let (source, target) = (from.join(path), to.join(path));
            let bytes = std::fs::read(&source).with_context(|| format!("{} cannot be read", source.display()))?;
            if std::fs::read(&target).is_ok_and(|known| known == bytes) {
                continue;
            }
            if let Some(dir) = target.parent() {
                std::fs::create_dir_all(dir)?;
            }
            std::fs::copy(&source, &target).with_context(|| format!("{} cannot be written", target.display()))?;
        }
        for path in files_in(to)? {
            if !wanted.contains(&path) {
                std::fs::remove_file(to.join(path))?;
            }
        }
        Self::as_it_is(to)
    }

    /// The copy as an earlier run left it.
    ///
    /// # Errors
    /// Those of files.
    pub fn as_it_is(root: &Path) -> Result<Self> {
        let mut hash = Sha256::new();
        for path in files_in(root)? {
            hash.update(path.as_os_str().as_encoded_bytes());
            hash.update([0]);
            hash.update(Sha256::digest(std::fs::read(root.join(path))?));
        }
        let id = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { root: root.to_owned(), id })
    }

    /// A bug, put in. It goes when what is given back is taken out again.
    ///
    /// # Errors
    /// If what it changes does not stand there exactly once; those of files.
    pub fn plant(&self, planted: &Planted) -> Result<InPlace> {
        let path = self.root.join(&planted.file);
        let before = std::fs::read_to_string(&path)
            .with_context(|| format!("{}: {} cannot be read", planted.id, planted.file))?;
        let with_bug = planted.plant(&before)?;
        std::fs::write(&path, with_bug)?;
        Ok(InPlace { path, before })
    }
}

/// A bug that is in the copy.
#[derive(Debug)]
#[must_use = "the bug stays in the copy until it is taken out"]
pub struct InPlace {
    path: PathBuf,
    before: String,
}

impl InPlace {
    /// Takes it out. The file is as it was but for its time, which must be new: cargo would take what was built with the bug for what is
    /// to be built without it.
    ///
    /// # Errors
    /// Those of files.
    pub fn take_out(self) -> Result<()> {
        std::fs::write(&self.path, self.before).with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

/// Every file that git knows or would take, and that is there.
fn listed(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(root)
        .output()
        .context("git cannot be started")?;
    ensure!(listing.status.success(), "git lists no files: {}", String::from_utf8_lossy(&listing.stderr).trim());
    let text = String::from_utf8(listing.stdout).context("git lists a name that is not UTF-8")?;
    Ok(text
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .filter(|path| root.join(path).is_file())
        .collect())
}

/// Every file below a directory, relative to it and in order; none if it is not there.
fn files_in(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let (mut files, mut dirs) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(dir) = dirs.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                files.insert(path.strip_prefix(root)?.to_owned());
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_what_the_tree_is_and_what_is_ignored_is_not_in_it() {
        let (from, to) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let git = Command::new("git").args(["init", "-q"]).current_dir(&from).status().expect("git");
        assert!(git.success());
        let write = |path: &str, text: &str| {
            let path = from.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        write(".gitignore", "/target\n");
        write("target/built", "much");
        write("src/a.rs", "right\n");
        write("src/b.rs", "right\n");
        let first = Tree::copied(from.path(), to.path()).expect("copied");
        assert!(!to.path().join("target").exists());
        let written_at =
            |path: &str| std::fs::metadata(to.path().join(path)).and_then(|m| m.modified()).expect("a time");
        let before = written_at("src/a.rs");
        std::fs::remove_file(from.path().join("src/b.rs")).expect("removed");
        write("src/c.rs", "new\n");
        let second = Tree::copied(from.path(), to.path()).expect("copied");
        assert_eq!(written_at("src/a.rs"), before, "what is the same is left alone");
        assert!(!to.path().join("src/b.rs").exists() && to.path().join("src/c.rs").exists());
        assert_ne!(first.id, second.id);
        assert_eq!(second.id, Tree::as_it_is(to.path()).expect("read").id);
    }
}
