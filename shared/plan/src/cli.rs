//! The subcommands of `plan`. Each has its arguments and a `run` that says whether everything was accepted, which becomes the
//! exit code; what it says of plans comes from the library.

pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod forecast;
mod say;
pub(crate) mod schema;
mod source;
mod today;
