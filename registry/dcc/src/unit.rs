//! Units as D-SI writes them: siunitx text.

use std::fmt;
use std::str::FromStr;

use quantity::Decimal;
use serde::{Serialize, Serializer};

use crate::error::cut;
use crate::number::Number;

/// Most factors in one unit; the SI has seven base units.
pub const MAX_FACTORS: usize = 16;

/// Largest exponent of a factor.
pub const MAX_EXPONENT: i8 = 12;

/// Why a text is not a [`Unit`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A name that is neither a prefix nor a unit of the table.
    #[error(
        "unknown unit {name:?} in {text:?}; write units of D-SI, as \\kilo\\watt\\hour, \\percent, \\metre\\tothe{{3}}"
    )]
    Unknown {
        /// The name found.
        name: String,
        /// The whole text, cut to 64 characters.
        text: String,
    },
    /// A prefix that no unit follows, or one before a unit that takes none.
    #[error("the prefix \\{prefix} in {text:?} has no unit that takes it")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// The whole text.
        text: String,
    },
    /// A `\tothe{…}` without a unit, or not a whole number from -12 to 12 other than 0.
    #[error("the exponent in {text:?} is not \\tothe{{n}} behind a unit, n whole, not 0, from -12 to 12")]
    Exponent {
        /// The whole text.
        text: String,
    },
    /// `\per` before several units: siunitx divides by the next one only, other readers by all that follow.
    #[error("\\per in {text:?} is read in more than one way; write it once before the last unit, or \\tothe{{-1}}")]
    Per {
        /// The whole text.
        text: String,
    },
    /// More factors than [`MAX_FACTORS`].
    #[error("a unit of more than {MAX_FACTORS} factors: {text:?}")]
    TooLong {
        /// The whole text.
        text: String,
    },
}

/// Exponents of metre, kilogram, second, ampere, kelvin, mole and candela.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimension(pub [i16; 7]);

impl Dimension {
    /// The dimension of numbers.
    pub const ONE: Dimension = Dimension([0; 7]);
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbols = ["m", "kg", "s", "A", "K", "mol", "cd"];
        let mut parts = symbols.iter().zip(self.0).filter(|(_, exponent)| *exponent != 0).peekable();
        if parts.peek().is_none() {
            return f.write_str("dimension one");
        }
        f.write_str("dimension")?;
        parts.try_for_each(|(symbol, exponent)| write!(f, " {symbol}^{exponent}"))
    }
}

/// One of a unit in base units of the SI: numerator / denominator × 10^exponent, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Numerator, without tens that fit the exponent.
    pub numerator: i128,
    /// Denominator, likewise.
    pub denominator: i128,
    /// Power of ten.
    pub exponent: i32,
}

