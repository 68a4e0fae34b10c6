//! How an agent answers, by the book: RFC 1157 section 4.1 for v1, RFC 3416 section 4.2 for v2c, and
//! RFC 3584 section 4.2.2 for what v1 cannot carry.

use super::cell::Cell;
use super::tree::Tree;
use crate::model::{Oid, Value};
use crate::snmp::wire::{DecodeError, EncodeError, ErrorStatus, Message, PduKind, Version, encode_varbinds};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;

/// What an agent knows at one time: the shared rows, and what lies over them.
pub(super) struct View<'a> {
    pub(super) tree: &'a Tree,
    /// Cells in place of rows.
    pub(super) patches: &'a BTreeMap<usize, Cell>,
    /// Cells that have no row.
    pub(super) extra: &'a BTreeMap<Oid, Cell>,
    /// Values in place of those of rows: what the device behind the agent reads now.
    pub(super) live: &'a HashMap<usize, Value>,
    /// sysUpTime.0, in hundredths of a second.
    pub(super) up_ticks: u32,
    /// Time since the agent was started.
    pub(super) time: Duration,
    /// Subtrees that have gone.
    pub(super) hidden: &'a [Oid],
    /// v1 has no Counter64: it is passed over.
    pub(super) version: Version,
}

/// Why a request gets no answer at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RespondError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Oid(#[from] crate::model::OidError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("a PDU that agents do not answer")]
    Unsupported,
}

/// The status and index of an answer; its varbinds are in the caller's buffer.
pub(super) type Status = (ErrorStatus, u32);

/// Answers a request into `varbinds`, which is at most `octets_max` long afterwards.
pub(super) fn respond(
    view: &View<'_>,
    request: &Message<'_>,
    octets_max: usize,
    varbinds: &mut Vec<u8>,
) -> Result<Status, RespondError> {
    varbinds.clear();
    let status = match (request.pdu.kind, request.version) {
        (PduKind::Get, _) => get(view, request, varbinds)?,
        (PduKind::GetNext, _) => get_next(view, request, varbinds)?,
        (PduKind::GetBulk, Version::V2c) => return get_bulk(view, request, octets_max, varbinds),
        (PduKind::Set, _) => set(request)?,
        (PduKind::GetBulk, Version::V1)
        | (PduKind::Response | PduKind::Inform | PduKind::TrapV2 | PduKind::Report, _) => {
            return Err(RespondError::Unsupported);
        }
    };
    if status.0 != ErrorStatus::NO_ERROR {
        echo(request, varbinds)?;
    } else if octets_max < varbinds.len() {
        return too_big(request, varbinds);
    }
    Ok(status)
}

/// tooBig: v1 sends the request's varbinds back, v2c none (RFC 1157 section 4.1.2, RFC 3416 section
/// 4.2.1).
pub(super) fn too_big(request: &Message<'_>, varbinds: &mut Vec<u8>) -> Result<Status, RespondError> {
    varbinds.clear();
    if request.version == Version::V1 {
        echo(request, varbinds)?;
    }
    Ok((ErrorStatus::TOO_BIG, 0))
}

/// The varbinds of the request, as errors carry them.
pub(super) fn echo(request: &Message<'_>, varbinds: &mut Vec<u8>) -> Result<(), RespondError> {
    varbinds.clear();
    for varbind in request.pdu.varbinds.clone() {
        let varbind = varbind?;
        encode_varbinds(varbinds, [(&varbind.oid()?, &varbind.value.to_value()?)])?;
    }
    Ok(())
}

fn get(view: &View<'_>, request: &Message<'_>, out: &mut Vec<u8>) -> Result<Status, RespondError> {
    for (index, varbind) in (1..).zip(request.pdu.varbinds.clone()) {
        let name = varbind?.name;
        if let Some(row) = view.tree.find_encoded(name)
            && view.write_row(row, out)?
        {
            continue;
        }
        let oid = Oid::decode_content(name)?;
        if let Some(spot) = view.find(&oid) {
            view.write(&spot, out)?;
        } else if request.version == Version::V1 {
            return Ok((ErrorStatus::NO_SUCH_NAME, index));
        } else {
            let instance = view.tree.has_object(&oid);
            let missing = if instance { Value::NoSuchInstance } else { Value::NoSuchObject };
            encode_varbinds(out, [(&oid, &missing)])?;
        }
    }
    Ok(OK)
}

