//! What a device itself takes for too much or too little, as the two levels of a rule on each side. Pure.
//!
//! Offered to people (`explain`, `rules suggest`); nothing here becomes a rule by itself.

use super::draft::DeviceThreshold;

/// The device's own levels of one reading, in its base unit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OwnLevels {
    /// Critical at or below this.
    pub low_critical: Option<f64>,
    /// Warning at or below this.
    pub low_warning: Option<f64>,
    /// Warning at or above this.
    pub high_warning: Option<f64>,
    /// Critical at or above this.
    pub high_critical: Option<f64>,
}

impl OwnLevels {
    /// The levels of a reading; `None`: none is set. Sensor.Thresholds knows three steps: Caution warns,
    /// Critical is critical, and Fatal is where nothing is set for Critical.
    #[must_use]
    pub fn of(thresholds: &[DeviceThreshold], reading: usize) -> Option<Self> {
        let find = |name: &str| {
            let found = thresholds.iter().find(|it| it.reading == reading && it.name == name);
            found.map(|it| it.value)
        };
        let levels = Self {
            low_critical: find("lower_critical").or_else(|| find("lower_fatal")),
            low_warning: find("lower_caution"),
            high_warning: find("upper_caution"),
            high_critical: find("upper_critical").or_else(|| find("upper_fatal")),
        };
        (levels != Self::default()).then_some(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::OwnLevels;
    use crate::redfish::draft::DeviceThreshold;

    #[test]
    fn three_steps_become_two_levels() {
        let of = |reading, name, value| DeviceThreshold { reading, name, value };
        let all = [
            of(0, "upper_caution", 25.0),
            of(0, "upper_fatal", 40.0),
            of(1, "upper_critical", 32.0),
            of(1, "upper_fatal", 40.0),
            of(1, "lower_critical", 5.0),
        ];
        let first = OwnLevels { high_warning: Some(25.0), high_critical: Some(40.0), ..OwnLevels::default() };
        let second = OwnLevels { high_critical: Some(32.0), low_critical: Some(5.0), ..OwnLevels::default() };
        assert_eq!(OwnLevels::of(&all, 0), Some(first));
        assert_eq!(OwnLevels::of(&all, 1), Some(second));
        assert_eq!(OwnLevels::of(&all, 2), None);
    }
}
