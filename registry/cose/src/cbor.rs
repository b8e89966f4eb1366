//! CBOR (RFC 8949) as signed bytes need it: one encoding for one value.
//!
//! The decoder refuses what two readers could understand differently: indefinite lengths, integers
//! and lengths longer than needed, duplicate map keys, text that is not UTF-8, floats and other
//! simple values, and bytes after the item. Nothing is allocated on the word of a length alone.

/// Nesting of arrays, maps and tags that the decoder follows. COSE with a receipt inside a bundle
/// needs eight; the rest is room.
pub const MAX_DEPTH: usize = 16;

/// One CBOR data item.
///
/// Map keys are integers, byte strings or text strings; maps keep the order in which they were
/// received or built, and [`encode`] sorts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Major type 0.
    Uint(u64),
    /// Major type 1: the integer −1 − n.
    Nint(u64),
    /// Major type 2.
    Bytes(Vec<u8>),
    /// Major type 3.
    Text(String),
    /// Major type 4.
    Array(Vec<Value>),
    /// Major type 5. The keys must be distinct.
    Map(Vec<(Value, Value)>),
    /// Major type 6: tag number and content.
    Tag(u64, Box<Value>),
    /// Simple values 20 and 21.
    Bool(bool),
    /// Simple value 22.
    Null,
}

/// Why bytes are not one strict CBOR item. `at` is a byte offset into the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// The input ends inside an item, or a length promises more than is left.
    #[error("CBOR item at byte {at} is longer than the input")]
    Truncated {
        /// Offset of the item.
        at: usize,
    },
    /// Bytes follow the item.
    #[error("{count} bytes follow the CBOR item")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// An integer or length is not in its shortest form (RFC 8949 §4.2.1).
    #[error("integer or length at byte {at} is not in its shortest form")]
    NotShortest {
        /// Offset of the item.
        at: usize,
    },
    /// Indefinite length (RFC 8949 §3.2), or its break code.
    #[error("indefinite length at byte {at}")]
    Indefinite {
        /// Offset of the item.
        at: usize,
    },
    /// A float, `undefined`, another simple value, or a reserved head.
    #[error("unsupported CBOR head {head:#04x} at byte {at}")]
    Unsupported {
        /// Offset of the item.
        at: usize,
        /// The initial byte.
        head: u8,
    },
    /// A text string is not UTF-8.
    #[error("text at byte {at} is not UTF-8")]
    NotUtf8 {
        /// Offset of the item.
        at: usize,
    },
    /// A map key stands twice.
    #[error("map at byte {at} has a key twice")]
    DuplicateKey {
        /// Offset of the map.
        at: usize,
    },
    /// A map key is neither an integer nor a byte or text string.
    #[error("map key at byte {at} is neither an integer nor a string")]
    KeyType {
        /// Offset of the key.
        at: usize,
    },
    /// Map keys are not in bytewise order (RFC 8949 §4.2.1); only [`decode_deterministic`] asks.
    #[error("map keys out of order at byte {at}")]
    KeyOrder {
        /// Offset of the key that comes too late.
        at: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} at byte {at}")]
    TooDeep {
        /// Offset of the item.
        at: usize,
    },
}

/// Decodes one item. Map keys may stand in any order: COSE does not ask for one, and others' signed
/// headers have theirs.
pub fn decode(bytes: &[u8]) -> Result<Value, CborError> {
    Decoder::run(bytes, false)
}

/// Decodes one item in deterministic encoding (RFC 8949 §4.2.1): [`encode`] of the result is `bytes`.
pub fn decode_deterministic(bytes: &[u8]) -> Result<Value, CborError> {
    Decoder::run(bytes, true)
}

/// Encodes deterministically (RFC 8949 §4.2.1): shortest forms, definite lengths, map keys in
/// bytewise order of their encodings.
///
/// A map built with a key twice is written with it twice, and no decoder here will read it.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out
}

impl Value {
    /// An integer of either sign.
    pub fn int(n: i64) -> Value {
        match u64::try_from(n) {
            Ok(n) => Value::Uint(n),
            Err(_) => Value::Nint(n.unsigned_abs() - 1),
        }
    }

