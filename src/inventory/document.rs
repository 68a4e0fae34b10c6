//! The neutral schema of inventory files, as JSON: docs/inventory.md describes it. Pure.
//!
//! A document is taken whole or refused whole. Unlike an appliance's answer it is written for us, so it is
//! read strictly: an unknown key or a wrong type is a mistake with its place, and all mistakes that lie in
//! the values are told at once.

use super::capacity::{Ipv4Net, Usable, capacity};
use super::date::Expiry;
use super::failure::Failure;
use super::limits::WARNINGS_MAX;
use super::object::Object;
use super::snapshot::{Snapshot, Warnings};
use crate::model::{ComponentKind, Missing, Ratings, Sample, SnapshotError, UnixMillis};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A document as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// The schema's version: 1.
    version: Option<u32>,
    taken_at: Option<String>,
    /// Who wrote it; for people.
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(default)]
    software: Vec<Record>,
    #[serde(default)]
    prohibited_installations: Vec<Record>,
    #[serde(default)]
    operating_systems: Vec<Record>,
    #[serde(default)]
    subnets: Vec<Record>,
    #[serde(default)]
    part_models: Vec<Record>,
    #[serde(default)]
    licenses: Vec<Record>,
    #[serde(default)]
    power_units: Vec<Record>,
}

/// One object as it is written: its keys, checked against those of its kind.
pub(super) type Record = BTreeMap<String, Value>;

/// Reads a document.
///
/// # Errors
/// It cannot be read, or holds mistakes.
pub fn read(octets: &[u8], kinds: &[ComponentKind], now: UnixMillis) -> Result<Snapshot, Failure> {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let document: Document = serde_json::from_slice(octets)
        .map_err(|error| Failure::malformed(format!("it cannot be read: {error}")))?;
    if let Some(version) = document.version.filter(|it| *it != VERSION) {
        let reason = format!("it is of version {version}; this rackwarden reads version {VERSION}");
        return Err(Failure::new(SnapshotError::Schema, reason));
    }
    let mut mistakes = Mistakes::default();
    let taken_at = document.taken_at.as_deref().and_then(|text| {
        let parsed = text.trim().parse::<jiff::Timestamp>();
        if parsed.is_err() {
            mistakes.add(|| "taken_at is no time like 2026-03-10T18:00:00Z".to_owned());
        }
        parsed.ok().map(|it| UnixMillis(it.as_millisecond()))
    });
    let lists = [
        (ComponentKind::Software, "software", &document.software),
        (
            ComponentKind::ProhibitedInstallation,
            "prohibited_installations",
            &document.prohibited_installations,
        ),
        (ComponentKind::OperatingSystem, "operating_systems", &document.operating_systems),
        (ComponentKind::Subnet, "subnets", &document.subnets),
        (ComponentKind::PartModel, "part_models", &document.part_models),
        (ComponentKind::License, "licenses", &document.licenses),
        (ComponentKind::PowerUnit, "power_units", &document.power_units),
    ];
    let mut objects = Vec::new();
    for (kind, list, records) in lists {
        if !kinds.contains(&kind) {
            continue;
        }
        for (at, record) in records.iter().enumerate() {
            let place = || format!("{list}[{at}]");
            objects.extend(object(kind, record, now, &place, &mut mistakes));
        }
    }
    mistakes.into_result()?;
    Snapshot::new(objects, taken_at, Warnings::default())
}

/// Mistakes in values: the first few, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    first: Vec<String>,
    count: usize,
}

impl Mistakes {
    pub(super) fn add(&mut self, words: impl FnOnce() -> String) {
        if self.first.len() < WARNINGS_MAX {
            self.first.push(words());
        }
        self.count += 1;
    }

    pub(super) fn into_result(self) -> Result<(), Failure> {
        if self.count == 0 {
            return Ok(());
        }
        let mut words = self.first.join("; ");
        if self.first.len() < self.count {
            words = format!("{words}; and {} more", self.count - self.first.len());
        }
        Err(Failure::malformed(words))
    }
}

