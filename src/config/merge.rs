//! Lays the layers over each other: built-in defaults, files in their order, the environment.

use super::check::{self, Lowered};
use super::form::Form;
use super::layer::Layer;
use super::raw::RawConfig;
use super::schema;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The merged configuration; which layer each value comes from is told by its tag.
pub(super) fn merge(layers: &[Layer<'_>], lowered: Vec<Lowered>) -> Figment {
    let mut figment = Figment::new();
    let mut names: Vec<(&'static str, BTreeSet<String>)> = Vec::new();
    for key in schema::root().keys.iter().filter(|it| it.form.is_named()) {
        let of_layers = lowered.iter().filter_map(|it| it.replacing.get(key.name)?.as_dict());
        names.push((key.name, of_layers.flat_map(|it| it.keys().cloned()).collect()));
    }
    for (layer, Lowered { replacing, appending }) in layers.iter().zip(lowered) {
        let name = &layer.name;
        figment = figment.merge(Layered::new(name, replacing)).admerge(Layered::new(name, appending));
    }
    figment.join(Layered::new(BUILT_IN, defaults(&names)))
}

/// The typed mirror. An error is a mistake of ours: schema and mirror disagree.
pub(super) fn extract(figment: &Figment) -> Result<RawConfig, String> {
    // Values stay out of the words: they may be secrets.
    figment.extract().map_err(|error| {
        error.into_iter().map(|it| format!("at `{}`", it.path.join("."))).collect::<Vec<_>>().join(", ")
    })
}

/// All defaults; those of named tables for each name that there is.
fn defaults(names: &[(&'static str, BTreeSet<String>)]) -> Dict {
    let mut dict = Dict::new();
    for key in schema::root().keys {
        match key.form {
            Form::Table(table) => _ = dict.insert(key.name.to_owned(), Value::from(check::defaults(table))),
            Form::Named(table) => {
                let of_one = check::defaults(table);
                let all = names.iter().filter(|(name, _)| *name == key.name).flat_map(|(_, names)| names);
                let tables: Dict = all.map(|it| (it.clone(), Value::from(of_one.clone()))).collect();
                dict.insert(key.name.to_owned(), Value::from(tables));
            }
            _ => (),
        }
    }
    dict
}

/// A dict with the name of where it comes from. It is handed over once: figment asks for it once, and a
/// copy of 10,000 devices would be 10 MB.
struct Layered {
    name: String,
    dict: RefCell<Dict>,
}

impl Layered {
    fn new(name: &str, dict: Dict) -> Self {
        Self { name: name.to_owned(), dict: RefCell::new(dict) }
    }
}

impl Provider for Layered {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.take()))
    }
}

/// What the lowest layer is called.
const BUILT_IN: &str = "built-in defaults";
