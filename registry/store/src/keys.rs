//! Every key of every row, as bytes. Numbers are big-endian and fixed width, so that byte order is number order.
//!
//! A physical key is `length of part (1 byte) | part | namespace (1 byte) | key`. A namespace number is never reused.

/// What leads a key: rows of one part may share a batch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part(Vec<u8>);

impl Part {
    /// The log's part: what is sequenced.
    pub fn log() -> Self {
        Part(b"log".to_vec())
    }

    /// An organisation's part: its sites, instruments, records, footprints and applications. `None` when the id is
    /// longer than 200 bytes.
    pub fn organization(id: &str) -> Option<Self> {
        Self::tagged(b'o', id)
    }

    /// An instrument's part: its readings. `None` when the name is longer than 200 bytes.
    pub fn instrument(name: &str) -> Option<Self> {
        Self::tagged(b'i', name)
    }

    /// A service's own part: indexes and work lists that can be rebuilt.
    pub fn index(service: &str) -> Option<Self> {
        Self::tagged(b'x', service)
    }

    fn tagged(tag: u8, id: &str) -> Option<Self> {
        (id.len() <= 200).then(|| {
            let mut bytes = vec![tag];
            bytes.extend_from_slice(id.as_bytes());
            Part(bytes)
        })
    }

    /// The bytes that lead the key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What kind of row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Namespace {
    /// `caller organisation, 0, request id` -> digest of the request (32 bytes) and the first answer.
    Request = 1,
    /// Resource name -> resource.
    Resource = 2,
    /// Retired: a reading a row.
    Reading = 3,
    /// Leaf index -> entry bytes.
    Entry = 4,
    /// Leaf hash -> leaf index.
    EntryHash = 5,
    /// Fixed names -> small state: head, edge, fence.
    Head = 6,
    /// Kind byte and subject -> leaf indexes, in order.
    Subject = 7,
    /// Leaf index -> status record, where it is not the default one.
    StatusRecord = 8,
    /// Epoch -> epoch record.
    Epoch = 9,
    /// Sequence -> what other indexes must still take up.
    Outbox = 10,
    /// Digest -> resource name.
    Digest = 11,
    /// Leaf index -> status events waiting for the next epoch.
    PendingEvent = 12,
    /// `month, generation (latest first), piece` -> packed readings of a month that was over.
    ReadingBlock = 13,
    /// Number -> packed readings that no block holds yet.
    ReadingTail = 14,
    /// Digest of a batch -> the device's signature and the bytes it signed.
    SignedBatch = 15,
    /// Name of a record -> name of the one that corrects it.
    Correction = 16,
}

/// Key of a number.
pub fn number(n: u64) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

/// Number of a key; `None` when it is not 8 bytes.
pub fn parse_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

/// Key of a piece of a reading block: `month | generation (bits flipped, so that the latest comes first) | piece`.
pub fn reading_block(month: u32, generation: u32, piece: u16) -> Vec<u8> {
    [&month.to_be_bytes()[..], &(!generation).to_be_bytes(), &piece.to_be_bytes()].concat()
}

/// Month, generation and piece of the key of a reading block.
pub fn parse_reading_block(key: &[u8]) -> Option<(u32, u32, u16)> {
    let key: &[u8; 10] = key.try_into().ok()?;
    let (month, rest) = key.split_first_chunk::<4>()?;
    let (generation, piece) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*month), !u32::from_be_bytes(*generation), u16::from_be_bytes(piece.try_into().ok()?)))
}

/// Key of a request: organisation and id cannot run into each other.
pub fn request(organization: &str, request_id: &str) -> Vec<u8> {
    let mut key = organization.as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(request_id.as_bytes());
    key
}

/// Key of a resource: how many segments its name has, then the name, so that a collection is one range.
pub fn resource(name: &str) -> Vec<u8> {
    let mut key = vec![name.split('/').count().min(255) as u8];
    key.extend_from_slice(name.as_bytes());
    key
}

/// The smallest key greater than every key that starts with `prefix`; empty when there is none.
pub fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end;
        }
    }
    end
}

/// What leads a physical key: length, part and namespace; all of a key that has no more.
pub(crate) fn scope(key: &[u8]) -> &[u8] {
    let length = key.first().map_or(0, |part| 2 + usize::from(*part));
    &key[..length.min(key.len())]
}

pub(crate) fn physical(part: &Part, ns: Namespace, key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + part.0.len() + key.len());
    bytes.push(part.0.len() as u8);
    bytes.extend_from_slice(&part.0);
    bytes.push(ns as u8);
    bytes.extend_from_slice(key);
    bytes
}

/// Physical bounds of a scan, upper one exclusive; `None` when nothing can lie between them.
pub(crate) fn bounds(part: &Part, ns: Namespace, range: &std::ops::Range<Vec<u8>>) -> Option<(Vec<u8>, Vec<u8>)> {
    let start = physical(part, ns, &range.start);
    let end = match range.end.is_empty() {
        // Never empty: the first byte of a key is at most 201.
        true => after_prefix(&physical(part, ns, &[])),
        false => physical(part, ns, &range.end),
    };
    (start < end).then_some((start, end))
}
