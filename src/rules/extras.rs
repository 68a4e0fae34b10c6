//! What a rule may ask for beyond thresholds and times: rates of change, groups, schedules, damping
//! of flapping, and what missing data means. Most rules ask for none of it, and pay for none of it.

use super::unit::Per;
use crate::model::{Component, Source, UnixMillis};
use jiff::civil;
use jiff::tz::TimeZone;
use std::time::Duration;

/// What it means that a reading is missing although its device answers. While the device itself is
/// silent, all its alerts stand still, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoData {
    /// The alert stands still: it neither begins nor ends, and its clocks stop.
    #[default]
    Keep,
    /// As if the condition did not hold: a pending alert is forgotten, a firing one ends.
    Ignore,
    /// As if the mildest threshold were crossed.
    Alert,
}

impl NoData {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Ignore, Self::Alert];

    /// Its name in rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Ignore => "ignore",
            Self::Alert => "alert",
        }
    }
}

/// When an alert is taken to flap: it then ends (or becomes milder) only after it has been over for
/// as long as the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    /// So many begins (and rises to a worse severity)..
    pub begins: u32,
    /// ..within this time.
    pub within: Duration,
}

/// A rule holds the change of a reading against its thresholds, not the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The time that the thresholds refer to.
    pub per: Per,
    /// The time over which the change is measured.
    pub over: Duration,
}

/// A rule holds what readings of several devices come to against its thresholds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Readings with the same values of these belong together.
    pub by: Box<[GroupBy]>,
    /// What is made of them.
    pub combine: Combine,
}

/// Names and values that tell one group from another, in the rule's order.
pub type GroupValues = Vec<(Box<str>, Box<str>)>;

/// What tells one group from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// A label of the device.
    Label(Box<str>),
    /// The device itself: what its components come to.
    Device,
    /// The component's index.
    ComponentIndex,
    /// The component's label.
    ComponentLabel,
    /// The component's kind.
    ComponentKind,
}

impl Group {
    /// The names and values by which the device falls into its group, or the label that it lacks.
    ///
    /// # Errors
    /// The label's name.
    pub fn of_source(&self, source: &Source) -> Result<GroupValues, &str> {
        let told = self.by.iter().filter(|it| matches!(it, GroupBy::Label(_) | GroupBy::Device));
        told.map(|by| match by.of_source(source) {
            Some(value) => Ok((by.name().into(), value.into())),
            None => Err(by.name()),
        })
        .collect()
    }

    /// The same of one of its components: what tells it from others in the same group of devices.
    #[must_use]
    pub fn of_component(&self, component: &Component) -> GroupValues {
        let told =
            self.by.iter().filter_map(|by| Some((by.name().into(), by.of_component(component)?.into())));
        told.collect()
    }
}

impl GroupBy {
    /// What a rule writes for the device itself.
    pub const DEVICE: &'static str = "device";
    /// What a rule writes for the component's index.
    pub const COMPONENT_INDEX: &'static str = "component.index";
    /// What a rule writes for the component's label.
    pub const COMPONENT_LABEL: &'static str = "component.label";
    /// What a rule writes for the component's kind.
    pub const COMPONENT_KIND: &'static str = "component.kind";

    /// What that text means.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text {
            Self::DEVICE => Self::Device,
            Self::COMPONENT_INDEX => Self::ComponentIndex,
            Self::COMPONENT_LABEL => Self::ComponentLabel,
            Self::COMPONENT_KIND => Self::ComponentKind,
            label => Self::Label(label.into()),
        }
    }

    /// The value by which that device falls into its group; `None`: it has none, or components tell.
    #[must_use]
    pub fn of_source<'a>(&self, source: &'a Source) -> Option<&'a str> {
        match self {
            Self::Label(label) => source.labels.value(label),
            Self::Device => Some(&source.device),
            Self::ComponentIndex | Self::ComponentLabel | Self::ComponentKind => None,
        }
    }

    /// The value by which that component falls into its group; `None`: its device tells.
    #[must_use]
    pub fn of_component<'a>(&self, component: &'a Component) -> Option<&'a str> {
        match self {
            Self::Label(_) | Self::Device => None,
            Self::ComponentIndex => Some(&component.index),
            Self::ComponentLabel => Some(&component.label),
            Self::ComponentKind => Some(component.kind.name()),
        }
    }

    /// As a rule writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Label(label) => label,
            Self::Device => Self::DEVICE,
            Self::ComponentIndex => Self::COMPONENT_INDEX,
            Self::ComponentLabel => Self::COMPONENT_LABEL,
            Self::ComponentKind => Self::COMPONENT_KIND,
        }
    }
}

/// What is made of a group's readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Their sum. A percentage of rated is that of the smallest rating in the group: the redundancy
    /// rule, whether one feed could carry all.
    Sum,
    /// The largest less the smallest.
    Difference,
}

