//! Mockups and captures beside the repository: DMTF's rack PDU, a Dell server, three documents of a Raritan.
//!
//! The folder is `../shared/redfish`, or what `RACKWARDEN_REDFISH` names; without it these tests are left out.

use super::room::serve;
use super::{Polled, client, run, sample, settings, value};
use crate::support::left_out;
use rackwarden::model::{Quantity, Sample};
use rackwarden::simulator::redfish::Mockup;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("RACKWARDEN_REDFISH").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = ["../shared/redfish", "../../shared/redfish"].map(|it| root.join(it));
    let found = named.into_iter().chain(beside).map(|it| it.join(name)).find(|it| it.is_dir());
    if found.is_none() {
        left_out("Redfish captures: no ../shared/redfish and no RACKWARDEN_REDFISH");
    }
    found
}

/// Two polls, and how many requests the second took.
async fn polled(mockup: Mockup, most: usize) -> Polled {
    let handle = serve(mockup, &[]).await;
    let mut service = client(settings(&handle.url()));
    let first = service.poll().await;
    assert_eq!(first.batch.error, None);
    handle.reset_counts();
    let second = service.poll().await;
    assert!(handle.counts().requests <= most, "{:#?}", handle.counts().asked);
    assert_eq!(first.batch.samples, second.batch.samples);
    service.close().await;
    assert_eq!(handle.open_sessions(), 0);
    second
}

fn is(polled: &Polled, source: &str, expected: f64) {
    let found = value(polled, source);
    assert!((found - expected).abs() < 1e-6, "{source}: {found} in place of {expected}");
}

#[test]
fn the_rack_pdu_of_the_dmtf() {
    let Some(folder) = folder("mockups/public-pdu") else { return };
    run(async {
        let mut mockup = Mockup::read(&folder).unwrap();
        for levels in [6, 1] {
            let root = mockup.get_mut("/redfish/v1").unwrap();
            root["ProtocolFeaturesSupported"]["ExpandQuery"]["MaxLevels"] = levels.into();
            let polled = polled(mockup.clone(), if levels == 1 { 15 } else { 8 }).await;
            assert_eq!(
                &*polled.batch.source.identity.model, "ZAP4000",
                "the first unit, whoever answers first"
            );
            let unit = "PowerEquipment/RackPDUs/1";
            let mains = format!("{unit}/Mains/AC1#/PolyPhaseCurrentAmps");
            for (line, amperes) in [("Line1", 8.02), ("Line2", 8.66), ("Line3", 6.91), ("Neutral", 2.74)] {
                is(&polled, &format!("{mains}/{line}/Reading"), amperes);
            }
            for (branch, watts) in [("A", 937.4), ("B", 977.8), ("C", 816.5)] {
                is(&polled, &format!("{unit}/Branches/{branch}#/PowerWatts/Reading"), watts);
            }
            let outlet = format!("{unit}/Outlets/B2#");
            is(&polled, &format!("{outlet}/PowerWatts/Reading"), 321.6);
            is(&polled, &format!("{outlet}/Voltage/Reading"), 203.6);
            is(&polled, &format!("{outlet}/CurrentAmps/Reading"), 1.58);
            is(&polled, &format!("{unit}/Outlets/A1#/CurrentAmps/Reading"), 1.68);
            is(&polled, &format!("{unit}/Metrics#/PowerWatts/Reading"), 6438.0);
            is(&polled, &format!("{unit}/Metrics#/EnergykWh/Reading"), 56_438e3);
            is(&polled, &format!("{unit}/Metrics#/TemperatureCelsius/Reading"), 31.0);
            is(&polled, "Chassis/PDU/Sensors/Humidity#/Reading", 43.0);
            let states = polled.batch.shape.readings.iter().filter(|it| it.quantity == Quantity::State);
            assert!(20 < states.count());
        }
    });
}

#[test]
fn a_server_with_old_and_new_resources() {
    let Some(folder) = folder("captures/dell-idrac") else { return };
    run(async {
        let polled = polled(Mockup::read(&folder).unwrap(), 12).await;
        let power = "Chassis/System.Embedded.1/Power#";
        is(&polled, &format!("{power}/PowerControl/0/PowerConsumedWatts"), 614.0);
        let watts = |kind: &str| -> Vec<f64> {
            let shape = &polled.batch.shape;
            let each = shape.readings.iter().zip(&polled.batch.samples).filter(|(reading, _)| {
                let component = shape.component_of(reading).unwrap();
                component.kind.name() == kind && reading.quantity == Quantity::ActivePower
            });
            each.filter_map(|(_, it)| it.value()).collect()
        };
        assert_eq!(watts("input"), [303.0, 308.0], "each supply once, from its metrics");
        assert_eq!(watts("output"), [273.0, 275.5]);
        let temperatures =
            polled.batch.shape.readings.iter().filter(|it| it.quantity == Quantity::Temperature).count();
        assert!(2 < temperatures);
        assert!(polled.batch.source.identity.vendor.starts_with("Dell"));
    });
}

/// Three documents of a real unit, with the collections that lead to them.
#[test]
fn a_raritan_without_expand_and_with_excerpts_alone() {
    let Some(folder) = folder("captures/raritan-px3") else { return };
    run(async {
        let read = |name: &str| -> Value {
            serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
        };
        let documents = ["pdu.json", "outlet.json", "outletgroup.json"].map(|name| {
            let document = read(name);
            (document["@odata.id"].as_str().unwrap().to_owned(), document)
        });
        let mut mockup = Mockup::of(documents);
        let link = |uri: &str| json!({ "@odata.id": uri });
        let base = "/redfish/v1/PowerEquipment/RackPDUs";
        for (uri, members) in [
            (base.to_owned(), vec![link(&format!("{base}/1"))]),
            // Half of what is listed is not there.
            (
                format!("{base}/1/Outlets"),
                vec![link(&format!("{base}/1/Outlets/1")), link(&format!("{base}/1/Outlets/2"))],
            ),
            (format!("{base}/1/OutletGroups"), vec![link(&format!("{base}/1/OutletGroups/2"))]),
        ] {
            mockup.insert(&uri, json!({ "Members": members }));
        }
        mockup.insert("/redfish/v1/PowerEquipment", json!({ "RackPDUs": link(base) }));
        let sessions = link("/redfish/v1/SessionService/Sessions");
        let root = json!({ "PowerEquipment": link("/redfish/v1/PowerEquipment"), "Links": { "Sessions": sessions } });
        mockup.insert("/redfish/v1", root);
        let polled = polled(mockup, 3).await;
        let unit = "PowerEquipment/RackPDUs/1";
        is(&polled, &format!("{unit}/Outlets/1#/CurrentAmps/Reading"), 1.65);
        is(&polled, &format!("{unit}/Outlets/1#/EnergykWh/Reading"), 4_219_230.905);
        is(&polled, &format!("{unit}/OutletGroups/2#/PowerWatts/ApparentVA"), 848.172);
        assert!(matches!(sample(&polled, &format!("{unit}/Outlets/1#/PowerState")), Sample::Value(_)));
        let shape = &polled.batch.shape;
        let outlet = shape.components.iter().find(|it| it.kind.name() == "outlet").unwrap();
        assert_eq!((&*outlet.label, outlet.ratings.current_amperes), ("A very nice outlet", Some(16.0)));
        let identity = &polled.batch.source.identity;
        assert_eq!((&*identity.model, &*identity.firmware), ("PX3-5722V-V2", "4.3.0.5-51180"));
        assert_eq!(&*identity.sys_name, "DATACENTER-6/RACK-B37/FEED-C");
    });
}
