//! A checked rule: every name known, every threshold on its right side.

use super::extras::{Flapping, Group, NoData, Rate, Schedule};
use super::kind::{RuleType, Trigger};
use super::limit::{Limit, Operator};
use super::selector::{Glob, Selection};
use super::unit::RuleUnit;
use crate::model::{Component, ComponentKind, Ratings, Severity, Source};
use std::sync::Arc;
use std::time::Duration;

/// A checked rule. Only [`super::check`] makes one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// Its type.
    pub rule_type: RuleType,
    /// Its trigger.
    pub trigger: &'static Trigger,
    /// The objects that it is for.
    pub selection: Selection,
    /// The component kinds that it looks at.
    pub components: Box<[ComponentKind]>,
    /// The components' indices or labels; empty: all.
    pub indices: Box<[Glob]>,
    /// The readings' names; empty: see [`super::RuleInput::names`].
    pub names: Box<[Glob]>,
    /// When it holds.
    pub condition: Condition,
    /// How long it must hold before it is announced.
    pub hold_for: Duration,
    /// How long it must be over before it is resolved.
    pub keep_firing_for: Duration,
    /// What it means that a reading is missing although its device answers.
    pub no_data: NoData,
    /// When its alerts are taken to flap; `None`: never.
    pub flapping: Option<Flapping>,
    /// That the change of readings is judged; `None`: the readings themselves are.
    pub rate: Option<Rate>,
    /// That readings are judged together; `None`: each by itself.
    pub group: Option<Group>,
    /// When alerts may begin; `None`: at any time.
    pub schedule: Option<Arc<Schedule>>,
    /// How often an alert that goes on is to be announced anew.
    pub resend: Option<Duration>,
    /// Ratings in place of the components' own.
    pub rated: Ratings,
    /// What to tell whoever is woken.
    pub notes: Option<Arc<str>>,
    /// A link to what to do.
    pub runbook: Option<Arc<str>>,
    /// The integrations to page through; empty: the default ones.
    pub integrations: Arc<[Arc<str>]>,
}

impl Rule {
    /// Whether it can be about anything of that device or inventory.
    #[must_use]
    pub fn is_for(&self, source: &Source) -> bool {
        self.rule_type.is_of_inventory() == source.kind.is_inventory() && self.selection.fits_source(source)
    }

    /// Whether it is about that component of a device or inventory that it is for.
    ///
    /// Unless the rule says otherwise, software is what is neither unmanaged nor ignored, and subnets are
    /// those with more than two addresses: a full /31 is no news.
    #[must_use]
    pub fn wants(&self, source: &Source, component: &Component) -> bool {
        let is_chosen = self.components.contains(&component.kind)
            && self.selection.fits_component(source, component)
            && (self.indices.is_empty()
                || self
                    .indices
                    .iter()
                    .any(|it| it.matches(&component.index) || it.matches(&component.label)));
        let label = |name| component.labels.value(name).filter(|_| !self.selection.decides(name));
        is_chosen
            && match self.rule_type {
                RuleType::Software => label("type").is_none_or(|it| {
                    !["unmanaged", "ignored"].iter().any(|other| it.eq_ignore_ascii_case(other))
                }),
                RuleType::Subnet => !label("network").is_some_and(has_two_addresses_at_most),
                _ => true,
            }
    }
}

/// Whether it is an IPv4 /31 or /32.
fn has_two_addresses_at_most(network: &str) -> bool {
    network
        .split_once('/')
        .is_some_and(|(address, length)| !address.contains(':') && matches!(length, "31" | "32"))
}

/// When a rule holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A number lies beyond a threshold.
    Threshold {
        /// On which side.
        operator: Operator,
        /// The unit of the levels.
        unit: RuleUnit,
        /// One a severity, mildest first, each further out than the one before; at least one.
        levels: Box<[Level]>,
    },
    /// A state means what the trigger asks for.
    State {
        /// How bad that is.
        severity: Severity,
    },
    /// A state's health is warning or critical, and that is the severity.
    Health,
    /// The object is there at all.
    Present {
        /// How bad that is.
        severity: Severity,
    },
    /// Polls fail.
    Unreachable {
        /// How bad that is.
        severity: Severity,
        /// After how many in a row.
        after_polls: u32,
    },
}

/// A threshold of one severity, in the rule's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The severity.
    pub severity: Severity,
    /// It begins beyond this.
    pub value: Limit,
    /// It ends when no more beyond this; on the milder side of `value`, or equal to it.
    pub clear: Limit,
}