    /// A text string.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A byte string.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Value {
        Value::Bytes(bytes.into())
    }

    /// A map from integer labels, the usual shape in COSE.
    pub fn map(entries: impl IntoIterator<Item = (i64, Value)>) -> Value {
        let entries = entries.into_iter();
        Value::Map(entries.map(|(k, v)| (Value::int(k), v)).collect())
    }

    /// A tagged item.
    pub fn tag(number: u64, content: Value) -> Value {
        Value::Tag(number, Box::new(content))
    }

    /// The integer, where it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Uint(n) => i64::try_from(*n).ok(),
            Value::Nint(n) => i64::try_from(*n).ok().map(|n| -1 - n),
            _ => None,
        }
    }

    /// The unsigned integer, where it is one.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Uint(n) => Some(*n),
            _ => None,
        }
    }

    /// The byte string, where it is one.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text string, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, where it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The elements, where it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, where it is a map, in the order received.
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        match self {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Tag number and content, where it is tagged.
    pub fn as_tag(&self) -> Option<(u64, &Value)> {
        match self {
            Value::Tag(number, content) => Some((*number, content)),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The value at an integer key, where it is a map that has it.
    pub fn get(&self, key: i64) -> Option<&Value> {
        let key = Value::int(key);
        self.as_map()?.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// The value at a text key, where it is a map that has it.
    pub fn get_text(&self, key: &str) -> Option<&Value> {
        let mut entries = self.as_map()?.iter();
        entries.find(|(k, _)| k.as_text() == Some(key)).map(|(_, v)| v)
    }
}

struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    ordered: bool,
}

impl<'a> Decoder<'a> {
    fn run(bytes: &'a [u8], ordered: bool) -> Result<Value, CborError> {
        let mut decoder = Decoder { bytes, at: 0, ordered };
        let value = decoder.item(0)?;
        match decoder.left() {
            0 => Ok(value),
            count => Err(CborError::TrailingBytes { count }),
        }
    }

    fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take(&mut self, len: u64, start: usize) -> Result<&'a [u8], CborError> {
        let len = usize::try_from(len).map_err(|_| CborError::Truncated { at: start })?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..len).ok_or(CborError::Truncated { at: start })?;
        self.at += len;
        Ok(taken)
    }

    /// Initial byte and argument (RFC 8949 §3).
    fn head(&mut self) -> Result<(u8, u64), CborError> {
        let at = self.at;
        let head = self.take(1, at)?[0];
        let (len, least) = match head & 0x1f {
            short @ 0..=23 => return Ok((head, u64::from(short))),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            31 => return Err(CborError::Indefinite { at }),
            _ => return Err(CborError::Unsupported { at, head }),
        };
        if head >> 5 == 7 {
            return Err(CborError::Unsupported { at, head });
        }
        let argument = self.take(len, at)?;
        let argument = argument.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        if argument < least {
            return Err(CborError::NotShortest { at });
        }
        Ok((head, argument))
    }

    fn item(&mut self, depth: usize) -> Result<Value, CborError> {
        let at = self.at;
        if depth > MAX_DEPTH {
            return Err(CborError::TooDeep { at });
        }
        let (head, argument) = self.head()?;
        Ok(match head >> 5 {
            0 => Value::Uint(argument),
            1 => Value::Nint(argument),
            2 => Value::Bytes(self.take(argument, at)?.to_vec()),
            3 => {
                let text = std::str::from_utf8(self.take(argument, at)?);
                Value::Text(text.map_err(|_| CborError::NotUtf8 { at })?.to_owned())
            }
            4 => self.array(argument, at, depth)?,
            5 => self.map(argument, at, depth)?,
            6 => Value::tag(argument, self.item(depth + 1)?),
            _ => match argument {
                20 => Value::Bool(false),
                21 => Value::Bool(true),
                22 => Value::Null,
                _ => return Err(CborError::Unsupported { at, head }),
            },
        })
    }

    fn array(&mut self, len: u64, at: usize, depth: usize) -> Result<Value, CborError> {
        // An item takes a byte at least: a length beyond what is left cannot be true.
        if len > self.left() as u64 {
            return Err(CborError::Truncated { at });
        }
        let mut items = Vec::new();
        for _ in 0..len {
            items.push(self.item(depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, len: u64, at: usize, depth: usize) -> Result<Value, CborError> {
        if len > self.left() as u64 / 2 {
            return Err(CborError::Truncated { at });
        }
        let mut entries = Vec::new();
        // Encodings of the keys: shortest forms only, so equal keys are equal bytes.
        let mut keys: Vec<&[u8]> = Vec::new();
        for _ in 0..len {
            let start = self.at;
            let key = self.item(depth + 1)?;
            let string = matches!(key, Value::Bytes(_) | Value::Text(_));
            if !string && !matches!(key, Value::Uint(_) | Value::Nint(_)) {
                return Err(CborError::KeyType { at: start });
            }
            let encoded = &self.bytes[start..self.at];
            if self.ordered && keys.last().is_some_and(|last| *last > encoded) {
                return Err(CborError::KeyOrder { at: start });
            }
            keys.push(encoded);
            entries.push((key, self.item(depth + 1)?));
        }
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(CborError::DuplicateKey { at });
        }
        Ok(Value::Map(entries))
    }
}

fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let bytes = argument.to_be_bytes();
    let (info, tail) = match argument {
        0..=23 => (argument as u8, &bytes[8..]),
        24..=0xff => (24, &bytes[7..]),
        0x100..=0xffff => (25, &bytes[6..]),
        0x1_0000..=0xffff_ffff => (26, &bytes[4..]),
        _ => (27, &bytes[..]),
    };
    out.push(major << 5 | info);
    out.extend_from_slice(tail);
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Uint(n) => write_head(out, 0, *n),
        Value::Nint(n) => write_head(out, 1, *n),
        Value::Bytes(bytes) => {
            write_head(out, 2, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        Value::Text(text) => {
            write_head(out, 3, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            write_head(out, 4, items.len() as u64);
            items.iter().for_each(|item| write(out, item));
        }
        Value::Map(entries) => {
            write_head(out, 5, entries.len() as u64);
            let mut entries: Vec<_> = entries.iter().map(|(k, v)| (encode(k), v)).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            for (key, value) in entries {
                out.extend_from_slice(&key);
                write(out, value);
            }
        }
        Value::Tag(number, content) => {
            write_head(out, 6, *number);
            write(out, content);
        }
        Value::Bool(b) => out.push(0xf4 | u8::from(*b)),
        Value::Null => out.push(0xf6),
    }
}
