//! A room with PostgreSQL in it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use holdfast_ports::Password;
use jiff::SignedDuration;
use rustls::ClientConfig;
use tokio::time::timeout;
use tokio_postgres::Client;

use super::connect::{Access, ConnectError, Target, tls_config, words};
use super::{Examined, Opened, Room, RoomAddress, RoomDoor, RoomError, listing};
use crate::catalog::{Catalog, Contents, Database};
use crate::config::{Config, ConfigError};
use crate::examine;
use crate::network::Network;
use crate::work::{self, Question, Stage, Unit};

/// The key of the advisory lock: "holdfast" in ASCII. A room is of one run, so one key is enough.
const LOCK_KEY: i64 = i64::from_be_bytes(*b"holdfast");

/// How long the server may be silent beyond the limit that it keeps itself: a network that swallows packets keeps no limit.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Opens rooms with PostgreSQL in them.
pub struct PostgresDoor {
    networks: Vec<Network>,
    tls: ClientConfig,
    connections: usize,
}

impl PostgresDoor {
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
            connections: config.connections,
        })
    }
}

impl fmt::Debug for PostgresDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresDoor").field("networks", &self.networks).finish_non_exhaustive()
    }
}

impl RoomDoor for PostgresDoor {
    type Room = PostgresRoom;

    async fn open(&self, address: &RoomAddress, password: &Password) -> Result<Opened<PostgresRoom>, RoomError> {
        let target = Target::find(address, password, &self.networks, &self.tls).await?;
        let not_ready = |reason| RoomError::NotReady { room: target.room.clone(), reason };
        let lock = match target.connect(&target.database, Access::ReadOnly).await {
            Ok(client) => client,
            Err(ConnectError::Room(error)) => return Err(error),
            // The lock is one of the server in spirit; where the run's own database is not there, the always-there one serves.
            Err(ConnectError::Database(error)) => match target.connect("postgres", Access::ReadOnly).await {
                Ok(client) => client,
                Err(ConnectError::Room(error)) => return Err(error),
                Err(ConnectError::Database(_)) => return Err(not_ready(words(&error))),
            },
        };
        let row = lock.query_one("select pg_try_advisory_lock($1)", &[&LOCK_KEY]).await;
        let ours: bool = row.and_then(|row| row.try_get(0)).map_err(|error| not_ready(words(&error)))?;
        if !ours {
            return Ok(Opened::Busy);
        }
        let connections = self.connections.max(1);
        Ok(Opened::Room(PostgresRoom { target, lock, idle: Mutex::default(), open: Arc::new(()), connections }))
    }
}

/// A server that we are in.
pub struct PostgresRoom {
    target: Target,
    /// Holds the lock as long as it lives, and does nothing else.
    lock: Client,
    idle: Mutex<Vec<Session>>,
    /// Held by every session, at rest or not: so they are counted.
    open: Arc<()>,
    connections: usize,
}

impl fmt::Debug for PostgresRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresRoom").field("room", &self.target.room).finish_non_exhaustive()
    }
}

/// A session at rest.
struct Session {
    database: String,
    access: Access,
    client: Client,
    #[expect(dead_code, reason = "it is held to be counted")]
    open: Arc<()>,
}

impl Room for PostgresRoom {
    async fn units(&self, question: &Question<'_>) -> Result<Vec<Unit>, RoomError> {
        Ok(work::units(&self.catalog().await?, question))
    }

    async fn examine(&self, unit: &Unit, limit: SignedDuration) -> Result<Examined, RoomError> {
        let (database, access) = (unit.task.database().unwrap_or(&self.target.database), access_of(unit.stage));
        let mut session = match self.session(database, access).await {
            Ok(session) => session,
            Err(ConnectError::Room(RoomError::NotReady { room, reason })) => {
                return Err(RoomError::Lost { room, reason });
            }
            Err(ConnectError::Room(error)) => return Err(error),
            Err(ConnectError::Database(error)) => return Ok(examine::unopened(&error)),
        };
        let limit = Duration::try_from(limit).unwrap_or_default();
        let answer = timeout(limit + SILENCE_MAX, examine::examine(&mut session.client, unit, limit)).await;
        let lost = |reason: String| RoomError::Lost { room: self.target.room.clone(), reason };
        match answer {
            Err(_) => Err(lost(format!("no answer for {} s in {}", (limit + SILENCE_MAX).as_secs(), unit.check))),
            Ok(Err(error)) => Err(lost(format!("{}: {}", unit.check, words(&error)))),
            Ok(Ok(examined)) => {
                self.idle().push(session);
                Ok(examined)
            }
        }
    }

