//! A directory as a ledger: which files in it are links, records of runs, records of verifications.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use holdfast_ledger::{Evidence, Found};

/// Reads a copy of the bucket, of its folder `evidence`, or of one chain.
pub(crate) fn read(dir: &Path) -> Result<Found> {
    let mut found = Found::default();
    if dir.join("evidence").is_dir() {
        found.links = chains(&dir.join("evidence"))?;
        found.runs = files(&dir.join("restore-tests/runs"))?;
        let verifications = files(&dir.join("verifications"))?;
        found.verifications =
            verifications.into_iter().map(|(file, bytes)| (format!("verifications/{file}"), bytes)).collect();
        return Ok(found);
    }
    found.links = chains(dir)?;
    let own = files(dir)?;
    if found.links.is_empty() && !own.is_empty() {
        let whole = dir.canonicalize().with_context(|| format!("cannot find {}", dir.display()))?;
        let resource = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        found.links.insert(resource, own);
    }
    Ok(found)
}

/// A link by its path, or the last one of a chain's folder.
pub(crate) fn link(path: &Path) -> Result<Evidence> {
    let mut path = path.to_owned();
    if path.is_dir() {
        let last = files(&path)?.into_keys().rfind(|file| file.ends_with(".json"));
        path = path.join(last.with_context(|| format!("{} holds no link of a chain", path.display()))?);
    }
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no link of a chain of evidence", path.display()))
}

/// Every folder of a folder that holds files, by its name.
fn chains(dir: &Path) -> Result<BTreeMap<String, BTreeMap<String, Vec<u8>>>> {
    let mut chains = BTreeMap::new();
    for entry in list(dir)? {
        if entry.path().is_dir() {
            let links = files(&entry.path())?;
            if !links.is_empty() {
                chains.insert(entry.file_name().to_string_lossy().into_owned(), links);
            }
        }
    }
    Ok(chains)
}

/// Every file of a folder, by its name; none, if there is no such folder.
fn files(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if !dir.is_dir() {
        return Ok(files);
    }
    for entry in list(dir)? {
        let path = entry.path();
        if path.is_file() {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.insert(entry.file_name().to_string_lossy().into_owned(), bytes);
        }
    }
    Ok(files)
}

fn list(dir: &Path) -> Result<Vec<std::fs::DirEntry>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    entries.collect::<Result<_, _>>().with_context(|| format!("cannot list {}", dir.display()))
}