// One row a unit: name, exponents of m kg s A K mol cd, coefficient × 10^exponent base units (0: no whole number, as
// π/180), whether it takes prefixes. SI Brochure, 9th edition (2019), tables 2, 4 and 8; the bar from the 8th, table 8.
// \kilogram is a name of its own in D-SI; \degreeCelsius is the spelling of D-SI 1.3.
#[rustfmt::skip]
const UNITS: &[(&str, [i16; 7], i128, i32, bool)] = &[
    ("one",           [ 0, 0,  0,  0, 0, 0, 0],      1,   0, false),
    ("percent",       [ 0, 0,  0,  0, 0, 0, 0],      1,  -2, false),
    ("ppm",           [ 0, 0,  0,  0, 0, 0, 0],      1,  -6, false),
    ("radian",        [ 0, 0,  0,  0, 0, 0, 0],      1,   0, true),
    ("steradian",     [ 0, 0,  0,  0, 0, 0, 0],      1,   0, true),
    ("degree",        [ 0, 0,  0,  0, 0, 0, 0],      0,   0, false),
    ("arcminute",     [ 0, 0,  0,  0, 0, 0, 0],      0,   0, false),
    ("arcsecond",     [ 0, 0,  0,  0, 0, 0, 0],      0,   0, true),
    ("metre",         [ 1, 0,  0,  0, 0, 0, 0],      1,   0, true),
    ("kilogram",      [ 0, 1,  0,  0, 0, 0, 0],      1,   0, false),
    ("gram",          [ 0, 1,  0,  0, 0, 0, 0],      1,  -3, true),
    ("tonne",         [ 0, 1,  0,  0, 0, 0, 0],      1,   3, true),
    ("second",        [ 0, 0,  1,  0, 0, 0, 0],      1,   0, true),
    ("minute",        [ 0, 0,  1,  0, 0, 0, 0],      6,   1, false),
    ("hour",          [ 0, 0,  1,  0, 0, 0, 0],     36,   2, false),
    ("day",           [ 0, 0,  1,  0, 0, 0, 0],    864,   2, false),
    ("ampere",        [ 0, 0,  0,  1, 0, 0, 0],      1,   0, true),
    ("kelvin",        [ 0, 0,  0,  0, 1, 0, 0],      1,   0, true),
    ("degreecelsius", [ 0, 0,  0,  0, 1, 0, 0],      1,   0, false),
    ("degreeCelsius", [ 0, 0,  0,  0, 1, 0, 0],      1,   0, false),
    ("mole",          [ 0, 0,  0,  0, 0, 1, 0],      1,   0, true),
    ("candela",       [ 0, 0,  0,  0, 0, 0, 1],      1,   0, true),
    ("lumen",         [ 0, 0,  0,  0, 0, 0, 1],      1,   0, true),
    ("lux",           [-2, 0,  0,  0, 0, 0, 1],      1,   0, true),
    ("hectare",       [ 2, 0,  0,  0, 0, 0, 0],      1,   4, false),
    ("litre",         [ 3, 0,  0,  0, 0, 0, 0],      1,  -3, true),
    ("hertz",         [ 0, 0, -1,  0, 0, 0, 0],      1,   0, true),
    ("becquerel",     [ 0, 0, -1,  0, 0, 0, 0],      1,   0, true),
    ("newton",        [ 1, 1, -2,  0, 0, 0, 0],      1,   0, true),
    ("pascal",        [-1, 1, -2,  0, 0, 0, 0],      1,   0, true),
    ("bar",           [-1, 1, -2,  0, 0, 0, 0],      1,   5, true),
    ("joule",         [ 2, 1, -2,  0, 0, 0, 0],      1,   0, true),
    ("watt",          [ 2, 1, -3,  0, 0, 0, 0],      1,   0, true),
    ("coulomb",       [ 0, 0,  1,  1, 0, 0, 0],      1,   0, true),
    ("volt",          [ 2, 1, -3, -1, 0, 0, 0],      1,   0, true),
    ("farad",         [-2,-1,  4,  2, 0, 0, 0],      1,   0, true),
    ("ohm",           [ 2, 1, -3, -2, 0, 0, 0],      1,   0, true),
    ("siemens",       [-2,-1,  3,  2, 0, 0, 0],      1,   0, true),
    ("weber",         [ 2, 1, -2, -1, 0, 0, 0],      1,   0, true),
    ("tesla",         [ 0, 1, -2, -1, 0, 0, 0],      1,   0, true),
    ("henry",         [ 2, 1, -2, -2, 0, 0, 0],      1,   0, true),
    ("gray",          [ 2, 0, -2,  0, 0, 0, 0],      1,   0, true),
    ("sievert",       [ 2, 0, -2,  0, 0, 0, 0],      1,   0, true),
    ("katal",         [ 0, 0, -1,  0, 0, 1, 0],      1,   0, true),
];

// SI Brochure, 9th edition (updated 2022), table 7; siunitx spells deca "deca" or "deka".
const PREFIXES: &[(&str, i32)] = &[
    ("quetta", 30),
    ("ronna", 27),
    ("yotta", 24),
    ("zetta", 21),
    ("exa", 18),
    ("peta", 15),
    ("tera", 12),
    ("giga", 9),
    ("mega", 6),
    ("kilo", 3),
    ("hecto", 2),
    ("deca", 1),
    ("deka", 1),
    ("deci", -1),
    ("centi", -2),
    ("milli", -3),
    ("micro", -6),
    ("nano", -9),
    ("pico", -12),
    ("femto", -15),
    ("atto", -18),
    ("zepto", -21),
    ("yocto", -24),
    ("ronto", -27),
    ("quecto", -30),
];

