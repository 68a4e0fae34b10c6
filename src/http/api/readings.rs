//! Readings as JSON: the names of `rackwarden poll --json`, and what a store adds: age, staleness, and
//! the last value of a device that no longer answers.

use super::super::Limits;
use super::Time;
use super::filter::Filter;
use crate::model::{Batch, Component, Health, Missing, Now, PollError, Quantity, ReadingShape, Sample};
use crate::store::Published;
use serde::Serialize;
use std::sync::Arc;

/// A page of readings: whole devices, so that none is torn in two.
#[derive(Serialize)]
pub(super) struct ReadingsPage<'a> {
    readings: Vec<ReadingRow<'a>>,
    /// What to give as `after` for the next page; null on the last.
    next: Option<&'a str>,
}

/// One reading.
#[derive(Serialize)]
pub(super) struct ReadingRow<'a> {
    device: &'a str,
    component: &'static str,
    index: &'a str,
    label: &'a str,
    quantity: &'static str,
    name: &'a str,
    unit: &'static str,
    value: Option<f64>,
    missing: Option<&'static str>,
    /// Said only where it holds: a value against physics.
    #[serde(skip_serializing_if = "is_false")]
    suspect: bool,
    state: Option<StateRow>,
    source: String,
    rated: Option<f64>,
    age_seconds: f64,
    stale: bool,
    last_value: Option<LastValue>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
const fn is_false(it: &bool) -> bool {
    !*it
}

/// A state's name and how it is to be taken.
#[derive(Serialize)]
struct StateRow {
    name: String,
    severity: &'static str,
}

/// What was read before the device's polls began to fail.
#[derive(Serialize)]
struct LastValue {
    value: f64,
    state: Option<StateRow>,
    time: Time,
    age_seconds: f64,
}

/// The wanted readings of the wanted devices, up to the limit.
pub(super) fn page<'a>(snapshot: &'a [Arc<Published>], filter: &Filter, now: Now) -> ReadingsPage<'a> {
    let limit = filter.limit.unwrap_or(Limits::READINGS_PAGE);
    let mut readings = Vec::new();
    let mut last = None;
    for it in snapshot {
        let source = &it.batch().source;
        if !filter.wants_device(&source.device, &source.labels) {
            continue;
        }
        if limit <= readings.len() {
            return ReadingsPage { readings, next: last };
        }
        readings.extend(rows(it, filter, now));
        last = Some(it.device());
    }
    ReadingsPage { readings, next: None }
}

/// The wanted readings of one device, in the order of its shape.
pub(super) fn rows<'a, 'f>(
    published: &'a Published,
    filter: &'f Filter,
    now: Now,
) -> impl Iterator<Item = ReadingRow<'a>> + use<'a, 'f> {
    let view = View::of(published, now);
    let readings = view.shown.shape.readings.iter().enumerate();
    readings.filter_map(move |(at, reading)| {
        let component = view.shown.shape.component_of(reading)?;
        filter.wants_reading(component.kind, reading.quantity).then(|| view.row(at, reading, component))
    })
}

/// What is shown of a device: its last batch; but where that is of a failed poll and knows less than
/// the last good one, the good one's readings, each missing.
struct View<'a> {
    published: &'a Published,
    shown: &'a Batch,
    /// Why everything is missing, where the last batch does not say it reading by reading.
    missing: Option<Missing>,
    /// The batch of the last values, where the last poll failed.
    before: Option<&'a Batch>,
    now: Now,
}

impl<'a> View<'a> {
    fn of(published: &'a Published, now: Now) -> Self {
        let batch = published.batch();
        let before = batch.error.is_some().then(|| published.last_good()).flatten();
        let (shown, missing) = match (before, &batch.error) {
            (Some(good), Some(error)) if !Arc::ptr_eq(&good.shape, &batch.shape) => {
                (good, Some(reason_of(error)))
            }
            _ => (batch, None),
        };
        Self { published, shown, missing, before, now }
    }

