//! `rules check` and `rules list`.

use super::super::exit::Exit;
use super::daemon::{Daemon, DaemonArguments};
use super::{Loaded, RuleArguments, colour, table};
use crate::config::{Settings, render_warnings};
use crate::rules::words::{duration, limit_text};
use crate::rules::{CompiledRule, Condition, NoData, Rule, Selection};
use serde_json::Value as Json;
use std::collections::HashMap;

/// Arguments of `rules check`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    daemon: DaemonArguments,
    /// Do not ask the daemon: tell devices alone, as the configuration has them
    #[arg(long)]
    offline: bool,
    /// Warnings count as mistakes, and so does a rule that matches nothing
    #[arg(long)]
    strict: bool,
}

/// Arguments of `rules list`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ListArguments {
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    daemon: DaemonArguments,
    /// Do not ask the daemon how many objects each rule judges
    #[arg(long)]
    offline: bool,
}

pub(super) const HELP: &str = "\
Reads the configuration as `rackwarden check` does, templates included, and then says of each rule what it \
is for. How many readings it judges, and which it cannot and why, is known to the daemon, which is asked if \
it runs; else the devices are counted that the configuration has.

Exit codes: 0 no mistakes, 3 mistakes (with --strict: or warnings, or a rule that matches nothing)";

pub(super) const LIST_HELP: &str = "\
Of objects: how many the running daemon judges by the rule, and of how many there are where it cannot judge \
some (`rackwarden rules explain RULE` says why).

Exit codes: 0 listed, 3 the configuration has mistakes";

/// What a rule is bound to, as the daemon says.
struct Bound {
    objects: u64,
    unjudgeable: u64,
    complaint: Option<String>,
}

pub(super) fn check(arguments: &Arguments) -> Result<Exit, Exit> {
    let loaded = arguments.rules.load()?;
    if !loaded.warnings.is_empty() {
        eprint!("{}", render_warnings(&loaded.warnings, colour()));
    }
    let bound = (!arguments.offline).then(|| asked(&arguments.daemon, &loaded)).flatten();
    let (mut quiet, mut troubled) = (true, 0_usize);
    for rule in &loaded.rules {
        let (says, is_good) = matched(rule, &loaded, bound.as_ref());
        quiet &= is_good;
        troubled += usize::from(!is_good);
        println!("{}  {}: {says}", if is_good { "ok  " } else { "look" }, rule.name);
    }
    let look = if quiet { String::new() } else { format!(", {troubled} of them to look at") };
    println!("{} rules: no mistakes{look}", loaded.rules.len());
    let is_bad = arguments.strict && (!quiet || !loaded.warnings.is_empty());
    Ok(if is_bad { Exit::Config } else { Exit::Ok })
}

/// What the daemon says of its rules; `None`, with a word, if it does not.
fn asked(arguments: &DaemonArguments, loaded: &Loaded) -> Option<HashMap<String, Bound>> {
    if arguments.is_silent(loaded.settings.is_some()) {
        return None;
    }
    let daemon: Daemon = arguments.open(loaded.settings.as_ref()).ok()?;
    match daemon.json("/api/v1/rules", &[]) {
        Ok(answer) => Some(bound_of(&answer)),
        Err(why) => {
            eprintln!(
                "rackwarden: what rules match is told by the configuration alone: the daemon at {}: {why}",
                daemon.base()
            );
            None
        }
    }
}

fn bound_of(answer: &Json) -> HashMap<String, Bound> {
    let rules = answer.get("rules").and_then(Json::as_array);
    let number = |rule: &Json, name: &str| rule.get(name).and_then(Json::as_u64).unwrap_or(0);
    rules
        .into_iter()
        .flatten()
        .filter_map(|it| {
            let complaint = it.get("complaint").and_then(Json::as_str).map(str::to_owned);
            let bound =
                Bound { objects: number(it, "bound"), unjudgeable: number(it, "unjudgeable"), complaint };
            Some((it.get("name")?.as_str()?.to_owned(), bound))
        })
        .collect()
}

/// What a rule matches, and whether that is as it should be.
fn matched(rule: &Rule, loaded: &Loaded, bound: Option<&HashMap<String, Bound>>) -> (String, bool) {
    let what = format!("{}/{}, {}", rule.rule_type.name(), rule.trigger.name, applies_to(rule));
    if !rule.enabled {
        return (format!("{what}: switched off"), true);
    }
    let is_general = rule.selection == Selection::All;
    if let Some(bound) = bound {
        return match bound.get(&*rule.name) {
            // A rule for all that there may be, of which there is nothing.
            Some(it) if is_general && it.objects == 0 && it.unjudgeable == 0 => {
                (format!("{what}: nothing there to judge"), true)
            }
            Some(it) => match &it.complaint {
                Some(complaint) => (format!("{what}: {complaint}"), false),
                None => (format!("{what}: judges {}", count(it.objects, "object")), true),
            },
            None => (format!("{what}: the running daemon does not know it yet"), true),
        };
    }
    let Some(settings) = &loaded.settings else { return (what, true) };
    let names = fitting(rule, settings);
    let of = if rule.rule_type.is_of_inventory() { "inventory source" } else { "device" };
    match names.as_slice() {
        [] => (format!("{what}: no {of} fits"), is_general),
        names => {
            let shown: Vec<&str> = names.iter().take(SHOWN_MAX).copied().collect();
            let more = if SHOWN_MAX < names.len() { ", .." } else { "" };
            let number = u64::try_from(names.len()).unwrap_or(u64::MAX);
            (format!("{what}: for {} ({}{more})", count(number, of), shown.join(", ")), true)
        }
    }
}

