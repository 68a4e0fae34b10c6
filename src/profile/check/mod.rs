//! From a file's text to a [`Definition`], or to all that is wrong with it.

mod component;
mod object;
mod reading;
mod scaling;
mod state;
mod thresholds;

use super::AgentLimits;
use super::definition::{AgentKeys, Definition, IdentitySpec, Match};
use super::reader::{FILE, Section, Source, Spot};
use crate::mib::Mibs;
use crate::model::Diagnostic;
use std::path::Path;
use toml::de::DeTable;

/// A file with mistakes.
pub(super) struct Refused {
    /// The profile's name, if it could be read.
    pub(super) name: Option<String>,
    pub(super) problems: Vec<Diagnostic>,
}

/// Reads one file. Without mistakes there is a definition; with any there is none.
pub(super) fn definition(file: &Path, text: &str, mibs: &Mibs) -> Result<Definition, Refused> {
    let (parsed, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let shown = errors.iter().take(SYNTAX_ERRORS_MAX);
        let problems = shown.map(|it| syntax_error(file, text, it)).collect();
        return Err(Refused { name: None, problems });
    }
    let source = Source::new(file, text, mibs);
    let root = Section::new(&source, FILE, 0..0, parsed.get_ref(), FILE_KEYS);
    let found = read_file(&root, file);
    match found {
        Some(definition) if source.problem_count() == 0 => Ok(definition),
        found => Err(Refused { name: found.map(|it| it.name.value), problems: source.into_problems() }),
    }
}

/// Reads just the name and `[match]` of a file without mistakes, from what stands before its first
/// component: a tenth of the work.
pub(super) fn head(file: &Path, text: &str, mibs: &Mibs) -> Option<(String, Option<Match>)> {
    let head = text.find("\n[[component]]").and_then(|it| text.get(..=it)).unwrap_or(text);
    let parsed = DeTable::parse(head).ok()?;
    let source = Source::new(file, head, mibs);
    let root = Section::new(&source, FILE, 0..0, parsed.get_ref(), FILE_KEYS);
    let name = root.section("profile", PROFILE_KEYS)?.string("name")?.value.to_owned();
    let matching = root.section("match", MATCH_KEYS).map(|it| read_match(&it));
    (source.problem_count() == 0).then_some((name, matching))
}

fn read_file(root: &Section<'_>, file: &Path) -> Option<Definition> {
    let profile = root.section("profile", PROFILE_KEYS);
    if !root.has("profile") {
        root.missing("profile", "begin with [profile] and its name");
    }
    let head = profile.as_ref().and_then(read_profile);
    let matching = root.section("match", MATCH_KEYS).map(|it| read_match(&it));
    let agent = root.section("agent", AGENT_KEYS).map(|it| read_agent(&it)).unwrap_or_default();
    let identity = root.section("identity", IDENTITY_KEYS).map(|it| read_identity(&it)).unwrap_or_default();
    let blocks = root
        .sections("component", "[[component]]", component::KEYS)
        .iter()
        .filter_map(component::read)
        .map(std::sync::Arc::new)
        .collect();
    let (name, description, vendor, inherits) = head?;
    Some(Definition {
        file: file.to_owned(),
        text: String::new(),
        is_users: false,
        name,
        description,
        vendor,
        inherits,
        matching,
        agent,
        identity,
        blocks,
    })
}

type Head = (Spot<String>, String, Option<String>, Vec<Spot<String>>);

fn read_profile(section: &Section<'_>) -> Option<Head> {
    let name = section.string("name");
    if !section.has("name") {
        section.missing("name", "a name of letters, digits and dashes, as `apc-rpdu2`");
    }
    let description = section.string("description").map(|it| it.value.to_owned()).unwrap_or_default();
    let vendor = section.string("vendor").map(|it| it.value.to_owned());
    let inherits: Vec<Spot<String>> = section
        .strings("inherits")
        .into_iter()
        .map(|it| Spot { value: it.value.to_owned(), span: it.span })
        .collect();
    let name = name?;
    let well_formed = !name.value.is_empty()
        && name.value.len() <= NAME_MAX
        && name.value.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    if !well_formed {
        let message = format!("`{}` is no profile name", name.value);
        section.source.problem_with_help(&name.span, message, "letters, digits and dashes, as `apc-rpdu2`");
    }
    Some((Spot { value: name.value.to_owned(), span: name.span }, description, vendor, inherits))
}

