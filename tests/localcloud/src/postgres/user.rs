//! The operating-system user a server runs as.

use std::os::unix::fs::{chown, lchown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::PostgresError;

/// The user that owns the data directories and runs the servers.
///
/// `postgres` refuses to run as root, so root lends the work to `postgres` or `nobody`; everybody else runs it as themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerUser {
    switch_to: Option<(u32, u32)>,
}

impl ServerUser {
    /// Chooses the user for this process.
    ///
    /// # Errors
    /// When this process is root and the machine has neither a user `postgres` nor `nobody`.
    pub fn choose() -> Result<Self, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { switch_to: None });
        }
        let passwd = std::fs::read_to_string("/etc/passwd").map_err(PostgresError::file("read", "/etc/passwd"))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| find_in_passwd(&passwd, name))
            .map(|ids| Self { switch_to: Some(ids) })
            .ok_or_else(|| {
                PostgresError::Unsupported(
                    "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as"
                        .to_owned(),
                )
            })
    }

    /// Makes `command` run as this user.
    pub fn apply(&self, command: &mut Command) {
        if let Some((uid, gid)) = self.switch_to {
            command.uid(uid).gid(gid);
        }
    }

    /// Gives one file or directory to this user.
    ///
    /// # Errors
    /// When the owner cannot be changed.
    pub fn own(&self, path: &Path) -> Result<(), PostgresError> {
        match self.switch_to {
            Some((uid, gid)) => {
                chown(path, Some(uid), Some(gid)).map_err(PostgresError::file("change the owner of", path))
            }
            None => Ok(()),
        }
    }

    /// As [`Self::own`], but of a symbolic link itself.
    pub(crate) fn own_link(&self, path: &Path) -> Result<(), PostgresError> {
        match self.switch_to {
            Some((uid, gid)) => {
                lchown(path, Some(uid), Some(gid)).map_err(PostgresError::file("change the owner of", path))
            }
            None => Ok(()),
        }
    }

    /// Checks that this user can work in `dir`: every directory above it must let it pass.
    ///
    /// # Errors
    /// When it cannot, with the directory's name. `initdb` would only say "permission denied" about some file far below.
    pub fn check_reaches(&self, dir: &Path) -> Result<(), PostgresError> {
        let mut probe = Command::new("/bin/sh");
        probe.args(["-c", "test -w \"$1\" && test -x \"$1\"", "sh"]).arg(dir).current_dir("/");
        self.apply(&mut probe);
        let status = probe.status().map_err(PostgresError::file("probe", dir))?;
        if status.success() {
            return Ok(());
        }
        Err(PostgresError::Unsupported(format!(
            "the user that runs PostgreSQL cannot reach {}: choose a directory whose parents everybody may pass (mode o+x)",
            dir.display()
        )))
    }
}

/// User and group id of `name` in the text of `/etc/passwd`.
fn find_in_passwd(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((uid, gid))
    })
}

#[cfg(test)]
mod tests {
    use super::find_in_passwd;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres2:x:9:9::/:/\npostgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/sh\n";
        assert_eq!(find_in_passwd(passwd, "postgres"), Some((101, 104)));
        assert_eq!(find_in_passwd(passwd, "nobody"), None);
    }
}
