//! A room with a document database in it, by MongoDB's own driver.
//!
//! The driver resolves the host's name again for each of its connections, and has no place for an address. So the name is resolved and
//! looked at here first, a handshake with that very address must succeed, and the driver gets the same roots and no way around them: a
//! name that changed its mind in between would meet a TLS greeting, and never a password.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use holdfast_ports::Password;
use jiff::SignedDuration;
use mongodb::Client;
use mongodb::bson::doc;
use mongodb::error::Error;
use mongodb::options::{ClientOptions, Credential, ServerAddress, Tls, TlsOptions};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::connect::{inside, tls_config};
use super::handshake::handshake;
use super::{Examined, Opened, Room, RoomAddress, RoomDoor, RoomError};
use crate::config::{Config, ConfigError};
use crate::documents::{self, said, units};
use crate::network::Network;
use crate::work::{Question, Unit};

/// A room is one hop away; what takes longer is not up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server may be silent beyond the limit that it keeps itself: a network that swallows packets keeps no limit.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Opens rooms with a document database in them.
pub struct DocumentDoor {
    networks: Vec<Network>,
    tls: ClientConfig,
    ca_file: PathBuf,
    connections: u32,
}

impl DocumentDoor {
    /// Reads the roots of trust, once.
    ///
    /// # Errors
    /// When `HOLDFAST_ROOM_CA_FILE` cannot be read or holds no certificate.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let path = &config.room_ca_file;
        let refused = |problem: String| ConfigError {
            variable: "HOLDFAST_ROOM_CA_FILE",
            problem: format!("{}: {problem}", path.display()),
        };
        let roots = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            networks: config.room_networks.clone(),
            tls: tls_config(&roots).map_err(refused)?,
            ca_file: path.clone(),
            connections: u32::try_from(config.connections).unwrap_or(1).max(1),
        })
    }

    fn options(&self, address: &RoomAddress, password: &Password) -> ClientOptions {
        let credential =
            Credential::builder().username(address.user.clone()).password(password.expose().to_owned()).build();
        // Every field that loosens the check of the certificate is left out, which means that it is checked.
        let tls = TlsOptions::builder().ca_file_path(self.ca_file.clone()).build();
        ClientOptions::builder()
            .hosts(vec![ServerAddress::Tcp { host: address.host.clone(), port: Some(address.port) }])
            // The members that a replica set names are not looked up: they may be elsewhere.
            .direct_connection(true)
            .credential(credential)
            .tls(Tls::Enabled(tls))
            .max_pool_size(self.connections)
            .connect_timeout(CONNECT_TIMEOUT)
            .server_selection_timeout(CONNECT_TIMEOUT)
            .retry_reads(false)
            // DocumentDB has none (source: DocumentDB Developer Guide, "Functional differences: retryable writes"), and nothing is written.
            .retry_writes(false)
            .app_name("holdfast-verify".to_owned())
            .build()
    }
}

impl fmt::Debug for DocumentDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentDoor").field("networks", &self.networks).finish_non_exhaustive()
    }
}

impl RoomDoor for DocumentDoor {
    type Room = DocumentRoom;

    /// Never busy: nothing is written, so that two invocations at once disturb nothing, and the record keeps them from doing work twice.
    async fn open(&self, address: &RoomAddress, password: &Password) -> Result<Opened<DocumentRoom>, RoomError> {
        let room = address.to_string();
        let at = inside(address, &self.networks).await?;
        let tls = handshake(address, at, &self.tls).await?;
        let not_ready = |error: &Error| RoomError::NotReady { room: room.clone(), reason: said(error) };
        let client = Client::with_options(self.options(address, password)).map_err(|error| not_ready(&error))?;
        // The driver connects, and shows the password, at the first command.
        match client.database("admin").run_command(doc! { "ping": 1 }).await {
            Ok(_) => Ok(Opened::Room(DocumentRoom { client, room, tls })),
            Err(error) => {
                let refused = not_ready(&error);
                DocumentRoom { client, room: room.clone(), tls }.leave().await;
                Err(refused)
            }
        }
    }
}

/// A server that we are in.
pub struct DocumentRoom {
    client: Client,
    room: String,
    /// What protects the connection, in words.
    tls: String,
}

impl fmt::Debug for DocumentRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentRoom").field("room", &self.room).finish_non_exhaustive()
    }
}

impl DocumentRoom {
    fn lost(&self, reason: String) -> RoomError {
        RoomError::Lost { room: self.room.clone(), reason }
    }
}

impl Room for DocumentRoom {
    async fn units(&self, question: &Question<'_>) -> Result<Vec<Unit>, RoomError> {
        let catalog = documents::catalog(&self.client).await.map_err(|error| self.lost(said(&error)))?;
        Ok(units::units(&catalog, question))
    }

    async fn examine(&self, unit: &Unit, limit: SignedDuration) -> Result<Examined, RoomError> {
        let limit = Duration::try_from(limit).unwrap_or_default();
        match timeout(limit + SILENCE_MAX, documents::examine(&self.client, &self.tls, unit, limit)).await {
            Err(_) => Err(self.lost(format!("no answer for {} s in {}", (limit + SILENCE_MAX).as_secs(), unit.check))),
            Ok(Err(error)) => Err(self.lost(format!("{}: {}", unit.check, said(&error)))),
            Ok(Ok(examined)) => Ok(examined),
        }
    }

    async fn leave(self) {
        // Its connections are closed now, and its watch over the server ends; an open cursor ends with its connection.
        if timeout(SILENCE_MAX, self.client.shutdown().immediate(true)).await.is_err() {
            tracing::debug!(room = self.room, "the room was not left in good order");
        }
    }
}
