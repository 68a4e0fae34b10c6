//! A secret is given in exactly one of four ways: in a file, a variable, a systemd credential, or in
//! clear.

use super::Context;
use crate::config::layer::Step;
use crate::config::raw::RawSecret;
use crate::config::report::Place;
use crate::notify::settings::SecretSource;
use figment::value::magic::Tagged;

/// The four ways, as one table has them.
pub(super) struct SecretKeys<'a> {
    /// `credentials` or `integrations`.
    pub(super) table: &'static str,
    /// The table's own name.
    pub(super) name: &'a str,
    /// What the keys begin with: `community`, `routing_key`.
    pub(super) stem: &'static str,
    pub(super) inline: Option<&'a Tagged<RawSecret>>,
    pub(super) file: Option<&'a Tagged<String>>,
    pub(super) environment: Option<&'a Tagged<String>>,
    pub(super) credential: Option<&'a Tagged<String>>,
}

/// One way that was taken.
pub(super) struct Given {
    /// The key.
    pub(super) key: String,
    /// Where its value stands.
    pub(super) place: Place,
    pub(super) source: SecretSource,
}

/// The one way of those; several are reported, and of none nothing is said.
pub(super) fn one_of(
    context: &mut Context<'_, '_>,
    table: &str,
    name: &str,
    mut given: Vec<Given>,
) -> Option<Given> {
    let last = given.pop()?;
    for Given { key, place, .. } in &given {
        let shown = context.layers.shown(*place);
        let other = &last.key;
        context
            .report
            .mistake(last.place, format!("[{table}.{name}] has `{other}` and `{key}`: which of them counts?"))
            .help(format!("keep one of the two; `{key}` stands at {shown}"));
    }
    Some(last)
}

impl SecretKeys<'_> {
    /// The one that is given, and where. None or several are reported.
    pub(super) fn chosen(&self, context: &mut Context<'_, '_>) -> Option<(Place, SecretSource)> {
        let given = self.given(context);
        let Self { table, name, stem, .. } = self;
        if let Some(Given { place, source, .. }) = one_of(context, table, name, given) {
            return Some((place, source));
        }
        if !context.report.is_troubled(table, name) {
            let place = context.layers.first_with(&[Step::Key(table), Step::Key(name)]);
            context.report.mistake(place, format!("[{table}.{name}] has no {}", stem.replace('_', " "))).help(format!(
                "write {stem}_file = \"/etc/rackwarden/credentials.d/{name}\", or {stem}_env, or {stem}_credential"
            ));
        }
        None
    }

    /// All that are given.
    pub(super) fn given(&self, context: &Context<'_, '_>) -> Vec<Given> {
        let mut given = Vec::new();
        let mut add = |suffix: &str, place: &dyn Fn(&[Step<'_>]) -> Place, source: SecretSource| {
            let key = format!("{}{suffix}", self.stem);
            let place = place(&[Step::Key(self.table), Step::Key(self.name), Step::Key(&key)]);
            given.push(Given { key, place, source });
        };
        let layers = &context.layers;
        if let Some(it) = self.file {
            add("_file", &|steps| layers.tagged(it, steps), SecretSource::File(it.as_str().into()));
        }
        if let Some(it) = self.environment {
            add("_env", &|steps| layers.tagged(it, steps), SecretSource::Environment(it.to_string()));
        }
        if let Some(it) = self.credential {
            add("_credential", &|steps| layers.tagged(it, steps), SecretSource::Credential(it.to_string()));
        }
        if let Some(it) = self.inline {
            add("", &|steps| layers.tagged(it, steps), SecretSource::Inline(it.0.clone()));
        }
        given
    }
}
