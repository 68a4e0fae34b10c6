//! SNMPv3's user on the command line, by net-snmp's letters. Passphrases may come from the environment, where
//! other users of this host do not see them. Says everything that is wrong at once.

use crate::model::Secret;
use crate::snmp::v3::{AuthProtocol, EngineId, KeySource, PrivProtocol, SecurityLevel, User};
use std::sync::Arc;

/// Of the help. Not `next_help_heading`: that would hold for what follows elsewhere, too.
const HEADING: &str = "SNMPv3";

/// The user and what belongs to it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct UsmArguments {
    /// User of SNMPv3, or of a Redfish service; default: the one that the configuration has for this device
    #[arg(help_heading = HEADING, short = 'u', long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Level of security; default: what the protocols that are given amount to
    #[arg(help_heading = HEADING, short = 'l', long, value_name = "LEVEL", ignore_case = true,
          value_parser = ["noAuthNoPriv", "authNoPriv", "authPriv"])]
    level: Option<String>,
    /// Authentication protocol: MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512
    #[arg(help_heading = HEADING, short = 'a', long, value_name = "PROTOCOL")]
    authentication: Option<AuthProtocol>,
    /// Authentication passphrase
    #[arg(
        help_heading = HEADING,
        short = 'A',
        long,
        value_name = "TEXT",
        env = "RACKWARDEN_AUTH_PASSPHRASE",
        hide_env_values = true,
        value_parser = secret
    )]
    authentication_passphrase: Option<Secret>,
    /// Privacy protocol: DES, AES-128, AES-192, AES-256; AES-192-C and AES-256-C as Cisco has them
    #[arg(help_heading = HEADING, short = 'x', long, value_name = "PROTOCOL")]
    privacy: Option<PrivProtocol>,
    /// Privacy passphrase
    #[arg(
        help_heading = HEADING,
        short = 'X',
        long,
        value_name = "TEXT",
        env = "RACKWARDEN_PRIVACY_PASSPHRASE",
        hide_env_values = true,
        value_parser = secret
    )]
    privacy_passphrase: Option<Secret>,
    /// Context
    #[arg(help_heading = HEADING, short = 'n', long = "context", value_name = "NAME")]
    context_name: Option<String>,
    /// Engine that has the context, in hexadecimal, where it is not the agent's own
    #[arg(help_heading = HEADING, short = 'E', long, value_name = "HEX", value_parser = engine_id)]
    context_engine_id: Option<EngineId>,
}

// clap's parsers may fail; this one cannot, and the passphrase is wiped when it is no longer needed.
#[expect(clippy::unnecessary_wraps, reason = "the form of clap's value parsers")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn engine_id(text: &str) -> Result<EngineId, &'static str> {
    EngineId::from_hexadecimal(text).ok_or("write 1 to 32 octets, two hexadecimal digits each")
}

