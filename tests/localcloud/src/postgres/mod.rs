//! Real PostgreSQL servers on this machine: finding the binaries, running a server, and copying it physically.
//!
//! Nothing here knows of AWS. A server lives below one directory, listens on the loopback address alone, speaks TLS under an
//! authority of this process, and dies with this process. It must not touch any other PostgreSQL on the machine: no shared
//! socket directory, no fixed port, no shared memory outside its own directory.

mod archive;
mod backup;
mod binaries;
mod client;
mod cluster;
mod damage;
mod error;
mod files;
mod parameters;
mod roles;
mod server;
mod tls;
mod user;

pub use archive::WalArchive;
pub use backup::{Backup, BackupSummary};
pub use binaries::{Binaries, Search, VERSION_MAJOR_MIN};
pub use client::Login;
pub use cluster::{Cluster, Handover, Host, HostOptions};
pub use damage::{Damage, LocatedDamage};
pub use error::PostgresError;
pub(crate) use files::{create_private_dir, remove_tree};
pub(crate) use parameters::{KnownParameter, known as known_parameters};
pub(crate) use roles::execute;
pub use roles::{
    ADMIN, MasterUser, alter_password, create_master_user, end_prepared_transactions, ensure_master_user,
    ensure_rds_roles, join_all_roles,
};
pub use server::Server;
pub use tls::{Authority, ServerCertificate, client_config};
pub use user::ServerUser;
