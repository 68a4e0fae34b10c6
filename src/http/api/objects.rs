//! The objects of the inventories as JSON: what the last good snapshots hold, however old.

use super::super::Limits;
use super::super::error::ApiError;
use super::LabelMap;
use super::filter::Filter;
use super::readings::sample_at;
use super::sources::age;
use crate::model::{Batch, Component, ComponentKind, Labels, Now, Ratings, ReadingShape, Sample};
use crate::store::Published;
use serde::Serialize;
use std::sync::Arc;

/// A page of objects, by source, kind and id.
#[derive(Serialize)]
pub(super) struct ObjectsPage<'a> {
    objects: Vec<ObjectRow<'a>>,
    /// What to give as `after` for the next page; null on the last.
    next: Option<String>,
}

/// One object.
#[derive(Serialize)]
struct ObjectRow<'a> {
    source: &'a str,
    kind: &'static str,
    id: &'a str,
    name: &'a str,
    labels: LabelMap<'a>,
    rated: Option<RatedRow>,
    readings: Vec<FigureRow<'a>>,
    age_seconds: Option<f64>,
    stale: bool,
}

/// What a power unit is rated for.
#[derive(Serialize)]
struct RatedRow {
    current: Option<f64>,
    active_power: Option<f64>,
    apparent_power: Option<f64>,
}

/// One reading of an object.
#[derive(Serialize)]
struct FigureRow<'a> {
    quantity: &'static str,
    name: &'a str,
    unit: &'static str,
    value: Option<f64>,
    missing: Option<&'static str>,
}

/// Where a page begins: behind that object.
struct Cursor<'a> {
    source: &'a str,
    kind: ComponentKind,
    id: &'a str,
}

impl<'a> Cursor<'a> {
    fn parse(text: &'a str) -> Result<Self, ApiError> {
        let mut parts = text.splitn(3, '/');
        let (source, kind, id) = (parts.next(), parts.next().and_then(|it| it.parse().ok()), parts.next());
        match (source, kind, id) {
            (Some(source), Some(kind), Some(id)) => Ok(Self { source, kind, id }),
            _ => {
                Err(ApiError::parameter("after", format!("`{text}` is no object"), "write what `next` said"))
            }
        }
    }

    fn is_before(&self, source: &str, component: &Component) -> bool {
        (self.source, self.kind, self.id) < (source, component.kind, &*component.index)
    }
}

/// The wanted objects, up to the limit.
pub(super) fn page<'a>(
    snapshot: &'a [Arc<Published>],
    filter: &Filter,
    now: Now,
) -> Result<ObjectsPage<'a>, ApiError> {
    let limit = filter.limit.unwrap_or(Limits::OBJECTS_PAGE).min(Limits::OBJECTS_PAGE_MAX);
    let after = filter.after.as_deref().map(Cursor::parse).transpose()?;
    let mut objects: Vec<ObjectRow<'_>> = Vec::new();
    let wanted = snapshot.iter().filter(|it| it.is_inventory() && filter.wants_source(it.device()));
    for published in wanted {
        let Some(good) = published.last_good() else { continue };
        let (age, stale) = (age(published, now), published.is_stale(now));
        let mut readings = good.shape.readings.iter().enumerate().peekable();
        for (place, component) in good.shape.components.iter().enumerate() {
            let mut of_object = Vec::new();
            // Readings stand in the order of their components.
            while let Some((at, reading)) = readings.next_if(|(_, it)| it.component as usize == place) {
                of_object.push(figure(good, at, reading));
            }
            let is_wanted = component.kind != ComponentKind::Inventory
                && after.as_ref().is_none_or(|it| it.is_before(published.device(), component))
                && filter.wants_object(component.kind, &labels(good, component));
            if !is_wanted {
                continue;
            }
            if limit <= objects.len() {
                let next = objects.last().map(|it| format!("{}/{}/{}", it.source, it.kind, it.id));
                return Ok(ObjectsPage { objects, next });
            }
            objects.push(ObjectRow {
                source: &good.source.device,
                kind: component.kind.name(),
                id: &component.index,
                name: &component.label,
                labels: LabelMap(&component.labels),
                rated: rated(component.ratings),
                readings: of_object,
                age_seconds: age,
                stale,
            });
        }
    }
    Ok(ObjectsPage { objects, next: None })
}

/// An object's own labels, and its source's where it has none of that name.
fn labels(batch: &Batch, component: &Component) -> Labels {
    Labels::new(batch.source.labels.iter().chain(component.labels.iter()))
}

fn figure<'a>(batch: &Batch, at: usize, reading: &'a ReadingShape) -> FigureRow<'a> {
    let (value, missing) = match sample_at(batch, at) {
        Sample::Value(value) | Sample::Suspect(value) => (Some(value), None),
        Sample::Missing(reason) => (None, Some(reason.name())),
    };
    let (quantity, unit) = (reading.quantity.name(), reading.quantity.unit().symbol());
    FigureRow { quantity, name: &reading.name, unit, value, missing }
}

fn rated(ratings: Ratings) -> Option<RatedRow> {
    (ratings != Ratings::default()).then_some(RatedRow {
        current: ratings.current_amperes,
        active_power: ratings.active_power_watts,
        apparent_power: ratings.apparent_power_volt_amperes,
    })
}
