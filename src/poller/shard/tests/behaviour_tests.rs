//! How the agents of power and environment devices are known to misbehave, one by one: each behaviour is a
//! fault of the simulator, and the table says what is read from it.

use super::v3_tests::{engine, strong, usm_settings};
use super::*;
use crate::model::Quantity;
use std::fmt::Write as _;

/// What is known of whom, the fault as it is written, what the profile's `[agent]` says, and what its
/// voltage says.
const BEHAVIOURS: [(&str, &str, &str, &str); 27] = [
    ("GETBULK must not be used: 23 families, from ATEN to WebPower", "no-getbulk", "getbulk = false", ""),
    ("the same, and the profile does not say so", "no-getbulk", "", ""),
    ("2 OIDs a GET: Digipower", "drop-above=2", "max_varbinds = 2", ""),
    ("8 OIDs a GET: HPE MAPDU", "drop-above=8", "max_varbinds = 8", ""),
    ("wrong rows beyond 4 repetitions: Sentry 3", "wrong-bulk-above=4", "max_repetitions = 4", ""),
    ("the same, and the profile does not say so", "wrong-bulk-above=4", "", ""),
    ("wrong values where the parent is walked: HPE AF400A", "wrong-from-above=VOLTAGE", "", ""),
    ("SNMPv1 alone: AVTECH Room Alert 3E", "v1", "", ""),
    ("tooBig without a varbind", "too-big-empty=100", "", ""),
    ("sysUpTime goes to and fro: West Mountain Radio", "wrong-up-time", "", ""),
    ("snmpEngineTime stands: West Mountain Radio", "v3 engine-clock=0", "", ""),
    ("snmpEngineTime drifts", "v3 engine-clock=150", "", ""),
    ("a scale for each cell: Raritan PDU2", "digits=VOLTAGE,DIGITS", "", "digits = \"DIGITS\""),
    ("the same, and the column of the digits is gone", "vanish=DIGITS,0s", "", "digits = \"DIGITS\""),
    ("tenths in one firmware, not in another: Eltek, AP4421", "scaled=VOLTAGE,1000", "", TENTHS),
    ("the other firmware", "", "", TENTHS),
    ("tenths of volts in RFC 1628: Delta, Alpha, Huawei", "scaled=VOLTAGE,1000", "", "scale = 0.1"),
    ("-1 for what is not there: APC, Huawei", "sentinel=VOLTAGE,-1", "", "missing = [-1]"),
    ("all ones: Huawei", "sentinel=VOLTAGE,4294967295", "", "missing = [4294967295]"),
    ("a value at its end: Eaton 93E", "sentinel=VOLTAGE,65535", "", "range = [0, 65534]"),
    ("ten times too much: Eaton 93E", "scaled=VOLTAGE,1000", "", "range = [80, 500]"),
    ("the same, and the profile has no range", "scaled=VOLTAGE,1000", "", ""),
    ("numbers as TimeTicks: Ingrasys, Santak", "as-ticks=VOLTAGE", "", ""),
    ("rows named by texts: Chatsworth, Rittal, Delta", "string-index=CURRENT string-index=VOLTAGE", "", ""),
    ("a text that says no: APC EMS", "text=VOLTAGE,notsupported", "", "missing = [\"notsupported\"]"),
    ("a text that says nothing", "text=VOLTAGE,n/a", "", ""),
    ("numbers as texts", "text=VOLTAGE,230_V", "", ""),
];

const CURRENT: &str = "1.3.6.1.4.1.9999.1.1";
const VOLTAGE: &str = "1.3.6.1.4.1.9999.1.2";
const DIGITS: &str = "1.3.6.1.4.1.9999.1.3";
/// The same cell, read in two ways: the one whose range fits counts.
const TENTHS: &str = r#"range = [80, 500]
  [[component.reading]]
  quantity = "voltage"
  oid = "1.3.6.1.4.1.9999.1.2"
  scale = 0.1
  range = [800, 5000]"#;

fn room_of((_, faults, agent, reading): (&str, &str, &str, &str)) -> Room {
    let named = |text: &str| {
        text.replace("VOLTAGE", VOLTAGE)
            .replace("CURRENT", CURRENT)
            .replace("DIGITS", DIGITS)
            .replace('_', " ")
    };
    let text = PROFILE.replace("[match]", &format!("[agent]\n{agent}\n[match]")).replace(
        &format!("oid = \"{VOLTAGE}\""),
        &format!("oid = \"{VOLTAGE}\"\n{}", reading.replace("DIGITS", DIGITS)),
    );
    let file = ProfileFile { path: "test.toml".into(), text, is_users: true };
    let (set, mistakes) = ProfileSet::of_files(Mibs::embedded(), [file]);
    assert_eq!(mistakes, []);
    let rules: Vec<FaultRule> = faults
        .split_whitespace()
        .filter(|it| !matches!(*it, "v1" | "v3"))
        .map(|it| named(it).parse().unwrap())
        .collect();
    let mut spec = spec(4);
    for outlet in 1..=4 {
        spec = spec.with_cell(oid(DIGITS).child(&[outlet]), Cell::Fixed(Value::Gauge32(0)));
    }
    spec = spec.with_faults(rules, 3);
    let mut settings = settings("pdu");
    if faults.starts_with("v1") {
        spec = spec.v1_only();
        let community = Secret::new("secret");
        settings.credential = Credential::Community { version: SnmpVersion::V1, community };
    }
    if faults.starts_with("v3") {
        spec = spec.with_engine(engine(&strong()));
        settings = usm_settings(&strong());
    }
    Room::of([(spec, settings)], &Arc::new(set))
}

/// What the last of many polls read, alike samples counted.
fn read(room: &Room) -> String {
    let batch = &room.outcomes_of(0).last().unwrap().batch;
    if let Some(error) = &batch.error {
        return error.class().to_owned();
    }
    let mut told: Vec<String> = Vec::new();
    for wanted in [Quantity::Current, Quantity::Voltage] {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        let of_quantity = batch.shape.readings.iter().zip(batch.samples.iter());
        for (_, sample) in of_quantity.filter(|(reading, _)| reading.quantity == wanted) {
            let text = match sample {
                Sample::Value(number) => format!("{number} {}", wanted.unit().symbol()),
                Sample::Suspect(number) => format!("suspect {number} {}", wanted.unit().symbol()),
                Sample::Missing(missing) => missing.name().to_owned(),
            };
            *counts.entry(text).or_default() += 1;
        }
        told.extend(counts.into_iter().map(|(text, count)| format!("{count} x {text}")));
    }
    told.join(", ")
}

#[test]
fn each_behaviour_is_read_right_or_says_why_not() {
    let mut table = String::from(
        "How agents misbehave, the simulator's fault for it, and what is read of 4 outlets of 1.5 A and 230 V.\n\n",
    );
    for behaviour in BEHAVIOURS {
        let mut room = room_of(behaviour);
        room.run(120 * SECOND);
        let (what, faults, ..) = behaviour;
        writeln!(table, "{what:<60} {:<42} {}", faults.trim(), read(&room)).unwrap();
    }
    print!("{table}");
    assert!(
        table == include_str!("behaviours.txt"),
        "what is read has changed: read both, then copy the new table"
    );
}
