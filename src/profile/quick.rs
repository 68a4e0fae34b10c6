//! The short way from a cell to its sample, for the readings that nearly all are: an integer of the agent's,
//! times a scale, unless it is the one number that means "not there", lies out of range or is against physics.
//!
//! Holds no rule of its own: [`Quick::of`] makes it from a decoder, and says no for all that has more to it;
//! what [`Quick::read`] does not take goes the long way. Flat and without pointers: 60 of them fit into the
//! first-level cache, and devices of a kind share them.

use super::number;
use super::plan::{Decoder, Rule};
use super::scaling::Linear;
use crate::model::Cells;

/// How one reading is read from an integer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quick {
    cell: u32,
    linear: Linear,
    /// The number that means "not there"; NaN, which equals nothing, if there is none.
    missing: f64,
    /// In the base unit: the agent's range, and what physics allows.
    low: f64,
    high: f64,
}

impl Quick {
    /// Takes nothing.
    pub(super) const NONE: Self =
        Self { cell: u32::MAX, linear: Linear::IDENTITY, missing: f64::NAN, low: 1.0, high: 0.0 };

    /// The same as `decoder`, for integers; `None` if it is more than this can say.
    pub(super) fn of(decoder: &Decoder) -> Option<Self> {
        let linear = match &decoder.rule {
            Rule::Number(linear) => *linear,
            // A state's number is what the agent sends.
            Rule::State(_) => Linear::IDENTITY,
            Rule::Polled(_) | Rule::NoScale => return None,
        };
        let missing = match *decoder.scaling.missing {
            [] => f64::NAN,
            [missing] => missing,
            _ => return None,
        };
        if decoder.valid.is_some() || decoder.state_wire.is_some() {
            return None;
        }
        let (low, high) = decoder.scaling.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let (low, high) = (linear.apply(low), linear.apply(high));
        let (low, high) = if high < low { (high, low) } else { (low, high) };
        let (low, high) = (low.max(decoder.plausible.low), high.min(decoder.plausible.high));
        Some(Self { cell: decoder.cell, linear, missing, low, high })
    }

    /// The number in the base unit, if the agent sent a plain integer.
    #[inline]
    pub(super) fn read(&self, cells: &Cells) -> Option<f64> {
        let number = number::exact(cells.number(self.cell as usize)?);
        #[expect(clippy::float_cmp, reason = "both are integers of the agent's, or NaN")]
        let is_missing = number == self.missing;
        let value = self.linear.apply(number);
        // The bounds are never the other way round but in the one that leads nowhere.
        let is_within = self.low <= value && value <= self.high;
        (is_within && !is_missing && value.is_finite()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Quick;
    use crate::mib::Mibs;
    use crate::model::{Cells, Missing, Oid, Sample, Value};
    use crate::profile::{Learned, ProfileFile, ProfileSet, SystemGroup};
    use proptest::prelude::*;

    /// Readings with a scale, a sentinel, a range, an offset, a state and a text.
    const PROFILE: &str = r#"
[profile]
name = "quick"
[match]
probe = "1.3.6.1.4.1.99999"
[[component]]
kind = "phase"
  [[component.reading]]
  quantity = "current"
  oid = "1.3.6.1.4.1.99999.1"
  scale = 0.1
  missing = [-1]
  range = [0, 1000]
  [[component.reading]]
  quantity = "temperature"
  oid = "1.3.6.1.4.1.99999.2"
  unit = "degF"
  [[component.reading]]
  quantity = "state"
  oid = "1.3.6.1.4.1.99999.3"
  names = { 1 = "normal", 2 = "over" }
  state = { ok = [1], critical = [2] }
  [[component.reading]]
  quantity = "voltage"
  oid = "1.3.6.1.4.1.99999.4"
  missing = [-1, -999]
"#;

    fn answer() -> impl Strategy<Value = Result<Value, Missing>> {
        prop_oneof![
            (-2_i64..1200).prop_map(|it| Ok(Value::Integer(it))),
            any::<i64>().prop_map(|it| Ok(Value::Integer(it))),
            any::<u32>().prop_map(|it| Ok(Value::Gauge32(it))),
            any::<u64>().prop_map(|it| Ok(Value::Counter64(it))),
            "[0-9]{1,3}|normal|".prop_map(|it| Ok(Value::OctetString(it.as_bytes().into()))),
            Just(Ok(Value::NoSuchInstance)),
            Just(Err(Missing::Timeout)),
        ]
    }

    proptest! {
        #[test]
        fn the_short_way_leads_where_the_long_one_does(answers in prop::collection::vec(answer(), 0..5)) {
            let file = ProfileFile { path: "quick.toml".into(), text: PROFILE.to_owned(), is_users: false };
            let (set, problems) = ProfileSet::of_files(Mibs::embedded(), [file]);
            prop_assert!(problems.is_empty(), "{problems:?}");
            let cell = |column| Oid::new(&[1, 3, 6, 1, 4, 1, 99999, column, 1]);
            let learned: Learned = (1..=4).map(|it| (cell(it), Value::Integer(1))).collect();
            let plan = set.find("quick").unwrap().compile(&learned, &SystemGroup::default());
            let (all, quick) = plan.decoders.both();
            let leads = |it: &&Quick| it.cell != u32::MAX;
            prop_assert_eq!(quick.iter().filter(leads).count(), 3, "two sentinels go the long way");
            let cells: Cells = answers.iter().cloned().collect();
            for (decoder, quick) in all.iter().zip(quick) {
                let long = decoder.sample(&cells);
                let short = quick.read(&cells);
                prop_assert!(short.is_none_or(|it| Sample::Value(it) == long), "{short:?} {long:?}");
                let plain = matches!(answers.get(decoder.cell as usize), Some(Ok(Value::Gauge32(_))));
                let expected = plain && leads(&quick) && matches!(long, Sample::Value(_));
                prop_assert!(short.is_some() || !expected);
            }
        }
    }
}
