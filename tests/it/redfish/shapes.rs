//! Shapes that services of other vendors give to the same things, each invented: links, pages, copies, gaps.

use super::parts::{assert_rows, members, of, reading, root, rows};
use super::room::{PASSWORD, USER, collection, link, serve};
use super::{client, polls, run, settings};
use rackwarden::model::{Missing, Sample};
use rackwarden::redfish::Polled;
use rackwarden::simulator::redfish::{Mockup, ServiceSpec};
use serde_json::{Value, json};

fn at(uri: &str) -> Value {
    link(&format!("/redfish/v1/{uri}"))
}

const UNIT: &str = "PowerEquipment/RackPDUs/1";

/// A rack PDU of two outlets, with more beside it.
fn unit(more: &Value, outlets: [Value; 2]) -> Vec<(String, Value)> {
    let mut document = json!({ "Name": "PDU", "Outlets": at(&format!("{UNIT}/Outlets")) });
    for (key, value) in more.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    let [first, second] = outlets;
    vec![
        root(&json!({})),
        of("PowerEquipment", json!({ "RackPDUs": at("PowerEquipment/RackPDUs") })),
        members("PowerEquipment/RackPDUs", &["1"]),
        of(UNIT, document),
        members(&format!("{UNIT}/Outlets"), &["1", "2"]),
        of(&format!("{UNIT}/Outlets/1"), first),
        of(&format!("{UNIT}/Outlets/2"), second),
    ]
}

async fn read(documents: Vec<(String, Value)>) -> Polled {
    let handle = serve(Mockup::of(documents), &[]).await;
    let mut service = client(settings(&handle.url()));
    let first = service.poll().await;
    let second = service.poll().await;
    assert_eq!(rows(&first), rows(&second), "learnt as polled");
    service.close().await;
    assert_eq!(handle.open_sessions(), 0);
    Polled { notes: first.notes, ..second }
}

#[test]
fn links_are_followed_however_they_are_written() {
    run(async {
        let amperes = |it: f64| json!({ "CurrentAmps": reading(it) });
        let handle = serve(Mockup::of(unit(&json!({}), [amperes(1.0), amperes(2.0)])), &[]).await;
        let url = handle.url();
        let outlets = format!("/redfish/v1/{UNIT}/Outlets");
        // By their whole URL, with a slash behind them, as a text alone.
        handle.change("/redfish/v1/PowerEquipment", |it| {
            it["RackPDUs"] = link(&format!("{url}/redfish/v1/PowerEquipment/RackPDUs/"));
        });
        handle.change("/redfish/v1/PowerEquipment/RackPDUs", |it| {
            it["Members"] = json!([format!("/redfish/v1/{UNIT}/")]);
        });
        // The second page is at a path of its own.
        handle.change(&outlets, |it| {
            it["Members"] = json!([link(&format!("{outlets}/1/"))]);
            it["Members@odata.nextLink"] = json!(format!("{url}{outlets}/Page/2"));
        });
        let mut mockup = handle.mockup();
        mockup.insert(&format!("{outlets}/Page/2"), json!({ "Members": [link(&format!("{outlets}/2"))] }));
        handle.serve(mockup);
        let polled = polls(&mut client(settings(&url)), 2).await;
        assert_rows(&polled, &[("outlet/1.1/current", "1.00"), ("outlet/1.2/current", "2.00")]);
    });
}

