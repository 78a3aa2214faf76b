//! Plan files as the subcommands read them.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use holdfast_plan::{Compiled, Problems};

use super::say::say;

/// More than the largest plan that is read; the rest of a larger file is not even loaded.
const READ_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Reads and compiles a plan file; of one that is refused everything that is wrong with it goes to standard error.
pub(crate) fn accepted(file: &Path) -> Result<Option<Compiled>> {
    match read(file)? {
        Ok(compiled) => Ok(Some(compiled)),
        Err(problems) => {
            say(&mut io::stderr().lock(), problems.as_slice(), io::stderr().is_terminal())?;
            Ok(None)
        }
    }
}

/// Reads and compiles a plan file. The outer error is the file's, the inner one the plan's.
pub(crate) fn read(file: &Path) -> Result<Result<Compiled, Problems>> {
    Ok(holdfast_plan::read_yaml_bytes(&file.display().to_string(), &bytes(file)?))
}

/// What stands in a plan file.
pub(crate) fn bytes(file: &Path) -> Result<Vec<u8>> {
    let context = || format!("could not read {}", file.display());
    let mut bytes = Vec::new();
    fs::File::open(file).with_context(context)?.take(READ_BYTES_MAX).read_to_end(&mut bytes).with_context(context)?;
    Ok(bytes)
}