/// A prefixed unit raised to a power, as rows of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Factor {
    prefix: i32,
    unit: usize,
    exponent: i8,
}

/// A unit of D-SI, read from siunitx text such as `\kilo\watt\hour` or `\metre\tothe{3}\per\hour`. Equality is of the
/// text and what it means; two spellings of one dimension are told by [`Unit::same_dimension`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    text: String,
    factors: Vec<Factor>,
}

impl Unit {
    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it measures, as exponents of the SI base units.
    pub fn dimension(&self) -> Dimension {
        let mut sum = [0; 7];
        for factor in &self.factors {
            for (sum, of_unit) in sum.iter_mut().zip(UNITS[factor.unit].1) {
                // At most 16 factors, exponents of at most 12, rows of at most 4: far inside i16.
                *sum += of_unit * i16::from(factor.exponent);
            }
        }
        Dimension(sum)
    }

    /// Whether values in the two units can be compared. Watt and volt ampere share a dimension, as do joule and newton
    /// metre: what is measured is said by the refType, not by the unit.
    pub fn same_dimension(&self, other: &Unit) -> bool {
        self.dimension() == other.dimension()
    }

    /// One of this unit in base units, exactly; `None` where that is no decimal (degrees of angle) or too large to
    /// hold. A degree Celsius counts as a kelvin here, its zero is [`Unit::to_base`]'s.
    pub fn scale(&self) -> Option<Scale> {
        let mut scale = Scale { numerator: 1, denominator: 1, exponent: 0 };
        for factor in &self.factors {
            let (_, _, coefficient, exponent, _) = UNITS[factor.unit];
            if coefficient == 0 {
                return None;
            }
            scale.exponent += (exponent + factor.prefix) * i32::from(factor.exponent);
            let power = coefficient.checked_pow(u32::from(factor.exponent.unsigned_abs()))?;
            let side = if factor.exponent > 0 { &mut scale.numerator } else { &mut scale.denominator };
            *side = side.checked_mul(power)?;
        }
        let divisor = gcd(scale.numerator, scale.denominator);
        scale.numerator /= divisor;
        scale.denominator /= divisor;
        Some(scale)
    }

    /// The value in SI base units, a temperature in degrees Celsius as kelvin. Powers of ten act on the digits; only
    /// what is left (hours) is multiplied or divided in binary. NaN for NaN, `None` where [`Unit::scale`] has none.
    pub fn to_base(&self, value: &Number) -> Option<f64> {
        if value.is_nan() {
            return Some(f64::NAN);
        }
        let scale = self.scale()?;
        let (mantissa, exponent) = value.scaled().ok()?;
        let shifted = |mantissa: i128, exponent: i32| format!("{mantissa}e{exponent}").parse::<f64>().ok();
        if self.is_celsius() {
            // 0 °C is 273.15 K (SI Brochure, 2.3.1), added in decimal.
            let places = exponent.min(-2);
            let up = |digits: i128, by: i32| digits.checked_mul(10i128.checked_pow(by.unsigned_abs())?);
            return shifted(up(mantissa, exponent - places)?.checked_add(up(27315, -2 - places)?)?, places);
        }
        let digits = shifted(mantissa, exponent.saturating_add(scale.exponent))?;
        Some(digits * scale.numerator as f64 / scale.denominator as f64)
    }

    /// The value in another unit of the same dimension, where that is an exact decimal.
    pub fn rescale(&self, value: &Number, to: &Unit) -> Option<Decimal> {
        if !self.same_dimension(to) || self.is_celsius() != to.is_celsius() {
            return None;
        }
        let (from, to) = (self.scale()?, to.scale()?);
        let (mantissa, exponent) = value.scaled().ok()?;
        let product = mantissa.checked_mul(from.numerator)?.checked_mul(to.denominator)?;
        let divisor = from.denominator.checked_mul(to.numerator)?;
        let exponent = exponent.checked_add(from.exponent)?.checked_sub(to.exponent)?;
        (product % divisor == 0).then(|| Decimal::from_scaled(product / divisor, exponent).ok()).flatten()
    }

