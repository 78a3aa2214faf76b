//! The local RDS alone: for any AWS client, with real PostgreSQL servers behind it.
//!
//! Prints its endpoint, one line, and serves until its standard input ends or it is told to stop (SIGINT, SIGTERM). Whoever starts
//! it keeps the other end of that pipe, so that it goes when they go, however they go.

use std::fs::Permissions;
use std::io::{Write as _, copy, sink, stdin, stdout};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Context as _;
use holdfast_localcloud::postgres::{Binaries, Search};
use holdfast_localcloud::rds::{Config, Rds};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Before anything that would have to be cleaned up: a signal that comes early must not find the default handler.
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let binaries = tokio::task::spawn_blocking(|| Binaries::find(&Search::default())).await??;
    // PostgreSQL runs as another user when we are root, and that user must be able to pass.
    let dir = tempfile::Builder::new().prefix("holdfast-rds-").permissions(Permissions::from_mode(0o711)).tempdir();
    let dir = dir.context("could not make a directory for the databases")?;
    let rds = Rds::start(Config::new(dir.path().join("rds"), binaries)).await?;
    writeln!(stdout(), "{}", rds.endpoint()).context("nobody reads the endpoint")?;
    tokio::select! {
        () = end_of_input() => {}
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    rds.shutdown().await?;
    dir.close().context("files are left")
}

/// A thread of its own, not the runtime's: nothing can wake a read of standard input, and the runtime would wait for it at the end.
async fn end_of_input() {
    let (ended, end) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        // An input that cannot be read has ended too.
        drop(copy(&mut stdin().lock(), &mut sink()));
        drop(ended);
    });
    // A dropped sender is the message.
    drop(end.await);
}
