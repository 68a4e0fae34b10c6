//! Rules as JSON: what each is bound to, and what it cannot judge and why.

use super::super::state::RuleFacts;
use serde::Serialize;

/// The rules, in the order of the config; there are at most as many as a config may hold.
#[derive(Serialize)]
pub(super) struct RulesAnswer<'a> {
    rules: Vec<RuleRow<'a>>,
}

/// One rule.
#[derive(Serialize)]
struct RuleRow<'a> {
    name: &'a str,
    rule_type: &'static str,
    trigger: &'static str,
    enabled: bool,
    /// Devices and inventories that it is for.
    devices: usize,
    /// Those of them of which nothing is known yet.
    unlearnt: usize,
    /// Readings that it judges (devices, for reachability).
    bound: usize,
    /// Readings that it should judge and cannot.
    unjudgeable: usize,
    /// What a person should know; `null`: all is well.
    complaint: Option<&'a str>,
    /// Some of those that it cannot judge.
    examples: Vec<Example<'a>>,
}

#[derive(Serialize)]
struct Example<'a> {
    object: &'a str,
    reason: &'a str,
}

/// All of them.
pub(super) fn list(rules: &[RuleFacts]) -> RulesAnswer<'_> {
    RulesAnswer { rules: rules.iter().map(row).collect() }
}

fn row(rule: &RuleFacts) -> RuleRow<'_> {
    RuleRow {
        name: &rule.name,
        rule_type: rule.rule_type,
        trigger: rule.trigger,
        enabled: rule.enabled,
        devices: rule.devices,
        unlearnt: rule.unlearnt,
        bound: rule.bound,
        unjudgeable: rule.unbound,
        complaint: rule.complaint.as_deref(),
        examples: rule.examples.iter().map(|(object, reason)| Example { object, reason }).collect(),
    }
}
