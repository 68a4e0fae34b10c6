//! Hides secrets in lines that are shown. It reads lines, not TOML, because lines are shown most when
//! the TOML is broken; and it hides rather too much.

use super::form::Form;
use super::schema::{self, Key};
use crate::model::closest;
use crate::snmp::v3::{AuthProtocol, PrivProtocol};
use std::ops::Range;

/// For each line of a text, the byte ranges within it that are not to be shown.
pub(super) fn hidden(text: &str) -> Vec<Vec<Range<usize>>> {
    let mut state = State::default();
    text.lines().map(|line| state.line(line)).collect()
}

/// The user and password within a URL: they do not belong there, but stand there.
fn user_of_url(line: &str) -> Option<Range<usize>> {
    let start = line.find("://")? + 3;
    let rest = line.get(start..)?;
    let end = rest.find(['/', '"', '\'', ' ']).unwrap_or(rest.len());
    let at = rest.get(..end)?.rfind('@')?;
    Some(start..start + at)
}

/// What earlier lines leave open.
#[derive(Default)]
struct State {
    /// Whether the lines stand below [credentials..] or [integrations..].
    guarded: bool,
    /// What ends a hidden value that goes on over lines.
    until: Option<&'static str>,
}

impl State {
    fn line(&mut self, line: &str) -> Vec<Range<usize>> {
        let mut hidden = Vec::new();
        let mut from = 0;
        if let Some(end) = self.until {
            let Some(at) = line.find(end) else { return std::iter::once(0..line.len()).collect() };
            self.until = None;
            from = at + end.len();
            hidden.push(0..at);
        }
        let start = line.trim_start();
        if start.starts_with('[') && from == 0 {
            let name = start.trim_start_matches('[').split([']', '.']).next().unwrap_or_default();
            self.guarded = is_guarded(name);
        }
        while let Some(equals) = line.get(from..).and_then(|it| it.find('=')).map(|it| it + from) {
            let value = equals + 1 + leading_blanks(line.get(equals + 1..).unwrap_or_default());
            let key = key_before(line.get(from..equals).unwrap_or_default());
            let written = line.get(value..).unwrap_or_default();
            from = value;
            if !written.starts_with('{') && self.is_secret(key, written) {
                let (range, until) = extent(written);
                hidden.push(value + range.start..value + range.end);
                self.until = until;
                from = value + range.end;
            } else if let Some(end) = quoted(written) {
                from = value + end;
            }
        }
        hidden.extend(
            user_of_url(line).filter(|it| !hidden.iter().any(|at| it.start < at.end && at.start < it.end)),
        );
        hidden.sort_by_key(|it| it.start);
        hidden
    }

    fn is_secret(&self, path: &str, written: &str) -> bool {
        let mut parts = path.split('.').map(|it| it.trim().trim_matches(['"', '\'']));
        let first = parts.clone().next().unwrap_or_default();
        let name = parts.next_back().unwrap_or_default();
        let guarded = self.guarded || (first != name && is_guarded(first));
        match schema_key(name) {
            Some(key) if matches!(key.form, Form::Secret) => true,
            // A secret that was put where its file belongs has no slash; where its variable, too many
            // letters and digits for a name.
            Some(key) if name.ends_with("_file") => matches!(key.form, Form::Path) && !written.contains('/'),
            Some(_) if name.ends_with("_env") => is_keylike(written) || !is_usual_variable(bare(written)),
            Some(_) if name.ends_with("_credential") => is_keylike(written),
            // A passphrase that was put where its protocol belongs.
            Some(key) if matches!(key.form, Form::Authentication) => {
                bare(written).parse::<AuthProtocol>().is_err()
            }
            Some(key) if matches!(key.form, Form::Privacy) => bare(written).parse::<PrivProtocol>().is_err(),
            Some(_) => false,
            None => guarded || resembles_secret(name),
        }
    }
}

/// Whether a table of that name holds secrets.
fn is_guarded(name: &str) -> bool {
    let name = name.trim().trim_matches(['"', '\'']);
    closest(name, GUARDED.iter().copied()).is_some()
        || GUARDED.iter().filter_map(|it| schema::root().find(it)).any(|it| it.misnomers.contains(&name))
}

fn schema_key(name: &str) -> Option<&'static Key> {
    schema::root().keys.iter().filter_map(|it| it.form.inner()).find_map(|it| it.find(name))
}

fn resembles_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    WORDS.iter().any(|it| name.contains(it))
        || closest(&name, ["community", "routing_key", "password"]).is_some()
}

/// Whether it is written as names of variables usually are: then it is no secret in the wrong place.
pub(super) fn is_usual_variable(name: &str) -> bool {
    name.chars().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || "_${}".contains(it))
}

/// A text without its quotes and what follows them.
fn bare(written: &str) -> &str {
    let rest = written.trim_start_matches(['"', '\'']);
    rest.split(['"', '\'']).next().unwrap_or_default().trim_end()
}

/// Whether it is a text of at least as many letters and digits as an integration key has.
fn is_keylike(written: &str) -> bool {
    KEY_CHARS <= bare(written).chars().take_while(char::is_ascii_alphanumeric).count()
}

