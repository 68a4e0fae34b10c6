//! Label and index templates: `Phase {PowerNet-MIB::rPDU2PhaseStatusNumber}`, `humidity-{index}`.

use super::learned::Learned;
use super::lookup::{ObjectRef, Row};
use super::number;
use crate::model::Value;

/// A text with holes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    parts: Box<[Part]>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(Box<str>),
    Index,
    /// A starred sub-identifier, from 1.
    Starred(usize),
    /// A cell of the row, or of the row that the last of these columns leads to, each from the one before.
    Object(ObjectRef, Box<[ObjectRef]>),
}

/// A hole as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HoleError<'a> {
    /// Byte offset in the template.
    pub(super) offset: usize,
    pub(super) message: &'a str,
}

impl Template {
    /// `{index}`.
    pub(super) fn index() -> Self {
        Self { parts: [Part::Index].into() }
    }

    /// Reads a template; `object` resolves each name that stands in a hole (`None`: it has noted a mistake).
    pub(super) fn parse(
        text: &str,
        mut object: impl FnMut(&str, usize) -> Option<ObjectRef>,
    ) -> Result<Option<Self>, HoleError<'static>> {
        let mut parts = Vec::new();
        let mut whole = true;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let offset = text.len() - after.len() - 1;
            if before.contains('}') {
                return Err(HoleError { offset, message: "has a `}` without its `{`" });
            }
            let Some((hole, tail)) = after.split_once('}') else {
                return Err(HoleError { offset, message: "has a `{` without its `}`" });
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            match (hole, hole.strip_prefix("index.")) {
                ("index", _) => parts.push(Part::Index),
                (_, Some(number)) => match number.parse() {
                    Ok(number) if 0 < number => parts.push(Part::Starred(number)),
                    _ => return Err(HoleError { offset, message: "counts `{index.N}` from 1" }),
                },
                _ => {
                    let names = hole.split(VIA).map(|it| object(it.trim(), offset + 1));
                    match names.collect::<Option<Vec<ObjectRef>>>().as_deref() {
                        Some([found, via @ ..]) => parts.push(Part::Object(found.clone(), via.into())),
                        _ => whole = false,
                    }
                }
            }
            rest = tail;
        }
        if rest.contains('}') {
            return Err(HoleError { offset: text.len() - rest.len(), message: "has a `}` without its `{`" });
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(whole.then(|| Self { parts: parts.into() }))
    }

    /// The objects that must be learnt for it.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        let holes = self.parts.iter().filter_map(|it| match it {
            Part::Object(object, via) => Some(std::iter::once(object).chain(via)),
            Part::Text(_) | Part::Index | Part::Starred(_) => None,
        });
        holes.flatten()
    }

    /// The text for a row; `None` if a hole stays empty.
    pub(super) fn fill(&self, learned: &Learned, row: Row<'_>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Index => filled.push_str(&dotted(row.starred)),
                Part::Starred(number) => filled.push_str(&row.starred.get(number - 1)?.to_string()),
                Part::Object(object, via) => {
                    let instance = led_to(via, learned, row)?;
                    let row = match &instance {
                        Some(it) => Row { instance: it, starred: it },
                        None => row,
                    };
                    let (_, value) = object.find(learned, row)?;
                    let text = shown(object, value)?;
                    if text.is_empty() {
                        return None;
                    }
                    filled.push_str(&text);
                }
            }
        }
        let bounded: String = filled.trim().chars().take(TEXT_MAX).collect();
        (!bounded.is_empty()).then_some(bounded)
    }
}

/// The instance of the row that these columns lead to, each by the number that it holds; `Some(None)`: there
/// is none of them, so it is the row itself.
fn led_to(via: &[ObjectRef], learned: &Learned, row: Row<'_>) -> Option<Option<[u32; 1]>> {
    let mut at: Option<[u32; 1]> = None;
    for column in via {
        let row = match &at {
            Some(it) => Row { instance: it, starred: it },
            None => row,
        };
        let (_, value) = column.find(learned, row)?;
        at = Some([u32::try_from(number::whole(value)?).ok()?]);
    }
    Some(at)
}

/// Sub-identifiers with dots; `0` for none.
pub(super) fn dotted(arcs: &[u32]) -> String {
    if arcs.is_empty() {
        return "0".to_owned();
    }
    arcs.iter().map(u32::to_string).collect::<Vec<String>>().join(".")
}

/// A cell as a person reads it: texts cleaned, enumerations by name.
pub(super) fn shown(object: &ObjectRef, value: &Value) -> Option<String> {
    if let Some(text) = value.text() {
        return Some(text.chars().take(TEXT_MAX).collect());
    }
    if let Some(name) = value.integer().and_then(|it| object.names.name(it)) {
        return Some(name.to_owned());
    }
    match value {
        Value::ObjectIdentifier(oid) => Some(oid.to_string()),
        Value::Opaque(_) => number::wire_number(value).ok().map(|it| it.to_string()),
        _ => value.integer().map(|it| it.to_string()),
    }
}

/// Between a cell's object and the column that holds the number of its row.
const VIA: &str = " via ";
/// An agent's text is foreign: a label longer than this helps nobody, and would be repeated in each
/// series and page.
const TEXT_MAX: usize = 200;
