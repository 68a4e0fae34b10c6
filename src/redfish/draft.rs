//! What a service's readings are, while they are put together: components, readings, and how each is read
//! from its document. Pure.
//!
//! Invariants: no two components have the same kind and index, no two readings of a component the same quantity
//! and name: of two, the first stays, unless it alone has no value; where the other stands is kept beside it. A
//! reading is there when its property is, null included.

use super::document::number;
use super::limits::READINGS_MAX;
use super::states::StateKind;
use super::uri::ResourceUri;
use crate::model::{Component, ComponentKind, Locator, Missing, Quantity, Ratings, ReadingShape, Sample};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How a property becomes a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Decode {
    /// A number, times this.
    Number(f64),
    /// A number, times the first, plus the second.
    Linear(f64, f64),
    /// A state.
    State(StateKind),
    /// The sum of the numbers at these pointers below the property: all of them must be there.
    Sum(Box<[Box<str>]>),
    /// [`StateKind::Transfer`]: the id of the active mains, beside that of the preferred one.
    Transfer,
}

/// A reading's property.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// A place in [`Draft::documents`].
    pub document: u32,
    /// RFC 6901, within the document.
    pub pointer: Box<str>,
    /// How it is read.
    pub decode: Decode,
    /// What must stand elsewhere in the document for the value to hold: items of arrays move.
    pub guard: Option<Box<(Box<str>, Value)>>,
}

/// A threshold that the device has for a reading: offered to people as one of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceThreshold {
    /// A place among the readings.
    pub reading: usize,
    /// `upper_critical` and so on, as the schema's names in our letters.
    pub name: &'static str,
    /// In the reading's base unit.
    pub value: f64,
}

/// What is put together.
#[derive(Debug, Default)]
pub struct Draft {
    /// The parts.
    pub components: Vec<Component>,
    /// The readings.
    pub readings: Vec<ReadingShape>,
    /// Beside the readings.
    pub cells: Vec<Cell>,
    /// The documents that are read.
    pub documents: Vec<ResourceUri>,
    /// What the device itself takes for too much.
    pub thresholds: Vec<DeviceThreshold>,
    by_key: HashMap<(ComponentKind, Arc<str>), u32>,
    by_document: HashMap<ResourceUri, u32>,
    /// Where else the same stands: (a place among the readings, source).
    pub also: Vec<(u32, Box<str>)>,
    taken: HashMap<(u32, Quantity, Box<str>), Taken>,
}

/// A reading that is there.
#[derive(Debug, Clone, Copy)]
struct Taken {
    at: usize,
    has_value: bool,
}

/// Sources of the same reading that are kept.
const ALSO_MAX: usize = 8;

/// One reading to add.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// On which component.
    pub component: u32,
    /// What it measures.
    pub quantity: Quantity,
    /// Its name; often empty.
    pub name: &'a str,
    /// Which document.
    pub uri: &'a ResourceUri,
    /// Which property; the document has it.
    pub pointer: String,
    /// Where within it the value usually stands; often empty.
    pub tail: &'a str,
    /// How it is read.
    pub decode: Decode,
    /// Whether it has a value now.
    pub has_value: bool,
}

impl Draft {
    /// The component of that kind and index, made if it is new. An empty label becomes kind and index.
    pub fn component(&mut self, kind: ComponentKind, index: &str, label: &str) -> u32 {
        let key = (kind, Arc::from(index));
        if let Some(found) = self.by_key.get(&key) {
            return *found;
        }
        let number = u32::try_from(self.components.len()).unwrap_or(u32::MAX);
        let label = if label.is_empty() { format!("{kind} {index}") } else { label.to_owned() };
        let index = Arc::clone(&key.1);
        self.components.push(Component { kind, index, label: label.into(), ..Component::default() });
        self.by_key.insert(key, number);
        number
    }

    /// The ratings of a component, to be filled.
    pub fn ratings(&mut self, component: u32) -> Option<&mut Ratings> {
        self.components.get_mut(component as usize).map(|it| &mut it.ratings)
    }

