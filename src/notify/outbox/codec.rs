//! Values on disk: a version octet, a CRC-32 over key and content (little-endian), then the content
//! as JSON.
//!
//! The checksum covers the row's key too, so that a value under a wrong key is seen. What cannot be
//! read is an error of that row, never a wrong page.

use super::record::{Acknowledgement, DeadRow, Heard, Hold, Last, OpenRow, Record, Told};
use crate::alert::{AlertFacts, AlertKey, Transition, TransitionKind};
use crate::model::{ComponentKind, Labels, Locator, Severity, UnixMillis};
use crate::notify::pagerduty::{Action, Reason};
use crate::notify::silence::{Matcher, Silence};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowError {
    /// Shorter than its header.
    #[error("it is cut off")]
    Short,
    /// A version that this program does not know.
    #[error("its version {0} is not known to this program")]
    Version(u8),
    /// The checksum does not fit.
    #[error("its checksum does not fit: the file was damaged")]
    Checksum,
    /// The content is not what it should be.
    #[error("its content cannot be read: {0}")]
    Content(String),
}

/// What is written. Version 1 had no `seen` (every event may have left) and none of what
/// [`StoredOpen`] has beyond `facts`.
const VERSION: u8 = 2;
/// Of open alerts: until version 2 their last announcements stood in the same row ([`StoredWhole`]).
const OPEN_VERSION: u8 = 3;
const VERSIONS: std::ops::RangeInclusive<u8> = 1..=OPEN_VERSION;
const HEADER: usize = 5;

/// An event, and whether the receiver may have an incident for its alert.
pub(crate) fn encode_record(row_key: &[u8], record: &Record, seen: bool) -> Vec<u8> {
    seal(row_key, &StoredEvent { seen, ..StoredEvent::of(record) })
}

pub(crate) fn decode_record(row_key: &[u8], value: &[u8]) -> Result<(Record, bool), RowError> {
    let stored: StoredEvent = open(row_key, value)?;
    let seen = stored.seen;
    Ok((stored.record()?, seen))
}

/// Of an event its alert, what it asks for, and when: a tenth of the work of reading it.
pub(crate) fn glimpse(row_key: &[u8], value: &[u8]) -> Result<(AlertKey, Action, UnixMillis), RowError> {
    let glimpse: Glimpse<'_> = serde_json::from_slice(content(row_key, value)?).map_err(unreadable)?;
    let action = Action::find(glimpse.action).ok_or_else(|| unknown("action", glimpse.action))?;
    Ok((AlertKey(glimpse.key.into()), action, UnixMillis(glimpse.at)))
}

pub(crate) fn encode_window(row_key: &[u8], seconds: &[(i64, u32)]) -> Vec<u8> {
    seal(row_key, &seconds)
}

pub(crate) fn decode_window(row_key: &[u8], value: &[u8]) -> Result<Vec<(i64, u32)>, RowError> {
    open(row_key, value)
}

/// An open alert without its last announcement.
pub(crate) fn encode_open(row_key: &[u8], row: &OpenRow) -> Vec<u8> {
    seal_as(OPEN_VERSION, row_key, &StoredOpen::of(row))
}

/// An open alert, and whether its announcement is needed from the start on: see [`super::record::Rows`].
/// What an older version wrote brings it.
pub(crate) fn decode_open(
    row_key: &[u8],
    value: &[u8],
    shared: &mut SharedHeard,
) -> Result<(OpenRow, bool), RowError> {
    if value.first().is_some_and(|it| *it < OPEN_VERSION) {
        return Ok((open::<StoredWhole>(row_key, value)?.row(shared)?, false));
    }
    let json = content(row_key, value)?;
    let stored: StoredOpen<'_> = serde_json::from_slice(json).map_err(unreadable)?;
    // As `OpenRow::is_pinned`.
    let is_held = stored.hold.as_deref().is_some_and(|it| !it.starts_with(GROUP_HOLD));
    let is_needed = stored.group || is_held;
    Ok((stored.row(shared)?, is_needed))
}

/// An open alert's last announcement.
pub(crate) fn encode_transition(row_key: &[u8], transition: &Transition) -> Vec<u8> {
    seal(row_key, &StoredTransition::of(transition))
}

