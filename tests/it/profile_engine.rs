//! What a profile makes of a device: one `check()`, and a case a rule of docs/profiles.md.

use crate::support::compare::shown;
use crate::support::polled::{Polled, poll};
use crate::support::{agent, devices, shipped};
use rackwarden::mib::Mibs;
use rackwarden::model::{Cells, Missing, Sample, Value};
use rackwarden::profile::{Learned, ProfileFile, ProfileSet, SystemGroup};

/// Reads the agent with the one profile; a reading a line, as `kind index "label" quantity value`.
#[track_caller]
fn check(components: &str, agent: &str, expected: &str) {
    let polled = read(components, agent);
    let lines: Vec<String> =
        polled.readings.iter().map(|it| shown(it).replace("1.3.6.1.4.1.99999.", "")).collect();
    let wanted: Vec<&str> = expected.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    assert_eq!(lines, wanted, "\n{}\n", lines.join("\n"));
}

fn read(components: &str, agent: &str) -> Polled {
    let mibs = mibs();
    let text = format!(
        "[profile]\nname = \"test\"\nvendor = \"Maker\"\n[match]\nsys_object_id = \"1.3.6.1.4.1.99999\"\n{components}"
    );
    let profiles = profiles(&mibs, &[&text]);
    let cells =
        agent::parse(&mibs, &agent.replace(" T::", " TEST-MIB::").replace("T::test", "TEST-MIB::test"));
    let cells = cells.unwrap();
    let mut system = devices::system_group(&cells);
    system.sys_object_id = "1.3.6.1.4.1.99999.7".parse().unwrap();
    poll(&profiles, &cells, &system)
}

#[track_caller]
fn profiles(mibs: &Mibs, texts: &[&str]) -> ProfileSet {
    let files = texts.iter().enumerate().map(|(at, text)| ProfileFile {
        path: format!("{at}.toml").into(),
        text: text.replace("T::test", "TEST-MIB::test"),
        is_users: false,
    });
    let (set, problems) = ProfileSet::of_files(mibs, files);
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", lines.join("\n"));
    set
}

fn mibs() -> Mibs {
    Mibs::of_texts(
        ["mibs/TEST-MIB", "../../mibs/SNMPv2-MIB"]
            .map(|it| std::fs::read(shipped::root().join("tests/fixtures").join(it)).unwrap()),
    )
}

#[test]
fn every_row_becomes_a_component() {
    check(
        r#"
        [[component]]
        kind = "phase"
        label = ["{T::testPhaseName}", "Phase {index.2} of unit {index.1}"]
        rated_current = { oid = "T::testPhaseRating", scale = 0.1 }
          [[component.reading]]
          quantity = "current"
          oid = "T::testPhaseCurrent"
          scale = 0.1
          missing = [-1]
          range = [0, 1000]
          [[component.reading]]
          quantity = "voltage"
          oid = "T::testPhaseVoltage"
        "#,
        r"
        T::testPhaseCurrent.1.10 = integer: 13
        T::testPhaseCurrent.1.2 = integer: -1
        T::testPhaseCurrent.1.3 = integer: 1001
        T::testPhaseVoltage.1.2 = integer: 231
        T::testPhaseName.1.2 = text: Left
        T::testPhaseName.1.10 = text:
        ",
        r#"
        phase 1.2 "Left" current missing (not_supported) from 2.1.4.1.2
        phase 1.2 "Left" voltage 231 V from 2.1.5.1.2
        phase 1.3 "Phase 3 of unit 1" current missing (out_of_range) from 2.1.4.1.3
        phase 1.10 "Phase 10 of unit 1" current 1.3 A from 2.1.4.1.10
        "#,
    );
}