/// One object, or its mistakes.
pub(super) fn object(
    kind: ComponentKind,
    record: &Record,
    now: UnixMillis,
    place: &dyn Fn() -> String,
    mistakes: &mut Mistakes,
) -> Option<Object> {
    let known = keys(kind);
    for key in record.keys().filter(|it| !known.contains(&it.as_str())) {
        let near = crate::model::closest(key, known.iter().copied());
        let meant = near
            .map_or_else(|| format!("there are {}", known.join(", ")), |it| format!("did you mean {it}?"));
        mistakes.add(|| format!("{} has an unknown key {key} ({meant})", place()));
    }
    let mut fields = Fields { record, place, mistakes };
    let id = match kind {
        ComponentKind::ProhibitedInstallation => fields.pair_id(),
        _ => fields.id(),
    }?;
    let name = fields.text("name");
    let name = match kind {
        ComponentKind::ProhibitedInstallation => {
            let on = fields.text("device").or_else(|| fields.text("user"));
            fields.text("software").map(|it| on.map_or_else(|| it.clone(), |on| format!("{it} on {on}")))
        }
        _ => name,
    };
    let mut object = Object::new(kind, id, name);
    for label in labels(kind) {
        object = object.label(label, fields.text(label));
    }
    Some(figures(object, &mut fields, now))
}

fn figures(object: Object, fields: &mut Fields<'_>, now: UnixMillis) -> Object {
    match object.kind {
        ComponentKind::Software | ComponentKind::OperatingSystem => {
            let installations = fields.count("installations");
            // Unless it says otherwise, each installation takes a licence.
            let used =
                if fields.has("licenses_used") { fields.count("licenses_used") } else { installations };
            object.installations(installations).licenses("", fields.count("licenses"), used)
        }
        ComponentKind::ProhibitedInstallation => {
            let count =
                if fields.has("installations") { fields.count("installations") } else { Sample::Value(1.0) };
            object.installations(count)
        }
        ComponentKind::Subnet => {
            let total = if fields.has("addresses") { fields.count("addresses") } else { fields.capacity() };
            object.addresses(total, fields.count("addresses_used"))
        }
        ComponentKind::PartModel => object.parts(fields.count("parts"), fields.count("parts_available")),
        ComponentKind::License => {
            let expiry = fields.expiry();
            let object = object.expires(expiry, now);
            // Only what the record speaks of: a licence with a date alone counts nothing.
            LICENSE_COUNTS.iter().fold(object, |object, (name, owned, used)| {
                if fields.has(owned) || fields.has(used) {
                    let (owned, used) = (fields.count(owned), fields.count(used));
                    object.licenses(name, owned, used)
                } else {
                    object
                }
            })
        }
        _ => {
            let ratings = Ratings {
                current_amperes: fields.rating("rated_current"),
                active_power_watts: fields.rating("rated_power"),
                apparent_power_volt_amperes: fields.rating("rated_apparent_power"),
            };
            Object { ratings, ..object }
        }
    }
}

/// The keys of a kind's records.
pub(super) fn keys(kind: ComponentKind) -> Vec<&'static str> {
    let own: &[&str] = match kind {
        ComponentKind::Software | ComponentKind::OperatingSystem => {
            &["installations", "licenses", "licenses_used"]
        }
        ComponentKind::ProhibitedInstallation => &["device_id", "installations"],
        ComponentKind::Subnet => &["addresses", "addresses_used"],
        ComponentKind::PartModel => &["parts", "parts_available"],
        ComponentKind::License => &[
            "expires_at",
            "licenses",
            "licenses_used",
            "devices",
            "devices_used",
            "addresses",
            "addresses_used",
        ],
        _ => &["rated_current", "rated_power", "rated_apparent_power"],
    };
    let named: &[&str] =
        if kind == ComponentKind::ProhibitedInstallation { &["id"] } else { &["id", "name"] };
    named.iter().chain(labels(kind)).chain(own).copied().collect()
}

/// The labels of a kind's objects.
pub(super) const fn labels(kind: ComponentKind) -> &'static [&'static str] {
    match kind {
        ComponentKind::Software => &["type", "vendor", "category", "license_model"],
        ComponentKind::ProhibitedInstallation => {
            &["software", "software_id", "device", "user", "version", "first_seen"]
        }
        ComponentKind::OperatingSystem => &["vendor", "category"],
        ComponentKind::Subnet => {
            &["network", "vrf", "section", "customer", "category", "site", "vlan", "parent"]
        }
        ComponentKind::PartModel => {
            &["type", "model_number", "part_number", "vendor", "category", "location"]
        }
        ComponentKind::License => &["vendor", "category", "product"],
        _ => &["type", "vendor", "model", "serial", "device", "address", "rack", "room", "building", "site"],
    }
}

