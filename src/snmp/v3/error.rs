//! Why a device cannot be asked by SNMPv3, each as a sentence that says what to change.

use super::protocol::SecurityLevel;
use super::report::Report;
use super::user::User;

/// Why there is no answer that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsmError {
    /// usmStatsWrongDigests
    #[error(
        "the agent refuses the authentication of user `{user}`: its authentication passphrase or protocol ({protocol}) is not the agent's"
    )]
    WrongDigest {
        /// The user.
        user: String,
        /// Its authentication protocol.
        protocol: &'static str,
    },
    /// usmStatsUnknownUserNames
    #[error("the agent knows no user `{user}`: create it there, or correct the user name")]
    UnknownUser {
        /// The user.
        user: String,
    },
    /// usmStatsUnsupportedSecLevels
    #[error(
        "the agent has no {level} for user `{user}`: give the user the same authentication and privacy protocols here and there"
    )]
    UnsupportedLevel {
        /// The user.
        user: String,
        /// What was asked for.
        level: SecurityLevel,
    },
    /// usmStatsDecryptionErrors, or an authentic answer that cannot be decrypted.
    #[error(
        "user `{user}` and the agent cannot decrypt each other: its privacy passphrase or protocol ({protocol}) is not the agent's"
    )]
    Decryption {
        /// The user.
        user: String,
        /// Its privacy protocol.
        protocol: &'static str,
    },
    /// usmStatsNotInTimeWindows, although its own boots and time were used.
    #[error(
        "the agent refuses its own engine boots and time as out of its time window: restart its SNMP agent, or update its firmware"
    )]
    NotInTimeWindow,
    /// snmpEngineBoots is at its end.
    #[error(
        "the agent's engine boots have reached 2147483647, at which it takes no message (RFC 3414 section 2.2.2): give it a new engine ID"
    )]
    BootsExhausted,
    /// usmStatsUnknownEngineIDs, although its own was used.
    #[error(
        "the agent does not know its own engine ID: set another engine ID there, or restart its SNMP agent"
    )]
    UnknownEngine,
    /// An engine ID that is none.
    #[error("the agent names an engine ID of {octets} octets; set one of 5 to 32 octets there")]
    EngineIdLength {
        /// How long it is.
        octets: usize,
    },
    /// snmpUnknownContexts
    #[error("the agent has no context `{context}`: correct the context name")]
    UnknownContext {
        /// The context's name.
        context: String,
    },
    /// snmpUnavailableContexts
    #[error("the agent's context `{context}` is unavailable now")]
    UnavailableContext {
        /// The context's name.
        context: String,
    },
    /// The agent names its engine, and is silent when it is asked with privacy: what net-snmp's agent does
    /// where it cannot make sense of what it decrypted.
    #[error(
        "the agent answers discovery but nothing that user `{user}` encrypts: most likely the privacy passphrase or protocol ({protocol}) is not the agent's"
    )]
    PrivacySilence {
        /// The user.
        user: String,
        /// Its privacy protocol.
        protocol: &'static str,
    },
    /// The agent names its engine, and is silent when it is asked.
    #[error("the agent answers discovery but no request of user `{user}`: check the user's rights there")]
    Silence {
        /// The user.
        user: String,
    },
    /// The same in a context, which net-snmp's agent too does not answer if it has none of that name.
    #[error(
        "the agent answers discovery but no request of user `{user}` in context `{context}`: check that it has this context, and the user's passphrases and rights"
    )]
    ContextSilence {
        /// The user.
        user: String,
        /// The context's name.
        context: String,
    },
    /// An error to each request, as authorizationError (RFC 3416) where the user may see nothing, or nothing
    /// at this level.
    #[error(
        "the agent answers user `{user}` with an error to every request at level {level}: check the user's rights there; they may need a higher level of security"
    )]
    NoAccess {
        /// The user.
        user: String,
        /// What was asked for.
        level: SecurityLevel,
    },
    /// Messages came whose code is wrong.
    #[error(
        "messages come whose authentication code is wrong: the authentication passphrase or protocol of user `{user}` is not the agent's, or somebody forges"
    )]
    Unverified {
        /// The user.
        user: String,
    },
    /// Messages came at a lower level than the user's.
    #[error(
        "messages come below {level}, which is set for user `{user}` here: they are not believed; check the agent"
    )]
    Downgraded {
        /// The user.
        user: String,
        /// What was asked for.
        level: SecurityLevel,
    },
    /// A report with another counter.
    #[error("the agent reports {}: it does not take SNMPv3 requests of this kind", .0.name())]
    Reported(Report),
    /// Octets that are no message of USM.
    #[error("no message of the User-based Security Model: {0}")]
    Malformed(#[from] crate::snmp::wire::DecodeError),
    /// A message of a user that nobody set up here.
    #[error(
        "no user `{user}` is set up here for such messages: add its credentials, or correct the user name at the sender"
    )]
    UnknownSender {
        /// The user name in the message, with other characters than ASCII's escaped.
        user: String,
    },
    /// A message of another kind than a notification.
    #[error("not a notification")]
    NoNotification,
    /// A notification that is older than what its sender sent before.
    #[error("outside of the sender's time window: an old message, or the sender's clock went back")]
    Old,
    /// A notification that cannot be decrypted or read.
    #[error(
        "an authentic message of user `{user}` cannot be decrypted: check its privacy passphrase and protocol"
    )]
    Undecryptable {
        /// The user.
        user: String,
    },
}

