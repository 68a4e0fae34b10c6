//! Storms: many alerts of one cause become one incident.
//!
//! Alerts that begin are counted by place (rack, site, one rule's everywhere: [`StormSettings::levels`],
//! narrowest first), severity and receivers. When as many as the threshold begin within the window at one place,
//! a group opens there: what has not been announced yet, and what begins from then on, joins it. A group
//! that nobody has joined for a while takes no more, so that a later trouble wakes somebody again; it
//! ends with its last member. Nothing worse hides in a group: severities do not mix.
//!
//! Pure; what is told to whom is the ledger's.

use super::silence::text_of;
use crate::alert::{AlertFacts, AlertKey};
use crate::model::{Moment, Severity};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// When many alerts are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StormSettings {
    /// Labels (or facts) whose values name a place, narrowest place first; the empty list is
    /// everywhere. None: every alert is an incident of its own.
    pub levels: Vec<Vec<Arc<str>>>,
    /// So many at one place...
    pub threshold: usize,
    /// ..within so long.
    pub window: Duration,
    /// How long a single alert waits for others before it is announced; zero: not at all.
    pub wait: Duration,
    /// A group's news are told at most so often (and when it has doubled).
    pub update_every: Duration,
}

impl Default for StormSettings {
    /// Sixteen within half a minute: fewer are single troubles, of which each deserves its page, and
    /// more would not be read. Beyond a site only alerts of one rule have a cause in common: licences
    /// that run out and subnets that fill up elsewhere have none.
    fn default() -> Self {
        let level = |name: &str| vec![Arc::from(name)];
        Self {
            levels: vec![level("rack"), level("room"), level("site"), level("rule")],
            threshold: 16,
            window: Duration::from_secs(30),
            wait: Duration::ZERO,
            update_every: Duration::from_secs(60),
        }
    }
}

/// The rule type of a group's own alert.
pub const GROUP_RULE_TYPE: &str = "group";

/// Places whose arrivals are remembered at most; the rest count as single alerts.
const PLACES_MAX: usize = 100_000;

/// Where, how bad, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Place {
    level: usize,
    values: Vec<Box<str>>,
    severity: Severity,
    targets: Vec<Arc<str>>,
}

/// A group that goes on.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    place: Option<Place>,
    /// What it is called: `site DC1`.
    pub(crate) name: Arc<str>,
    /// The worst of its members.
    pub(crate) severity: Severity,
    /// Labels of its place.
    pub(crate) labels: Vec<(Box<str>, Box<str>)>,
    pub(crate) targets: Vec<Arc<str>>,
    /// When the last one joined.
    joined: Moment,
    /// How many there are now, and ever were.
    pub(crate) members: usize,
    pub(crate) total: usize,
    /// What was told last, and when.
    told: usize,
    told_at: Moment,
}

/// What becomes of an alert that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is announced on its own.
    Single,
    /// It joins that group.
    Joins(AlertKey),
    /// It opens that group, which these may join with it.
    Opens(AlertKey, Vec<AlertKey>),
}

/// All storms.
#[derive(Debug, Default)]
pub(crate) struct Storms {
    arrivals: HashMap<Place, VecDeque<(Moment, AlertKey)>>,
    groups: BTreeMap<AlertKey, Group>,
    open: HashMap<Place, AlertKey>,
}

impl Storms {
    /// Takes over a group of an earlier process: it takes no more.
    pub(crate) fn restore(&mut self, key: &AlertKey, facts: &AlertFacts, severity: Severity, members: usize) {
        let labels = facts.labels.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let group = Group {
            place: None,
            name: Arc::clone(&facts.device),
            severity,
            labels,
            targets: facts.integrations.to_vec(),
            joined: Moment::ZERO,
            members,
            total: members,
            told: members,
            told_at: Moment::ZERO,
        };
        self.groups.insert(key.clone(), group);
    }

