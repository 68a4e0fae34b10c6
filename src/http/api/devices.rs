//! Devices as JSON.

use super::super::Limits;
use super::filter::Filter;
use super::readings::{ReadingRow, rows, sample_at, seconds};
use super::{LabelMap, Time};
use crate::model::{Batch, Now, Sample};
use crate::store::{Published, Standing};
use serde::Serialize;
use std::sync::Arc;

/// A page of devices.
#[derive(Serialize)]
pub(super) struct DevicesPage<'a> {
    devices: Vec<DeviceRow<'a>>,
    /// What to give as `after` for the next page; null on the last.
    next: Option<&'a str>,
}

/// One device.
#[derive(Serialize)]
struct DeviceRow<'a> {
    name: &'a str,
    address: &'a str,
    labels: LabelMap<'a>,
    profile: Option<&'a str>,
    identity: IdentityRow<'a>,
    interval_seconds: f64,
    up: bool,
    stale: bool,
    error: Option<ErrorRow>,
    last_poll: Time,
    age_seconds: f64,
    last_success: Option<Time>,
    poll_duration_seconds: f64,
    requests: RequestsRow,
    readings_total: usize,
    readings_missing: usize,
}

/// What the last poll took, and what was found out of the agent.
#[derive(Serialize)]
struct RequestsRow {
    sent: u32,
    repeated: u32,
    round_trip_seconds: Option<f64>,
    cells_per_get: u32,
    octets_per_get: u32,
    repetitions_per_getbulk: u32,
    too_many: TooManyRow,
}

/// The least that the agent was found not to bear.
#[derive(Serialize)]
struct TooManyRow {
    cells: Option<u32>,
    octets: Option<u32>,
    repetitions: Option<u32>,
}

/// Who a device says it is. Empty where it does not say.
#[derive(Serialize)]
struct IdentityRow<'a> {
    vendor: &'a str,
    model: &'a str,
    serial: &'a str,
    firmware: &'a str,
    sys_object_id: String,
    sys_descr: &'a str,
    sys_name: &'a str,
}

/// Why a poll failed.
#[derive(Serialize)]
struct ErrorRow {
    class: &'static str,
    message: String,
}

/// One device with its readings.
#[derive(Serialize)]
pub(super) struct DeviceAnswer<'a> {
    #[serde(flatten)]
    device: DeviceRow<'a>,
    readings: Vec<ReadingRow<'a>>,
}

/// The wanted devices, up to the limit.
pub(super) fn list<'a>(snapshot: &'a [Arc<Published>], filter: &Filter, now: Now) -> DevicesPage<'a> {
    let limit = filter.limit.unwrap_or(Limits::DEVICES_PAGE).min(Limits::DEVICES_PAGE_MAX);
    let mut wanted = snapshot.iter().filter(|it| {
        let source = &it.batch().source;
        filter.wants_device(&source.device, &source.labels)
    });
    let devices: Vec<_> = wanted.by_ref().take(limit).map(|it| row(it, now)).collect();
    let next = wanted.next().and_then(|_| devices.last()).map(|it| it.name);
    DevicesPage { devices, next }
}

/// One device with all its readings.
pub(super) fn one(published: &Published, now: Now) -> DeviceAnswer<'_> {
    let everything = Filter::EVERYTHING;
    let readings = rows(published, &everything, now).collect();
    DeviceAnswer { device: row(published, now), readings }
}

fn row(published: &Published, now: Now) -> DeviceRow<'_> {
    let batch = published.batch();
    let (source, identity) = (&batch.source, &batch.source.identity);
    DeviceRow {
        name: &source.device,
        address: &source.address,
        labels: LabelMap(&source.labels),
        profile: (!source.profile.is_empty()).then_some(&*source.profile),
        identity: IdentityRow {
            vendor: &identity.vendor,
            model: &identity.model,
            serial: &identity.serial,
            firmware: &identity.firmware,
            sys_object_id: identity.sys_object_id.to_string(),
            sys_descr: &identity.sys_descr,
            sys_name: &identity.sys_name,
        },
        interval_seconds: seconds(source.interval),
        up: published.standing(now) == Standing::Up,
        stale: published.is_stale(now),
        error: batch.error.as_ref().map(|it| ErrorRow { class: it.class(), message: it.to_string() }),
        last_poll: Time(batch.time.unix),
        age_seconds: seconds(published.age(now)),
        last_success: published.last_good().map(|it| Time(it.time.unix)),
        poll_duration_seconds: batch.duration.as_secs_f64(),
        requests: RequestsRow {
            sent: batch.effort.requests,
            repeated: batch.effort.repeats,
            round_trip_seconds: batch.effort.round_trip.map(|it| it.as_secs_f64()),
            cells_per_get: batch.effort.cells.asked,
            octets_per_get: batch.effort.octets.asked,
            repetitions_per_getbulk: batch.effort.repetitions.asked,
            too_many: TooManyRow {
                cells: batch.effort.cells.failed,
                octets: batch.effort.octets.failed,
                repetitions: batch.effort.repetitions.failed,
            },
        },
        readings_total: batch.shape.readings.len(),
        readings_missing: missing(batch),
    }
}

/// How many readings of a batch have no value.
pub(super) fn missing(batch: &Batch) -> usize {
    (0..batch.shape.readings.len()).filter(|&at| matches!(sample_at(batch, at), Sample::Missing(_))).count()
}
