//! Message to datagram, and the names of a poll encoded once for all its requests.

use super::{ErrorStatus, PduKind, Version, tag};
use crate::model::{Oid, OidError, Value};

/// Why something cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// An OID whose first two sub-identifiers BER cannot carry.
    #[error("{oid} cannot be encoded: {source}")]
    Oid {
        /// The OID.
        oid: Oid,
        /// Why.
        source: OidError,
    },
}

/// Names with NULL values, as a request carries them, encoded once: any run of them is a slice.
///
/// Shared by all agents with the same cells; a request is a short head and a copy of a run.
#[derive(Debug, Clone, Default)]
pub struct Names {
    octets: Box<[u8]>,
    /// Where each varbind begins in `octets`, and the end of the last one.
    starts: Box<[u32]>,
}

impl Names {
    /// Encodes the names.
    ///
    /// # Errors
    /// [`EncodeError::Oid`], for the first that cannot be.
    pub fn new<'a>(oids: impl IntoIterator<Item = &'a Oid>) -> Result<Self, EncodeError> {
        let mut octets = Vec::new();
        let mut starts = vec![0];
        let mut name = Vec::new();
        for oid in oids {
            name.clear();
            oid.encode_content(&mut name).map_err(|source| EncodeError::Oid { oid: oid.clone(), source })?;
            encode_name(&mut octets, &name);
            starts.push(u32::try_from(octets.len()).unwrap_or(u32::MAX));
        }
        Ok(Self { octets: octets.into(), starts: starts.into() })
    }

    /// The same names in another order: for each its place here.
    #[must_use]
    pub fn in_order(&self, order: &[u32]) -> Self {
        let mut octets = Vec::with_capacity(self.octets.len());
        let mut starts = vec![0];
        for &at in order {
            octets.extend_from_slice(self.run(at as usize, (at as usize).saturating_add(1)));
            starts.push(u32::try_from(octets.len()).unwrap_or(u32::MAX));
        }
        Self { octets: octets.into(), starts: starts.into() }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The encoded varbinds from `from` until `to`.
    #[must_use]
    pub fn run(&self, from: usize, to: usize) -> &[u8] {
        let bound = |at: usize| self.starts.get(at).map_or(self.octets.len(), |&it| it as usize);
        self.octets.get(bound(from)..bound(to)).unwrap_or_default()
    }

    /// The content octets of a name, to compare an answer's with.
    #[must_use]
    pub fn name(&self, at: usize) -> &[u8] {
        let run = self.run(at, at.saturating_add(1));
        let name = if run.get(1).is_some_and(|&it| it < 0x80) {
            // SEQUENCE and OBJECT IDENTIFIER with short lengths, then NULL: the usual case, unparsed.
            run.get(4..run.len().saturating_sub(2))
        } else {
            super::Varbinds::from_octets(run).next().and_then(Result::ok).map(|it| it.name)
        };
        name.unwrap_or_default()
    }
}

/// Appends a variable binding of a name, given by its content octets, and NULL: as a request carries it.
pub fn encode_name(out: &mut Vec<u8>, content: &[u8]) {
    head(out, tag::SEQUENCE, tlv_length(content.len()).saturating_add(2));
    tlv(out, tag::OBJECT_IDENTIFIER, content);
    out.extend_from_slice(&[tag::NULL, 0]);
}

/// Appends a whole message to `out`: a PDU of that kind around varbinds that are already encoded.
///
/// `status` and `index` are non-repeaters and max-repetitions in a GetBulkRequest.
#[expect(clippy::too_many_arguments, reason = "the fields of one message, each named at the call")]
pub fn encode_message(
    out: &mut Vec<u8>,
    version: Version,
    community: &[u8],
    kind: PduKind,
    request_id: i32,
    status: ErrorStatus,
    index: u32,
    varbinds: &[u8],
) {
    let body = integer_length(i64::from(request_id))
        .saturating_add(integer_length(i64::from(status.0)))
        .saturating_add(integer_length(i64::from(index)))
        .saturating_add(tlv_length(varbinds.len()));
    let message = 3_usize.saturating_add(tlv_length(community.len())).saturating_add(tlv_length(body));
    out.reserve(message.saturating_add(6));
    head(out, tag::SEQUENCE, message);
    out.extend_from_slice(&[tag::INTEGER, 1, if version == Version::V1 { 0 } else { 1 }]);
    tlv(out, tag::OCTET_STRING, community);
    head(out, kind as u8, body);
    integer(out, tag::INTEGER, i64::from(request_id));
    integer(out, tag::INTEGER, i64::from(status.0));
    integer(out, tag::INTEGER, i64::from(index));
    tlv(out, tag::SEQUENCE, varbinds);
}