impl Combine {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sum, Self::Difference];

    /// Its name in rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Difference => "difference",
        }
    }
}

/// The times of the week in which alerts of a rule may begin. Those that go on end at any time.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// By day, Monday first.
    pub days: [bool; 7],
    /// From then on..
    pub from: civil::Time,
    /// ..until then: on the next day, if it is not later. Midnight is the end of the day.
    pub to: civil::Time,
    /// Where these are the times of day.
    pub zone: TimeZone,
}

impl Schedule {
    /// Whether alerts may begin at that time. The hours after midnight of a span that began the day
    /// before count as that day's.
    #[must_use]
    pub fn is_active(&self, at: UnixMillis) -> bool {
        let Ok(time) = jiff::Timestamp::from_millisecond(at.0) else { return true };
        let local = self.zone.to_datetime(time);
        let today = usize::try_from(local.date().weekday().to_monday_zero_offset()).unwrap_or(0);
        let is_on = |day: usize| self.days.get(day % 7).copied().unwrap_or(false);
        let now = local.time();
        if self.from < self.to {
            return is_on(today) && self.from <= now && now < self.to;
        }
        (is_on(today) && self.from <= now) || (is_on(today + 6) && now < self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;
    use crate::model::UnixMillis;
    use jiff::tz::{TimeZone, TimeZoneDatabase};

    /// Whether a schedule is active at a time of a zone.
    fn active(schedule: &Schedule, time: &str) -> bool {
        let civil: jiff::civil::DateTime = time.parse().unwrap();
        let stamp = civil.to_zoned(schedule.zone.clone()).unwrap().timestamp();
        schedule.is_active(UnixMillis(stamp.as_millisecond()))
    }

    fn schedule(days: [u8; 7], from: &str, to: &str, zone: TimeZone) -> Schedule {
        let time = |it: &str| it.parse().unwrap();
        Schedule { days: days.map(|it| it == 1), from: time(from), to: time(to), zone }
    }

    #[test]
    fn office_hours() {
        let zone = TimeZoneDatabase::bundled().get("Europe/Amsterdam").unwrap();
        let office = schedule([1, 1, 1, 1, 1, 0, 0], "08:00", "18:00", zone);
        // 2026-11-23 is a Monday.
        for (time, is_active) in [
            ("2026-11-23T07:59:59", false),
            ("2026-11-23T08:00:00", true),
            ("2026-11-23T17:59:59", true),
            ("2026-11-23T18:00:00", false),
            ("2026-11-27T12:00:00", true),
            ("2026-11-28T12:00:00", false),
            ("2026-07-01T08:00:00", true),
        ] {
            assert_eq!(active(&office, time), is_active, "{time}");
        }
        // 07:30 UTC in summer is 09:30 there.
        let summer: jiff::Timestamp = "2026-07-01T07:30:00Z".parse().unwrap();
        assert!(office.is_active(UnixMillis(summer.as_millisecond())));
    }

    #[test]
    fn nights_belong_to_the_day_on_which_they_begin() {
        let night = schedule([0, 0, 0, 0, 1, 0, 0], "22:00", "06:00", TimeZone::UTC);
        for (time, is_active) in [
            ("2026-11-27T21:59:00", false),
            ("2026-11-27T22:00:00", true),
            ("2026-11-28T05:59:00", true),
            ("2026-11-28T06:00:00", false),
            ("2026-11-28T22:00:00", false),
            ("2026-11-27T05:00:00", false),
        ] {
            assert_eq!(active(&night, time), is_active, "{time}");
        }
        let whole_day = schedule([1, 0, 0, 0, 0, 0, 0], "00:00", "00:00", TimeZone::UTC);
        assert!(active(&whole_day, "2026-11-23T00:00:00") && active(&whole_day, "2026-11-23T23:59:59"));
        assert!(!active(&whole_day, "2026-11-24T00:00:00"));
    }

    /// On the day that clocks go forward the hour after 02:00 does not exist; spans around it hold.
    #[test]
    fn clock_changes() {
        let zone = TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
        let early = schedule([1; 7], "02:30", "04:00", zone);
        let at = |text: &str| {
            let stamp: jiff::Timestamp = text.parse().unwrap();
            early.is_active(UnixMillis(stamp.as_millisecond()))
        };
        // 2026-03-29: 01:00 UTC is 03:00 summer time, right after 01:59:59 winter time.
        assert!(!at("2026-03-29T00:59:59Z") && at("2026-03-29T01:00:00Z") && !at("2026-03-29T02:00:00Z"));
        // 2026-10-25: the hour from 02:00 comes twice; 02:45 counts both times.
        assert!(at("2026-10-25T00:45:00Z") && at("2026-10-25T01:45:00Z") && !at("2026-10-25T01:15:00Z"));
    }
}
