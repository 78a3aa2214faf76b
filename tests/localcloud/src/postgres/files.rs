//! Copying and removing directory trees that belong to the server's user.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use super::{PostgresError, ServerUser};

/// Makes a private directory of the server's user, and its parents.
pub(crate) fn create_private_dir(path: &Path, user: &ServerUser) -> Result<(), PostgresError> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700).recursive(true).create(path).map_err(PostgresError::file("create", path))?;
    user.own(path)
}

/// Writes a file only the server's user can read. PostgreSQL refuses a TLS key that others may read.
pub(crate) fn write_private(path: &Path, text: &str, user: &ServerUser) -> Result<(), PostgresError> {
    fs::write(path, text).map_err(PostgresError::file("write", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(PostgresError::file("protect", path))?;
    user.own(path)
}

/// Copies the tree below `source` to `target` and gives it to `user`; `copied` hears the bytes of every file.
///
/// `skip` sees paths relative to `source`; a skipped directory is not made. Files that vanish while the copy runs are left out,
/// as the documentation of the backup API demands ("Making a Non-Exclusive Low-Level Backup": a file may disappear under the copy).
pub(crate) fn copy_tree(
    source: &Path,
    target: &Path,
    user: &ServerUser,
    skip: &dyn Fn(&Path) -> bool,
    copied: &dyn Fn(u64),
) -> Result<(), PostgresError> {
    create_private_dir(target, user)?;
    let mut pending = vec![source.to_path_buf()];
    while let Some(dir) = pending.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(PostgresError::file("read", &dir)(error)),
        };
        for entry in entries {
            let from = entry.map_err(PostgresError::file("read", &dir))?.path();
            let relative = from.strip_prefix(source).unwrap_or(&from);
            if skip(relative) {
                continue;
            }
            let to = target.join(relative);
            if let Entry::Directory = copy_entry(&from, &to, user, copied)? {
                pending.push(from);
            }
        }
    }
    Ok(())
}

enum Entry {
    Directory,
    Other,
}

fn copy_entry(from: &Path, to: &Path, user: &ServerUser, copied: &dyn Fn(u64)) -> Result<Entry, PostgresError> {
    let kind = match fs::symlink_metadata(from) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Entry::Other),
        Err(error) => return Err(PostgresError::file("read", from)(error)),
    };
    if kind.is_dir() {
        create_private_dir(to, user)?;
        return Ok(Entry::Directory);
    }
    if kind.is_symlink() {
        let link = fs::read_link(from).map_err(PostgresError::file("read", from))?;
        std::os::unix::fs::symlink(link, to).map_err(PostgresError::file("create", to))?;
        user.own_link(to)?;
        return Ok(Entry::Other);
    }
    match fs::copy(from, to) {
        Ok(bytes) => {
            copied(bytes);
            user.own(to)?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => {}
        Err(error) => return Err(PostgresError::file("copy", from)(error)),
    }
    Ok(Entry::Other)
}

/// Moves a tree, within one file system in no time, and gives it to `user`.
pub(crate) fn move_tree(source: &Path, target: &Path, user: &ServerUser) -> Result<(), PostgresError> {
    match fs::rename(source, target) {
        Ok(()) => own_tree(target, user),
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            copy_tree(source, target, user, &|_| false, &|_| {})?;
            remove_tree(source)
        }
        Err(error) => Err(PostgresError::file("move", source)(error)),
    }
}

/// Gives a tree to `user`, links themselves and not what they point to.
fn own_tree(root: &Path, user: &ServerUser) -> Result<(), PostgresError> {
    let mut pending = vec![root.to_path_buf()];
    while let Some(path) = pending.pop() {
        user.own_link(&path)?;
        let metadata = fs::symlink_metadata(&path).map_err(PostgresError::file("read", &path))?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path).map_err(PostgresError::file("read", &path))? {
                pending.push(entry.map_err(PostgresError::file("read", &path))?.path());
            }
        }
    }
    Ok(())
}

/// Removes a tree; one that is not there is already removed.
pub(crate) fn remove_tree(path: &Path) -> Result<(), PostgresError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(PostgresError::file("remove", path)(error)),
    }
}

/// Removes a file, if there is one.
pub(crate) fn remove_file_if_there(path: &Path) -> Result<(), PostgresError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(PostgresError::file("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Runs file work off the runtime's threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PostgresError> + Send + 'static,
) -> Result<T, PostgresError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| PostgresError::Unsupported(format!("file work was interrupted: {error}")))?
}
