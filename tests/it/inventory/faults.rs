//! What can go wrong between a source and us: each is told apart, none brings half a snapshot, none shows a
//! secret.

use super::netbox::page;
use super::server::{Certificate, Reply, Request, Server};
use super::{LIMIT, NOW, http, runtime, settings, take, token};
use flate2::Compression;
use flate2::write::GzEncoder;
use rackwarden::inventory::settings::{Access, FileAccess, FileFormat, Product, TlsSettings};
use rackwarden::inventory::{Collector, Failure, InventorySettings};
use rackwarden::model::{ComponentKind, SnapshotError, SystemClock};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

/// A source with nothing but subnets.
fn subnets(server: &Server) -> InventorySettings {
    let mut settings = settings(Product::NetBox, &server.url(), token("hunter2"));
    settings.kinds = vec![ComponentKind::Subnet];
    settings
}

fn prefixes(count: usize) -> Vec<Value> {
    (1..=count).map(|it| json!({"id": it, "prefix": format!("10.{}.{}.0/24", it / 250, it % 250), "status": {"value": "active"}})).collect()
}

fn good(request: &Request) -> Reply {
    let rows = if request.path.ends_with("prefixes/") { prefixes(25) } else { Vec::new() };
    page(request, &rows, 10)
}

/// The failure of a source that answers everything so.
#[track_caller]
fn fails(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Failure {
    let server = Server::start(handler);
    let failure = take(&subnets(&server)).unwrap_err();
    assert!(!failure.reason.contains("hunter2"), "{failure}");
    assert!(failure.reason.len() < 1000 && !failure.reason.contains('\n'), "{failure}");
    failure
}

#[test]
fn answers_that_are_none() {
    let whole =
        json!({"count": 1, "next": null, "results": [{"id": 1, "prefix": "10.0.0.0/24"}]}).to_string();
    let cut = fails(move |_| Reply::text(200, &whole).cut_after(20));
    assert_eq!(cut.class, SnapshotError::Malformed);
    assert!(cut.reason.contains("broke off after"), "{cut}");
    for (body, words) in [
        ("<!doctype html><title>Log in</title>", "a page for people where JSON is expected"),
        ("", "EOF"),
        ("{\"count\": 1, \"results\": [{\"id\": ", "EOF"),
        ("null", "sends no results"),
        ("{\"count\": 1, \"results\": {}}", "sends no results"),
        ("{\"count\": 1, \"next\": null, \"results\": [{\"prefix\": \"10.0.0.0/24\"}]}", "a row has no id"),
        ("{\"count\": 1, \"next\": null, \"results\": [null]}", "a row has no id"),
        ("\u{0}\u{1}", "cannot be read"),
    ] {
        let failure = fails(move |_| Reply::text(200, body));
        assert_eq!(failure.class, SnapshotError::Malformed, "{body}: {failure}");
        assert!(failure.reason.contains(words), "{body}: {failure}");
    }
    // Deep nesting does not end the process.
    let deep = "[".repeat(200_000);
    assert_eq!(fails(move |_| Reply::text(200, &deep)).class, SnapshotError::Malformed);
}

#[test]
fn statuses_that_say_no() {
    for (status, class) in [
        (400, SnapshotError::ServerError),
        (401, SnapshotError::Access),
        (403, SnapshotError::Access),
        (404, SnapshotError::Schema),
        (500, SnapshotError::ServerError),
        (502, SnapshotError::ServerError),
    ] {
        let failure = fails(move |_| Reply::text(status, r#"{"detail": "not for token hunter2"}"#));
        assert_eq!(failure.class, class, "{status}: {failure}");
    }
    let target = Server::start(good);
    let leads_to = format!("{}?token=hunter2", target.url());
    let redirected = fails(move |_| Reply::text(302, "").with("Location", &leads_to));
    assert_eq!(redirected.class, SnapshotError::Redirected);
    assert!(redirected.reason.contains("http://127.0.0.1"), "{redirected}");
    assert!(target.requests().is_empty(), "a redirect is not followed");
}

#[test]
fn a_source_that_wants_fewer_requests() {
    let limited = fails(|_| Reply::text(429, "").with("Retry-After", 3600));
    assert_eq!(limited.class, SnapshotError::RateLimited);
    assert_eq!(limited.retry_after, Some(Duration::from_secs(3600)), "it is left alone for so long");
    let server = Server::start(|_| Reply::text(503, "").with("Retry-After", 0));
    let busy = take(&subnets(&server)).unwrap_err();
    assert_eq!(busy.class, SnapshotError::RateLimited);
    assert_eq!(server.requests().len(), 11, "ten waits, no more");
}

#[test]
fn nobody_there_and_nobody_answering() {
    let gone = subnets(&Server::start(good));
    let failure = take(&gone).unwrap_err();
    assert_eq!(failure.class, SnapshotError::Unreachable, "{failure}");
    let mut nameless = gone;
    http(&mut nameless).url = "https://nobody.invalid/".to_owned();
    assert_eq!(take(&nameless).unwrap_err().class, SnapshotError::Unreachable);

    let slow = Server::start(|request| good(request).after(Duration::from_secs(5)));
    let mut settings = subnets(&slow);
    settings.timeout = Duration::from_millis(300);
    assert_eq!(take(&settings).unwrap_err().class, SnapshotError::Timeout);
    // Each request is in time, all together are not.
    let steady = Server::start(|request| good(request).after(Duration::from_millis(200)));
    let mut settings = subnets(&steady);
    settings.time_limit = Duration::from_millis(500);
    let failure = take(&settings).unwrap_err();
    assert_eq!(
        (failure.class, &*failure.reason),
        (SnapshotError::Limit, "the snapshot was not complete within 500ms")
    );
}

#[test]
fn certificates() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    let server = Server::start_with(Some(&certificate), good);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let with = |tls: TlsSettings| {
        let mut settings = subnets(&server);
        http(&mut settings).tls = tls;
        take(&settings)
    };
    let refused = |tls: TlsSettings| {
        let failure = with(tls).unwrap_err();
        assert_eq!(failure.class, SnapshotError::Tls, "{failure}");
        failure.reason
    };
    let pinned = |pins: &[&Certificate], ca_file| TlsSettings {
        pins: pins.iter().map(|it| it.fingerprint).collect(),
        ca_file,
        verify: true,
    };
    let (own, foreign) = (file("own.pem", &certificate.pem), file("other.pem", &other.pem));

    assert!(refused(TlsSettings::default()).contains("certificate"), "nobody has signed it");
    assert_eq!(
        with(TlsSettings { ca_file: Some(own.clone()), ..TlsSettings::default() }).unwrap().objects().len(),
        25
    );
    refused(TlsSettings { ca_file: Some(foreign.clone()), ..TlsSettings::default() });
    with(pinned(&[&certificate], None)).unwrap();
    with(pinned(&[&other, &certificate], None)).unwrap();
    with(pinned(&[&certificate], Some(own))).unwrap();
    let said = refused(pinned(&[&other], None));
    let found: Vec<String> = certificate.fingerprint.iter().map(|it| format!("{it:02X}")).collect();
    assert!(said.contains(&format!("none of tls_pins; its SHA-256 is {}", found.join(":"))), "{said}");
    refused(pinned(&[&certificate], Some(foreign)));
    with(TlsSettings { verify: false, ..TlsSettings::default() }).unwrap();

    let empty = file("empty.pem", "nothing\n");
    assert!(
        refused(TlsSettings { ca_file: Some(empty), ..TlsSettings::default() })
            .contains("there is no certificate in it")
    );
    let absent = folder.path().join("absent.pem");
    assert!(
        refused(TlsSettings { ca_file: Some(absent), ..TlsSettings::default() })
            .contains("absent.pem cannot be used")
    );
    // TLS is wanted, and there is none.
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = subnets(&server);
    http(&mut settings).url = format!("https://{}/", plain.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").unwrap();
        stream
    });
    assert_eq!(take(&settings).unwrap_err().class, SnapshotError::Tls);
    drop(answering.join().unwrap());
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_answers() {
    let body = |request: &Request| {
        let rows = if request.path.ends_with("prefixes/") { prefixes(25) } else { Vec::new() };
        json!({"count": rows.len(), "next": null, "results": rows}).to_string()
    };
    let server = Server::start(move |request| {
        Reply::octets(200, gzip(body(request).as_bytes())).with("Content-Encoding", "gzip")
    });
    assert_eq!(take(&subnets(&server)).unwrap().objects().len(), 25);
    assert!(server.requests()[0].header("accept-encoding").contains("gzip"));

    // 128 MiB of blanks in about a hundred kilobytes: it is cut off at the limit.
    let bomb = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let blanks = vec![b' '; 1 << 20];
        (0..128).for_each(|_| encoder.write_all(&blanks).unwrap());
        encoder.finish().unwrap()
    };
    assert!(bomb.len() < 2 << 20);
    let failure = fails(move |_| Reply::octets(200, bomb.clone()).with("Content-Encoding", "gzip"));
    assert_eq!(failure.class, SnapshotError::Limit, "{failure}");
    assert!(failure.reason.contains("more than 32 MiB in one answer"), "{failure}");
    // As much, announced and not sent.
    let failure = fails(|_| Reply::octets(200, vec![b' '; 40 << 20]).cut_after(10));
    assert_eq!(failure.class, SnapshotError::Limit, "{failure}");

    let broken = fails(|_| Reply::octets(200, b"\x1f\x8bnonsense".to_vec()).with("Content-Encoding", "gzip"));
    assert_eq!(broken.class, SnapshotError::Malformed, "{broken}");
}

#[test]
fn lists_without_end() {
    let clock = SystemClock::new();
    let begun = clock.moment();
    // Rows for ever, each new.
    let failure = fails(|request| {
        let offset = request.number("offset");
        let rows: Vec<Value> =
            (offset..offset + 3).map(|it| json!({"id": it, "prefix": "10.0.0.0/24"})).collect();
        Reply::json(&json!({"next": "more", "results": rows}))
    });
    assert_eq!(failure.class, SnapshotError::Limit, "{failure}");
    // The same page for ever.
    let failure = fails(|_| {
        let rows: Vec<Value> = (1..4).map(|it| json!({"id": it, "prefix": "10.0.0.0/24"})).collect();
        Reply::json(&json!({"count": 1_000_000, "next": "more", "results": rows}))
    });
    assert_eq!(failure.class, SnapshotError::Changed, "{failure}");
    assert!(clock.moment().since(begun) < LIMIT);
}

#[test]
fn a_list_that_changes_while_it_is_read() {
    // Once: it is read anew, and nothing is lost or doubled.
    let rows = Mutex::new((prefixes(25), 0));
    let server = Server::start(move |request| {
        let mut rows = rows.lock().unwrap();
        if !request.path.ends_with("prefixes/") {
            return page(request, &[], 10);
        }
        rows.1 += 1;
        if rows.1 == 2 {
            rows.0.remove(3);
            rows.0.push(json!({"id": 99, "prefix": "10.99.0.0/24"}));
        }
        page(request, &rows.0, 10)
    });
    let snapshot = take(&subnets(&server)).unwrap();
    assert_eq!(snapshot.objects().len(), 25);
    assert!(snapshot.objects().iter().any(|it| &*it.id == "99"));
    // Each time: it is given up, and whole or not at all.
    let rows = Mutex::new(prefixes(60));
    let failure = fails(move |request| {
        let mut rows = rows.lock().unwrap();
        rows.remove(0);
        page(request, &rows, 10)
    });
    assert_eq!(failure.class, SnapshotError::Changed, "{failure}");
}

#[test]
fn one_source_is_asked_one_thing_at_a_time() {
    let (inside, most) = (Mutex::new(0_u32), std::sync::Arc::new(Mutex::new(0_u32)));
    let seen = std::sync::Arc::clone(&most);
    let server = Server::start(move |request| {
        let now = {
            let mut inside = inside.lock().unwrap();
            *inside += 1;
            *inside
        };
        let mut most = seen.lock().unwrap();
        *most = (*most).max(now);
        drop(most);
        let reply = good(request);
        *inside.lock().unwrap() -= 1;
        reply
    });
    take(&subnets(&server)).unwrap();
    assert_eq!(*most.lock().unwrap(), 1);
}

#[test]
fn files_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cmdb.json");
    let mut settings = subnets(&Server::start(good));
    let access = |age_max| Access::File(FileAccess { path: path.clone(), format: FileFormat::Json, age_max });
    settings.access = access(None);
    settings.kinds = vec![ComponentKind::Software];
    let mut collector = Collector::new(&settings).unwrap();
    let runtime = runtime();
    let mut taken = |now| runtime.block_on(collector.take(now));
    assert_eq!(taken(NOW).unwrap_err().class, SnapshotError::File, "it is not there yet");
    let whole = r#"{"taken_at": "2026-03-10T17:00:00Z", "software": [{"id": 1, "installations": 5}], "subnets": [{"id": 1}]}"#;
    let new = folder.path().join("new");
    let replace = |text: &str| {
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &path).unwrap();
    };
    replace(whole);
    let snapshot = taken(NOW).unwrap();
    assert_eq!(snapshot.counts(), [(ComponentKind::Software, 1)], "only the kinds that are wanted");
    assert_eq!(snapshot.taken_at.unwrap().to_string(), "2026-03-10T17:00:00.000Z");
    replace(whole.split_at(50).0);
    let half = taken(NOW).unwrap_err();
    assert!(
        half.class == SnapshotError::Malformed && half.reason.contains("cmdb.json: it cannot be read: EOF"),
        "{half}"
    );
    replace(whole);
    settings.access = access(Some(Duration::from_secs(3600)));
    let aged = |milliseconds| {
        let mut collector = Collector::new(&settings).unwrap();
        runtime.block_on(collector.take(rackwarden::model::UnixMillis(NOW.0 + milliseconds)))
    };
    assert!(aged(0).is_ok());
    let old = aged(1).unwrap_err();
    assert!(old.class == SnapshotError::File && old.reason.contains("longer ago than 1h"), "{old}");
    std::fs::remove_file(&path).unwrap();
    // A pipe without a writer is not waited for.
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(aged(0).unwrap_err().reason.contains("no regular file"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(aged(0).unwrap_err().reason.contains("no regular file"));
}
