//! An agent's rows: sorted, immutable, encoded once, shared by all agents that have the same ones.
//!
//! Every row is kept as a finished varbind; the varbinds lie end to end in OID order, so that an answer
//! is a few copies. A clone of a fleet costs nothing here but an `Arc`.

use crate::model::{Oid, Value};
use crate::snmp::wire::{EncodeError, encode_varbinds};
use std::collections::{BTreeMap, HashMap};

/// Rows in the order in which GETNEXT walks.
#[derive(Debug, Default)]
pub struct Tree {
    rows: Box<[Row]>,
    /// All varbinds, end to end.
    octets: Box<[u8]>,
    /// An encoded name's row.
    exact: HashMap<Box<[u8]>, usize>,
    up_time: Option<usize>,
    sys_name: Option<usize>,
}

#[derive(Debug)]
struct Row {
    oid: Oid,
    value: Value,
    /// Where its varbind begins in `octets`.
    start: usize,
}

impl Tree {
    /// The rows, sorted; of two with the same OID the later one stays.
    ///
    /// # Errors
    /// [`EncodeError`], for an OID that BER cannot carry.
    pub fn new(rows: impl IntoIterator<Item = (Oid, Value)>) -> Result<Self, EncodeError> {
        let sorted: BTreeMap<Oid, Value> = rows.into_iter().collect();
        let mut tree = Self::default();
        let mut rows = Vec::with_capacity(sorted.len());
        let mut octets = Vec::new();
        for (at, (oid, value)) in sorted.into_iter().enumerate() {
            let mut name = Vec::new();
            oid.encode_content(&mut name).map_err(|source| EncodeError::Oid { oid: oid.clone(), source })?;
            tree.exact.insert(name.into(), at);
            match oid.arcs() {
                SYS_UP_TIME => tree.up_time = Some(at),
                SYS_NAME => tree.sys_name = Some(at),
                _ => (),
            }
            let start = octets.len();
            encode_varbinds(&mut octets, [(&oid, &value)])?;
            rows.push(Row { oid, value, start });
        }
        tree.rows = rows.into();
        tree.octets = octets.into();
        Ok(tree)
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Oid, &Value)> {
        self.rows.iter().map(|row| (&row.oid, &row.value))
    }

    /// The value of that OID.
    #[must_use]
    pub fn value(&self, oid: &Oid) -> Option<&Value> {
        self.find(oid).and_then(|at| self.rows.get(at)).map(|row| &row.value)
    }

    /// The row of that OID.
    #[must_use]
    pub fn find(&self, oid: &Oid) -> Option<usize> {
        self.rows.binary_search_by(|row| row.oid.cmp(oid)).ok()
    }

    /// The row of the OID with these content octets.
    pub(super) fn find_encoded(&self, name: &[u8]) -> Option<usize> {
        self.exact.get(name).copied()
    }

    /// The first row after that OID; [`Self::len`] if there is none.
    pub(super) fn after(&self, oid: &Oid) -> usize {
        self.rows.partition_point(|row| row.oid <= *oid)
    }

    /// That row's OID and value.
    pub(super) fn row(&self, at: usize) -> Option<(&Oid, &Value)> {
        self.rows.get(at).map(|row| (&row.oid, &row.value))
    }

    /// That row as a finished varbind.
    pub(super) fn varbind(&self, at: usize) -> &[u8] {
        let start = self.rows.get(at).map_or(self.octets.len(), |row| row.start);
        let end = self.rows.get(at + 1).map_or(self.octets.len(), |row| row.start);
        self.octets.get(start..end).unwrap_or_default()
    }

    /// The row of sysUpTime.0, which agents let advance.
    pub(super) const fn up_time_row(&self) -> Option<usize> {
        self.up_time
    }

    /// The row of sysName.0, by which clones are told apart.
    pub(super) const fn sys_name_row(&self) -> Option<usize> {
        self.sys_name
    }

    /// Whether `oid` stands at or below an object that has instances here, so that it is an instance
    /// that is missing rather than an object (RFC 3416 section 4.2.1). Rows do not say how long their
    /// index is: a row without its last sub-identifier is taken for the object.
    pub(super) fn has_object(&self, oid: &Oid) -> bool {
        let at = self.rows.partition_point(|row| row.oid < *oid);
        let neighbours = [at.checked_sub(1), Some(at)];
        neighbours.into_iter().flatten().filter_map(|it| self.rows.get(it)).any(|row| {
            let object = row.oid.arcs().split_last().map_or(&[][..], |(_, object)| object);
            !object.is_empty() && oid.arcs().starts_with(object)
        })
    }
}

/// SNMPv2-MIB::sysUpTime.0
const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];
/// SNMPv2-MIB::sysName.0
const SYS_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 5, 0];

#[cfg(test)]
mod tests {
    use super::Tree;
    use crate::model::{Oid, Value};
    use crate::snmp::wire::Varbinds;

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn tree() -> Tree {
        let rows =
            ["1.3.6.1.9.2.1", "1.3.6.1.2.1.1.3.0", "1.3.6.1.9.2.10", "1.3.6.1.9.2.2", "1.3.6.1.9.3.1.1"];
        Tree::new(rows.iter().zip(0..).map(|(name, at)| (oid(name), Value::Integer(at)))).unwrap()
    }

    #[test]
    fn rows_are_sorted_by_number_and_encoded() {
        let tree = tree();
        assert_eq!(tree.len(), 5);
        assert_eq!(tree.row(3).unwrap().0, &oid("1.3.6.1.9.2.10"));
        let varbind = Varbinds::from_octets(tree.varbind(3)).next().unwrap().unwrap();
        assert_eq!(varbind.oid().unwrap(), oid("1.3.6.1.9.2.10"));
        assert_eq!(tree.find_encoded(varbind.name), Some(3));
        assert_eq!(tree.up_time_row(), Some(0));
        assert_eq!(tree.varbind(5), b"");
    }

    #[test]
    fn finds_what_follows() {
        let tree = tree();
        for (name, row) in
            [("1.3", 0), ("1.3.6.1.2.1.1.3.0", 1), ("1.3.6.1.9.2.2.5", 3), ("1.3.6.1.9.2.10", 4), ("2.0", 5)]
        {
            assert_eq!(tree.after(&oid(name)), row, "{name}");
        }
    }

    #[test]
    fn tells_objects_from_instances() {
        for (name, known) in [
            ("1.3.6.1.9.2.3", true),
            ("1.3.6.1.9.2", true),
            ("1.3.6.1.9.2.1.0", true),
            ("1.3.6.1.9.3.1.7", true),
            ("1.3.6.1.9.4.1", false),
            ("1.3.6.1.9", false),
            ("2.5", false),
        ] {
            assert_eq!(tree().has_object(&oid(name)), known, "{name}");
        }
    }

    #[test]
    fn an_oid_that_ber_cannot_carry_is_refused() {
        assert!(Tree::new([(oid("3.1"), Value::Null)]).is_err());
    }
}
