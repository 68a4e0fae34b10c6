//! The device that a bench polls: a rack PDU of three phases, six banks and 24 outlets in the tables of
//! PowerNet-MIB's rPDU2, with the profile that reads so many of its cells as are asked for.
//!
//! Values are made up. Any agent that has these tables can be polled in its place, so that a bench can be
//! held against agents that are not ours.

use crate::mib::Mibs;
use crate::model::{Oid, Value};
use crate::profile::{ProfileFile, ProfileSet};
use crate::simulator::Tree;

/// The profile's name.
pub(super) const PROFILE: &str = "bench";
/// sysObjectID of the device.
const SYS_OBJECT_ID: &str = "1.3.6.1.4.1.318.1.3.4.6";
/// PowerNet-MIB::rPDU2.
const RPDU2: [u32; 10] = [1, 3, 6, 1, 4, 1, 318, 1, 1, 26];

/// rPDU2OutletMeteredStatusName.
const OUTLET_NAME: u32 = 3;
/// Rows of the sensors' table, which a walk reads and a profile does not.
const SENSORS: u32 = 4;

/// A column whose cells a bench reads.
struct Column {
    kind: Kind,
    /// Below the kind's table entry, which is below [`RPDU2`].
    column: u32,
    /// What stands in the profile.
    reading: &'static str,
    value: u32,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Outlet,
    Phase,
    Bank,
    Device,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Device, Self::Phase, Self::Bank, Self::Outlet];

    /// Its table entry below [`RPDU2`].
    const fn entry(self) -> &'static [u32] {
        match self {
            Self::Outlet => &[9, 4, 3, 1],
            Self::Phase => &[6, 3, 1],
            Self::Bank => &[8, 3, 1],
            Self::Device => &[4, 3, 1],
        }
    }

    const fn rows(self) -> u32 {
        match self {
            Self::Outlet => 24,
            Self::Phase => 3,
            Self::Bank => 6,
            Self::Device => 1,
        }
    }

    /// How a component of it begins in the profile.
    const fn component(self) -> &'static str {
        match self {
            Self::Outlet => {
                "kind = \"outlet\"\nlabel = [\"{PowerNet-MIB::rPDU2OutletMeteredStatusName}\", \"Outlet {index}\"]"
            }
            Self::Phase => "kind = \"phase\"\nlabel = \"Phase {index}\"",
            Self::Bank => "kind = \"bank\"\nlabel = \"Bank {index}\"",
            Self::Device => "kind = \"device\"\nlabel = \"Unit {index}\"",
        }
    }

    fn oid(self, column: u32, row: u32) -> Oid {
        Oid::new(&RPDU2).child(self.entry()).child(&[column, row])
    }
}

const fn column(kind: Kind, column: u32, value: u32, reading: &'static str) -> Column {
    Column { kind, column, reading, value }
}

/// In the order in which a bench takes them: the first 60 cells are what the reference clients ask for.
const COLUMNS: [Column; 16] = [
    column(Kind::Outlet, 6, 15, "quantity = \"current\"\nscale = 0.1\nmissing = [-1]"),
    column(Kind::Outlet, 7, 345, "quantity = \"active_power\"\nmissing = [-1]"),
    column(Kind::Phase, 5, 121, "quantity = \"current\"\nscale = 0.1\nmissing = [-1]"),
    column(Kind::Phase, 6, 231, "quantity = \"voltage\"\nmissing = [-1]"),
    column(Kind::Bank, 5, 60, "quantity = \"current\"\nscale = 0.1\nmissing = [-1]"),
    column(Kind::Outlet, 11, 41_273, "quantity = \"energy\"\nscale = 100\nunit = \"Wh\"\nmissing = [-1]"),
    column(Kind::Bank, 4, 2, LOAD_STATE),
    column(Kind::Phase, 7, 174, "quantity = \"active_power\"\nscale = 10\nunit = \"W\"\nmissing = [-1]"),
    column(Kind::Phase, 8, 196, "quantity = \"apparent_power\"\nscale = 10\nunit = \"VA\"\nmissing = [-1]"),
    column(Kind::Phase, 4, 2, LOAD_STATE),
    column(Kind::Device, 5, 742, "quantity = \"active_power\"\nscale = 10\nunit = \"W\"\nmissing = [-1]"),
    column(Kind::Device, 16, 779, "quantity = \"apparent_power\"\nscale = 10\nunit = \"VA\"\nmissing = [-1]"),
    column(Kind::Device, 17, 95, "quantity = \"power_factor\"\nscale = 0.01\nmissing = [-1]"),
    column(Kind::Device, 9, 412_734, "quantity = \"energy\"\nscale = 100\nunit = \"Wh\"\nmissing = [-1]"),
    column(Kind::Phase, 9, 95, "quantity = \"power_factor\"\nscale = 0.01\nmissing = [-1]"),
    column(Kind::Device, 4, 2, LOAD_STATE),
];

const LOAD_STATE: &str = "quantity = \"state\"\nname = \"load\"\nstate = { ok = [\"normal\"], warning = [\"lowLoad\", \"nearOverload\"], critical = [\"overload\"] }";

