//! What services do wrong below their documents: headers, encodings, connections, redirects, each from a socket.

use super::{client, run, settings};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use rackwarden::model::{PollError, SnapshotError, SystemClock};
use rackwarden::redfish::{Polled, ServiceSettings};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

type Answer = Arc<dyn Fn(&str, &str, &mut TcpStream) -> std::io::Result<()> + Send + Sync>;

/// A server that has a power reading of 614 W, and writes its answers as it is told to: path, document, socket.
fn server(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let answer = Arc::clone(&answer);
            // Its client goes away when it likes.
            std::thread::spawn(move || drop(talk(stream, &answer)));
        }
    });
    format!("http://{address}")
}

fn talk(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut path = String::new();
        loop {
            let mut line = String::new();
            if reader.by_ref().take(64 * 1024).read_line(&mut line)? == 0 {
                return Ok(());
            }
            if path.is_empty() {
                path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            }
            if line == "\r\n" {
                break;
            }
        }
        answer(&path, &document(&path).to_string(), &mut stream)?;
    }
}

fn document(path: &str) -> Value {
    let link = |uri: &str| json!({ "@odata.id": uri });
    match path.split('?').next().unwrap_or_default().trim_end_matches('/') {
        "/redfish/v1" => json!({ "Chassis": link("/redfish/v1/Chassis"), "Name": "Zürich" }),
        "/redfish/v1/Chassis" => json!({ "Members": [link("/redfish/v1/Chassis/1")] }),
        "/redfish/v1/Chassis/1" => json!({ "Power": link("/redfish/v1/Chassis/1/Power") }),
        _ => json!({ "PowerControl": [{ "PowerConsumedWatts": 614 }] }),
    }
}

fn write(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {length}\r\n\r\n").as_bytes())?;
    stream.write_all(body)
}

async fn poll(
    answer: impl Fn(&str, &str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> Polled {
    let settings = ServiceSettings {
        login: None,
        timeout: Duration::from_millis(1500),
        ..settings(&server(Arc::new(answer)))
    };
    let mut service = client(settings);
    let first = service.poll().await;
    if first.batch.error.is_some() { first } else { service.poll().await }
}

fn assert_read(polled: &Polled, what: &str) {
    assert_eq!(polled.batch.error, None, "{what}");
    let watts: Vec<_> = polled.batch.samples.iter().filter_map(|it| it.value()).collect();
    assert_eq!(watts, [614.0], "{what}");
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn answers_are_read_whatever_form_they_have() {
    run(async {
        assert_read(&poll(|_, text, out| write(out, "", text.as_bytes())).await, "plain");
        let polled = poll(|_, text, out| {
            let (first, rest) = text.split_at(5);
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            write!(out, "{head}5\r\n{first}\r\n{:x};ext=1\r\n{rest}\r\n0\r\nTrailer: x\r\n\r\n", rest.len())
        });
        assert_read(&polled.await, "in chunks");
        let polled = poll(|_, text, out| {
            write!(out, "HTTP/1.0 200 OK\r\n\r\n{text}")?;
            out.shutdown(std::net::Shutdown::Both)
        });
        assert_read(&polled.await, "as HTTP/1.0, until the connection ends");
        assert_read(
            &poll(|_, text, out| write(out, "Content-Encoding: gzip\r\n", &packed(text))).await,
            "packed",
        );
        let kind = "Content-Type: text/html; charset=iso-8859-1\r\nServer : odd\r\n folded\r\nNo colon\r\n";
        assert_read(&poll(move |_, text, out| write(out, kind, text.as_bytes())).await, "with odd headers");
        let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes(), b"\0\0"].concat();
        assert_read(&poll(move |_, text, out| write(out, "", &marked(text))).await, "with a mark and NULs");
        let latin =
            |text: &str| -> Vec<u8> { text.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect() };
        assert_read(&poll(move |_, text, out| write(out, "", &latin(text))).await, "in Latin-1");
    });
}

#[test]
fn redirects_on_the_service_are_followed() {
    run(async {
        let moved = |out: &mut TcpStream, to: &str| {
            write!(out, "HTTP/1.1 301 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
        };
        // To the same with or without its slash, by path or relative to it.
        let polled = poll(move |path, text, out| match path {
            "/redfish/v1/" => moved(out, "/redfish/v1"),
            "/redfish/v1/Chassis" => moved(out, "Chassis/"),
            _ => write(out, "", text.as_bytes()),
        });
        assert_read(&polled.await, "slashes");
        let polled = poll(|path, text, out| match path {
            "/redfish/v1/" => write!(out, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            _ => write(out, "", text.as_bytes()),
        });
        assert_read(&polled.await, "a root without its slash");
        let polled = poll(move |_, _, out| moved(out, "https://127.0.0.1/redfish/v1/")).await;
        let Some(PollError::Snapshot { class: SnapshotError::Redirected, reason }) = polled.batch.error
        else {
            panic!("{:?}", polled.batch.error)
        };
        assert!(reason.contains("redirects away from itself to https://127.0.0.1/redfish/v1/"), "{reason}");
    });
}

fn reason(polled: &Polled) -> (SnapshotError, String) {
    match &polled.batch.error {
        Some(PollError::Snapshot { class, reason }) => (*class, reason.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    run(async {
        let polled = poll(|_, text, out| {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes())?;
            write(out, "Content-Encoding: deflate\r\n", &encoder.finish()?)
        });
        let (_, text) = reason(&polled.await);
        assert!(text.contains("what is packed as `deflate`, which was not asked for"), "{text}");
        // Headers of 80 KiB, and headers without end.
        let polled = poll(|_, text, out| {
            write(out, &format!("X-Policy: {}\r\n", "x".repeat(80 * 1024)), text.as_bytes())
        });
        let (class, text) = reason(&polled.await);
        assert_eq!(class, SnapshotError::Limit, "{text}");
        assert!(text.contains("more than 64 KiB of headers"), "{text}");
        for line in ["X-Policy: y\r\n".to_owned(), "x".repeat(1000)] {
            let polled = poll(move |_, _, out| {
                out.write_all(b"HTTP/1.1 200 OK\r\n")?;
                loop {
                    out.write_all(line.as_bytes())?;
                }
            });
            let (class, text) = reason(&polled.await);
            assert_eq!(class, SnapshotError::Limit, "{text}");
        }
    });
}

/// An octet now and then keeps nobody waiting for longer than the time-out.
#[test]
fn answers_that_drip_end_in_time() {
    run(async {
        for head in ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"] {
            let clock = SystemClock::new();
            let since = clock.moment();
            let polled = poll(move |_, _, out| {
                out.write_all(head.as_bytes())?;
                loop {
                    out.write_all(b" ")?;
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            assert_eq!(polled.await.batch.error, Some(PollError::Timeout), "{head}");
            assert!(clock.moment().since(since) < Duration::from_secs(8));
        }
    });
}
