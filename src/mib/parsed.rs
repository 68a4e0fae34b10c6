//! Modules parsed at run time, over mib-rs: those that a user adds.

use super::enumeration::Enumeration;
use super::object::{Kind, Named, Object};
use super::scan;
use crate::model::Oid;
use mib_rs::types::{DiagnosticConfig, ResolverStrictness};
use std::collections::BTreeMap;

/// The modules of some texts.
#[derive(Debug)]
pub(super) struct Parsed(mib_rs::Mib);

impl Parsed {
    /// Parses texts; of two modules of the same name the later one stays.
    pub(super) fn of_texts(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut modules: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for text in texts {
            for name in scan::modules_of(&text) {
                modules.insert(name, text.clone());
            }
        }
        let mib = mib_rs::Loader::new()
            .source(mib_rs::source::memory_modules(modules))
            .resolver_strictness(ResolverStrictness::Permissive)
            .diagnostic_config(DiagnosticConfig::silent())
            .parallelism(1)
            .load();
        Self(mib.unwrap_or_default())
    }

    pub(super) fn has_module(&self, name: &str) -> bool {
        self.0.module(name).is_some()
    }

    /// The names of the modules, those of SMI version 2 among them.
    pub(super) fn modules(&self) -> impl Iterator<Item = &str> {
        let names = self.0.modules().filter(|it| !it.is_base() || it.name().starts_with("SNMPv2-"));
        names.map(|it| it.name())
    }

    /// The names of a module's objects and branches, as it calls them itself: where modules name the same
    /// OID, the tree keeps but one of the names.
    pub(super) fn objects<'a>(&'a self, module: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let module = self.0.module(module);
        let objects = module.into_iter().flat_map(|it| it.objects()).map(|it| it.name());
        objects.chain(module.into_iter().flat_map(|it| it.identities()).map(|it| it.name()))
    }

    pub(super) fn object(&self, module: &str, name: &str) -> Option<Object> {
        let found = self.0.module(module)?;
        if let Some(object) = found.object(name) {
            return object_of(module, object);
        }
        let branch = found.identities().iter().find(|it| it.name() == name)?;
        Some(branch_of(module, branch.name(), branch.oid()))
    }

    pub(super) fn lookup(&self, oid: &Oid) -> Named {
        // A branch that only stands in the way of its children has no name.
        let deepest = self.0.lookup_instance(&mib_rs::mib::Oid::from(oid.arcs())).node();
        let found = std::iter::successors(Some(deepest), |it| it.parent()).find(|it| !it.name().is_empty());
        let above = found.map_or(0, |it| it.oid().len());
        let suffix = oid.arcs().get(above..).unwrap_or_default().to_vec();
        Named { object: found.and_then(named), oid: oid.clone(), suffix }
    }

    pub(super) fn below<'a>(&'a self, oid: &Oid) -> impl Iterator<Item = Object> + use<'a> {
        let root = self.0.exact_node_by_oid(&mib_rs::mib::Oid::from(oid.arcs()));
        root.into_iter().flat_map(|it| it.subtree()).filter_map(named)
    }
}

/// The object that a node of the tree stands for, under the module that owns it.
fn named(node: mib_rs::Node<'_>) -> Option<Object> {
    if node.name().is_empty() {
        return None;
    }
    let module = node.module().map(|it| it.name()).unwrap_or_default();
    match node.object() {
        Some(object) => object_of(module, object),
        None => Some(branch_of(module, node.name(), node.oid())),
    }
}

fn object_of(module: &str, object: mib_rs::Object<'_>) -> Option<Object> {
    let kind = match object.declared_kind() {
        mib_rs::Kind::Scalar => Kind::Scalar,
        mib_rs::Kind::Column => Kind::Column,
        _ => Kind::Table,
    };
    let pairs = object.effective_enums().iter().map(|it| (it.value, it.label.as_str().into()));
    Some(Object {
        name: qualified(module, object.name()),
        oid: Oid::new(object.node()?.oid()),
        kind,
        syntax: object.ty().map(|it| it.effective_base().to_string()).unwrap_or_default(),
        units: object.units().to_owned(),
        names: Enumeration::parsed(pairs),
    })
}

fn branch_of(module: &str, name: &str, oid: &[u32]) -> Object {
    Object {
        name: qualified(module, name),
        oid: Oid::new(oid),
        kind: Kind::Branch,
        syntax: String::new(),
        units: String::new(),
        names: Enumeration::default(),
    }
}

/// The roots `iso` and `ccitt` are of no module.
fn qualified(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}
