//! `[credentials.NAME]` with version "3": a user of SNMPv3, of whom every part must fit the others.

use super::Context;
use super::one_secret::{Given, SecretKeys, one_of};
use crate::config::layer::Step;
use crate::config::raw::RawCredential;
use crate::config::report::Place;
use crate::config::schema;
use crate::model::Secret;
use crate::notify::settings::SecretSource;
use crate::snmp::v3::{
    AuthProtocol, EngineId, KeySource, PrivProtocol, SecurityLevel, User, UserPart, UserProblem,
};
use figment::value::magic::Tagged;
use std::str::FromStr;
use std::sync::Arc;

/// Reports keys of SNMPv3 in a table of another version. Whether there are any.
pub(super) fn refuse_keys(context: &mut Context<'_, '_>, name: &str, version: &str) -> bool {
    let known = schema::root().find(TABLE).and_then(|it| it.form.inner());
    let of_v3 = known.into_iter().flat_map(|it| it.names()).filter(|it| {
        let common = *it == "version" || it.starts_with("community") || it.starts_with("password");
        !common && context.layers.any_has(&[Step::Key(TABLE), Step::Key(name), Step::Key(it)])
    });
    let found: Vec<&str> = of_v3.collect();
    let Some(first) = found.first() else { return false };
    let place = context.layers.first_with(&[Step::Key(TABLE), Step::Key(name), Step::Key(first)]);
    let listed = found.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    let is_said = context.layers.any_has(&[Step::Key(TABLE), Step::Key(name), Step::Key("version")]);
    let but = if is_said { "its version is" } else { "without a version it speaks" };
    context
        .report
        .mistake(
            place,
            format!("[{TABLE}.{name}] has {listed}, which only SNMPv3 knows, but {but} \"{version}\""),
        )
        .help("write version = \"3\" and no community; or leave the user and all that belongs to it out");
    true
}

/// The user, if all of it is sound. `community`: the keys that must not stand beside it.
pub(super) fn user(
    context: &mut Context<'_, '_>,
    name: &str,
    raw: &RawCredential,
    community: &SecretKeys<'_>,
) -> Option<Arc<User>> {
    let mut checks = Checks { context, name, raw };
    checks.no_community(community);
    let user_name = checks.user_name();
    let [phrase, key, privacy_phrase, privacy_key] = secret_keys(name, raw);
    let auth = checks.part::<AuthProtocol>(raw.authentication.as_ref(), [&phrase, &key]);
    let privacy = checks.part::<PrivProtocol>(raw.privacy.as_ref(), [&privacy_phrase, &privacy_key]);
    checks.level(&auth, &privacy);
    let places = Places {
        auth: auth.secret_place(),
        privacy: checks.place_of(raw.privacy.as_ref(), "privacy"),
        privacy_key: privacy.secret_place(),
    };
    if matches!((&auth, &privacy), (Part::Half, _) | (_, Part::Half)) {
        return None;
    }
    checks.warn_of_weak(&auth, &privacy);
    let context_engine = raw.context_engine_id.as_deref().and_then(EngineId::from_hexadecimal);
    let context_name = raw.context_name.as_ref().map(|it| it.to_string()).unwrap_or_default();
    let made = User::new(user_name?, auth.whole(), privacy.whole())
        .and_then(|user| user.in_context(context_name, context_engine));
    match made {
        Ok(user) => Some(Arc::new(user)),
        Err(problems) => {
            problems.iter().for_each(|it| checks.report(it, &places));
            None
        }
    }
}

/// Where what a [`UserProblem`] is about stands.
struct Places {
    auth: Option<Place>,
    privacy: Option<Place>,
    privacy_key: Option<Place>,
}

/// Authentication or privacy.
enum Part<P> {
    Absent,
    /// Something is missing or wrong, and that has been said.
    Half,
    Whole(P, KeySource, Place),
}

impl<P> Part<P> {
    const fn secret_place(&self) -> Option<Place> {
        match self {
            Self::Whole(_, _, place) => Some(*place),
            Self::Absent | Self::Half => None,
        }
    }

    fn whole(self) -> Option<(P, KeySource)> {
        match self {
            Self::Whole(protocol, source, _) => Some((protocol, source)),
            Self::Absent | Self::Half => None,
        }
    }

