//! Redfish services, polled over sockets: values, requests, sessions, and what goes wrong.

mod captures;
mod daemon;
mod emulator;
mod parts;
mod room;
mod shapes;
mod tls;
mod transport;

use rackwarden::model::{Labels, Missing, PollError, Quantity, Sample, Secret, SnapshotError, SystemClock};
use rackwarden::redfish::kinds::Kinds;
use rackwarden::redfish::uri::Origin;
use rackwarden::redfish::{Login, Polled, Service, ServiceSettings};
use rackwarden::simulator::redfish::{Mockup, ServiceHandle};
use rackwarden::web_client::TlsSettings;
use room::{PASSWORD, USER, pdu, serve};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

fn settings(url: &str) -> ServiceSettings {
    ServiceSettings {
        name: "pdu-r1".into(),
        origin: Origin::parse(url).unwrap(),
        login: Some(Login { user: USER.to_owned(), password: Secret::new(PASSWORD) }),
        tls: TlsSettings::default(),
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(5),
        events: true,
        labels: Labels::default(),
        rated_current_amperes: Vec::new(),
    }
}

fn client(settings: ServiceSettings) -> Service {
    Service::new(Arc::new(settings), Arc::default(), Arc::new(Kinds::default()), SystemClock::new())
}

/// The sample of that source, without the service's prefix.
fn sample(polled: &Polled, source: &str) -> Sample {
    let source = format!("/redfish/v1/{source}");
    let at = polled.batch.shape.readings.iter().position(|it| it.source.to_string() == source);
    polled.batch.samples[at.unwrap_or_else(|| panic!("nothing is read from {source}"))]
}

fn value(polled: &Polled, source: &str) -> f64 {
    sample(polled, source).value().unwrap_or_else(|| panic!("{source} is missing"))
}

const UNIT: &str = "PowerEquipment/RackPDUs/1";

fn assert_whole(polled: &Polled) {
    assert_eq!(polled.batch.error, None);
    for (source, expected) in [
        (format!("{UNIT}/Metrics#/PowerWatts/Reading"), 4210.0),
        (format!("{UNIT}/Metrics#/EnergykWh/Reading"), 1_234_500.0),
        (format!("{UNIT}/Mains/I1#/PolyPhaseCurrentAmps/Line1/Reading"), 6.5),
        (format!("{UNIT}/Mains/I1#/PolyPhaseCurrentAmps/Neutral/Reading"), 0.5),
        (format!("{UNIT}/Mains/I1#/PolyPhaseVoltage/Line1ToLine2/Reading"), 400.5),
        (format!("{UNIT}/Branches/B#/PowerWatts/Reading"), 2210.0),
        (format!("{UNIT}/Outlets/B2#/Voltage/Reading"), 230.5),
        ("Chassis/PDU/Sensors/Door#/Reading".to_owned(), 24.5),
        ("Chassis/1/Power#/PowerControl/0/PowerConsumedWatts".to_owned(), 614.0),
        ("Chassis/1/Power#/PowerSupplies/0/LineInputVoltage".to_owned(), 230.0),
        ("Chassis/1/Thermal#/Temperatures/0/ReadingCelsius".to_owned(), 25.0),
    ] {
        assert!((value(polled, &source) - expected).abs() < 1e-9, "{source}");
    }
    let line_3 = format!("{UNIT}/Mains/I1#/PolyPhaseCurrentAmps/Line3/Reading");
    assert_eq!(sample(polled, &line_3), Sample::Missing(Missing::Unavailable));
}

/// Polls as often, and hands on the last poll.
async fn polls(service: &mut Service, count: usize) -> Polled {
    let mut last = service.poll().await;
    for _ in 1..count {
        last = service.poll().await;
    }
    last
}

