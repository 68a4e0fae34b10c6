//! The objects of the modules in `mibs/`, as tables in the binary: `build.rs` writes them.

use super::enumeration::Enumeration;
use super::object::{Kind, Named, Object};
use crate::model::Oid;

include!(concat!(env!("OUT_DIR"), "/mibs.rs"));

/// A module and its objects, by name.
struct Module {
    name: &'static str,
    objects: &'static [Entry],
}

/// An object.
struct Entry {
    name: &'static str,
    oid: &'static [u32],
    kind: Kind,
    syntax: &'static str,
    units: &'static str,
    names: &'static [(i64, &'static str)],
}

/// Whether there is a module of that name.
pub(super) fn has_module(name: &str) -> bool {
    module(name).is_some()
}

/// The names of the modules.
pub(super) fn modules() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|it| it.name)
}

/// The names of a module's objects.
pub(super) fn objects(module_name: &str) -> impl Iterator<Item = &'static str> + use<> {
    module(module_name).into_iter().flat_map(|it| it.objects).map(|it| it.name)
}

/// The object of that name.
pub(super) fn object(module_name: &str, name: &str) -> Option<Object> {
    let module = module(module_name)?;
    let at = module.objects.binary_search_by(|it| it.name.cmp(name)).ok()?;
    module.objects.get(at).map(|it| it.object(module.name))
}

/// The deepest named object at or above `oid`.
pub(super) fn lookup(oid: &Oid) -> Named {
    let arcs = oid.arcs();
    for length in (0..=arcs.len()).rev() {
        let (head, tail) = arcs.split_at(length);
        if let Ok(at) = BY_OID.binary_search_by(|it| arcs_of(*it).cmp(head)) {
            return Named { object: nth(at), oid: oid.clone(), suffix: tail.to_vec() };
        }
    }
    Named { object: None, oid: oid.clone(), suffix: arcs.to_vec() }
}

/// The objects at and below `oid`, by OID.
pub(super) fn below(oid: &Oid) -> impl Iterator<Item = Object> + use<> {
    let oid = oid.clone();
    let from = BY_OID.partition_point(|it| arcs_of(*it) < oid.arcs());
    (from..BY_OID.len()).map_while(nth).take_while(move |it| it.oid.starts_with(&oid))
}

fn module(name: &str) -> Option<&'static Module> {
    MODULES.get(MODULES.binary_search_by(|it| it.name.cmp(name)).ok()?)
}

fn nth(at: usize) -> Option<Object> {
    let (module, entry) = entry(*BY_OID.get(at)?)?;
    Some(entry.object(module.name))
}

fn entry((module, object): (u16, u16)) -> Option<(&'static Module, &'static Entry)> {
    let module = MODULES.get(usize::from(module))?;
    Some((module, module.objects.get(usize::from(object))?))
}

fn arcs_of(place: (u16, u16)) -> &'static [u32] {
    entry(place).map_or(&[], |(_, it)| it.oid)
}

impl Entry {
    fn object(&self, module: &str) -> Object {
        Object {
            name: format!("{module}::{}", self.name),
            oid: Oid::new(self.oid),
            kind: self.kind,
            syntax: self.syntax.to_owned(),
            units: self.units.to_owned(),
            names: Enumeration::embedded(self.names),
        }
    }
}
