//! `rules explain RULE [OBJECT]`: what was read, what it is held against, and what came of it.

use super::super::exit::Exit;
use super::check::{applies_to, fitting, levels};
use super::daemon::DaemonArguments;
use super::{Loaded, RuleArguments, by_hand, find, profiles};
use crate::model::{Health, Sample};
use crate::recording::Frame;
use crate::rules::words::{duration, limit_text, missing_words, quantity};
use crate::rules::{
    Check, CompiledRule, Condition, Measure, ObjectPattern, Program, Rule, RuleBindings, Ruleset, Standing,
};
use crate::trial::Trial;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `rules explain`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The rule's name
    rule: String,
    /// Only this object: a device, device/kind or device/kind/index; with * for any run of characters
    object: Option<String>,
    /// Poll the devices once, or take one snapshot of the inventories, instead of asking the daemon
    #[arg(long)]
    poll: bool,
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    daemon: DaemonArguments,
}

pub(super) const HELP: &str = "\
Of each object: what was read last, how it stands to the rule's levels, whether an alert is pending or firing \
and since when; of those that the rule cannot judge, why. A poll by hand (--poll) knows no past: no waits, \
no rates of change, no failed polls in a row.

Exit codes: 0 explained, 1 the daemon cannot be asked, 2 no such rule, 5 the rule judges nothing of this";

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Exit> {
    let loaded = if arguments.poll { arguments.rules.load_to_poll()? } else { arguments.rules.load()? };
    let rule = find(&loaded.rules, &arguments.rule)?;
    let pattern = arguments.object.as_deref().map(ObjectPattern::new);
    let alone = Ruleset::compile(vec![Rule { enabled: true, ..rule.clone() }]);
    let Some(compiled) = alone.rules().first() else { return Err(Exit::Failed) };
    println!("{}: {}/{}, {}", rule.name, rule.rule_type.name(), rule.trigger.name, applies_to(rule));
    println!("  {}{}", levels(compiled), waits(rule));
    if !rule.enabled {
        println!("  it is switched off: nothing of this is evaluated; if it were on:");
    }
    let wanted = |name: &str| pattern.as_ref().is_none_or(|it| it.device.matches(name));
    let (frames, alerts) = if arguments.poll {
        let all = loaded.settings.as_ref().map(|it| fitting(rule, it)).unwrap_or_default();
        // One that is named is looked at in any case: why the rule is not for it.
        let is_worth = |name: &str| wanted(name) && (pattern.is_some() || all.contains(&name));
        (polled(&loaded, rule, &is_worth)?, None)
    } else {
        let daemon = arguments.daemon.open(loaded.settings.as_ref())?;
        let exact = pattern.as_ref().filter(|it| it.device.is_exact()).map(|it| it.device.text().to_owned());
        let frames = daemon.frames(exact.as_deref()).map_err(|why| daemon.unreachable(&why))?;
        let alerts = daemon.json("/api/v1/alerts", &[]).map_err(|why| daemon.unreachable(&why))?;
        (frames, Some(alerts))
    };
    let view = View { rule, ruleset: loaded.ruleset_with(rule), pattern, alerts, names: loaded.names() };
    Ok(view.show(&frames))
}

fn waits(rule: &Rule) -> String {
    let mut said = String::new();
    for (what, wait) in [(", for ", rule.hold_for), (", keeps firing for ", rule.keep_firing_for)] {
        if !wait.is_zero() {
            said.extend([what, &duration(wait)]);
        }
    }
    if rule.rate.is_some() {
        said.push_str(", of the rate of change");
    }
    if rule.schedule.is_some() {
        said.push_str(", within its schedule");
    }
    said
}

