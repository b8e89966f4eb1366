//! Decimal numbers as text: what is signed is the digits, not a binary approximation of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rounding::Rounding;

/// Longest decimal text: room for 38 significant digits beside the zeros that place them.
pub const MAX_DECIMAL_LEN: usize = 80;

/// Most significant digits: what fits an `i128` whatever the digits are.
pub const MAX_DECIMAL_DIGITS: usize = 38;

/// Why a text or number is not a [`Decimal`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is empty.
    #[error("an empty text is not a number; write digits, for example 0 or 12.5")]
    Empty,
    /// The text is longer than [`MAX_DECIMAL_LEN`].
    #[error("a number of {len} characters is longer than {MAX_DECIMAL_LEN}")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// More than [`MAX_DECIMAL_DIGITS`] significant digits.
    #[error("a number with {digits} significant digits has more than {MAX_DECIMAL_DIGITS}")]
    TooManyDigits {
        /// Significant digits found.
        digits: usize,
    },
    /// A character outside the grammar `-?(0|[1-9][0-9]*)(\.[0-9]+)?`.
    #[error("not a plain decimal number at character {position}; write it as -?digits[.digits], without exponent")]
    Grammar {
        /// Offset of the first byte that does not fit.
        position: usize,
    },
    /// Minus zero, which would be a second spelling of zero.
    #[error("minus zero has no meaning here; write it without the sign")]
    NegativeZero,
    /// NaN or an infinity.
    #[error("the value is not finite")]
    NotFinite,
    /// The value needs more characters than [`MAX_DECIMAL_LEN`], or does not fit the integer asked for.
    #[error("the value is outside the range of plain decimals")]
    OutOfRange,
}

/// A decimal number kept as the exact text it was given in: digits and trailing zeros are evidence of how a value was
/// stated, so `1.50` and `1.5` are two texts of one value. No exponent, no plus sign, no leading zeros, no minus zero.
///
/// Equality is of the text; compare [`Decimal::to_f64`] or [`Decimal::scaled`] for values.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Decimal(String);

impl Decimal {
    /// Zero, as `0`.
    pub fn zero() -> Self {
        Decimal("0".to_owned())
    }

    /// `mantissa × 10^exponent`, with all its digits: `(12300, -2)` is `123.00`.
    pub fn from_scaled(mantissa: i128, exponent: i32) -> Result<Self, DecimalError> {
        if mantissa == 0 && exponent >= 0 {
            return Ok(Self::zero());
        }
        let digits = mantissa.unsigned_abs().to_string();
        let negative = mantissa < 0;
        if exponent.unsigned_abs() as usize > MAX_DECIMAL_LEN {
            return Err(DecimalError::OutOfRange);
        }
        let mut text = String::with_capacity(MAX_DECIMAL_LEN);
        if negative {
            text.push('-');
        }
        if exponent >= 0 {
            text.push_str(&digits);
            text.extend(std::iter::repeat_n('0', exponent as usize));
        } else {
            let places = exponent.unsigned_abs() as usize;
            if digits.len() > places {
                let (whole, fraction) = digits.split_at(digits.len() - places);
                text.push_str(whole);
                text.push('.');
                text.push_str(fraction);
            } else {
                text.push_str("0.");
                text.extend(std::iter::repeat_n('0', places - digits.len()));
                text.push_str(&digits);
            }
        }
        text.parse()
    }

    /// The value as `(mantissa, exponent)`, value = mantissa × 10^exponent, exponent = −(digits after the point).
    /// Infallible: the grammar bounds the digits to what an `i128` holds.
    pub fn scaled(&self) -> (i128, i32) {
        let mut mantissa: i128 = 0;
        let mut places = 0;
        let mut after_point = false;
        for byte in self.0.bytes() {
            match byte {
                b'.' => after_point = true,
                b'0'..=b'9' => {
                    // At most 38 significant digits: below 10^38 < i128::MAX.
                    mantissa = mantissa * 10 + i128::from(byte - b'0');
                    places += i32::from(after_point);
                }
                _ => {}
            }
        }
        if self.0.starts_with('-') {
            mantissa = -mantissa;
        }
        (mantissa, -places)
    }

    /// The value × 10^by, exactly: a change between units that differ by a power of ten loses no digit.
    pub fn shifted(&self, by: i32) -> Result<Self, DecimalError> {
        let (mantissa, exponent) = self.scaled();
        let exponent = exponent.checked_add(by).ok_or(DecimalError::OutOfRange)?;
        Self::from_scaled(mantissa, exponent)
    }

