//! TLS under an authority of our own, as RDS has one.
//!
//! A certificate authority plus a leaf, never one self-signed certificate: rustls refuses a server certificate that is its own root.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::PostgresError;

/// A certificate authority that lives as long as this process.
#[derive(Debug)]
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate and its key.
pub struct ServerCertificate {
    /// The leaf certificate.
    pub certificate_pem: String,
    /// Its private key, PKCS #8.
    pub key_pem: String,
}

impl Authority {
    /// Makes a new authority.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, PostgresError> {
        let key = KeyPair::generate().map_err(tls_error)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Holdfast local cloud RDS root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key).map_err(tls_error)?.pem();
        Ok(Self { certificate_pem, issuer: Issuer::new(params, key) })
    }

    /// The root that clients trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Issues a certificate for a server on this machine.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn issue(&self) -> Result<ServerCertificate, PostgresError> {
        let key = KeyPair::generate().map_err(tls_error)?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).map_err(tls_error)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).map_err(tls_error)?;
        Ok(ServerCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

/// A client configuration that trusts `ca_pem` and nothing else.
///
/// # Errors
/// When `ca_pem` holds no certificate.
pub fn client_config(ca_pem: &str) -> Result<rustls::ClientConfig, PostgresError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.map_err(tls_error)?).map_err(tls_error)?;
    }
    if roots.is_empty() {
        return Err(PostgresError::Tls("no certificate in the given PEM text".to_owned()));
    }
    // The provider is named, because a process that links two of them has no default.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls_error)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn tls_error(error: impl std::fmt::Display) -> PostgresError {
    PostgresError::Tls(error.to_string())
}
