//! Power shelves, batteries, rooms, reports: resources beside a rack PDU's, and what they become.

use super::room::{collection, link, serve};
use super::{client, run, settings};
use rackwarden::model::Sample;
use rackwarden::redfish::Polled;
use rackwarden::simulator::redfish::Mockup;
use serde_json::{Value, json};

pub(super) fn root(more: &Value) -> (String, Value) {
    let mut document = json!({
        "@odata.id": "/redfish/v1/", "RedfishVersion": "1.15.0",
        "Chassis": link("/redfish/v1/Chassis"), "Facilities": link("/redfish/v1/Facilities"),
        "PowerEquipment": link("/redfish/v1/PowerEquipment"),
        "Links": { "Sessions": link("/redfish/v1/SessionService/Sessions") },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    ("/redfish/v1".to_owned(), document)
}

pub(super) fn of(uri: &str, document: Value) -> (String, Value) {
    (format!("/redfish/v1/{uri}"), document)
}

pub(super) fn members(uri: &str, ids: &[&str]) -> (String, Value) {
    let uri = format!("/redfish/v1/{uri}");
    collection(&uri, &ids.iter().map(|it| format!("{uri}/{it}")).collect::<Vec<_>>())
}

pub(super) fn reading(number: f64) -> Value {
    json!({ "Reading": number })
}

/// A power shelf with two supplies, of which one is missing, and a battery; the room that it stands in.
fn shelf() -> Mockup {
    let unit = "PowerEquipment/PowerShelves/7";
    let at = |uri: &str| link(&format!("/redfish/v1/{uri}"));
    let equipment = [
        root(&json!({})),
        of("PowerEquipment", json!({ "PowerShelves": at("PowerEquipment/PowerShelves") })),
        members("PowerEquipment/PowerShelves", &["7"]),
        of(
            unit,
            json!({ "Name": "Shelf 7", "EquipmentType": "PowerShelf", "Mains": at(&format!("{unit}/Mains")),
                "PowerSupplies": at(&format!("{unit}/PowerSupplies")), "PowerSupplyRedundancy": [{ "Status": { "Health": "OK" } }],
                "Sensors": at(&format!("{unit}/Sensors")), "Links": { "Chassis": [at("Chassis/Shelf")] } }),
        ),
        members(&format!("{unit}/Mains"), &["A"]),
        of(
            &format!("{unit}/Mains/A"),
            json!({ "Voltage": reading(231.0), "CurrentAmps": 12.5, "BreakerState": "Tripped",
                "PowerWatts": { "Reading": "2875.5", "PowerFactor": 0.99 } }),
        ),
        // One of its own, and one that its chassis names too.
        collection(
            &format!("/redfish/v1/{unit}/PowerSupplies"),
            &[
                format!("/redfish/v1/{unit}/PowerSupplies/5"),
                "/redfish/v1/Chassis/Shelf/Supplies/3".to_owned(),
            ],
        ),
        of(
            &format!("{unit}/PowerSupplies/5"),
            json!({ "Name": "PSU 5", "Metrics": at(&format!("{unit}/PowerSupplies/5/Metrics")) }),
        ),
        of(
            &format!("{unit}/PowerSupplies/5/Metrics"),
            json!({ "InputPowerWatts": reading(905.0), "RailPowerWatts": [reading(880.0)] }),
        ),
        of("Chassis/Shelf/Supplies/3", json!({ "Name": "PSU 3", "Status": { "Health": "OK" } })),
        // Where older units keep them.
        members(&format!("{unit}/Sensors"), &["Inlet"]),
        of(
            &format!("{unit}/Sensors/Inlet"),
            json!({ "Reading": 77.0, "ReadingUnits": "[degF]", "ReadingType": "Temperature" }),
        ),
    ];
    Mockup::of(equipment.into_iter().chain(shelf_chassis()))
}

fn shelf_chassis() -> Vec<(String, Value)> {
    let at = |uri: &str| link(&format!("/redfish/v1/{uri}"));
    vec![
        members("Chassis", &["Shelf"]),
        of(
            "Chassis/Shelf",
            json!({ "Manufacturer": "Invented", "Model": "S-7", "PowerSubsystem": at("Chassis/Shelf/PowerSubsystem"),
                "ThermalSubsystem": at("Chassis/Shelf/Thermals") }),
        ),
        of(
            "Chassis/Shelf/PowerSubsystem",
            json!({ "PowerSupplies": at("Chassis/Shelf/Supplies"), "Batteries": at("Chassis/Shelf/Batteries") }),
        ),
        members("Chassis/Shelf/Supplies", &["1", "2", "3"]),
        of(
            "Chassis/Shelf/Supplies/1",
            json!({ "Name": "PSU 1", "PowerCapacityWatts": 3000, "Status": { "Health": "Warning" },
                "Metrics": at("Chassis/Shelf/Supplies/1/Metrics") }),
        ),
        of(
            "Chassis/Shelf/Supplies/1/Metrics",
            json!({ "InputPowerWatts": reading(1400.0), "OutputPowerWatts": reading(1330.5),
                "RailVoltage": [reading(50.1)], "TemperatureCelsius": reading(41.0) }),
        ),
        of("Chassis/Shelf/Supplies/2", json!({ "Name": "PSU 2", "Status": { "State": "Absent" } })),
        members("Chassis/Shelf/Batteries", &["B1"]),
        of(
            "Chassis/Shelf/Batteries/B1",
            json!({ "Name": "Battery 1", "StateOfHealthPercent": reading(91.0), "ChargeState": "Discharging",
                "Metrics": at("Chassis/Shelf/Batteries/B1/Metrics") }),
        ),
        of(
            "Chassis/Shelf/Batteries/B1/Metrics",
            json!({ "ChargePercent": reading(64.0), "OutputVoltages": [reading(48.5)], "OutputCurrentAmps": [reading(20.0)] }),
        ),
        of("Chassis/Shelf/Thermals", json!({ "LeakDetection": at("Chassis/Shelf/Leaks") })),
        of("Chassis/Shelf/Leaks", json!({ "LeakDetectors": at("Chassis/Shelf/Leaks/All") })),
        members("Chassis/Shelf/Leaks/All", &["Tray"]),
        of("Chassis/Shelf/Leaks/All/Tray", json!({ "Name": "Tray", "DetectorState": "Critical" })),
        members("Facilities", &["Room237"]),
        of(
            "Facilities/Room237",
            json!({ "Name": "Room 237", "EnvironmentMetrics": at("Facilities/Room237/Env"),
                "AmbientMetrics": at("Facilities/Room237/Outside") }),
        ),
        of(
            "Facilities/Room237/Env",
            json!({ "TemperatureCelsius": reading(23.5), "HumidityPercent": reading(41.0), "EnergykWh": reading(1.5) }),
        ),
        of("Facilities/Room237/Outside", json!({ "TemperatureCelsius": reading(-4.0) })),
    ]
}

/// `kind/index/quantity/name` of all readings, with value, or the state's name.
pub(super) fn rows(polled: &Polled) -> Vec<(String, String)> {
    let shape = &polled.batch.shape;
    let each = shape.readings.iter().zip(&polled.batch.samples).map(|(reading, sample)| {
        let component = shape.component_of(reading).unwrap();
        let name = format!("{}/{}/{}/{}", component.kind, component.index, reading.quantity, reading.name);
        let value = match (sample, &reading.states) {
            (Sample::Value(value), Some(states)) => states.state(*value).unwrap().name.to_string(),
            (Sample::Value(value), None) => format!("{:.2}", value),
            (missing, _) => format!("{missing:?}"),
        };
        (name.trim_end_matches('/').to_owned(), value)
    });
    each.collect()
}

pub(super) fn assert_rows(polled: &Polled, expected: &[(&str, &str)]) {
    assert_eq!(polled.batch.error, None);
    let rows = rows(polled);
    for (name, value) in expected {
        let found: Vec<&str> = rows.iter().filter(|(it, _)| it == name).map(|(_, it)| &**it).collect();
        assert_eq!(found, [*value], "{name} in {rows:#?}");
    }
}

#[test]
fn shelves_batteries_leaks_and_rooms() {
    run(async {
        let handle = serve(shelf(), &[]).await;
        let mut service = client(settings(&handle.url()));
        for _ in 0..2 {
            let polled = service.poll().await;
            assert_rows(
                &polled,
                &[
                    ("infeed/PowerShelves.7.A/voltage", "231.00"),
                    ("infeed/PowerShelves.7.A/current", "12.50"),
                    ("infeed/PowerShelves.7.A/active_power", "2875.50"),
                    ("infeed/PowerShelves.7.A/power_factor", "0.99"),
                    ("infeed/PowerShelves.7.A/state", "Tripped"),
                    ("sensor/PowerShelves.7.Inlet/temperature", "25.00"),
                    ("device/PowerShelves.7/state/supply_redundancy", "OK"),
                    ("input/PowerShelves.7.5/active_power", "905.00"),
                    ("output/PowerShelves.7.5/active_power", "880.00"),
                    ("input/PowerShelves.7.3/state/health", "OK"),
                    ("input/Shelf.1/active_power", "1400.00"),
                    ("input/Shelf.1/temperature", "41.00"),
                    ("input/Shelf.1/state/health", "Warning"),
                    ("output/Shelf.1/active_power", "1330.50"),
                    ("output/Shelf.1/voltage", "50.10"),
                    ("battery/Shelf.B1/charge", "64.00"),
                    ("battery/Shelf.B1/charge/state_of_health", "91.00"),
                    ("battery/Shelf.B1/state/charge", "Discharging"),
                    ("battery/Shelf.B1/voltage", "48.50"),
                    ("sensor/Shelf.LeakDetectors.Tray/state", "Critical"),
                    ("device/Facilities.Room237/temperature", "23.50"),
                    ("device/Facilities.Room237/temperature/ambient", "-4.00"),
                    ("device/Facilities.Room237/humidity", "41.00"),
                    ("device/Facilities.Room237/energy", "1500.00"),
                ],
            );
            let identity = &polled.batch.source.identity;
            assert_eq!((&*identity.vendor, &*identity.model), ("Invented", "S-7"));
            assert!(!rows(&polled).iter().any(|(it, _)| it.contains("Shelf.2")), "an empty bay");
            assert!(!rows(&polled).iter().any(|(it, _)| it.contains("input/Shelf.3")), "it is read already");
        }
    });
}

/// A server with eight supplies, and a report with all that their metrics say.
fn reported() -> Mockup {
    let at = |uri: &str| link(&format!("/redfish/v1/{uri}"));
    let ids = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let mut documents = vec![
        root(&json!({ "TelemetryService": at("Telemetry") })),
        members("Chassis", &["S"]),
        of("Chassis/S", json!({ "PowerSubsystem": at("Chassis/S/Power") })),
        of("Chassis/S/Power", json!({ "PowerSupplies": at("Chassis/S/Supplies") })),
        members("Chassis/S/Supplies", &ids),
        of("Telemetry", json!({ "MetricReports": at("Telemetry/Reports") })),
        members("Telemetry/Reports", &["Logs", "Power"]),
        of(
            "Telemetry/Reports/Logs",
            json!({ "MetricValues": [{ "MetricId": "Lines", "MetricValue": "17" }] }),
        ),
    ];
    let mut values = Vec::new();
    for (watts, id) in (100..).step_by(100).zip(ids) {
        let metrics = format!("Chassis/S/Supplies/{id}/Metrics");
        documents.push(of(&format!("Chassis/S/Supplies/{id}"), json!({ "Metrics": at(&metrics) })));
        documents.push(of(&metrics, json!({ "InputPowerWatts": reading(watts.into()) })));
        values.push(json!({ "MetricId": "Power", "MetricValue": watts.to_string(), "Timestamp": "2026-01-01T12:00:00Z",
            "MetricProperty": format!("/redfish/v1/{metrics}#/InputPowerWatts/Reading") }));
    }
    documents.push(of("Telemetry/Reports/Power", json!({ "MetricValues": values })));
    Mockup::of(documents)
}

const REPORT: &str = "/redfish/v1/Telemetry/Reports/Power";

#[test]
fn a_report_stands_for_what_it_carries() {
    run(async {
        let handle = serve(reported(), &[]).await;
        let mut service = client(settings(&handle.url()));
        service.poll().await;
        handle.reset_counts();
        handle.change(REPORT, |it| it["MetricValues"][2]["MetricValue"] = "311.5".into());
        let polled = service.poll().await;
        assert_rows(&polled, &[("input/S.3/active_power", "311.50"), ("input/S.8/active_power", "800.00")]);
        assert_eq!(handle.counts().asked, [REPORT]);
        // What it no longer carries is asked by itself, in the same poll.
        handle.change(REPORT, |it| drop(it["MetricValues"].as_array_mut().unwrap().remove(0)));
        handle.reset_counts();
        assert_rows(&service.poll().await, &[("input/S.1/active_power", "100.00")]);
        assert_eq!(handle.counts().requests, 2);
        // One that is no JSON, or no report, is left alone from then on; nothing is lost.
        for fault in ["trailing-comma", "error-body"] {
            let handle = serve(reported(), &[]).await;
            let mut service = client(settings(&handle.url()));
            service.poll().await;
            handle.set_faults(vec![format!("{fault}@Reports/Power").parse().unwrap()]);
            assert_rows(&service.poll().await, &[("input/S.5/active_power", "500.00")]);
        }
    });
}