#[test]
fn a_service_is_read_like_any_device() {
    run(async {
        let handle = serve(pdu(6), &[]).await;
        let mut service = client(settings(&handle.url()));
        let first = service.poll().await;
        assert_whole(&first);
        assert_whole(&service.poll().await);
        let identity = &first.batch.source.identity;
        let who =
            [&identity.vendor, &identity.model, &identity.serial, &identity.firmware, &identity.sys_name];
        assert_eq!(who, ["Example", "RP-36", "SN4711", "4.1", "Row 4 feed A"]);
        let shape = &first.batch.shape;
        let of = |kind: &str, index: &str| {
            let found = shape.components.iter().find(|it| it.kind.name() == kind && *it.index == *index);
            found.unwrap_or_else(|| panic!("there is no {kind} {index}")).clone()
        };
        assert_eq!(of("phase", "1.I1.L1").ratings.current_amperes, Some(32.0));
        assert_eq!(of("device", "1").ratings.apparent_power_volt_amperes, Some(11_000.0));
        assert_eq!(&*of("bank", "1.A").label, "Branch A");
        assert_eq!(of("output", "Chassis.1.0").ratings.active_power_watts, Some(800.0));
        assert!(!shape.components.iter().any(|it| it.label.contains("PS2")), "an empty slot");
        let plan = service.plan().unwrap();
        let limits: Vec<_> = plan
            .thresholds
            .iter()
            .map(|it| (shape.readings[it.reading].source.to_string(), it.name, it.value))
            .collect();
        assert!(limits.contains(&(
            format!("/redfish/v1/{UNIT}/Mains/I1#/PolyPhaseCurrentAmps/Line1/Reading"),
            "upper_critical",
            30.0
        )));
        assert!(!limits.iter().any(|(_, name, _)| *name == "upper_caution"), "it is disabled");
        assert_eq!(handle.counts().writes, 0, "nothing but reading");
        service.close().await;
        assert_eq!(handle.open_sessions(), 0);
    });
}

#[test]
fn a_poll_takes_few_requests_and_two_at_a_time() {
    run(async {
        // (levels that $expand knows, most requests of a poll)
        for (levels, faults, most) in [
            (6, &[][..], 4),
            (1, &[][..], 8),
            (6, &["expand-ignored"][..], 14),
            (6, &["expand-status=501"][..], 14),
            (6, &["expand-drops"][..], 14),
        ] {
            let handle = serve(pdu(levels), faults).await;
            let mut service = client(settings(&handle.url()));
            assert_whole(&service.poll().await);
            handle.reset_counts();
            let second = service.poll().await;
            assert_whole(&second);
            let counts = handle.counts();
            assert!(counts.requests <= most, "{levels} levels, {faults:?}: {:#?}", counts.asked);
            assert!(counts.in_flight_most <= 2);
            assert_eq!(counts.logins, 0, "the session is kept");
            assert_eq!(second.batch.effort.requests as usize, counts.requests);
        }
    });
}

/// Two units with 32 circuits, outlets and groups, and as many sensors.
#[test]
fn large_units_take_few_requests() {
    run(async {
        for (levels, most) in [(6, 2), (2, 2), (1, 10)] {
            let handle = serve(room::large(levels), &[]).await;
            let mut service = client(settings(&handle.url()));
            let first = service.poll().await;
            assert!(handle.counts().requests < 60, "to learn it: {}", handle.counts().requests);
            handle.reset_counts();
            let second = service.poll().await;
            assert!(handle.counts().requests <= most, "{:#?}", handle.counts());
            assert_eq!(first.batch.samples, second.batch.samples);
            assert!(second.batch.samples.iter().all(|it| it.value().is_some()));
            assert!(90 < second.batch.samples.len());
        }
    });
}

/// Collections without end, and members without number, are cut.
#[test]
fn what_is_too_much_is_cut() {
    run(async {
        let mut mockup = pdu(1);
        let base = format!("/redfish/v1/{UNIT}/Outlets");
        let uris: Vec<String> = (0..3_000).map(|it| format!("{base}/{it}")).collect();
        for uri in &uris {
            mockup.insert(
                uri,
                serde_json::json!({ "@odata.id": uri, "CurrentAmps": { "Reading": 1 }, "Name": uri }),
            );
        }
        let (uri, all) = room::collection(&base, &uris);
        mockup.insert(&uri, all);
        let handle = serve(mockup, &[]).await;
        let mut service = client(settings(&handle.url()));
        let polled = service.poll().await;
        assert_eq!(polled.batch.error, None);
        assert!(polled.notes.iter().any(|it| it.contains("a limit was hit")), "{:?}", polled.notes);
        let outlets = polled.batch.shape.components.iter().filter(|it| it.kind.name() == "outlet").count();
        assert_eq!(outlets, 512);
        assert!((value(&polled, "Chassis/1/Power#/PowerControl/0/PowerConsumedWatts") - 614.0).abs() < 1e-9);
        // Without $expand a poll ends at its limit of requests, and what it asked counts.
        handle.set_faults(vec!["expand-status=501".parse().unwrap()]);
        handle.reset_counts();
        let polled = service.poll().await;
        assert!(handle.counts().requests <= 400 + 2, "{}", handle.counts().requests);
        assert!(polled.notes.iter().any(|it| it.contains("were not asked")), "{:?}", polled.notes);
        assert_eq!(polled.batch.error, None);
    });
}

