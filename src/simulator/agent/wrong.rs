//! What an agent does wrong on purpose: requests that it drops, answers that it distorts, datagrams that
//! it damages, delays, doubles or sends from elsewhere.

use super::{Agent, Origin, Outgoing, Scratch};
use crate::model::{Moment, Oid, Value};
use crate::simulator::faults::Fault;
use crate::simulator::respond::{RespondError, Status, echo, too_big};
use crate::snmp::wire::{ErrorStatus, Message, PduKind, Varbinds, encode_message, encode_varbinds};

impl Agent {
    /// Whether a request is one that this agent cannot bear.
    pub(super) fn drops(&mut self, request: &Message<'_>) -> bool {
        if self.faults.is_empty() {
            return false;
        }
        let asked = request.pdu.varbinds.clone().count();
        let repetitions = repetitions_of(request);
        let is_get = request.pdu.kind == PduKind::Get;
        let asks_for = |oid: &Oid| {
            let mut names = request.pdu.varbinds.clone().filter_map(|it| it.ok()?.oid().ok());
            is_get && names.any(|name| name.starts_with(oid))
        };
        self.faults
            .fires(|fault| match fault {
                Fault::DropGet(oid) => asks_for(oid).then_some(()),
                Fault::DropAbove(most) => (*most < asked).then_some(()),
                Fault::NoGetBulk => repetitions.map(|_| ()),
                Fault::DropBulkAbove(most) => repetitions.filter(|it| most < it).map(|_| ()),
                _ => None,
            })
            .is_some()
    }

    /// Makes a right answer a wrong one, if a fault happens.
    pub(super) fn distort(
        &mut self,
        request: &Message<'_>,
        status: Status,
        out: &mut Vec<u8>,
    ) -> Result<Status, RespondError> {
        let asked = request.pdu.varbinds.clone().count();
        let octets = out.len();
        if self
            .faults
            .fires(|it| matches!(it, Fault::TooBigEmpty(most) if *most < octets).then_some(()))
            .is_some()
        {
            out.clear();
            return Ok((ErrorStatus::TOO_BIG, 0));
        }
        if self
            .faults
            .fires(|it| matches!(it, Fault::TooBigAbove(most) if *most < asked).then_some(()))
            .is_some()
        {
            return too_big(request, out);
        }
        if self
            .faults
            .fires(|it| matches!(it, Fault::GenErrAbove(most) if *most < asked).then_some(()))
            .is_some()
        {
            echo(request, out)?;
            return Ok((ErrorStatus::GEN_ERR, 0));
        }
        let mut varbinds = Varbinds::from_octets(out)
            .map(|it| it.map_err(RespondError::from).and_then(|it| Ok((it.oid()?, it.value.to_value()?))))
            .collect::<Result<Vec<(Oid, Value)>, RespondError>>()?;
        let touched = |fault: &Fault| match fault {
            Fault::GenErr(oid) => varbinds.iter().position(|(name, _)| name.starts_with(oid)),
            _ => None,
        };
        if let Some(at) = self.faults.fires(touched) {
            echo(request, out)?;
            return Ok((ErrorStatus::GEN_ERR, u32::try_from(at % asked.max(1) + 1).unwrap_or(0)));
        }
        if request.pdu.kind == PduKind::Get
            && let Some(spoilt) = self.faults.fires(|it| spoils(it, &varbinds))
        {
            return match spoilt {
                ErrorStatus::TOO_BIG => too_big(request, out),
                status => echo(request, out).map(|()| (status, 0)),
            };
        }
        if self.rearrange(request, &mut varbinds)? {
            out.clear();
            encode_varbinds(out, varbinds.iter().map(|(name, value)| (name, value)))?;
        }
        Ok(status)
    }

    /// Wrong lists of varbinds; false if the list is as it was.
    fn rearrange(
        &mut self,
        request: &Message<'_>,
        varbinds: &mut Vec<(Oid, Value)>,
    ) -> Result<bool, RespondError> {
        let mut changed = self.misstate(request, varbinds)?;
        let repetitions = repetitions_of(request);
        let wrong_bulk = |fault: &Fault| match fault {
            Fault::WrongBulkAbove(most) => repetitions.filter(|it| most < it).map(|_| ()),
            _ => None,
        };
        if self.faults.fires(wrong_bulk).is_some()
            && let Some(first) = varbinds.first().cloned()
        {
            varbinds.fill(first);
            changed = true;
        }
        let walks = matches!(request.pdu.kind, PduKind::GetNext | PduKind::GetBulk);
        if walks
            && self.faults.is_fired(&Fault::NotIncreasing)
            && let (Some(last), Some(asked)) = (varbinds.last_mut(), request.pdu.varbinds.clone().next())
        {
            last.0 = asked?.oid()?;
            changed = true;
        }
        if request.pdu.kind == PduKind::Get && self.faults.is_fired(&Fault::Reorder) {
            varbinds.reverse();
            changed = true;
        }
        if self.faults.is_fired(&Fault::ExtraVarbind) {
            varbinds.push((Oid::new(UNASKED), Value::Integer(0)));
            changed = true;
        }
        if self.faults.is_fired(&Fault::MissingVarbind) {
            varbinds.pop();
            changed = true;
        }
        let asked = request.pdu.varbinds.clone().count();
        let cut = |fault: &Fault| match fault {
            Fault::CutAbove(most) => Some(*most).filter(|it| *it < asked),
            _ => None,
        };
        if let Some(most) = self.faults.fires(cut) {
            varbinds.truncate(most);
            changed = true;
        }
        Ok(changed)
    }

