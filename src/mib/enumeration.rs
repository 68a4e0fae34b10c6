//! The names of a column's numbers.

use std::sync::Arc;

/// Numbers and their names, by number. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Enumeration(Pairs);

#[derive(Debug, Clone)]
enum Pairs {
    Embedded(&'static [(i64, &'static str)]),
    Parsed(Arc<[(i64, Box<str>)]>),
}

impl Enumeration {
    pub(super) const fn embedded(pairs: &'static [(i64, &'static str)]) -> Self {
        Self(Pairs::Embedded(pairs))
    }

    /// Of pairs in any order; of two names of a number the later one stays.
    pub(super) fn parsed(pairs: impl IntoIterator<Item = (i64, Box<str>)>) -> Self {
        let sorted: std::collections::BTreeMap<i64, Box<str>> = pairs.into_iter().collect();
        Self(Pairs::Parsed(sorted.into_iter().collect()))
    }

    /// The numbers and names, by number.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &str)> {
        let (embedded, parsed) = match &self.0 {
            Pairs::Embedded(pairs) => (*pairs, &[][..]),
            Pairs::Parsed(pairs) => (&[][..], &**pairs),
        };
        let embedded = embedded.iter().map(|(number, name)| (*number, *name));
        embedded.chain(parsed.iter().map(|(number, name)| (*number, &**name)))
    }

    /// The name of a number.
    #[must_use]
    pub fn name(&self, number: i64) -> Option<&str> {
        self.iter().find(|(it, _)| *it == number).map(|(_, name)| name)
    }

    /// The number of a name; of several the least.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.iter().find(|(_, it)| *it == name).map(|(number, _)| number)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl Default for Enumeration {
    fn default() -> Self {
        Self::embedded(&[])
    }
}

impl PartialEq for Enumeration {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Enumeration {}