fn read_match(section: &Section<'_>) -> Match {
    let sys_object_id: Vec<_> =
        section.strings("sys_object_id").iter().filter_map(|it| object::oid(section.source, it)).collect();
    let sys_descr: Vec<String> = section
        .strings("sys_descr")
        .iter()
        .filter(|it| {
            if it.value.is_empty() {
                section.source.problem(&it.span, "an empty text is within every sysDescr");
            }
            !it.value.is_empty()
        })
        .map(|it| it.value.to_lowercase())
        .collect();
    let probes: Vec<_> =
        section.strings("probe").iter().filter_map(|it| object::oid(section.source, it)).collect();
    let priority = section.integer("priority", PRIORITY_MIN..=PRIORITY_MAX).unwrap_or(0);
    if !["sys_object_id", "sys_descr", "probe"].iter().any(|it| !section.one_or_many(it).is_empty()) {
        let help = "give sys_object_id, sys_descr or probe; a profile that is only inherited has no [match]";
        section.source.problem_with_help(&section.span, "[match] would fit every device", help);
    }
    Match { sys_object_id, sys_descr, probes, priority }
}

fn read_agent(section: &Section<'_>) -> AgentKeys {
    let getbulk = section.boolean("getbulk");
    let max_varbinds =
        section.integer("max_varbinds", 1..=VARBINDS_MAX).and_then(|it| usize::try_from(it).ok());
    let max_repetitions =
        section.integer("max_repetitions", 1..=REPETITIONS_MAX).and_then(|it| u32::try_from(it).ok());
    let requests_per_second =
        section.integer("requests_per_second", 1..=RATE_MAX).and_then(|it| u32::try_from(it).ok());
    let requests_in_flight = section
        .integer("requests_in_flight", 1..=AgentLimits::IN_FLIGHT_MAX.into())
        .and_then(|it| u8::try_from(it).ok());
    AgentKeys { getbulk, max_varbinds, max_repetitions, requests_per_second, requests_in_flight }
}

fn read_identity(section: &Section<'_>) -> IdentitySpec {
    let objects = |key| {
        section.strings(key).iter().filter_map(|it| object::readable(section.source, it)).collect::<Vec<_>>()
    };
    IdentitySpec {
        vendor: objects("vendor"),
        model: objects("model"),
        serial: objects("serial"),
        firmware: objects("firmware"),
        model_otherwise: section.string("model_otherwise").map(|it| it.value.to_owned()),
    }
}

fn syntax_error(file: &Path, text: &str, error: &toml::de::Error) -> Diagnostic {
    let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
    match error.span() {
        Some(span) => Diagnostic::at(file, text, span.start, message),
        None => Diagnostic::of_file(file, message),
    }
}

const FILE_KEYS: &[&str] = &["profile", "match", "agent", "identity", "component"];
const PROFILE_KEYS: &[&str] = &["name", "description", "vendor", "inherits"];
const MATCH_KEYS: &[&str] = &["sys_object_id", "sys_descr", "probe", "priority"];
const AGENT_KEYS: &[&str] =
    &["getbulk", "max_varbinds", "max_repetitions", "requests_per_second", "requests_in_flight"];
const IDENTITY_KEYS: &[&str] = &["model", "serial", "firmware", "vendor", "model_otherwise"];
/// A profile's name is a metric label and a key on the command line.
const NAME_MAX: usize = 64;
const PRIORITY_MIN: i64 = -1_000_000;
const PRIORITY_MAX: i64 = 1_000_000;
/// More cells than fit in any datagram.
const VARBINDS_MAX: i64 = 2_000;
const REPETITIONS_MAX: i64 = 1_000;
/// As in the config: more is no limit.
const RATE_MAX: i64 = 100_000;
/// After some syntax errors the rest is noise.
const SYNTAX_ERRORS_MAX: usize = 20;