    /// Right names with wrong values; false if the list is as it was.
    fn misstate(
        &mut self,
        request: &Message<'_>,
        varbinds: &mut [(Oid, Value)],
    ) -> Result<bool, RespondError> {
        let walks = matches!(request.pdu.kind, PduKind::GetNext | PduKind::GetBulk);
        let from = match request.pdu.varbinds.clone().next() {
            Some(first) if walks => Some(first?.oid()?),
            _ => None,
        };
        let touches = |oid: &Oid| varbinds.iter().any(|(name, _)| name.starts_with(oid));
        let picked = self.faults.fires(|fault| {
            let subtree = match fault {
                Fault::WrongFromAbove(oid) => from.as_ref().filter(|it| !it.starts_with(oid)).map(|_| oid)?,
                Fault::Sentinel { oid, .. }
                | Fault::AsTicks(oid)
                | Fault::Scaled { oid, .. }
                | Fault::Text { oid, .. } => oid,
                Fault::Digits { digits, .. } if touches(digits) => digits,
                Fault::Digits { values, .. } => values,
                _ => return None,
            };
            touches(subtree).then(|| (subtree.clone(), fault.clone()))
        });
        let Some((subtree, fault)) = picked else { return Ok(false) };
        let is_touched = |name: &Oid| {
            name.starts_with(&subtree)
                || matches!(&fault, Fault::Digits { values, .. } if name.starts_with(values))
        };
        for (name, value) in varbinds.iter_mut().filter(|(name, _)| is_touched(name)) {
            let Some(number) = value.integer() else { continue };
            let digits = name.arcs().last().map_or(0, |row| row % 4);
            *value = match &fault {
                Fault::Text { text, .. } => Value::OctetString(text.as_bytes().into()),
                Fault::Digits { digits: column, .. } if name.starts_with(column) => Value::Gauge32(digits),
                Fault::Digits { .. } => like(value, number.saturating_mul(10_i64.pow(digits))),
                Fault::Sentinel { number, .. } => like(value, *number),
                Fault::AsTicks(_) => Value::TimeTicks(u32::try_from(number).unwrap_or(u32::MAX)),
                Fault::Scaled { percent, .. } => like(value, number.saturating_mul((*percent).into()) / 100),
                _ => like(value, 99),
            };
        }
        Ok(true)
    }

    /// Another request-id, and an answer that is longer than it should be.
    pub(super) fn misread(&mut self, request_id: &mut i32, varbinds: &mut Vec<u8>) {
        if self.faults.is_fired(&Fault::WrongRequestId) {
            *request_id = request_id.wrapping_add(1000);
        }
        let length = varbinds.len();
        let missing = |fault: &Fault| match fault {
            Fault::Oversize(octets) => octets.checked_sub(length + FILLING_OCTETS),
            _ => None,
        };
        if let Some(octets) = self.faults.fires(missing) {
            let filling = Value::OctetString(vec![b'x'; octets].into());
            // An OID of ours and a text: nothing that cannot be encoded.
            let _encoded = encode_varbinds(varbinds, [(&Oid::new(UNASKED), &filling)]);
        }
    }

    /// The whole message, in `scratch.message`.
    pub(super) fn encode(&mut self, request: &Message<'_>, (status, index): Status, scratch: &mut Scratch) {
        let mut request_id = request.pdu.request_id;
        if !self.faults.is_empty() {
            self.misread(&mut request_id, &mut scratch.varbinds);
        }
        let is_strange = !self.faults.is_empty() && self.faults.is_fired(&Fault::WrongCommunity);
        let community: &[u8] = if is_strange { b"someone-else" } else { &self.community };
        scratch.message.clear();
        encode_message(
            &mut scratch.message,
            request.version,
            community,
            PduKind::Response,
            request_id,
            status,
            index,
            &scratch.varbinds,
        );
        if !self.faults.is_empty() {
            self.damage(&mut scratch.message);
        }
    }

    /// Cuts a datagram off, or changes octets of it.
    pub(super) fn damage(&mut self, message: &mut Vec<u8>) {
        if self.faults.is_fired(&Fault::Truncate) {
            let length = self.faults.random().below(message.len());
            message.truncate(length);
        }
        let octets =
            self.faults.fires(|it| if let Fault::Corrupt(octets) = it { Some(*octets) } else { None });
        for _ in 0..octets.unwrap_or(0) {
            let at = self.faults.random().below(message.len());
            let change = u8::try_from(self.faults.random().below(255) + 1).unwrap_or(1);
            if let Some(octet) = message.get_mut(at) {
                *octet ^= change;
            }
        }
    }