    /// Adds a reading, unless there is one like it. Its place, if it is read from there.
    pub fn add(&mut self, wanted: Wanted<'_>) -> Option<usize> {
        let Wanted { component, quantity, name, uri, pointer, tail, decode, has_value } = wanted;
        let source: Box<str> = format!("{}#{pointer}{tail}", uri.key()).into();
        let key = (component, quantity, Box::from(name));
        let other = self.taken.get(&key).copied();
        if let Some(other) = other
            && (other.has_value || !has_value)
        {
            self.note(other.at, source);
            return None;
        }
        if READINGS_MAX <= self.readings.len() {
            return None;
        }
        let at = other.map_or(self.readings.len(), |it| it.at);
        let states = match &decode {
            Decode::State(kind) => Some(kind.table()),
            Decode::Transfer => Some(StateKind::Transfer.table()),
            Decode::Number(_) | Decode::Linear(..) | Decode::Sum(_) => None,
        };
        let document = self.document(uri);
        let cell = Cell { document, pointer: pointer.into(), decode, guard: None };
        let source = Locator::Property(source.as_ref().into());
        let reading = ReadingShape { component, quantity, name: name.into(), source, states };
        match (self.readings.get_mut(at), self.cells.get_mut(at)) {
            (Some(place), Some(old)) => {
                // The one before it has no value.
                let before = std::mem::replace(place, reading).source.to_string();
                *old = cell;
                self.note(at, before.into());
            }
            _ => {
                self.readings.push(reading);
                self.cells.push(cell);
            }
        }
        self.taken.insert(key, Taken { at, has_value });
        Some(at)
    }

    /// Keeps where else a reading stands.
    pub fn note(&mut self, reading: usize, source: Box<str>) {
        let Ok(at) = u32::try_from(reading) else { return };
        let is_own = self.readings.get(reading).is_some_and(|it| it.source.to_string() == *source);
        let known = self.also.iter().filter(|(it, _)| *it == at).count();
        if !is_own && known < ALSO_MAX && !self.also.iter().any(|(it, text)| *it == at && *text == source) {
            self.also.push((at, source));
        }
    }

    fn document(&mut self, uri: &ResourceUri) -> u32 {
        if let Some(found) = self.by_document.get(uri) {
            return *found;
        }
        let number = u32::try_from(self.documents.len()).unwrap_or(u32::MAX);
        self.documents.push(uri.clone());
        self.by_document.insert(uri.clone(), number);
        number
    }

    /// Lets a reading hold only while that stands in its document.
    pub fn guard(&mut self, reading: usize, pointer: &str, value: &Value) {
        if let Some(cell) = self.cells.get_mut(reading) {
            cell.guard = Some(Box::new((pointer.into(), value.clone())));
        }
    }

    /// Drops components without readings; the others keep their order.
    pub fn tidy(&mut self) {
        let used: HashSet<u32> = self.readings.iter().map(|it| it.component).collect();
        let mut places = HashMap::new();
        let mut kept = Vec::new();
        for (number, component) in (0_u32..).zip(std::mem::take(&mut self.components)) {
            if used.contains(&number) {
                places.insert(number, u32::try_from(kept.len()).unwrap_or(u32::MAX));
                kept.push(component);
            }
        }
        self.components = kept;
        for reading in &mut self.readings {
            reading.component = places.get(&reading.component).copied().unwrap_or(u32::MAX);
        }
    }
}

impl Cell {
    /// The sample in its document.
    #[must_use]
    pub fn read(&self, document: &Value) -> Sample {
        match self.value(document) {
            Ok(number) if number.is_finite() => Sample::Value(number),
            Ok(_) => Sample::Missing(Missing::OutOfRange),
            Err(missing) => Sample::Missing(missing),
        }
    }

    /// The sample of a value that stands by itself, as in a telemetry report.
    #[must_use]
    pub fn read_alone(&self, value: &Value) -> Sample {
        let read = match &self.decode {
            Decode::Number(factor) => number(value).map(|it| it * factor),
            Decode::Linear(factor, offset) => number(value).map(|it| it * factor + offset),
            Decode::State(kind) => kind.read(value),
            Decode::Sum(_) | Decode::Transfer => Err(Missing::NoSuchObject),
        };
        read.map_or_else(Sample::Missing, |it| {
            if it.is_finite() { Sample::Value(it) } else { Sample::Missing(Missing::OutOfRange) }
        })
    }

    /// The property as the service sent it, if it is a single value.
    #[must_use]
    pub fn raw(&self, document: &Value) -> Option<Value> {
        let value = document.pointer(&self.pointer)?;
        let value = match self.decode {
            Decode::State(StateKind::Status) => value.get(super::states::decisive(value)?)?,
            _ => value,
        };
        (!value.is_object() && !value.is_array() && !value.is_null()).then(|| value.clone())
    }

    fn value(&self, document: &Value) -> Result<f64, Missing> {
        if let Some(guard) = &self.guard
            && document.pointer(&guard.0) != Some(&guard.1)
        {
            return Err(Missing::NoSuchInstance);
        }
        let value = document.pointer(&self.pointer).ok_or(Missing::NoSuchObject)?;
        match &self.decode {
            Decode::Number(factor) => Ok(number(value)? * factor),
            Decode::Linear(factor, offset) => Ok(number(value)? * factor + offset),
            Decode::State(kind) => kind.read(value),
            Decode::Sum(pointers) => {
                let part = |pointer: &str| number(value.pointer(pointer).ok_or(Missing::NoSuchObject)?);
                pointers.iter().map(|it| part(it)).sum()
            }
            Decode::Transfer => transfer(document, &self.pointer),
        }
    }
}

