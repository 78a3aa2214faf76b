//! A physical copy: `pg_basebackup` over the replication protocol. All databases of the cluster, byte by byte, damage included.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::programs::{Connection, run};
use super::words::of_total;

/// `stream` fetches the WAL on a second connection while the files come, so that nothing has to be kept for us. Without a slot the
/// source is not changed at all: a slot, even a temporary one, holds back WAL for as long as we are slow. If the source recycles WAL
/// faster than it can be streamed, the copy fails and says so. Nobody needs the copy after a power failure: no fsync, no manifest.
const FLAGS: [&str; 8] = [
    "--format=plain",
    "--wal-method=stream",
    "--no-slot",
    "--no-manifest",
    "--no-sync",
    "--no-password",
    "--progress",
    "--verbose",
];

/// Copies the source's cluster to `data_dir`, which must not exist yet. Returns how many bytes came.
///
/// # Errors
/// When the source refuses or the copy breaks off, in the program's words.
pub(super) async fn copy(
    source: &Connection,
    pg_basebackup: &Path,
    checkpoint: &str,
    data_dir: &Path,
    say: impl Fn(&str),
) -> Result<u64> {
    let mut command = source.command(pg_basebackup);
    command.args(FLAGS).arg(format!("--checkpoint={checkpoint}")).arg("--pgdata").arg(data_dir);
    say(&format!("waiting for the source's checkpoint ({checkpoint})"));
    let mut bytes_copied = 0;
    run(command, |line| {
        if let Some((done, total)) = progress(line) {
            bytes_copied = done;
            say(&of_total(done, total));
        }
    })
    .await
    .context("the source could not be copied physically")?;
    Ok(bytes_copied)
}

/// Bytes so far and in all, from `  23456/345678 kB (6%), 0/1 tablespace`.
fn progress(line: &str) -> Option<(u64, u64)> {
    let (done, rest) = line.trim_start().split_once('/')?;
    let (total, _) = rest.split_once(" kB")?;
    Some((done.parse::<u64>().ok()?.checked_mul(1024)?, total.trim().parse::<u64>().ok()?.checked_mul(1024)?))
}

#[cfg(test)]
mod tests {
    use super::progress;

    #[test]
    fn progress_is_read_and_other_lines_are_not() {
        assert_eq!(progress("    2/345 kB (0%), 0/1 tablespace (/tmp/x/data/base/5/16384)"), Some((2048, 345 * 1024)));
        assert_eq!(progress("345/345 kB (100%), 1/1 tablespace"), Some((345 * 1024, 345 * 1024)));
        for line in [
            "pg_basebackup: initiating base backup",
            "pg_basebackup: starting background WAL receiver",
            "0/1 tablespace",
            "",
        ] {
            assert_eq!(progress(line), None, "{line}");
        }
    }
}
