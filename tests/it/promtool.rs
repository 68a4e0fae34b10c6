//! The life cycle against Prometheus: the same series under equivalent rules fire at the same times,
//! for `for` and `keep_firing_for`. Debian's promtool judges: it is given our firing intervals as what
//! it should find. Left out, with a word, where promtool is not installed or knows no keep_firing_for.

use crate::support::left_out;
use rackwarden::alert::DeviceAlerts;
use rackwarden::model::{
    Batch, Component, ComponentKind, Missing, Moment, Now, Oid, Quantity, ReadingShape, Sample, Shape,
    Source, UnixMillis,
};
use rackwarden::rules::{DurationInput, LevelInput, RuleInput, Ruleset, check_all};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const RULES: u32 = 48;
const SERIES: u32 = 25;
const STEPS: u64 = 48;
const STEP_SECONDS: u64 = 10;

/// A generator that anyone can repeat: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

struct Case {
    operator: &'static str,
    threshold: i32,
    hold_for: u64,
    keep: u64,
    /// By step; `None`: no data, which the rule takes for calm, as Prometheus does.
    series: Vec<Vec<Option<i32>>>,
}

fn cases(random: &mut Random) -> Vec<Case> {
    let waits = [0, 5, 10, 20, 25, 30, 60, 90];
    (0..RULES)
        .map(|_| {
            let (threshold, spread) = (20, random.of(&[1_u64, 2, 4, 9]));
            Case {
                operator: random.of(&[">", ">=", "<", "<="]),
                threshold,
                hold_for: random.of(&waits),
                keep: random.of(&waits),
                series: (0..SERIES).map(|_| walk(random, threshold, spread)).collect(),
            }
        })
        .collect()
}

/// Around the threshold, some of it long on one side.
fn walk(random: &mut Random, threshold: i32, spread: u64) -> Vec<Option<i32>> {
    let mut value = threshold;
    let gaps = random.of(&[0_u64, 0, 5, 20]);
    let stays = random.of(&[1_u64, 3, 6]);
    (0..STEPS)
        .map(|_| {
            if random.below(stays) == 0 {
                let change = i32::try_from(random.below(2 * spread + 1)).unwrap();
                value = (value + change - i32::try_from(spread).unwrap()).clamp(threshold - 6, threshold + 6);
            }
            (gaps <= random.below(100)).then_some(value)
        })
        .collect()
}

/// By series and step whether our alert fires after it.
fn fires(case: &Case) -> Vec<Vec<bool>> {
    let rule = RuleInput {
        name: "case".to_owned(),
        rule_type: "power_unit_infeed".to_owned(),
        trigger: "current".to_owned(),
        operator: Some(case.operator.to_owned()),
        warning: Some(LevelInput { value: Some(f64::from(case.threshold).into()), clear: None }),
        hold_for: Some(DurationInput::Text(format!("{}s", case.hold_for))),
        keep_firing_for: Some(DurationInput::Text(format!("{}s", case.keep))),
        no_data: Some("ignore".to_owned()),
        ..RuleInput::default()
    };
    let ruleset = Ruleset::compile(check_all(&[rule]).unwrap());
    case.series.iter().map(|it| played(&ruleset, it)).collect()
}

fn played(ruleset: &Ruleset, series: &[Option<i32>]) -> Vec<bool> {
    let source = Arc::new(Source { device: "pdu".into(), ..Source::default() });
    let component = Component { kind: ComponentKind::Infeed, index: "1".into(), ..Component::default() };
    let reading = ReadingShape {
        component: 0,
        quantity: Quantity::Current,
        name: "".into(),
        source: Oid::default().into(),
        states: None,
    };
    let shape = Arc::new(Shape { components: vec![component], readings: vec![reading].into() });
    let mut out = Vec::new();
    let mut alerts = DeviceAlerts::bind(ruleset, &source, &shape, None, Vec::new(), Now::default(), &mut out);
    let mut fires = Vec::new();
    for (step, value) in (0..).zip(series) {
        let moment = Moment::after_zero(Duration::from_secs(step * STEP_SECONDS));
        let sample = match value {
            Some(value) => Sample::Value(f64::from(*value)),
            None => Sample::Missing(Missing::NotSupported),
        };
        let batch = Batch {
            source: Arc::clone(&source),
            time: Now { moment, unix: UnixMillis(0) },
            duration: Duration::ZERO,
            effort: rackwarden::model::Effort::default(),
            shape: Arc::clone(&shape),
            samples: [sample].into(),
            error: None,
        };
        alerts.evaluate(&batch, &mut out);
        fires.push(!alerts.firing().is_empty());
    }
    fires
}

