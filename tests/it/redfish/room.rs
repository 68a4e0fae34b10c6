//! An invented rack PDU and an invented server, as documents.

use rackwarden::simulator::redfish::{Mockup, ServiceFault, ServiceHandle, ServiceSpec};
use serde_json::{Value, json};

pub(super) const USER: &str = "ops";
pub(super) const PASSWORD: &str = "hunter2 hunter2";

pub(super) fn link(uri: &str) -> Value {
    json!({ "@odata.id": uri })
}

pub(super) fn collection(uri: &str, members: &[String]) -> (String, Value) {
    let members: Vec<Value> = members.iter().map(|it| link(it)).collect();
    (uri.to_owned(), json!({ "@odata.id": uri, "Members@odata.count": members.len(), "Members": members }))
}

fn root(levels: u32) -> (String, Value) {
    let features =
        json!({ "ExpandQuery": { "NoLinks": true, "ExpandAll": true, "Levels": true, "MaxLevels": levels } });
    let document = json!({
        "@odata.id": "/redfish/v1/", "Id": "RootService", "Name": "Root", "RedfishVersion": "1.15.0",
        "Vendor": "Example", "Product": "Controller",
        "ProtocolFeaturesSupported": features,
        "PowerEquipment": link("/redfish/v1/PowerEquipment"),
        "Chassis": link("/redfish/v1/Chassis"),
        "SessionService": link("/redfish/v1/SessionService"),
        "Links": { "Sessions": link("/redfish/v1/SessionService/Sessions") },
    });
    ("/redfish/v1".to_owned(), document)
}

/// Where the PDU is.
const BASE: &str = "/redfish/v1/PowerEquipment/RackPDUs/1";
const OUTLETS: [&str; 6] = ["A1", "A2", "A3", "B1", "B2", "B3"];

/// A PDU with a three-phase infeed, two branches, six outlets of which one is not there, and a sensor.
pub(super) fn pdu(levels: u32) -> Mockup {
    let base = BASE;
    let of =
        |what: &str, ids: &[&str]| ids.iter().map(|it| format!("{base}/{what}/{it}")).collect::<Vec<_>>();
    let mut documents = vec![
        root(levels),
        ("/redfish/v1/SessionService".to_owned(), json!({ "SessionTimeout": 1800 })),
        (
            "/redfish/v1/PowerEquipment".to_owned(),
            json!({ "RackPDUs": link("/redfish/v1/PowerEquipment/RackPDUs") }),
        ),
        collection("/redfish/v1/PowerEquipment/RackPDUs", &[base.to_owned()]),
        collection(&format!("{base}/Mains"), &of("Mains", &["I1"])),
        collection(&format!("{base}/Branches"), &of("Branches", &["A", "B"])),
        collection(&format!("{base}/Outlets"), &of("Outlets", &OUTLETS)),
    ];
    documents.extend(unit());
    documents.extend(sensors());
    documents.extend(circuits());
    documents.extend(server());
    Mockup::of(documents)
}

fn unit() -> Vec<(String, Value)> {
    let base = BASE;
    vec![
        (
            base.to_owned(),
            json!({
                "@odata.id": base, "Id": 1, "Name": "PDU 1", "UserLabel": "Row 4 feed A", "EquipmentType": "RackPDU",
                "Manufacturer": "Example", "Model": "RP-36", "SerialNumber": "SN4711", "FirmwareVersion": "4.1",
                "PowerCapacityVA": "11000", "Status": { "State": "Enabled", "Health": "OK" },
                "Mains": link(&format!("{base}/Mains")), "Branches": link(&format!("{base}/Branches")),
                "Outlets": link(&format!("{base}/Outlets")), "Metrics": link(&format!("{base}/Metrics")),
                "Feeders": link("https://192.0.2.66/redfish/v1/Feeders"),
                "Links": { "Chassis": [link("/redfish/v1/Chassis/PDU"), link("/redfish/v1/Chassis/gone")] },
            }),
        ),
        (
            format!("{base}/Metrics"),
            json!({
                "@odata.id": format!("{base}/Metrics"), "PowerWatts": { "Reading": 4210 }, "EnergykWh": { "Reading": 1234.5 },
            }),
        ),
        (
            format!("{base}/Mains/I1"),
            json!({
                "@odata.id": format!("{base}/Mains/I1"), "Name": "Inlet", "RatedCurrentAmps": 32, "Status": { "Health": "OK" },
                "PolyPhaseCurrentAmps": {
                    "Line1": { "Reading": 6.5, "DataSourceUri": "/redfish/v1/Chassis/PDU/Sensors/I1L1" },
                    "Line2": { "Reading": 7.25 }, "Line3": { "Reading": null }, "Neutral": { "Reading": 0.5 },
                },
                "PolyPhaseVoltage": { "Line1ToNeutral": { "Reading": 231 }, "Line1ToLine2": { "Reading": "400.5" } },
                "FrequencyHz": { "Reading": 50 },
            }),
        ),
    ]
}

