//! From resources to components, quantities, states, ratings and identity. Pure.
//!
//! An index is made of the names that the service gives in its URIs: `1.A1` is outlet A1 of rack PDU 1; what does
//! not stand in RackPDUs has its collection before it, and a chassis that has the number of a PDU the word Chassis.
//! An excerpt within a circuit or outlet is the reading; its sensor, if it is there, gives thresholds alone.

mod chassis;
mod equipment;
mod legacy;
mod sensor;

use super::document::{number_at, text_at};
use super::draft::{Cell, Decode, Draft, Wanted};
use super::states::{StateKind, decisive};
use super::tree::{Node, Role, Tree};
use super::uri::{Origin, ResourceUri};
use crate::model::{Identity, Quantity};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a service comes to.
#[derive(Debug)]
pub struct Mapped {
    /// Components, readings and how they are read.
    pub draft: Draft,
    /// Who it is.
    pub identity: Identity,
    /// Units of sensors that are left out for them.
    pub unknown_units: BTreeSet<String>,
}

/// Maps all that is known of a service.
#[must_use]
pub fn map(origin: &Origin, tree: &Tree) -> Mapped {
    let mut mapper = Mapper {
        origin,
        tree,
        draft: Draft::default(),
        excerpts: BTreeMap::new(),
        equipped: BTreeSet::new(),
        unit_indices: BTreeSet::new(),
        unknown_units: BTreeSet::new(),
        mapped: BTreeSet::new(),
    };
    for unit in tree.of_role(Role::Unit) {
        mapper.unit(unit);
    }
    for chassis in tree.of_role(Role::Chassis) {
        mapper.chassis(chassis);
    }
    for facility in tree.of_role(Role::Facility) {
        mapper.facility(facility);
    }
    let identity = mapper.identity();
    mapper.thresholds();
    let mut draft = mapper.draft;
    draft.tidy();
    Mapped { draft, identity, unknown_units: mapper.unknown_units }
}

struct Mapper<'t> {
    origin: &'t Origin,
    tree: &'t Tree,
    draft: Draft,
    /// Sensors whose readings are had as excerpts, and as which.
    excerpts: BTreeMap<ResourceUri, usize>,
    /// Chassis of power equipment.
    equipped: BTreeSet<ResourceUri>,
    /// Of power equipment.
    unit_indices: BTreeSet<String>,
    /// Of sensors that are left out for them.
    unknown_units: BTreeSet<String>,
    /// Supplies and batteries that are components already.
    mapped: BTreeSet<ResourceUri>,
}

