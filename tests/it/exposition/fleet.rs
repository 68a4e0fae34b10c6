//! Small fleets, built without a poll. The bench uses this file too.

use rackwarden::model::{
    Batch, Component, ComponentKind, Health, Identity, Labels, Missing, Moment, Now, Oid, PollError,
    Quantity, Ratings, ReadingShape, Sample, Shape, Source, StateTable, StateValue, UnixMillis,
};
use std::sync::Arc;
use std::time::Duration;

/// That many seconds after the clock was made, in November 2023.
pub(super) fn at(seconds: u64) -> Now {
    let moment = Moment::after_zero(Duration::from_secs(seconds));
    Now { moment, unix: UnixMillis(1_700_000_000_000 + i64::try_from(seconds).unwrap() * 1000) }
}

/// A device and what it says.
#[derive(Clone, Default)]
pub(super) struct Device {
    pub(super) source: Source,
    pub(super) shape: Shape,
    pub(super) samples: Vec<Sample>,
}

impl Device {
    /// A device of that name, without readings.
    pub(super) fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let source = Source {
            device: name.into(),
            labels: Labels::new(labels.iter().copied()),
            address: "192.0.2.7:161".to_owned(),
            interval: Duration::from_secs(10),
            profile: "apc-rpdu2".into(),
            identity: Identity {
                vendor: "APC".to_owned(),
                model: "AP8959".to_owned(),
                serial: "5A1".to_owned(),
                firmware: "v6.9".to_owned(),
                sys_object_id: Oid::new(&[1, 3, 6, 1, 4, 1, 318]),
                sys_descr: "APC \"Web\"".to_owned(),
                sys_name: "rack7".to_owned(),
            },
            ..Source::default()
        };
        Self { source, ..Self::default() }
    }

    /// With one more component, to which the readings that follow belong.
    pub(super) fn component(
        mut self,
        kind: ComponentKind,
        index: &str,
        label: &str,
        ratings: Ratings,
    ) -> Self {
        self.shape.components.push(Component {
            kind,
            index: index.into(),
            label: label.into(),
            ratings,
            ..Component::default()
        });
        self
    }

    /// With one more reading.
    pub(super) fn reading(mut self, quantity: Quantity, name: &str, sample: Sample) -> Self {
        let number = u32::try_from(self.shape.readings.len() + 1).unwrap();
        let states = (quantity == Quantity::State).then(states);
        let one_more = ReadingShape {
            component: u32::try_from(self.shape.components.len().saturating_sub(1)).unwrap(),
            quantity,
            name: name.into(),
            source: Oid::new(&[1, 3, 6, 1, 4, 1, 318, number]).into(),
            states,
        };
        self.shape.readings = self.shape.readings.iter().cloned().chain([one_more]).collect();
        self.samples.push(sample);
        self
    }

    /// What a poll that ended then brings.
    pub(super) fn batch(&self, time: Now) -> Batch {
        Batch {
            source: Arc::new(self.source.clone()),
            time,
            duration: Duration::from_millis(12),
            shape: Arc::new(self.shape.clone()),
            effort: rackwarden::model::Effort::default(),
            samples: self.samples.clone(),
            error: None,
        }
    }

    /// What a poll that failed then brings.
    pub(super) fn failed(&self, time: Now) -> Batch {
        let samples = vec![Sample::Missing(Missing::Timeout); self.samples.len()];
        Batch { samples, error: Some(PollError::Timeout), ..self.batch(time) }
    }
}

fn states() -> Arc<StateTable> {
    let value = |name: &str, health| StateValue { name: name.into(), health, meanings: Box::default() };
    let values = [(2, value("onLine", Health::Ok)), (3, value("onBattery", Health::Critical))].into();
    Arc::new(StateTable { values })
}

/// A value.
pub(super) fn value(value: f64) -> Sample {
    Sample::Value(value)
}

/// A rated current.
pub(super) fn rated_amperes(amperes: f64) -> Ratings {
    Ratings { current_amperes: Some(amperes), ..Ratings::default() }
}

/// A PDU of that many outlets with `current` and `active_power` each, two labels by its operator.
pub(super) fn pdu(name: &str, outlets: u32) -> Device {
    let mut device = Device::new(name, &[("site", "ams1"), ("rack", "r17")]);
    for outlet in 1..=outlets {
        let amperes = f64::from(outlet * 7 % 160) / 10.0;
        device = device
            .component(
                ComponentKind::Outlet,
                &outlet.to_string(),
                &format!("Outlet {outlet}"),
                rated_amperes(16.0),
            )
            .reading(Quantity::Current, "", value(amperes))
            .reading(Quantity::ActivePower, "", value((amperes * 230.0).round()));
    }
    device
}