    fn row(&self, at: usize, reading: &'a ReadingShape, component: &'a Component) -> ReadingRow<'a> {
        let sample = self.missing.map_or_else(|| sample_at(self.shown, at), Sample::Missing);
        let (value, missing) = match sample {
            Sample::Value(value) | Sample::Suspect(value) => (Some(value), None),
            Sample::Missing(reason) => (None, Some(reason.name())),
        };
        ReadingRow {
            device: self.published.device(),
            component: component.kind.name(),
            index: &component.index,
            label: &component.label,
            quantity: reading.quantity.name(),
            name: &reading.name,
            unit: reading.quantity.unit().symbol(),
            value,
            missing,
            suspect: matches!(sample, Sample::Suspect(_)),
            state: value.and_then(|it| state_row(reading, it)),
            source: reading.source.to_string(),
            rated: rated(component, reading.quantity),
            age_seconds: seconds(self.published.age(self.now)),
            stale: self.published.is_stale(self.now),
            last_value: self.before.and_then(|it| self.last_value(it, at, reading)),
        }
    }

    fn last_value(&self, before: &Batch, at: usize, reading: &ReadingShape) -> Option<LastValue> {
        let value = sample_at(before, at).value()?;
        Some(LastValue {
            value,
            state: state_row(reading, value),
            time: Time(before.time.unix),
            age_seconds: seconds(self.now.moment.since(before.time.moment)),
        })
    }
}

/// A sample; JSON has no infinite numbers, so what is not finite is missing.
pub(super) fn sample_at(batch: &Batch, at: usize) -> Sample {
    match batch.samples.get(at).copied() {
        Some(Sample::Value(value) | Sample::Suspect(value)) if !value.is_finite() => {
            Sample::Missing(Missing::WrongType)
        }
        Some(sample) => sample,
        None => Sample::Missing(Missing::NotPolled),
    }
}

/// What a failed poll means for a reading that its batch does not even name.
const fn reason_of(error: &PollError) -> Missing {
    match error {
        PollError::Timeout => Missing::Timeout,
        PollError::AgentError { .. } => Missing::AgentError,
        PollError::Snapshot { .. } => Missing::SnapshotFailed,
        PollError::Refused
        | PollError::Unreachable(_)
        | PollError::NoProfile { .. }
        | PollError::Empty { .. }
        | PollError::Malformed(_)
        | PollError::Security(_)
        | PollError::Name { .. }
        | PollError::Limit(_) => Missing::NotPolled,
    }
}

fn state_row(reading: &ReadingShape, value: f64) -> Option<StateRow> {
    if reading.quantity != Quantity::State {
        return None;
    }
    let known = reading.states.as_ref().and_then(|it| it.state(value));
    Some(match known {
        Some(state) => StateRow { name: state.name.to_string(), severity: state.health.name() },
        None => StateRow { name: value.to_string(), severity: Health::Unknown.name() },
    })
}

fn rated(component: &Component, quantity: Quantity) -> Option<f64> {
    let ratings = &component.ratings;
    match quantity {
        Quantity::Current => ratings.current_amperes,
        Quantity::ActivePower => ratings.active_power_watts,
        Quantity::ApparentPower => ratings.apparent_power_volt_amperes,
        Quantity::Voltage
        | Quantity::ReactivePower
        | Quantity::Energy
        | Quantity::PowerFactor
        | Quantity::Frequency
        | Quantity::Temperature
        | Quantity::Humidity
        | Quantity::Load
        | Quantity::Charge
        | Quantity::Runtime
        | Quantity::State
        | Quantity::Installations
        | Quantity::Licenses
        | Quantity::LicensesUsed
        | Quantity::LicenseUse
        | Quantity::Addresses
        | Quantity::AddressesUsed
        | Quantity::AddressesFree
        | Quantity::AddressUse
        | Quantity::Parts
        | Quantity::PartsAvailable
        | Quantity::PartAvailability
        | Quantity::DaysLeft
        | Quantity::Age => None,
    }
}

/// Seconds to the millisecond: more digits say nothing of a poll.
pub(super) fn seconds(duration: std::time::Duration) -> f64 {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}
