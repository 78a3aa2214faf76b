//! What this machine has for a copy.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::choice::Here;
use super::programs::Clients;
use super::source::Source;
use crate::postgres::Binaries;

/// Looks around.
///
/// # Errors
/// When the directory for copies cannot be examined.
pub(super) fn look(binaries: &Binaries, source: &Source, directory: &Path) -> Result<Here> {
    let clients = Clients::beside(&binaries.bindir);
    let disk = rustix::fs::statvfs(directory)
        .with_context(|| format!("cannot ask for free space in {}", directory.display()))?;
    let missing = source.extensions.iter().filter(|name| *name != "plpgsql" && !binaries.has_extension(name));
    Ok(Here {
        pg_basebackup: clients.find("pg_basebackup").is_some(),
        pg_dump: clients.find("pg_dump").is_some(),
        pg_restore: clients.find("pg_restore").is_some(),
        glibc: said(Command::new("getconf").arg("GNU_LIBC_VERSION"))
            .and_then(|text| Some(text.trim().strip_prefix("glibc ")?.to_owned())),
        has_locale: [&source.database.collate, &source.database.ctype].into_iter().all(|name| has_locale(name)),
        extensions_missing: missing.cloned().collect(),
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        directory: directory.display().to_string(),
    })
}

/// Where copies are going to lie.
pub(super) fn directory() -> PathBuf {
    std::env::temp_dir()
}

fn has_locale(name: &str) -> bool {
    if matches!(name, "C" | "POSIX") {
        return true;
    }
    let installed = said(Command::new("locale").arg("-a")).unwrap_or_default();
    installed.lines().any(|line| spelt_alike(line) == spelt_alike(name))
}

/// `de_DE.UTF-8` is listed as `de_DE.utf8`.
fn spelt_alike(locale: &str) -> String {
    match locale.split_once('.') {
        Some((language, codeset)) => format!("{language}.{}", codeset.to_ascii_lowercase().replace('-', "")),
        None => locale.to_owned(),
    }
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_found_however_their_codeset_is_spelt() {
        assert_eq!(spelt_alike("de_DE.UTF-8"), spelt_alike("de_DE.utf8"));
        assert_ne!(spelt_alike("de_DE.UTF-8"), spelt_alike("de_AT.utf8"));
        assert!(has_locale("C") && has_locale("POSIX") && !has_locale("xx_XX.UTF-8"));
    }
}
