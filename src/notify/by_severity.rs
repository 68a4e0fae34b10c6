//! One incident for each severity of an alert, where that is asked for.
//!
//! PagerDuty does not raise the urgency of an open incident when a later trigger of the same key is
//! worse. Who needs that lets each severity have a key of its own: an alert that gets worse opens
//! another incident, and the one before it ends. Inside the outbox such an alert is one of its own for
//! each severity, so that all that holds for alerts (order, silences, storms, restarts) holds for it.
//!
//! Pure. The way back from a setting that has changed is part of it: whichever keys an alert is known
//! by, its end ends all of them.

use crate::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use crate::model::Severity;
use std::sync::Arc;

/// No key of an alert has an empty part before its last one, unless that is a trigger: this tells the
/// severity from the rest.
const MARK: &str = "//";

/// The key of an alert at that severity.
#[must_use]
pub fn key_at(key: &AlertKey, severity: Severity) -> AlertKey {
    AlertKey(format!("{}{MARK}{}", base(&key.0), severity.name()).into())
}

/// The alert's own key, whether or not a severity is part of the text.
#[must_use]
pub fn base(key: &str) -> &str {
    match key.rsplit_once(MARK) {
        Some((base, severity)) if Severity::ALL.iter().any(|it| it.name() == severity) => base,
        _ => key,
    }
}

/// What a transition is for the outbox: `known` says at which severity an alert of that key goes on.
/// In plain mode, and where nothing else is known, that is the transition itself.
pub(crate) fn split(
    transition: &Arc<Transition>,
    per_severity: bool,
    known: impl Fn(&AlertKey) -> Option<Severity>,
) -> Vec<Arc<Transition>> {
    let own = &transition.facts.key;
    let keys = Severity::ALL.into_iter().map(|it| key_at(own, it)).chain([own.clone()]);
    let going_on: Vec<(AlertKey, Severity)> =
        keys.filter_map(|key| known(&key).map(|severity| (key, severity))).collect();
    let wanted = if per_severity { key_at(own, transition.severity) } else { own.clone() };
    if transition.kind == TransitionKind::Resolve {
        if going_on.is_empty() {
            return vec![at(transition, &wanted, TransitionKind::Resolve, transition.severity)];
        }
        let end =
            |(key, severity): &(AlertKey, Severity)| at(transition, key, TransitionKind::Resolve, *severity);
        return going_on.iter().map(end).collect();
    }
    let mut steps = vec![at(transition, &wanted, transition.kind, transition.severity)];
    let others = going_on.iter().filter(|(key, _)| *key != wanted);
    steps.extend(others.map(|(key, severity)| {
        let end = at(transition, key, TransitionKind::Resolve, *severity);
        let reason = format!("it is {} now: {}", transition.severity, transition.reason);
        Arc::new(Transition { reason, ..(*end).clone() })
    }));
    steps
}

fn at(
    transition: &Arc<Transition>,
    key: &AlertKey,
    kind: TransitionKind,
    severity: Severity,
) -> Arc<Transition> {
    if *key == transition.facts.key && kind == transition.kind && severity == transition.severity {
        return Arc::clone(transition);
    }
    let facts = Arc::new(AlertFacts { key: key.clone(), ..(*transition.facts).clone() });
    Arc::new(Transition { kind, severity, facts, ..(**transition).clone() })
}

#[cfg(test)]
mod tests {
    use super::{base, key_at, split};
    use crate::alert::{AlertKey, TransitionKind};
    use crate::model::Severity;
    use crate::notify::fixtures::{facts, transition};
    use std::sync::Arc;

    fn check(kind: TransitionKind, per_severity: bool, known: &[(&str, Severity)], expected: &[&str]) {
        let plain = facts("pdu-a1");
        let key = plain.key.clone();
        let one = Arc::new(transition(kind, Severity::Critical, plain));
        let known = |asked: &AlertKey| {
            known.iter().find(|(end, _)| *asked.0 == *format!("{}{end}", key.0)).map(|it| it.1)
        };
        let steps: Vec<String> = split(&one, per_severity, known)
            .iter()
            .map(|it| {
                let kind = match it.kind {
                    TransitionKind::Resolve => "-",
                    TransitionKind::Trigger | TransitionKind::Change { .. } => "+",
                };
                format!("{kind}{} {}", it.facts.key.0.trim_start_matches(&*key.0), it.severity)
            })
            .collect();
        assert_eq!(steps, expected, "{kind:?} {per_severity}");
    }

    #[test]
    fn each_severity_has_its_incident() {
        let (warning, rise) = (Severity::Warning, TransitionKind::Change { from: Severity::Warning });
        check(TransitionKind::Trigger, false, &[], &["+ critical"]);
        check(TransitionKind::Trigger, true, &[], &["+//critical critical"]);
        check(rise, false, &[("", warning)], &["+ critical"]);
        check(rise, true, &[("//warning", warning)], &["+//critical critical", "-//warning warning"]);
        check(
            TransitionKind::Resolve,
            true,
            &[("//critical", Severity::Critical)],
            &["-//critical critical"],
        );
        check(TransitionKind::Resolve, true, &[], &["-//critical critical"]);
        // The setting has changed while it went on.
        check(rise, true, &[("", warning)], &["+//critical critical", "- warning"]);
        check(rise, false, &[("//warning", warning)], &["+ critical", "-//warning warning"]);
        check(TransitionKind::Resolve, true, &[("", warning)], &["- warning"]);
    }

    #[test]
    fn keys_lead_back_to_their_alert() {
        let key = AlertKey("rule/group/group//on_battery".into());
        assert_eq!(base(&key.0), &*key.0);
        let at = key_at(&key, Severity::Error);
        assert_eq!(&*at.0, "rule/group/group//on_battery//error");
        assert_eq!((base(&at.0), key_at(&at, Severity::Error)), (&*key.0, at.clone()));
    }
}
