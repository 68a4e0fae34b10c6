//! What the HTTP side shows of alerts and paging.

use crate::alert::{AlertFacts, AlertView, Board, Frozen};
use crate::http::{ActiveAlert, AlertSource, OutboxFacts, OutboxStatus, RuleFacts};
use crate::model::{Quantity, UnixMillis};
use crate::notify::outbox::OutboxHandle;
use crate::notify::outbox::health::{CircuitHealth, DiskHealth, IntegrationHealth};
use crate::rules::words::{missing_words, push_against, push_quantity};
use crate::rules::{Rule, RuleBindings, Ruleset};
use std::borrow::Cow;
use std::sync::Arc;

/// The board as a source of alerts.
pub(super) struct Alerts(pub(super) Arc<Board>);

impl AlertSource for Alerts {
    fn active(&self) -> Vec<Arc<ActiveAlert>> {
        let views = self.0.list();
        let show = |view: &Arc<AlertView>| {
            let reason = reason(view);
            Arc::new(ActiveAlert {
                facts: Arc::clone(&view.facts),
                phase: view.phase,
                severity: view.severity,
                reason,
            })
        };
        views.iter().map(show).collect()
    }
}

/// The outbox as a source of its state.
pub(super) struct Paging(pub(super) OutboxHandle);

impl OutboxStatus for Paging {
    fn integrations(&self) -> Vec<OutboxFacts> {
        let health = self.0.health();
        let disk_error = match &health.disk {
            DiskHealth::Written => None,
            DiskHealth::MemoryOnly { reason, since } => {
                Some((format!("events are kept in memory only: {reason}"), Some(*since)))
            }
        };
        let count = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        let facts = health.integrations.iter().map(|it| {
            let dead = health.dead_letters.iter().filter(|letter| letter.integration == it.name).count();
            let (last_error, last_error_at) = disk_error.clone().or_else(|| standing_error(it)).unzip();
            OutboxFacts {
                name: it.name.to_string(),
                waiting: count(it.waiting),
                sent: it.sent,
                dead_letters: count(dead),
                last_error,
                last_error_at: last_error_at.flatten(),
                healthy: disk_error.is_none()
                    && it.key_error.is_none()
                    && it.circuit == CircuitHealth::Closed,
            }
        });
        facts.collect()
    }
}

/// What went wrong last, and when, unless an event was accepted after it.
fn standing_error(it: &IntegrationHealth) -> Option<(String, Option<UnixMillis>)> {
    let at = it.last_error.as_ref().map(|(_, at)| *at);
    if let Some(text) = &it.key_error {
        return Some((text.clone(), at));
    }
    let is_over = it.circuit == CircuitHealth::Closed && at <= it.last_accepted;
    it.last_error.as_ref().filter(|_| !is_over).map(|(text, _)| (text.clone(), at))
}

/// The rules with what they are bound to, those that are switched off last.
pub(super) fn rules(ruleset: &Ruleset, bindings: Vec<RuleBindings>) -> Vec<RuleFacts> {
    let of = |rule: &Rule, enabled| RuleFacts {
        name: rule.name.to_string(),
        rule_type: rule.rule_type.name(),
        trigger: rule.trigger.name,
        enabled,
        devices: 0,
        unlearnt: 0,
        bound: 0,
        unbound: 0,
        complaint: None,
        examples: Vec::new(),
    };
    let enabled = ruleset.rules().iter().zip(bindings).map(|(compiled, it)| RuleFacts {
        devices: it.devices,
        unlearnt: it.unlearnt,
        bound: it.bound,
        unbound: it.unbound,
        complaint: it.complaint(),
        examples: it.examples.iter().map(|it| (it.object.clone(), it.reason.to_string())).collect(),
        ..of(&compiled.rule, true)
    });
    enabled.chain(ruleset.disabled().map(|it| of(it, false))).collect()
}

/// What was read against what, and why the alert stands still if it does: the words of the pages.
fn reason(view: &AlertView) -> String {
    let words = condition(&view.facts);
    match &view.frozen {
        Some(frozen) => format!("{words} (stands still: {})", frozen_words(frozen)),
        None if view.is_flapping => format!("{words} (flapping: ends once it has been calm for a while)"),
        None => words,
    }
}

fn condition(facts: &AlertFacts) -> String {
    let Some(reading) = facts.key.parts().and_then(|it| it.reading) else {
        return class_words(&facts.reading).to_owned();
    };
    if facts.operator.is_empty() {
        let what = if reading.name.is_empty() { reading.quantity } else { reading.name };
        return format!("{what} is {}", facts.reading);
    }
    let (Some(value), Some(threshold)) = (facts.value, facts.threshold) else {
        return facts.reading.clone();
    };
    let mut words = String::new();
    push_against(&mut words, value, threshold, facts.unit);
    if let Some((rated, unit)) = rated(facts) {
        words.push_str(" of ");
        push_quantity(&mut words, rated, unit);
    }
    words.extend([" ", facts.operator, " "]);
    push_quantity(&mut words, threshold, facts.unit);
    words
}

/// What a percentage refers to, with the unit of what is measured.
fn rated(facts: &AlertFacts) -> Option<(f64, &'static str)> {
    let reading = facts.key.parts()?.reading?;
    let quantity = Quantity::ALL.into_iter().find(|it| it.name() == reading.quantity)?;
    facts.rated.map(|rated| (rated, quantity.unit().symbol()))
}