/// The devices, or inventories, of the configuration that a rule may be for.
pub(super) fn fitting<'a>(rule: &Rule, settings: &'a Settings) -> Vec<&'a str> {
    if rule.rule_type.is_of_inventory() {
        let sources = settings.inventories.iter().filter(|it| fits(rule, &it.name, &it.labels, true));
        return sources.map(|it| &*it.name).collect();
    }
    settings.polled().filter(|it| fits(rule, it.name, it.labels, false)).map(|it| &**it.name).collect()
}

fn fits(
    rule: &Rule,
    device: &std::sync::Arc<str>,
    labels: &crate::model::Labels,
    is_inventory: bool,
) -> bool {
    let kind = if is_inventory {
        crate::model::SourceKind::Inventory { gone_after_snapshots: 1 }
    } else {
        crate::model::SourceKind::Device
    };
    // Of an inventory, labels are its objects' too: which of them fit is known once it was read.
    let labels_decide = !is_inventory || !matches!(rule.selection, Selection::Match(_));
    let source = crate::model::Source {
        kind,
        device: std::sync::Arc::clone(device),
        labels: labels.clone(),
        ..crate::model::Source::default()
    };
    !labels_decide || rule.is_for(&source)
}

pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

pub(super) fn list(arguments: &ListArguments) -> Result<Exit, Exit> {
    let loaded = arguments.rules.load()?;
    let bound = (!arguments.offline).then(|| asked(&arguments.daemon, &loaded)).flatten();
    let mut rows =
        vec![["name", "type/trigger", "applies to", "objects", "for", "levels"].map(str::to_owned).to_vec()];
    let ruleset = loaded.ruleset();
    for rule in &loaded.rules {
        let objects = match bound.as_ref().and_then(|it| it.get(&*rule.name)) {
            _ if !rule.enabled => "off".to_owned(),
            Some(it) if it.unjudgeable != 0 => format!("{} of {}", it.objects, it.objects + it.unjudgeable),
            Some(it) => it.objects.to_string(),
            None => "-".to_owned(),
        };
        let compiled = ruleset.rules().iter().find(|it| it.rule.name == rule.name);
        rows.push(vec![
            rule.name.to_string(),
            format!("{}/{}", rule.rule_type.name(), rule.trigger.name),
            applies_to(rule),
            objects,
            if rule.hold_for.is_zero() { "-".to_owned() } else { duration(rule.hold_for) },
            compiled.map_or_else(|| "switched off".to_owned(), levels),
        ]);
    }
    table(&rows).iter().for_each(|it| println!("{it}"));
    Ok(Exit::Ok)
}

/// What a rule is for, in words.
pub(super) fn applies_to(rule: &Rule) -> String {
    let mut text = match &rule.selection {
        Selection::All => "all".to_owned(),
        Selection::Objects(patterns) => {
            let shown: Vec<String> = patterns.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
            shown.join(", ") + if SHOWN_MAX < patterns.len() { ", .." } else { "" }
        }
        Selection::Match(labels) => {
            let pairs: Vec<String> =
                labels.iter().map(|(name, it)| format!("{name}={}", it.text())).collect();
            pairs.join(", ")
        }
    };
    if let Some(group) = &rule.group {
        let by: Vec<&str> = group.by.iter().map(|it| it.name()).collect();
        text.extend(["; ", group.combine.name(), " by ", &by.join(", ")]);
    }
    text
}

/// Its levels: `> 80 % warning (clears at 75 %), > 90 % critical`.
pub(super) fn levels(compiled: &CompiledRule) -> String {
    let rule = &compiled.rule;
    let said = match &rule.condition {
        Condition::Threshold { operator, unit, levels } => {
            let level = |it: &crate::rules::Level| {
                let clear = if it.clear == it.value {
                    String::new()
                } else {
                    format!(" (clears at {})", limit_text(it.clear, unit.symbol))
                };
                format!("{} {} {}{clear}", operator.symbol(), limit_text(it.value, unit.symbol), it.severity)
            };
            levels.iter().map(level).collect::<Vec<_>>().join(", ")
        }
        Condition::State { severity } | Condition::Present { severity } => severity.to_string(),
        Condition::Health => "as bad as the state".to_owned(),
        Condition::Unreachable { severity, after_polls } => {
            let what = if rule.rule_type.is_of_inventory() { "snapshot" } else { "poll" };
            format!("{severity} after {} that failed in a row", count(u64::from(*after_polls), what))
        }
    };
    match rule.no_data {
        NoData::Keep => said,
        NoData::Ignore => said + "; no data: calm",
        NoData::Alert => said + "; no data: alert",
    }
}

/// A line has room for so many names.
const SHOWN_MAX: usize = 3;
