//! Strict JSON: closed schemas, no duplicate members, no trailing text, number tokens kept as written.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest JSON payload read: that of a signed statement.
pub const MAX_BYTES: usize = 48 << 10;

/// Why a payload is not what its media type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Too long to be read.
    #[error("the payload has {size} bytes: at most {MAX_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not JSON, or not this schema: an unknown, missing, duplicate or mistyped member.
    #[error("line {line}, column {column}: {problem}")]
    Schema {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The problem, with the member's name.
        problem: String,
    },
    /// A member that fits the schema but not the rules of its kind.
    #[error("{path}: {problem}")]
    Rule {
        /// Path of the member.
        path: &'static str,
        /// The problem, with the remedy.
        problem: String,
    },
}

impl PayloadError {
    pub(crate) fn rule(path: &'static str, problem: impl Into<String>) -> Self {
        PayloadError::Rule { path, problem: problem.into() }
    }
}

/// Reads a payload against the closed schema `T`.
///
/// # Errors
/// [`PayloadError::TooLarge`] or [`PayloadError::Schema`].
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PayloadError> {
    if bytes.len() > MAX_BYTES {
        return Err(PayloadError::TooLarge { size: bytes.len() });
    }
    serde_json::from_slice(bytes).map_err(|error| PayloadError::Schema {
        line: error.line(),
        column: error.column(),
        problem: error.to_string(),
    })
}

/// Writes a payload: members in the order of the type, no spaces. The bytes are signed as they are and never made
/// again from the parsed value.
pub fn write<T: Serialize>(value: &T) -> Vec<u8> {
    // Every type here has string keys and no failing Serialize, so this cannot fail.
    serde_json::to_vec(value).expect("payload types serialise")
}

/// A JSON number as its token: printed from decimal text and read back without a binary float.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberToken(String);

impl NumberToken {
    /// `None` unless `text` is a JSON number of at most 40 characters.
    pub fn new(text: &str) -> Option<Self> {
        let body = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = body.split_once('.').map_or((body, None), |(w, f)| (w, Some(f)));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let fits = text.len() <= 40
            && digits(whole)
            && (whole.len() == 1 || !whole.starts_with('0'))
            && fraction.is_none_or(digits);
        fits.then(|| NumberToken(text.to_owned()))
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for NumberToken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = serde_json::value::RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NumberToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        NumberToken::new(raw.get())
            .ok_or_else(|| serde::de::Error::custom(format!("{} is not a plain decimal number", raw.get())))
    }
}

/// SHA-256 as multibase base64url of the multihash (`u` + 0x12 0x20 + digest): UNTP `digestMultibase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(cose::sha256(bytes))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use base64::Engine;
        let multihash = [&[0x12, 0x20], &self.0[..]].concat();
        write!(f, "u{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(multihash))
    }
}

impl std::str::FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use base64::Engine;
        const WANTED: &str = "expected u and base64url of a SHA-256 multihash";
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text.strip_prefix('u').ok_or(WANTED)?)
            .map_err(|_| WANTED)?;
        let digest = bytes.strip_prefix(&[0x12, 0x20]).ok_or(WANTED)?;
        Ok(Digest(digest.try_into().map_err(|_| WANTED)?))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// DER of an X.509 certificate, as standard base64 in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Der(pub Vec<u8>);

impl Serialize for Der {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Der {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine;
        let text = String::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Der(bytes))
    }
}