pub(crate) fn decode_transition(row_key: &[u8], value: &[u8]) -> Result<Transition, RowError> {
    open::<StoredTransition>(row_key, value)?.transition()
}

/// Alerts that were told to the same share one list of them: there are about as many as integrations.
#[derive(Debug, Default)]
pub(crate) struct SharedHeard {
    last: Heard,
    known: HashMap<Vec<(String, Told)>, Heard>,
}

impl SharedHeard {
    fn of(&mut self, told: Vec<(&str, Told)>) -> Heard {
        // Mostly the same again.
        let last = self.last.iter().map(|(lane, told)| (&**lane, *told));
        if last.eq(told.iter().copied()) {
            return Arc::clone(&self.last);
        }
        self.last = self.find(told);
        Arc::clone(&self.last)
    }

    fn find(&mut self, told: Vec<(&str, Told)>) -> Heard {
        let list: Vec<(String, Told)> =
            told.into_iter().map(|(lane, told)| (lane.to_owned(), told)).collect();
        if let Some(known) = self.known.get(&list) {
            return Arc::clone(known);
        }
        let heard: Heard =
            Arc::new(list.iter().map(|(lane, told)| (Arc::from(lane.as_str()), *told)).collect());
        self.known.insert(list, Arc::clone(&heard));
        heard
    }
}

pub(crate) fn encode_dead(row_key: &[u8], row: &DeadRow) -> Vec<u8> {
    let stored = StoredDead {
        event: StoredEvent::of(&row.record),
        reason: row.reason.name().to_owned(),
        text: row.text.clone(),
        at: row.at.0,
    };
    seal(row_key, &stored)
}

pub(crate) fn decode_dead(row_key: &[u8], value: &[u8]) -> Result<DeadRow, RowError> {
    let stored: StoredDead = open(row_key, value)?;
    let reason = DEAD_REASONS.into_iter().find(|it| it.name() == stored.reason).unwrap_or(Reason::Refused);
    Ok(DeadRow {
        record: Arc::new(stored.event.record()?),
        reason,
        text: stored.text,
        at: UnixMillis(stored.at),
    })
}

/// Reasons for which an event is given up.
const DEAD_REASONS: [Reason; 4] =
    [Reason::Refused, Reason::FieldRefused, Reason::Overflow, Reason::Abandoned];

/// A place as the octets that the checksum covers.
pub(crate) fn place_octets(lane: &str, sequence: u64) -> Vec<u8> {
    [lane.as_bytes(), &[0], &sequence.to_be_bytes()].concat()
}

fn seal(row_key: &[u8], content: &impl Serialize) -> Vec<u8> {
    seal_as(VERSION, row_key, content)
}

fn seal_as(version: u8, row_key: &[u8], content: &impl Serialize) -> Vec<u8> {
    let mut value = vec![version, 0, 0, 0, 0];
    // Strings, numbers and maps with text keys: serde_json writes them all.
    if let Ok(json) = serde_json::to_vec(content) {
        value.extend_from_slice(&json);
    }
    let sum = checksum(version, row_key, value.get(HEADER..).unwrap_or_default()).to_le_bytes();
    if let Some(place) = value.get_mut(1..HEADER) {
        place.copy_from_slice(&sum);
    }
    value
}

fn open<T: for<'a> Deserialize<'a>>(row_key: &[u8], value: &[u8]) -> Result<T, RowError> {
    serde_json::from_slice(content(row_key, value)?).map_err(unreadable)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unreadable(error: serde_json::Error) -> RowError {
    RowError::Content(error.to_string())
}

/// What a value holds, once it is seen to be sound.
fn content<'a>(row_key: &[u8], value: &'a [u8]) -> Result<&'a [u8], RowError> {
    let (header, json) = value.split_at_checked(HEADER).ok_or(RowError::Short)?;
    let [version, sum @ ..] = header else { return Err(RowError::Short) };
    if !VERSIONS.contains(version) {
        return Err(RowError::Version(*version));
    }
    if *sum != checksum(*version, row_key, json).to_le_bytes() {
        return Err(RowError::Checksum);
    }
    Ok(json)
}

