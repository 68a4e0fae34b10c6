//! What holds for profiles whatever stands in a file and whatever an agent sends: nothing panics, a
//! sample a reading, and no number that is not finite.

use crate::support::{agent, shipped};
use proptest::prelude::*;
use rackwarden::mib::Mibs;
use rackwarden::model::{Missing, Oid, Sample, Value};
use rackwarden::profile::{Learned, Profile, ProfileFile, ProfileSet, SystemGroup};
use std::sync::{Arc, LazyLock};

/// One profile with every key of the format.
const EVERYTHING: &str = r#"
[profile]
name = "everything"
description = "Every key"
vendor = "Maker"
inherits = []
[match]
sys_object_id = ["1.3.6.1.4.1.99999"]
sys_descr = ["test"]
probe = ["TEST-MIB::testPhaseTable"]
priority = 1
[agent]
getbulk = false
max_varbinds = 10
max_repetitions = 10
[identity]
model = ["TEST-MIB::testModel", "TEST-MIB::testUnitName"]
serial = "TEST-MIB::testSerial"
firmware = ["TEST-MIB::testFirmware"]
vendor = []
[[component]]
kind = "sensor"
instance = "*.*.**"
index = "s-{index.1}-{index}"
label = ["{TEST-MIB::testUnitName} {index.2}", "Sensor {index}"]
unless = ["TEST-MIB::testSerial"]
when = { oid = "TEST-MIB::testSensorType", not = [12] }
rated_current = [{ oid = "TEST-MIB::testUnitRating", index_from = "TEST-MIB::testSensorType", scale = 0.1 }, 16]
rated_power = { oid = "TEST-MIB::testUnitRating", digits = "TEST-MIB::testSensorDigits", missing = [0] }
rated_apparent_power = { oid = "TEST-MIB::testUnitRating", unit = "kVA", range = [0, 100] }
  [[component.reading]]
  quantity = "temperature"
  name = "inside"
  oid = "TEST-MIB::testSensorValue"
  instance = "*.1.10"
  scale = 0.1
  missing = [-1, "n/a"]
  range = [-1000, 1000]
  digits = { oid = "TEST-MIB::testSensorDigits", default = 1 }
  scale_from = { oid = "TEST-MIB::testFactor", values = { 1 = 0.1, 2 = 1e300 }, default = 1 }
  unit_from = { oid = "TEST-MIB::testUnits", values = { celsius = "degC", 2 = "degF" } }
  valid = { oid = "TEST-MIB::testSensorAvailable", is = ["true"] }
  when = [{ oid = "TEST-MIB::testSensorType", is = ["temperature"] }]
  [[component.reading]]
  quantity = "humidity"
  oid = "TEST-MIB::testSensorValue"
  scale_from = "TEST-MIB::testSensorDigits"
[[component]]
kind = "output"
  [[component.reading]]
  quantity = "state"
  oid = "TEST-MIB::testOutput"
  state = { ok = ["onLine"], warning = [], critical = ["off"], unknown = [1], on_battery = ["onBattery"], off = [4] }
  names = { 5 = "other" }
"#;

static MIBS: LazyLock<Mibs> = LazyLock::new(|| {
    Mibs::of_texts([std::fs::read(shipped::root().join("tests/fixtures/mibs/TEST-MIB")).unwrap()])
});

static PROFILE: LazyLock<Arc<Profile>> = LazyLock::new(|| {
    let (set, problems) = load(EVERYTHING);
    assert!(problems.is_empty(), "{problems:?}");
    Arc::clone(set.find("everything").unwrap())
});

fn load(text: &str) -> (ProfileSet, Vec<rackwarden::model::Diagnostic>) {
    ProfileSet::of_files(
        &MIBS,
        [ProfileFile { path: "x.toml".into(), text: text.to_owned(), is_users: true }],
    )
}

fn value() -> impl Strategy<Value = Value> {
    let octets = prop::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        4 => (-3_i64..20).prop_map(Value::Integer),
        1 => any::<i64>().prop_map(Value::Integer),
        2 => "[-0-9. CFe]{0,6}".prop_map(|it| Value::OctetString(it.into_bytes().into())),
        1 => octets.clone().prop_map(|it| Value::OctetString(it.into())),
        1 => any::<u64>().prop_map(Value::Counter64),
        1 => any::<u32>().prop_map(Value::Gauge32),
        1 => any::<u32>().prop_map(Value::TimeTicks),
        1 => octets.prop_map(|it| Value::Opaque(it.into())),
        1 => any::<f32>().prop_map(|it| Value::Opaque([&[0x9f, 0x78, 4][..], &it.to_be_bytes()].concat().into())),
        1 => any::<f64>().prop_map(|it| Value::Opaque([&[0x9f, 0x79, 8][..], &it.to_be_bytes()].concat().into())),
        1 => Just(Value::ObjectIdentifier(Oid::new(&[1, 3]))),
        1 => Just(Value::IpAddress([0; 4])),
        1 => Just(Value::Null),
        1 => Just(Value::NoSuchInstance),
        1 => Just(Value::EndOfMibView),
    ]
}

