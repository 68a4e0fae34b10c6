//! When something expires, and how many days are left.

use crate::model::{Missing, UnixMillis};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// When something expires: a day, or a moment. All times without a zone are UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It is valid through that day.
    Day(Date),
    /// It is valid until then.
    Moment(Timestamp),
}

impl Expiry {
    /// Reads `2027-01-31`, `2027-01-31T12:00:00Z`, `2027-01-31 12:00:00`.
    ///
    /// # Errors
    /// [`Missing::NotGiven`] for an empty text, [`Missing::WrongType`] for one that is no date.
    pub fn parse(text: &str) -> Result<Self, Missing> {
        let text = text.trim();
        if text.is_empty() || text.starts_with("0000-00-00") {
            return Err(Missing::NotGiven);
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(Self::Moment(moment));
        }
        if DAY_CHARS < text.len()
            && let Ok(civil) = text.parse::<DateTime>()
            && let Ok(zoned) = civil.to_zoned(TimeZone::UTC)
        {
            return Ok(Self::Moment(zoned.timestamp()));
        }
        text.parse::<Date>().map(Self::Day).map_err(|_| Missing::WrongType)
    }

    /// The day, as `2027-01-31`.
    #[must_use]
    pub fn date(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Moment(moment) => Zoned::new(moment, TimeZone::UTC).date().to_string(),
        }
    }

    /// Whole days left, rounded down: for a day the difference in the calendar (0 on the day itself),
    /// for a moment full periods of 24 hours. Negative once it has expired.
    #[must_use]
    pub fn days_left(self, now: UnixMillis) -> f64 {
        let now = Timestamp::from_millisecond(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let seconds = match self {
            Self::Day(day) => {
                let today = Zoned::new(now, TimeZone::UTC).date();
                return day.since(today).map_or(0.0, |it| f64::from(it.get_days()));
            }
            Self::Moment(moment) => moment.duration_since(now).as_secs_f64(),
        };
        (seconds / SECONDS_A_DAY).floor()
    }
}

/// `2027-01-31`.
const DAY_CHARS: usize = 10;
const SECONDS_A_DAY: f64 = 86_400.0;

#[cfg(test)]
mod tests {
    use super::Expiry;
    use crate::model::{Missing, UnixMillis};

    #[test]
    fn days_are_left_or_over() {
        // 2026-03-10T18:00:00Z
        let now = UnixMillis(1_773_165_600_000);
        for (text, days) in [
            ("2026-03-10", 0.0),
            ("2026-03-11", 1.0),
            ("2026-03-09", -1.0),
            ("2027-03-10", 365.0),
            ("2025-03-10", -365.0),
            ("2026-03-11T18:00:00Z", 1.0),
            ("2026-03-11T17:59:59Z", 0.0),
            ("2026-03-10T18:00:00Z", 0.0),
            ("2026-03-10T17:59:59Z", -1.0),
            ("2026-03-11 18:00:00", 1.0),
            ("2026-03-11T20:00:00+02:00", 1.0),
        ] {
            let left = Expiry::parse(text).unwrap().days_left(now);
            assert!((left - days).abs() < 1e-9, "{text}: {left}");
        }
        assert_eq!(Expiry::parse("2026-03-11T23:30:00-02:00").unwrap().date(), "2026-03-12");
        assert_eq!(Expiry::parse("2026-03-11").unwrap().date(), "2026-03-11");
    }

    #[test]
    fn what_is_no_date() {
        assert_eq!(Expiry::parse(" "), Err(Missing::NotGiven));
        assert_eq!(Expiry::parse("0000-00-00 00:00:00"), Err(Missing::NotGiven));
        for text in ["soon", "2026-13-01", "31.12.2026", "1773165600"] {
            assert_eq!(Expiry::parse(text), Err(Missing::WrongType), "{text}");
        }
    }
}