/// Until version 2 it did not cover the version.
fn checksum(version: u8, row_key: &[u8], json: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    if VERSION < version {
        hasher.update(&[version]);
    }
    hasher.update(row_key);
    hasher.update(&[0]);
    hasher.update(json);
    hasher.finalize()
}

#[derive(Serialize, Deserialize)]
struct StoredEvent {
    key: String,
    action: String,
    severity: String,
    at: i64,
    body: String,
    repaired: bool,
    #[serde(default = "yes")]
    seen: bool,
}

/// Of an event that an older version kept nobody knows whether it left.
const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Glimpse<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    action: &'a str,
    at: i64,
}

impl StoredEvent {
    fn of(record: &Record) -> Self {
        Self {
            key: record.key.to_string(),
            action: record.action.name().to_owned(),
            severity: record.severity.name().to_owned(),
            at: record.at.0,
            body: record.body.to_string(),
            repaired: record.repaired,
            seen: true,
        }
    }

    fn record(self) -> Result<Record, RowError> {
        Ok(Record {
            key: AlertKey(self.key.into()),
            action: Action::find(&self.action).ok_or_else(|| unknown("action", &self.action))?,
            severity: severity(&self.severity)?,
            at: UnixMillis(self.at),
            body: self.body.into_boxed_str(),
            repaired: self.repaired,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredDead {
    event: StoredEvent,
    reason: String,
    text: String,
    at: i64,
}

/// An open alert without its last announcement.
#[derive(Serialize, Deserialize)]
struct StoredOpen<'a> {
    severity: &'a str,
    fired_at: i64,
    #[serde(borrow)]
    told: BTreeMap<Cow<'a, str>, &'a str>,
    announced_at: i64,
    /// Whether it is that of a group.
    #[serde(default, skip_serializing_if = "is_no")]
    group: bool,
    /// `silence`, `wait`, `group KEY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<String>,
    /// Who, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acknowledged: Option<(String, i64)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde takes")]
const fn is_no(it: &bool) -> bool {
    !*it
}

impl<'a> StoredOpen<'a> {
    fn of(row: &'a OpenRow) -> Self {
        Self {
            severity: row.severity().name(),
            fired_at: row.fired_at.0,
            told: row.told.iter().map(|(lane, told)| (Cow::Borrowed(&**lane), told_name(*told))).collect(),
            announced_at: row.announced_at.0,
            group: row.is_group(),
            hold: row.hold.as_ref().map(hold_text),
            acknowledged: row.acknowledged.as_ref().map(|it| (it.by.to_string(), it.at.0)),
        }
    }

    fn row(self, shared: &mut SharedHeard) -> Result<OpenRow, RowError> {
        let told = self.told.iter().map(|(lane, name)| Ok((&**lane, told(name)?)));
        Ok(OpenRow {
            last: Last::Stored(severity(self.severity)?),
            fired_at: UnixMillis(self.fired_at),
            told: shared.of(told.collect::<Result<_, RowError>>()?),
            announced_at: UnixMillis(self.announced_at),
            hold: self.hold.map(|it| hold(&it)).transpose()?,
            acknowledged: self.acknowledged.map(acknowledgement),
        })
    }
}

fn acknowledgement((by, at): (String, i64)) -> Box<Acknowledgement> {
    Box::new(Acknowledgement { by: by.into(), at: UnixMillis(at) })
}

#[derive(Serialize, Deserialize)]
struct StoredTransition {
    kind: String,
    from: Option<String>,
    severity: String,
    at: i64,
    reason: String,
    facts: StoredFacts,
}

impl StoredTransition {
    fn of(last: &Transition) -> Self {
        let (kind, from) = match last.kind {
            TransitionKind::Trigger => ("trigger", None),
            TransitionKind::Change { from } => ("change", Some(from.name().to_owned())),
            TransitionKind::Resolve => ("resolve", None),
        };
        Self {
            kind: kind.to_owned(),
            from,
            severity: last.severity.name().to_owned(),
            at: last.at.0,
            reason: last.reason.clone(),
            facts: StoredFacts::of(&last.facts),
        }
    }

    fn transition(self) -> Result<Transition, RowError> {
        let kind = match (self.kind.as_str(), self.from) {
            ("trigger", _) => TransitionKind::Trigger,
            ("change", Some(from)) => TransitionKind::Change { from: severity(&from)? },
            ("resolve", _) => TransitionKind::Resolve,
            _ => return Err(unknown("kind", &self.kind)),
        };
        Ok(Transition {
            kind,
            severity: severity(&self.severity)?,
            at: UnixMillis(self.at),
            reason: self.reason,
            facts: Arc::new(self.facts.facts()?),
        })
    }
}

/// An open alert of versions 1 and 2, with its last announcement.
#[derive(Deserialize)]
struct StoredWhole {
    #[serde(flatten)]
    last: StoredTransition,
    fired_at: i64,
    told: BTreeMap<String, String>,
    /// Absent in version 1: the time of the last announcement.
    announced_at: Option<i64>,
    hold: Option<String>,
    acknowledged: Option<(String, i64)>,
}

impl StoredWhole {
    fn row(self, shared: &mut SharedHeard) -> Result<OpenRow, RowError> {
        let last = self.last.transition()?;
        let told = self.told.iter().map(|(lane, name)| Ok((lane.as_str(), told(name)?)));
        Ok(OpenRow {
            announced_at: self.announced_at.map_or(last.at, UnixMillis),
            told: shared.of(told.collect::<Result<_, RowError>>()?),
            last: Last::Here(Arc::new(last)),
            fired_at: UnixMillis(self.fired_at),
            hold: self.hold.map(|it| hold(&it)).transpose()?,
            acknowledged: self.acknowledged.map(acknowledgement),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredFacts {
    key: String,
    rule: String,
    rule_type: String,
    trigger: String,
    notes: Option<String>,
    runbook: Option<String>,
    integrations: Vec<String>,
    device: String,
    address: String,
    model: String,
    labels: BTreeMap<String, String>,
    component: Option<(String, String, String)>,
    source: Option<String>,
    reading: String,
    value: Option<f64>,
    unit: String,
    operator: String,
    threshold: Option<f64>,
    rated: Option<f64>,
    since: i64,
    /// Absent in early rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    last_values: Vec<(String, String)>,
}

impl StoredFacts {
    fn of(facts: &AlertFacts) -> Self {
        let component = facts.component.as_ref();
        Self {
            key: facts.key.to_string(),
            rule: facts.rule.to_string(),
            rule_type: facts.rule_type.to_owned(),
            trigger: facts.trigger.to_owned(),
            notes: facts.notes.as_deref().map(str::to_owned),
            runbook: facts.runbook.as_deref().map(str::to_owned),
            integrations: facts.integrations.iter().map(ToString::to_string).collect(),
            device: facts.device.to_string(),
            address: facts.address.clone(),
            model: facts.model.clone(),
            labels: facts.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            component: component
                .map(|(kind, index, label)| (kind.name().to_owned(), index.to_string(), label.to_string())),
            source: facts.source.as_ref().map(ToString::to_string),
            reading: facts.reading.clone(),
            value: facts.value,
            unit: facts.unit.to_owned(),
            operator: facts.operator.to_owned(),
            threshold: facts.threshold,
            rated: facts.rated,
            since: facts.since.0,
            last_values: facts
                .last_values
                .iter()
                .map(|(name, it)| (name.to_string(), it.to_string()))
                .collect(),
        }
    }

    fn facts(self) -> Result<AlertFacts, RowError> {
        let component = match self.component {
            Some((kind, index, label)) => {
                let kind: ComponentKind = kind.parse().map_err(|()| unknown("component", &kind))?;
                Some((kind, index.into(), label.into()))
            }
            None => None,
        };
        // Early rows of objects of inventories have an empty one.
        let source = match self.source.filter(|it| !it.is_empty()) {
            Some(text) => Some(text.parse::<Locator>().map_err(|_| unknown("source", &text))?),
            None => None,
        };
        Ok(AlertFacts {
            key: AlertKey(self.key.into()),
            rule: self.rule.into(),
            rule_type: kept_for_ever(&self.rule_type)?,
            trigger: kept_for_ever(&self.trigger)?,
            notes: self.notes.map(Into::into),
            runbook: self.runbook.map(Into::into),
            integrations: self.integrations.into_iter().map(Into::into).collect(),
            device: self.device.into(),
            address: self.address,
            model: self.model,
            labels: Labels::new(self.labels),
            component,
            source,
            reading: self.reading,
            value: self.value,
            unit: kept_for_ever(&self.unit)?,
            operator: kept_for_ever(&self.operator)?,
            threshold: self.threshold,
            rated: self.rated,
            since: UnixMillis(self.since),
            last_values: self.last_values.into_iter().map(|(name, it)| (name.into(), it.into())).collect(),
        })
    }
}

/// The names of rule types, triggers, units and operators are literals of the program; read from disk
/// they must become such again. There are some dozens of them: more means a damaged file.
fn kept_for_ever(text: &str) -> Result<&'static str, RowError> {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text) {
        return Ok(known);
    }
    if NAMES_MAX <= kept.len() || NAME_OCTETS_MAX < text.len() {
        return Err(unknown("name", text));
    }
    let leaked: &'static str = Box::leak(text.to_owned().into_boxed_str());
    kept.insert(leaked);
    Ok(leaked)
}

/// 18 rule types with a few triggers each, and some units, with room for those to come.
const NAMES_MAX: usize = 1_024;
/// The longest name of today has 27.
const NAME_OCTETS_MAX: usize = 64;

/// How the hold of a group's member begins.
const GROUP_HOLD: &str = "group ";

fn hold_text(hold: &Hold) -> String {
    match hold {
        Hold::Silence => "silence".to_owned(),
        Hold::Wait => "wait".to_owned(),
        Hold::Group(key) => format!("{GROUP_HOLD}{key}"),
    }
}

fn hold(text: &str) -> Result<Hold, RowError> {
    match (text, text.split_once(' ')) {
        ("silence", _) => Ok(Hold::Silence),
        ("wait", _) => Ok(Hold::Wait),
        (_, Some(("group", key))) => Ok(Hold::Group(AlertKey(key.into()))),
        _ => Err(unknown("hold", text)),
    }
}

#[derive(Serialize, Deserialize)]
struct StoredSilence {
    id: u64,
    matchers: Vec<String>,
    starts: i64,
    ends: i64,
    by: String,
    comment: String,
}

pub(crate) fn encode_silence(row_key: &[u8], silence: &Silence) -> Vec<u8> {
    let stored = StoredSilence {
        id: silence.id,
        matchers: silence.matchers.iter().map(ToString::to_string).collect(),
        starts: silence.starts.0,
        ends: silence.ends.0,
        by: silence.by.to_string(),
        comment: silence.comment.to_string(),
    };
    seal(row_key, &stored)
}

pub(crate) fn decode_silence(row_key: &[u8], value: &[u8]) -> Result<Silence, RowError> {
    let stored: StoredSilence = open(row_key, value)?;
    let matcher = |it: &String| Matcher::parse(it).ok_or_else(|| unknown("matcher", it));
    Ok(Silence {
        id: stored.id,
        matchers: stored.matchers.iter().map(matcher).collect::<Result<_, _>>()?,
        starts: UnixMillis(stored.starts),
        ends: UnixMillis(stored.ends),
        by: stored.by.into(),
        comment: stored.comment.into(),
    })
}

const fn told_name(told: Told) -> &'static str {
    match told {
        Told::Waiting => "waiting",
        Told::Later => "later",
        Told::Accepted => "accepted",
        Told::Dead => "dead",
        Told::Unsure => "unsure",
    }
}

fn told(name: &str) -> Result<Told, RowError> {
    [Told::Waiting, Told::Later, Told::Accepted, Told::Dead, Told::Unsure]
        .into_iter()
        .find(|it| told_name(*it) == name)
        .ok_or_else(|| unknown("state", name))
}

fn severity(name: &str) -> Result<Severity, RowError> {
    name.parse().map_err(|()| unknown("severity", name))
}

fn unknown(what: &str, text: &str) -> RowError {
    let shown: String = text.chars().take(64).collect();
    RowError::Content(format!("the {what} `{shown}` is not known"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::{
        RowError, SharedHeard, decode_dead, decode_open, decode_record, decode_silence, decode_transition,
        encode_dead, encode_open, encode_record, encode_silence, encode_transition,
    };
    use crate::alert::{AlertKey, Transition, TransitionKind};
    use crate::model::{Severity, UnixMillis};
    use crate::notify::fixtures;
    use crate::notify::outbox::record::{Acknowledgement, DeadRow, Hold, Last, OpenRow, Record, Told};
    use crate::notify::pagerduty::{Action, Reason};
    use crate::notify::silence::{Matcher, Silence};
    use std::sync::Arc;

    fn record() -> Record {
        Record {
            key: AlertKey("rule/pdu-a1".into()),
            action: Action::Trigger,
            severity: Severity::Critical,
            at: UnixMillis(1_767_323_045_678),
            body: r#"{"event_action":"trigger"}"#.into(),
            repaired: false,
        }
    }

    fn open_row() -> OpenRow {
        let kind = TransitionKind::Change { from: Severity::Warning };
        let last = fixtures::transition(kind, Severity::Critical, fixtures::facts_of("k", &["ops"]));
        let told = [("ops", Told::Accepted), ("night", Told::Unsure)];
        OpenRow {
            last: Last::Here(Arc::new(last)),
            fired_at: UnixMillis(7),
            told: Arc::new(told.into_iter().map(|(lane, told)| (lane.into(), told)).collect()),
            announced_at: fixtures::TIME,
            hold: None,
            acknowledged: None,
        }
    }

    fn read_open(value: &[u8]) -> Result<OpenRow, RowError> {
        decode_open(b"k", value, &mut SharedHeard::default()).map(|(row, _)| row)
    }

    /// What is written of a row in its two parts, and read again.
    fn whole(row: &OpenRow) -> OpenRow {
        let (mut read, is_needed) =
            decode_open(b"k", &encode_open(b"k", row), &mut SharedHeard::default()).unwrap();
        assert_eq!((is_needed, &read.last), (row.is_pinned(), &Last::Stored(row.severity())));
        let last = encode_transition(b"k", row.here().unwrap());
        read.last = Last::Here(Arc::new(decode_transition(b"k", &last).unwrap()));
        read
    }

    fn shown(value: &[u8]) -> String {
        let (header, json) = value.split_at(5);
        format!("{header:02x?} {}", String::from_utf8_lossy(json))
    }

    /// Files of released versions hold these octets. Do not change this test.
    #[test]
    fn format_1_is_read() {
        let text = "the event is refused (HTTP 404)".to_owned();
        let letter = DeadRow { record: Arc::new(record()), reason: Reason::Refused, text, at: UnixMillis(9) };
        let event = [&[0x01, 0x42, 0x73, 0x73, 0xe5][..], br#"{"key":"rule/pdu-a1","action":"trigger","severity":"critical","at":1767323045678,"body":"{\"event_action\":\"trigger\"}","repaired":false}"#].concat();
        assert_eq!(decode_record(b"ops\0\0", &event), Ok((record(), true)));
        let open = [&[0x01, 0x9d, 0x0f, 0x29, 0xb8][..], br#"{"kind":"change","from":"warning","severity":"critical","at":1767323045678,"reason":"23.4 A > 20 A for 30 s","fired_at":7,"told":{"night":"unsure","ops":"accepted"},"facts":{"key":"k","rule":"infeed-load","rule_type":"power_unit_infeed","trigger":"current","notes":"Call the floor\nbefore moving load","runbook":"https://runbooks.example/infeed","integrations":["ops"],"device":"pdu-a1","address":"10.0.0.7:161","model":"APC AP8853","labels":{"rack":"A1","site":"DC1"},"component":["infeed","1","Feed A"],"source":"1.3.6.1.4.1.318.1.1.26.6.3.1.5.1","reading":"23.4 A","value":23.4,"unit":"A","operator":">","threshold":20.0,"rated":32.0,"since":1767323015678}}"#].concat();
        assert_eq!(read_open(&open), Ok(open_row()));
        let dead = [&[0x01, 0xbc, 0xbb, 0x6e, 0x96][..], br#"{"event":{"key":"rule/pdu-a1","action":"trigger","severity":"critical","at":1767323045678,"body":"{\"event_action\":\"trigger\"}","repaired":false},"reason":"refused","text":"the event is refused (HTTP 404)","at":9}"#].concat();
        assert_eq!(decode_dead(b"ops", &dead), Ok(letter));
    }

    /// An open alert under the key `k`, as version 2 wrote it.
    pub(in super::super) fn open_of_version_2() -> Vec<u8> {
        [&[0x02, 0xe0, 0x9c, 0xc5, 0xb2][..], br#"{"kind":"change","from":"warning","severity":"critical","at":1767323045678,"reason":"23.4 A > 20 A for 30 s","fired_at":7,"told":{"night":"unsure","ops":"accepted"},"facts":{"key":"k","rule":"infeed-load","rule_type":"power_unit_infeed","trigger":"current","notes":"Call the floor\nbefore moving load","runbook":"https://runbooks.example/infeed","integrations":["ops"],"device":"pdu-a1","address":"10.0.0.7:161","model":"APC AP8853","labels":{"rack":"A1","site":"DC1"},"component":["infeed","1","Feed A"],"source":"1.3.6.1.4.1.318.1.1.26.6.3.1.5.1","reading":"23.4 A","value":23.4,"unit":"A","operator":">","threshold":20.0,"rated":32.0,"since":1767323015678},"announced_at":1767323045678}"#].concat()
    }

    /// Files of released versions hold these octets. Do not change this test: add a version.
    #[test]
    fn format_2_is_frozen() {
        let event = shown(&encode_record(b"ops\0\0", &record(), true));
        insta::assert_snapshot!(event, @r#"[02, 44, 1d, bc, 5a] {"key":"rule/pdu-a1","action":"trigger","severity":"critical","at":1767323045678,"body":"{\"event_action\":\"trigger\"}","repaired":false,"seen":true}"#);
        let open = open_of_version_2();
        assert_eq!(read_open(&open), Ok(open_row()));
        let text = "the event is refused (HTTP 404)".to_owned();
        let dead = DeadRow { record: Arc::new(record()), reason: Reason::Refused, text, at: UnixMillis(9) };
        insta::assert_snapshot!(shown(&encode_dead(b"ops", &dead)), @r#"[02, 39, a1, 10, 75] {"event":{"key":"rule/pdu-a1","action":"trigger","severity":"critical","at":1767323045678,"body":"{\"event_action\":\"trigger\"}","repaired":false,"seen":true},"reason":"refused","text":"the event is refused (HTTP 404)","at":9}"#);
    }

    /// Files of released versions hold these octets. Do not change this test: add a version.
    #[test]
    fn format_3_of_open_alerts_is_frozen() {
        insta::assert_snapshot!(shown(&encode_open(b"k", &open_row())), @r#"[03, f8, 05, d1, 9a] {"severity":"critical","fired_at":7,"told":{"night":"unsure","ops":"accepted"},"announced_at":1767323045678}"#);
        let hold = Some(Hold::Group(AlertKey("group/site DC1/critical/7".into())));
        let acknowledged = Some(Box::new(Acknowledgement { by: "ann".into(), at: UnixMillis(8) }));
        let told = Arc::new([("ops".into(), Told::Later)].into_iter().collect());
        let held = OpenRow { hold, acknowledged, told, ..open_row() };
        insta::assert_snapshot!(shown(&encode_open(b"k", &held)), @r#"[03, ae, 9f, 4d, 36] {"severity":"critical","fired_at":7,"told":{"ops":"later"},"announced_at":1767323045678,"hold":"group group/site DC1/critical/7","acknowledged":["ann",8]}"#);
        let last = open_row();
        insta::assert_snapshot!(shown(&encode_transition(b"k", last.here().unwrap())), @r#"[02, c5, fe, 35, ed] {"kind":"change","from":"warning","severity":"critical","at":1767323045678,"reason":"23.4 A > 20 A for 30 s","facts":{"key":"k","rule":"infeed-load","rule_type":"power_unit_infeed","trigger":"current","notes":"Call the floor\nbefore moving load","runbook":"https://runbooks.example/infeed","integrations":["ops"],"device":"pdu-a1","address":"10.0.0.7:161","model":"APC AP8853","labels":{"rack":"A1","site":"DC1"},"component":["infeed","1","Feed A"],"source":"1.3.6.1.4.1.318.1.1.26.6.3.1.5.1","reading":"23.4 A","value":23.4,"unit":"A","operator":">","threshold":20.0,"rated":32.0,"since":1767323015678}}"#);
    }

    #[test]
    fn reads_what_it_wrote() {
        assert_eq!(decode_record(b"k", &encode_record(b"k", &record(), true)), Ok((record(), true)));
        assert_eq!(decode_record(b"k", &encode_record(b"k", &record(), false)), Ok((record(), false)));
        let seen = super::glimpse(b"k", &encode_record(b"k", &record(), false));
        assert_eq!(seen, Ok((record().key, Action::Trigger, record().at)));
        assert_eq!(whole(&open_row()), open_row());
        let mut device_alert = fixtures::facts_of("k", &[]);
        device_alert.component = None;
        device_alert.source = None;
        device_alert.value = None;
        let last = fixtures::transition(TransitionKind::Trigger, Severity::Info, device_alert);
        let last = Last::Here(Arc::new(Transition { reason: String::new(), ..last }));
        let row = OpenRow { last, ..open_row() };
        assert_eq!(whole(&row), row);
        for hold in [Hold::Silence, Hold::Wait, Hold::Group(AlertKey("group/site DC1/critical/7".into()))] {
            let acknowledged = Some(Box::new(Acknowledgement { by: "ann".into(), at: UnixMillis(8) }));
            let row = OpenRow { hold: Some(hold), acknowledged, ..open_row() };
            assert_eq!(whole(&row), row);
        }
        let silence = Silence {
            id: 7,
            matchers: vec![Matcher::parse("site=DC*").unwrap(), Matcher::parse("rule!=x").unwrap()],
            starts: UnixMillis(1),
            ends: UnixMillis(2),
            by: "ann".into(),
            comment: "new feeds".into(),
        };
        assert_eq!(decode_silence(b"7", &encode_silence(b"7", &silence)), Ok(silence));
        for reason in super::DEAD_REASONS {
            let dead =
                DeadRow { record: Arc::new(record()), reason, text: "t".to_owned(), at: UnixMillis(9) };
            assert_eq!(decode_dead(b"k", &encode_dead(b"k", &dead)), Ok(dead));
        }
    }

    /// Objects of inventories have no OID; rows with an empty one were written.
    #[test]
    fn an_empty_oid_is_none() {
        let mut facts = fixtures::facts_of("k", &[]);
        facts.source = Some(crate::model::Locator::default());
        let last = fixtures::transition(TransitionKind::Trigger, Severity::Info, facts);
        let read = decode_transition(b"k", &encode_transition(b"k", &last)).unwrap();
        assert_eq!(read.facts.source, None);
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let value = encode_record(b"k", &record(), true);
        for at in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(decode_record(b"k", &damaged).is_err(), "bit {at}");
        }
        assert_eq!(decode_record(b"other", &value), Err(RowError::Checksum), "a value under a wrong key");
        for length in 0..value.len() {
            assert!(decode_record(b"k", &value[..length]).is_err());
        }
    }

    #[test]
    fn says_what_it_cannot_read() {
        assert_eq!(decode_record(b"k", b""), Err(RowError::Short));
        assert_eq!(decode_record(b"k", &[9, 0, 0, 0, 0]), Err(RowError::Version(9)));
        let not_json = super::seal(b"k", &"text");
        let error = decode_record(b"k", &not_json).unwrap_err();
        assert!(error.to_string().starts_with("its content cannot be read"), "{error}");
        let long = super::kept_for_ever(&"x".repeat(65)).unwrap_err();
        assert!(long.to_string().contains("is not known"), "{long}");
    }
}