fn get_next(view: &View<'_>, request: &Message<'_>, out: &mut Vec<u8>) -> Result<Status, RespondError> {
    for (index, varbind) in (1..).zip(request.pdu.varbinds.clone()) {
        let spot = view.start(varbind?.name)?;
        match view.next(&spot) {
            Some(next) => view.write(&next, out)?,
            None if request.version == Version::V1 => return Ok((ErrorStatus::NO_SUCH_NAME, index)),
            None => encode_varbinds(out, [(spot.oid(view.tree), &Value::EndOfMibView)])?,
        }
    }
    Ok(OK)
}

/// As many whole varbinds as fit, row by row of the repetitions; tooBig if not even one does.
fn get_bulk(
    view: &View<'_>,
    request: &Message<'_>,
    octets_max: usize,
    out: &mut Vec<u8>,
) -> Result<Status, RespondError> {
    let names: Vec<&[u8]> =
        request.pdu.varbinds.clone().map(|it| it.map(|it| it.name)).collect::<Result<_, _>>()?;
    let non_repeaters = usize::try_from(request.pdu.error_status.0).unwrap_or(usize::MAX).min(names.len());
    let mut spots: Vec<Spot> = names.iter().map(|it| view.start(it)).collect::<Result<_, _>>()?;
    let mut put = |spot: &mut Spot| -> Result<Put, RespondError> {
        let before = out.len();
        let next = view.next(spot);
        match &next {
            Some(next) => view.write(next, out)?,
            None => encode_varbinds(out, [(spot.oid(view.tree), &Value::EndOfMibView)])?,
        }
        if octets_max < out.len() {
            out.truncate(before);
            return Ok(Put::Full);
        }
        Ok(next.map_or(Put::End, |next| {
            *spot = next;
            Put::Row
        }))
    };
    let (once, repeated) = spots.split_at_mut(non_repeaters);
    for spot in once {
        if matches!(put(spot)?, Put::Full) {
            return full(request, out);
        }
    }
    for _ in 0..request.pdu.error_index.min(REPETITIONS_MAX) {
        let mut ended = 0;
        for spot in repeated.iter_mut() {
            match put(spot)? {
                Put::Row => (),
                Put::End => ended += 1,
                Put::Full => return full(request, out),
            }
        }
        // A repetition of nothing but endOfMibView may be the last (RFC 3416 section 4.2.3).
        if ended == repeated.len() {
            break;
        }
    }
    Ok(OK)
}

enum Put {
    Row,
    End,
    Full,
}

/// The next varbind does not fit: what is there goes out, or tooBig if nothing is.
fn full(request: &Message<'_>, out: &mut Vec<u8>) -> Result<Status, RespondError> {
    if out.is_empty() { too_big(request, out) } else { Ok(OK) }
}

/// Nothing can be set: RFC 1157 section 4.1.5 has noSuchName for that, RFC 3416 section 4.2.5
/// notWritable.
fn set(request: &Message<'_>) -> Result<Status, RespondError> {
    let refusal = match request.version {
        Version::V1 => ErrorStatus::NO_SUCH_NAME,
        Version::V2c => ErrorStatus::NOT_WRITABLE,
    };
    Ok(if request.pdu.varbinds.is_empty() { OK } else { (refusal, 1) })
}

/// A place in the order of OIDs.
#[derive(Debug, Clone)]
enum Spot {
    Row(usize),
    Name(Oid),
}

impl Spot {
    fn oid<'a>(&'a self, tree: &'a Tree) -> &'a Oid {
        match self {
            Self::Row(row) => tree.row(*row).map_or(&*NO_OID, |(oid, _)| oid),
            Self::Name(oid) => oid,
        }
    }
}