/// The classes of [`crate::model::PollError`] in words; the page's list of failing devices has the
/// details, which facts do not hold.
fn class_words(class: &str) -> &str {
    match class {
        "timeout" => "no answer in time",
        "refused" => "nothing listens at its address and port",
        "unreachable" => "the network says that it cannot be reached",
        "no_profile" => "no profile fits this agent",
        "empty" => "its profile fits, but the agent has no row in any table",
        "agent_error" => "the agent answers with an error",
        "malformed" => "the agent's answer cannot be read",
        "name" => "its name has no address",
        "limit" => "the poll hit its limit",
        "tls" => "its certificate is not trusted",
        "access" => "it does not accept our credentials",
        "rate_limited" => "it wants fewer requests",
        "server_error" => "it answers with an error",
        "redirected" => "it answers with a redirect",
        "schema" => "it lacks what we read",
        "changed" => "it changes while it is read",
        "file" => "its file cannot be used",
        "answers" => "it answers again",
        other => other,
    }
}

fn frozen_words(frozen: &Frozen) -> Cow<'static, str> {
    match frozen {
        Frozen::PollFailed(class) => format!("the last poll failed: {}", class_words(class)).into(),
        Frozen::Missing(missing) => missing_words(*missing).into(),
        Frozen::NotPolled
        | Frozen::Suspect
        | Frozen::ParentSilent(_)
        | Frozen::MemberUnknown(_)
        | Frozen::MembersDiffer
        | Frozen::UnknownState
        | Frozen::NoHistory
        | Frozen::OtherShape
        | Frozen::Gone
        | Frozen::NotEvaluable(_) => frozen.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{class_words, reason};
    use crate::alert::{AlertFacts, AlertKey, AlertView, Frozen, Phase, Progress};
    use crate::model::{ComponentKind, Labels, Missing, Oid, PollError, Severity, SnapshotError, UnixMillis};
    use std::sync::Arc;

    fn view(key: &str, reading: &str, compared: Option<(f64, f64, &'static str)>) -> AlertView {
        let of_device = key.split('/').count() == 2;
        let facts = AlertFacts {
            key: AlertKey(key.into()),
            rule: "rule".into(),
            rule_type: "power_unit_offline",
            trigger: "unreachable",
            notes: None,
            runbook: None,
            integrations: Arc::from([]),
            device: "pdu-1".into(),
            address: String::new(),
            model: String::new(),
            labels: Labels::default(),
            component: (!of_device).then(|| (ComponentKind::Phase, "1".into(), "L1".into())),
            source: None,
            reading: reading.to_owned(),
            value: compared.map(|(value, ..)| value),
            unit: compared.map_or("", |(_, _, unit)| unit),
            operator: compared.map_or("", |_| ">"),
            threshold: compared.map(|(_, threshold, _)| threshold),
            rated: None,
            last_values: Vec::new(),
            since: UnixMillis(0),
        };
        AlertView {
            facts: Arc::new(facts),
            phase: Phase::Firing,
            severity: Severity::Critical,
            since: UnixMillis(0),
            fired_at: None,
            is_flapping: false,
            progress: Progress::default(),
            frozen: None,
        }
    }

    #[test]
    fn http_reasons_are_words() {
        let warm = view("r/d/sensor/1/temperature", "27.62 °C", Some((27.62, 27.0, "degC")));
        assert_eq!(reason(&warm), "27.62 °C > 27 °C");
        let close = view("r/d/phase/1/current", "20 A", Some((20.0004, 20.0, "A")));
        assert_eq!(reason(&close), "20.0004 A > 20 A");
        let mut loaded = view("r/d/phase/1/current", "92.5 %", Some((92.5, 80.0, "%")));
        Arc::make_mut(&mut loaded.facts).rated = Some(32.0);
        assert_eq!(reason(&loaded), "92.5 % of 32 A > 80 %");
        assert_eq!(reason(&view("r/d/output/1/state", "onBattery", None)), "state is onBattery");
        assert_eq!(reason(&view("r/d/output/1/state/test", "failed", None)), "test is failed");
        assert_eq!(reason(&view("r/d", "timeout", None)), "no answer in time");
        let mut still = warm;
        still.frozen = Some(Frozen::PollFailed("no_profile"));
        assert_eq!(
            reason(&still),
            "27.62 °C > 27 °C (stands still: the last poll failed: no profile fits this agent)"
        );
        still.frozen = Some(Frozen::Missing(Missing::NoSuchInstance));
        assert_eq!(reason(&still), "27.62 °C > 27 °C (stands still: the agent no longer has what is read)");
    }

    #[test]
    fn every_class_has_words_over_http() {
        let text = String::new;
        for error in [
            PollError::Timeout,
            PollError::Refused,
            PollError::Unreachable(text()),
            PollError::NoProfile { sys_object_id: Oid::default(), sys_descr: text() },
            PollError::Empty { profile: text() },
            PollError::AgentError { status: text() },
            PollError::Malformed(text()),
            PollError::Name { name: text(), reason: text() },
            PollError::Limit(text()),
        ] {
            assert!(class_words(error.class()).contains(' '), "{error:?}");
        }
        for class in SnapshotError::ALL {
            assert!(class_words(class.name()).contains(' '), "{class:?}");
        }
    }
}
