//! Connecting to a server, always over TLS.

use std::fmt;
use std::time::Duration;

use tokio_postgres::{Client, Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresError, client_config};

/// A local server answers at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything a client needs to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Host name or address; the certificate carries `localhost` and `127.0.0.1`.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Role.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Database.
    pub database: String,
    /// The authority to trust.
    pub ca_pem: String,
}

impl Login {
    /// The same login for another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// Opens a connection. Its background task ends when the client is dropped.
    ///
    /// # Errors
    /// When the server cannot be reached, its certificate is not trusted or the login is refused.
    pub async fn connect(&self) -> Result<Client, PostgresError> {
        let tls = MakeRustlsConnect::new(client_config(&self.ca_pem)?);
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.user)
            .password(&self.password)
            .dbname(&self.database)
            .ssl_mode(SslMode::Require)
            .connect_timeout(CONNECT_TIMEOUT)
            .application_name("holdfast-localcloud");
        let (client, connection) = config.connect(tls).await.map_err(PostgresError::sql("connect"))?;
        tokio::spawn(async move {
            // A broken connection shows itself at the client's next statement.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a local server ended");
            }
        });
        Ok(client)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user, database, .. } = self;
        write!(f, "Login({user}@{host}:{port}/{database})")
    }
}