/// What a message that proves nothing hinted at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    Report(Report),
    BootsExhausted,
    EngineIdLength(u16),
    Undecryptable,
    Unverified,
    Downgraded,
    Silence,
}

impl Hint {
    /// Whether it tells less than any report.
    pub(super) const fn is_weak(self) -> bool {
        matches!(self, Self::Unverified | Self::Downgraded)
    }

    /// The error that it makes of a request that stayed unanswered.
    pub(super) fn error(self, user: &User) -> UsmError {
        let name = || user.name().to_owned();
        let privacy = || user.priv_protocol().map_or("none", |it| it.name());
        let decryption = || UsmError::Decryption { user: name(), protocol: privacy() };
        let context = || user.context_name().to_owned();
        match self {
            Self::BootsExhausted => UsmError::BootsExhausted,
            Self::EngineIdLength(octets) => UsmError::EngineIdLength { octets: usize::from(octets) },
            Self::Undecryptable => decryption(),
            Self::Silence if !user.context_name().is_empty() => {
                UsmError::ContextSilence { user: name(), context: context() }
            }
            Self::Silence if user.level() == SecurityLevel::AuthPriv => {
                UsmError::PrivacySilence { user: name(), protocol: privacy() }
            }
            Self::Silence => UsmError::Silence { user: name() },
            Self::Unverified => UsmError::Unverified { user: name() },
            Self::Downgraded => UsmError::Downgraded { user: name(), level: user.level() },
            Self::Report(report) => match report {
                Report::UnsupportedSecLevels => {
                    UsmError::UnsupportedLevel { user: name(), level: user.level() }
                }
                Report::NotInTimeWindows => UsmError::NotInTimeWindow,
                Report::UnknownUserNames => UsmError::UnknownUser { user: name() },
                Report::UnknownEngineIds => UsmError::UnknownEngine,
                Report::WrongDigests => UsmError::WrongDigest {
                    user: name(),
                    protocol: user.auth_protocol().map_or("none", |it| it.name()),
                },
                Report::DecryptionErrors => decryption(),
                Report::UnknownContexts => UsmError::UnknownContext { context: context() },
                Report::UnavailableContexts => UsmError::UnavailableContext { context: context() },
                Report::UnknownSecurityModels
                | Report::InvalidMessages
                | Report::UnknownPduHandlers
                | Report::Other => UsmError::Reported(report),
            },
        }
    }
}