#[test]
fn patterns_choose_rows_and_name_them() {
    check(
        r#"
        [[component]]
        kind = "sensor"
        instance = "*.*.10"
          [[component.reading]]
          quantity = "temperature"
          oid = "T::testSensorValue"
          digits = "T::testSensorDigits"
          [[component.reading]]
          quantity = "humidity"
          oid = "T::testSensorValue"
          instance = "1.*.11"
          scale = 0.1
        [[component]]
        kind = "device"
          [[component.reading]]
          quantity = "active_power"
          oid = "T::testTotal"
        "#,
        r"
        T::testTotal.0 = gauge32: 1200
        T::testSensorValue.1.1.10 = integer: 234
        T::testSensorDigits.1.1.10 = integer: 1
        T::testSensorValue.1.2.10 = integer: 5
        T::testSensorDigits.1.2.10 = integer: 99
        T::testSensorValue.1.3.10 = integer: 21
        T::testSensorValue.1.1.11 = integer: 405
        T::testSensorValue.2.1.11 = integer: 405
        ",
        r#"
        device 0 "Device" active_power 1200 W from 1.6.0
        sensor 1 "Sensor 1" humidity 40.5 %RH from 4.1.4.1.1.11
        sensor 1.1 "Sensor 1.1" temperature 23.4 degC from 4.1.4.1.1.10
        sensor 1.2 "Sensor 1.2" temperature missing (no_scale) from 4.1.4.1.2.10
        sensor 1.3 "Sensor 1.3" temperature missing (no_scale) from 4.1.4.1.3.10
        "#,
    );
}

