//! Silences and maintenance windows: which alerts nobody is woken for, and until when.
//!
//! A silence holds back what begins or worsens while it lasts; what ends is told all the same, so that
//! no incident stays open because of it. When it ends, what still goes on is announced. Pure.

use super::by_severity;
use crate::alert::AlertFacts;
use crate::model::{Severity, UnixMillis};
use crate::rules::Glob;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One condition of a silence: a label or fact whose text fits a pattern (`*` and `?`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// A label, or one of [`FACTS`].
    pub name: Box<str>,
    /// What its text must fit; a label that is absent has the empty text.
    pub pattern: Glob,
    /// Whether it must not fit.
    pub negated: bool,
}

/// What can be matched beside labels. A label of the same name hides the fact.
pub const FACTS: [&str; 6] = ["device", "rule", "rule_type", "severity", "component", "alert"];

impl Matcher {
    /// Reads `name=pattern` or `name!=pattern`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, pattern) = text.split_once('=')?;
        let (name, negated) = match name.strip_suffix('!') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let name = name.trim();
        (!name.is_empty()).then(|| Self { name: name.into(), pattern: Glob::new(pattern.trim()), negated })
    }

    /// Whether an alert of that severity fits.
    #[must_use]
    pub fn fits(&self, facts: &AlertFacts, severity: Severity) -> bool {
        self.pattern.matches(text_of(facts, severity, &self.name)) != self.negated
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.name, if self.negated { "!=" } else { "=" }, self.pattern.text())
    }
}

/// The text of an alert's label or fact; empty if it has none.
#[must_use]
pub fn text_of<'a>(facts: &'a AlertFacts, severity: Severity, name: &str) -> &'a str {
    if let Some(value) = facts.labels.value(name) {
        return value;
    }
    match name {
        "device" => &facts.device,
        "rule" => &facts.rule,
        "rule_type" => facts.rule_type,
        "severity" => severity.name(),
        "component" => facts.component.as_ref().map_or("", |(kind, ..)| kind.name()),
        "alert" => by_severity::base(&facts.key.0),
        _ => "",
    }
}

/// A silence that an operator has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Given by us.
    pub id: u64,
    /// All of these must fit; at least one.
    pub matchers: Vec<Matcher>,
    /// From then on.
    pub starts: UnixMillis,
    /// Until then.
    pub ends: UnixMillis,
    /// Who set it.
    pub by: Arc<str>,
    /// Why.
    pub comment: Arc<str>,
}

impl Silence {
    /// Whether it holds at that time.
    #[must_use]
    pub const fn is_active(&self, at: UnixMillis) -> bool {
        self.starts.0 <= at.0 && at.0 < self.ends.0
    }

    /// Whether it holds back that alert at that time.
    #[must_use]
    pub fn holds(&self, facts: &AlertFacts, severity: Severity, at: UnixMillis) -> bool {
        self.is_active(at) && self.matchers.iter().all(|it| it.fits(facts, severity))
    }
}

/// A maintenance window of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// Its name.
    pub name: Arc<str>,
    /// All of these must fit; at least one.
    pub matchers: Vec<Matcher>,
    /// From then on.
    pub starts: UnixMillis,
    /// Until then.
    pub ends: UnixMillis,
}

/// Why an alert is held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silencer {
    /// An operator's silence.
    Silence(u64),
    /// A maintenance window.
    Maintenance(Arc<str>),
}

/// All silences of operators.
#[derive(Debug, Clone, Default)]
pub struct Silences {
    by_id: BTreeMap<u64, Arc<Silence>>,
}

impl Silences {
    /// As many at most; over it the one that ends first goes. Each alert that begins is held against
    /// all of them.
    pub const MAX: usize = 1_000;
    /// Ended ones are shown for a day.
    const KEPT_MILLIS: i64 = 24 * 3_600 * 1_000;

    /// Those that were kept on disk.
    pub fn restore(kept: impl IntoIterator<Item = Silence>) -> Self {
        Self { by_id: kept.into_iter().map(|it| (it.id, Arc::new(it))).collect() }
    }

    /// Adds one and gives it its id. Returns it, and the ids of those that had to go.
    pub fn add(&mut self, mut silence: Silence) -> (Arc<Silence>, Vec<u64>) {
        silence.id = self.by_id.keys().next_back().map_or(1, |it| it + 1);
        let kept = Arc::new(silence);
        self.by_id.insert(kept.id, Arc::clone(&kept));
        let mut gone = Vec::new();
        while Self::MAX < self.by_id.len()
            && let Some(first) = self.by_id.values().min_by_key(|it| it.ends).map(|it| it.id)
        {
            self.by_id.remove(&first);
            gone.push(first);
        }
        (kept, gone)
    }

