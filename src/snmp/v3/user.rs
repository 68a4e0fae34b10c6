//! A user of the User-based Security Model: who asks, and with which secrets.
//!
//! Invariant: a [`User`] is sound when it exists: [`User::new`] names every mistake at once.

use super::engine_id::EngineId;
use super::protocol::{AuthProtocol, PrivProtocol, SecurityLevel};
use crate::model::Secret;
use std::fmt;
use std::hash::{Hash, Hasher};
use zeroize::Zeroizing;

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A passphrase, from which each engine's key is computed (RFC 3414 appendix A.2).
    Passphrase(Secret),
    /// The key itself, already localized to the one engine, in hexadecimal (`0x` is borne).
    Localized(Secret),
}

/// A user at its level of security. Checked: see [`User::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    auth: Option<(AuthProtocol, KeySource)>,
    privacy: Option<(PrivProtocol, KeySource)>,
    context_name: String,
    context_engine_id: Option<EngineId>,
}

/// One thing that is wrong with a user, as a sentence that says what to write instead. Never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct UserProblem {
    /// Which part.
    pub part: UserPart,
    /// The sentence.
    pub text: String,
}

/// A part of a user that may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserPart {
    /// The user name.
    Name,
    /// The key or passphrase of authentication.
    AuthKey,
    /// The privacy protocol, which needs authentication.
    Privacy,
    /// The key or passphrase of privacy.
    PrivacyKey,
    /// The context name.
    ContextName,
}

impl User {
    /// msgUserName's and contextName's bound (RFC 3414 section 2.4, RFC 3411 section 5).
    pub const NAME_OCTETS_MAX: usize = 32;
    /// RFC 3414 section 11.2: agents refuse to set up shorter ones.
    pub const PASSPHRASE_OCTETS_MIN: usize = 8;

    /// A user without authentication and privacy, in the default context.
    ///
    /// # Errors
    /// All problems there are.
    pub fn new(
        name: impl Into<String>,
        auth: Option<(AuthProtocol, KeySource)>,
        privacy: Option<(PrivProtocol, KeySource)>,
    ) -> Result<Self, Vec<UserProblem>> {
        let user =
            Self { name: name.into(), auth, privacy, context_name: String::new(), context_engine_id: None };
        let problems = user.problems();
        if problems.is_empty() { Ok(user) } else { Err(problems) }
    }

    /// The same user in another context.
    ///
    /// # Errors
    /// [`UserPart::ContextName`], if the name is too long.
    pub fn in_context(
        mut self,
        name: impl Into<String>,
        engine_id: Option<EngineId>,
    ) -> Result<Self, Vec<UserProblem>> {
        self.context_name = name.into();
        self.context_engine_id = engine_id;
        let problems = self.problems();
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    /// msgUserName
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// contextName; empty for the default context.
    #[must_use]
    pub fn context_name(&self) -> &str {
        &self.context_name
    }

    /// contextEngineID, where it is not the agent's own.
    #[must_use]
    pub const fn context_engine_id(&self) -> Option<&EngineId> {
        self.context_engine_id.as_ref()
    }

    /// How its messages are authenticated.
    #[must_use]
    pub const fn auth_protocol(&self) -> Option<AuthProtocol> {
        match &self.auth {
            Some((protocol, _)) => Some(*protocol),
            None => None,
        }
    }

    /// How its messages are encrypted.
    #[must_use]
    pub const fn priv_protocol(&self) -> Option<PrivProtocol> {
        match &self.privacy {
            Some((protocol, _)) => Some(*protocol),
            None => None,
        }
    }

    /// What its protocols amount to.
    #[must_use]
    pub const fn level(&self) -> SecurityLevel {
        match (&self.auth, &self.privacy) {
            (None, _) => SecurityLevel::NoAuthNoPriv,
            (Some(_), None) => SecurityLevel::AuthNoPriv,
            (Some(_), Some(_)) => SecurityLevel::AuthPriv,
        }
    }

    /// What keys are computed from; `None` without authentication.
    pub(super) fn secrets(&self) -> Option<UserSecrets> {
        let auth = self.auth.clone()?;
        Some(UserSecrets { auth, privacy: self.privacy.clone() })
    }

    fn problems(&self) -> Vec<UserProblem> {
        let mut found = Vec::new();
        let mut wrong = |part, text: String| found.push(UserProblem { part, text });
        if self.name.is_empty() || Self::NAME_OCTETS_MAX < self.name.len() {
            let length = self.name.len();
            wrong(UserPart::Name, format!("the user name has {length} octets; write 1 to 32"));
        }
        if let Some((protocol, source)) = &self.auth
            && let Some(text) = key_problem("authentication", source, &[protocol.key_octets()])
        {
            wrong(UserPart::AuthKey, text);
        }
        match (&self.auth, &self.privacy) {
            (None, Some((protocol, _))) => wrong(
                UserPart::Privacy,
                format!(
                    "privacy ({protocol}) needs authentication; write an authentication protocol and its passphrase too"
                ),
            ),
            (Some((auth, _)), Some((protocol, source))) => {
                // Tools print either the key cut or lengthened for the cipher, or the hash that it is made of.
                let lengths = [protocol.key_octets(), auth.key_octets()];
                if let Some(text) = key_problem("privacy", source, &lengths) {
                    wrong(UserPart::PrivacyKey, text);
                }
            }
            (_, None) => (),
        }
        if Self::NAME_OCTETS_MAX < self.context_name.len() {
            let length = self.context_name.len();
            wrong(UserPart::ContextName, format!("the context name has {length} octets; write at most 32"));
        }
        found
    }
}

fn key_problem(of: &str, source: &KeySource, lengths: &[usize]) -> Option<String> {
    match source {
        KeySource::Passphrase(it) if it.expose().len() < User::PASSPHRASE_OCTETS_MIN => Some(format!(
            "the {of} passphrase has {} octets; write at least 8 (RFC 3414 section 11.2)",
            it.expose().len()
        )),
        KeySource::Passphrase(_) => None,
        KeySource::Localized(it) => match hexadecimal(it.expose()) {
            None => {
                Some(format!("the localized {of} key is not hexadecimal; write two digits for each octet"))
            }
            Some(key) if lengths.contains(&key.len()) => None,
            Some(key) => {
                let mut wanted: Vec<String> =
                    lengths.iter().map(|it| it.saturating_mul(2).to_string()).collect();
                wanted.dedup();
                Some(format!(
                    "the localized {of} key has {} hexadecimal digits; its protocol needs {}",
                    key.len().saturating_mul(2),
                    wanted.join(" or ")
                ))
            }
        },
    }
}

/// The octets of a hexadecimal text.
pub(super) fn hexadecimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text).as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
    // The length is known, so that no shorter buffer with a part of the key is left behind unwiped.
    let mut octets = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    for [high, low] in pairs {
        octets.push(value(*high)? << 4 | value(*low)?);
    }
    Some(octets)
}

