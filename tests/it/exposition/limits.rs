//! Clients that are slow, many or rude: each is cut at its own limit, and no other notices.

use super::client::{Answer, NOW, Server};
use super::fleet::{at, pdu};
use super::parse::parse;
use rackwarden::http::Limits;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const SCRAPE: &str = "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

fn server(limits: Limits, devices: usize) -> Server {
    let server = Server::start(limits);
    for number in 0..devices {
        server.store.publish(pdu(&format!("pdu-{number:04}"), 40).batch(at(NOW)));
    }
    server
}

/// Asks for a scrape and reads no more than that it has begun.
fn begin_scrape(stream: &mut TcpStream) {
    stream.write_all(SCRAPE.as_bytes()).unwrap();
    let mut first = [0; 15];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
}

/// Waits until the server has closed; what it sent before does not matter.
fn closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn cut(server: &Server, reason: &str) -> f64 {
    let scrape = parse(&server.get("/metrics").text()).unwrap();
    scrape.value("rackwarden_http_connections_cut_total", &[("reason", reason)])
}

#[test]
fn heads_that_never_end_are_cut_and_stop_nobody() {
    let limits = Limits { header_time_max: Duration::from_millis(800), ..Limits::default() };
    let server = server(limits, 2);
    let mut slow: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: te").unwrap();
    }
    assert_eq!(server.get("/healthz").status, 200, "others are served meanwhile");
    assert!(slow.iter_mut().all(closed));
    assert!(100.0 <= cut(&server, "head_overdue"));
}

#[test]
fn at_the_limit_the_oldest_idle_connection_makes_room() {
    let limits = Limits { connections_max: 4, ..Limits::default() };
    let server = server(limits, 1);
    let mut idle: Vec<TcpStream> = (0..4).map(|_| server.connect()).collect();
    for _ in 0..3 {
        assert_eq!(server.get("/healthz").status, 200);
    }
    assert!(closed(&mut idle[0]), "the oldest had to go");
    assert!(1.0 <= cut(&server, "evicted"));
}

#[test]
fn where_all_are_at_work_a_new_connection_is_refused() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let server = server(limits, 600);
    let mut deaf: Vec<TcpStream> = (0..2).map(|_| server.connect()).collect();
    deaf.iter_mut().for_each(begin_scrape);
    assert!(closed(&mut server.connect()));
    deaf.clear();
    let again = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let mut stream = server.connect();
        let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        let mut got = Vec::new();
        sent.is_ok() && stream.read_to_end(&mut got).is_ok() && got.ends_with(b"{\"status\":\"ok\"}")
    });
    assert!(again, "room again");
    assert!(1.0 <= cut(&server, "refused"));
}

#[test]
fn a_connection_that_grows_old_ends_between_requests() {
    let limits = Limits { connection_age_max: Duration::from_millis(200), ..Limits::default() };
    let server = server(limits, 1);
    assert!(closed(&mut server.connect()));
}

#[test]
fn a_client_that_does_not_read_is_cut_and_stops_nobody() {
    let limits = Limits { response_time_max: Duration::from_secs(3), scrapes_max: 2, ..Limits::default() };
    let server = server(limits, 600);
    let mut deaf = server.connect();
    deaf.write_all(SCRAPE.as_bytes()).unwrap();
    let mut whole = Vec::new();
    let mut other = server.connect();
    other.write_all(SCRAPE.as_bytes()).unwrap();
    other.read_to_end(&mut whole).unwrap();
    assert!(8_000_000 < whole.len(), "more than sockets buffer: {}", whole.len());
    std::thread::sleep(Duration::from_millis(3300));
    let mut got = Vec::new();
    let ended = deaf.read_to_end(&mut got);
    assert!(ended.is_err() || got.len() < whole.len(), "cut: {ended:?}");
    assert!(!got.ends_with(b"0\r\n\r\n"), "a cut body does not look whole");
    assert!(1.0 <= cut(&server, "answer_overdue"));
}

#[test]
fn a_hundred_clients_that_do_not_read_keep_no_scraper_out() {
    // Without optimisation it takes seconds until the system's buffers are full.
    let limits = Limits { turn_time_max: Duration::from_secs(15), ..Limits::default() };
    let server = server(limits, 600);
    let mut deaf: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    for stream in &mut deaf {
        stream.write_all(SCRAPE.as_bytes()).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(server.get("/metrics").status, 200);
    }
    assert!(1.0 <= cut(&server, "stalled"));
}

#[test]
fn a_scrape_waits_for_its_turn_and_is_sent_away_in_the_end() {
    let limits = Limits { scrapes_max: 1, turn_time_max: Duration::from_millis(200), ..Limits::default() };
    let server = server(limits, 600);
    let mut deaf = server.connect();
    begin_scrape(&mut deaf);
    let answer = server.get("/metrics");
    assert_eq!((answer.status, answer.json()["error"].as_str()), (503, Some("busy")));
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    assert_eq!(server.get("/api/v1/status").status, 200, "others have their own turns");
    drop(deaf);
    let again = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        server.get("/metrics").status == 200
    });
    assert!(again, "the turn came back");
}

#[test]
fn large_heads_and_bodies_are_refused() {
    let server = server(Limits::default(), 1);
    let long = "x".repeat(20_000);
    let answer = server.ask(&format!("GET / HTTP/1.1\r\nHost: test\r\nCookie: {long}\r\n\r\n"));
    assert_eq!(answer.status, 431);
    let many = "a: b\r\n".repeat(100);
    assert_eq!(server.ask(&format!("GET / HTTP/1.1\r\nHost: test\r\n{many}\r\n")).status, 431);
    let request = "GET /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: 9000\r\nConnection: close\r\n\r\n";
    let answer = server.ask(request);
    assert_eq!((answer.status, answer.json()["error"].as_str()), (413, Some("body_too_large")));
    assert_eq!(server.ask("garbage\r\n\r\n").status, 400);
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn one_connection_serves_many_requests() {
    let server = server(Limits::default(), 1);
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"{\"status\":\"ok\"}") {
            let mut octet = [0];
            stream.read_exact(&mut octet).unwrap();
            got.extend(octet);
        }
    }
    stream.write_all(SCRAPE.as_bytes()).unwrap();
    parse(&Answer::read(&mut stream).text()).unwrap();
}

#[test]
fn a_shutdown_lets_an_answer_end_and_idle_connections_go() {
    let mut server = server(Limits::default(), 600);
    let mut idle = server.connect();
    let mut scraping = server.connect();
    begin_scrape(&mut scraping);
    server.begin_stop();
    assert!(closed(&mut idle));
    let mut rest = Vec::new();
    scraping.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "whole");
    server.join();
    assert!(TcpStream::connect(server.address).is_err(), "no longer listening");
}

#[test]
fn a_shutdown_does_not_wait_for_the_deaf() {
    let limits = Limits { shutdown_time_max: Duration::from_millis(300), ..Limits::default() };
    let mut server = server(limits, 600);
    let mut deaf = server.connect();
    begin_scrape(&mut deaf);
    server.begin_stop();
    server.join();
}