#[test]
fn other_cells_of_the_row_are_found_by_ever_shorter_instances() {
    let agent = r"
        T::testPhaseCurrent.7.1 = integer: 10
        T::testPhaseUnitRow.7.1 = integer: 3
        T::testUnitName.7 = text: Rack
        T::testUnitName.3 = text: Other
        T::testUnitRating.3 = integer: 320
        T::testUnitRating.7 = integer: 160
        T::testModel.0 = text: M1
        ";
    for (label, rating, wanted) in [
        ("{T::testUnitName}-{T::testModel}", r#""T::testUnitRating""#, "Rack-M1 160"),
        ("x", r#"{ oid = "T::testUnitRating", index_from = "T::testPhaseUnitRow" }"#, "x 320"),
        ("x", r#"{ oid = "T::testUnitRating", scale = 0.1, missing = [160] }"#, "x -"),
        ("x", r#"[{ oid = "T::testPhaseRating" }, 16]"#, "x 16"),
        ("x", r#"[0, -3]"#, "x -"),
    ] {
        let polled = read(
            &format!(
                "[[component]]\nkind = \"phase\"\nlabel = \"{label}\"\nrated_current = {rating}\n\
                 [[component.reading]]\nquantity = \"current\"\noid = \"T::testPhaseCurrent\"\n"
            ),
            agent,
        );
        let reading = &polled.readings[0];
        let rated = reading.ratings.current_amperes.map_or_else(|| "-".to_owned(), |it| it.to_string());
        assert_eq!(format!("{} {rated}", reading.label), wanted, "{label} {rating}");
    }
}

#[test]
fn conditions_choose_rows_and_validity_is_polled() {
    check(
        r#"
        [[component]]
        kind = "sensor"
          [[component.reading]]
          quantity = "temperature"
          oid = "T::testSensorValue"
          when = [{ oid = "T::testSensorType", is = ["temperature"] }, { oid = "T::testSensorUnits", not = ["K"] }]
          valid = { oid = "T::testSensorAvailable", is = ["true"] }
          [[component.reading]]
          quantity = "humidity"
          oid = "T::testSensorValue"
          when = [{ oid = "T::testSensorType", is = [11], default = true }, "T::testSensorUnits"]
        [[component]]
        kind = "bank"
        instance = "*.0"
          [[component.reading]]
          quantity = "load"
          oid = "T::testScalars"
          when = { oid = "1.3.6.1.4.1.99999.88", not = [1], default = true }
        "#,
        r"
        T::testSensorValue.1.1.1 = integer: 21
        T::testSensorType.1.1.1 = integer: 10
        T::testSensorUnits.1.1.1 = text: C
        T::testSensorAvailable.1.1.1 = integer: 2
        T::testSensorValue.1.1.2 = integer: 22
        T::testSensorType.1.1.2 = integer: 10
        T::testSensorUnits.1.1.2 = text:  k
        T::testSensorValue.1.1.3 = integer: 23
        T::testSensorType.1.1.3 = integer: 10
        T::testSensorUnits.1.1.3 = text: C
        T::testSensorAvailable.1.1.3 = integer: 1
        T::testSensorValue.1.1.4 = integer: 24
        T::testSensorType.1.1.4 = integer: 10
        T::testSensorUnits.1.1.4 = text: C
        T::testSensorValue.1.1.5 = integer: 45
        T::testSensorType.1.1.5 = integer: 11
        T::testSensorUnits.1.1.5 = text:
        T::testSensorValue.1.1.6 = integer: 46
        T::testSensorUnits.1.1.6 = text:
        T::testSensorValue.1.1.7 = integer: 45
        T::testFactor.0 = integer: 3
        T::testTotal.0 = integer: 4
        ",
        r#"
        bank 5 "Bank 5" load 3 % from 1.5.0
        bank 6 "Bank 6" load 4 % from 1.6.0
        sensor 1.1.1 "Sensor 1.1.1" temperature missing (unavailable) from 4.1.4.1.1.1
        sensor 1.1.3 "Sensor 1.1.3" temperature 23 degC from 4.1.4.1.1.3
        sensor 1.1.4 "Sensor 1.1.4" temperature 24 degC from 4.1.4.1.1.4
        sensor 1.1.5 "Sensor 1.1.5" humidity 45 %RH from 4.1.4.1.1.5
        sensor 1.1.6 "Sensor 1.1.6" humidity 46 %RH from 4.1.4.1.1.6
        "#,
    );
}

#[test]
fn units_and_scales_come_from_the_agent() {
    let profile = r#"
        [[component]]
        kind = "sensor"
          [[component.reading]]
          quantity = "temperature"
          oid = "T::testSensorValue"
          scale = 0.1
          unit_from = { oid = "T::testUnits", values = { celsius = "degC", 2 = "degF" } }
          [[component.reading]]
          quantity = "temperature"
          name = "own_unit"
          oid = "T::testSensorDigits"
          scale_from = "T::testFactor"
          unit_from = { oid = "T::testSensorUnits", values = { C = "degC", "°F" = "degF" }, default = "K" }
        "#;
    let cells = r"
        T::testSensorValue.1.1.1 = integer: 716
        T::testSensorDigits.1.1.1 = integer: 20
        T::testSensorUnits.1.1.1 = text: c
        T::testFactor.0 = integer: 2
        T::testSensorDigits.1.1.2 = integer: 16
        T::testSensorUnits.1.1.2 = text: °F
        T::testSensorDigits.1.1.3 = integer: 150
        T::testSensorDigits.1.1.4 = integer: 150
        T::testSensorUnits.1.1.4 = text: bananas
        ";
    let others = r#"
        sensor 1.1.1 "Sensor 1.1.1" temperature own_unit 40 degC from 4.1.5.1.1.1
        sensor 1.1.2 "Sensor 1.1.2" temperature own_unit 0 degC from 4.1.5.1.1.2
        sensor 1.1.3 "Sensor 1.1.3" temperature own_unit 26.85 degC from 4.1.5.1.1.3
        sensor 1.1.4 "Sensor 1.1.4" temperature own_unit missing (no_scale) from 4.1.5.1.1.4
        "#;
    for (unit, value) in [
        ("T::testUnits.0 = integer: 2", "22 degC"),
        ("T::testUnits.0 = integer: 1", "71.6 degC"),
        ("T::testUnits.0 = integer: 3", "missing (no_scale)"),
        ("", "missing (no_scale)"),
    ] {
        let first = format!("sensor 1.1.1 \"Sensor 1.1.1\" temperature {value} from 4.1.4.1.1.1\n");
        check(profile, &format!("{cells}\n{unit}"), &format!("{first}{others}"));
    }
}

#[test]
fn states_have_names_health_and_meanings() {
    check(
        r#"
        [[component]]
        kind = "output"
          [[component.reading]]
          quantity = "state"
          oid = "T::testOutput"
          missing = ["unknown"]
          state = { ok = ["onLine"], critical = ["off", "onBattery"], on_battery = ["onBattery"] }
        [[component]]
        kind = "phase"
          [[component.reading]]
          quantity = "state"
          oid = "T::testPhaseName"
          state = { ok = [1], warning = ["tired"] }
          names = { 1 = "fine", 2 = "tired" }
        "#,
        r"
        T::testOutput.0 = integer: 3
        T::testPhaseName.1.1 = text: Tired
        T::testPhaseName.1.2 = text: 1
        T::testPhaseName.1.3 = text: dead
        T::testPhaseName.1.4 = integer: 9
        ",
        r#"
        phase 1.1 "Phase 1.1" state 2 1 tired (warning) from 2.1.3.1.1
        phase 1.2 "Phase 1.2" state 1 1 fine (ok) from 2.1.3.1.2
        phase 1.3 "Phase 1.3" state missing (wrong_type) from 2.1.3.1.3
        phase 1.4 "Phase 1.4" state 9 1 from 2.1.3.1.4
        output 0 "Output" state 3 1 onBattery (critical) from 1.8.0
        "#,
    );
}

#[test]
fn flags_of_a_text_and_the_rest_of_the_names_are_states() {
    check(
        r#"
        [[component]]
        kind = "output"
          [[component.reading]]
          quantity = "state"
          oid = "T::testOutput"
          state = { ok = ["onLine"], warning = ["*"] }
        [[component]]
        kind = "phase"
          [[component.reading]]
          quantity = "state"
          name = "second"
          oid = "T::testPhaseName"
          flag = 2
          names = { 0 = "normal", 1 = "alarm" }
          state = { ok = [0], critical = [1] }
        "#,
        r"
        T::testOutput.0 = integer: 3
        T::testPhaseName.1.1 = text: 0100
        T::testPhaseName.1.2 = text: 1011
        T::testPhaseName.1.3 = text: NOT SUPPORTED
        ",
        r#"
        phase 1.1 "Phase 1.1" state second 1 1 alarm (critical) from 2.1.3.1.1
        phase 1.2 "Phase 1.2" state second 0 1 normal (ok) from 2.1.3.1.2
        phase 1.3 "Phase 1.3" state second missing (not_supported) from 2.1.3.1.3
        output 0 "Output" state 3 1 onBattery (warning) from 1.8.0
        "#,
    );
}

#[test]
fn blocks_merge_and_the_earlier_one_is_kept_where_it_works() {
    check(
        r#"
        [[component]]
        kind = "infeed"
        instance = "1.*"
        label = "Feed {index}"
          [[component.reading]]
          quantity = "current"
          oid = "T::testPhaseCurrent"
          missing = [-1]
        [[component]]
        kind = "infeed"
        label = "{T::testUnitName}"
        rated_current = "T::testUnitRating"
          [[component.reading]]
          quantity = "current"
          oid = "T::testUnitRating"
          scale = 0.5
        [[component]]
        kind = "infeed"
        index = "extra-{index}"
        unless = ["T::testModel", "T::testSerial"]
          [[component.reading]]
          quantity = "current"
          oid = "T::testUnitRating"
        [[component]]
        kind = "bank"
        unless = "T::testModel"
          [[component.reading]]
          quantity = "current"
          oid = "T::testUnitRating"
        "#,
        r"
        T::testPhaseCurrent.1.1 = integer: 7
        T::testPhaseCurrent.1.2 = integer: -1
        T::testUnitRating.1 = integer: 32
        T::testUnitRating.2 = integer: 16
        T::testUnitName.2 = text: B side
        T::testSerial.0 = text: S
        ",
        r#"
        infeed 1 "Feed 1" current 7 A from 2.1.4.1.1
        infeed 2 "B side" current 8 A from 3.1.3.2
        bank 1 "Bank 1" current 32 A from 3.1.3.1
        bank 2 "Bank 2" current 16 A from 3.1.3.2
        "#,
    );
}

#[test]
fn two_scales_of_one_cell_are_told_apart_by_range() {
    let profile = r#"
        [[component]]
        kind = "phase"
          [[component.reading]]
          quantity = "voltage"
          oid = "T::testPhaseVoltage"
          range = [0, 700]
          [[component.reading]]
          quantity = "voltage"
          oid = "T::testPhaseVoltage"
          scale = 0.1
          range = [700, 7000]
        "#;
    let polled = read(profile, "T::testPhaseVoltage.1 = integer: 231\nT::testPhaseVoltage.2 = integer: 2310");
    let voltages: Vec<_> = polled.readings.iter().map(|it| it.sample.value().unwrap()).collect();
    assert_eq!(voltages, [231.0, 231.0]);
    assert_eq!(polled.warnings, [""; 0]);
}

#[test]
fn a_second_table_with_the_same_reading_is_told() {
    let block = |oid: &str| {
        format!(
            "[[component]]\nkind = \"phase\"\n[[component.reading]]\nquantity = \"current\"\noid = \"T::{oid}\"\n"
        )
    };
    let polled = read(
        &(block("testPhaseCurrent") + &block("testUnitRating")),
        "T::testPhaseCurrent.1 = integer: 1\nT::testUnitRating.1 = integer: 2",
    );
    let wanted = "1.3.6.1.4.1.99999.3.1.3.1 is left out: 1.3.6.1.4.1.99999.2.1.4.1 is the same reading";
    assert_eq!(polled.warnings, [wanted]);
}

#[test]
fn null_is_no_cell() {
    check(
        "[[component]]\nkind = \"phase\"\n[[component.reading]]\nquantity = \"current\"\noid = \"T::testPhaseCurrent\"\n",
        "T::testPhaseCurrent.1 = null:\nT::testPhaseCurrent.2 = integer: 2",
        "phase 2 \"Phase 2\" current 2 A from 2.1.4.2",
    );
}

#[test]
fn numbers_come_in_all_types() {
    check(
        r#"
        [[component]]
        kind = "device"
          [[component.reading]]
          quantity = "runtime"
          oid = "T::testRuntime"
          unit = "TimeTicks"
          [[component.reading]]
          quantity = "energy"
          oid = "1.3.6.1.4.1.99999.2.1.8"
          unit = "kWh"
          [[component.reading]]
          quantity = "temperature"
          oid = "1.3.6.1.4.1.99999.77"
          missing = ["n/a", 0]
        "#,
        r"
        T::testRuntime.0 = ticks: 12000
        T::testPhaseEnergy.0 = counter64: 5000000000
        1.3.6.1.4.1.99999.77.1 = text:  21.5 C
        1.3.6.1.4.1.99999.77.2 = float: 21.6
        1.3.6.1.4.1.99999.77.3 = float: NaN
        1.3.6.1.4.1.99999.77.4 = text: N/A
        1.3.6.1.4.1.99999.77.5 = text: 0.0
        1.3.6.1.4.1.99999.77.6 = text: broken
        ",
        r#"
        device 0 "Device" energy 5000000000000 Wh from 2.1.8.0
        device 0 "Device" runtime 120 s from 1.7.0
        device 1 "Device 1" temperature 21.5 degC from 77.1
        device 2 "Device 2" temperature 21.6 degC from 77.2
        device 3 "Device 3" temperature missing (wrong_type) from 77.3
        device 4 "Device 4" temperature missing (not_supported) from 77.4
        device 5 "Device 5" temperature missing (not_supported) from 77.5
        device 6 "Device 6" temperature missing (wrong_type) from 77.6
        "#,
    );
}

#[test]
fn identity_is_the_first_text() {
    let polled = read(
        "[identity]\nmodel = [\"T::testModel\", \"T::testUnitName\"]\nserial = [\"T::testSerial\"]\nfirmware = \"T::testFirmware\"\n",
        r"
        T::testModel.0 = text:
        T::testUnitName.1 = text:
        T::testUnitName.2 = text: PDU 9000
        T::testFirmware.0 = integer: 42
        SNMPv2-MIB::sysName.0 = text: rack-1
        ",
    );
    let it = &polled.identity;
    let found = [&it.vendor, &it.model, &it.serial, &it.firmware, &it.sys_name];
    assert_eq!(found, ["Maker", "PDU 9000", "", "42", "rack-1"]);
}

#[test]
fn the_model_that_a_profile_names_is_for_agents_that_tell_none() {
    let identity = "[identity]\nmodel = \"T::testModel\"\nmodel_otherwise = \"MX\"\n";
    for (agent, model) in [
        ("T::testUnitName.1 = text: rack-1", "MX"),
        ("T::testModel.0 = text:", "MX"),
        ("T::testModel.0 = text: PDU 9000", "PDU 9000"),
    ] {
        assert_eq!(read(identity, agent).identity.model, model, "{agent}");
    }
}

#[test]
fn ancestors_add_their_tables_after_ones_own() {
    let mibs = mibs();
    let block = |kind: &str, oid: &str| {
        format!(
            "[[component]]\nkind = \"{kind}\"\n[[component.reading]]\nquantity = \"current\"\noid = \"T::{oid}\"\n"
        )
    };
    let base = format!(
        "[profile]\nname = \"base\"\nvendor = \"Base\"\n[agent]\nmax_varbinds = 7\nmax_repetitions = 3\n[identity]\nserial = \"T::testSerial\"\n{}",
        block("phase", "testPhaseCurrent")
    );
    let other =
        format!("[profile]\nname = \"other\"\ninherits = \"base\"\n{}", block("bank", "testUnitRating"));
    let own = format!(
        "[profile]\nname = \"own\"\ninherits = [\"base\", \"other\"]\n[match]\nprobe = \"T::testPhaseTable\"\n[agent]\ngetbulk = false\nmax_varbinds = 9\n{}",
        block("phase", "testPhaseVoltage")
    );
    let set = profiles(&mibs, &[&own, &other, &base]);
    let profile = set.find("own").unwrap();
    assert!(set.find("base").unwrap().is_abstract() && !profile.is_abstract());
    assert_eq!(
        (profile.agent.getbulk, profile.agent.max_varbinds, profile.agent.max_repetitions),
        (false, 9, 3)
    );
    assert_eq!(profile.vendor, "Base");
    let names = |oids: &[rackwarden::model::Oid]| {
        oids.iter().map(|it| mibs.lookup(it).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(profile.scalars()), ["TEST-MIB::testSerial.0"]);
    assert_eq!(
        names(profile.columns()),
        ["TEST-MIB::testPhaseCurrent", "TEST-MIB::testPhaseVoltage", "TEST-MIB::testUnitRating"]
    );
    let cells = agent::parse(
        &mibs,
        "TEST-MIB::testPhaseCurrent.1.1 = integer: 1\nTEST-MIB::testPhaseVoltage.1.1 = integer: 2",
    );
    let plan = profile.compile(&cells.unwrap(), &SystemGroup::default());
    assert_eq!(names(&plan.cells), ["TEST-MIB::testPhaseVoltage.1.1"]);
    // The ancestor's table yields by design.
    assert!(plan.warnings.is_empty());
}

#[test]
fn the_best_match_comes_first() {
    let mibs = mibs();
    let profile = |name: &str, matching: &str| format!("[profile]\nname = \"{name}\"\n[match]\n{matching}\n");
    let set = profiles(
        &mibs,
        &[
            &profile("wide", "sys_object_id = \"1.3.6.1.4.1.99999\""),
            &profile("narrow", "sys_object_id = [\"1.3.6.1.4.1.99999.1.2\", \"1.3.6\"]"),
            &profile("preferred", "sys_object_id = \"1.3.6.1.4.1.99999\"\npriority = 5"),
            &profile("worded", "sys_object_id = \"1.3.6.1.4.1.99999\"\nsys_descr = [\"x\", \"SmArt\"]"),
            &profile("probing", "sys_object_id = \"1.3.6.1.4.1.99999\"\nprobe = \"T::testModel\""),
            &profile("anyone", "probe = \"T::testModel\"\npriority = 9"),
            &profile("by-descr", "sys_descr = \"ups\""),
        ],
    );
    let found = |oid: &str, descr: &str| {
        let system = SystemGroup {
            sys_object_id: oid.parse().unwrap(),
            sys_descr: descr.to_owned(),
            ..SystemGroup::default()
        };
        set.candidates(&system).iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        found("1.3.6.1.4.1.99999.1.2.7", "A smart UPS"),
        ["narrow", "preferred", "probing", "worded", "wide", "anyone", "by-descr"]
    );
    assert_eq!(found("1.3.6.1.4.1.99999", ""), ["preferred", "probing", "wide", "narrow", "anyone"]);
    assert_eq!(found("1.3.6.1.4.1.999991", "x"), ["narrow", "anyone"]);
    assert_eq!(found("0.0", "a UPS"), ["anyone", "by-descr"]);
}

#[test]
fn a_failed_cell_says_why() {
    let mibs = mibs();
    let text = "[profile]\nname = \"t\"\n[match]\nprobe = \"T::testTotal\"\n[[component]]\nkind = \"sensor\"\n\
        [[component.reading]]\nquantity = \"temperature\"\noid = \"T::testSensorValue\"\n\
        valid = { oid = \"T::testSensorAvailable\", is = [1] }\n\
        unit_from = { oid = \"T::testUnits\", values = { 1 = \"degC\" } }\n";
    let set = profiles(&mibs, &[text]);
    let agent = "TEST-MIB::testSensorValue.1.1.1 = integer: 5\nTEST-MIB::testSensorAvailable.1.1.1 = integer: 1\nTEST-MIB::testUnits.0 = integer: 1";
    let cells: Learned = agent::parse(&mibs, agent).unwrap();
    let plan = set.find("t").unwrap().compile(&cells, &SystemGroup::default());
    let good: Vec<_> = plan.cells.iter().map(|it| Ok(cells.get(it).unwrap().clone())).collect();
    // The cells stand in the order of their OIDs: the unit, the value, the validity.
    assert_eq!(plan.cells.len(), 3);
    for (cell, error, reason) in [
        (0, Missing::Timeout, Missing::Timeout),
        (0, Missing::NoSuchInstance, Missing::NoScale),
        (1, Missing::TooBig, Missing::TooBig),
        (1, Missing::NoSuchObject, Missing::NoSuchObject),
        (2, Missing::AgentError, Missing::AgentError),
        (2, Missing::NoSuchInstance, Missing::Unavailable),
    ] {
        let mut answers = good.clone();
        answers[cell] = Err(error);
        let mut samples = Vec::new();
        let reasons = plan.decode(&answers.into_iter().collect(), &mut samples);
        assert!(reasons.contains(reason));
        assert_eq!(samples, [Sample::Missing(reason)], "{cell} {error}");
    }
    let mut samples = vec![];
    plan.decode(&good.iter().take(1).cloned().collect(), &mut samples);
    assert_eq!(samples, [Sample::Missing(Missing::NotPolled)]);
    let answers: Cells = good.iter().cloned().collect();
    assert_eq!(plan.raw(0, &answers), good[1]);
    assert_eq!(plan.raw(9, &answers), Err(Missing::NotPolled));
}

#[test]
fn a_state_may_be_a_bit_or_an_object_of_a_list() {
    check(
        r#"
        [[component]]
        kind = "phase"
          [[component.reading]]
          quantity = "state"
          name = "alarms"
          oid = "T::testPhaseEnergy"
          bit = "any"
          names = { 0 = "none", 1 = "present" }
          state = { ok = [0], warning = [1] }
          [[component.reading]]
          quantity = "state"
          name = "overload"
          oid = "T::testPhaseEnergy"
          bit = 2
          names = { 0 = "no", 1 = "yes" }
          state = { ok = [0], critical = [1] }
        [[component]]
        kind = "sensor"
          [[component.reading]]
          quantity = "state"
          name = "alarm"
          oid = "T::testPhaseName"
          below = "1.3.6.1.4.1.99999.9"
          names = { 0 = "other", 7 = "fuseBlown" }
          state = { warning = [0], critical = ["fuseBlown"] }
        "#,
        r"
        T::testPhaseEnergy.1.1 = integer: 4
        T::testPhaseEnergy.1.2 = integer: 0
        T::testPhaseEnergy.1.3 = hex: 20
        T::testPhaseName.1.1 = oid: 1.3.6.1.4.1.99999.9.7
        T::testPhaseName.1.2 = oid: 1.3.6.1.4.1.99999.8.7
        ",
        r#"
        phase 1.1 "Phase 1.1" state alarms 1 1 present (warning) from 2.1.8.1.1
        phase 1.1 "Phase 1.1" state overload 1 1 yes (critical) from 2.1.8.1.1
        phase 1.2 "Phase 1.2" state alarms 0 1 none (ok) from 2.1.8.1.2
        phase 1.2 "Phase 1.2" state overload 0 1 no (ok) from 2.1.8.1.2
        phase 1.3 "Phase 1.3" state alarms 1 1 present (warning) from 2.1.8.1.3
        phase 1.3 "Phase 1.3" state overload 1 1 yes (critical) from 2.1.8.1.3
        sensor 1.1 "Sensor 1.1" state alarm 7 1 fuseBlown (critical) from 2.1.3.1.1
        sensor 1.2 "Sensor 1.2" state alarm 0 1 other (warning) from 2.1.3.1.2
        "#,
    );
}

#[test]
fn a_row_that_went_may_be_a_state_and_a_count_tells_of_new_ones() {
    let mibs = mibs();
    let profile = r#"
        [profile]
        name = "test"
        [match]
        sys_object_id = "1.3.6.1.4.1.99999"
        [[component]]
        kind = "device"
          [[component.reading]]
          quantity = "active_power"
          oid = "T::testTotal"
          counts_rows = true
        [[component]]
        kind = "sensor"
          [[component.reading]]
          quantity = "state"
          name = "alarm"
          oid = "T::testPhaseState"
          absent = 0
          names = { 0 = "cleared" }
          state = { ok = [0], critical = ["overload"] }
    "#;
    let profiles = profiles(&mibs, &[profile]);
    let cells =
        agent::parse(&mibs, "TEST-MIB::testTotal.0 = integer: 1\nTEST-MIB::testPhaseState.1.1 = integer: 3");
    let cells: Learned = cells.unwrap();
    let plan = profiles.find("test").unwrap().compile(&cells, &SystemGroup::default());
    let total = |number| Ok(Value::Integer(number));
    let polled = |count: i64, state: Result<i64, Missing>| {
        let state = state.map(Value::Integer);
        let answers: Cells = [total(count), state].into_iter().collect();
        let mut samples = Vec::new();
        plan.decode(&answers, &mut samples);
        (samples[1], plan.row_counts(&samples))
    };
    let (there, before) = polled(1, Ok(3));
    assert_eq!(there, Sample::Value(3.0));
    let (gone, after) = polled(0, Err(Missing::NoSuchInstance));
    assert_eq!(gone, Sample::Value(0.0));
    assert_ne!(before, after, "the agent counts other rows");
    assert_eq!(polled(1, Err(Missing::Timeout)), (Sample::Missing(Missing::Timeout), before));
}

#[test]
fn a_label_names_what_a_row_sits_in() {
    check(
        r#"
        [[component]]
        kind = "sensor"
        label = ["{T::testUnitName via T::testPhaseUnitRow}: {T::testPhaseName}", "{T::testPhaseName}"]
          [[component.reading]]
          quantity = "current"
          oid = "T::testPhaseCurrent"
        [[component]]
        kind = "phase"
        label = ["{T::testUnitName via T::testPhaseUnitRow via T::testUnitRating}"]
          [[component.reading]]
          quantity = "voltage"
          oid = "T::testPhaseVoltage"
        "#,
        r"
        T::testPhaseCurrent.1.1 = integer: 1
        T::testPhaseCurrent.1.2 = integer: 2
        T::testPhaseVoltage.1.1 = integer: 230
        T::testPhaseName.1.1 = text: Left
        T::testPhaseName.1.2 = text: Right
        T::testPhaseUnitRow.1.1 = integer: 5
        T::testPhaseUnitRow.1.2 = integer: 0
        T::testUnitName.5 = text: Module
        T::testUnitName.6 = text: Chassis
        T::testUnitRating.5 = integer: 6
        ",
        r#"
        phase 1.1 "Chassis" voltage 230 V from 2.1.5.1.1
        sensor 1.1 "Module: Left" current 1 A from 2.1.4.1.1
        sensor 1.2 "Right" current 2 A from 2.1.4.1.2
        "#,
    );
}