/// One poll of each device that the rule may be for.
fn polled(loaded: &Loaded, rule: &Rule, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Frame>, Exit> {
    let Some(settings) = &loaded.settings else {
        eprintln!("rackwarden: without a configuration there are no devices to poll");
        return Err(Exit::Config);
    };
    if rule.rule_type.is_of_inventory() {
        return by_hand::snapshots(settings, wanted);
    }
    let profiles = profiles(&settings.profile_folders)?;
    Ok(by_hand::poll(settings, &profiles, wanted)?.into_iter().map(|it| it.frame).collect())
}

struct View<'a> {
    rule: &'a Rule,
    ruleset: Ruleset,
    pattern: Option<ObjectPattern>,
    /// What the daemon says of its alerts; `None`: polled by hand.
    alerts: Option<Json>,
    /// The devices and inventories of the configuration.
    names: Vec<String>,
}

impl View<'_> {
    fn show(&self, frames: &[Frame]) -> Exit {
        let mut devices: BTreeMap<&str, Vec<&Frame>> = BTreeMap::new();
        for frame in frames {
            devices.entry(&frame.source.device).or_default().push(frame);
        }
        let mut shown = 0;
        for frames in devices.values() {
            shown += self.device(frames);
        }
        if self.rule.group.is_some() {
            self.groups(frames);
        }
        if shown == 0 {
            let said = match (&self.pattern, devices.is_empty()) {
                (Some(pattern), true) => {
                    let near =
                        crate::model::closest(pattern.device.text(), self.names.iter().map(String::as_str));
                    let near = near.filter(|it| !pattern.device.matches(it));
                    let help = near.map(|it| format!("; did you mean {it}?")).unwrap_or_default();
                    format!("nothing is known of {pattern}: no such device or inventory was read{help}")
                }
                (Some(pattern), false) => format!("{pattern}: nothing there is judged by this rule"),
                (None, true) => format!(
                    "no {} fits: {}",
                    if self.rule.rule_type.is_of_inventory() { "inventory source" } else { "device" },
                    applies_to(self.rule)
                ),
                (None, false) => "nothing that was read is judged by this rule".to_owned(),
            };
            println!("  {said}");
            return Exit::Unknown;
        }
        Exit::Ok
    }

    /// Shows a device; how many lines it took.
    fn device(&self, frames: &[&Frame]) -> usize {
        let Some(last) = frames.last() else { return 0 };
        let good = frames.iter().rev().find(|it| it.error.is_none()).unwrap_or(last);
        let source = &last.source;
        let is_named = self.pattern.as_ref().is_some_and(|it| it.device.matches(&source.device));
        if self.pattern.is_some() && !is_named {
            return 0;
        }
        if !self.rule.is_for(source) {
            if is_named {
                println!("  {}: the rule is not for it: it is for {}", source.device, applies_to(self.rule));
            }
            return usize::from(is_named);
        }
        let program = self.ruleset.bind(source, &good.shape);
        let Some(place) = self.place() else { return 0 };
        let mut lines = Vec::new();
        let is_of_device = program.checks_of_device().any(|at| of_rule(&program, at, place));
        if let Some(error) = last.error.as_ref().filter(|_| !is_of_device) {
            let what = if source.kind.is_inventory() { "snapshot" } else { "poll" };
            lines
                .push(format!("{}: the last {what} failed ({error}): its alerts stand still", source.device));
        }
        self.readings(good, &program, place, &mut lines);
        if is_of_device {
            lines.push(self.reachability(last));
        }
        self.unbound(good, &program, place, &mut lines);
        lines.iter().for_each(|it| println!("  {it}"));
        lines.len()
    }

    fn place(&self) -> Option<u32> {
        (0..).zip(self.ruleset.rules()).find(|(_, it)| it.rule.name == self.rule.name).map(|(at, _)| at)
    }

    fn readings(&self, frame: &Frame, program: &Program, place: u32, lines: &mut Vec<String>) {
        let checks = (0..).zip(&program.checks).filter(|(_, it)| it.rule == place);
        for (at, check) in checks {
            if let Some(slot) = program.slot_of(at) {
                lines.extend(self.reading(frame, program, *check, slot));
            }
        }
        for member in program.members.iter().filter(|it| it.check.rule == place) {
            lines.extend(self.reading(frame, program, member.check, member.slot));
        }
    }

    fn reading(&self, frame: &Frame, program: &Program, check: Check, slot: u32) -> Option<String> {
        let reading = frame.shape.readings.get(slot as usize)?;
        let component = frame.shape.component_of(reading)?;
        if self.pattern.as_ref().is_some_and(|it| it.kind.is_some() && !it.fits_component(component)) {
            return None;
        }
        let compiled = self.ruleset.rule(check.rule)?;
        let object = format!("{}/{}/{}", frame.source.device, component.kind, component.index);
        let label = if component.label.is_empty() || component.label == component.index {
            String::new()
        } else {
            format!(" ({})", component.label)
        };
        let what = if reading.name.is_empty() { String::new() } else { format!(" {}", reading.name) };
        let said = match frame.samples.get(slot as usize) {
            Some(Sample::Value(value)) => match &reading.states {
                Some(states) => state(compiled, states.state(*value), *value),
                None => {
                    number(compiled, *value, program.rated(check), reading.quantity.unit().symbol(), frame)
                }
            },
            Some(Sample::Suspect(value)) => {
                format!(
                    "{} is against physics: judged by no rule",
                    quantity(*value, reading.quantity.unit().symbol())
                )
            }
            Some(Sample::Missing(missing)) => {
                format!("no data: {}; no_data = \"{}\"", missing_words(*missing), self.rule.no_data.name())
            }
            None => "no data".to_owned(),
        };
        let alert = self.alert(&frame.source.device, Some((component.kind.name(), &component.index)));
        Some(format!("{object}{label}{what}: {said}{alert}"))
    }

    fn reachability(&self, frame: &Frame) -> String {
        let what = if frame.source.kind.is_inventory() { "snapshot" } else { "poll" };
        let told = match &self.rule.condition {
            Condition::Unreachable { after_polls: 1, .. } => String::new(),
            Condition::Unreachable { after_polls, .. } => {
                format!("; told after {after_polls} failed {what}s in a row")
            }
            _ => String::new(),
        };
        let said = match &frame.error {
            None => format!("the last {what} succeeded: calm"),
            Some(error) => format!("the last {what} failed: {error}{told}"),
        };
        let alert = self.alert(&frame.source.device, None);
        format!("{}: {said}{alert}", frame.source.device)
    }

    fn unbound(&self, frame: &Frame, program: &Program, place: u32, lines: &mut Vec<String>) {
        let Some(report) = program.report.iter().find(|it| it.rule == place) else { return };
        let mut bindings = RuleBindings::of(self.rule);
        bindings.add(report, &frame.source, &frame.shape);
        let wanted = |object: &str| {
            self.pattern.as_ref().is_none_or(|it| it.kind.is_none() || object.starts_with(&it.to_string()))
        };
        for it in bindings.examples.iter().filter(|it| wanted(&it.object)) {
            lines.push(format!("{}: cannot be judged: {}", it.object, it.reason));
        }
        if report.bound == 0 && report.unbound.is_empty() && !frame.shape.readings.is_empty() {
            let kinds: Vec<&str> = self.rule.components.iter().map(|it| it.name()).collect();
            lines.push(format!(
                "{}: it has nothing that the rule judges ({} of {})",
                frame.source.device,
                self.rule.trigger.name,
                kinds.join(", ")
            ));
        }
    }

    /// What the daemon says of the alert, if it was asked.
    fn alert(&self, device: &str, component: Option<(&str, &str)>) -> String {
        let Some(alerts) = &self.alerts else { return String::new() };
        let text = |it: &Json, name: &str| it.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let found = alerts.get("alerts").and_then(Json::as_array).into_iter().flatten().find(|it| {
            text(it, "rule") == *self.rule.name
                && text(it, "device") == device
                && component
                    .is_none_or(|(kind, index)| text(it, "component") == kind && text(it, "index") == index)
        });
        match found {
            None => "; no alert".to_owned(),
            Some(it) => {
                let phase = match text(it, "phase").as_str() {
                    "pending" => {
                        format!("pending: not told until it has held for {}", duration(self.rule.hold_for))
                    }
                    phase => phase.to_owned(),
                };
                format!(
                    "; {} alert {phase}, since {}: {}",
                    text(it, "severity"),
                    text(it, "since"),
                    text(it, "reason")
                )
            }
        }
    }

    /// What the groups come to, by one round of the last polls.
    fn groups(&self, frames: &[Frame]) {
        let rule = Rule { hold_for: Duration::ZERO, schedule: None, enabled: true, ..self.rule.clone() };
        let sources: Vec<_> = frames.iter().map(|it| Arc::clone(&it.source)).collect();
        let mut trial = Trial::new(Ruleset::compile(vec![rule]), &sources, BTreeMap::new());
        let begin = frames.iter().map(|it| it.time).min().unwrap_or_default();
        let mut said = Vec::new();
        for frame in frames {
            trial.poll(&frame.batch(begin), &mut said);
        }
        for it in &said {
            println!("  {}: beyond: {} ({})", it.facts.device, it.severity, it.reason);
        }
        if said.is_empty() {
            println!("  no group is beyond the rule's levels");
        }
    }
}