/// A cell below the made-up device.
fn oid() -> impl Strategy<Value = Oid> {
    let table = prop_oneof![
        (1_u32..=8).prop_map(|it| vec![1, it]),
        (1_u32..=3).prop_map(|it| vec![3, 1, it]),
        (3_u32..=7).prop_map(|it| vec![4, 1, it]),
    ];
    let instance = prop::collection::vec(prop_oneof![5 => 0_u32..3, 1 => Just(10), 1 => any::<u32>()], 0..4);
    (table, instance)
        .prop_map(|(table, instance)| Oid::new(&[1, 3, 6, 1, 4, 1, 99999]).child(&table).child(&instance))
}

fn answer() -> impl Strategy<Value = Result<Value, Missing>> {
    prop_oneof![5 => value().prop_map(Ok), 1 => Just(Err(Missing::Timeout)), 1 => Just(Err(Missing::NoSuchInstance))]
}

proptest! {
    #[test]
    fn any_text_is_a_profile_or_mistakes(text in ".{0,200}") {
        let (set, problems) = load(&text);
        prop_assert!(set.iter().next().is_some() == problems.is_empty());
    }

    /// Cuts a piece out of a good profile and puts another in its place.
    #[test]
    fn any_change_of_a_profile_is_a_profile_or_mistakes(
        from in 0..EVERYTHING.len(),
        length in 0_usize..40,
        put in prop_oneof![Just(String::new()), "[\\[\\]{}\"=.,*:a-z0-9\n-]{0,12}", "\\PC{0,4}"],
    ) {
        let to = (from + length).min(EVERYTHING.len());
        let text = format!("{}{put}{}", &EVERYTHING[..from], &EVERYTHING[to..]);
        let (set, problems) = load(&text);
        for problem in &problems {
            prop_assert!(problem.line <= text.lines().count() + 1);
            prop_assert!(!problem.message.is_empty());
        }
        prop_assert!(set.iter().next().is_some() == problems.is_empty());
    }

    #[test]
    fn any_device_makes_a_plan_that_decodes_any_answer(
        cells in prop::collection::vec((oid(), value()), 0..60),
        answers in prop::collection::vec(answer(), 60),
    ) {
        let learned: Learned = cells.into_iter().collect();
        let plan = PROFILE.compile(&learned, &SystemGroup::default());
        prop_assert!(plan.cells.windows(2).all(|it| it[0] < it[1]), "sorted, each once");
        let own: Vec<_> = plan.cells.iter().map(|it| learned.get(it).cloned().ok_or(Missing::NoSuchInstance)).collect();
        let mut samples = Vec::new();
        for given in [&own[..], &answers[..], &[]] {
            plan.decode(&given.iter().cloned().collect(), &mut samples);
            prop_assert_eq!(samples.len(), plan.shape.readings.len());
            prop_assert!(samples.iter().filter_map(|it| it.value()).all(f64::is_finite));
        }
        prop_assert!(samples.iter().all(|it| *it == Sample::Missing(Missing::NotPolled)));
        for reading in plan.shape.readings.iter() {
            prop_assert!(plan.cells.contains(reading.source.oid().unwrap()));
            let component = plan.shape.component_of(reading).unwrap();
            prop_assert!(!component.index.is_empty() && !component.label.is_empty());
            let ratings = component.ratings;
            for rating in [ratings.current_amperes, ratings.active_power_watts, ratings.apparent_power_volt_amperes] {
                prop_assert!(rating.is_none_or(|it| it.is_finite() && 0.0 < it));
            }
        }
        let mut keys: Vec<_> = plan.shape.readings.iter().map(|it| (it.component, it.quantity, &it.name)).collect();
        keys.dedup();
        prop_assert_eq!(keys.len(), plan.shape.readings.len(), "each reading once");
    }

    #[test]
    fn any_agent_text_is_read_or_refused(text in "(TEST-MIB::testTotal\\.0 = [a-z0-9]{0,7}: [0-9x ]{0,6}\n|\\PC{0,30}\n){0,4}") {
        drop(agent::parse(&MIBS, &text));
    }
}
