//! Inventory files as CSV: one object a row, the keys of the neutral schema in the first row. Pure.
//!
//! The file holds one kind of object, or each row says its own under `kind`. An empty cell is unknown. A
//! file is taken whole or refused whole: a row with too few cells, a last line without its end, or an end
//! line (`# rows: 120`) that counts otherwise shows that it is not complete.

use super::document::{Mistakes, Record, keys, object};
use super::failure::Failure;
use super::settings::FILE_KINDS;
use super::snapshot::{Snapshot, Warnings};
use crate::model::{ComponentKind, UnixMillis, closest};
use serde_json::Value;

/// Reads a table of objects of these kinds; of the one kind if there is one.
///
/// # Errors
/// It cannot be read, or holds mistakes.
pub fn read(octets: &[u8], kinds: &[ComponentKind], now: UnixMillis) -> Result<Snapshot, Failure> {
    let text = std::str::from_utf8(octets).map_err(|_| Failure::malformed("it is no UTF-8 text"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(Failure::malformed("its last line has no end: is it still being written?"));
    }
    let mut reader =
        csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| unreadable(&error))?.clone();
    if header.iter().all(str::is_empty) {
        return Err(Failure::malformed("it has no first line with the names of its columns"));
    }
    let only = match kinds {
        [only] => Some(*only),
        _ => None,
    };
    let mut mistakes = Mistakes::default();
    check_header(&header, only, &mut mistakes);
    mistakes.into_result()?;
    let mut mistakes = Mistakes::default();
    let (mut objects, mut rows) = (Vec::new(), 0_usize);
    for row in reader.records() {
        let row = row.map_err(|error| unreadable(&error))?;
        rows += 1;
        let line = row.position().map_or(0, csv::Position::line);
        let place = || format!("line {line}");
        let cells = header.iter().zip(row.iter()).filter(|(_, cell)| !cell.is_empty());
        let mut record: Record =
            cells.map(|(name, cell)| (name.to_owned(), Value::String(cell.to_owned()))).collect();
        let said = record.remove(KIND);
        let kind = match said.as_ref().and_then(Value::as_str) {
            None => only,
            Some(word) => kind_of(word),
        };
        let Some(kind) = kind else {
            mistakes.add(|| format!("{} has no kind, or one that files do not hold", place()));
            continue;
        };
        if kinds.contains(&kind) {
            objects.extend(object(kind, &record, now, &place, &mut mistakes));
        }
    }
    mistakes.into_result()?;
    check_end(text, rows)?;
    Snapshot::new(objects, None, Warnings::default())
}

fn check_header(header: &csv::StringRecord, only: Option<ComponentKind>, mistakes: &mut Mistakes) {
    let has_kind = header.iter().any(|it| it == KIND);
    if only.is_none() && !has_kind {
        mistakes.add(|| {
            "it has no column kind: add it, or say in the configuration which kind the file holds".to_owned()
        });
    }
    let of_kinds = || match only {
        Some(only) if !has_kind => vec![only],
        _ => FILE_KINDS.to_vec(),
    };
    let known: Vec<&str> = of_kinds().into_iter().flat_map(keys).chain([KIND]).collect();
    for (at, name) in header.iter().enumerate() {
        if header.iter().take(at).any(|it| it == name) {
            mistakes.add(|| format!("the column {name} stands twice"));
        }
        if !known.contains(&name) {
            let near = closest(name, known.iter().copied());
            let meant = near.map(|it| format!(" (did you mean {it}?)")).unwrap_or_default();
            mistakes.add(|| format!("unknown column {name}{meant}"));
        }
    }
}

fn kind_of(word: &str) -> Option<ComponentKind> {
    word.parse().ok().filter(|it| FILE_KINDS.contains(it))
}

/// An end line says how many rows there are.
fn check_end(text: &str, rows: usize) -> Result<(), Failure> {
    let last = text.lines().rev().find(|it| !it.trim().is_empty()).unwrap_or_default();
    let said = last.trim().strip_prefix('#').and_then(|it| it.trim().strip_prefix("rows:"));
    match said.map(|it| it.trim().parse::<usize>()) {
        Some(Ok(said)) if said != rows => {
            Err(Failure::malformed(format!("it has {rows} rows, and its last line says {said}")))
        }
        Some(Err(_)) => Err(Failure::malformed("its last line does not say how many rows there are")),
        Some(Ok(_)) | None => Ok(()),
    }
}

fn unreadable(error: &csv::Error) -> Failure {
    Failure::malformed(format!("it cannot be read: {error}"))
}

/// The column of each row's own kind.
const KIND: &str = "kind";

#[cfg(test)]
mod tests {
    use super::read;
    use crate::inventory::failure::Failure;
    use crate::inventory::settings::FILE_KINDS;
    use crate::inventory::snapshot::Snapshot;
    use crate::model::{ComponentKind, Missing, Quantity, Sample, UnixMillis};

    fn table(text: &str, kinds: &[ComponentKind]) -> Result<Snapshot, Failure> {
        read(text.as_bytes(), kinds, UnixMillis(0))
    }

    #[test]
    fn one_kind_or_many() {
        let text = "\u{feff}id,name,installations,licenses\r\n1,\"Editor, large\",5,10\r\n2,Other,,0\r\n# rows: 2\r\n";
        let snapshot = table(text, &[ComponentKind::Software]).unwrap();
        assert_eq!(&*snapshot.objects()[0].name, "Editor, large");
        assert_eq!(snapshot.objects()[1].figures[0].sample, Sample::Missing(Missing::NotGiven));
        let text =
            "kind,id,expires_at,network,addresses_used\nlicense,a,1970-01-05,,\nsubnet,b,,10.0.0.0/30,1\n";
        let snapshot = table(text, FILE_KINDS).unwrap();
        assert_eq!(snapshot.counts(), [(ComponentKind::Subnet, 1), (ComponentKind::License, 1)]);
        let days = snapshot.objects()[1].figures.iter().find(|it| it.quantity == Quantity::DaysLeft);
        assert_eq!(days.unwrap().sample, Sample::Value(4.0));
    }

    #[test]
    fn what_is_not_complete_is_refused() {
        let software = &[ComponentKind::Software];
        let refused = |text: &str| table(text, software).unwrap_err().reason;
        assert!(refused("id,installations\n1,5\n2,6").contains("its last line has no end"));
        assert!(refused("id,installations\n1,5\n2\n").contains("cannot be read"));
        assert!(
            refused("id,installations\n1,5\n# rows: 2\n").contains("it has 1 rows, and its last line says 2")
        );
        assert!(refused("").contains("no first line"));
        assert!(refused("id,instalations,id\n").contains(
            "unknown column instalations (did you mean installations?); the column id stands twice"
        ));
        assert!(refused("id,installations\n1,few\n,3\n").contains("line 2.installations takes a number"));
        assert!(refused("id\n1\n1\n").contains("there are two of software 1"));
        assert!(table("id\n1\n", FILE_KINDS).unwrap_err().reason.contains("no column kind"));
        assert!(table("kind,id\nbank,1\n", FILE_KINDS).unwrap_err().reason.contains("line 2 has no kind"));
        assert!(table("id\n", software).unwrap().objects().is_empty(), "an empty list is a list");
    }
}