/// What a licence may count beside seats: name of the figures, owned, used.
const LICENSE_COUNTS: [(&str, &str, &str); 3] = [
    ("", "licenses", "licenses_used"),
    ("devices", "devices", "devices_used"),
    ("addresses", "addresses", "addresses_used"),
];

const VERSION: u32 = 1;

/// The fields of one record.
struct Fields<'a> {
    record: &'a Record,
    place: &'a dyn Fn() -> String,
    mistakes: &'a mut Mistakes,
}

impl Fields<'_> {
    fn has(&self, key: &str) -> bool {
        self.record.get(key).is_some_and(|it| !it.is_null())
    }

    fn mistake(&mut self, key: &str, what: &str) {
        let place = self.place;
        self.mistakes.add(|| format!("{}.{key} {what}", place()));
    }

    fn id(&mut self) -> Option<Box<str>> {
        let id = self.text("id");
        if id.is_none() {
            self.mistake("id", "is missing: a number or text that stays the same from file to file");
        }
        id.map(Into::into)
    }

    /// A prohibited installation is told from others by software and device, or its user.
    fn pair_id(&mut self) -> Option<Box<str>> {
        if self.has("id") {
            return self.id();
        }
        let software = self.text("software_id").or_else(|| self.text("software"));
        let device = self.text("device_id").or_else(|| self.text("device"));
        let on = device.or_else(|| self.text("user").map(|it| format!("user-{it}")));
        match (software, on) {
            (Some(software), Some(on)) => Some(format!("{software}.{on}").into()),
            _ => {
                self.mistake("id", "is missing, and so is software, or device and user");
                None
            }
        }
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.record.get(key)? {
            Value::Null => None,
            value @ (Value::String(_) | Value::Number(_)) => super::loose::text(value),
            _ => {
                self.mistake(key, "takes a text");
                None
            }
        }
    }

    fn count(&mut self, key: &str) -> Sample {
        match self.record.get(key) {
            None | Some(Value::Null) => Sample::Missing(Missing::NotGiven),
            Some(value) => match super::loose::number(value) {
                Some(number) if 0.0 <= number => Sample::Value(number),
                _ => {
                    self.mistake(key, "takes a number that is not negative, or null where it is not known");
                    Sample::Missing(Missing::WrongType)
                }
            },
        }
    }

    fn rating(&mut self, key: &str) -> Option<f64> {
        match self.count(key) {
            Sample::Value(number) if 0.0 < number => Some(number),
            _ => None,
        }
    }

    fn expiry(&mut self) -> Result<Expiry, Missing> {
        let Some(text) = self.text("expires_at") else { return Err(Missing::NotGiven) };
        let expiry = Expiry::parse(&text);
        if expiry == Err(Missing::WrongType) {
            self.mistake("expires_at", "is no date like 2027-01-31");
        }
        expiry
    }

    /// By the rule, from `network`.
    fn capacity(&mut self) -> Sample {
        let Some(network) = self.text("network") else { return Sample::Missing(Missing::NotGiven) };
        match Ipv4Net::parse(&network) {
            #[expect(clippy::cast_precision_loss, reason = "at most 2^32")]
            Some(net) => Sample::Value(capacity(net, Usable::default()) as f64),
            None => Sample::Missing(Missing::NotDefined),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::inventory::failure::Failure;
    use crate::inventory::settings::FILE_KINDS;
    use crate::inventory::snapshot::Snapshot;
    use crate::model::{ComponentKind, Missing, Quantity, Sample, UnixMillis};

    fn document(text: &str) -> Result<Snapshot, Failure> {
        // 2026-03-10T18:00:00Z
        read(text.as_bytes(), FILE_KINDS, UnixMillis(1_773_165_600_000))
    }

    fn sample(snapshot: &Snapshot, kind: ComponentKind, quantity: Quantity, name: &str) -> Sample {
        let object = snapshot.objects().iter().find(|it| it.kind == kind).unwrap();
        object.figures.iter().find(|it| it.quantity == quantity && it.name == name).unwrap().sample
    }

    #[test]
    fn every_kind() {
        let text = r#"{
            "version": 1, "taken_at": "2026-03-10T17:00:00Z", "source": "export of cmdb",
            "software": [{"id": 7, "name": "Editor", "vendor": "ACME", "installations": 12, "licenses": 10}],
            "prohibited_installations": [{"software": "Miner", "device": "pc-9", "user": null}],
            "operating_systems": [{"id": "linux", "installations": 40, "licenses": null}],
            "subnets": [{"id": 1, "network": "10.0.0.0/24", "addresses_used": 127}, {"id": 2, "network": "2001:db8::/64", "addresses_used": 5}],
            "part_models": [{"id": "disk", "parts": 10, "parts_available": 0}],
            "licenses": [{"id": "d42", "name": "Device42", "expires_at": "2026-03-20", "devices": 100, "devices_used": 90}],
            "power_units": [{"id": 3, "name": "PDU A", "rack": "R1", "serial": "X1", "rated_current": 32}]
        }"#;
        let snapshot = document(text).unwrap();
        let of = |kind, quantity, name| sample(&snapshot, kind, quantity, name);
        assert_eq!(of(ComponentKind::Software, Quantity::LicenseUse, ""), Sample::Value(120.0));
        assert_eq!(
            of(ComponentKind::ProhibitedInstallation, Quantity::Installations, ""),
            Sample::Value(1.0)
        );
        let missing = Sample::Missing(Missing::NotGiven);
        assert_eq!(of(ComponentKind::OperatingSystem, Quantity::LicenseUse, ""), missing, "null is unknown");
        assert_eq!(of(ComponentKind::Subnet, Quantity::AddressUse, ""), Sample::Value(50.0));
        assert_eq!(of(ComponentKind::PartModel, Quantity::PartAvailability, ""), Sample::Value(0.0));
        assert_eq!(of(ComponentKind::License, Quantity::DaysLeft, ""), Sample::Value(10.0));
        assert_eq!(of(ComponentKind::License, Quantity::LicenseUse, "devices"), Sample::Value(90.0));
        let v6 = snapshot.objects().iter().find(|it| &*it.id == "2").unwrap();
        assert!(v6.figures.iter().any(|it| it.sample == Sample::Missing(Missing::NotDefined)));
        let pair =
            snapshot.objects().iter().find(|it| it.kind == ComponentKind::ProhibitedInstallation).unwrap();
        assert_eq!((&*pair.id, &*pair.name), ("Miner.pc-9", "Miner on pc-9"));
        let pdu = snapshot.objects().iter().find(|it| it.kind == ComponentKind::PowerUnit).unwrap();
        assert_eq!(pdu.ratings.current_amperes, Some(32.0));
        assert_eq!(snapshot.taken_at, Some(UnixMillis(1_773_162_000_000)));
    }

    #[test]
    fn mistakes_are_told_at_once_with_their_place() {
        let text = r#"{"taken_at": "today", "software": [{"name": "x"}, {"id": 1, "licences": 5, "installations": -2}],
            "licenses": [{"id": 1, "expires_at": "soon"}], "subnets": [{"id": 1, "addresses_used": [1]}]}"#;
        let reason = document(text).unwrap_err().reason;
        for words in [
            "taken_at is no time like",
            "software[0].id is missing",
            "software[1] has an unknown key licences (did you mean licenses?)",
            "software[1].installations takes a number",
            "licenses[0].expires_at is no date",
            "subnets[0].addresses_used takes a number",
        ] {
            assert!(reason.contains(words), "{words}: {reason}");
        }
    }

    #[test]
    fn half_a_document_is_none() {
        let whole = r#"{"software": [{"id": 1, "installations": 5}, {"id": 2, "installations": 6}]}"#;
        assert_eq!(document(whole).unwrap().objects().len(), 2);
        for end in 0..whole.len() {
            let part = whole.get(..end).unwrap();
            assert!(document(part).is_err(), "{part}");
        }
        assert!(document(&format!("{whole}{whole}")).is_err(), "two documents in one file");
        assert!(document(r#"{"softwares": []}"#).unwrap_err().reason.contains("line 1 column"));
        assert!(document(r#"{"version": 2}"#).unwrap_err().reason.contains("version 2"));
        assert!(document("[]").is_err());
    }
}
