//! One object of a MIB, copied out of its module so that nothing borrows that.

use super::enumeration::Enumeration;
use crate::model::{Oid, OidError};

/// What an object is (RFC 2578 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One cell, at instance 0.
    Scalar,
    /// A cell a row.
    Column,
    /// A table or one of its rows: holds no cell itself.
    Table,
    /// A branch of the tree, perhaps with scalars below it.
    Branch,
}

/// A named object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// `MODULE::object`.
    pub name: String,
    /// Its number, without an instance.
    pub oid: Oid,
    /// What it is.
    pub kind: Kind,
    /// Its base type, as `Integer32` or `OCTET STRING`; empty for a branch.
    pub syntax: String,
    /// The UNITS clause; empty where there is none.
    pub units: String,
    /// The names of its numbers, also through a textual convention; empty where it has none.
    pub names: Enumeration,
}

/// What a name or a number stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The object; `None` for a number below no named object.
    pub object: Option<Object>,
    /// The whole number.
    pub oid: Oid,
    /// What follows the object's number.
    pub suffix: Vec<u32>,
}

impl std::fmt::Display for Named {
    /// `MODULE::object.suffix`, or the number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(object) = &self.object else { return write!(f, "{}", self.oid) };
        f.write_str(&object.name)?;
        self.suffix.iter().try_for_each(|arc| write!(f, ".{arc}"))
    }
}

/// Why a name stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MibError {
    /// No module of that name.
    #[error("there is no MIB module `{name}`")]
    Module {
        /// As written.
        name: String,
        /// A module that may be meant.
        near: Option<String>,
    },
    /// The module has no such object.
    #[error("MIB module {module} has no object `{name}`")]
    Object {
        /// The module.
        module: String,
        /// As written.
        name: String,
        /// An object that may be meant.
        near: Option<String>,
    },
    /// A bare name: vendors reuse them, so that it would be ambiguous.
    #[error("`{name}` does not say which MIB module it is of")]
    Unqualified {
        /// As written.
        name: String,
        /// The modules that have such an object.
        modules: Vec<String>,
    },
    /// A malformed number.
    #[error(transparent)]
    Oid(#[from] OidError),
}

impl MibError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Module { near, .. } => near.as_ref().map(|near| format!("did you mean `{near}`?")),
            Self::Object { module, near, .. } => {
                near.as_ref().map(|near| format!("did you mean `{module}::{near}`?"))
            }
            Self::Unqualified { name, modules } => Some(match modules.first() {
                Some(module) => format!("write `{module}::{name}`"),
                None => format!("write `MODULE::{name}`, or the number"),
            }),
            Self::Oid(_) => None,
        }
    }
}