/// What a quantity's property is called, how it becomes base units, and what else is in an excerpt of it.
type Excerpt = (&'static str, Quantity, f64);

/// Properties that are excerpts, wherever they stand.
const EXCERPTS: &[Excerpt] = &[
    ("Voltage", Quantity::Voltage, 1.0),
    ("CurrentAmps", Quantity::Current, 1.0),
    ("PowerWatts", Quantity::ActivePower, 1.0),
    ("EnergykWh", Quantity::Energy, 1e3),
    ("FrequencyHz", Quantity::Frequency, 1.0),
    ("PowerLoadPercent", Quantity::Load, 1.0),
    ("TemperatureCelsius", Quantity::Temperature, 1.0),
    ("HumidityPercent", Quantity::Humidity, 1.0),
];

/// What an excerpt of power holds beside its reading.
const BESIDE_POWER: [(&str, Quantity); 3] = [
    ("ApparentVA", Quantity::ApparentPower),
    ("ReactiveVAR", Quantity::ReactivePower),
    ("PowerFactor", Quantity::PowerFactor),
];

impl<'t> Mapper<'t> {
    /// Adds a reading if the document has its property. Its place.
    fn add(
        &mut self,
        component: u32,
        (quantity, name): (Quantity, &str),
        node: Node<'_>,
        pointer: String,
        decode: Decode,
    ) -> Option<usize> {
        let value = node.document.pointer(&pointer)?;
        let tail = match decode {
            Decode::State(StateKind::Status) => match decisive(value)? {
                "HealthRollup" => "/HealthRollup",
                "State" => "/State",
                _ => "/Health",
            },
            _ => "",
        };
        let at = pointer.as_str();
        let cell = Cell { document: 0, pointer: at.into(), decode: decode.clone(), guard: None };
        let has_value = cell.read(node.document).value().is_some();
        let uri = node.uri;
        self.draft.add(Wanted { component, quantity, name, uri, pointer, tail, decode, has_value })
    }

    /// Adds what an excerpt holds: `{"Reading": ..}`, or the number itself.
    fn excerpt(
        &mut self,
        component: u32,
        (quantity, name): (Quantity, &str),
        node: Node<'_>,
        pointer: &str,
        factor: f64,
    ) {
        let Some(value) = node.document.pointer(pointer) else { return };
        let is_copy = !value.is_object() || value.get("Reading").is_some();
        let at = if value.is_object() { format!("{pointer}/Reading") } else { pointer.to_owned() };
        let added = self.add(component, (quantity, name), node, at, Decode::Number(factor));
        if !is_copy {
            self.linked(component, (quantity, name), value);
        }
        if let Some(added) = added
            && let Some(sensor) = value.get("DataSourceUri").and_then(Value::as_str)
            && let Ok(sensor) = self.origin.resource(sensor)
        {
            if let Some(node) = self.tree.get(&sensor).filter(|it| it.document.get("Reading").is_some()) {
                self.draft.note(added, format!("{}#/Reading", node.uri.key()).into());
            }
            self.excerpts.entry(sensor).or_insert(added);
        }
        if quantity == Quantity::ActivePower {
            for (key, quantity) in BESIDE_POWER {
                let at = format!("{pointer}/{key}");
                self.add(component, (quantity, name), node, at, Decode::Number(1.0));
            }
        }
    }

    /// Adds what a sensor says, where a circuit or outlet names it and holds no copy.
    fn linked(&mut self, component: u32, (quantity, name): (Quantity, &str), value: &Value) {
        let uri = ["DataSourceUri", "@odata.id"].iter().find_map(|it| value.get(it)?.as_str());
        let Some(sensor) = uri.and_then(|it| self.origin.resource(it).ok()) else { return };
        let Some(node) = self.tree.get(&sensor) else { return };
        let Some((_, decode)) = sensor::measured(node.document).filter(|(it, _)| *it == quantity) else {
            return;
        };
        if let Some(added) = self.add(component, (quantity, name), node, "/Reading".to_owned(), decode) {
            self.excerpts.entry(sensor).or_insert(added);
        }
    }

    /// What there is of a redundancy: an object, or an array of them.
    fn redundancy(&mut self, component: u32, node: Node<'_>, pointer: &str, name: &str) {
        let Some(value) = node.document.pointer(pointer) else { return };
        let count = value.as_array().map_or(1, Vec::len);
        for at in 0..count {
            let pointer = if value.is_array() { format!("{pointer}/{at}") } else { pointer.to_owned() };
            let name = if at == 0 { name.to_owned() } else { format!("{name}_{}", at + 1) };
            let status = format!("{pointer}/Status");
            if node.document.pointer(&status).is_some_and(|it| decisive(it).is_some()) {
                let decode = Decode::State(StateKind::Status);
                self.add(component, (Quantity::State, &name), node, status, decode);
            }
        }
    }

    /// Adds all excerpts that stand at the top of a document.
    fn excerpts(&mut self, component: u32, node: Node<'_>) {
        for (key, quantity, factor) in EXCERPTS {
            self.excerpt(component, (*quantity, ""), node, &format!("/{key}"), *factor);
        }
    }

    /// Adds the health of what has a Status there.
    fn status(&mut self, component: u32, node: Node<'_>, pointer: &str) -> Option<usize> {
        let status = node.document.pointer(pointer).filter(|it| decisive(it).is_some())?;
        decisive(status)?;
        let decode = Decode::State(StateKind::Status);
        self.add(component, (Quantity::State, "health"), node, pointer.to_owned(), decode)
    }

    /// Adds a state.
    fn state(&mut self, component: u32, name: &str, node: Node<'_>, pointer: &str, kind: StateKind) {
        // Null at a switch that is not there says nothing.
        if node.document.pointer(pointer).is_some_and(|it| !it.is_null()) {
            self.add(component, (Quantity::State, name), node, pointer.to_owned(), Decode::State(kind));
        }
    }

    fn rate_current(&mut self, component: u32, amperes: Option<f64>) {
        if let (Some(ratings), Some(amperes)) = (self.draft.ratings(component), positive(amperes)) {
            ratings.current_amperes = Some(amperes);
        }
    }

    fn identity(&self) -> Identity {
        let root = self.tree.root();
        let unit = self.tree.of_role(Role::Unit).next();
        let has_readings = |node: &Node<'_>| self.is_read(node.uri);
        let mut chassis = self.tree.of_role(Role::Chassis);
        let linked = unit.and_then(|it| self.tree.follow(self.origin, it.document, "/Links/Chassis"));
        let chassis = linked.or_else(|| chassis.find(has_readings));
        let manager = self.tree.of_role(Role::Manager).next();
        let first = |sources: &[(Option<Node<'_>>, &str)]| {
            let texts = sources.iter().filter_map(|(node, it)| Some(text_at(node.as_ref()?.document, it)));
            texts.into_iter().find(|it| !it.is_empty()).unwrap_or_default()
        };
        let of_both = |pointer| first(&[(unit, pointer), (chassis, pointer)]);
        let vendor = of_both("/Manufacturer");
        let firmware = first(&[(unit, "/FirmwareVersion"), (manager, "/FirmwareVersion")]);
        Identity {
            vendor: if vendor.is_empty() { text_at(root, "/Vendor") } else { vendor },
            model: first(&[
                (unit, "/Model"),
                (unit, "/PartNumber"),
                (chassis, "/Model"),
                (chassis, "/PartNumber"),
            ]),
            serial: of_both("/SerialNumber"),
            firmware,
            sys_descr: self.tree.product(),
            sys_name: of_both("/UserLabel"),
            ..Identity::default()
        }
    }

    /// Whether something is read from below that resource.
    fn is_read(&self, uri: &ResourceUri) -> bool {
        let below = |it: &ResourceUri| it.key().strip_prefix(uri.key()).is_some_and(|it| it.starts_with('/'));
        self.draft.documents.iter().any(|it| it == uri || below(it))
    }
}

/// What a person calls it: the operator's label, else the service's name for it.
fn label_of(document: &Value) -> String {
    let own = text_at(document, "/UserLabel");
    if own.is_empty() { text_at(document, "/Name") } else { own }
}

/// A rating of zero or less is unknown.
fn positive(number: Option<f64>) -> Option<f64> {
    number.filter(|it| it.is_finite() && 0.0 < *it)
}

fn rating_at(document: &Value, pointer: &str) -> Option<f64> {
    positive(number_at(document, pointer))
}

/// A collection's name before what stands in it, where it is not the usual one.
fn prefixed(usual: &str, collection: &str, id: &str) -> String {
    if collection.eq_ignore_ascii_case(usual) { id.to_owned() } else { format!("{collection}.{id}") }
}

/// Whether a part is not there: an empty slot has nothing to read.
fn is_absent(document: &Value) -> bool {
    document.pointer("/Status/State").and_then(Value::as_str) == Some("Absent")
}