    const fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// The four secrets: authentication's passphrase and key, privacy's passphrase and key.
fn secret_keys<'r>(name: &'r str, raw: &'r RawCredential) -> [SecretKeys<'r>; 4] {
    let keys = |stem, inline, file, environment, credential| SecretKeys {
        table: TABLE,
        name,
        stem,
        inline,
        file,
        environment,
        credential,
    };
    [
        keys(
            "authentication_passphrase",
            raw.authentication_passphrase.as_ref(),
            raw.authentication_passphrase_file.as_ref(),
            raw.authentication_passphrase_env.as_ref(),
            raw.authentication_passphrase_credential.as_ref(),
        ),
        keys(
            "authentication_key",
            raw.authentication_key.as_ref(),
            raw.authentication_key_file.as_ref(),
            raw.authentication_key_env.as_ref(),
            raw.authentication_key_credential.as_ref(),
        ),
        keys(
            "privacy_passphrase",
            raw.privacy_passphrase.as_ref(),
            raw.privacy_passphrase_file.as_ref(),
            raw.privacy_passphrase_env.as_ref(),
            raw.privacy_passphrase_credential.as_ref(),
        ),
        keys(
            "privacy_key",
            raw.privacy_key.as_ref(),
            raw.privacy_key_file.as_ref(),
            raw.privacy_key_env.as_ref(),
            raw.privacy_key_credential.as_ref(),
        ),
    ]
}

/// One table.
struct Checks<'c, 'a, 't> {
    context: &'c mut Context<'a, 't>,
    name: &'c str,
    raw: &'c RawCredential,
}