    /// How many alerts are in groups.
    pub(crate) fn members(&self) -> usize {
        self.groups.values().map(|it| it.members).sum()
    }

    /// How many members each group has.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&AlertKey, usize)> {
        self.groups.iter().map(|(key, group)| (key, group.members))
    }

    /// The group of that key.
    pub(crate) fn group(&self, key: &AlertKey) -> Option<&Group> {
        self.groups.get(key)
    }

    /// An alert begins. `number` makes the key of a group that opens unlike any before it.
    pub(crate) fn admit(
        &mut self,
        settings: &StormSettings,
        facts: &AlertFacts,
        severity: Severity,
        targets: &[Arc<str>],
        number: i64,
        now: Moment,
    ) -> Admission {
        let places = places(settings, facts, severity, targets);
        for place in &places {
            let Some(key) = self.open.get(place).cloned() else { continue };
            match self.groups.get_mut(&key).filter(|it| now < it.joined + settings.window) {
                Some(group) => {
                    group.joined = now;
                    group.members += 1;
                    group.total += 1;
                    return Admission::Joins(key);
                }
                None => drop(self.open.remove(place)),
            }
        }
        for place in &places {
            self.arrive(settings, place, &facts.key, now);
        }
        let Some(place) = places
            .into_iter()
            .find(|it| self.arrivals.get(it).is_some_and(|it| settings.threshold <= it.len()))
        else {
            return Admission::Single;
        };
        let (key, others) = self.open(settings, place, &facts.key, number, now);
        Admission::Opens(key, others)
    }

    fn arrive(&mut self, settings: &StormSettings, place: &Place, key: &AlertKey, now: Moment) {
        if PLACES_MAX <= self.arrivals.len() && !self.arrivals.contains_key(place) {
            return;
        }
        let arrivals = self.arrivals.entry(place.clone()).or_default();
        while arrivals.front().is_some_and(|(at, _)| *at + settings.window <= now) {
            arrivals.pop_front();
        }
        if !arrivals.iter().any(|(_, it)| it == key) {
            arrivals.push_back((now, key.clone()));
        }
    }

    fn open(
        &mut self,
        settings: &StormSettings,
        place: Place,
        first: &AlertKey,
        number: i64,
        now: Moment,
    ) -> (AlertKey, Vec<AlertKey>) {
        let names = settings.levels.get(place.level).map(Vec::as_slice).unwrap_or_default();
        let labels: Vec<(Box<str>, Box<str>)> =
            names.iter().zip(&place.values).map(|(name, value)| ((&**name).into(), value.clone())).collect();
        let words: Vec<String> = labels.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let words = words.join(", ");
        let is_anywhere = names.iter().all(|it| &**it == "rule");
        let name = if is_anywhere { "several places" } else { &words };
        let place_name = if words.is_empty() { name } else { &words };
        let mut key = AlertKey(format!("group/{place_name}/{}/{number}", place.severity.name()).into());
        while self.groups.contains_key(&key) {
            key = AlertKey(format!("{key}+").into());
        }
        let others = self.arrivals.remove(&place).unwrap_or_default();
        let others: Vec<AlertKey> = others.into_iter().map(|(_, it)| it).filter(|it| it != first).collect();
        let group = Group {
            name: name.into(),
            severity: place.severity,
            labels,
            targets: place.targets.clone(),
            place: Some(place.clone()),
            joined: now,
            members: 1,
            total: 1,
            told: 0,
            told_at: now,
        };
        self.groups.insert(key.clone(), group);
        self.open.insert(place, key.clone());
        (key, others)
    }

    /// An alert that was counted on its own joins after all.
    pub(crate) fn absorbed(&mut self, key: &AlertKey) {
        if let Some(group) = self.groups.get_mut(key) {
            group.members += 1;
            group.total += 1;
        }
    }

    /// A member is gone. Returns the group if it was the last one.
    pub(crate) fn leave(&mut self, key: &AlertKey) -> Option<Group> {
        let group = self.groups.get_mut(key)?;
        group.members = group.members.saturating_sub(1);
        if 0 < group.members {
            return None;
        }
        let group = self.groups.remove(key)?;
        if let Some(place) = &group.place
            && self.open.get(place) == Some(key)
        {
            self.open.remove(place);
        }
        Some(group)
    }

    /// Groups that have no members: those of an earlier process that ended before it could say so.
    pub(crate) fn vacant(&self) -> Vec<AlertKey> {
        self.groups.iter().filter(|(_, it)| it.members == 0).map(|(key, _)| key.clone()).collect()
    }

    /// Groups with news that are due to be told.
    pub(crate) fn news(&mut self, settings: &StormSettings, now: Moment) -> Vec<AlertKey> {
        let mut due = Vec::new();
        for (key, group) in &mut self.groups {
            let doubled = 0 < group.told && group.told.saturating_mul(2) <= group.members;
            let is_due =
                group.members != group.told && (doubled || group.told_at + settings.update_every <= now);
            if is_due {
                due.push(key.clone());
            }
        }
        self.arrivals.retain(|_, it| it.back().is_some_and(|(at, _)| now < *at + settings.window));
        due
    }

    /// What there is has been told.
    pub(crate) fn told(&mut self, key: &AlertKey, now: Moment) {
        if let Some(group) = self.groups.get_mut(key) {
            (group.told, group.told_at) = (group.members, now);
        }
    }
}

