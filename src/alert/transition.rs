//! What the life cycle says: an alert begins, changes its severity, or ends, and why.

use crate::model::{ComponentKind, Labels, Locator, Severity, UnixMillis};
use std::fmt;
use std::sync::Arc;

/// An alert's identity: the same for as long as rule, device, component and reading keep their names,
/// over restarts and reloads. Readable; the receiver's deduplication key is made from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertKey(pub Arc<str>);

impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The condition holds, but not for long enough yet.
    Pending,
    /// It has been announced.
    Firing,
}

impl Phase {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// What is known of an alert when it begins, changes or ends: all that a woken person needs.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertFacts {
    /// Its identity.
    pub key: AlertKey,
    /// The rule's name.
    pub rule: Arc<str>,
    /// The rule type, as `power_unit_infeed`.
    pub rule_type: &'static str,
    /// The rule's trigger, as `percent_of_rated`.
    pub trigger: &'static str,
    /// The rule's notes for whoever is woken, if any.
    pub notes: Option<Arc<str>>,
    /// A link to what to do, if the rule has one.
    pub runbook: Option<Arc<str>>,
    /// The integrations that the rule names; empty: the default ones.
    pub integrations: Arc<[Arc<str>]>,
    /// The device's name.
    pub device: Arc<str>,
    /// The device's address.
    pub address: String,
    /// The device's vendor and model, as one text; may be empty.
    pub model: String,
    /// The device's labels.
    pub labels: Labels,
    /// The component's kind, index and label; `None` for an alert of the device itself.
    pub component: Option<(ComponentKind, Arc<str>, Arc<str>)>,
    /// The cell that was read; `None` for an alert of the device itself.
    pub source: Option<Locator>,
    /// What was measured in the rule's unit: amperes, percent of rated, degrees. For states the name.
    pub reading: String,
    /// The same as a number, where it is one.
    pub value: Option<f64>,
    /// The unit of `value` and `threshold`: `A`, `%`, `degC`.
    pub unit: &'static str,
    /// The comparison, as `>`; empty for states and reachability.
    pub operator: &'static str,
    /// The threshold that was crossed (or, at the end, the clear value), where there is one.
    pub threshold: Option<f64>,
    /// The rated value that a percentage refers to, where there is one, in the base unit.
    pub rated: Option<f64>,
    /// What else was read of the component at that time, and what the reading said in the polls before,
    /// newest first: names and texts.
    pub last_values: Vec<(Box<str>, Box<str>)>,
    /// When the condition began to hold.
    pub since: UnixMillis,
}

impl AlertFacts {
    /// An alert that is about no reading: of that rule (name, type and trigger), about `device`. All else is empty.
    #[must_use]
    pub fn of_no_reading(
        key: AlertKey,
        (rule, rule_type, trigger): (&str, &'static str, &'static str),
        device: Arc<str>,
        since: UnixMillis,
    ) -> Self {
        Self {
            key,
            rule: rule.into(),
            rule_type,
            trigger,
            notes: None,
            runbook: None,
            integrations: Arc::from([]),
            device,
            address: String::new(),
            model: String::new(),
            labels: Labels::default(),
            component: None,
            source: None,
            reading: String::new(),
            value: None,
            unit: "",
            operator: "",
            threshold: None,
            rated: None,
            last_values: Vec::new(),
            since,
        }
    }
}

/// What happened to the alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransitionKind {
    /// It begins.
    Trigger,
    /// Its severity changes while it goes on.
    Change {
        /// What it was.
        from: Severity,
    },
    /// It ends.
    Resolve,
}

/// One step of an alert, to be announced.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// What happened.
    pub kind: TransitionKind,
    /// The severity now; at the end, the last one.
    pub severity: Severity,
    /// When.
    pub at: UnixMillis,
    /// Why, in words for a person: `23.4 A > 20 A for 30 s`, `18.9 A <= 19 A`, `rule removed`.
    pub reason: String,
    /// The alert.
    pub facts: Arc<AlertFacts>,
}