#[test]
fn numbers_states_and_gaps_are_told_apart() {
    run(async {
        let first = json!({
            "CurrentAmps": 1.5, "Voltage": { "Reading": "230.5" }, "PowerWatts": { "Reading": null, "ApparentVA": 345 },
            "EnergykWh": { "Reading": 17.5, "SensorResetTime": "2020-01-01T00:00:00Z", "LifetimeReading": 99 },
            "FrequencyHz": { "Reading": "n/a" }, "Status": { "State": "StandbyOffline", "Health": null },
            "PowerState": "Off",
        });
        let absent =
            json!({ "CurrentAmps": { "Reading": 0 }, "Status": { "State": "Absent", "Health": "OK" } });
        let more = json!({
            "Mains": at(&format!("{UNIT}/Mains")), "Branches": at(&format!("{UNIT}/Branches")),
            "MainsRedundancy": { "Status": { "Health": "Warning" } },
            "Status": { "State": "Enabled", "Health": "", "HealthRollup": "Critical" },
        });
        let mut documents = unit(&more, [first, absent]);
        documents.extend([
            members(&format!("{UNIT}/Mains"), &["M"]),
            of(
                &format!("{UNIT}/Mains/M"),
                json!({ "RatedCurrentAmps": "32",
                    "PolyPhaseCurrentAmps": { "Line1": { "Reading": 7 }, "Line2": 8.5, "Line3": null, "Neutral": reading(0.5) },
                    "PolyPhaseVoltage": { "Line1ToLine2": reading(400.0), "Line2ToLine3": reading(401.0) },
                    "PolyPhasePowerWatts": { "Line1ToNeutral": reading(100.0), "Line2ToNeutral": reading(150.0) } }),
            ),
            members(&format!("{UNIT}/Branches"), &["B1", "B2"]),
            of(&format!("{UNIT}/Branches/B1"), json!({ "BreakerState": "Off", "PowerLoadPercent": reading(41.0) })),
            of(&format!("{UNIT}/Branches/B2"), json!({ "PolyPhaseCurrentAmps": { "Line2": reading(3.0) } })),
        ]);
        let polled = read(documents).await;
        assert_rows(
            &polled,
            &[
                ("outlet/1.1/current", "1.50"),
                ("outlet/1.1/voltage", "230.50"),
                ("outlet/1.1/active_power", "Missing(Unavailable)"),
                ("outlet/1.1/apparent_power", "345.00"),
                ("outlet/1.1/energy", "17500.00"),
                ("outlet/1.1/frequency", "Missing(Unavailable)"),
                ("outlet/1.1/state", "Off"),
                ("outlet/1.1/state/health", "StandbyOffline"),
                ("device/1/state/health", "Critical"),
                ("device/1/state/mains_redundancy", "Warning"),
                ("phase/1.M.L1/current", "7.00"),
                ("phase/1.M.L2/current", "8.50"),
                ("phase/1.M.L3/current", "Missing(Unavailable)"),
                ("phase/1.M.L1/voltage", "400.00"),
                ("phase/1.M.L2/active_power", "150.00"),
                ("infeed/1.M/active_power", "250.00"),
                ("infeed/1.M/current/neutral", "0.50"),
                ("bank/1.B1/state", "Off"),
                ("bank/1.B1/load", "41.00"),
                ("bank/1.B2/current", "3.00"),
            ],
        );
        assert!(!rows(&polled).iter().any(|(it, _)| it.starts_with("outlet/1.2")), "an empty slot");
    });
}

fn sensor(kind: &str, units: &str, number: f64) -> Value {
    json!({ "ReadingType": kind, "ReadingUnits": units, "Reading": number })
}