    /// The nearest binary64 (ties to even), as IEEE 754 `convertFromDecimalCharacter`.
    pub fn to_f64(&self) -> f64 {
        // The grammar is a subset of what `f64::from_str` accepts, which rounds correctly.
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The shortest plain decimal that reads back as `value`. Refuses NaN, infinities and values that need more than
    /// [`MAX_DECIMAL_LEN`] characters.
    pub fn shortest(value: f64) -> Result<Self, DecimalError> {
        if !value.is_finite() {
            return Err(DecimalError::NotFinite);
        }
        let value = if value == 0.0 { 0.0 } else { value };
        let text = format!("{value}");
        out_of_range(text.parse())
    }

    /// `value` rounded once by `rule`. Significant digits are written without trailing zeros, decimal places with all of
    /// them.
    ///
    /// # Errors
    /// [`DecimalError::NotFinite`], [`DecimalError::OutOfRange`].
    pub fn rounded(value: f64, rule: Rounding) -> Result<Self, DecimalError> {
        if !value.is_finite() {
            return Err(DecimalError::NotFinite);
        }
        let text = match rule {
            Rounding::SignificantDigits(digits) => return Self::significant(value, digits),
            // `{}` with a precision rounds the exact binary value, ties to even.
            Rounding::DecimalPlaces(places) => format!("{value:.*}", usize::from(places.min(Rounding::MAX_DIGITS))),
        };
        // What rounds to zero has no sign.
        let zero = !text.bytes().any(|b| (b'1'..=b'9').contains(&b));
        let text = if zero { text.trim_start_matches('-') } else { &text };
        out_of_range(text.parse())
    }

    fn significant(value: f64, digits: u8) -> Result<Self, DecimalError> {
        let digits = usize::from(digits.clamp(1, Rounding::MAX_DIGITS));
        // `{:e}` with a precision rounds the exact binary value, ties to even.
        let text = format!("{value:.*e}", digits - 1);
        let (mantissa, exponent) = text.split_once('e').ok_or(DecimalError::OutOfRange)?;
        let exponent: i32 = exponent.parse().map_err(|_| DecimalError::OutOfRange)?;
        let mut mantissa: i128 = mantissa.replace('.', "").parse().map_err(|_| DecimalError::OutOfRange)?;
        if mantissa == 0 {
            return Ok(Self::zero());
        }
        let mut exponent = exponent - (digits as i32 - 1);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        out_of_range(Self::from_scaled(mantissa, exponent))
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.starts_with('-')
    }

    /// Whether the value is zero, whatever its trailing zeros.
    pub fn is_zero(&self) -> bool {
        !self.0.bytes().any(|b| (b'1'..=b'9').contains(&b))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number that does not fit is out of range, whoever asked for its digits.
fn out_of_range(decimal: Result<Decimal, DecimalError>) -> Result<Decimal, DecimalError> {
    match decimal {
        Err(DecimalError::TooLong { .. } | DecimalError::TooManyDigits { .. }) => Err(DecimalError::OutOfRange),
        other => other,
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        if text.is_empty() {
            return Err(DecimalError::Empty);
        }
        if text.len() > MAX_DECIMAL_LEN {
            return Err(DecimalError::TooLong { len: text.len() });
        }
        let bytes = text.as_bytes();
        let grammar = |position: usize| Err(DecimalError::Grammar { position });
        let mut at = usize::from(bytes[0] == b'-');
        let digits_from = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let whole = digits_from(at);
        if whole == 0 || (whole > 1 && bytes[at] == b'0') {
            return grammar(at);
        }
        at += whole;
        if at < bytes.len() {
            if bytes[at] != b'.' {
                return grammar(at);
            }
            let fraction = digits_from(at + 1);
            if fraction == 0 || at + 1 + fraction != bytes.len() {
                return grammar(at + 1 + fraction);
            }
        }
        let digits = bytes.iter().filter(|b| b.is_ascii_digit()).skip_while(|b| **b == b'0').count();
        if digits > MAX_DECIMAL_DIGITS {
            return Err(DecimalError::TooManyDigits { digits });
        }
        if digits == 0 && bytes[0] == b'-' {
            return Err(DecimalError::NegativeZero);
        }
        Ok(Decimal(text.to_owned()))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({})", self.0)
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Decimal(value.to_string())
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(text: &str, error: DecimalError) {
        assert_eq!(text.parse::<Decimal>(), Err(error), "{text:?}");
    }

    #[test]
    fn grammar_is_strict() {
        for good in ["0", "-1", "0.0", "12.50", "1000000", "-0.001"] {
            assert_eq!(good.parse::<Decimal>().unwrap().as_str(), good);
        }
        refused("", DecimalError::Empty);
        refused("-", DecimalError::Grammar { position: 1 });
        refused("+1", DecimalError::Grammar { position: 0 });
        refused("01", DecimalError::Grammar { position: 0 });
        refused("1.", DecimalError::Grammar { position: 2 });
        refused(".5", DecimalError::Grammar { position: 0 });
        refused("1e3", DecimalError::Grammar { position: 1 });
        refused("1,5", DecimalError::Grammar { position: 1 });
        refused("1.5 ", DecimalError::Grammar { position: 3 });
        refused("-0.00", DecimalError::NegativeZero);
        refused(&"9".repeat(39), DecimalError::TooManyDigits { digits: 39 });
        refused(&"0".repeat(81), DecimalError::TooLong { len: 81 });
    }

    #[test]
    fn rounds_once_half_even() {
        let rule = Rounding::STATEMENT;
        for (value, text) in [
            (0.785_214_741_035_856_5, "0.7852147410358565"),
            (0.122_242_75, "0.12224275"),
            (1_000_000_000_000_000.5, "1000000000000000"),
            (1_000_000_000_000_001.5, "1000000000000002"),
            (0.1 + 0.2, "0.3"),
            (-0.0, "0"),
            (1e20, "100000000000000000000"),
            (-12.5, "-12.5"),
        ] {
            assert_eq!(Decimal::rounded(value, rule).unwrap().as_str(), text);
        }
        assert_eq!(Decimal::rounded(f64::NAN, rule), Err(DecimalError::NotFinite));
        assert_eq!(Decimal::rounded(1e300, rule), Err(DecimalError::OutOfRange));
        assert_eq!(Decimal::rounded(f64::MIN_POSITIVE, rule), Err(DecimalError::OutOfRange));
    }

    #[test]
    fn decimal_places_keep_their_zeros() {
        for (value, places, text) in [
            (0.125, 2, "0.12"),
            (0.375, 2, "0.38"),
            (2.5, 0, "2"),
            (1.0, 3, "1.000"),
            (-0.001, 2, "0.00"),
            (-0.006, 2, "-0.01"),
            (1e20, 1, "100000000000000000000.0"),
        ] {
            assert_eq!(Decimal::rounded(value, Rounding::DecimalPlaces(places)).unwrap().as_str(), text);
        }
        assert_eq!(Decimal::rounded(1e30, Rounding::DecimalPlaces(17)), Err(DecimalError::OutOfRange));
        assert_eq!(Decimal::rounded(f64::INFINITY, Rounding::DecimalPlaces(1)), Err(DecimalError::NotFinite));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,90}") {
            if let Ok(decimal) = text.parse::<Decimal>() {
                prop_assert_eq!(decimal.as_str(), text.as_str());
            }
        }

        #[test]
        fn scaled_round_trip(mantissa in -10i128.pow(38) + 1..10i128.pow(38), exponent in -30i32..0) {
            let decimal = Decimal::from_scaled(mantissa, exponent).unwrap();
            prop_assert_eq!(decimal.scaled(), (mantissa, exponent));
            if let Ok(shifted) = decimal.shifted(5) {
                prop_assert_eq!(shifted.shifted(-5).unwrap().to_f64(), decimal.to_f64());
            }
        }

        #[test]
        fn any_scale_never_panics(mantissa in any::<i128>(), exponent in any::<i32>(), by in any::<i32>()) {
            if let Ok(decimal) = Decimal::from_scaled(mantissa, exponent) {
                let _ = decimal.shifted(by);
            }
        }

        #[test]
        fn shortest_round_trip(value in any::<f64>()) {
            if let Ok(decimal) = Decimal::shortest(value) {
                prop_assert_eq!(decimal.to_f64(), value);
            }
            let _ = Decimal::rounded(value, Rounding::STATEMENT);
        }

        #[test]
        fn seventeen_digits_round_trip(value in -1e30f64..1e30) {
            let decimal = Decimal::rounded(value, Rounding::SignificantDigits(17)).unwrap();
            prop_assert_eq!(decimal.to_f64(), value);
        }
    }
}