/// The most cells that a bench can ask for.
pub(super) const CELLS_MAX: u16 = 107;

/// The columns of so many cells, or a few less: they are taken whole.
fn columns(cells: u16) -> impl Iterator<Item = &'static Column> {
    let mut left = u32::from(cells);
    COLUMNS.iter().filter(move |it| {
        let fits = it.kind.rows() <= left;
        left -= if fits { it.kind.rows() } else { 0 };
        fits
    })
}

/// The profile that reads so many cells, or a few less.
fn profile_text(cells: u16) -> String {
    let taken: Vec<&Column> = columns(cells).collect();
    let mut text = format!(
        "[profile]\nname = \"{PROFILE}\"\ndescription = \"A rack PDU of a bench\"\n\n[match]\nsys_object_id = [\"{SYS_OBJECT_ID}\"]\n"
    );
    for kind in Kind::ALL {
        let mut readings = taken.iter().filter(|it| it.kind == kind).peekable();
        if readings.peek().is_none() {
            continue;
        }
        text.push_str("\n[[component]]\n");
        text.push_str(kind.component());
        text.push('\n');
        for it in readings {
            let column = Oid::new(&RPDU2).child(kind.entry()).child(&[it.column]);
            text.extend(["\n[[component.reading]]\noid = \"", &column.to_string(), "\"\n", it.reading, "\n"]);
        }
    }
    text
}

/// The profile that reads so many cells, or a few less, as the only one.
///
/// # Errors
/// What is wrong with the profile: a defect of the bench's.
pub(super) fn profiles(cells: u16) -> anyhow::Result<ProfileSet> {
    let file = ProfileFile { path: "bench.toml".into(), text: profile_text(cells), is_users: false };
    let (set, mistakes) = ProfileSet::of_files(Mibs::embedded(), [file]);
    match mistakes.first() {
        None => Ok(set),
        Some(mistake) => anyhow::bail!("the bench's own profile: {mistake:?}"),
    }
}

/// The subtrees of the device's tables: 303 rows in all.
pub(super) fn tables() -> Vec<Oid> {
    const TABLES: [&[u32]; 5] = [&[4, 3], &[6, 3], &[8, 3], &[9, 4, 3], &[10, 2, 2]];
    TABLES.iter().map(|it| Oid::new(&RPDU2).child(it)).collect()
}

/// What the outlets of the agent of that number are called: as in a real fleet, by what hangs on them.
pub(super) fn outlet_names(agent: usize) -> impl Iterator<Item = (Oid, String)> {
    (1..=Kind::Outlet.rows())
        .map(move |row| (Kind::Outlet.oid(OUTLET_NAME, row), format!("server {agent}-{row}")))
}

/// The rows that simulated agents share.
///
/// # Errors
/// None that can happen: the names are ours.
pub(super) fn tree() -> anyhow::Result<Tree> {
    let text = |it: &str| Value::OctetString(it.as_bytes().into());
    let mut rows: Vec<(Oid, Value)> = vec![
        ("1.3.6.1.2.1.1.1.0".parse()?, text("rack PDU of a bench, 24 outlets")),
        ("1.3.6.1.2.1.1.2.0".parse()?, Value::ObjectIdentifier(SYS_OBJECT_ID.parse()?)),
        ("1.3.6.1.2.1.1.3.0".parse()?, Value::TimeTicks(100)),
        ("1.3.6.1.2.1.1.5.0".parse()?, text("bench")),
    ];
    let value = |kind, number| {
        let known = COLUMNS.iter().find(|it| it.kind == kind && it.column == number);
        known.map_or(Value::Integer(1), |it| Value::Gauge32(it.value))
    };
    for (kind, columns) in [
        (Kind::Device, &(1..=18).collect::<Vec<u32>>()),
        (Kind::Phase, &(1..=11).collect()),
        (Kind::Bank, &(1..=6).collect()),
        (Kind::Outlet, &vec![1, 2, OUTLET_NAME, 4, 6, 7, 11]),
    ] {
        for row in 1..=kind.rows() {
            rows.extend(columns.iter().map(|it| (kind.oid(*it, row), value(kind, *it))));
        }
    }
    for sensor in 1..=SENSORS {
        rows.extend(
            (1..=12).map(|it| (Oid::new(&RPDU2).child(&[10, 2, 2, 1, it, sensor]), Value::Integer(1))),
        );
    }
    Ok(Tree::new(rows)?)
}

#[cfg(test)]
mod tests {
    use super::{CELLS_MAX, columns, profiles, tree};

    #[test]
    fn as_many_cells_as_asked_for() {
        for (wanted, got) in
            [(1, 1), (60, 60), (61, 61), (100, 100), (CELLS_MAX, CELLS_MAX), (500, CELLS_MAX)]
        {
            let cells: u32 = columns(wanted).map(|it| it.kind.rows()).sum();
            assert_eq!(cells, u32::from(got), "{wanted}");
        }
    }

    #[test]
    fn the_profile_and_the_agent_are_well_formed() {
        for cells in [1, 60, CELLS_MAX] {
            assert_eq!(profiles(cells).unwrap().names().count(), 1);
        }
        assert_eq!(tree().unwrap().len(), 4 + 303);
    }
}
