//! Numbers as D-SI writes them.

use std::fmt;
use std::str::FromStr;

use quantity::{Decimal, DecimalError};
use serde::{Serialize, Serializer};

/// Longest number read: a double has 17 significant digits, a careless laboratory somewhat more.
pub const MAX_NUMBER_LEN: usize = 80;

/// Why a text is not a [`Number`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Outside the grammar of `si:decimalType`.
    #[error("not a number of D-SI: [+-]digits[.digits][E[+-]digits], or NaN")]
    Grammar,
    /// Longer than [`MAX_NUMBER_LEN`].
    #[error("a number of {len} characters is longer than {MAX_NUMBER_LEN}")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// Too large or too small for a double, which D-SI's numbers are.
    #[error("outside the range of a double")]
    OutOfRange,
}

/// A number of D-SI (`si:decimalType`) with the digits it was written in: `1.50`, `-6.469E-07`, `+.5`, `NaN`. Equality
/// is of the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(String);

impl Number {
    /// The digits as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is NaN, D-SI's mark for "no value here".
    pub fn is_nan(&self) -> bool {
        self.0 == "NaN"
    }

    /// The nearest double, NaN for NaN.
    pub fn to_f64(&self) -> f64 {
        // The grammar is a subset of what `f64::from_str` reads, which rounds correctly.
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The same value as a plain decimal: the exponent is written out, no digit after the point is lost or added, minus
    /// zero becomes zero.
    pub fn to_decimal(&self) -> Result<Decimal, DecimalError> {
        let (mantissa, exponent) = self.scaled()?;
        Decimal::from_scaled(mantissa, exponent)
    }

    /// The value as mantissa × 10^exponent, the mantissa being all the digits.
    pub(crate) fn scaled(&self) -> Result<(i128, i32), DecimalError> {
        if self.is_nan() {
            return Err(DecimalError::NotFinite);
        }
        let (digits, exponent) = self.0.split_once(['e', 'E']).unwrap_or((&self.0, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        // At most 80 characters of digits and an exponent within a double's range: both fit.
        let exponent: i32 = exponent.parse().map_err(|_| DecimalError::OutOfRange)?;
        let mantissa: String = [whole, fraction].concat();
        let significant = mantissa.trim_start_matches(['+', '-', '0']).len();
        let mantissa = mantissa.parse().map_err(|_| DecimalError::TooManyDigits { digits: significant })?;
        Ok((mantissa, exponent.saturating_sub(fraction.len() as i32)))
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.len() > MAX_NUMBER_LEN {
            return Err(NumberError::TooLong { len: text.len() });
        }
        if text == "NaN" {
            return Ok(Number(text.to_owned()));
        }
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, Some(exponent)),
            None => (text, None),
        };
        let unsigned = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let strip = |text: &'_ str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
        let mantissa = strip(digits);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
        let fits = (unsigned(whole) || whole.is_empty()) && (unsigned(fraction) || fraction.is_empty());
        if !fits || (whole.is_empty() && fraction.is_empty()) || !exponent.is_none_or(|e| unsigned(&strip(e))) {
            return Err(NumberError::Grammar);
        }
        let number = Number(text.to_owned());
        let is_zero = !mantissa.bytes().any(|b| b.is_ascii_digit() && b != b'0');
        let value = number.to_f64();
        if !value.is_finite() || (value == 0.0) != is_zero {
            return Err(NumberError::OutOfRange);
        }
        Ok(number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({})", self.0)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn decimal(text: &str, plain: &str) {
        assert_eq!(text.parse::<Number>().unwrap().to_decimal().unwrap().as_str(), plain);
    }

    #[test]
    fn digits_survive_the_exponent() {
        decimal("1.50", "1.50");
        decimal("-6.469E-07", "-0.0000006469");
        decimal("1.20e-3", "0.00120");
        decimal("1.5E2", "150");
        decimal("+.5", "0.5");
        decimal("7.", "7");
        decimal("-0.00", "0.00");
        decimal("007", "7");
    }

    #[test]
    fn grammar_is_strict() {
        for bad in
            ["", ".", "+", "-.", "1,5", "1e", "1e+", "nan", "inf", "0x1", "1 2", "--1", "1.2.3", "e5", "+-1", "1e1.0"]
        {
            assert_eq!(bad.parse::<Number>(), Err(NumberError::Grammar), "{bad:?}");
        }
        assert_eq!("1e999".parse::<Number>(), Err(NumberError::OutOfRange));
        assert_eq!("1e-999".parse::<Number>(), Err(NumberError::OutOfRange));
        assert_eq!("1".repeat(81).parse::<Number>(), Err(NumberError::TooLong { len: 81 }));
        assert!("0e-999".parse::<Number>().is_ok());
        assert_eq!("NaN".parse::<Number>().unwrap().to_decimal(), Err(DecimalError::NotFinite));
        assert_eq!(
            "9".repeat(60).parse::<Number>().unwrap().to_decimal(),
            Err(DecimalError::TooManyDigits { digits: 60 })
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_written_or_refused(text in "[-+0-9.eEN]{0,12}|\\PC{0,90}") {
            if let Ok(number) = text.parse::<Number>() {
                prop_assert_eq!(number.as_str(), text.as_str());
                if let Ok(decimal) = number.to_decimal() {
                    prop_assert_eq!(decimal.to_f64(), number.to_f64());
                }
            }
        }
    }
}