impl View<'_> {
    /// The instance of that name.
    fn find(&self, oid: &Oid) -> Option<Spot> {
        let spot = self.tree.find(oid).map_or_else(|| Spot::Name(oid.clone()), Spot::Row);
        self.is_present(&spot).then_some(spot)
    }

    /// Where a walk from that name begins, whether or not it is an instance.
    fn start(&self, name: &[u8]) -> Result<Spot, RespondError> {
        match self.tree.find_encoded(name) {
            Some(row) => Ok(Spot::Row(row)),
            None => Ok(Spot::Name(Oid::decode_content(name)?)),
        }
    }

    /// The next instance after `spot`.
    fn next(&self, spot: &Spot) -> Option<Spot> {
        let first = match spot {
            Spot::Row(row) => row + 1,
            Spot::Name(oid) => self.tree.after(oid),
        };
        let row = (first..self.tree.len()).map(Spot::Row).find(|it| self.is_present(it));
        if self.extra.is_empty() {
            return row;
        }
        let after = (Bound::Excluded(spot.oid(self.tree)), Bound::Unbounded);
        let names = self.extra.range::<Oid, _>(after).map(|(oid, _)| Spot::Name(oid.clone()));
        let name = names.into_iter().find(|it| self.is_present(it));
        match (row, name) {
            (Some(row), Some(name)) => {
                Some(if row.oid(self.tree) < name.oid(self.tree) { row } else { name })
            }
            (row, name) => row.or(name),
        }
    }

    fn is_present(&self, spot: &Spot) -> bool {
        if self.hidden.iter().any(|it| spot.oid(self.tree).starts_with(it)) {
            return false;
        }
        let counter64 = match spot {
            Spot::Row(row) => match self.patches.get(row) {
                Some(cell) => return self.is_carried(cell.at(self.time).as_ref()),
                None => matches!(self.tree.row(*row), Some((_, Value::Counter64(_)))),
            },
            Spot::Name(oid) => {
                let value = self.extra.get(oid).and_then(|cell| cell.at(self.time));
                return self.is_carried(value.as_ref());
            }
        };
        !(counter64 && self.version == Version::V1)
    }

    fn is_carried(&self, value: Option<&Value>) -> bool {
        value.is_some_and(|it| self.version == Version::V2c || !matches!(it, Value::Counter64(_)))
    }

    /// Appends a present instance as a varbind.
    fn write(&self, spot: &Spot, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match spot {
            Spot::Row(row) => self.write_row(*row, out).map(|_| ()),
            Spot::Name(oid) => match self.extra.get(oid).and_then(|cell| cell.at(self.time)) {
                Some(value) => encode_varbinds(out, [(oid, &value)]),
                None => Ok(()),
            },
        }
    }

    /// Appends a row as a varbind; false if there is no such instance now.
    fn write_row(&self, row: usize, out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        let Some((oid, value)) = self.tree.row(row) else { return Ok(false) };
        if self.is_plain() {
            if Some(row) == self.tree.up_time_row() {
                encode_varbinds(out, [(oid, &Value::TimeTicks(self.up_ticks))])?;
            } else if self.version == Version::V1 && matches!(value, Value::Counter64(_)) {
                return Ok(false);
            } else {
                out.extend_from_slice(self.tree.varbind(row));
            }
            return Ok(true);
        }
        if !self.is_present(&Spot::Row(row)) {
            return Ok(false);
        }
        if let Some(patched) = self.patches.get(&row).and_then(|cell| cell.at(self.time)) {
            encode_varbinds(out, [(oid, &patched)])?;
        } else if let Some(live) = self.live.get(&row) {
            encode_varbinds(out, [(oid, live)])?;
        } else if Some(row) == self.tree.up_time_row() {
            encode_varbinds(out, [(oid, &Value::TimeTicks(self.up_ticks))])?;
        } else {
            out.extend_from_slice(self.tree.varbind(row));
        }
        Ok(true)
    }

    /// Whether the rows stand as they are, sysUpTime apart: so it is in fleets of clones.
    fn is_plain(&self) -> bool {
        self.patches.is_empty() && self.live.is_empty() && self.hidden.is_empty()
    }
}

const OK: Status = (ErrorStatus::NO_ERROR, 0);

/// More repetitions than the largest datagram can carry.
const REPETITIONS_MAX: u32 = 16_384;

static NO_OID: std::sync::LazyLock<Oid> = std::sync::LazyLock::new(Oid::default);
