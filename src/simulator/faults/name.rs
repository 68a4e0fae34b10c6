//! Faults as text: `NAME[=FIGURE][@RATE]`, for the command line and for counters.

use super::{Fault, FaultRule};
use crate::model::Oid;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultParseError {
    /// No fault has that name.
    #[error("`{0}` is no fault; known are {known}", known = Fault::NAMES.map(|(name, _)| name).join(", "))]
    Name(String),
    /// The figure after `=` is missing or wrong.
    #[error("{name} is written {written}")]
    Figure {
        /// The fault.
        name: &'static str,
        /// How it is written.
        written: &'static str,
    },
    /// The rate after `@` is no number from 0 to 1.
    #[error("`{0}` is no rate: a number from 0 to 1")]
    Rate(String),
}

impl Fault {
    /// Every fault's name, and how it is written.
    pub const NAMES: [(&'static str, &'static str); 49] = [
        ("silent", "silent"),
        ("drop-request", "drop-request"),
        ("drop-answer", "drop-answer"),
        ("delay", "delay=200ms"),
        ("slow", "slow=50ms"),
        ("duplicate", "duplicate"),
        ("stale", "stale"),
        ("other-address", "other-address"),
        ("other-port", "other-port"),
        ("truncate", "truncate"),
        ("corrupt", "corrupt=OCTETS"),
        ("oversize", "oversize=OCTETS"),
        ("wrong-request-id", "wrong-request-id"),
        ("wrong-community", "wrong-community"),
        ("reorder", "reorder"),
        ("extra-varbind", "extra-varbind"),
        ("missing-varbind", "missing-varbind"),
        ("not-increasing", "not-increasing"),
        ("too-big-empty", "too-big-empty=OCTETS"),
        ("too-big-above", "too-big-above=VARBINDS"),
        ("gen-err", "gen-err=OID"),
        ("too-big", "too-big=OID"),
        ("too-big-beside", "too-big-beside=OID"),
        ("gen-err-beside", "gen-err-beside=OID"),
        ("vanish", "vanish=OID,30s"),
        ("no-getbulk", "no-getbulk"),
        ("drop-bulk-above", "drop-bulk-above=REPETITIONS"),
        ("wrong-bulk-above", "wrong-bulk-above=REPETITIONS"),
        ("drop-above", "drop-above=VARBINDS"),
        ("drop-get", "drop-get=OID"),
        ("cut-above", "cut-above=VARBINDS"),
        ("gen-err-above", "gen-err-above=VARBINDS"),
        ("engine-clock", "engine-clock=PERCENT"),
        ("wrong-from-above", "wrong-from-above=OID"),
        ("as-ticks", "as-ticks=OID"),
        ("sentinel", "sentinel=OID,NUMBER"),
        ("scaled", "scaled=OID,PERCENT"),
        ("digits", "digits=OID,OID"),
        ("string-index", "string-index=OID"),
        ("text", "text=OID,TEXT"),
        ("wrong-up-time", "wrong-up-time"),
        ("boots-lost", "boots-lost"),
        ("engine-replaced", "engine-replaced"),
        ("unsigned-reports", "unsigned-reports"),
        ("wrong-digest", "wrong-digest"),
        ("below-level", "below-level"),
        ("replay-answers", "replay-answers"),
        ("replay-reports", "replay-reports"),
        ("forge-reports", "forge-reports"),
    ];

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::DropRequest => "drop-request",
            Self::DropAnswer => "drop-answer",
            Self::Delay(_) => "delay",
            Self::Slow(_) => "slow",
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::OtherAddress => "other-address",
            Self::OtherPort => "other-port",
            Self::Truncate => "truncate",
            Self::Corrupt(_) => "corrupt",
            Self::Oversize(_) => "oversize",
            Self::WrongRequestId => "wrong-request-id",
            Self::WrongCommunity => "wrong-community",
            Self::Reorder => "reorder",
            Self::ExtraVarbind => "extra-varbind",
            Self::MissingVarbind => "missing-varbind",
            Self::NotIncreasing => "not-increasing",
            Self::TooBigEmpty(_) => "too-big-empty",
            Self::TooBigAbove(_) => "too-big-above",
            Self::GenErr(_) => "gen-err",
            Self::TooBig(_) => "too-big",
            Self::TooBigBeside(_) => "too-big-beside",
            Self::GenErrBeside(_) => "gen-err-beside",
            Self::Vanish { .. } => "vanish",
            Self::NoGetBulk => "no-getbulk",
            Self::DropBulkAbove(_) => "drop-bulk-above",
            Self::WrongBulkAbove(_) => "wrong-bulk-above",
            Self::DropAbove(_) => "drop-above",
            Self::DropGet(_) => "drop-get",
            Self::CutAbove(_) => "cut-above",
            Self::GenErrAbove(_) => "gen-err-above",
            Self::EngineClock(_) => "engine-clock",
            Self::WrongFromAbove(_) => "wrong-from-above",
            Self::AsTicks(_) => "as-ticks",
            Self::Sentinel { .. } => "sentinel",
            Self::Scaled { .. } => "scaled",
            Self::Digits { .. } => "digits",
            Self::StringIndex(_) => "string-index",
            Self::Text { .. } => "text",
            Self::WrongUpTime => "wrong-up-time",
            Self::BootsLost => "boots-lost",
            Self::EngineReplaced => "engine-replaced",
            Self::UnsignedReports => "unsigned-reports",
            Self::WrongDigest => "wrong-digest",
            Self::BelowLevel => "below-level",
            Self::ReplayAnswers => "replay-answers",
            Self::ReplayReports => "replay-reports",
            Self::ForgeReports => "forge-reports",
        }
    }

    fn read(name: &'static str, figure: Option<&str>) -> Option<Self> {
        Some(match (name, figure) {
            ("silent", None) => Self::Silent,
            ("drop-request", None) => Self::DropRequest,
            ("drop-answer", None) => Self::DropAnswer,
            ("delay", Some(figure)) => Self::Delay(duration(figure)?),
            ("slow", Some(figure)) => Self::Slow(duration(figure)?),
            ("duplicate", None) => Self::Duplicate,
            ("stale", None) => Self::Stale,
            ("other-address", None) => Self::OtherAddress,
            ("other-port", None) => Self::OtherPort,
            ("truncate", None) => Self::Truncate,
            ("corrupt", Some(figure)) => Self::Corrupt(figure.parse().ok()?),
            ("oversize", Some(figure)) => Self::Oversize(figure.parse().ok()?),
            ("wrong-request-id", None) => Self::WrongRequestId,
            ("wrong-community", None) => Self::WrongCommunity,
            ("reorder", None) => Self::Reorder,
            ("extra-varbind", None) => Self::ExtraVarbind,
            ("missing-varbind", None) => Self::MissingVarbind,
            ("not-increasing", None) => Self::NotIncreasing,
            ("too-big-empty", Some(figure)) => Self::TooBigEmpty(figure.parse().ok()?),
            ("too-big-above", Some(figure)) => Self::TooBigAbove(figure.parse().ok()?),
            ("gen-err", Some(figure)) => Self::GenErr(figure.parse().ok()?),
            ("too-big", Some(figure)) => Self::TooBig(figure.parse().ok()?),
            ("too-big-beside", Some(figure)) => Self::TooBigBeside(figure.parse().ok()?),
            ("gen-err-beside", Some(figure)) => Self::GenErrBeside(figure.parse().ok()?),
            ("vanish", Some(figure)) => {
                let (oid, after) = figure.split_once(',').unwrap_or((figure, "0s"));
                Self::Vanish { oid: oid.parse::<Oid>().ok()?, after: duration(after)? }
            }
            ("no-getbulk", None) => Self::NoGetBulk,
            ("drop-bulk-above", Some(figure)) => Self::DropBulkAbove(figure.parse().ok()?),
            ("wrong-bulk-above", Some(figure)) => Self::WrongBulkAbove(figure.parse().ok()?),
            ("drop-above", Some(figure)) => Self::DropAbove(figure.parse().ok()?),
            ("drop-get", Some(figure)) => Self::DropGet(figure.parse().ok()?),
            ("cut-above", Some(figure)) => Self::CutAbove(figure.parse().ok()?),
            ("gen-err-above", Some(figure)) => Self::GenErrAbove(figure.parse().ok()?),
            ("engine-clock", Some(figure)) => Self::EngineClock(figure.parse().ok()?),
            ("wrong-from-above", Some(figure)) => Self::WrongFromAbove(figure.parse().ok()?),
            ("as-ticks", Some(figure)) => Self::AsTicks(figure.parse().ok()?),
            ("sentinel", Some(figure)) => {
                let (oid, number) = figure.split_once(',')?;
                Self::Sentinel { oid: oid.parse().ok()?, number: number.parse().ok()? }
            }
            ("scaled", Some(figure)) => {
                let (oid, percent) = figure.split_once(',')?;
                Self::Scaled { oid: oid.parse().ok()?, percent: percent.parse().ok()? }
            }
            ("digits", Some(figure)) => {
                let (values, digits) = figure.split_once(',')?;
                Self::Digits { values: values.parse().ok()?, digits: digits.parse().ok()? }
            }
            ("string-index", Some(figure)) => Self::StringIndex(figure.parse().ok()?),
            ("text", Some(figure)) => {
                let (oid, text) = figure.split_once(',')?;
                Self::Text { oid: oid.parse().ok()?, text: text.to_owned() }
            }
            ("wrong-up-time", None) => Self::WrongUpTime,
            ("boots-lost", None) => Self::BootsLost,
            ("engine-replaced", None) => Self::EngineReplaced,
            ("unsigned-reports", None) => Self::UnsignedReports,
            ("wrong-digest", None) => Self::WrongDigest,
            ("below-level", None) => Self::BelowLevel,
            ("replay-answers", None) => Self::ReplayAnswers,
            ("replay-reports", None) => Self::ReplayReports,
            ("forge-reports", None) => Self::ForgeReports,
            _ => return None,
        })
    }
}

fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

impl FromStr for FaultRule {
    type Err = FaultParseError;

    /// `drop-answer@0.1`, `delay=200ms`, `gen-err=1.3.6.1.2.1.1.5@0.5`. `_` stands for `-` in names.
    fn from_str(text: &str) -> Result<Self, FaultParseError> {
        let (what, rate) = text.split_once('@').map_or((text, None), |(what, rate)| (what, Some(rate)));
        let rate = match rate {
            None => 1.0,
            Some(rate) => match rate.parse::<f64>() {
                Ok(number) if (0.0..=1.0).contains(&number) => number,
                _ => return Err(FaultParseError::Rate(rate.to_owned())),
            },
        };
        let (name, figure) = what.split_once('=').map_or((what, None), |(name, it)| (name, Some(it)));
        let dashed = name.replace('_', "-");
        let known = Fault::NAMES.iter().find(|(known, _)| *known == dashed);
        let &(name, written) = known.ok_or_else(|| FaultParseError::Name(name.to_owned()))?;
        let fault = Fault::read(name, figure).ok_or(FaultParseError::Figure { name, written })?;
        Ok(Self { fault, rate })
    }
}

impl fmt::Display for FaultRule {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fault.name())?;
        match &self.fault {
            Fault::Delay(it) | Fault::Slow(it) => write!(f, "={}", humantime::format_duration(*it))?,
            Fault::Corrupt(it)
            | Fault::Oversize(it)
            | Fault::TooBigEmpty(it)
            | Fault::TooBigAbove(it)
            | Fault::CutAbove(it)
            | Fault::GenErrAbove(it)
            | Fault::DropAbove(it) => write!(f, "={it}")?,
            Fault::DropBulkAbove(it) | Fault::WrongBulkAbove(it) | Fault::EngineClock(it) => {
                write!(f, "={it}")?;
            }
            Fault::GenErr(oid)
            | Fault::DropGet(oid)
            | Fault::TooBig(oid)
            | Fault::TooBigBeside(oid)
            | Fault::GenErrBeside(oid)
            | Fault::WrongFromAbove(oid)
            | Fault::AsTicks(oid)
            | Fault::StringIndex(oid) => {
                write!(f, "={oid}")?;
            }
            Fault::Digits { values, digits } => write!(f, "={values},{digits}")?,
            Fault::Text { oid, text } => write!(f, "={oid},{text}")?,
            Fault::Sentinel { oid, number } => write!(f, "={oid},{number}")?,
            Fault::Scaled { oid, percent } => write!(f, "={oid},{percent}")?,
            Fault::Vanish { oid, after } => write!(f, "={oid},{}", humantime::format_duration(*after))?,
            Fault::Silent
            | Fault::DropRequest
            | Fault::DropAnswer
            | Fault::Duplicate
            | Fault::Stale
            | Fault::OtherAddress
            | Fault::OtherPort
            | Fault::Truncate
            | Fault::WrongRequestId
            | Fault::WrongCommunity
            | Fault::Reorder
            | Fault::ExtraVarbind
            | Fault::MissingVarbind
            | Fault::NotIncreasing
            | Fault::NoGetBulk
            | Fault::WrongUpTime
            | Fault::BootsLost
            | Fault::EngineReplaced
            | Fault::UnsignedReports
            | Fault::WrongDigest
            | Fault::BelowLevel
            | Fault::ReplayAnswers
            | Fault::ReplayReports
            | Fault::ForgeReports => (),
        }
        if self.rate < 1.0 { write!(f, "@{}", self.rate) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultRule};

    #[test]
    fn faults_read_as_they_are_written() {
        for text in [
            "silent",
            "drop-answer@0.25",
            "delay=200ms@0.5",
            "slow=1s",
            "corrupt=3",
            "gen-err=1.3.6.1.2.1.1.5",
            "vanish=1.3.6.1,30s",
            "wrong-bulk-above=4",
            "sentinel=1.3.6.1,65535",
            "scaled=1.3.6.1,1000@0.5",
            "engine-clock=50",
            "digits=1.3.6.1,1.3.6.2",
            "text=1.3.6.1,notsupported ",
        ] {
            assert_eq!(text.parse::<FaultRule>().unwrap().to_string(), text);
            let underscored = text.replace('-', "_").parse::<FaultRule>();
            assert_eq!(underscored.unwrap().to_string(), text);
        }
    }

    #[test]
    fn every_fault_can_be_read() {
        for (name, written) in Fault::NAMES {
            let text = written
                .replace("OCTETS", "10")
                .replace("VARBINDS", "10")
                .replace("REPETITIONS", "10")
                .replace("OID", "1.3.6")
                .replace("NUMBER", "-1")
                .replace("TEXT", "-1")
                .replace("PERCENT", "50");
            let rule = text.parse::<FaultRule>().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(rule.fault.name(), name);
        }
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, error) in [
            ("delay", "delay is written delay=200ms"),
            ("delay=soon", "delay is written delay=200ms"),
            ("silent=1", "silent is written silent"),
            ("silent@2", "`2` is no rate: a number from 0 to 1"),
            ("silent@nan", "`nan` is no rate: a number from 0 to 1"),
        ] {
            assert_eq!(text.parse::<FaultRule>().unwrap_err().to_string(), error);
        }
        let unknown = "explode".parse::<FaultRule>().unwrap_err().to_string();
        assert!(unknown.starts_with("`explode` is no fault; known are silent, drop-request,"), "{unknown}");
    }
}