    /// Ends one at that time; `None` if there is none or it is over.
    pub fn end(&mut self, id: u64, at: UnixMillis) -> Option<Arc<Silence>> {
        let silence = self.by_id.get_mut(&id).filter(|it| at < it.ends)?;
        let mut ended = Silence::clone(silence);
        ended.ends = at;
        *silence = Arc::new(ended);
        Some(Arc::clone(silence))
    }

    /// Forgets those that ended long ago; returns their ids.
    pub fn forget_old(&mut self, at: UnixMillis) -> Vec<u64> {
        let old = |it: &&Arc<Silence>| it.ends.0.saturating_add(Self::KEPT_MILLIS) < at.0;
        let ids: Vec<u64> = self.by_id.values().filter(old).map(|it| it.id).collect();
        for id in &ids {
            self.by_id.remove(id);
        }
        ids
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Silence>> {
        self.by_id.values()
    }

    /// What holds back that alert at that time, if anything does.
    #[must_use]
    pub fn find(
        &self,
        maintenance: &[Maintenance],
        facts: &AlertFacts,
        severity: Severity,
        at: UnixMillis,
    ) -> Option<Silencer> {
        let window = maintenance.iter().find(|it| {
            it.starts <= at && at < it.ends && it.matchers.iter().all(|one| one.fits(facts, severity))
        });
        if let Some(window) = window {
            return Some(Silencer::Maintenance(Arc::clone(&window.name)));
        }
        self.by_id.values().find(|it| it.holds(facts, severity, at)).map(|it| Silencer::Silence(it.id))
    }
}

#[cfg(test)]
mod tests {
    use super::{Matcher, Silence, Silencer, Silences};
    use crate::model::{Severity, UnixMillis};
    use crate::notify::fixtures::facts;

    fn silence(matchers: &[&str], starts: i64, ends: i64) -> Silence {
        Silence {
            id: 0,
            matchers: matchers.iter().map(|it| Matcher::parse(it).unwrap()).collect(),
            starts: UnixMillis(starts),
            ends: UnixMillis(ends),
            by: "ann".into(),
            comment: "".into(),
        }
    }

    #[test]
    fn matchers() {
        let facts = facts("pdu-a1");
        for (text, fits) in [
            ("site=DC1", true),
            ("site=DC*", true),
            ("site!=DC1", false),
            ("device=pdu-*", true),
            ("rule=infeed-load", true),
            ("rule_type=ups", false),
            ("severity=critical", true),
            ("component=infeed", true),
            ("tenant=", true),
            ("tenant!=", false),
        ] {
            let matcher = Matcher::parse(text).unwrap();
            assert_eq!(matcher.fits(&facts, Severity::Critical), fits, "{text}");
            assert_eq!(matcher.to_string(), text);
        }
        assert!(Matcher::parse("site").is_none() && Matcher::parse("=x").is_none());
    }

    #[test]
    fn a_silence_lasts_from_its_start_to_its_end() {
        let mut silences = Silences::default();
        let (kept, _) = silences.add(silence(&["site=DC1", "device=pdu-a*"], 100, 200));
        let found = |silences: &Silences, at| {
            silences.find(&[], &facts("pdu-a1"), Severity::Critical, UnixMillis(at))
        };
        assert_eq!(found(&silences, 99), None);
        assert_eq!(found(&silences, 100), Some(Silencer::Silence(kept.id)));
        assert_eq!(found(&silences, 200), None);
        assert!(silences.find(&[], &facts("ups-1"), Severity::Critical, UnixMillis(150)).is_none());
        assert!(silences.end(kept.id, UnixMillis(120)).is_some());
        assert_eq!(found(&silences, 150), None);
        assert!(silences.end(kept.id, UnixMillis(130)).is_none(), "it is over");
        assert_eq!(silences.forget_old(UnixMillis(130)), [] as [u64; 0]);
        assert_eq!(silences.forget_old(UnixMillis(100_000_000)), [kept.id]);
    }

    #[test]
    fn over_the_limit_the_one_that_ends_first_goes() {
        let mut silences = Silences::default();
        for number in 0..1_000 {
            silences.add(silence(&["site=x"], 0, 1_000 + number));
        }
        let (_, gone) = silences.add(silence(&["site=y"], 0, 9_000));
        assert_eq!(gone, [1]);
    }
}
