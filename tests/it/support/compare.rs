//! Holds the readings of a device against its expected table.

use super::devices::Expected;
use super::polled::{Polled, PolledReading};
use rackwarden::model::{Missing, Oid, Sample};
use std::fmt::Write as _;

/// How a device came off. The lists hold a line a row, for people.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) matched: usize,
    /// Expected rows whose cells a reading from another one names as the same.
    pub(crate) also: usize,
    /// Expected rows that no reading has: neither from that cell nor, by value, from another table.
    pub(crate) missing: Vec<String>,
    /// Expected rows read from another table: the same quantity and row number, about the same value.
    pub(crate) elsewhere: Vec<String>,
    /// Readings from an expected cell with another value, quantity or unit.
    pub(crate) wrong: Vec<String>,
    /// Readings with a value where the cell means "not there".
    pub(crate) sentinels: Vec<String>,
    /// Readings beyond the table.
    pub(crate) extra: usize,
}

impl Outcome {
    /// No reading is wrong. Missing ones are another matter.
    pub(crate) fn is_right(&self) -> bool {
        self.wrong.is_empty() && self.sentinels.is_empty()
    }

    /// Forgets the rows whose OIDs begin with one of these.
    pub(crate) fn leave_out(&mut self, beginnings: &[String]) {
        let stays = |line: &String| !beginnings.iter().any(|it| line.starts_with(it.as_str()));
        for list in [&mut self.missing, &mut self.elsewhere, &mut self.wrong] {
            list.retain(stays);
        }
    }
}

/// Each expected row must be a reading of that cell, with that quantity, unit and value; each sentinel
/// must be missing.
pub(crate) fn compare(polled: &Polled, expected: &[Expected], sentinels: &[Oid]) -> Outcome {
    let mut outcome = Outcome::default();
    for row in expected {
        let of_cell: Vec<&PolledReading> = polled.readings.iter().filter(|it| it.source == row.oid).collect();
        if of_cell.iter().any(|it| fits(it, row)) {
            outcome.matched += 1;
            continue;
        }
        let line = format!("{} {} {} {}   ({})", row.oid, row.quantity, row.value, row.unit, row.about);
        if of_cell.is_empty() && polled.readings.iter().any(|it| it.also.contains(&row.oid)) {
            outcome.also += 1;
            continue;
        }
        // The agent's own column says that the value does not hold: the table has the bare number.
        if of_cell.iter().any(|it| it.sample == Sample::Missing(Missing::Unavailable)) {
            outcome.missing.push(format!("{line}: the agent says that it is unavailable"));
            continue;
        }
        if let Some(found) = of_cell.first() {
            outcome.wrong.push(format!("{line}: read as {}", shown(found)));
            continue;
        }
        let twin = |it: &&PolledReading| {
            row.quantity != "state"
                && fits_within(it, row, TWIN_TOLERANCE)
                && it.source.arcs().last() == row.oid.arcs().last()
        };
        match polled.readings.iter().find(twin) {
            Some(found) => outcome.elsewhere.push(format!("{line}: perhaps {}", shown(found))),
            None => outcome.missing.push(line),
        }
    }
    for sentinel in sentinels {
        let read = polled.readings.iter().filter(|it| it.source == *sentinel && it.sample.value().is_some());
        outcome
            .sentinels
            .extend(read.map(|it| format!("{sentinel} means \"not there\": read as {}", shown(it))));
    }
    outcome.extra =
        polled.readings.iter().filter(|it| !expected.iter().any(|row| row.oid == it.source)).count();
    outcome
}

fn fits(reading: &PolledReading, row: &Expected) -> bool {
    fits_within(reading, row, TOLERANCE)
}

fn fits_within(reading: &PolledReading, row: &Expected, tolerance: f64) -> bool {
    // Temperatures that were sent in Fahrenheit are rounded in the tables to two decimals.
    let rounding = if row.quantity == "temperature" { 0.005 } else { 0.0 };
    let slack = (tolerance * row.value.abs().max(1.0)).max(rounding);
    let near = |value: f64| (value - row.value).abs() <= slack;
    reading.quantity.name() == row.quantity
        && reading.unit == row.unit
        && reading.sample.value().is_some_and(near)
}

/// One reading in a line.
pub(crate) fn shown(reading: &PolledReading) -> String {
    let mut line =
        format!("{} {} \"{}\" {}", reading.component, reading.index, reading.label, reading.quantity);
    if !reading.name.is_empty() {
        write!(line, " {}", reading.name).unwrap();
    }
    match reading.sample {
        Sample::Value(value) => write!(line, " {value} {}", reading.unit).unwrap(),
        Sample::Suspect(value) => write!(line, " {value} {} suspect", reading.unit).unwrap(),
        Sample::Missing(why) => write!(line, " missing ({why})").unwrap(),
    }
    if let Some((name, health)) = &reading.state {
        write!(line, " {name} ({health})").unwrap();
    }
    write!(line, " from {}", reading.source).unwrap();
    line
}

/// The expected tables round to four decimals.
const TOLERANCE: f64 = 1e-4;
/// A recording is made in some seconds, so that two tables show a load at different moments.
const TWIN_TOLERANCE: f64 = 0.15;