fn sensors() -> Vec<(String, Value)> {
    vec![
        (
            "/redfish/v1/Chassis".to_owned(),
            json!({ "Members": [link("/redfish/v1/Chassis/PDU"), link("/redfish/v1/Chassis/1")] }),
        ),
        (
            "/redfish/v1/Chassis/PDU".to_owned(),
            json!({ "Name": "PDU", "Sensors": link("/redfish/v1/Chassis/PDU/Sensors") }),
        ),
        collection(
            "/redfish/v1/Chassis/PDU/Sensors",
            &[
                "/redfish/v1/Chassis/PDU/Sensors/I1L1".to_owned(),
                "/redfish/v1/Chassis/PDU/Sensors/Door".to_owned(),
            ],
        ),
        (
            "/redfish/v1/Chassis/PDU/Sensors/I1L1".to_owned(),
            json!({
                "@odata.id": "/redfish/v1/Chassis/PDU/Sensors/I1L1", "Reading": 99.5, "ReadingType": "Current", "ReadingUnits": "A",
                "Thresholds": { "UpperCritical": { "Reading": 30 }, "UpperCaution": { "Reading": 25, "Activation": "Disabled" } },
            }),
        ),
        (
            "/redfish/v1/Chassis/PDU/Sensors/Door".to_owned(),
            json!({
                "@odata.id": "/redfish/v1/Chassis/PDU/Sensors/Door", "Name": "Cold aisle", "Reading": 24.5,
                "ReadingType": "Temperature", "ReadingUnits": "Cel", "Status": { "State": "Enabled", "Health": "OK" },
            }),
        ),
    ]
}

fn circuits() -> Vec<(String, Value)> {
    let base = BASE;
    let mut documents = Vec::new();
    for (id, watts) in [("A", 2000.0), ("B", 2210.0)] {
        let uri = format!("{base}/Branches/{id}");
        documents.push((uri.clone(), json!({
            "@odata.id": uri, "Name": format!("Branch {id}"), "BreakerState": "Normal", "RatedCurrentAmps": 16,
            "CurrentAmps": { "Reading": watts / 230.0 }, "PowerWatts": { "Reading": watts }, "Status": { "Health": "OK" },
        })));
    }
    for id in OUTLETS.into_iter().filter(|it| *it != "B3") {
        let uri = format!("{base}/Outlets/{id}");
        documents.push((uri.clone(), json!({
            "@odata.id": uri, "Id": format!("OUTLET {id}"), "Name": format!("Outlet {id}"), "PowerState": "On",
            "RatedCurrentAmps": 10, "CurrentAmps": { "Reading": 1.5 }, "Voltage": { "Reading": 230.5 },
            "EnergykWh": { "Reading": 17 }, "Status": { "State": "Enabled", "Health": "OK", "HealthRollup": "OK" },
        })));
    }
    documents
}

