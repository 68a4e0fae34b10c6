//! What a walk of a device brought: its cells, in the order of their OIDs.

use crate::model::{Oid, Value};
use std::collections::BTreeMap;
use std::ops::Bound;

/// The cells of a device as they were when it was learnt. Exceptions (`noSuchInstance` and its like)
/// are no cells, and neither is NULL, which some agents send in the place of those.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    cells: BTreeMap<Oid, Value>,
    /// Objects that were asked for and not answered whole: their absence says nothing.
    unanswered: Vec<Oid>,
}

impl Learned {
    /// Notes a cell; the later of two with the same OID stays.
    pub fn insert(&mut self, oid: Oid, value: Value) {
        if !value.is_exception() && value != Value::Null {
            self.cells.insert(oid, value);
        }
    }

    /// Notes that what stands below `root` was not answered, or not whole.
    pub fn insert_unanswered(&mut self, root: Oid) {
        self.unanswered.push(root);
    }

    /// Whether everything was answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Whether the absence of cells of that object may be for want of an answer: then no default stands in
    /// for it.
    #[must_use]
    pub fn is_in_doubt(&self, object: &Oid) -> bool {
        self.unanswered.iter().any(|it| it.starts_with(object) || object.starts_with(it))
    }

    /// The cell of exactly that OID.
    #[must_use]
    pub fn get(&self, oid: &Oid) -> Option<&Value> {
        self.cells.get(oid)
    }

    /// The cells strictly below `root`, in order.
    pub fn below<'a>(&'a self, root: &'a Oid) -> impl Iterator<Item = (&'a Oid, &'a Value)> {
        self.cells
            .range::<Oid, _>((Bound::Excluded(root), Bound::Unbounded))
            .take_while(|(oid, _)| oid.starts_with(root))
    }

    /// How many cells there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

impl FromIterator<(Oid, Value)> for Learned {
    fn from_iter<T: IntoIterator<Item = (Oid, Value)>>(cells: T) -> Self {
        let mut learned = Self::default();
        for (oid, value) in cells {
            learned.insert(oid, value);
        }
        learned
    }
}
