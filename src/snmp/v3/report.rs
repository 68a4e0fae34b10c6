//! What an engine says when it does not take a message: the counters that reports carry.

use crate::model::Oid;

/// The counter in a Report-PDU, and so the reason for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// usmStatsUnsupportedSecLevels (RFC 3414 section 5)
    UnsupportedSecLevels,
    /// usmStatsNotInTimeWindows
    NotInTimeWindows,
    /// usmStatsUnknownUserNames
    UnknownUserNames,
    /// usmStatsUnknownEngineIDs
    UnknownEngineIds,
    /// usmStatsWrongDigests
    WrongDigests,
    /// usmStatsDecryptionErrors
    DecryptionErrors,
    /// snmpUnknownSecurityModels (RFC 3412 section 5)
    UnknownSecurityModels,
    /// snmpInvalidMsgs
    InvalidMessages,
    /// snmpUnknownPDUHandlers
    UnknownPduHandlers,
    /// snmpUnavailableContexts (RFC 3413 section 4.1.2)
    UnavailableContexts,
    /// snmpUnknownContexts
    UnknownContexts,
    /// Something else.
    Other,
}

impl Report {
    /// Each with its counter's object, without the instance.
    const COUNTERS: [(Self, &'static [u32]); 11] = [
        (Self::UnsupportedSecLevels, &[1, 3, 6, 1, 6, 3, 15, 1, 1, 1]),
        (Self::NotInTimeWindows, &[1, 3, 6, 1, 6, 3, 15, 1, 1, 2]),
        (Self::UnknownUserNames, &[1, 3, 6, 1, 6, 3, 15, 1, 1, 3]),
        (Self::UnknownEngineIds, &[1, 3, 6, 1, 6, 3, 15, 1, 1, 4]),
        (Self::WrongDigests, &[1, 3, 6, 1, 6, 3, 15, 1, 1, 5]),
        (Self::DecryptionErrors, &[1, 3, 6, 1, 6, 3, 15, 1, 1, 6]),
        (Self::UnknownSecurityModels, &[1, 3, 6, 1, 6, 3, 11, 2, 1, 1]),
        (Self::InvalidMessages, &[1, 3, 6, 1, 6, 3, 11, 2, 1, 2]),
        (Self::UnknownPduHandlers, &[1, 3, 6, 1, 6, 3, 11, 2, 1, 3]),
        (Self::UnavailableContexts, &[1, 3, 6, 1, 6, 3, 12, 1, 4]),
        (Self::UnknownContexts, &[1, 3, 6, 1, 6, 3, 12, 1, 5]),
    ];

    /// The reason that a name's content octets stand for, with or without the instance `.0`.
    pub(super) fn of_name(content: &[u8]) -> Self {
        let Ok(oid) = Oid::decode_content(content) else { return Self::Other };
        let arcs = oid.arcs();
        let known = Self::COUNTERS.iter().find(|(_, counter)| {
            arcs.strip_prefix(*counter).is_some_and(|instance| matches!(instance, [] | [0]))
        });
        known.map_or(Self::Other, |(report, _)| *report)
    }

    /// The counter's instance; `None` for [`Report::Other`].
    pub(crate) fn counter(self) -> Option<Oid> {
        let (_, counter) = Self::COUNTERS.iter().find(|(report, _)| *report == self)?;
        Some(Oid::new(counter).child(&[0]))
    }

    /// The counter's name in its MIB: also a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnsupportedSecLevels => "usmStatsUnsupportedSecLevels",
            Self::NotInTimeWindows => "usmStatsNotInTimeWindows",
            Self::UnknownUserNames => "usmStatsUnknownUserNames",
            Self::UnknownEngineIds => "usmStatsUnknownEngineIDs",
            Self::WrongDigests => "usmStatsWrongDigests",
            Self::DecryptionErrors => "usmStatsDecryptionErrors",
            Self::UnknownSecurityModels => "snmpUnknownSecurityModels",
            Self::InvalidMessages => "snmpInvalidMsgs",
            Self::UnknownPduHandlers => "snmpUnknownPDUHandlers",
            Self::UnavailableContexts => "snmpUnavailableContexts",
            Self::UnknownContexts => "snmpUnknownContexts",
            Self::Other => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn counters_are_read_back_with_and_without_instance() {
        for (report, counter) in Report::COUNTERS {
            let mut content = Vec::new();
            report.counter().unwrap().encode_content(&mut content).unwrap();
            assert_eq!(Report::of_name(&content), report);
            content.pop();
            assert_eq!(Report::of_name(&content), report, "{counter:?}");
            content.push(1);
            assert_eq!(Report::of_name(&content), Report::Other);
        }
        assert_eq!(Report::of_name(&[0x80]), Report::Other);
    }
}