/// The key that a text ends with, dots included.
fn key_before(text: &str) -> &str {
    let text = text.trim_end();
    let start = text
        .rfind(|it: char| !(it.is_alphanumeric() || "_-.\"'".contains(it)))
        .map_or(0, |it| it + text.get(it..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    text.get(start..).unwrap_or_default()
}

fn leading_blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Which part of a value to hide (quotes stay), and what ends it if it goes on in the next lines.
fn extent(written: &str) -> (Range<usize>, Option<&'static str>) {
    for quotes in ["\"\"\"", "'''"] {
        if let Some(rest) = written.strip_prefix(quotes) {
            return match rest.find(quotes) {
                Some(end) => (quotes.len()..quotes.len() + end, None),
                None => (quotes.len()..written.len(), Some(quotes)),
            };
        }
    }
    if let Some(end) = quoted(written) {
        return (1..end.saturating_sub(1).max(1), None);
    }
    let goes_on = (written.starts_with('[') && !written.contains(']')).then_some("]");
    (0..written.len(), goes_on)
}

/// Where the quoted text at the start ends, behind its closing quote; `None` if there is none.
fn quoted(written: &str) -> Option<usize> {
    let quote = written.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    let mut escaped = false;
    for (at, letter) in written.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if letter == quote => return Some(at + 1),
            _ => (),
        }
    }
    None
}

/// Tables whose unknown keys may be secrets.
const GUARDED: [&str; 3] = ["credentials", "integrations", "inventory"];
/// What names of secrets hold.
const WORDS: [&str; 8] = ["communit", "secret", "passw", "passphr", "token", "_key", "apikey", "privkey"];
/// An integration key of PagerDuty has 32 letters and digits, older service keys as many.
const KEY_CHARS: usize = 20;

#[cfg(test)]
mod tests {
    use super::hidden;

    /// The text with each hidden range shown as `***`.
    fn masked(text: &str) -> String {
        let mut lines = Vec::new();
        for (line, ranges) in text.lines().zip(hidden(text)) {
            let mut shown = line.to_owned();
            for range in ranges.into_iter().rev() {
                shown.replace_range(range, "***");
            }
            lines.push(shown);
        }
        lines.join("\n")
    }

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(masked(text), shown);
    }

    #[test]
    fn hides_secrets_however_they_are_written() {
        check("community = \"s3cret\" # x", "community = \"***\" # x");
        check("community = 's3cret'", "community = '***'");
        check("community=s3cret, y", "community=***");
        check("community = \"s3cret", "community = ***");
        check("community = \"a\\\"s3cret\" # x", "community = \"***\" # x");
        check("community = 12345", "community = ***");
        check("\"community\" = \"s3cret\"", "\"community\" = \"***\"");
        check(
            "default = { version = \"2\", community = \"s3cret\" }",
            "default = { version = \"2\", community = \"***\" }",
        );
        check("credentials.default.comm = \"s3cret\"", "credentials.default.comm = \"***\"");
        check("comunity = \"s3cret\"", "comunity = \"***\"");
        check(
            "[credentials.a]\nx = \"s3cret\"\nversion = \"2\"",
            "[credentials.a]\nx = \"***\"\nversion = \"2\"",
        );
        check("[credential.a]\nx = \"s3cret\"", "[credential.a]\nx = \"***\"");
        check("[auth]\nv2 = \"s3cret\"", "[auth]\nv2 = \"***\"");
        check(
            "[integrations.x]\nkey = \"s3cret\"\nurl = \"u\"",
            "[integrations.x]\nkey = \"***\"\nurl = \"u\"",
        );
        check("community = \"\"\"\ns3cret\n\"\"\"\nx = 1", "community = \"\"\"***\n***\n***\"\"\"\nx = 1");
        check("community = [\n\"s3cret\"\n]", "community = ***\n***\n***]");
        check("routing_key = \"é\"", "routing_key = \"***\"");
        check("routing_key_file = \"0123456789abcdef0123456789abcdef\"", "routing_key_file = \"***\"");
        check("routing_key_env = \"0123456789abcdef0123456789abcdef\"", "routing_key_env = \"***\"");
        check("community_env = \"s3cret\"", "community_env = \"***\"");
        check("snmp_password = \"s3cret\"", "snmp_password = \"***\"");
        check("authentication_passphrase = \"s3cret\"", "authentication_passphrase = \"***\"");
        check("privacy_key = \"0x00ff\"", "privacy_key = \"***\"");
        check("privacy_passphrase_file = \"s3cret\"", "privacy_passphrase_file = \"***\"");
        check("authentication = \"s3cret\"", "authentication = \"***\"");
        check("privacy = \"s3cret\"", "privacy = \"***\"");
        check("auth_passphrase = \"s3cret\"", "auth_passphrase = \"***\"");
    }

    #[test]
    fn shows_all_else() {
        for line in [
            "[polling]",
            "interval = \"10s\"",
            "community_file = \"/etc/x\"",
            "community_env = \"SNMP_COMMUNITY\"",
            "authentication = \"sha256\"",
            "privacy = \"AES-256-C\"",
            "authentication_passphrase_file = \"/etc/x\"",
            "user = \"ops\"",
            "community_env = \"${SNMP_COMMUNITY}\"",
            "routing_key_credential = \"cred_pagerduty\"",
            "apply_to = { match = { site = \"ams*\" } }",
            "notes = \"a = b, community of operators\"",
            "folder = \"relative\"",
            "= ",
            "=",
            "",
            "é = ü",
        ] {
            check(line, line);
        }
    }

    proptest::proptest! {
        #[test]
        fn takes_any_text(text: String) {
            let lines = hidden(&text);
            for (line, ranges) in text.lines().zip(lines) {
                for range in ranges {
                    proptest::prop_assert!(line.get(range).is_some());
                }
            }
        }

        #[test]
        fn a_community_is_never_shown(secret in "[a-zA-Z0-9!#,=}{ ]{4,20}", quote in "[\"']") {
            let text = format!("[credentials.default]\ncommunity = {quote}{secret}{quote}\nversion = 3\n");
            proptest::prop_assert!(!masked(&text).contains(&secret));
        }
    }
}