/// Circuits that only name their sensors; sensors that nobody names; one sensor by four ways.
fn named_sensors() -> Vec<(String, Value)> {
    let sensors = "Chassis/C/Sensors";
    let named = json!({ "Voltage": { "DataSourceUri": format!("/redfish/v1/{sensors}/V1") },
            "CurrentAmps": at(&format!("{sensors}/A1")) });
    let more = json!({
        "Links": { "Chassis": [at("Chassis/C")] }, "Sensors": at(&format!("{UNIT}/Sensors")),
        "Metrics": at(&format!("{UNIT}/Metrics")),
    });
    let mut documents = unit(&more, [named, json!({ "Voltage": reading(231.0) })]);
    let uri = |id: &str| format!("/redfish/v1/{sensors}/{id}");
    documents.extend([
        of(
            &format!("{UNIT}/Metrics"),
            json!({ "TemperatureCelsius": { "Reading": 31.5, "DataSourceUri": uri("T1") } }),
        ),
        collection(
            &format!("/redfish/v1/{UNIT}/Sensors"),
            &[uri("T1"), format!("/redfish/v1/{UNIT}/Sensors/T1")],
        ),
        // The same under its old URI, which says so.
        of(
            &format!("{UNIT}/Sensors/T1"),
            json!({ "@odata.id": uri("T1"), "ReadingType": "Temperature",
                "ReadingUnits": "Cel", "Reading": 31.5 }),
        ),
        members("Chassis", &["C"]),
        of(
            "Chassis/C",
            json!({ "Sensors": at(sensors), "EnvironmentMetrics": at("Chassis/C/Env"),
                "ThermalSubsystem": at("Chassis/C/ThermalSubsystem") }),
        ),
        of("Chassis/C/Env", json!({ "TemperatureCelsius": { "Reading": 31.5, "DataSourceUri": uri("T1") } })),
        of("Chassis/C/ThermalSubsystem", json!({ "ThermalMetrics": at("Chassis/C/Metrics") })),
        of(
            "Chassis/C/Metrics",
            json!({ "TemperatureReadingsCelsius": [{ "Reading": 31.5, "DataSourceUri": uri("T1") }] }),
        ),
        members(sensors, &["T1", "V1", "A1", "F1", "RH", "X"]),
        of(&format!("{sensors}/T1"), sensor("Temperature", "Cel", 31.5)),
        of(&format!("{sensors}/V1"), sensor("Voltage", "V", 229.5)),
        of(&format!("{sensors}/A1"), sensor("Current", "mA", 1250.0)),
        of(&format!("{sensors}/F1"), sensor("Frequency", "Hertz", 50.0)),
        of(&format!("{sensors}/RH"), sensor("Humidity", "Percent", 43.0)),
        of(&format!("{sensors}/X"), sensor("Temperature", "dK", 3000.0)),
    ]);
    documents
}

#[test]
fn sensors_are_read_once_wherever_they_are_named() {
    run(async {
        let polled = read(named_sensors()).await;
        assert_rows(
            &polled,
            &[
                ("outlet/1.1/voltage", "229.50"),
                ("outlet/1.1/current", "1.25"),
                ("outlet/1.2/voltage", "231.00"),
                ("device/1/temperature", "31.50"),
                ("sensor/C.F1/frequency", "50.00"),
                ("sensor/C.RH/humidity", "43.00"),
            ],
        );
        let degrees: Vec<_> =
            rows(&polled).into_iter().filter(|(it, _)| it.contains("temperature")).collect();
        assert_eq!(degrees.len(), 1, "{degrees:?}");
        let plan = polled.plan.as_ref().unwrap();
        let place = rows(&polled).iter().position(|(it, _)| it == "device/1/temperature").unwrap();
        let also: Vec<&str> = plan.also(place).collect();
        for source in [
            "Chassis/C/Sensors/T1#/Reading",
            "Chassis/C/Env#/TemperatureCelsius/Reading",
            "Chassis/C/Metrics#/Temp",
        ] {
            assert!(also.iter().any(|it| it.contains(source)), "{source} in {also:?}");
        }
        assert!(
            polled.notes.iter().any(|it| it.contains("sensors in `dK` are left out")),
            "{:?}",
            polled.notes
        );
    });
}