    async fn leave(self) {
        // A server that does not answer has lost the session, or will notice by its keepalives; there is nothing more to do for it.
        let unlock = self.lock.execute("select pg_advisory_unlock($1)", &[&LOCK_KEY]);
        if !matches!(timeout(SILENCE_MAX, unlock).await, Ok(Ok(_))) {
            tracing::debug!(room = self.target.room, "the room was not left in good order");
        }
    }
}

impl PostgresRoom {
    /// What there is to look at. Meanwhile a second session is opened in the run's own database, which mostly is the one with the most to
    /// look at: whoever lists waits for one processor of the room, and what a connection costs keeps the other busy.
    ///
    /// # Errors
    /// When the server is lost.
    pub async fn catalog(&self) -> Result<Catalog, RoomError> {
        if self.connections == 1 {
            return self.listed(1).await;
        }
        let (catalog, ahead) = join(self.listed(self.connections - 1), self.open_ahead()).await;
        // Kept only now: a session at rest would be taken for listing.
        self.idle().extend(ahead);
        catalog
    }

    /// Lists every database, so many at once.
    async fn listed(&self, at_once: usize) -> Result<Catalog, RoomError> {
        let databases = listing::databases(&self.target, &self.lock).await?;
        let listed = databases.into_iter().map(|(name, open)| async move {
            let contents = if open { self.contents(&name).await? } else { Contents::Off };
            Ok(Database { name, contents })
        });
        // Collected first: a stream of closures that borrow does not compile.
        let listed: Vec<_> = listed.collect();
        Ok(Catalog { databases: stream::iter(listed).buffered(at_once).try_collect().await? })
    }

    /// A session in the run's own database that nobody asked for yet. Where it cannot be opened, whoever needs it finds out why.
    async fn open_ahead(&self) -> Option<Session> {
        let (database, access, open) = (self.target.database.clone(), Access::ReadOnly, Arc::clone(&self.open));
        let client = self.target.connect(&database, access).await.ok()?;
        Some(Session { database, access, client, open })
    }

    /// What there is in a database. The session that listed it is kept for its checks.
    async fn contents(&self, database: &str) -> Result<Contents, RoomError> {
        let listed = match self.session(database, Access::ReadWrite).await {
            Ok(session) => {
                let listed = listing::listing(&session.client).await;
                self.idle().push(session);
                listed
            }
            Err(ConnectError::Room(error)) => return Err(error),
            Err(ConnectError::Database(error)) => Err(error),
        };
        listing::contents(&self.target, listed)
    }

    /// A session in that database: one at rest, or a new one. If there are as many as there may be, one at rest in another database is
    /// closed for it.
    async fn session(&self, database: &str, access: Access) -> Result<Session, ConnectError> {
        let (found, open, _closed) = {
            let mut idle = self.idle();
            idle.retain(|session| !session.client.is_closed());
            let of_database = |session: &Session| session.database == database;
            let place = idle.iter().position(|session| of_database(session) && session.access == access);
            let found = place.or_else(|| idle.iter().position(of_database)).map(|place| idle.swap_remove(place));
            // The room's own `open` is no session.
            let full = Arc::strong_count(&self.open) > self.connections;
            let closed = if found.is_none() && full { idle.pop() } else { None };
            (found, Arc::clone(&self.open), closed)
        };
        match found {
            Some(session) if session.access == access => Ok(session),
            Some(session) => {
                self.target.allow(&session.client, access).await?;
                Ok(Session { access, ..session })
            }
            None => {
                let client = self.target.connect(database, access).await?;
                Ok(Session { database: database.to_owned(), access, client, open })
            }
        }
    }

    /// A poisoned lock means that another thread panicked while it held sessions; the list is whole all the same.
    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn access_of(stage: Stage) -> Access {
    match stage {
        Stage::Greet | Stage::Read | Stage::Compare | Stage::Conclude | Stage::Ask => Access::ReadOnly,
        Stage::Vacuum => Access::ReadWrite,
    }
}