/// A server with the old Power and Thermal resources.
fn server() -> Vec<(String, Value)> {
    vec![
        (
            "/redfish/v1/Chassis/1".to_owned(),
            json!({
                "Name": "Server", "Power": link("/redfish/v1/Chassis/1/Power/"), "Thermal": link("/redfish/v1/Chassis/1/Thermal"),
            }),
        ),
        (
            "/redfish/v1/Chassis/1/Power".to_owned(),
            json!({
                "PowerControl": [{ "MemberId": "0", "PowerConsumedWatts": 614, "PowerCapacityWatts": 1600 }],
                "PowerSupplies": [
                    { "MemberId": "0", "Name": "PS1", "LineInputVoltage": 230, "PowerInputWatts": 303, "LastPowerOutputWatts": 273,
                      "PowerCapacityWatts": 800, "Status": { "Health": "OK", "State": "Enabled" } },
                    { "MemberId": "1", "Name": "PS2", "Status": { "State": "Absent" } },
                ],
            }),
        ),
        (
            "/redfish/v1/Chassis/1/Thermal".to_owned(),
            json!({
                "Temperatures": [{ "MemberId": "inlet", "Name": "Inlet", "ReadingCelsius": 25, "UpperThresholdCritical": 42,
                    "Status": { "Health": "OK" } }],
                "Fans": [{ "FanName": "Fan 1", "Reading": 7000, "ReadingUnits": "RPM", "Status": { "Health": "Warning" } }],
            }),
        ),
    ]
}

pub(super) async fn serve(mockup: Mockup, faults: &[&str]) -> ServiceHandle {
    let faults: Vec<ServiceFault> = faults.iter().map(|it| it.parse().unwrap()).collect();
    let user = Some((USER.to_owned(), PASSWORD.to_owned()));
    let spec = ServiceSpec { mockup, user, faults, events: true, expand: true, tls: None };
    ServiceHandle::start(spec, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

/// A rack PDU as large as DMTF's: one infeed, three branches, eleven outlets, a group, a sensor for each
/// reading; and a transfer switch beside it.
pub(super) fn large(levels: u32) -> Mockup {
    let mut documents = vec![
        root(levels),
        ("/redfish/v1/SessionService".to_owned(), json!({ "SessionTimeout": 1800 })),
        (
            "/redfish/v1/PowerEquipment".to_owned(),
            json!({
                "RackPDUs": link("/redfish/v1/PowerEquipment/RackPDUs"),
                "TransferSwitches": link("/redfish/v1/PowerEquipment/TransferSwitches"),
            }),
        ),
        collection("/redfish/v1/Chassis", &["/redfish/v1/Chassis/PDU".to_owned()]),
        (
            "/redfish/v1/Chassis/PDU".to_owned(),
            json!({ "@odata.id": "/redfish/v1/Chassis/PDU", "Sensors": link("/redfish/v1/Chassis/PDU/Sensors") }),
        ),
    ];
    let mut sensors = Vec::new();
    for units in ["RackPDUs", "TransferSwitches"] {
        let all = format!("/redfish/v1/PowerEquipment/{units}");
        let base = format!("{all}/1");
        documents.push(collection(&all, std::slice::from_ref(&base)));
        let parts = [("Mains", 1), ("Branches", 3), ("Outlets", 11), ("OutletGroups", 1)];
        let mut unit = json!({
            "@odata.id": base, "Name": units, "Status": { "Health": "OK" }, "Metrics": link(&format!("{base}/Metrics")),
            "Links": { "Chassis": [link("/redfish/v1/Chassis/PDU")] },
        });
        for (part, count) in parts {
            unit[part] = link(&format!("{base}/{part}"));
            let uris: Vec<String> = (1..=count).map(|it| format!("{base}/{part}/{it}")).collect();
            for uri in &uris {
                let sensor = format!("/redfish/v1/Chassis/PDU/Sensors/{units}{part}{}", sensors.len());
                documents.push((uri.clone(), json!({
                    "@odata.id": uri, "Name": uri, "PowerWatts": { "Reading": 100, "DataSourceUri": sensor },
                    "CurrentAmps": { "Reading": 0.5 }, "Status": { "Health": "OK" },
                })));
                documents.push((
                    sensor.clone(),
                    json!({
                        "@odata.id": sensor, "Reading": 1, "ReadingType": "Power", "ReadingUnits": "W",
                    }),
                ));
                sensors.push(sensor);
            }
            documents.push(collection(&format!("{base}/{part}"), &uris));
        }
        documents.push((base.clone(), unit));
        let metrics = format!("{base}/Metrics");
        documents.push((metrics.clone(), json!({ "@odata.id": metrics, "PowerWatts": { "Reading": 1100 } })));
    }
    documents.push(collection("/redfish/v1/Chassis/PDU/Sensors", &sensors));
    Mockup::of(documents)
}