    /// Hands an answer over: now or later, once or twice, from here or there, or not at all.
    pub(super) fn deliver(&mut self, message: &[u8], now: Moment, send: &mut dyn FnMut(Outgoing<'_>)) {
        let mut due = now;
        let mut origin = Origin::Asked;
        let mut count = 1;
        if !self.faults.is_empty() {
            if let Some(held) = self.held.take() {
                self.counters.answers += 1;
                send(Outgoing { datagram: &held, due, origin });
            }
            if self.faults.is_fired(&Fault::DropAnswer) {
                return;
            }
            if self.faults.is_fired(&Fault::Stale) {
                self.held = Some(message.to_vec());
                return;
            }
            if let Some(work) =
                self.faults.fires(|it| if let Fault::Slow(it) = it { Some(*it) } else { None })
            {
                due = due.max(self.busy_until) + work;
                self.busy_until = due;
            }
            if let Some(delay) =
                self.faults.fires(|it| if let Fault::Delay(it) = it { Some(*it) } else { None })
            {
                due = due + delay;
            }
            if self.faults.is_fired(&Fault::OtherAddress) {
                origin = Origin::OtherAddress;
            } else if self.faults.is_fired(&Fault::OtherPort) {
                origin = Origin::OtherPort;
            }
            if self.faults.is_fired(&Fault::Duplicate) {
                count = 2;
            }
        }
        for _ in 0..count {
            self.counters.answers += 1;
            send(Outgoing { datagram: message, due, origin });
        }
    }
}

/// A name of a row that is numbered by a text, with the number in its place, as the tree has it.
pub(super) fn numbered(name: Oid, columns: &[Oid]) -> Oid {
    let Some(column) = columns.iter().find(|it| name.starts_with(it)) else { return name };
    let rest = name.arcs().get(column.arcs().len()..).unwrap_or_default();
    let digit = |it: &u32| u8::try_from(*it).ok().filter(u8::is_ascii_digit).map(|it| u32::from(it - b'0'));
    let number = match rest {
        [8, _, _, _, _, digits @ ..] if digits.len() == 4 => {
            digits.iter().map(digit).try_fold(0, |number, it| Some(10 * number + it?))
        }
        _ => None,
    };
    number.map_or_else(|| name.clone(), |it| column.child(&[it]))
}

/// A name of the tree, with a text in the place of the row's number.
pub(super) fn texted(name: Oid, columns: &[Oid]) -> Oid {
    let Some(column) = columns.iter().find(|it| name.starts_with(it)) else { return name };
    let Some([row]) = name.arcs().get(column.arcs().len()..) else { return name };
    let text = format!("row-{row:04}");
    let letters: Vec<u32> = std::iter::once(8).chain(text.bytes().map(u32::from)).collect();
    column.child(&letters)
}

/// Variable bindings, renamed.
pub(super) fn renamed(varbinds: Varbinds<'_>, rename: impl Fn(Oid) -> Oid) -> Result<Vec<u8>, RespondError> {
    let mut out = Vec::new();
    for varbind in varbinds {
        let varbind = varbind?;
        encode_varbinds(&mut out, [(&rename(varbind.oid()?), &varbind.value.to_value()?)])?;
    }
    Ok(out)
}

/// The number, in the type that the value has.
fn like(value: &Value, number: i64) -> Value {
    let unsigned = || u32::try_from(number).unwrap_or(u32::MAX);
    match value {
        _ if number < 0 => Value::Integer(number),
        Value::Gauge32(_) => Value::Gauge32(unsigned()),
        Value::Counter32(_) => Value::Counter32(unsigned()),
        Value::TimeTicks(_) => Value::TimeTicks(unsigned()),
        Value::Counter64(_) => Value::Counter64(u64::try_from(number).unwrap_or(u64::MAX)),
        _ => Value::Integer(number),
    }
}

fn repetitions_of(request: &Message<'_>) -> Option<u32> {
    (request.pdu.kind == PduKind::GetBulk).then_some(request.pdu.error_index)
}

/// Beside the filling of an oversized answer: the heads of its varbind.
const FILLING_OCTETS: usize = 64;
/// A varbind that nobody asks for.
const UNASKED: &[u32] = &[1, 3, 6, 1, 4, 1, 99_999, 1, 0];

/// How a GET is refused for one of its cells, if it is.
fn spoils(fault: &Fault, varbinds: &[(Oid, Value)]) -> Option<ErrorStatus> {
    let asks = |oid: &Oid| varbinds.iter().any(|(name, _)| name.starts_with(oid));
    let asks_beside = |oid: &Oid| 1 < varbinds.len() && asks(oid);
    match fault {
        Fault::TooBig(oid) => asks(oid).then_some(ErrorStatus::TOO_BIG),
        Fault::TooBigBeside(oid) => asks_beside(oid).then_some(ErrorStatus::TOO_BIG),
        Fault::GenErrBeside(oid) => asks_beside(oid).then_some(ErrorStatus::GEN_ERR),
        _ => None,
    }
}
