//! Deployment packages: `bootstrap`, and the files beside it, in a zip that is the same bytes for the same content.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::fingerprint;

/// Raised when what we put into a zip changes, so that no old one is taken from the cache.
const FORMAT: &[u8] = b"1";

/// A function's code, ready to be uploaded.
#[derive(Debug, Clone)]
pub struct Package {
    /// The zip.
    pub zip: Vec<u8>,
    /// The names of the files beside `bootstrap`.
    pub files: Vec<String>,
}

/// A package could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The file system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The zip itself failed.
    #[error("cannot write the zip of {path}")]
    Zip {
        /// The binary.
        path: PathBuf,
        /// The reason.
        #[source]
        source: zip::result::ZipError,
    },
}

/// Packages a binary, stripped if `strip` is on PATH, with these files beside it. Blocks.
///
/// Zips lie beside the binary (`<binary>-<fingerprint>.zip`), keyed by everything that goes in; older ones are removed.
///
/// # Errors
/// When the binary cannot be read or the zip not be written.
pub fn package(binary: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<Package, ZipError> {
    let code = fs::read(binary).map_err(io_error("read", binary))?;
    let mut parts: Vec<&[u8]> = vec![FORMAT, &code];
    parts.extend(files.iter().flat_map(|(name, content)| [name.as_bytes(), content.as_slice()]));
    let key = fingerprint::of_parts(&parts)[..16].to_owned();
    let cached = cached_path(binary, &key);
    let names = files.keys().cloned().collect();
    if let Ok(zip) = fs::read(&cached) {
        return Ok(Package { zip, files: names });
    }
    let mut entries = vec![("bootstrap", stripped(binary)?.unwrap_or(code), 0o755)];
    entries.extend(files.iter().map(|(name, content)| (name.as_str(), content.clone(), 0o644)));
    let zip = zip_of(&entries).map_err(|source| ZipError::Zip { path: binary.to_owned(), source })?;
    store(&cached, &zip)?;
    Ok(Package { zip, files: names })
}

/// A package from code in memory: a script, or a binary that somebody else built.
///
/// # Errors
/// When the zip cannot be written.
pub fn package_bytes(bootstrap: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Result<Package, ZipError> {
    let mut entries = vec![("bootstrap", bootstrap.to_vec(), 0o755)];
    entries.extend(files.iter().map(|(name, content)| (name.as_str(), content.clone(), 0o644)));
    let zip = zip_of(&entries).map_err(|source| ZipError::Zip { path: "bootstrap".into(), source })?;
    Ok(Package { zip, files: files.keys().cloned().collect() })
}

fn zip_of(entries: &[(&str, Vec<u8>, u32)]) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content, mode) in entries {
        // A fixed time (the format's earliest): the same content must be the same bytes. Stored, not deflated: an unoptimised
        // compressor takes longer than loopback takes to carry the difference.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(*mode);
        zip.start_file(*name, options)?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The binary without symbols, or none when there is no `strip` or it refuses; then the zip is only larger.
fn stripped(binary: &Path) -> Result<Option<Vec<u8>>, ZipError> {
    let dir = tempfile::tempdir().map_err(io_error("make a directory to strip", binary))?;
    let copy = dir.path().join("bootstrap");
    let strip =
        Command::new("strip").arg("-o").arg(&copy).arg(binary).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !strip.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    fs::read(&copy).map(Some).map_err(io_error("read", &copy))
}

fn cached_path(binary: &Path, key: &str) -> PathBuf {
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    binary.with_file_name(format!("{name}-{key}.zip"))
}

/// Writes beside and renames, so that a second drill never reads half a zip; drops the zips of older builds.
fn store(path: &Path, zip: &[u8]) -> Result<(), ZipError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io_error("write into", dir))?;
    file.write_all(zip).map_err(io_error("write", path))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // `<binary>-<16 hex>.zip`: 21 characters after the binary's name.
    let prefix = &name[..name.len().saturating_sub(20)];
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let old = entry.file_name().to_string_lossy().into_owned();
        if old.len() == name.len() && old.starts_with(prefix) && old.ends_with(".zip") {
            let _ = fs::remove_file(entry.path());
        }
    }
    file.persist(path).map_err(|error| io_error("write", path)(error.error))?;
    Ok(())
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ZipError {
    let path = path.to_owned();
    move |source| ZipError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn files() -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([("rds-ca.pem".to_owned(), b"certificate".to_vec())])
    }

    #[test]
    fn a_package_holds_an_executable_bootstrap_and_the_files_beside_it() {
        let package = package_bytes(b"#!/bin/sh\n", &files()).expect("a package");
        let mut zip = zip::ZipArchive::new(Cursor::new(package.zip)).expect("a zip");
        let bootstrap = zip.by_name("bootstrap").expect("bootstrap");
        assert_eq!(bootstrap.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        drop(bootstrap);
        let mut content = String::new();
        zip.by_name("rds-ca.pem").expect("the file").read_to_string(&mut content).expect("text");
        assert_eq!((content.as_str(), package.files), ("certificate", vec!["rds-ca.pem".to_owned()]));
    }

    #[test]
    fn the_same_content_is_the_same_bytes_and_only_the_newest_zip_is_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let binary = dir.path().join("alert");
        fs::write(&binary, "not a real binary").expect("a file");
        let zips = || {
            fs::read_dir(dir.path())
                .expect("a listing")
                .flatten()
                .filter(|entry| entry.path().extension().is_some())
                .count()
        };
        let first = package(&binary, &files()).expect("a package").zip;
        assert_eq!(first, package(&binary, &files()).expect("from the cache").zip);
        assert_eq!(zips(), 1);
        fs::write(&binary, "another binary").expect("a file");
        assert_ne!(first, package(&binary, &files()).expect("a new one").zip);
        assert_eq!(zips(), 1, "the old zip goes");
    }
}
