//! Rounding rules, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a result becomes the decimal that is signed: once, at the end, by a rule with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// So many significant decimal digits of the exact binary value, ties to even.
    SignificantDigits(u8),
    /// So many digits after the point, ties to even (GB/T 8170; ISO 80000-1:2009, annex B, rule A).
    DecimalPlaces(u8),
}

impl Rounding {
    /// More digits than this say nothing about a binary64.
    pub const MAX_DIGITS: u8 = 17;

    /// The rule of every statement so far: 16 significant digits, ties to even.
    pub const STATEMENT: Rounding = Rounding::SignificantDigits(16);
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rounding::SignificantDigits(digits) => write!(f, "half-even-{digits}-significant-digits"),
            Rounding::DecimalPlaces(places) => write!(f, "half-even-{places}-decimal-places"),
        }
    }
}

/// A rounding rule whose name is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown rounding rule {name:?}; known: half-even-N-significant-digits, N from 1 to 17, and half-even-N-decimal-places, N from 0 to 17"
)]
pub struct UnknownRounding {
    /// The name found.
    pub name: String,
}

impl FromStr for Rounding {
    type Err = UnknownRounding;

    fn from_str(name: &str) -> Result<Self, UnknownRounding> {
        (1..=Self::MAX_DIGITS)
            .map(Rounding::SignificantDigits)
            .chain((0..=Self::MAX_DIGITS).map(Rounding::DecimalPlaces))
            .find(|rule| rule.to_string() == name)
            .ok_or_else(|| UnknownRounding { name: name.chars().take(64).collect() })
    }
}

impl Serialize for Rounding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rounding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for rule in [
            Rounding::STATEMENT,
            Rounding::SignificantDigits(1),
            Rounding::DecimalPlaces(0),
            Rounding::DecimalPlaces(4),
        ] {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        for name in
            ["half-up", "half-even-0-significant-digits", "half-even-18-decimal-places", "half-even-04-decimal-places"]
        {
            assert!(name.parse::<Rounding>().is_err(), "{name}");
        }
    }
}
