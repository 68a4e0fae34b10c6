//! Whom a client trusts: the system's authorities, one file of certificates alone, or certificates by
//! their fingerprint.

use super::WebError;
use crate::model::SnapshotError;
use reqwest::ClientBuilder;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whom to trust. Without anything: what the system trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Trust these certificates alone, in a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Only a certificate with one of these SHA-256 fingerprints will do. Without `ca_file` nothing else is
    /// asked of it: so a self-signed one will do.
    pub pins: Vec<[u8; 32]>,
    /// Whether the certificate is looked at, at all.
    pub verify: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { ca_file: None, pins: Vec::new(), verify: true }
    }
}

/// The builder with these settings.
pub(super) fn trusting(builder: ClientBuilder, tls: &TlsSettings) -> Result<ClientBuilder, WebError> {
    if !tls.pins.is_empty() {
        return Ok(builder.tls_backend_preconfigured(pinned(tls)?));
    }
    if !tls.verify {
        return Ok(builder.tls_danger_accept_invalid_certs(true));
    }
    let Some(path) = &tls.ca_file else { return Ok(builder) };
    let certificates: Result<Vec<_>, _> =
        certificates(path)?.iter().map(|it| reqwest::Certificate::from_der(it)).collect();
    Ok(builder.tls_certs_only(certificates.map_err(|error| unusable(path, &error))?))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, WebError> {
    let found: Result<Vec<_>, _> = match CertificateDer::pem_file_iter(path) {
        Ok(certificates) => certificates.collect(),
        Err(error) => Err(error),
    };
    match found {
        Ok(certificates) if certificates.is_empty() => Err(unusable(path, &"there is no certificate in it")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(path, &error)),
    }
}

fn unusable(path: &Path, why: &dyn fmt::Display) -> WebError {
    WebError::new(SnapshotError::Tls, format!("tls_ca_file {} cannot be used: {why}", path.display()))
}

/// TLS that takes certificates with these fingerprints alone.
fn pinned(tls: &TlsSettings) -> Result<ClientConfig, WebError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authority: Option<Arc<dyn ServerCertVerifier>> = match &tls.ca_file {
        None => None,
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| unusable(path, &error))?;
            }
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
            Some(verifier.map_err(|error| unusable(path, &error))?)
        }
    };
    let verifier = Pins { pins: tls.pins.clone(), authority, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| WebError::new(SnapshotError::Tls, format!("TLS cannot be set up: {error}")))?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// Takes a server's certificate by its fingerprint, and by authority as well if there is one.
#[derive(Debug)]
struct Pins {
    pins: Vec<[u8; 32]>,
    authority: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found: [u8; 32] = Sha256::digest(end_entity).into();
        if !self.pins.contains(&found) {
            let other = OtherError(Arc::new(OtherCertificate(found)));
            return Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)));
        }
        match &self.authority {
            Some(it) => it.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate that is none of the pinned ones, by its fingerprint.
#[derive(Debug)]
pub(super) struct OtherCertificate(pub(super) [u8; 32]);

impl std::error::Error for OtherCertificate {}

impl fmt::Display for OtherCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate is none of tls_pins; its SHA-256 is {}", fingerprint(&self.0))
    }
}

/// The certificate that was none of the pinned ones, if that is what an error says.
pub(super) fn other_certificate(error: &rustls::Error) -> Option<&OtherCertificate> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
            other.downcast_ref::<OtherCertificate>()
        }
        _ => None,
    }
}

/// A TLS error in words, where rustls' own are for programmers.
pub(super) fn words(error: &rustls::Error) -> Option<String> {
    use CertificateError as Certificate;
    use rustls::{AlertDescription as Alert, Error};
    let certificate = match error {
        Error::InvalidCertificate(error) => error,
        Error::InvalidMessage(_) => return Some("what answers there does not speak TLS".to_owned()),
        Error::AlertReceived(Alert::HandshakeFailure | Alert::ProtocolVersion)
        | Error::PeerIncompatible(_) => {
            return Some(format!("it has no version or cipher of TLS in common with us ({error})"));
        }
        _ => return None,
    };
    let words = match certificate {
        Certificate::UnknownIssuer => "its certificate is signed by nobody who is trusted here",
        Certificate::Expired | Certificate::ExpiredContext { .. } => "its certificate has expired",
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "its certificate is not valid yet: one of the clocks may be wrong"
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        // webpki's word for it; an authority's own certificate is not one of a server.
        Certificate::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is self-signed"
        }
        _ => return Some(format!("its certificate is not taken: {certificate}")),
    };
    Some(words.to_owned())
}

/// As `openssl x509 -fingerprint -sha256` prints it: `AB:CD:..`.
#[must_use]
pub fn fingerprint(digest: &[u8; 32]) -> String {
    let mut text = String::with_capacity(3 * digest.len());
    for octet in digest {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing into a String cannot fail.
        if write!(text, "{colon}{octet:02X}").is_err() {
            return text;
        }
    }
    text
}

/// 64 hexadecimal digits; colons and a leading `sha256:` or `SHA256 Fingerprint=` are left out.
#[must_use]
pub fn parse_fingerprint(text: &str) -> Option<[u8; 32]> {
    let text = text.rsplit('=').next().unwrap_or(text).trim();
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let digits: Vec<u8> = text
        .chars()
        .filter(|it| *it != ':')
        .map(|it| it.to_digit(16))
        .map(|it| u8::try_from(it?).ok())
        .collect::<Option<_>>()?;
    let octets: Vec<u8> =
        digits.chunks_exact(2).map(|it| it.iter().fold(0, |high, low| high << 4 | low)).collect();
    if digits.len() == 64 { octets.try_into().ok() } else { None }
}
