//! How a test writes a reading over time: words divided by blanks, one a poll.
//!
//! | word | means |
//! |---|---|
//! | `21.5` | the reading, in the base unit |
//! | `21.5x4` | the same four times |
//! | `10+2x5` | five readings: 10 12 14 16 18; `10-2x5` falls |
//! | `_` | the reading is missing although the device answers |
//! | `!` | the whole poll fails: nobody answers; `!error`: the agent answers with an error |
//! | `ok`, `warning`, `critical`, `unknown`, `on_battery` .. | a state, by its health or meaning |

use crate::model::{Health, Meaning, Missing, PollError, Quantity, Sample, StateTable, StateValue};

/// One poll of one reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    /// What was read.
    Sample(Sample),
    /// The device's whole poll fails.
    Failure(PollError),
}

/// Why a series cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// A word that means nothing.
    #[error(
        "\"{word}\" is no reading; write a number, a state ({states}), _ (missing) or ! (no answer), each with x and a count if it repeats"
    )]
    Word {
        /// It.
        word: String,
        /// The states that there are.
        states: String,
    },
    /// It has no point.
    #[error("it has no reading")]
    Empty,
    /// It has too many points.
    #[error("it has more than {POINTS_MAX} readings")]
    TooLong,
}

/// A test of a week at 10 s; more is a recording.
pub const POINTS_MAX: usize = 100_000;

/// The points of a series.
///
/// # Errors
/// [`SeriesError`].
pub fn parse(text: &str, quantity: Option<Quantity>) -> Result<Vec<Point>, SeriesError> {
    let mut points = Vec::new();
    for word in text.split_whitespace() {
        let (base, count) = repeated(word);
        let (first, step) = stepped(base);
        let point = point(first, quantity).ok_or_else(|| SeriesError::Word {
            word: word.to_owned(),
            states: state_words().collect::<Vec<_>>().join(", "),
        })?;
        if POINTS_MAX < points.len() + count {
            return Err(SeriesError::TooLong);
        }
        let mut add = step.map(|_| 0.0);
        for _ in 0..count {
            points.push(match (&point, add) {
                (Point::Sample(Sample::Value(value)), Some(add)) => Point::Sample(Sample::Value(value + add)),
                (point, _) => point.clone(),
            });
            add = add.zip(step).map(|(sum, step)| sum + step);
        }
    }
    if points.is_empty() { Err(SeriesError::Empty) } else { Ok(points) }
}

/// `21.5x4`: what, and how often.
fn repeated(word: &str) -> (&str, usize) {
    match word.rsplit_once('x').map(|(base, count)| (base, count.parse::<usize>())) {
        Some((base, Ok(count))) if !base.is_empty() && count != 0 => (base, count),
        _ => (word, 1),
    }
}

/// `10+2`: where it begins, and by what it grows.
fn stepped(base: &str) -> (&str, Option<f64>) {
    let sign = base.char_indices().skip(1).find(|(at, it)| {
        matches!(it, '+' | '-') && !base.get(..*at).is_some_and(|before| before.ends_with(['e', 'E']))
    });
    match sign.and_then(|(at, _)| base.split_at_checked(at)) {
        Some((first, step)) if step.parse::<f64>().is_ok() => (first, step.parse().ok()),
        _ => (base, None),
    }
}

fn point(word: &str, quantity: Option<Quantity>) -> Option<Point> {
    match word {
        "_" => return Some(Point::Sample(Sample::Missing(Missing::NoSuchInstance))),
        "!" => return Some(Point::Failure(PollError::Timeout)),
        "!error" => return Some(Point::Failure(PollError::AgentError { status: "genErr".to_owned() })),
        _ => (),
    }
    match quantity {
        Some(Quantity::State) => state_number(word).map(|it| Point::Sample(Sample::Value(it))),
        Some(_) => {
            word.parse::<f64>().ok().filter(|it| it.is_finite()).map(|it| Point::Sample(Sample::Value(it)))
        }
        // Of a device itself: that it answers.
        None => (word == "ok").then_some(Point::Sample(Sample::Value(0.0))),
    }
}

/// The states that tests can name, in the order of their numbers: healths, then meanings.
fn state_words() -> impl Iterator<Item = &'static str> {
    Health::ALL.iter().map(|it| it.name()).chain(Meaning::ALL.iter().map(|it| it.name()))
}

fn state_number(word: &str) -> Option<f64> {
    (0_u32..).zip(state_words()).find(|(_, it)| *it == word).map(|(number, _)| f64::from(number))
}

/// The table of those states. A meaning is of health warning, but for what needs a person at once.
#[must_use]
pub fn states() -> StateTable {
    let healths = Health::ALL.iter().map(|it| (it.name(), *it, Vec::new()));
    let meanings = Meaning::ALL.iter().map(|it| {
        let health = match it {
            Meaning::BatteryDepleted | Meaning::Fault | Meaning::Overload | Meaning::BatteryLow => {
                Health::Critical
            }
            Meaning::OnBattery | Meaning::ReplaceBattery | Meaning::OnBypass | Meaning::Off => {
                Health::Warning
            }
        };
        (it.name(), health, vec![*it])
    });
    let value = |(name, health, meanings): (&str, Health, Vec<Meaning>)| StateValue {
        name: name.into(),
        health,
        meanings: meanings.into(),
    };
    StateTable { values: (0_i64..).zip(healths.chain(meanings).map(value)).collect() }
}

#[cfg(test)]
mod tests {
    use super::{Point, SeriesError, parse, states};
    use crate::model::{Meaning, Quantity, Sample};

    fn numbers(text: &str) -> Vec<Option<f64>> {
        let points = parse(text, Some(Quantity::Current)).unwrap();
        let number = |it: Point| match it {
            Point::Sample(sample) => sample.value(),
            Point::Failure(_) => None,
        };
        points.into_iter().map(number).collect()
    }

    #[test]
    fn words_are_readings() {
        for (text, expected) in [
            ("1 2.5 -3", &[Some(1.0), Some(2.5), Some(-3.0)][..]),
            ("7x3", &[Some(7.0); 3]),
            ("10+2x3", &[Some(10.0), Some(12.0), Some(14.0)]),
            ("-1-2x3", &[Some(-1.0), Some(-3.0), Some(-5.0)]),
            ("1e-3", &[Some(0.001)]),
            ("_ ! !error 4", &[None, None, None, Some(4.0)]),
        ] {
            assert_eq!(numbers(text), expected, "{text}");
        }
        assert_eq!(parse(" ", Some(Quantity::Load)), Err(SeriesError::Empty));
        assert_eq!(parse("1x200000", Some(Quantity::Load)), Err(SeriesError::TooLong));
        for wrong in ["x", "12A", "nan", "on_battery"] {
            let error = parse(wrong, Some(Quantity::Load)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("\"{wrong}\" is no reading")), "{error}");
        }
        assert!(parse("12", None).is_err() && parse("ok !x2", None).is_ok());
    }

    #[test]
    fn states_mean_what_they_are_called() {
        let points = parse("ok on_battery", Some(Quantity::State)).unwrap();
        let Point::Sample(Sample::Value(number)) = points[1] else { panic!("{points:?}") };
        assert_eq!(&*states().state(number).unwrap().meanings, [Meaning::OnBattery]);
    }
}