/// An enclosure and its blades: old and new resources side by side, MemberIds that are not unique, a null in the first
/// of two places.
#[test]
fn blades_in_an_enclosure_are_told_apart() {
    run(async {
        let supplies = json!([
            { "MemberId": "0", "Name": "PSU 1", "LineInputVoltage": 231, "Status": { "Health": "OK", "State": "Enabled" } },
            { "MemberId": "0", "Name": "PSU 2", "LineInputVoltage": "232", "Status": { "Health": "Critical" } },
            { "@odata.id": "/redfish/v1/Chassis/Other/Power#/PowerSupplies/0" },
        ]);
        let mut documents = vec![
            root(&json!({})),
            members("Chassis", &["Enc", "Blade1", "Blade2"]),
            of(
                "Chassis/Enc",
                json!({ "Name": "Enclosure", "Power": at("Chassis/Enc/Power"), "Thermal": at("Chassis/Enc/Thermal"),
                    "EnvironmentMetrics": at("Chassis/Enc/Env"), "ThermalSubsystem": at("Chassis/Enc/TS"),
                    "PowerSubsystem": at("Chassis/Enc/PS") }),
            ),
            of(
                "Chassis/Enc/Power",
                json!({ "PowerSupplies": supplies, "PowerControl": [{ "PowerConsumedWatts": 1810 }] }),
            ),
            of("Chassis/Enc/Env", json!({ "PowerWatts": { "Reading": null } })),
            of("Chassis/Enc/Thermal", json!({ "Temperatures": [{ "Name": "Inlet", "ReadingCelsius": 24 }] })),
            // Leaks are told by the new resource alone.
            of("Chassis/Enc/TS", json!({ "LeakDetection": at("Chassis/Enc/Leaks") })),
            of("Chassis/Enc/Leaks", json!({ "LeakDetectors": at("Chassis/Enc/Leaks/D") })),
            members("Chassis/Enc/Leaks/D", &["1"]),
            of("Chassis/Enc/Leaks/D/1", json!({ "DetectorState": "Warning" })),
            of("Chassis/Enc/PS", json!({ "PowerSupplyRedundancy": [{ "Status": { "Health": "OK" } }] })),
        ];
        for (blade, watts) in [("Blade1", 301.5), ("Blade2", 302.5)] {
            let power = format!("Chassis/{blade}/Power");
            documents.push(of(&format!("Chassis/{blade}"), json!({ "Name": blade, "Power": at(&power) })));
            documents.push(of(
                &power,
                json!({ "PowerControl": [{ "MemberId": "0", "PowerConsumedWatts": watts }] }),
            ));
        }
        let polled = read(documents).await;
        assert_rows(
            &polled,
            &[
                ("device/Enc/active_power", "1810.00"),
                ("device/Enc/state/redundancy", "OK"),
                ("device/Blade1/active_power", "301.50"),
                ("device/Blade2/active_power", "302.50"),
                ("input/Enc.0/voltage", "231.00"),
                ("input/Enc.1/voltage", "232.00"),
                ("input/Enc.1/state/health", "Critical"),
                ("sensor/Enc.Temperatures.0/temperature", "24.00"),
                ("sensor/Enc.LeakDetectors.1/state", "Warning"),
            ],
        );
    });
}

/// Some services leave their root's links out; the URIs are laid down.
#[test]
fn a_root_without_links_is_no_end() {
    run(async {
        let mut documents = unit(&json!({}), [json!({ "CurrentAmps": 1 }), json!({ "CurrentAmps": 2 })]);
        documents.retain(|(uri, _)| uri != "/redfish/v1");
        documents.push(("/redfish/v1".to_owned(), json!({ "RedfishVersion": "1.9.0" })));
        let polled = read(documents).await;
        assert_rows(&polled, &[("outlet/1.2/current", "2.00")]);
    });
}

/// What the user may not see, and what is busy, is the loss of that alone: no session or refusal a poll comes of it.
#[test]
fn closed_and_busy_parts_are_their_own_loss() {
    run(async {
        for fault in ["status=401@Outlets/2", "status=403@Outlets/2", "retry-after=30@Outlets/2"] {
            for login in ["no-location@nowhere", "login-status=405"] {
                let documents = unit(&json!({}), [json!({ "CurrentAmps": 1 }), json!({ "CurrentAmps": 2 })]);
                let handle = serve(Mockup::of(documents), &[fault, login]).await;
                let mut service = client(settings(&handle.url()));
                let polled = polls(&mut service, 3).await;
                assert_rows(&polled, &[("outlet/1.1/current", "1.00")]);
                handle.reset_counts();
                polls(&mut service, 3).await;
                let counts = handle.counts();
                assert_eq!((counts.logins, counts.refusals), (0, 0), "{fault} {login}");
                // Once it was learnt, too.
                handle.set_faults(vec![login.parse().unwrap()]);
                let mut service = client(settings(&handle.url()));
                service.poll().await;
                handle.set_faults([fault, login].iter().map(|it| it.parse().unwrap()).collect());
                let polled = polls(&mut service, 2).await;
                assert_rows(&polled, &[("outlet/1.1/current", "1.00")]);
                let lost = Sample::Missing(Missing::AgentError);
                assert!(polled.batch.samples.contains(&lost), "{fault} {login}");
                service.close().await;
            }
        }
    });
}