/// The part of a user that its keys depend on. Two of them are equal if all protocols and secrets are.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct UserSecrets {
    pub(super) auth: (AuthProtocol, KeySource),
    pub(super) privacy: Option<(PrivProtocol, KeySource)>,
}

impl Hash for UserSecrets {
    /// Of secrets too: the map's hasher is keyed at random, and equality decides.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut one = |source: &KeySource| match source {
            KeySource::Passphrase(it) => (0_u8, it.expose()).hash(state),
            KeySource::Localized(it) => (1_u8, it.expose()).hash(state),
        };
        one(&self.auth.1);
        if let Some((_, source)) = &self.privacy {
            one(source);
        }
        (self.auth.0, self.privacy.as_ref().map(|it| it.0)).hash(state);
    }
}

impl fmt::Debug for UserSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(text: &str) -> KeySource {
        KeySource::Passphrase(Secret::new(text))
    }

    fn texts(made: Result<User, Vec<UserProblem>>) -> Vec<String> {
        made.map_or_else(|all| all.iter().map(ToString::to_string).collect(), |_| Vec::new())
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let short = User::new(
            "",
            Some((AuthProtocol::Sha256, phrase("seven77"))),
            Some((PrivProtocol::Aes256, KeySource::Localized(Secret::new("0x0011")))),
        );
        assert_eq!(
            texts(short),
            [
                "the user name has 0 octets; write 1 to 32",
                "the authentication passphrase has 7 octets; write at least 8 (RFC 3414 section 11.2)",
                "the localized privacy key has 4 hexadecimal digits; its protocol needs 64",
            ]
        );
        let alone = User::new("ops", None, Some((PrivProtocol::Des, phrase("long enough"))));
        assert_eq!(
            texts(alone),
            ["privacy (DES) needs authentication; write an authentication protocol and its passphrase too"]
        );
        let letters = KeySource::Localized(Secret::new("key of letters"));
        let wrong = User::new("ops", Some((AuthProtocol::Md5, letters)), None);
        assert_eq!(
            texts(wrong),
            ["the localized authentication key is not hexadecimal; write two digits for each octet"]
        );
    }

    #[test]
    fn nothing_prints_a_secret() {
        let user = User::new("ops", Some((AuthProtocol::Md5, phrase("maplesyrup"))), None).unwrap();
        assert!(!format!("{user:?} {:?}", user.secrets()).contains("maplesyrup"));
        let wrong = User::new("ops", Some((AuthProtocol::Md5, phrase("maple"))), None);
        assert!(!format!("{wrong:?}").contains("maple"));
    }
}
