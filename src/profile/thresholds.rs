//! The thresholds that are set in a device itself, as a profile names their cells. They are read by hand
//! only (`rules suggest`): the daemon neither learns nor polls them, and nothing acts on them.

use super::learned::Learned;
use super::lookup::{Lookup, ObjectRef, Row};
use super::scaling::Scaling;
use crate::model::Value;

/// What is set in a device for one of its readings, in the quantity's base unit; `None`: not told, or
/// switched off there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DeviceThresholds {
    /// Below is critical.
    pub low_critical: Option<f64>,
    /// Below is a warning.
    pub low_warning: Option<f64>,
    /// Above is a warning.
    pub high_warning: Option<f64>,
    /// Above is critical.
    pub high_critical: Option<f64>,
}

impl DeviceThresholds {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `thresholds` of a reading.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thresholds {
    /// In the order of [`KEYS`].
    pub(super) levels: [Option<Level>; 4],
    /// BITS of which the first four say, in that order, which are switched on.
    pub(super) enabled: Option<Lookup>,
}

/// Where one threshold stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Level {
    pub(super) lookup: Lookup,
    /// `None`: that of the reading.
    pub(super) scaling: Option<Scaling>,
}

/// How a profile calls the thresholds.
pub(super) const KEYS: [&str; 4] = ["low_critical", "low_warning", "high_warning", "high_critical"];

impl Thresholds {
    /// What the learnt cells say; `None` where they say nothing.
    pub(super) fn read(&self, own: &Scaling, learned: &Learned, row: Row<'_>) -> Option<DeviceThresholds> {
        let enabled = self.enabled.as_ref().and_then(|it| it.find(learned, row)).and_then(|it| bits(it.1));
        let mut found = [None; 4];
        for ((level, bit), found) in self.levels.iter().zip([0x80, 0x40, 0x20, 0x10]).zip(&mut found) {
            if enabled.is_none_or(|it| it & bit != 0) {
                *found = level.as_ref().and_then(|it| it.read(own, learned, row));
            }
        }
        let [low_critical, low_warning, high_warning, high_critical] = found;
        let found = DeviceThresholds { low_critical, low_warning, high_warning, high_critical };
        (!found.is_empty()).then_some(found)
    }

    /// The objects that must be read for it.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        let levels = self.levels.iter().flatten();
        levels
            .flat_map(|it| it.lookup.objects().chain(it.scaling.iter().flat_map(Scaling::objects)))
            .chain(self.enabled.iter().flat_map(Lookup::objects))
    }
}

impl Level {
    fn read(&self, own: &Scaling, learned: &Learned, row: Row<'_>) -> Option<f64> {
        let (_, value) = self.lookup.find(learned, row)?;
        let scaling = self.scaling.as_ref().unwrap_or(own);
        let wire = scaling.wire(value).ok()?;
        Some(scaling.learned(learned, row)?.apply(wire)).filter(|it| it.is_finite())
    }
}

/// The first bits of BITS (RFC 2578 section 7.1.4: bit 0 is the highest of the first octet).
fn bits(value: &Value) -> Option<u8> {
    match value {
        Value::OctetString(octets) => Some(octets.first().copied().unwrap_or(0)),
        _ => None,
    }
}