/// A request of one run of names: the short way for walks, probes and tests.
///
/// # Errors
/// [`EncodeError::Oid`].
pub fn encode_request(
    version: Version,
    community: &[u8],
    kind: PduKind,
    request_id: i32,
    oids: &[Oid],
    max_repetitions: u32,
) -> Result<Vec<u8>, EncodeError> {
    let names = Names::new(oids)?;
    let mut out = Vec::new();
    let run = names.run(0, names.len());
    encode_message(
        &mut out,
        version,
        community,
        kind,
        request_id,
        ErrorStatus::NO_ERROR,
        max_repetitions,
        run,
    );
    Ok(out)
}

/// Appends variable bindings with their values: what agents answer with.
///
/// # Errors
/// [`EncodeError::Oid`].
pub fn encode_varbinds<'a>(
    out: &mut Vec<u8>,
    varbinds: impl IntoIterator<Item = (&'a Oid, &'a Value)>,
) -> Result<(), EncodeError> {
    let mut name = Vec::new();
    let mut content = Vec::new();
    for (oid, value) in varbinds {
        name.clear();
        content.clear();
        oid.encode_content(&mut name).map_err(|source| EncodeError::Oid { oid: oid.clone(), source })?;
        encode_value(&mut content, value)?;
        head(out, tag::SEQUENCE, tlv_length(name.len()).saturating_add(content.len()));
        tlv(out, tag::OBJECT_IDENTIFIER, &name);
        out.extend_from_slice(&content);
    }
    Ok(())
}

fn encode_value(out: &mut Vec<u8>, value: &Value) -> Result<(), EncodeError> {
    match value {
        Value::Integer(it) => integer(out, tag::INTEGER, *it),
        Value::OctetString(it) => tlv(out, tag::OCTET_STRING, it),
        Value::Null => tlv(out, tag::NULL, &[]),
        Value::ObjectIdentifier(it) => {
            let mut content = Vec::new();
            it.encode_content(&mut content).map_err(|source| EncodeError::Oid { oid: it.clone(), source })?;
            tlv(out, tag::OBJECT_IDENTIFIER, &content);
        }
        Value::IpAddress(it) => tlv(out, tag::IP_ADDRESS, it),
        Value::Counter32(it) => integer(out, tag::COUNTER32, i64::from(*it)),
        Value::Gauge32(it) => integer(out, tag::GAUGE32, i64::from(*it)),
        Value::TimeTicks(it) => integer(out, tag::TIME_TICKS, i64::from(*it)),
        Value::Opaque(it) => tlv(out, tag::OPAQUE, it),
        Value::Counter64(it) => match i64::try_from(*it) {
            Ok(small) => integer(out, tag::COUNTER64, small),
            Err(_) => {
                // Bit 63 is set: a leading zero octet keeps the number positive.
                out.extend_from_slice(&[tag::COUNTER64, 9, 0]);
                out.extend_from_slice(&it.to_be_bytes());
            }
        },
        Value::NoSuchObject => tlv(out, tag::NO_SUCH_OBJECT, &[]),
        Value::NoSuchInstance => tlv(out, tag::NO_SUCH_INSTANCE, &[]),
        Value::EndOfMibView => tlv(out, tag::END_OF_MIB_VIEW, &[]),
    }
    Ok(())
}

/// Tag and length.
pub(super) fn head(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    let [.., a, b, c, d] = length.to_be_bytes();
    match length {
        0..=0x7f => out.push(d),
        0x80..=0xff => out.extend_from_slice(&[0x81, d]),
        0x100..=0xffff => out.extend_from_slice(&[0x82, c, d]),
        _ => out.extend_from_slice(&[0x84, a, b, c, d]),
    }
}

pub(super) fn tlv(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    head(out, tag, content.len());
    out.extend_from_slice(content);
}

/// How long a TLV with that much content is.
pub(super) fn tlv_length(content: usize) -> usize {
    let head = match content {
        0..=0x7f => 2,
        0x80..=0xff => 3,
        0x100..=0xffff => 4,
        _ => 6_usize,
    };
    head.saturating_add(content)
}

/// The fewest octets that hold the number in two's complement (X.690 section 8.3.2).
pub(super) fn integer(out: &mut Vec<u8>, tag: u8, value: i64) {
    let octets = value.to_be_bytes();
    let length = integer_octets(value);
    out.push(tag);
    out.extend(u8::try_from(length));
    out.extend_from_slice(octets.get(octets.len().saturating_sub(length)..).unwrap_or_default());
}

fn integer_octets(value: i64) -> usize {
    let magnitude = if value < 0 { !value } else { value };
    let bits = 65_u32.saturating_sub(magnitude.leading_zeros());
    bits.div_ceil(8) as usize
}

pub(super) fn integer_length(value: i64) -> usize {
    integer_octets(value).saturating_add(2)
}
