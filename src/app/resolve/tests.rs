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
    crate::app::supervise::spawn(&tokio::runtime::Handle::current(), "names", run(Arc::clone(&names), resolve, tell));
    (names, told)
}

#[tokio::test(start_paused = true)]
async fn a_device_that_stopped_to_answer_is_found_at_its_new_address() {
    let zone = Zone::default();
    let set = |to: &str| zone.lock().unwrap().insert("h".to_owned(), vec![to.parse().unwrap()]);
    set("10.0.0.1:161");
    let (names, mut told) = start(&zone, &[device("ups", "h"), device("pdu", "10.0.0.7")]);
    let first = told.recv().await.unwrap();
    assert_eq!((&*first.device, first.cause, first.all), ("ups", Cause::New, vec!["10.0.0.1".parse().unwrap()]));
    set("10.0.0.2:161");
    names.poll_failed(Moment::after_zero(Duration::from_secs(100)), "ups", 2);
    let moved = told.recv().await.unwrap();
    assert_eq!((moved.address, moved.cause), ("10.0.0.2:161".parse().ok(), Cause::Moved));
    names.replace(&[device("ups", "h")]);
    assert_eq!(told.recv().await.unwrap().cause, Cause::Again);
    names.replace(&[device("ups", "10.0.0.3")]);
    names.poll_failed(Moment::after_zero(Duration::from_secs(900)), "ups", 2);
    assert!(told.try_recv().is_err(), "an address needs no resolver");
}

#[tokio::test]
async fn the_systems_resolver_knows_this_host() {
    let found = of_system("localhost".into(), 161).await;
    assert!(found.iter().all(|it| it.ip().is_loopback() && it.port() == 161) && !found.is_empty());
    assert_eq!(of_system("no such host".into(), 161).await, []);
}