/// $expand that is whole for some kinds of members and not for others.
#[test]
fn expand_is_believed_by_kind() {
    run(async {
        let outlet = |amperes: f64| json!({ "Name": "x", "Id": "y", "CurrentAmps": reading(amperes), "Voltage": reading(230.0) });
        let features = json!({ "ExpandQuery": { "NoLinks": true, "Levels": true, "MaxLevels": 1 } });
        let mut documents = unit(&json!({}), [outlet(1.0), outlet(2.0)]);
        documents.retain(|(uri, _)| uri != "/redfish/v1");
        documents.push(root(&json!({ "ProtocolFeaturesSupported": features })));
        let mut service = Mockup::of(documents);
        service.insert("/redfish/v1/Chassis", json!({ "Members": [] }));
        let handle = serve(service, &["expand-drops@Outlets"]).await;
        let mut service = client(settings(&handle.url()));
        for _ in 0..2 {
            let polled = service.poll().await;
            assert_rows(&polled, &[("outlet/1.1/current", "1.00"), ("outlet/1.2/voltage", "230.00")]);
        }
        assert!(handle.counts().asked.iter().any(|it| it.contains("$expand")));
    });
}

/// What a person has set counts before what the maker has.
#[test]
fn the_levels_of_its_user_come_first() {
    run(async {
        let mut documents = unit(
            &json!({ "Links": { "Chassis": [at("Chassis/C")] } }),
            [
                json!({ "CurrentAmps": { "Reading": 1, "DataSourceUri": "/redfish/v1/Chassis/C/Sensors/A" } }),
                json!({}),
            ],
        );
        let mut amperes = sensor("Current", "mA", 1000.0);
        amperes["Thresholds"] = json!({
            "UpperCritical": { "Reading": 16000 }, "UpperCriticalUser": { "Reading": 12000 },
            "UpperCautionUser": { "Reading": 9000, "Activation": "Disabled" }, "UpperCaution": { "Reading": 10000 },
        });
        documents.extend([
            members("Chassis", &["C"]),
            of("Chassis/C", json!({ "Sensors": at("Chassis/C/Sensors") })),
            members("Chassis/C/Sensors", &["A"]),
            of("Chassis/C/Sensors/A", amperes),
        ]);
        let polled = read(documents).await;
        let plan = polled.plan.unwrap();
        let levels =
            rackwarden::redfish::OwnLevels::of(&plan.thresholds, plan.thresholds[0].reading).unwrap();
        assert_eq!((levels.high_warning, levels.high_critical), (Some(10.0), Some(12.0)));
    });
}

/// A service behind a proxy gives its own name for the session: it is deleted all the same.
#[test]
fn a_session_under_another_name_is_deleted() {
    run(async {
        let documents = unit(&json!({}), [json!({ "CurrentAmps": 1 }), json!({})]);
        let user = Some((USER.to_owned(), PASSWORD.to_owned()));
        let faults = vec!["location-away".parse().unwrap()];
        let spec = ServiceSpec { mockup: Mockup::of(documents), user, faults, ..ServiceSpec::default() };
        let handle =
            rackwarden::simulator::redfish::ServiceHandle::start(spec, "127.0.0.1:0".parse().unwrap())
                .await
                .unwrap();
        let mut service = client(settings(&handle.url()));
        assert_eq!(service.poll().await.batch.error, None);
        assert_eq!(handle.open_sessions(), 1);
        service.close().await;
        assert_eq!(handle.open_sessions(), 0);
    });
}