fn transfer(document: &Value, pointer: &str) -> Result<f64, Missing> {
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let id = |name: &str| document.pointer(parent).and_then(|it| it.get(name)).map(super::document::text);
    let active = id("ActiveMainsId").ok_or(Missing::NoSuchObject)?;
    let preferred = id("PreferredMainsId").unwrap_or_default();
    let name = match () {
        () if active.is_empty() => return Err(Missing::Unavailable),
        // Nothing is preferred: whatever is active will do.
        () if preferred.is_empty() => "none",
        () if active == preferred => "preferred",
        () => "alternate",
    };
    Ok(StateKind::Transfer.number(name))
}

#[cfg(test)]
mod tests {
    use super::{Cell, Decode, Draft, Wanted};
    use crate::model::{ComponentKind, Missing, Quantity, Sample};
    use crate::redfish::uri::ResourceUri;
    use serde_json::json;

    fn cell(pointer: &str, decode: Decode) -> Cell {
        Cell { document: 0, pointer: pointer.into(), decode, guard: None }
    }

    #[test]
    fn cells_read_numbers_and_say_why_there_is_none() {
        let document =
            json!({"EnergykWh": {"Reading": 56438}, "A": {"Reading": null}, "B": {"Reading": "x"}});
        assert_eq!(cell("/EnergykWh/Reading", Decode::Number(1e3)).read(&document), Sample::Value(56_438e3));
        for (pointer, missing) in [
            ("/A/Reading", Missing::Unavailable),
            ("/B/Reading", Missing::WrongType),
            ("/C/Reading", Missing::NoSuchObject),
        ] {
            assert_eq!(cell(pointer, Decode::Number(1.0)).read(&document), Sample::Missing(missing));
        }
        let huge = json!({"a": 1e308});
        assert_eq!(cell("/a", Decode::Number(1e3)).read(&huge), Sample::Missing(Missing::OutOfRange));
    }

    #[test]
    fn an_item_that_moved_is_not_read_for_another() {
        let mut guarded = cell("/Fans/0/Reading", Decode::Number(1.0));
        guarded.guard = Some(Box::new(("/Fans/0/MemberId".into(), json!("a"))));
        let of = |id: &str| json!({"Fans": [{"MemberId": id, "Reading": 7}]});
        assert_eq!(guarded.read(&of("a")), Sample::Value(7.0));
        assert_eq!(guarded.read(&of("b")), Sample::Missing(Missing::NoSuchInstance));
    }

    #[test]
    fn a_transfer_is_told_by_its_ids() {
        let transfer = cell("/TransferConfiguration/ActiveMainsId", Decode::Transfer);
        let of = |active: &str, preferred: &str| {
            let ids = json!({"ActiveMainsId": active, "PreferredMainsId": preferred});
            transfer.read(&json!({"TransferConfiguration": ids}))
        };
        assert_eq!(of("AC1", "AC1"), Sample::Value(1.0));
        assert_eq!(of("AC2", "AC1"), Sample::Value(2.0));
        assert_eq!(of("AC2", ""), Sample::Value(3.0));
        assert_eq!(of("", "AC1"), Sample::Missing(Missing::Unavailable));
    }

    #[test]
    fn of_two_readings_alike_the_first_stays() {
        let mut draft = Draft::default();
        let uri = ResourceUri::root();
        let component = draft.component(ComponentKind::Outlet, "1.A1", "");
        assert_eq!(draft.component(ComponentKind::Outlet, "1.A1", "other"), component);
        draft.component(ComponentKind::Bank, "unused", "");
        let mut add = |pointer: &str, has_value: bool| {
            let (quantity, decode) = (Quantity::Current, Decode::Number(1.0));
            draft.add(Wanted {
                component,
                quantity,
                name: "",
                uri: &uri,
                pointer: pointer.to_owned(),
                tail: "",
                decode,
                has_value,
            })
        };
        assert_eq!((add("/a", false), add("/b", false)), (Some(0), None));
        assert_eq!((add("/c", true), add("/d", true)), (Some(0), None), "the first that has a value");
        draft.tidy();
        let also: Vec<&str> = draft.also.iter().map(|(_, it)| &**it).collect();
        assert_eq!(also, ["/redfish/v1#/b", "/redfish/v1#/a", "/redfish/v1#/d"]);
        assert_eq!(draft.components.len(), 1);
        assert_eq!(&*draft.components[0].label, "outlet 1.A1");
        assert_eq!(draft.readings[0].source.to_string(), "/redfish/v1#/c");
    }
}
