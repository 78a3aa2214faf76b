//! A TLS handshake of our own, before a driver that resolves and connects by itself is let near a room.
//!
//! It goes to the very address that was found inside the clean room, and says in types what the driver would only say in words: that a
//! server is not trusted. No password is sent over it; it ends when the handshake is over.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{RoomAddress, RoomError};

/// A room is one hop away; what takes longer is not up.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What protects the connection, in words.
///
/// # Errors
/// [`RoomError::Untrusted`] when the server shows no certificate of the expected roots for its name, [`RoomError::NotReady`] when nobody
/// answers.
pub(super) async fn handshake(address: &RoomAddress, at: IpAddr, tls: &ClientConfig) -> Result<String, RoomError> {
    let room = address.to_string();
    let not_ready = |reason: String| RoomError::NotReady { room: room.clone(), reason };
    let untrusted = |reason: String| RoomError::Untrusted { room: room.clone(), reason };
    let name = ServerName::try_from(address.host.clone()).map_err(|error| untrusted(error.to_string()))?;
    let shaken = timeout(HANDSHAKE_TIMEOUT, async {
        let stream = TcpStream::connect((at, address.port)).await?;
        TlsConnector::from(Arc::new(tls.clone())).connect(name, stream).await
    });
    let stream = match shaken.await {
        Ok(Ok(stream)) => stream,
        // An I/O error hides what it holds from `source`, so it is opened by hand.
        Ok(Err(error)) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(distrust) => return Err(untrusted(distrust.to_string())),
            None => return Err(not_ready(error.to_string())),
        },
        Err(_) => return Err(not_ready(format!("no TLS handshake within {} s", HANDSHAKE_TIMEOUT.as_secs()))),
    };
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    let cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
    Ok(format!("{version}, {cipher}; the certificate is of the expected roots and for {}", address.host))
}
