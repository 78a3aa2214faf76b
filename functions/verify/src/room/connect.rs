//! Connections: to addresses in the clean room only, over verified TLS only.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast_ports::Password;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{RoomAddress, RoomError};
use crate::network::Network;

/// A room is one hop away; what takes longer is not up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer that is gone (a frozen or killed function, a destroyed room) is noticed after 30 + 3 × 10 = 60 s, on both sides.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// What every session of ours keeps to.
///
/// `row_security = off` makes a policy that would hide rows an error: a count of the rows that we may see is no count. Parallel
/// workers are off because our own connections already are the parallelism, and the room is small.
const SESSION: &str = "\
set lock_timeout = '120s'; set idle_in_transaction_session_timeout = '60s'; set row_security = off; set jit = off; \
set max_parallel_workers_per_gather = 0; set client_min_messages = 'error'; \
set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3";

/// Whether a session may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It may not.
    ReadOnly,
    /// It may.
    ReadWrite,
}

impl Access {
    fn setting(self) -> &'static str {
        match self {
            Self::ReadOnly => "set default_transaction_read_only = on",
            Self::ReadWrite => "set default_transaction_read_only = off",
        }
    }
}

/// Everything that a further connection to the same room needs.
pub(crate) struct Target {
    pub(crate) room: String,
    pub(crate) database: String,
    config: Config,
    tls: MakeRustlsConnect,
}

/// A connection that was not made.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// Because of the room as a whole.
    Room(RoomError),
    /// Because of that database: the server answered, and refused.
    Database(tokio_postgres::Error),
}

impl Target {
    /// Looks up where the host is, and refuses whatever is not in the clean room. Later connections go to the very address that was
    /// looked at: a name that changes its mind in between leads nowhere.
    pub(crate) async fn find(
        address: &RoomAddress,
        password: &Password,
        networks: &[Network],
        tls: &ClientConfig,
    ) -> Result<Self, RoomError> {
        let at = inside(address, networks).await?;
        let mut config = Config::new();
        config
            // The name is what the certificate must be for; the address is where it is.
            .host(&address.host)
            .hostaddr(at)
            .port(address.port)
            .user(&address.user)
            .password(password.expose())
            .ssl_mode(SslMode::Require)
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .application_name("holdfast-verify");
        Ok(Self {
            room: address.to_string(),
            database: address.database.clone(),
            config,
            tls: MakeRustlsConnect::new(tls.clone()),
        })
    }

    /// A session in a database.
    pub(crate) async fn connect(&self, database: &str, access: Access) -> Result<Client, ConnectError> {
        let mut config = self.config.clone();
        config.dbname(database);
        let (client, connection) = config.connect(self.tls.clone()).await.map_err(|error| self.refused(error))?;
        // The task ends when the client is dropped. A broken connection shows itself at the client's next statement.
        tokio::spawn(connection);
        let settings = format!("{SESSION}; {}", access.setting());
        client.batch_execute(&settings).await.map_err(|error| self.refused(error))?;
        Ok(client)
    }

    /// Changes what a session may do.
    pub(crate) async fn allow(&self, client: &Client, access: Access) -> Result<(), ConnectError> {
        client.batch_execute(access.setting()).await.map_err(|error| self.refused(error))
    }

    /// Whose fault a refused connection is.
    fn refused(&self, error: tokio_postgres::Error) -> ConnectError {
        if let Some(reason) = distrust(&error) {
            return ConnectError::Room(RoomError::Untrusted { room: self.room.clone(), reason });
        }
        match error.code() {
            None => ConnectError::Room(not_ready(&self.room, &words(&error))),
            Some(code) if is_about_the_server(code) => ConnectError::Room(not_ready(&self.room, &words(&error))),
            Some(_) => ConnectError::Database(error),
        }
    }
}

/// Starting up, stopping, full, or the password not yet applied: all of these pass.
fn is_about_the_server(code: &SqlState) -> bool {
    *code == SqlState::INVALID_PASSWORD
        || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        || *code == SqlState::TOO_MANY_CONNECTIONS
        || code.code().starts_with("57P")
        || code.code().starts_with("08")
}

fn not_ready(room: &str, reason: &str) -> RoomError {
    RoomError::NotReady { room: room.to_owned(), reason: reason.to_owned() }
}

/// Where a host is. Whatever is not in the clean room is refused, before anything is sent there.
pub(super) async fn inside(address: &RoomAddress, networks: &[Network]) -> Result<IpAddr, RoomError> {
    let found = resolve(address).await?;
    if let Some(outside) = found.iter().find(|found| !networks.iter().any(|network| network.contains(**found))) {
        return Err(RoomError::Outside {
            host: address.host.clone(),
            address: *outside,
            networks: networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        });
    }
    found.first().copied().ok_or_else(|| not_ready(&address.to_string(), "its name has no address yet"))
}

async fn resolve(address: &RoomAddress) -> Result<Vec<IpAddr>, RoomError> {
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let found =
        found.map_err(|error| not_ready(&address.to_string(), &format!("its name cannot be resolved: {error}")))?;
    Ok(found.map(|address| address.ip()).collect())
}

/// Why a TLS handshake failed, if it did because the server is not trusted, or speaks no TLS at all.
fn distrust(error: &tokio_postgres::Error) -> Option<String> {
    if error.as_db_error().is_some() {
        return None;
    }
    match std::error::Error::source(error) {
        Some(source) => match source.downcast_ref::<io::Error>() {
            // An I/O error hides what it holds from `source`, so it is opened by hand.
            Some(io) => io.get_ref()?.downcast_ref::<rustls::Error>().map(ToString::to_string),
            None => error.to_string().contains("TLS").then(|| words(error)),
        },
        None => error.to_string().contains("TLS").then(|| error.to_string()),
    }
}

/// An error in the server's words, or ours. The server's DETAIL stays out: it may quote data.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(refused) => format!("{} (SQLSTATE {})", refused.message(), refused.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// TLS 1.2 or newer, the server's certificate from these roots and for its host name, and no way around it.
///
/// # Errors
/// When there is no certificate among `roots_pem`.
pub(crate) fn tls_config(roots_pem: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let certificates: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(roots_pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("it is not PEM: {error}"))?;
    // One root of a hundred that rustls cannot use must not keep the others out; a room whose root is missing is refused anyway.
    let (used, _) = roots.add_parsable_certificates(certificates);
    if used == 0 {
        return Err("there is no certificate in it".into());
    }
    // The provider is named, because a process that links two of them has no default.
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
