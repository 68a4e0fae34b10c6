//! Who is let in: users, tokens, operators and TLS by a web file, and what changes with it.

use super::client::{Answer, NOW, Server};
use super::fleet::{at, pdu};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rackwarden::http::{Access, Limits, WebFile, Wish};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A folder with a web file, and what it names.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn access(&self) -> Access {
        Access::open(Some(&self.path().join("web.yml"))).unwrap()
    }

    fn mistake(&self) -> String {
        let error = WebFile::load(&self.path().join("web.yml")).unwrap_err();
        let text = error.to_string();
        text.replace(&format!("{}/", self.path().display()), "")
    }
}

/// anna reads, otto operates, each with a token beside the password.
fn people() -> String {
    let mut text = "basic_auth_users:\n".to_owned();
    for name in ["anna", "otto"] {
        writeln!(text, "  {name}: {}", bcrypt::hash(format!("{name}'s"), 4).unwrap()).unwrap();
    }
    text.push_str("bearer_tokens:\n");
    for (name, token) in [("prometheus", "scrape-me"), ("runbook", "do-it")] {
        writeln!(text, "  {name}: sha256:{}", digest(token)).unwrap();
    }
    text + "operators: [otto, runbook]\n"
}

fn digest(token: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(token.as_bytes()).iter().map(|it| format!("{it:02x}")).collect()
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn request(method: &str, path: &str, authorization: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n");
    if !authorization.is_empty() {
        write!(text, "Authorization: {authorization}\r\n").unwrap();
    }
    text + "\r\n"
}

#[test]
fn every_path_asks_who_it_is() {
    let folder = Folder::new();
    folder.write("web.yml", &people());
    let server = Server::start_with(Limits::default(), folder.access());
    server.store.publish(pdu("pdu-1", 2).batch(at(NOW)));
    for path in ["/", "/metrics", "/healthz", "/readyz", "/api/v1/devices", "/api/v1/devices/pdu-1", "/nope"]
    {
        let answer = server.get(path);
        assert_eq!((answer.status, &answer.json()["error"]), (401, &"not_authenticated".into()), "{path}");
        assert!(answer.head.contains("www-authenticate: basic realm="), "{}", answer.head);
        assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        assert!(!answer.text().contains("pdu-1"));
    }
    let (anna, otto) = (basic("anna", "anna's"), basic("otto", "otto's"));
    for (method, path, authorization, status) in [
        ("GET", "/metrics", &*anna, 200),
        ("GET", "/metrics", &anna, 200),
        ("GET", "/", &otto, 200),
        ("GET", "/metrics", "Bearer scrape-me", 200),
        ("GET", "/metrics", "bearer  do-it", 200),
        ("GET", "/metrics", &basic("anna", "otto's"), 401),
        ("GET", "/metrics", &basic("nobody", "anna's"), 401),
        ("GET", "/metrics", &basic("", ""), 401),
        ("GET", "/metrics", "Basic ?", 401),
        ("GET", "/metrics", "Bearer ", 401),
        ("GET", "/metrics", "Bearer scrape-me2", 401),
        ("GET", "/metrics", "Digest username=anna", 401),
        ("GET", "/metrics", "anna", 401),
        // Whatever might change something is for operators; there is nothing of it at this path.
        ("POST", "/metrics", &anna, 403),
        ("DELETE", "/metrics", "Bearer scrape-me", 403),
        ("POST", "/metrics", &otto, 405),
        ("POST", "/metrics", "Bearer do-it", 405),
        ("POST", "/metrics", "", 401),
    ] {
        let answer = server.ask(&request(method, path, authorization));
        assert_eq!(answer.status, status, "{method} {path} {authorization}: {}", answer.text());
    }
}

#[test]
fn wishes_are_for_operators_in_their_own_name() {
    let folder = Folder::new();
    folder.write("web.yml", &people());
    let access = folder.access();
    let server = Server::start_with(Limits::default(), access.clone());
    let post = |authorization: &str, kind: &str, body: &str| {
        let length = body.len();
        let answer = server.ask(&format!(
            "POST /api/v1/wishes HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\nAuthorization: {authorization}\r\n\r\n{body}"
        ));
        (answer.status, answer.text())
    };
    let (anna, otto) = (basic("anna", "anna's"), basic("otto", "otto's"));
    let (json, wish) = ("application/json", r#"{"wish": "acknowledge", "alert": "a/b", "by": "somebody"}"#);
    assert_eq!(post(&anna, json, wish).0, 403);
    assert_eq!(post("", json, wish).0, 401);
    assert_eq!(post(&otto, json, wish), (200, "{\"done\":true}".to_owned()));
    assert_eq!(post("Bearer do-it", json, r#"{"wish": "end_silence", "id": 7}"#).0, 200);
    assert_eq!(
        *server.others.wishes.lock().unwrap(),
        [
            Wish::Acknowledge { alert: "a/b".to_owned(), by: "otto".to_owned() },
            Wish::EndSilence { id: 7, by: "runbook".to_owned() },
        ]
    );
    for (kind, body, status, says) in [
        ("application/x-www-form-urlencoded", wish, 422, "send the wish with content-type: application/json"),
        (json, "{", 422, "the wish cannot be read: "),
        (json, r#"{"wish": "reboot"}"#, 422, "the wish cannot be read: "),
        (json, r#"{"wish": "end_silence", "id": 0}"#, 422, "there is no silence 0"),
        (json, &" ".repeat(9000), 413, "too large"),
    ] {
        let (got, text) = post(&otto, kind, body);
        assert!(got == status && text.contains(says), "{body}: {got} {text}");
    }
    access.reload(None);
    assert_eq!(post("", json, wish).0, 403, "where nobody is asked who they are, nobody is an operator");
    assert_eq!(server.others.wishes.lock().unwrap().len(), 2);
}

#[test]
fn another_web_file_counts_at_once_and_one_with_mistakes_does_not() {
    let folder = Folder::new();
    folder.write("web.yml", "");
    let access = folder.access();
    let server = Server::start_with(Limits::default(), access.clone());
    let status = |authorization: &str| server.ask(&request("GET", "/metrics", authorization)).status;
    assert_eq!(status(""), 200, "nothing is asked for");
    folder.write("web.yml", &people());
    access.refresh();
    assert_eq!((status(""), status(&basic("anna", "anna's"))), (401, 200));
    folder.write("web.yml", "basic_auth_users: {anna: plain}\n");
    access.refresh();
    assert_eq!((status(""), status(&basic("anna", "anna's"))), (401, 200), "what was in force stays");
    std::fs::remove_file(folder.path().join("web.yml")).unwrap();
    access.refresh();
    assert_eq!((status(""), status(&basic("anna", "anna's"))), (401, 200), "and so it does without any file");
    folder.write("web.yml", &format!("basic_auth_users:\n  anna: {}\n", bcrypt::hash("another", 4).unwrap()));
    access.refresh();
    let now =
        (status(&basic("anna", "anna's")), status(&basic("anna", "another")), status("Bearer scrape-me"));
    assert_eq!(now, (401, 200, 401), "a password that was right before is not");
    access.reload(None);
    assert_eq!(status(""), 200);
}

#[test]
fn the_shipped_web_file_is_one() {
    let folder = Folder::new();
    let shipped = include_str!("../../../packaging/examples/web.yml");
    folder.write("web.yml", shipped);
    assert_eq!(folder.mistake(), "cannot read tls/collector.pem", "that is for the user to make");
    let clear: Vec<&str> =
        shipped.lines().filter(|it| !it.contains("tls_") && !it.contains("_file")).collect();
    folder.write("web.yml", &clear.join("\n"));
    let server = Server::start_with(Limits::default(), folder.access());
    assert_eq!(server.get("/metrics").status, 200, "nobody is named yet");
}

#[test]
fn mistakes_say_where_and_what_without_a_secret() {
    let folder = Folder::new();
    folder.write("empty.pem", "");
    for (text, says) in [
        ("basic_auth_users: {anna: s3cret}", "web.yml: basic_auth_users.anna: takes a bcrypt hash: htpasswd"),
        ("bearer_tokens: {p: s3cret}", "web.yml: bearer_tokens.p: takes `sha256:` and 64 hexadecimal digits"),
        ("operators: [eve]", "web.yml: operators: `eve` is neither among basic_auth_users nor bearer_tokens"),
        ("tls_server_config: {}", "web.yml: tls_server_config: takes cert_file and key_file"),
        ("tls_server_config: {cert_file: gone.pem, key_file: gone.pem}", "cannot read gone.pem"),
        (
            "tls_server_config: {cert_file: empty.pem, key_file: empty.pem}",
            "web.yml: tls_server_config.cert_file: holds no certificate in PEM",
        ),
        (
            "http_server_config: {headers: {Server: x}}",
            "web.yml: http_server_config.headers.Server: may be one of",
        ),
        ("tls_config: {cert_file: s3cret}", "web.yml, line 1: "),
        ("\nbasic_auth_users:\n  anna: s3cret\n  anna: s3cret\n", "web.yml, line "),
        ("basic_auth_users: [s3cret", "web.yml, line "),
    ] {
        folder.write("web.yml", text);
        let mistake = folder.mistake();
        assert!(mistake.starts_with(says), "{text}: {mistake}");
        assert!(!mistake.contains("s3cret"), "{mistake}");
    }
}

/// A certificate authority that signs for servers and clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key in PEM.
    fn signed(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn client(&self, identity: Option<&(String, String)>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.0.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.unwrap().with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

/// What is answered to a request by TLS, and the certificate that was shown.
fn ask(server: &Server, client: &Arc<ClientConfig>, request: &str) -> Result<(Answer, Vec<u8>), String> {
    let name = ServerName::try_from("collector.test").unwrap();
    let connection = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut stream = StreamOwned::new(connection, server.connect());
    stream.write_all(request.as_bytes()).map_err(|it| it.to_string())?;
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).map_err(|it| it.to_string())?;
    let shown = stream.conn.peer_certificates().unwrap()[0].to_vec();
    Ok((Answer::of(&octets), shown))
}

const TLS: &str = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n";

#[test]
fn a_renewed_certificate_is_shown_without_a_restart() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let place = |(certificate, key): (String, String)| {
        folder.write("server.pem", &certificate);
        folder.write("server.key", &key);
    };
    place(authority.signed("collector.test"));
    folder.write("web.yml", &(people() + TLS));
    let access = folder.access();
    let server = Server::start_with(Limits::default(), access.clone());
    let (client, scrape) = (authority.client(None), request("GET", "/metrics", "Bearer scrape-me"));
    let (answer, first) = ask(&server, &client, &scrape).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("rackwarden_build_info"));
    let (denied, _) = ask(&server, &client, &request("GET", "/metrics", "")).unwrap();
    assert_eq!(denied.status, 401);

    place(authority.signed("collector.test"));
    access.refresh();
    let (_, second) = ask(&server, &client, &scrape).unwrap();
    assert_ne!(first, second);
    // In the midst of being renewed: the key of another certificate.
    folder.write("server.key", &authority.signed("collector.test").1);
    access.refresh();
    assert_eq!(ask(&server, &client, &scrape).unwrap().1, second, "the last good pair stays");

    let mut clear = server.connect();
    clear.write_all(scrape.as_bytes()).unwrap();
    let mut said = Vec::new();
    // Closed or reset, with a TLS alert at most.
    let _ended = clear.read_to_end(&mut said);
    assert!(!String::from_utf8_lossy(&said).contains("HTTP"), "nothing is said in clear");
}

#[test]
fn clients_show_a_certificate_where_one_is_asked_for() {
    let (folder, authority, stranger) = (Folder::new(), Authority::new(), Authority::new());
    let (certificate, key) = authority.signed("collector.test");
    folder.write("server.pem", &certificate);
    folder.write("server.key", &key);
    folder.write("clients.pem", &authority.0.pem());
    let with = |kind: &str| {
        format!(
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: clients.pem\n  \
             client_auth_type: {kind}\n  min_version: TLS13\n  cipher_suites: [TLS_AES_256_GCM_SHA384]\n  \
             curve_preferences: [X25519]\n"
        )
    };
    folder.write("web.yml", &with("RequireAndVerifyClientCert"));
    let access = folder.access();
    let server = Server::start_with(Limits::default(), access.clone());
    let scrape = request("GET", "/metrics", "");
    let known = authority.client(Some(&authority.signed("prometheus.test")));
    let unknown = authority.client(Some(&stranger.signed("prometheus.test")));
    assert_eq!(ask(&server, &known, &scrape).unwrap().0.status, 200);
    assert!(ask(&server, &unknown, &scrape).is_err());
    assert!(ask(&server, &authority.client(None), &scrape).is_err());
    folder.write("web.yml", &with("VerifyClientCertIfGiven"));
    access.refresh();
    assert_eq!(ask(&server, &authority.client(None), &scrape).unwrap().0.status, 200);
    assert!(ask(&server, &unknown, &scrape).is_err());
    folder.write("web.yml", &with("RequireAnyClientCert"));
    assert!(folder.mistake().contains("client_auth_type: may be NoClientCert, "), "{}", folder.mistake());
}

#[test]
fn handshakes_that_never_end_are_cut_and_stop_nobody() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let (certificate, key) = authority.signed("collector.test");
    folder.write("server.pem", &certificate);
    folder.write("server.key", &key);
    folder.write("web.yml", TLS);
    let limits = Limits { handshake_time_max: Duration::from_millis(1500), ..Limits::default() };
    let server = Server::start_with(limits, folder.access());
    // The beginning of a record that says it holds a hello of 512 octets.
    let mut half: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    for stream in &mut half {
        stream.write_all(&[0x16, 3, 1, 2, 0]).unwrap();
    }
    let client = authority.client(None);
    let answer = ask(&server, &client, &request("GET", "/metrics", "")).unwrap().0;
    assert_eq!(answer.status, 200, "others are served meanwhile");
    for stream in &mut half {
        let mut rest = Vec::new();
        // Closed or reset; not open for ever, which the stream's own time-out would tell.
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
    let scrape = ask(&server, &client, &request("GET", "/metrics", "")).unwrap().0.text();
    let cut = super::parse::parse(&scrape).unwrap();
    assert!(100.0 <= cut.value("rackwarden_http_connections_cut_total", &[("reason", "handshake")]));
}
