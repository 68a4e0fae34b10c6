//! The `tls_server_config` of a web file as a configuration of rustls, with ring.

use super::watch::Stamps;
use super::web_file::{Place, WebFileError};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{NamedGroup, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTls {
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_auth_type: Option<String>,
    client_ca_file: Option<PathBuf>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Option<Vec<String>>,
    curve_preferences: Option<Vec<String>>,
    /// Accepted so that files can be shared; it has no effect there either, nowadays.
    #[serde(rename = "prefer_server_cipher_suites")]
    _prefer_server_cipher_suites: Option<bool>,
}

/// What a server shows and takes.
pub(super) fn server_config(
    raw: &RawTls,
    folder: &Path,
    stamps: &mut Stamps,
    at: &Place<'_>,
) -> Result<Arc<ServerConfig>, WebFileError> {
    let key = |name: &str| format!("tls_server_config.{name}");
    let (Some(cert_file), Some(key_file)) = (&raw.cert_file, &raw.key_file) else {
        return Err(at.key("tls_server_config", "takes cert_file and key_file"));
    };
    let chain = certificates(&folder.join(cert_file), stamps, at, &key("cert_file"))?;
    let private = stamps.read(&folder.join(key_file))?;
    let private = PrivateKeyDer::from_pem_slice(zeroize::Zeroizing::new(private).as_bytes())
        .map_err(|it| at.key(&key("key_file"), format!("holds no private key in PEM: {it}")))?;
    let provider = Arc::new(CryptoProvider {
        cipher_suites: suites(raw, at)?,
        kx_groups: groups(raw, at)?,
        ..ring::default_provider()
    });
    let clients = client_verifier(raw, folder, &provider, stamps, at)?;
    let builder =
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(raw, at)?)
            .map_err(|it| at.key("tls_server_config", format!("these suites, curves and versions: {it}")))?;
    let mut config = builder
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, private)
        .map_err(|it| at.key(&key("cert_file"), format!("and key_file: {it}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(
    path: &Path,
    stamps: &mut Stamps,
    at: &Place<'_>,
    key: &str,
) -> Result<Vec<CertificateDer<'static>>, WebFileError> {
    let text = stamps.read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(at.key(key, "holds no certificate in PEM")),
        Err(error) => Err(at.key(key, format!("cannot be read: {error}"))),
    }
}

fn client_verifier(
    raw: &RawTls,
    folder: &Path,
    provider: &Arc<CryptoProvider>,
    stamps: &mut Stamps,
    at: &Place<'_>,
) -> Result<Arc<dyn ClientCertVerifier>, WebFileError> {
    let is_required = match (raw.client_auth_type.as_deref(), &raw.client_ca_file) {
        (None | Some("" | "NoClientCert"), None) => return Ok(Arc::new(NoClientAuth)),
        (None | Some("" | "NoClientCert"), Some(_)) => {
            let message = "is of no use without client_auth_type: \"RequireAndVerifyClientCert\"";
            return Err(at.key("tls_server_config.client_ca_file", message));
        }
        (Some("RequireAndVerifyClientCert"), _) => true,
        (Some("VerifyClientCertIfGiven"), _) => false,
        (Some(_), _) => {
            // The other two of Prometheus ask for a certificate and believe any.
            let message = "may be NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert";
            return Err(at.key("tls_server_config.client_auth_type", message));
        }
    };
    let key = "tls_server_config.client_ca_file";
    let Some(ca) = &raw.client_ca_file else {
        return Err(at.key(key, "is needed, to verify clients' certificates by"));
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&folder.join(ca), stamps, at, key)? {
        roots.add(certificate).map_err(|it| at.key(key, it.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if is_required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|it| at.key(key, it.to_string()))
}

fn versions(raw: &RawTls, at: &Place<'_>) -> Result<Vec<&'static SupportedProtocolVersion>, WebFileError> {
    const ALL: [(&str, &SupportedProtocolVersion); 2] = [("TLS12", &TLS12), ("TLS13", &TLS13)];
    let place = |name: &str, text: &Option<String>, otherwise: usize| match text.as_deref() {
        None | Some("") => Ok(otherwise),
        Some(text) => ALL.iter().position(|(it, _)| *it == text).ok_or_else(|| {
            at.key(&format!("tls_server_config.{name}"), "may be TLS12 or TLS13: older ones are broken")
        }),
    };
    let (least, most) =
        (place("min_version", &raw.min_version, 0)?, place("max_version", &raw.max_version, 1)?);
    let wanted: Vec<_> =
        ALL.iter().enumerate().filter(|(it, _)| (least..=most).contains(it)).map(|(_, it)| it.1).collect();
    if wanted.is_empty() {
        return Err(at.key("tls_server_config.min_version", "is above max_version"));
    }
    Ok(wanted)
}

fn suites(raw: &RawTls, at: &Place<'_>) -> Result<Vec<SupportedCipherSuite>, WebFileError> {
    let all = ring::default_provider().cipher_suites;
    let Some(wanted) = raw.cipher_suites.as_ref().filter(|it| !it.is_empty()) else { return Ok(all) };
    let name_of = |it: &SupportedCipherSuite| format!("{:?}", it.suite()).replacen("TLS13_", "TLS_", 1);
    let find = |name: &String| {
        all.iter().copied().find(|it| name_of(it) == *name).ok_or_else(|| {
            let known: Vec<String> = all.iter().map(name_of).collect();
            at.key("tls_server_config.cipher_suites", format!("may name {}", known.join(", ")))
        })
    };
    wanted.iter().map(find).collect()
}

fn groups(raw: &RawTls, at: &Place<'_>) -> Result<Vec<&'static dyn SupportedKxGroup>, WebFileError> {
    const NAMES: [(&str, NamedGroup); 3] = [
        ("X25519", NamedGroup::X25519),
        ("CurveP256", NamedGroup::secp256r1),
        ("CurveP384", NamedGroup::secp384r1),
    ];
    let all = ring::default_provider().kx_groups;
    let Some(wanted) = raw.curve_preferences.as_ref().filter(|it| !it.is_empty()) else { return Ok(all) };
    let find = |name: &String| {
        let group = NAMES.iter().find(|(it, _)| it == name).map(|(_, it)| *it);
        all.iter().copied().find(|it| Some(it.name()) == group).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(it, _)| *it).collect();
            at.key("tls_server_config.curve_preferences", format!("may name {}", known.join(", ")))
        })
    };
    wanted.iter().map(find).collect()
}