impl Checks<'_, '_, '_> {
    fn place_of<T>(&self, value: Option<&Tagged<T>>, key: &str) -> Option<Place> {
        let steps = [Step::Key(TABLE), Step::Key(self.name), Step::Key(key)];
        value.map(|it| self.context.layers.tagged(it, &steps))
    }

    fn table(&self) -> Place {
        self.context.layers.first_with(&[Step::Key(TABLE), Step::Key(self.name)])
    }

    /// Whether what is missing may be there, but wrong.
    fn is_troubled(&self) -> bool {
        self.context.report.is_troubled(TABLE, self.name)
    }

    fn mistake(&mut self, place: Place, message: &str, help: impl Into<String>) {
        let message = format!("[{TABLE}.{}] {message}", self.name);
        self.context.report.mistake(place, message).help(help);
    }

    fn no_community(&mut self, community: &SecretKeys<'_>) {
        for Given { key, place, .. } in community.given(self.context) {
            let help = "leave it out; or write version = \"2c\" and leave the user out";
            self.mistake(place, &format!("has `{key}`, but SNMPv3 has a user in place of a community"), help);
        }
    }

    fn user_name(&mut self) -> Option<String> {
        if self.raw.user.is_none() && !self.is_troubled() {
            let help = "write user = \"rackwarden\", or what it is called at the agent";
            self.mistake(self.table(), "has no user", help);
        }
        self.raw.user.as_ref().map(|it| it.to_string())
    }

    /// A protocol and its secret; one without the other is a mistake.
    fn part<P: FromStr>(&mut self, protocol: Option<&Tagged<String>>, keys: [&SecretKeys<'_>; 2]) -> Part<P> {
        let [stem, _] = keys.map(|it| it.stem);
        let what = stem.split('_').next().unwrap_or(stem);
        let given = keys.iter().flat_map(|it| it.given(self.context)).collect();
        let secret = one_of(self.context, TABLE, self.name, given);
        let known = protocol.and_then(|it| it.parse().ok());
        match (known, secret) {
            (None, None) => Part::Absent,
            (Some(protocol), Some(given)) => match self.source(&given) {
                Some(source) => Part::Whole(protocol, source, given.place),
                None => Part::Half,
            },
            (None, Some(Given { key, place, .. })) => {
                if !self.is_troubled() {
                    let example = if what == "privacy" { "AES-128" } else { "SHA-256" };
                    let help = format!("write {what} = \"{example}\", or what the user has at the agent");
                    self.mistake(place, &format!("has `{key}`, but not the protocol that it is for"), help);
                }
                Part::Half
            }
            (Some(_), None) => {
                if !self.is_troubled() {
                    let place = self.place_of(protocol, what).unwrap_or_else(|| self.table());
                    let help = format!(
                        "write {stem}_file = \"/etc/rackwarden/credentials.d/{}-{what}\", or {stem}_env, or {stem}_credential",
                        self.name
                    );
                    self.mistake(place, &format!("has `{what}`, but no passphrase or key for it"), help);
                }
                Part::Half
            }
        }
    }

    fn source(&mut self, given: &Given) -> Option<KeySource> {
        if matches!(given.source, SecretSource::Inline(_)) {
            self.context.check_inline(given.place);
        }
        let secret = self.context.resolve(&given.source, given.place)?;
        Some(match given.key.contains("_key") {
            // It need not be there for a check by hand, and nobody is asked with this.
            _ if secret.expose().is_empty() => KeySource::Passphrase(Secret::new("not there yet")),
            true => KeySource::Localized(secret),
            false => KeySource::Passphrase(secret),
        })
    }

    /// The level says nothing new: it can only contradict.
    fn level<A, B>(&mut self, auth: &Part<A>, privacy: &Part<B>) {
        let Some(level) = &self.raw.level else { return };
        let there = match (auth.is_there(), privacy.is_there()) {
            (false, _) => SecurityLevel::NoAuthNoPriv,
            (true, false) => SecurityLevel::AuthNoPriv,
            (true, true) => SecurityLevel::AuthPriv,
        };
        // Privacy alone is said by the user's own check.
        let is_alone = !auth.is_there() && privacy.is_there();
        if level.as_str() == there.name() || is_alone || self.is_troubled() {
            return;
        }
        let place = self.place_of(Some(level), "level").unwrap_or_else(|| self.table());
        let (message, help) = match (level.as_str(), there) {
            ("authNoPriv" | "authPriv", SecurityLevel::NoAuthNoPriv) => (
                "no authentication is set up".to_owned(),
                "write authentication = \"SHA-256\" and authentication_passphrase_file = \"..\"",
            ),
            ("authPriv", _) => (
                "no privacy is set up".to_owned(),
                "write privacy = \"AES-128\" and privacy_passphrase_file = \"..\"",
            ),
            (_, there) => (
                format!("what is set up makes it {there}: which of them counts?"),
                "leave `level` out: it follows from authentication and privacy; or leave out what is too much",
            ),
        };
        let message = format!("has level = \"{}\", but {message}", level.as_str());
        self.mistake(place, &message, help);
    }

    fn warn_of_weak(&mut self, auth: &Part<AuthProtocol>, privacy: &Part<PrivProtocol>) {
        if let (Part::Whole(AuthProtocol::Md5, ..), Some(place)) =
            (auth, self.place_of(self.raw.authentication.as_ref(), "authentication"))
        {
            let message = "MD5 is weak: whoever records messages may find the passphrase";
            self.context
                .report
                .warning(place, message)
                .help("where the agent has it, write authentication = \"SHA-256\"");
        }
        if let (Part::Whole(PrivProtocol::Des, ..), Some(place)) =
            (privacy, self.place_of(self.raw.privacy.as_ref(), "privacy"))
        {
            let message = "DES is weak: what it encrypts can be read by whoever records it";
            self.context
                .report
                .warning(place, message)
                .help("where the agent has it, write privacy = \"AES-128\"");
        }
    }

    fn report(&mut self, problem: &UserProblem, places: &Places) {
        let place = match problem.part {
            UserPart::Name => self.place_of(self.raw.user.as_ref(), "user"),
            UserPart::AuthKey => places.auth,
            UserPart::Privacy => places.privacy,
            UserPart::PrivacyKey => places.privacy_key,
            UserPart::ContextName => self.place_of(self.raw.context_name.as_ref(), "context_name"),
        };
        let place = place.unwrap_or_else(|| self.table());
        let (message, help) = problem.text.split_once("; ").unwrap_or((&problem.text, ""));
        let finding = self.context.report.mistake(place, message);
        if !help.is_empty() {
            finding.help(help);
        }
    }
}

const TABLE: &str = "credentials";
