//! Which readings of a device are recorded where there is not room for all: what a person asks first.

use super::has_curve;
use crate::model::{Component, ComponentKind, Quantity, ReadingShape, Shape};

/// Places of the best readings of a shape, in their order.
pub(super) fn picks(shape: &Shape, room: usize) -> Box<[u32]> {
    let mut ranked: Vec<(u32, u32)> = (0_u32..)
        .zip(shape.readings.iter())
        .filter(|(_, it)| has_curve(it.quantity))
        .filter_map(|(at, it)| Some((rank(shape.component_of(it)?, it), at)))
        .collect();
    ranked.sort_unstable();
    ranked.truncate(room);
    let mut picks: Vec<u32> = ranked.into_iter().map(|(_, at)| at).collect();
    picks.sort_unstable();
    picks.into()
}

/// The smaller, the sooner: how much is drawn and how long it lasts, before what rarely moves, and the whole
/// before its parts. Readings with a name of their own are variants.
fn rank(component: &Component, reading: &ReadingShape) -> u32 {
    let quantity = match reading.quantity {
        Quantity::Load | Quantity::Charge => 0,
        Quantity::ActivePower | Quantity::Temperature => 1,
        Quantity::Current | Quantity::Runtime | Quantity::Humidity => 2,
        Quantity::ApparentPower => 4,
        Quantity::Voltage => 5,
        _ => 7,
    };
    let component = match component.kind {
        ComponentKind::Device | ComponentKind::Infeed | ComponentKind::Output | ComponentKind::Battery => 0,
        ComponentKind::Sensor | ComponentKind::Input => 1,
        ComponentKind::Phase => 2,
        ComponentKind::Bank => 4,
        ComponentKind::Outlet => 20,
        _ => 8,
    };
    quantity + component + if reading.name.is_empty() { 0 } else { 6 }
}