/// Whether that check is of the rule at that place.
fn of_rule(program: &Program, check: u32, place: u32) -> bool {
    program.checks.get(check as usize).is_some_and(|it| it.rule == place)
}

/// How a number stands.
fn number(compiled: &CompiledRule, base: f64, rated: Option<f64>, base_unit: &str, frame: &Frame) -> String {
    let rule = &compiled.rule;
    let Condition::Threshold { operator, unit, .. } = &rule.condition else {
        return if 0.0 < base { "it is there" } else { "it is not there" }.to_owned();
    };
    let measured = quantity(base, base_unit);
    if rule.rate.is_some() {
        return format!("{measured} now; its change is known to the daemon alone");
    }
    let shown = match rated {
        Some(rated) => {
            format!(
                "{measured}, {} of {}",
                quantity(compiled.shown(base, Some(rated)), "%"),
                quantity(rated, base_unit)
            )
        }
        None if rule.trigger.measure == Measure::PercentOfRated => measured,
        None => quantity(compiled.shown(base, None), unit.symbol),
    };
    if rule.group.is_some() {
        return format!("{shown}, judged together with others");
    }
    let standings = compiled.of_value(base, rated);
    let worst =
        compiled.levels().iter().rev().find(|it| standing(&standings, it.severity) == Standing::Crossing);
    if let Some(level) = worst {
        let asleep = rule.schedule.as_ref().is_some_and(|it| !it.is_active(frame.time));
        let note = if asleep { "; outside of its schedule nothing begins" } else { "" };
        return format!(
            "{shown}: beyond {} {} ({}){note}",
            operator.symbol(),
            limit_text(level.value, unit.symbol),
            level.severity
        );
    }
    let between =
        compiled.levels().iter().rev().find(|it| standing(&standings, it.severity) == Standing::Between);
    let begins = compiled.levels().first().map_or_else(String::new, |it| {
        format!("{} begins {} {}", it.severity, operator.symbol(), limit_text(it.value, unit.symbol))
    });
    match between {
        Some(level) => format!(
            "{shown}: between {} and {}: goes on if it fires, does not begin",
            limit_text(level.clear, unit.symbol),
            limit_text(level.value, unit.symbol)
        ),
        None => format!("{shown}: calm; {begins}"),
    }
}

fn standing(standings: &[Standing], severity: crate::model::Severity) -> Standing {
    let at = crate::model::Severity::ALL.iter().position(|it| *it == severity);
    at.and_then(|it| standings.get(it)).copied().unwrap_or_default()
}

/// How a state stands.
fn state(compiled: &CompiledRule, state: Option<&crate::model::StateValue>, value: f64) -> String {
    let Some(known) = state else { return format!("{value}, which the profile does not know: stands still") };
    let shown = format!("{} ({})", known.name, known.health);
    match compiled.of_state(state) {
        None if known.health == Health::Unknown => format!("{shown}: says nothing, stands still"),
        None => format!("{shown}: stands still"),
        Some(standings) if standings.contains(&Standing::Crossing) => format!("{shown}: the condition holds"),
        Some(_) => format!("{shown}: calm"),
    }
}
