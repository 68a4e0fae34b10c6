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
    Object(ObjectRef),
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

    /// Reads a template; `object` resolves what stands in a hole (`None`: it has noted a mistake).
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
                _ => match object(hole, offset + 1) {
                    Some(found) => parts.push(Part::Object(found)),
                    None => whole = false,
                },
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
        self.parts.iter().filter_map(|it| match it {
            Part::Object(object) => Some(object),
            Part::Text(_) | Part::Index | Part::Starred(_) => None,
        })
    }

    /// The text for a row; `None` if a hole stays empty.
    pub(super) fn fill(&self, learned: &Learned, row: Row<'_>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Index => filled.push_str(&dotted(row.starred)),
                Part::Starred(number) => filled.push_str(&row.starred.get(number - 1)?.to_string()),
                Part::Object(object) => {
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

/// An agent's text is foreign: a label longer than this helps nobody, and would be repeated in each
/// series and page.
const TEXT_MAX: usize = 200;