/// What promtool is to load and to find.
fn files(cases: &[Case], fires: &[Vec<Vec<bool>>], folder: &Path) {
    let mut rules = "groups:\n- name: all\n  interval: 10s\n  rules:\n".to_owned();
    for (at, case) in cases.iter().enumerate() {
        let Case { operator, threshold, hold_for, keep, .. } = case;
        write!(rules, "  - alert: r{at}\n    expr: 'm{{rule=\"{at}\"}} {operator} {threshold}'\n").unwrap();
        write!(rules, "    for: {hold_for}s\n    keep_firing_for: {keep}s\n").unwrap();
    }
    let mut tests =
        "rule_files: [rules.yml]\nevaluation_interval: 10s\ntests:\n- interval: 10s\n  input_series:\n"
            .to_owned();
    for (at, case) in cases.iter().enumerate() {
        for (number, series) in case.series.iter().enumerate() {
            let values: Vec<String> =
                series.iter().map(|it| it.map_or_else(|| "stale".to_owned(), |it| it.to_string())).collect();
            write!(
                tests,
                "  - series: 'm{{rule=\"{at}\",case=\"{number}\"}}'\n    values: '{}'\n",
                values.join(" ")
            )
            .unwrap();
        }
    }
    tests.push_str("  alert_rule_test:\n");
    for step in 0..usize::try_from(STEPS).unwrap() {
        for (at, by_series) in fires.iter().enumerate() {
            write!(tests, "  - {{ eval_time: {}s, alertname: r{at}", step * 10).unwrap();
            let firing: Vec<String> = by_series
                .iter()
                .enumerate()
                .filter(|(_, fires)| fires[step])
                .map(|(number, _)| format!("{{ exp_labels: {{ rule: \"{at}\", case: \"{number}\" }} }}"))
                .collect();
            writeln!(tests, ", exp_alerts: [{}] }}", firing.join(", ")).unwrap();
        }
    }
    std::fs::write(folder.join("rules.yml"), rules).unwrap();
    std::fs::write(folder.join("tests.yml"), tests).unwrap();
}

/// What promtool says; `None`, with a word, where there is none that can.
fn promtool(folder: &Path) -> Option<(bool, String)> {
    let run = |arguments: &[&str]| Command::new("promtool").args(arguments).current_dir(folder).output();
    let check = match run(&["check", "rules", "rules.yml"]) {
        Ok(check) => check,
        Err(error) => {
            left_out(&format!("alerts as Prometheus has them ({error}): Debian package prometheus"));
            return None;
        }
    };
    if String::from_utf8_lossy(&check.stderr).contains("field keep_firing_for not found") {
        left_out("alerts as Prometheus has them: this promtool knows no keep_firing_for (2.42 does)");
        return None;
    }
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let output = run(&["test", "rules", "tests.yml"]).unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn alerts_fire_when_those_of_prometheus_do() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases(&mut Random(42));
    let mut fires: Vec<Vec<Vec<bool>>> = cases.iter().map(fires).collect();
    files(&cases, &fires, folder.path());
    let Some((is_equal, said)) = promtool(folder.path()) else { return };
    assert!(
        is_equal,
        "of {} cases some differ:\n{}",
        RULES * SERIES,
        said.chars().take(4000).collect::<String>()
    );

    let all: Vec<&Vec<bool>> = fires.iter().flatten().collect();
    let some = all.iter().filter(|it| it.contains(&true) && it.contains(&false)).count();
    assert!(600 < some, "only {some} of {} cases both fire and do not", all.len());

    // That it would see a difference: one alert a step too early.
    let by_series =
        fires.iter_mut().flatten().find(|it| it.windows(2).any(|pair| pair == [false, true])).unwrap();
    let at = by_series.windows(2).position(|pair| pair == [false, true]).unwrap();
    by_series[at] = true;
    files(&cases, &fires, folder.path());
    let (is_equal, _) = promtool(folder.path()).unwrap();
    assert!(!is_equal, "promtool does not look");
}
