//! The states of Redfish as tables: names as the schema has them, and how each is to be taken. Pure.
//!
//! Redfish's states are texts; the numbers are ours, and part of the JSON contract: a name that is added goes to the
//! end of its table. A text that no table knows is [`UNKNOWN`], which no table has.

use crate::model::{Health, Meaning, Missing, StateTable, StateValue};
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// The number of a text that the table does not know.
pub const UNKNOWN: f64 = 0.0;

/// A kind of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    /// Resource.Status: Health, else HealthRollup, else State.
    Status,
    /// Circuit.BreakerState.
    Breaker,
    /// Resource.PowerState.
    Power,
    /// Battery.ChargeState.
    Charge,
    /// LeakDetector.DetectorState.
    Detector,
    /// Whether the preferred mains is the active one.
    Transfer,
}

type Row = (&'static str, Health, Option<Meaning>);

const STATUS: &[Row] = &[
    ("OK", Health::Ok, None),
    ("Warning", Health::Warning, None),
    ("Critical", Health::Critical, Some(Meaning::Fault)),
    ("Enabled", Health::Ok, None),
    ("Disabled", Health::Ok, None),
    ("StandbyOffline", Health::Ok, None),
    ("StandbySpare", Health::Ok, None),
    ("InTest", Health::Warning, None),
    ("Starting", Health::Ok, None),
    ("Absent", Health::Warning, None),
    ("UnavailableOffline", Health::Warning, None),
    ("Deferring", Health::Ok, None),
    ("Quiesced", Health::Ok, None),
    ("Updating", Health::Ok, None),
    ("Qualified", Health::Ok, None),
    ("Degraded", Health::Warning, None),
];
const BREAKER: &[Row] = &[
    ("Normal", Health::Ok, None),
    ("Tripped", Health::Critical, Some(Meaning::Fault)),
    ("Off", Health::Warning, Some(Meaning::Off)),
];
const POWER: &[Row] = &[
    ("On", Health::Ok, None),
    ("Off", Health::Ok, Some(Meaning::Off)),
    ("PoweringOn", Health::Ok, None),
    ("PoweringOff", Health::Ok, None),
    ("Paused", Health::Warning, None),
];
const CHARGE: &[Row] = &[
    ("Idle", Health::Ok, None),
    ("Charging", Health::Ok, None),
    ("Discharging", Health::Warning, Some(Meaning::OnBattery)),
];
const DETECTOR: &[Row] = &[
    ("OK", Health::Ok, None),
    ("Warning", Health::Warning, None),
    ("Critical", Health::Critical, None),
    ("Unavailable", Health::Unknown, None),
    ("Absent", Health::Unknown, None),
];
const TRANSFER: &[Row] =
    &[("preferred", Health::Ok, None), ("alternate", Health::Warning, None), ("none", Health::Ok, None)];

static TABLES: LazyLock<[Arc<StateTable>; 6]> =
    LazyLock::new(|| [STATUS, BREAKER, POWER, CHARGE, DETECTOR, TRANSFER].map(|it| Arc::new(table(it))));

fn table(rows: &[Row]) -> StateTable {
    let value = |(name, health, meaning): &Row| StateValue {
        name: (*name).into(),
        health: *health,
        meanings: meaning.iter().copied().collect(),
    };
    StateTable { values: (1..).zip(rows.iter().map(value)).collect() }
}

impl StateKind {
    /// Its table, which all devices share.
    #[must_use]
    pub fn table(self) -> Arc<StateTable> {
        let [status, breaker, power, charge, detector, transfer] = &*TABLES;
        Arc::clone(match self {
            Self::Status => status,
            Self::Breaker => breaker,
            Self::Power => power,
            Self::Charge => charge,
            Self::Detector => detector,
            Self::Transfer => transfer,
        })
    }

    fn rows(self) -> &'static [Row] {
        match self {
            Self::Status => STATUS,
            Self::Breaker => BREAKER,
            Self::Power => POWER,
            Self::Charge => CHARGE,
            Self::Detector => DETECTOR,
            Self::Transfer => TRANSFER,
        }
    }

    /// The number of a state's name.
    #[must_use]
    pub fn number(self, name: &str) -> f64 {
        let found = (1_u32..).zip(self.rows()).find(|(_, (it, ..))| it.eq_ignore_ascii_case(name.trim()));
        found.map_or(UNKNOWN, |(number, _)| f64::from(number))
    }

    /// The number of a property.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(self, value: &Value) -> Result<f64, Missing> {
        match value {
            Value::Object(_) if self == Self::Status => status(value),
            Value::String(text) => Ok(self.number(text)),
            // Of a power supply outside of the schema.
            Value::Bool(is_on) if self == Self::Power => Ok(self.number(if *is_on { "On" } else { "Off" })),
            Value::Null => Err(Missing::Unavailable),
            _ => Err(Missing::WrongType),
        }
    }
}

/// Where within a Status what counts stands: an absent part's health says nothing.
#[must_use]
pub fn decisive(status: &Value) -> Option<&'static str> {
    let is_text = |name: &str| status.get(name).is_some_and(|it| !super::document::text(it).is_empty());
    let is_absent = status.get("State").and_then(Value::as_str).is_some_and(|it| it == "Absent");
    if is_absent {
        return Some("State");
    }
    ["Health", "HealthRollup", "State"].into_iter().find(|it| is_text(it))
}

fn status(value: &Value) -> Result<f64, Missing> {
    let text = decisive(value).and_then(|it| value.get(it)?.as_str());
    text.map(|it| StateKind::Status.number(it)).ok_or(Missing::Unavailable)
}

#[cfg(test)]
mod tests {
    use super::StateKind;
    use crate::model::{Health, Missing};
    use serde_json::json;

    #[test]
    fn status_is_its_health_where_there_is_one() {
        for (status, expected) in [
            (json!({"State": "Enabled", "Health": "OK"}), "OK"),
            (json!({"Health": "Critical"}), "Critical"),
            (json!({"State": "Enabled", "Health": null, "HealthRollup": "Warning"}), "Warning"),
            (json!({"State": "StandbySpare", "Health": null}), "StandbySpare"),
            (json!({"State": "Absent", "Health": "OK"}), "Absent"),
            (json!({"State": "Enabled", "Health": "", "HealthRollup": "N/A"}), "Enabled"),
            (json!({"Health": "ok"}), "OK"),
        ] {
            let number = StateKind::Status.read(&status).unwrap();
            assert_eq!(&*StateKind::Status.table().state(number).unwrap().name, expected);
        }
        assert_eq!(StateKind::Status.read(&json!({})), Err(Missing::Unavailable));
        assert_eq!(StateKind::Status.read(&json!({"State": "Melting"})), Ok(super::UNKNOWN));
    }

    #[test]
    fn a_tripped_breaker_is_critical() {
        let number = StateKind::Breaker.read(&json!("Tripped")).unwrap();
        assert_eq!(StateKind::Breaker.table().state(number).unwrap().health, Health::Critical);
        assert_eq!(StateKind::Power.read(&json!(false)), Ok(2.0));
        assert_eq!(StateKind::Power.read(&json!(4)), Err(Missing::WrongType));
    }
}
