//! Whom a client trusts, and what it says of those that it does not; `redfish pin`.

use super::room::{PASSWORD, USER, pdu};
use super::{client, run, settings};
use rackwarden::model::{PollError, SnapshotError};
use rackwarden::redfish::ServiceSettings;
use rackwarden::simulator::redfish::{ServiceHandle, ServiceSpec, identity};
use rackwarden::web_client::{TlsSettings, fingerprint};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate that nobody has signed, with its key, in a file.
struct Identity {
    file: PathBuf,
    certificate: PathBuf,
    digest: [u8; 32],
}

fn make(folder: &Path, name: &str, host: &str, last_year: i32) -> Identity {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let (file, certificate) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.crt")));
    std::fs::write(&file, format!("{}{}", made.pem(), key.serialize_pem())).unwrap();
    std::fs::write(&certificate, made.pem()).unwrap();
    Identity { file, certificate, digest: Sha256::digest(made.der()).into() }
}

async fn serve(identity_of: &Identity) -> ServiceHandle {
    let spec = ServiceSpec {
        mockup: pdu(6),
        user: Some((USER.to_owned(), PASSWORD.to_owned())),
        expand: true,
        tls: Some(identity(&identity_of.file).unwrap()),
        ..ServiceSpec::default()
    };
    ServiceHandle::start(spec, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

async fn said(url: &str, tls: TlsSettings) -> Option<String> {
    let mut service = client(ServiceSettings { tls, ..settings(url) });
    let polled = service.poll().await;
    service.close().await;
    match polled.batch.error {
        None => None,
        Some(PollError::Snapshot { class: SnapshotError::Tls, reason }) => Some(reason),
        other => panic!("{other:?}"),
    }
}

fn pinned(digests: &[[u8; 32]]) -> TlsSettings {
    TlsSettings { pins: digests.to_vec(), ..TlsSettings::default() }
}

fn signed_by(certificate: &Path) -> TlsSettings {
    TlsSettings { ca_file: Some(certificate.to_owned()), ..TlsSettings::default() }
}

#[test]
fn certificates_are_looked_at_and_what_is_wrong_is_said() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let (good, other) =
            (make(folder.path(), "good", "127.0.0.1", 2090), make(folder.path(), "other", "127.0.0.1", 2090));
        let (expired, elsewhere) = (
            make(folder.path(), "expired", "127.0.0.1", 2021),
            make(folder.path(), "elsewhere", "pdu.example", 2090),
        );
        let handle = serve(&good).await;
        let anything = TlsSettings { verify: false, ..TlsSettings::default() };
        for tls in [signed_by(&good.certificate), pinned(&[other.digest, good.digest]), anything] {
            assert_eq!(said(&handle.url(), tls.clone()).await, None, "{tls:?}");
        }
        assert_eq!(handle.open_sessions(), 0);
        handle.reset_counts();
        let found = fingerprint(&good.digest);
        for (tls, words) in [
            (TlsSettings::default(), "signed by nobody who is trusted here; `rackwarden redfish pin` shows"),
            (signed_by(&other.certificate), "its certificate is"),
            (pinned(&[other.digest]), &*format!("is none of tls_pins; its SHA-256 is {found}")),
            (signed_by(Path::new("/nowhere.pem")), "tls_ca_file /nowhere.pem cannot be used"),
        ] {
            let reason = said(&handle.url(), tls).await.unwrap();
            assert!(reason.contains(words), "{reason}");
        }
        assert_eq!((handle.counts().requests, handle.counts().logins), (0, 0), "nothing was sent to it");
        for (wrong, words) in [(&expired, "has expired"), (&elsewhere, "is for another name")] {
            let handle = serve(wrong).await;
            let reason = said(&handle.url(), signed_by(&wrong.certificate)).await.unwrap();
            assert!(reason.contains(words), "{reason}");
            assert_eq!(said(&handle.url(), pinned(&[wrong.digest])).await, None, "pinned, whatever it says");
        }
    });
}

/// Answers what comes with these octets.
fn answering(octets: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 512];
        // Whether its peer stays is what is tested.
        drop(stream.read(&mut hello));
        drop(stream.write_all(octets));
    });
    format!("https://{address}")
}

#[test]
fn what_speaks_no_tls_or_too_old_a_one_is_told_apart() {
    run(async {
        let plain = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let reason = said(&plain, TlsSettings::default()).await.unwrap();
        assert!(reason.contains("does not speak TLS"), "{reason}");
        // Alerts (RFC 5246 section 7.2): fatal handshake_failure, fatal protocol_version.
        for alert in [&b"\x15\x03\x03\x00\x02\x02\x28"[..], b"\x15\x03\x01\x00\x02\x02\x46"] {
            let reason = said(&answering(alert), TlsSettings::default()).await.unwrap();
            assert!(reason.contains("in common with us"), "{reason}");
            assert!(reason.contains("update its firmware"), "{reason}");
        }
    });
}

#[test]
fn pin_shows_what_poll_takes() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let handle = serve(&make(folder.path(), "own", "pdu.example", 2021)).await;
        let url = handle.url();
        let command = |arguments: Vec<String>| {
            tokio::task::spawn_blocking(move || {
                Command::new(env!("CARGO_BIN_EXE_rackwarden"))
                    .args(arguments)
                    .args(["--config", "/nowhere"])
                    .env("RACKWARDEN_PASSWORD", PASSWORD)
                    .output()
                    .unwrap()
            })
        };
        let host = url.trim_start_matches("https://").to_owned();
        let shown = command(vec!["redfish".into(), "pin".into(), host]).await.unwrap();
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        let pin = String::from_utf8(shown.stdout).unwrap().trim().to_owned();
        let ask =
            |pin: &str| ["poll", &url, "-u", USER, "--json", "--tls-pin", pin].map(str::to_owned).to_vec();
        let polled = command(ask(&pin)).await.unwrap();
        assert!(polled.status.success(), "{}", String::from_utf8_lossy(&polled.stderr));
        let wrong = command(ask(&"AB".repeat(32))).await.unwrap();
        let text = String::from_utf8_lossy(&wrong.stderr);
        assert!(!wrong.status.success() && text.contains(&pin), "{text}");
        assert_eq!(handle.open_sessions(), 0);
        assert!(!text.contains(PASSWORD));
    });
}