/// The places of an alert, narrowest first. Without a value for one of a level's names it has none there.
fn places(
    settings: &StormSettings,
    facts: &AlertFacts,
    severity: Severity,
    targets: &[Arc<str>],
) -> Vec<Place> {
    let of_level = |(level, names): (usize, &Vec<Arc<str>>)| {
        let values =
            names.iter().map(|name| Some(text_of(facts, severity, name)).filter(|it| !it.is_empty()));
        let values: Option<Vec<Box<str>>> = values.map(|it| it.map(Box::from)).collect();
        Some(Place { level, values: values?, severity, targets: targets.to_vec() })
    };
    settings.levels.iter().enumerate().filter_map(of_level).collect()
}

#[cfg(test)]
mod tests {
    use super::{Admission, StormSettings, Storms};
    use crate::alert::{AlertFacts, AlertKey};
    use crate::model::{Labels, Moment, Severity};
    use crate::notify::fixtures;
    use std::sync::Arc;
    use std::time::Duration;

    fn facts(device: usize, rack: &str, site: &str) -> AlertFacts {
        let device = format!("pdu-{device}");
        AlertFacts {
            key: AlertKey(format!("offline/{device}").into()),
            labels: Labels::new([("rack", rack), ("site", site)]),
            ..fixtures::facts(&device)
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::after_zero(Duration::from_secs(seconds))
    }

    fn admit(storms: &mut Storms, facts: &AlertFacts, severity: Severity, now: Moment) -> Admission {
        let targets = [Arc::from("ops")];
        storms.admit(&ten(), facts, severity, &targets, 7, now)
    }

    fn ten() -> StormSettings {
        StormSettings { threshold: 10, ..StormSettings::default() }
    }

    #[test]
    fn a_storm_is_one_group_of_the_narrowest_place() {
        let mut storms = Storms::default();
        for device in 0..9 {
            let admission = admit(&mut storms, &facts(device, "A1", "DC1"), Severity::Critical, at(0));
            assert_eq!(admission, Admission::Single);
        }
        let tenth = admit(&mut storms, &facts(9, "A1", "DC1"), Severity::Critical, at(1));
        let Admission::Opens(key, others) = tenth else { panic!("{tenth:?}") };
        assert_eq!((&*key.0, others.len()), ("group/rack A1/critical/7", 9));
        let next = admit(&mut storms, &facts(10, "A1", "DC1"), Severity::Critical, at(2));
        assert_eq!(next, Admission::Joins(key.clone()));
        assert_eq!(admit(&mut storms, &facts(11, "A1", "DC1"), Severity::Warning, at(2)), Admission::Single);
        // Another rack of the site, which has had nine of the storm's before: the site is next.
        let other = admit(&mut storms, &facts(12, "B7", "DC1"), Severity::Critical, at(3));
        let Admission::Opens(site, _) = other else { panic!("{other:?}") };
        assert_eq!(&*site.0, "group/site DC1/critical/7");
        assert_eq!(storms.group(&key).unwrap().members, 2);
        assert!(storms.leave(&key).is_none());
        assert!(storms.leave(&key).is_some());
    }

    #[test]
    fn what_comes_late_is_told_on_its_own() {
        let mut storms = Storms::default();
        for device in 0..10 {
            admit(&mut storms, &facts(device, "A1", "DC1"), Severity::Critical, at(0));
        }
        assert!(matches!(
            admit(&mut storms, &facts(10, "A1", "DC1"), Severity::Critical, at(29)),
            Admission::Joins(_)
        ));
        assert!(matches!(
            admit(&mut storms, &facts(11, "A1", "DC1"), Severity::Critical, at(58)),
            Admission::Joins(_)
        ));
        assert_eq!(
            admit(&mut storms, &facts(12, "A1", "DC1"), Severity::Critical, at(88)),
            Admission::Single
        );
    }

    #[test]
    fn ten_thousand_devices_of_many_racks_are_a_few_incidents() {
        let mut storms = Storms::default();
        let mut told = 0;
        for device in 0..10_000 {
            let (rack, site) = (format!("R{}", device * 7 % 250), format!("DC{}", device % 3));
            let now = Moment::after_zero(Duration::from_millis(u64::try_from(device).unwrap()));
            let (settings, facts) = (StormSettings::default(), facts(device, &rack, &site));
            match storms.admit(&settings, &facts, Severity::Critical, &[Arc::from("ops")], 7, now) {
                Admission::Single | Admission::Opens(..) => told += 1,
                Admission::Joins(_) => (),
            }
        }
        assert!(told <= 20, "{told} incidents");
    }

    #[test]
    fn far_from_each_other_only_alerts_of_one_rule_are_one() {
        let mut storms = Storms::default();
        for device in 0..9 {
            admit(&mut storms, &facts(device, "", ""), Severity::Critical, at(0));
        }
        let other = AlertFacts { rule: "license".into(), ..facts(9, "", "") };
        assert_eq!(admit(&mut storms, &other, Severity::Critical, at(1)), Admission::Single);
        let tenth = admit(&mut storms, &facts(10, "", ""), Severity::Critical, at(1));
        let Admission::Opens(key, _) = tenth else { panic!("{tenth:?}") };
        assert_eq!(&*key.0, "group/rule infeed-load/critical/7");
        assert_eq!(&*storms.group(&key).unwrap().name, "several places");
    }

    #[test]
    fn news_come_in_steps() {
        let mut storms = Storms::default();
        let settings = ten();
        for device in 0..10 {
            admit(&mut storms, &facts(device, "A1", "DC1"), Severity::Critical, at(0));
        }
        let key = AlertKey("group/rack A1/critical/7".into());
        storms.told(&key, at(0));
        assert_eq!(storms.news(&settings, at(1)), [] as [AlertKey; 0]);
        admit(&mut storms, &facts(20, "A1", "DC1"), Severity::Critical, at(1));
        assert_eq!(storms.news(&settings, at(2)), std::slice::from_ref(&key), "it has doubled");
        storms.told(&key, at(2));
        admit(&mut storms, &facts(21, "A1", "DC1"), Severity::Critical, at(3));
        assert_eq!(storms.news(&settings, at(3)), [] as [AlertKey; 0]);
        assert_eq!(storms.news(&settings, at(62)), [key], "a minute has passed");
    }
}
