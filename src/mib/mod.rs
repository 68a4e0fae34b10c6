//! Names, numbers, enumerations and units of MIB objects: our own slim SMI modules, embedded from
//! `mibs/`, and modules that a user adds.
//!
//! Invariants: nothing outside of this module (and `build.rs`) names `mib_rs`; names are always
//! qualified by their module (`PowerNet-MIB::rPDU2PhaseStatusCurrent`), since vendors reuse each
//! other's names; a user's module replaces ours of the same name; a module with mistakes costs its own
//! names, nothing else; the embedded names cost nothing before they are asked for.

mod embedded;
mod enumeration;
mod object;
mod parsed;
mod scan;

pub use enumeration::Enumeration;
pub use object::{Kind, MibError, Named, Object};

use crate::model::{Oid, closest};
use include_dir::{Dir, include_dir};
use parsed::Parsed;

/// The names known to this process.
#[derive(Debug)]
pub struct Mibs {
    /// `None`: those in the binary.
    parsed: Option<Parsed>,
}

impl Mibs {
    /// The modules in the binary.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &Self { parsed: None }
    }

    /// The modules in the binary and those in these texts, each with one module or several. A text
    /// without a module is ignored: see [`Self::modules_of`]. Parses all of them, ours too, since a
    /// user's module may build on them: some tens of milliseconds.
    #[must_use]
    pub fn with_user_modules(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let ours = MODULES.files().map(|it| it.contents().to_vec());
        Self::of_texts(ours.chain(texts))
    }

    /// The modules in these texts alone (and the base modules of SMI); of two with the same name the
    /// later one stays.
    #[must_use]
    pub fn of_texts(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { parsed: Some(Parsed::of_texts(texts)) }
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
        match self.object(module, object) {
            Some(found) => Ok(Named { oid: found.oid.child(&suffix), object: Some(found), suffix }),
            None => Err(self.unknown(module, object)),
        }
    }

    /// The deepest named object at or above `oid`, and what follows it.
    #[must_use]
    pub fn lookup(&self, oid: &Oid) -> Named {
        self.parsed.as_ref().map_or_else(|| embedded::lookup(oid), |it| it.lookup(oid))
    }

    /// The named objects below `oid` and it itself, in the order of their numbers.
    pub fn below<'a>(&'a self, oid: &Oid) -> impl Iterator<Item = Object> + use<'a> {
        let ours = self.parsed.is_none().then(|| embedded::below(oid));
        let parsed = self.parsed.as_ref().map(|it| it.below(oid));
        ours.into_iter().flatten().chain(parsed.into_iter().flatten())
    }

    /// The names of the modules.
    pub fn modules<'a>(&'a self) -> impl Iterator<Item = &'a str> {
        let ours = self.parsed.is_none().then(|| embedded::modules().map(|it| -> &'a str { it }));
        let parsed = self.parsed.as_ref().map(Parsed::modules);
        ours.into_iter().flatten().chain(parsed.into_iter().flatten())
    }

    /// The names of a module's objects, without the module.
    pub fn objects<'a>(&'a self, module: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let ours = self.parsed.is_none().then(|| embedded::objects(module).map(|it| -> &'a str { it }));
        let parsed = self.parsed.as_ref().map(|it| it.objects(module));
        ours.into_iter().flatten().chain(parsed.into_iter().flatten())
    }

    fn object(&self, module: &str, name: &str) -> Option<Object> {
        match &self.parsed {
            None => embedded::object(module, name),
            Some(parsed) => parsed.object(module, name),
        }
    }

    fn unknown(&self, module: &str, name: &str) -> MibError {
        let known =
            self.parsed.as_ref().map_or_else(|| embedded::has_module(module), |it| it.has_module(module));
        if known {
            let near = closest(name, self.objects(module)).map(str::to_owned);
            return MibError::Object { module: module.to_owned(), name: name.to_owned(), near };
        }
        let near = closest(module, self.modules()).map(str::to_owned);
        MibError::Module { name: module.to_owned(), near }
    }

    /// The modules that define a name, for the suggestion on an unqualified one.
    fn defining(&self, name: &str) -> Vec<String> {
        let bare = name.split('.').next().unwrap_or(name);
        let defines = |module: &&str| self.objects(module).any(|it| it == bare);
        self.modules().filter(defines).map(str::to_owned).collect()
    }
}

/// Our slim modules: one file a module, named as it.
static MODULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mibs");

#[cfg(test)]
mod tests;
