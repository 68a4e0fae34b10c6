//! The loop around the book, with a resolver of ours.

use super::*;
use crate::model::Labels;
use crate::poller::settings::{Credential, SnmpVersion};
use std::collections::HashMap;
use tokio::sync::mpsc::{Receiver, channel};

/// What hosts stand for.
type Zone = Arc<Mutex<HashMap<String, Vec<SocketAddr>>>>;

fn device(name: &str, host: &str) -> Arc<DeviceSettings> {
    Arc::new(DeviceSettings {
        name: name.into(),
        host: host.to_owned(),
        port: 161,
        credential: Credential::Community {
            version: SnmpVersion::V2c,
            community: crate::model::Secret::new("x"),
        },
        answers_from: Vec::new(),
        profile: None,
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(1),
        retries: 0,
        request_gap: Duration::ZERO,
        requests_in_flight: 1,
        labels: Labels::default(),
        rated_current_amperes: Vec::new(),
    })
}

fn start(zone: &Zone, devices: &[Arc<DeviceSettings>]) -> (Arc<Names>, Receiver<Resolved>) {
    let names = Arc::new(Names::new(SystemClock::new()));
    names.replace(devices);
    let (sender, told) = channel(100);
    let zone = Arc::clone(zone);
    let resolve = move |host: Arc<str>, _| {
        let found = zone.lock().unwrap().get(&*host).cloned().unwrap_or_default();
        std::future::ready(found)
    };
    let tell = move |it: &Resolved| sender.try_send(it.clone()).unwrap();
    crate::app::supervise::spawn(
        &tokio::runtime::Handle::current(),
        "names",
        run(Arc::clone(&names), resolve, tell),
    );
    (names, told)
}

#[tokio::test]
async fn what_is_found_is_told_and_the_next_address_when_polls_fail() {
    let zone = Zone::default();
    let both = ["10.0.0.1:161", "10.0.0.2:161"].map(|it| it.parse().unwrap());
    zone.lock().unwrap().insert("h".to_owned(), both.to_vec());
    let (names, mut told) = start(&zone, &[device("ups", "h"), device("pdu", "10.0.0.7")]);
    let first = told.recv().await.unwrap();
    assert_eq!((&*first.device, first.address, first.cause), ("ups", Some(both[0]), Cause::New));
    assert_eq!(first.all, both.map(|it| it.ip()));
    names.poll_failed(names.clock.moment(), "ups", 2);
    let next = told.recv().await.unwrap();
    assert_eq!((next.address, next.cause), (Some(both[1]), Cause::NextAddress));
    names.replace(&[device("ups", "h")]);
    let again = told.recv().await.unwrap();
    assert_eq!((again.address, again.cause), (Some(both[1]), Cause::Again));
    names.replace(&[device("ups", "10.0.0.3"), device("pdu", "h")]);
    names.poll_failed(names.clock.moment(), "ups", 2);
    let other = told.recv().await.unwrap();
    assert_eq!((&*other.device, other.cause), ("pdu", Cause::New), "an address needs no resolver");
}

#[tokio::test]
async fn the_systems_resolver_knows_this_host() {
    let found = of_system("localhost".into(), 161).await;
    assert!(found.iter().all(|it| it.ip().is_loopback() && it.port() == 161) && !found.is_empty());
    assert_eq!(of_system("no such host".into(), 161).await, []);
}
