//! What stands behind one OID of an agent: a value, a signal with its form on the wire, a script of
//! values over time, or nothing.

use super::signal::Signal;
use crate::model::Value;
use std::time::Duration;

/// What an agent answers for one OID.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Always this value.
    Fixed(Value),
    /// A number that changes with time.
    Signal {
        /// The number, in the unit of the wire.
        signal: Signal,
        /// Its type on the wire.
        form: Form,
    },
    /// One value after another.
    Script(Script),
    /// Nothing: as if the agent had no such instance.
    Absent,
}

impl Cell {
    /// What it is at that time since the agent was started; `None`: there is no such instance.
    #[must_use]
    pub fn at(&self, time: Duration) -> Option<Value> {
        match self {
            Self::Fixed(value) => Some(value.clone()),
            Self::Signal { signal, form } => Some(form.value(signal.at(time))),
            Self::Script(script) => script.at(time).cloned(),
            Self::Absent => None,
        }
    }
}

/// The type that a number has on the wire. Numbers are rounded and kept within the type's range;
/// counters wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// INTEGER of 32 bits.
    Integer,
    /// Gauge32.
    Gauge32,
    /// Counter32: wraps at 2^32.
    Counter32,
    /// Counter64.
    Counter64,
    /// TimeTicks, in hundredths of a second: wraps at 2^32.
    TimeTicks,
    /// A text with that many decimals.
    Text {
        /// Digits after the point.
        decimals: usize,
    },
}

impl Form {
    /// The number in this form.
    #[must_use]
    pub fn value(self, number: f64) -> Value {
        match self {
            Self::Integer => Value::Integer(whole(number).clamp(i32::MIN.into(), i32::MAX.into())),
            Self::Gauge32 => Value::Gauge32(u32::try_from(whole(number).max(0)).unwrap_or(u32::MAX)),
            Self::Counter32 => Value::Counter32(wrapped(number)),
            Self::Counter64 => Value::Counter64(whole(number).unsigned_abs()),
            Self::TimeTicks => Value::TimeTicks(wrapped(number)),
            Self::Text { decimals } => text(&format!("{number:.decimals$}")),
        }
    }
}

/// Values at times; before the first of them the cell is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// When, and what from then on; `None` for no such instance. In the order of time.
    pub steps: Vec<(Duration, Option<Value>)>,
    /// After that time it begins anew; never, if `None`.
    pub repeat: Option<Duration>,
}

impl Script {
    /// The value at that time.
    #[must_use]
    pub fn at(&self, time: Duration) -> Option<&Value> {
        let time = match self.repeat {
            Some(period) if !period.is_zero() => {
                let nanoseconds = time.as_nanos() % period.as_nanos();
                Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
            }
            _ => time,
        };
        self.steps.iter().take_while(|(at, _)| *at <= time).last().and_then(|(_, value)| value.as_ref())
    }
}

/// An OCTET STRING of that text.
#[must_use]
pub fn text(text: &str) -> Value {
    Value::OctetString(text.as_bytes().into())
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, and NaN becomes 0")]
pub(super) const fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// The nearest whole number modulo 2^32, as counters wrap.
pub(super) fn wrapped(number: f64) -> u32 {
    u32::try_from(whole(number).rem_euclid(1 << 32)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Cell, Form, Script, Signal, text};
    use crate::model::Value;
    use std::time::Duration;

    #[test]
    fn numbers_take_their_form() {
        for (form, number, expected) in [
            (Form::Integer, -1.5, Value::Integer(-2)),
            (Form::Integer, 1e12, Value::Integer(i64::from(i32::MAX))),
            (Form::Gauge32, -4.0, Value::Gauge32(0)),
            (Form::Gauge32, f64::NAN, Value::Gauge32(0)),
            (Form::Counter32, 4_294_967_297.0, Value::Counter32(1)),
            (Form::Counter64, 4_294_967_297.0, Value::Counter64(4_294_967_297)),
            (Form::TimeTicks, 99.6, Value::TimeTicks(100)),
            (Form::Text { decimals: 1 }, 21.26, text("21.3")),
        ] {
            assert_eq!(form.value(number), expected, "{form:?} {number}");
        }
    }

    #[test]
    fn cells_follow_time() {
        let second = Duration::from_secs;
        let steps = vec![(second(2), Some(Value::Integer(1))), (second(4), None)];
        let once = Cell::Script(Script { steps: steps.clone(), repeat: None });
        let again = Cell::Script(Script { steps, repeat: Some(second(6)) });
        for (at, first, repeated) in [(1, false, false), (2, true, true), (5, false, false), (9, false, true)]
        {
            assert_eq!(once.at(second(at)).is_some(), first, "at {at} s");
            assert_eq!(again.at(second(at)).is_some(), repeated, "at {at} s");
        }
        let signal = Signal::Counter { start: 0.0, per_second: 2.0 };
        let counter = Cell::Signal { signal, form: Form::Counter32 };
        assert_eq!(counter.at(second(3)), Some(Value::Counter32(6)));
        assert_eq!(Cell::Absent.at(second(3)), None);
    }
}
