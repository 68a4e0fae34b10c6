//! Names, numbers, enumerations and units of MIB objects: our own slim SMI modules, embedded from
//! `mibs/`, and modules that a user adds.
//!
//! Invariants: nothing outside of this module names `mib_rs`; names are always qualified by their
//! module (`PowerNet-MIB::rPDU2PhaseStatusCurrent`), since vendors reuse each other's names; a user's
//! module replaces ours of the same name; a module with mistakes costs its own names, nothing else.

mod object;
mod scan;

pub use object::{Enumeration, Kind, MibError, Named, Object};

use crate::model::{Oid, closest};
use include_dir::{Dir, include_dir};
use mib_rs::types::{DiagnosticConfig, ResolverStrictness};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The names known to this process.
#[derive(Debug)]
pub struct Mibs {
    mib: mib_rs::Mib,
}

impl Mibs {
    /// The modules in the binary. They are read at the first use, once.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Mibs> = LazyLock::new(|| Mibs::with_user_modules(std::iter::empty()));
        &EMBEDDED
    }

    /// The modules in the binary and these texts, each with one module or several. A text without a
    /// module is ignored: see [`Self::modules_of`].
    #[must_use]
    pub fn with_user_modules(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let embedded = MODULES.files().map(|it| it.contents().to_vec());
        Self::of_texts(embedded.chain(texts))
    }

    /// The modules in these texts alone (and the base modules of SMI); of two with the same name the
    /// later one stays.
    #[must_use]
    pub fn of_texts(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut modules: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for text in texts {
            for name in Self::modules_of(&text) {
                modules.insert(name, text.clone());
            }
        }
        let mib = mib_rs::Loader::new()
            .source(mib_rs::source::memory_modules(modules))
            .resolver_strictness(ResolverStrictness::Permissive)
            .diagnostic_config(DiagnosticConfig::silent())
            .parallelism(1)
            .load();
        Self { mib: mib.unwrap_or_default() }
    }

    /// The names of the modules that a text defines.
    #[must_use]
    pub fn modules_of(text: &[u8]) -> Vec<String> {
        scan::modules_of(text)
    }

    /// What `MODULE::object`, `MODULE::object.0` or `1.3.6.1` names.
    ///
    /// # Errors
    /// What is unknown or malformed in it, with a suggestion where one is near.
    pub fn resolve(&self, name: &str) -> Result<Named, MibError> {
        if name.starts_with(|it: char| it.is_ascii_digit() || it == '.') {
            let oid: Oid = name.parse()?;
            return Ok(self.lookup(&oid));
        }
        let Some((module, rest)) = name.split_once("::") else {
            return Err(MibError::Unqualified { name: name.to_owned(), modules: self.defining(name) });
        };
        let (object, suffix) = match rest.split_once('.') {
            Some((object, suffix)) => (object, suffix.parse::<Oid>()?.arcs().to_vec()),
            None => (rest, Vec::new()),
        };
        let found = self.mib.module(module).ok_or_else(|| MibError::Module {
            name: module.to_owned(),
            near: closest(module, self.mib.user_modules().map(|it| it.name())).map(str::to_owned),
        })?;
        let node = found.node(object).ok_or_else(|| MibError::Object {
            module: module.to_owned(),
            name: object.to_owned(),
            near: closest(object, found.nodes().map(|it| it.name())).map(str::to_owned),
        })?;
        let object = match found.object(object) {
            Some(defined) => Object::of_object(module, &node, &defined),
            None => Object::of_node(module, &node),
        };
        Ok(Named { object: Some(object), oid: Oid::new(node.oid()).child(&suffix), suffix })
    }

    /// The deepest named object at or above `oid`, and what follows it.
    #[must_use]
    pub fn lookup(&self, oid: &Oid) -> Named {
        let wanted = mib_rs::mib::Oid::from(oid.arcs());
        let found = self.mib.lookup_instance(&wanted);
        let node = found.node();
        let module = node.module().map(|it| it.name()).unwrap_or_default();
        let object = (!node.name().is_empty()).then(|| match node.object() {
            Some(defined) => Object::of_object(module, &node, &defined),
            None => Object::of_node(module, &node),
        });
        Named { object, oid: oid.clone(), suffix: found.suffix().to_vec() }
    }

    /// The named objects below `oid` and it itself, in the order of their numbers.
    pub fn below<'a>(&'a self, oid: &Oid) -> impl Iterator<Item = Object> + use<'a> {
        let wanted = mib_rs::mib::Oid::from(oid.arcs());
        let root = self.mib.exact_node_by_oid(&wanted);
        root.into_iter().flat_map(|it| it.subtree()).filter(|it| !it.name().is_empty()).map(|node| {
            let module = node.module().map(|it| it.name()).unwrap_or_default();
            match node.object() {
                Some(defined) => Object::of_object(module, &node, &defined),
                None => Object::of_node(module, &node),
            }
        })
    }

    /// The names of the modules, without those of SMI itself.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.mib.user_modules().map(|it| it.name())
    }

    /// The modules that define a name, for the suggestion on an unqualified one.
    fn defining(&self, name: &str) -> Vec<String> {
        let bare = name.split('.').next().unwrap_or(name);
        let found = self.mib.modules_defining(bare);
        found.into_iter().map(|it| self.mib.module_by_id(it).name().to_owned()).collect()
    }
}

/// Our slim modules: one file a module, named as it.
static MODULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mibs");

#[cfg(test)]
mod tests;