/// The service ends sessions before the next poll: none piles up.
#[test]
fn short_sessions_do_not_pile_up() {
    run(async {
        // (what goes wrong, logins of four more polls)
        for (faults, logins) in [(&[][..], 0), (&["no-basic"][..], 4)] {
            let mut mockup = pdu(6);
            mockup.get_mut("/redfish/v1/SessionService").unwrap()["SessionTimeout"] = 30.into();
            let handle = serve(mockup, faults).await;
            let mut service = client(settings(&handle.url()));
            polls(&mut service, 2).await;
            handle.reset_counts();
            for _ in 0..4 {
                assert_whole(&service.poll().await);
                assert_eq!(handle.open_sessions(), 0, "{faults:?}");
            }
            assert_eq!(handle.counts().logins, logins, "{faults:?}");
        }
    });
}

#[test]
fn changes_are_seen() {
    run(async {
        let handle = serve(pdu(6), &[]).await;
        let mut service = client(settings(&handle.url()));
        service.poll().await;
        handle.change(&format!("/redfish/v1/{UNIT}/Branches/A"), |it| it["BreakerState"] = "Tripped".into());
        handle.change(&format!("/redfish/v1/{UNIT}/Outlets/A1"), |it| {
            it["CurrentAmps"] = serde_json::json!({});
        });
        let polled = service.poll().await;
        let at = polled
            .batch
            .shape
            .readings
            .iter()
            .position(|it| it.source.to_string().ends_with("Branches/A#/BreakerState"));
        let (reading, sample) =
            (&polled.batch.shape.readings[at.unwrap()], polled.batch.samples[at.unwrap()]);
        let state = reading.states.as_ref().unwrap().state(sample.value().unwrap()).unwrap();
        assert_eq!((&*state.name, state.health.name()), ("Tripped", "critical"));
        assert_eq!(reading.quantity, Quantity::State);
    });
}

/// Faults after which a poll still brings all that there is.
#[test]
fn what_services_do_wrong_is_borne() {
    run(async {
        for fault in [
            "no-location",
            "login-status=405",
            "login-status=404",
            "session-limit",
            "session-uses=20",
            "stumble=1",
            "redirect-within",
            "close",
            "page-loop",
            "page-away",
            "no-basic",
            "expand-status=400",
            "members-null@TransferSwitches",
        ] {
            let handle = serve(pdu(6), &[fault]).await;
            let mut service = client(settings(&handle.url()));
            let polled = polls(&mut service, 2).await;
            assert_eq!(polled.batch.error, None, "{fault}");
            assert_whole(&polled);
            service.close().await;
            assert!(handle.open_sessions() == 0 || fault == "no-location", "{fault} leaves a session behind");
        }
    });
}

/// Faults of one resource, after the service was learnt: only its readings are missing.
#[test]
fn one_bad_resource_is_its_own_loss() {
    run(async {
        for (fault, missing) in [
            ("status=404", Missing::NoSuchInstance),
            ("status=403", Missing::AgentError),
            ("status=500", Missing::AgentError),
            ("html", Missing::AgentError),
            ("trailing-comma", Missing::AgentError),
            ("error-body", Missing::AgentError),
            ("deep-json", Missing::AgentError),
            ("gzip-bomb", Missing::AgentError),
            ("endless-body", Missing::AgentError),
            ("cut", Missing::AgentError),
            ("redirect-away", Missing::AgentError),
            ("slow-headers", Missing::Timeout),
            ("slow-body", Missing::Timeout),
        ] {
            let handle = serve(pdu(1), &[]).await;
            let timeout = Duration::from_secs(if missing == Missing::Timeout { 1 } else { 20 });
            let mut service = client(ServiceSettings { timeout, ..settings(&handle.url()) });
            assert_whole(&service.poll().await);
            handle.set_faults(vec![format!("{fault}@Chassis/1/Thermal").parse().unwrap()]);
            let polled = service.poll().await;
            assert_eq!(polled.batch.error, None, "{fault}");
            let source = "Chassis/1/Thermal#/Temperatures/0/ReadingCelsius";
            assert_eq!(sample(&polled, source), Sample::Missing(missing), "{fault}");
            assert!((value(&polled, "Chassis/PDU/Sensors/Door#/Reading") - 24.5).abs() < 1e-9, "{fault}");
            assert!(polled.notes.len() <= 2, "{fault}: {:?}", polled.notes);
        }
    });
}

