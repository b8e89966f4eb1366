//! Units by code, and values that carry one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gas::Gas;
use crate::kind::KindName;

mod by_gas;
mod table;

pub use by_gas::GasUnit;
pub use table::Unit;

/// Longest code shown in an error.
const MAX_SHOWN: usize = 64;

/// A unit code that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownUnit {
    /// No row of the table has this code.
    #[error("unknown unit {code:?}; {}", suggestion(.nearest))]
    Code {
        /// The code found, cut to 64 characters.
        code: String,
        /// The nearest known code, where one is near.
        nearest: Option<&'static str>,
    },
    /// A normal cubic metre without the state it refers to is not a quantity of gas.
    #[error(
        "{code:?} does not state its reference conditions; write Nm3{{0Cel;101.325kPa}}, Sm3{{15Cel;101.325kPa}}, Sm3{{20Cel;101.325kPa}} or Sm3{{25Cel;101.325kPa}}"
    )]
    ReferenceConditions {
        /// The code found.
        code: String,
    },
    /// Energy in a unit that some use on the net and some on the gross basis.
    #[error(
        "{code:?} does not state its heating value basis; write {{gross}} (as the US EPA does) or {{net}} after the energy"
    )]
    HeatingValue {
        /// The code found.
        code: String,
    },
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    match nearest {
        Some(code) => format!("did you mean {code}?"),
        None => "known are, for example, kWh, MWh, GJ, t, kg, m3, GJ/t, tCO2/TJ, tCO2e/MWh".to_owned(),
    }
}

impl Unit {
    /// Every unit that measures this kind, in the order of the table.
    pub fn of_kind(kind: KindName) -> impl Iterator<Item = Unit> {
        Unit::all().filter(move |unit| unit.kind() == kind)
    }

    /// Every unit: those of the table, then those of each gas.
    pub fn all() -> impl Iterator<Item = Unit> {
        let by_gas = Gas::ALL.iter().flat_map(|gas| GasUnit::ALL.iter().map(|unit| Unit::Gas(*unit, *gas)));
        Unit::TABLE.iter().copied().chain(by_gas)
    }

    /// Every code that is read as this unit: its own, UCUM, UN/CEFACT Rec 20, other spellings.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        let standard = [self.ucum(), self.rec20()].into_iter().flatten().filter(move |code| *code != self.code());
        std::iter::once(self.code()).chain(standard).chain(self.aliases().iter().copied())
    }

    fn nearest(code: &str) -> Option<&'static str> {
        // Nearer than a third of its own length: other letters altogether are no misspelling.
        let bound = code.chars().count().div_ceil(3);
        let folded = code.to_lowercase();
        Unit::all()
            .flat_map(|unit| unit.codes())
            .map(|known| {
                (strsim::osa_distance(&known.to_lowercase(), &folded), strsim::osa_distance(known, code), known)
            })
            .filter(|(folded, ..)| *folded <= bound)
            .min_by_key(|(folded, exact, _)| (*folded, *exact))
            .map(|(.., known)| known)
    }
}

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(code: &str) -> Result<Self, UnknownUnit> {
        if let Some(unit) = Unit::all().find(|unit| unit.codes().any(|known| known == code)) {
            return Ok(unit);
        }
        let shown: String = code.chars().take(MAX_SHOWN).collect();
        // Bare volumes of gas, alone or in a denominator.
        if ["Nm3", "Sm3"].iter().any(|bare| code.ends_with(bare)) {
            return Err(UnknownUnit::ReferenceConditions { code: shown });
        }
        if code.to_lowercase().ends_with("mmbtu") {
            return Err(UnknownUnit::HeatingValue { code: shown });
        }
        let nearest = if code.len() <= MAX_SHOWN { Unit::nearest(code) } else { None };
        Err(UnknownUnit::Code { code: shown, nearest })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A value with its unit as it stands on the wire, before its kind is known. Read it with
/// [`Kind::from_quantity`](crate::Kind::from_quantity).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// The number of units.
    pub value: f64,
    /// The unit.
    pub unit: Unit,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value, self.unit)
    }
}

#[cfg(test)]
mod tests;