impl UsmArguments {
    /// Whether anything asks for SNMPv3. Passphrases do not: they may be set for other targets.
    pub(super) fn first_letter(&self) -> Option<&'static str> {
        [
            (self.user.is_some(), "-u"),
            (self.level.is_some(), "-l"),
            (self.authentication.is_some(), "-a"),
            (self.privacy.is_some(), "-x"),
            (self.context_name.is_some(), "-n"),
            (self.context_engine_id.is_some(), "-E"),
        ]
        .into_iter()
        .find_map(|(is_given, letter)| is_given.then_some(letter))
    }

    /// The user; or all that is wrong, a sentence each.
    pub(super) fn user(&self) -> Result<Arc<User>, Vec<String>> {
        let mut wrong = Vec::new();
        let level = self.level.as_deref();
        let is_level = |it: SecurityLevel| level.is_some_and(|text| text.eq_ignore_ascii_case(it.name()));
        // Passphrases below the level are not used, as net-snmp's tools do it: they may be of the environment.
        let (no_auth, no_privacy) =
            (is_level(SecurityLevel::NoAuthNoPriv), is_level(SecurityLevel::AuthNoPriv));
        let auth = match (self.authentication, &self.authentication_passphrase) {
            _ if no_auth => None,
            (None, None) => {
                if level.is_some() || self.privacy.is_some() {
                    wrong.push("authentication is missing: give -a PROTOCOL and -A PASSPHRASE".to_owned());
                }
                None
            }
            (None, Some(_)) => {
                wrong.push(
                    "the authentication passphrase needs its protocol: give -a, as in -a SHA-256".to_owned(),
                );
                None
            }
            (Some(_), None) => {
                wrong.push("-a needs the passphrase: give -A, or set RACKWARDEN_AUTH_PASSPHRASE".to_owned());
                None
            }
            (Some(protocol), Some(phrase)) => Some((protocol, KeySource::Passphrase(phrase.clone()))),
        };
        let privacy = match (self.privacy, &self.privacy_passphrase) {
            _ if no_auth || no_privacy => None,
            (None, None) => {
                if is_level(SecurityLevel::AuthPriv) {
                    wrong.push("authPriv needs privacy: give -x PROTOCOL and -X PASSPHRASE".to_owned());
                }
                None
            }
            (None, Some(_)) => {
                wrong.push("the privacy passphrase needs its protocol: give -x, as in -x AES-128".to_owned());
                None
            }
            (Some(_), None) => {
                wrong.push(
                    "-x needs the passphrase: give -X, or set RACKWARDEN_PRIVACY_PASSPHRASE".to_owned(),
                );
                None
            }
            (Some(protocol), Some(phrase)) => Some((protocol, KeySource::Passphrase(phrase.clone()))),
        };
        let privacy = privacy.filter(|_| auth.is_some() || wrong.is_empty());
        let context = self.context_name.clone().unwrap_or_default();
        let made = User::new(self.user.clone().unwrap_or_default(), auth, privacy)
            .and_then(|user| user.in_context(context, self.context_engine_id));
        match made {
            Ok(user) if wrong.is_empty() => Ok(Arc::new(user)),
            Ok(_) => Err(wrong),
            Err(problems) => {
                wrong.extend(problems.into_iter().map(|it| it.text));
                Err(wrong)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::UsmArguments;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        usm: UsmArguments,
    }

    fn read(line: &str) -> Result<String, Vec<String>> {
        let line = Line::try_parse_from(std::iter::once("x").chain(line.split(' ')))
            .map_err(|it| vec![it.to_string()])?;
        line.usm.user().map(|it| it.level().to_string())
    }

    #[test]
    fn levels_follow_from_what_is_given() {
        for (line, level) in [
            ("-u ops", "noAuthNoPriv"),
            ("-u ops -a SHA-256 -A passphrase", "authNoPriv"),
            ("-u ops -a sha -A passphrase -x AES -X passphrase", "authPriv"),
            ("-u ops -l authNoPriv -a sha -A passphrase -x AES -X passphrase", "authNoPriv"),
            ("-u ops -l noauthnopriv -A passphrase", "noAuthNoPriv"),
        ] {
            assert_eq!(read(line), Ok(level.to_owned()), "{line}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_without_a_secret() {
        let said = read("-u ops -a SHA-256 -A hunter2 -x AES").unwrap_err();
        assert_eq!(
            said,
            [
                "-x needs the passphrase: give -X, or set RACKWARDEN_PRIVACY_PASSPHRASE",
                "the authentication passphrase has 7 octets; write at least 8 (RFC 3414 section 11.2)",
            ]
        );
        for (line, says) in [
            ("-u ops -A hunter2hunter2", "give -a, as in -a SHA-256"),
            ("-u ops -a SHA-256", "RACKWARDEN_AUTH_PASSPHRASE"),
            ("-u ops -l authPriv -a SHA-256 -A hunter2hunter2", "give -x PROTOCOL"),
            ("-u ops -x AES -X hunter2hunter2", "give -a PROTOCOL"),
            ("-u ops -a crc32", "write one of MD5"),
            ("-u ops -E 0x8", "hexadecimal"),
        ] {
            let said = read(line).unwrap_err().concat();
            assert!(said.contains(says) && !said.contains("hunter2"), "{line}: {said}");
        }
    }
}