async fn class_of(handle: &ServiceHandle, settings: ServiceSettings) -> (SnapshotError, String) {
    let mut service = client(settings);
    let polled = service.poll().await;
    service.close().await;
    assert_eq!(handle.open_sessions(), 0);
    match polled.batch.error {
        Some(PollError::Snapshot { class, reason }) => {
            assert!(!reason.contains(PASSWORD), "{reason}");
            (class, reason)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_ends_a_poll_is_said_in_words() {
    run(async {
        let handle = serve(pdu(6), &[]).await;
        let mut wrong = settings(&handle.url());
        wrong.login = Some(Login { user: USER.to_owned(), password: Secret::new("wrong") });
        let (class, reason) = class_of(&handle, wrong.clone()).await;
        assert_eq!(class, SnapshotError::Access);
        assert!(reason.contains("does not accept the user or the password (status 401)"), "{reason}");
        let open = ServiceSettings { login: None, ..settings(&handle.url()) };
        let (class, reason) = class_of(&handle, open).await;
        assert_eq!((class, reason.contains("wants a user and a password")), (SnapshotError::Access, true));
        for (fault, class, words) in [
            ("html@/redfish/v1", SnapshotError::Schema, "has no Redfish service at /redfish/v1/"),
            ("status=404@/redfish/v1", SnapshotError::Schema, "may have to be enabled"),
            ("redirect-away@/redfish/v1", SnapshotError::Redirected, "redirects away from itself"),
            ("retry-after=7@/redfish/v1", SnapshotError::RateLimited, "wants fewer requests"),
        ] {
            let handle = serve(pdu(6), &[fault]).await;
            let (found, reason) = class_of(&handle, settings(&handle.url())).await;
            assert_eq!(found, class, "{fault}: {reason}");
            assert!(reason.contains(words), "{fault}: {reason}");
        }
        // A wrong password is tried twice, however often it is polled.
        let mut service = client(wrong);
        handle.reset_counts();
        polls(&mut service, 6).await;
        assert_eq!(handle.counts().refusals, 2, "an account is not locked out");
        let nobody = settings("http://127.0.0.1:9");
        let error = client(nobody).poll().await.batch.error;
        assert_eq!(error, Some(PollError::Refused));
    });
}

#[test]
fn a_service_without_anything_to_read_says_so() {
    run(async {
        let root = serde_json::json!({ "RedfishVersion": "1.0.0", "Product": "Switch",
            "Chassis": { "@odata.id": "/redfish/v1/Chassis" } });
        let chassis = serde_json::json!({ "Members": [{ "@odata.id": "/redfish/v1/Chassis/1" }] });
        let documents = [
            ("/redfish/v1", root),
            ("/redfish/v1/Chassis", chassis),
            ("/redfish/v1/Chassis/1", serde_json::json!({})),
        ];
        let mockup = Mockup::of(documents.map(|(uri, it)| (uri.to_owned(), it)));
        let handle = serve(mockup, &[]).await;
        let (class, reason) = class_of(&handle, settings(&handle.url())).await;
        assert_eq!(class, SnapshotError::Schema);
        assert!(reason.contains("is a Redfish service (Switch), but there is nothing to read"), "{reason}");
        assert!(reason.contains("none of its 1 chassis has power"), "{reason}");
    });
}

#[test]
fn a_session_that_expires_in_mid_poll_is_renewed_once() {
    run(async {
        let handle = serve(pdu(1), &["expand-ignored"]).await;
        let mut service = client(settings(&handle.url()));
        service.poll().await;
        handle.reset_counts();
        handle.forget_sessions();
        assert_whole(&service.poll().await);
        assert_eq!(handle.counts().logins, 1);
        handle.set_faults(vec!["login-status=500".parse().unwrap()]);
        handle.forget_sessions();
        let polled = service.poll().await;
        assert!(polled.batch.error.is_none() || polled.batch.samples.iter().all(|it| it.value().is_none()));
    });
}
