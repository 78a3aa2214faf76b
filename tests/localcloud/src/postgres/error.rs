//! What can go wrong with a local server.

use std::path::PathBuf;

/// An error of a local PostgreSQL server or of the files below it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// No usable server binaries. The message says what to do about it.
    #[error("{0}")]
    NoBinaries(String),
    /// A program of PostgreSQL's did not start or failed.
    #[error("{program} failed: {detail}")]
    Program {
        /// The program's name.
        program: &'static str,
        /// Its last words.
        detail: String,
    },
    /// A server did not come up, or went away while it started.
    #[error("PostgreSQL in {data_dir} did not start: {detail}")]
    NotStarted {
        /// The data directory.
        data_dir: PathBuf,
        /// The reason and the end of the server's log.
        detail: String,
    },
    /// A file or directory could not be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// The verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The server refused a connection or a statement.
    #[error("PostgreSQL refused: {context}")]
    Sql {
        /// What was being done.
        context: &'static str,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The TLS material could not be made or read.
    #[error("TLS: {0}")]
    Tls(String),
    /// The request cannot be served: a limit of this emulation, never of RDS.
    #[error("{0}")]
    Unsupported(String),
}

impl PostgresError {
    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// For `map_err` on statements.
    pub(crate) fn sql(context: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Sql { context, source }
    }
}
