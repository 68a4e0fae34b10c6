//! A tree of documents as DSP2043 lays it out: a folder a URI, `index.json` in each; and what $expand makes of it. Pure,
//! but for reading the folder.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Documents by URI, without a trailing slash.
#[derive(Debug, Clone, Default)]
pub struct Mockup {
    /// Shared by services of a kind until one of them is changed.
    documents: Arc<BTreeMap<String, Value>>,
}

/// Where a service's root is.
const ROOT: &str = "/redfish/v1";

impl Mockup {
    /// Reads a folder: its `index.json` is the root, or that in `redfish/v1` below it.
    ///
    /// # Errors
    /// It cannot be read, or holds no root.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let nested = folder.join("redfish/v1");
        let base = if nested.join("index.json").is_file() { nested } else { folder.to_owned() };
        let mut mockup = Self::default();
        mockup.add(&base, ROOT)?;
        if mockup.documents.contains_key(ROOT) {
            return Ok(mockup);
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "there is no index.json at its top or in redfish/v1"))
    }

    fn add(&mut self, folder: &Path, uri: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                self.add(&path, &format!("{uri}/{name}"))?;
            } else if name == "index.json" {
                let octets = std::fs::read(&path)?;
                let named = |error| {
                    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
                };
                let document = serde_json::from_slice(&octets).map_err(named)?;
                self.insert(uri, document);
            }
        }
        Ok(())
    }

    /// Of documents by URI.
    #[must_use]
    pub fn of(documents: impl IntoIterator<Item = (String, Value)>) -> Self {
        let trimmed = |(uri, it): (String, Value)| (uri.trim_end_matches('/').to_owned(), it);
        Self { documents: Arc::new(documents.into_iter().map(trimmed).collect()) }
    }

    /// The document of a URI.
    #[must_use]
    pub fn get(&self, uri: &str) -> Option<&Value> {
        self.documents.get(uri.trim_end_matches('/'))
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, uri: &str) -> Option<&mut Value> {
        Arc::make_mut(&mut self.documents).get_mut(uri.trim_end_matches('/'))
    }

    /// Adds a document, or takes its place.
    pub fn insert(&mut self, uri: &str, document: Value) {
        Arc::make_mut(&mut self.documents).insert(uri.trim_end_matches('/').to_owned(), document);
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// A document with what it links to inline (DSP0266 section 7.3.2): `.` leaves out what stands in Links.
    #[must_use]
    pub fn expanded(&self, uri: &str, levels: u32, with_links: bool) -> Option<Value> {
        let mut document = self.get(uri)?.clone();
        self.expand(&mut document, levels, with_links, true);
        Some(document)
    }

    fn expand(&self, value: &mut Value, levels: u32, with_links: bool, is_top: bool) {
        if levels == 0 {
            return;
        }
        match value {
            Value::Object(object) => {
                let link = object.get("@odata.id").and_then(Value::as_str).map(str::to_owned);
                if let (false, 1, Some(uri)) = (is_top, object.len(), link) {
                    if let Some(document) = self.get(&uri) {
                        let mut document = document.clone();
                        self.expand(&mut document, levels - 1, with_links, true);
                        *value = document;
                    }
                    return;
                }
                for (key, value) in object.iter_mut() {
                    if with_links || key != "Links" {
                        self.expand(value, levels, with_links, false);
                    }
                }
            }
            Value::Array(array) => array.iter_mut().for_each(|it| self.expand(it, levels, with_links, false)),
            _ => (),
        }
    }
}

/// The query's $expand: levels, and whether links are followed too. As it is, or percent-encoded.
#[must_use]
pub fn expansion(query: &str) -> Option<(u32, bool)> {
    let text = query.split('&').find_map(|it| it.strip_prefix("$expand="))?;
    let with_links = !text.starts_with('.');
    let levels =
        text.split_once("levels=").map_or(Some(1), |(_, it)| it.trim_end_matches(')').parse().ok())?;
    Some((levels, with_links))
}

#[cfg(test)]
mod tests {
    use super::{Mockup, expansion};
    use serde_json::{Value, json};

    #[test]
    fn members_come_inline_to_the_level_that_is_asked_for() {
        let link = |uri: &str| json!({ "@odata.id": uri });
        let mockup = Mockup::of([
            (
                "/redfish/v1".to_owned(),
                json!({"All": link("/redfish/v1/All"), "Links": {"X": link("/redfish/v1/All/1")}}),
            ),
            (
                "/redfish/v1/All/".to_owned(),
                json!({"@odata.id": "/redfish/v1/All", "Members": [link("/redfish/v1/All/1"), link("/redfish/v1/gone")]}),
            ),
            ("/redfish/v1/All/1".to_owned(), json!({"@odata.id": "/redfish/v1/All/1", "Reading": 4})),
        ]);
        let one = mockup.expanded("/redfish/v1/All", 1, false).unwrap();
        assert_eq!(one["Members"][0]["Reading"], 4);
        assert_eq!(one["Members"][1], link("/redfish/v1/gone"), "what dangles stays a link");
        let root = mockup.expanded("/redfish/v1", 1, false).unwrap();
        assert_eq!(root["All"]["Members"][0]["Reading"], Value::Null);
        assert_eq!(root["Links"]["X"], link("/redfish/v1/All/1"));
        assert_eq!(mockup.expanded("/redfish/v1", 2, false).unwrap()["All"]["Members"][0]["Reading"], 4);
    }

    #[test]
    fn queries() {
        assert_eq!(expansion("$expand=.($levels=2)"), Some((2, false)));
        assert_eq!(expansion("$expand=*"), Some((1, true)));
        assert_eq!(expansion("$skip=5"), None);
    }
}
