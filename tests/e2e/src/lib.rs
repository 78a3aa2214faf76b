//! The whole wiring on the local cloud: what the tests in `tests/` stand on.
//!
//! A test says which databases there are ([`Draft`]), lets something go wrong, deploys Holdfast ([`Site`]), and then only watches: RDS,
//! the ledger, what people heard, the queues of last resort, the recorder. It must not call a function of Holdfast's: whatever starts
//! one is the wiring, or an invocation such as anybody may make.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

mod draft;
mod leftovers;
pub mod processes;
mod site;
mod watch;

pub use draft::{Database, Draft, ENVIRONMENT, PLAN};
pub use leftovers::Leftovers;
pub use site::{RUN_WITHIN, Site, TURNS};
pub use watch::{Look, all_hold, eventually};

/// A command of this workspace as a person types it: `cargo plan …`, `cargo drill …`.
#[must_use]
pub fn cargo<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Command {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(manifest.ancestors().nth(2).unwrap_or(manifest));
    command
}