    /// A scale with its own zero is used only where the degree stands alone; in a product it is an interval.
    fn is_celsius(&self) -> bool {
        let celsius = |unit: usize| UNITS[unit].0.eq_ignore_ascii_case("degreecelsius");
        matches!(self.factors[..], [Factor { unit, exponent: 1, .. }] if celsius(unit))
    }
}

impl FromStr for Unit {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let shown = || cut(text);
        let unknown = |name: &str| UnitError::Unknown { name: cut(name), text: shown() };
        let mut factors: Vec<Factor> = Vec::new();
        let mut prefix: Option<(&str, i32)> = None;
        // Behind \per: whether its unit has come.
        let mut per: Option<bool> = None;
        // Whether the last token was a unit, which a \tothe may follow.
        let mut raisable = false;
        let Some(body) = text.strip_prefix('\\') else { return Err(unknown(text)) };
        for token in body.split('\\') {
            if let Some(exponent) = token.strip_prefix("tothe{").and_then(|rest| rest.strip_suffix('}')) {
                let exponent =
                    exponent.parse::<i8>().ok().filter(|n| *n != 0 && (-MAX_EXPONENT..=MAX_EXPONENT).contains(n));
                let (Some(exponent), Some(factor)) = (exponent, factors.last_mut().filter(|_| raisable)) else {
                    return Err(UnitError::Exponent { text: shown() });
                };
                // 1, or -1 behind \per.
                factor.exponent *= exponent;
                raisable = false;
                continue;
            }
            raisable = false;
            if token == "per" {
                if per.is_some() || prefix.is_some() {
                    return Err(UnitError::Per { text: shown() });
                }
                per = Some(false);
                continue;
            }
            if let Some((name, power)) = PREFIXES.iter().find(|(name, _)| *name == token) {
                if let Some((prefix, _)) = prefix {
                    return Err(UnitError::Prefix { prefix: prefix.to_owned(), text: shown() });
                }
                prefix = Some((name, *power));
                continue;
            }
            let unit = UNITS.iter().position(|row| row.0 == token).ok_or_else(|| unknown(token))?;
            if let Some((prefix, _)) = prefix.filter(|_| !UNITS[unit].4) {
                return Err(UnitError::Prefix { prefix: prefix.to_owned(), text: shown() });
            }
            let exponent = match per {
                None => 1,
                Some(false) => -1,
                Some(true) => return Err(UnitError::Per { text: shown() }),
            };
            per = per.map(|_| true);
            if factors.len() == MAX_FACTORS {
                return Err(UnitError::TooLong { text: shown() });
            }
            raisable = true;
            factors.push(Factor { prefix: prefix.take().map_or(0, |(_, power)| power), unit, exponent });
        }
        if let Some((prefix, _)) = prefix {
            return Err(UnitError::Prefix { prefix: prefix.to_owned(), text: shown() });
        }
        if per == Some(false) {
            return Err(UnitError::Per { text: shown() });
        }
        Ok(Unit { text: text.to_owned(), factors })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(text: &str) -> Unit {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[track_caller]
    fn base(text: &str, value: &str, expect: f64) {
        assert_eq!(unit(text).to_base(&value.parse().unwrap()), Some(expect), "{value} {text}");
    }

    #[test]
    fn the_tables_name_each_unit_once() {
        let mut names: Vec<&str> = UNITS.iter().map(|row| row.0).chain(PREFIXES.iter().map(|row| row.0)).collect();
        names.extend(["per", "tothe"]);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn base_values_of_what_meters_measure() {
        base("\\kilo\\watt\\hour", "1", 3.6e6);
        base("\\kilo\\watt", "2.5", 2500.0);
        base("\\volt\\ampere", "230", 230.0);
        base("\\milli\\ampere", "250", 0.25);
        base("\\metre\\tothe{3}\\per\\hour", "36", 0.01);
        base("\\metre\\tothe{3}\\hour\\tothe{-1}", "36", 0.01);
        base("\\metre\\per\\second\\tothe{2}", "9.81", 9.81);
        base("\\tonne", "0.1", 100.0);
        base("\\gram", "1", 0.001);
        base("\\percent", "0.3", 0.003);
        base("\\hecto\\pascal", "1007.38", 100738.0);
        base("\\bar", "1.01325", 101325.0);
        base("\\degreecelsius", "20.1", 293.25);
        base("\\degreeCelsius", "-273.15", 0.0);
        base("\\centi\\metre\\tothe{3}", "431.055119", 431.055119e-6);
        assert!(unit("\\kelvin").to_base(&"NaN".parse().unwrap()).unwrap().is_nan());
    }

    #[test]
    fn dimensions_compare_across_spellings() {
        assert!(unit("\\kilo\\watt\\hour").same_dimension(&unit("\\mega\\joule")));
        assert!(unit("\\volt\\ampere").same_dimension(&unit("\\watt")));
        assert!(
            unit("\\kilogram\\metre\\tothe{2}\\ampere\\tothe{-2}\\second\\tothe{-3}").same_dimension(&unit("\\ohm"))
        );
        assert!(unit("\\percent").same_dimension(&unit("\\one")));
        assert!(!unit("\\ampere").same_dimension(&unit("\\watt")));
        assert_eq!(unit("\\metre\\metre\\tothe{-1}").dimension(), Dimension::ONE);
        assert_eq!(unit("\\watt").dimension().to_string(), "dimension m^2 kg^1 s^-3");
    }

    #[test]
    fn rescaling_is_exact_or_nothing() {
        let rescale = |value: &str, from: &str, to: &str| {
            unit(from).rescale(&value.parse().unwrap(), &unit(to)).map(|decimal| decimal.as_str().to_owned())
        };
        assert_eq!(rescale("0.0010", "\\one", "\\percent").as_deref(), Some("0.10"));
        assert_eq!(rescale("1.5E-3", "\\one", "\\percent").as_deref(), Some("0.15"));
        assert_eq!(rescale("7.2", "\\mega\\joule", "\\kilo\\watt\\hour").as_deref(), Some("2"));
        assert_eq!(rescale("1", "\\joule", "\\kilo\\watt\\hour"), None);
        assert_eq!(rescale("1", "\\watt", "\\percent"), None);
        assert_eq!(rescale("20", "\\degreecelsius", "\\kelvin"), None);
        assert_eq!(unit("\\degree").scale(), None);
    }

    #[test]
    fn parsing_is_strict() {
        let refused = |text: &str| text.parse::<Unit>().expect_err(text);
        for text in [
            "",
            "kWh",
            "kilowatt hour",
            "\\kilowatt hour",
            "\\torr",
            "\\",
            "\\kilo \\watt",
            "\\metre\\squared",
            "\\Watt",
        ] {
            assert!(matches!(refused(text), UnitError::Unknown { .. }), "{text}");
        }
        for text in ["\\kilo", "\\kilo\\kilo\\watt", "\\milli\\percent", "\\kilo\\kilogram", "\\watt\\milli"] {
            assert!(matches!(refused(text), UnitError::Prefix { .. }), "{text}");
        }
        for text in [
            "\\tothe{2}",
            "\\metre\\tothe{0}",
            "\\metre\\tothe{0.5}",
            "\\metre\\tothe{2}\\tothe{2}",
            "\\kilo\\tothe{2}",
        ] {
            assert!(matches!(refused(text), UnitError::Exponent { .. }), "{text}");
        }
        for text in ["\\per", "\\metre\\per", "\\joule\\per\\kilogram\\kelvin", "\\metre\\per\\second\\per\\second"] {
            assert!(matches!(refused(text), UnitError::Per { .. }), "{text}");
        }
        assert!(matches!(refused(&"\\metre".repeat(17)), UnitError::TooLong { .. }));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            text in "\\PC{0,40}|(\\\\(kilo|watt|hour|per|metre|tothe\\{-?[0-9]\\}|degreecelsius)){0,18}"
        ) {
            if let Ok(unit) = text.parse::<Unit>() {
                prop_assert_eq!(unit.as_str(), text.as_str());
                let _ = (unit.dimension(), unit.scale(), unit.to_base(&"1.5E-30".parse().unwrap()));
            }
        }
    }
}
