//! Units by code, and values that carry one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kind::KindName;

/// A unit code that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownUnit {
    /// No row of the table has this code.
    #[error("unknown unit {code:?}; known are, for example, kWh, MWh, GJ, t, kg, m3, GJ/t, tCO2/TJ, tCO2e/MWh")]
    Code {
        /// The code found, cut to 64 characters.
        code: String,
    },
    /// A normal cubic metre without the state it refers to is not a quantity of gas.
    #[error(
        "{code:?} does not state its reference conditions; write Nm3{{0Cel;101.325kPa}} or Sm3{{15Cel;101.325kPa}}"
    )]
    ReferenceConditions {
        /// The code found.
        code: String,
    },
}

macro_rules! units {
    ($($variant:ident: $symbol:literal, [$($alias:literal),*], $kind:ident, $coefficient:literal, $exponent:literal; $doc:literal)*) => {
        /// A unit of the table. Its canonical code is [`Unit::code`]; aliases (UCUM, UN/CEFACT Recommendation 20 revision 17,
        /// the spelling of the CBAM template) are read and never written.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Unit {
            $(#[doc = $doc] $variant,)*
        }

        impl Unit {
            /// Every unit, in the order of the table.
            pub const ALL: &'static [Unit] = &[$(Unit::$variant),*];

            /// The canonical code, as it is stored and signed.
            pub fn code(self) -> &'static str {
                match self { $(Unit::$variant => $symbol,)* }
            }

            /// Other codes that are read as this unit.
            pub fn aliases(self) -> &'static [&'static str] {
                match self { $(Unit::$variant => &[$($alias),*],)* }
            }

            /// The kind of quantity it measures.
            pub fn kind(self) -> KindName {
                match self { $(Unit::$variant => KindName::$kind,)* }
            }

            /// One of this unit is `coefficient × 10^exponent` base units of its kind. The power of ten is applied to
            /// decimal text, where it is exact.
            pub(crate) fn scale(self) -> (f64, i32) {
                match self { $(Unit::$variant => ($coefficient, $exponent),)* }
            }
        }
    };
}

// One row a unit: canonical code, aliases (UCUM; UN/CEFACT Rec 20), kind, coefficient × 10^exponent base units.
// Base units: t, GJ, m3, MWh of electricity (converted in `kind`), t CO2e; t/TJ for factors per energy, as published.
// 1 kWh = 3.6 MJ exactly (SI Brochure, 9th edition, table 8: 1 h = 3600 s).
units! {
    Kilowatthour: "kWh", ["kW.h", "KWH"], Energy, 3.6, -3; "Kilowatt hour."
    Megawatthour: "MWh", ["MW.h", "MWH"], Energy, 3.6, 0; "Megawatt hour."
    Gigawatthour: "GWh", ["GW.h", "GWH"], Energy, 3.6, 3; "Gigawatt hour."
    Watthour: "Wh", ["W.h", "WHR"], Energy, 3.6, -6; "Watt hour."
    Kilojoule: "kJ", ["KJO"], Energy, 1.0, -6; "Kilojoule."
    Megajoule: "MJ", ["3B"], Energy, 1.0, -3; "Megajoule."
    Gigajoule: "GJ", ["GV"], Energy, 1.0, 0; "Gigajoule, the base unit of energy here."
    Terajoule: "TJ", ["D30"], Energy, 1.0, 3; "Terajoule."
    Gram: "g", ["GRM"], Mass, 1.0, -6; "Gram."
    Kilogram: "kg", ["KGM"], Mass, 1.0, -3; "Kilogram."
    Tonne: "t", ["TNE"], Mass, 1.0, 0; "Tonne, the base unit of mass here."
    Kilotonne: "kt", ["KTN"], Mass, 1.0, 3; "Kilotonne."
    Litre: "L", ["l", "LTR"], Volume, 1.0, -3; "Litre."
    CubicMetre: "m3", ["MTQ"], Volume, 1.0, 0; "Cubic metre as it is, at its own temperature and pressure."
    NormalCubicMetre: "Nm3{0Cel;101.325kPa}", [], NormalVolume, 1.0, 0; "Cubic metre of dry gas at 0 °C and 101.325 kPa (DIN 1343)."
    StandardCubicMetre: "Sm3{15Cel;101.325kPa}", [], NormalVolume, 0.947_943_779_281_624_1, 0; "Cubic metre of dry gas at 15 °C and 101.325 kPa (ISO 13443); 273.15/288.15 normal cubic metres of an ideal gas."
    One: "1", ["C62"], Ratio, 1.0, 0; "The number one: shares, factors, pieces."
    Percent: "%", ["P1"], Ratio, 1.0, -2; "Percent."
    GigajoulePerTonne: "GJ/t", [], EnergyPerMass, 1.0, 0; "Net calorific value, gigajoule per tonne."
    MegajoulePerKilogram: "MJ/kg", ["MJ.kg-1"], EnergyPerMass, 1.0, 0; "Net calorific value, megajoule per kilogram, the same number as GJ/t."
    TerajoulePerKilotonne: "TJ/kt", ["TJ/Gg"], EnergyPerMass, 1.0, 0; "Net calorific value as the IPCC tables print it."
    KilojoulePerKilogram: "kJ/kg", ["kJ.kg-1", "B42"], EnergyPerMass, 1.0, -3; "Net calorific value, kilojoule per kilogram."
    GigajoulePerThousandNormalCubicMetres: "GJ/1000Nm3{0Cel;101.325kPa}", [], EnergyPerNormalVolume, 1.0, 0; "Net calorific value of a gas."
    MegajoulePerNormalCubicMetre: "MJ/Nm3{0Cel;101.325kPa}", [], EnergyPerNormalVolume, 1.0, 0; "Net calorific value of a gas."
    GramCo2e: "gCO2e", [], Co2e, 1.0, -6; "Gram of CO2 equivalent."
    KilogramCo2e: "kgCO2e", [], Co2e, 1.0, -3; "Kilogram of CO2 equivalent."
    TonneCo2e: "tCO2e", [], Co2e, 1.0, 0; "Tonne of CO2 equivalent."
    TonneCarbon: "tC", [], Carbon, 1.0, 0; "Tonne of carbon."
    TonneCarbonPerTonne: "tC/t", [], CarbonPerMass, 1.0, 0; "Carbon content by mass."
    TonneCo2ePerTonneCarbon: "tCO2e/tC", ["tCO2/tC"], Co2ePerCarbon, 1.0, 0; "Mass of CO2 per mass of carbon."
    TonneCo2ePerTerajoule: "tCO2e/TJ", ["tCO2/TJ"], Co2ePerEnergy, 1.0, 0; "Emission factor of a fuel; CO2 has a warming potential of 1 in every set, so tCO2/TJ reads as this."
    KilogramCo2ePerGigajoule: "kgCO2e/GJ", ["kgCO2/GJ"], Co2ePerEnergy, 1.0, 0; "Emission factor of a fuel, the same number as tCO2e/TJ."
    GramCo2ePerMegajoule: "gCO2e/MJ", ["gCO2/MJ"], Co2ePerEnergy, 1.0, 0; "Emission factor of a fuel, the same number as tCO2e/TJ."
    KilogramCo2ePerTerajoule: "kgCO2e/TJ", ["kgCO2/TJ"], Co2ePerEnergy, 1.0, -3; "Emission factor of a fuel as the IPCC tables print it."
    TonneCo2ePerMegawatthour: "tCO2e/MWh", ["tCO2/MWh"], Co2ePerElectricity, 1.0, 0; "Emission factor of electricity."
    KilogramCo2ePerMegawatthour: "kgCO2e/MWh", ["kgCO2/MWh"], Co2ePerElectricity, 1.0, -3; "Emission factor of electricity."
    KilogramCo2ePerKilowatthour: "kgCO2e/kWh", ["kgCO2/kWh"], Co2ePerElectricity, 1.0, 0; "Emission factor of electricity, the same number as tCO2e/MWh."
    GramCo2ePerKilowatthour: "gCO2e/kWh", ["gCO2/kWh"], Co2ePerElectricity, 1.0, -3; "Emission factor of electricity."
    TonneCo2ePerTonne: "tCO2e/t", ["tCO2/t"], Co2ePerMass, 1.0, 0; "Factor or result per mass."
    KilogramCo2ePerTonne: "kgCO2e/t", ["kgCO2/t"], Co2ePerMass, 1.0, -3; "Factor or result per mass."
    KilogramCo2ePerKilogram: "kgCO2e/kg", ["kgCO2/kg"], Co2ePerMass, 1.0, 0; "Factor or result per mass, the same number as tCO2e/t."
    KilogramCo2ePerCubicMetre: "kgCO2e/m3", ["kgCO2/m3"], Co2ePerVolume, 1.0, -3; "Factor per volume of a liquid."
    KilogramCo2ePerLitre: "kgCO2e/L", ["kgCO2/L"], Co2ePerVolume, 1.0, 0; "Factor per volume of a liquid."
    KilogramCo2ePerNormalCubicMetre: "kgCO2e/Nm3{0Cel;101.325kPa}", ["kgCO2/Nm3{0Cel;101.325kPa}"], Co2ePerNormalVolume, 1.0, 0; "Factor per volume of a gas."
    MegawatthourPerTonne: "MWh/t", [], ElectricityPerMass, 1.0, 0; "Electricity embedded in a product."
    KilowatthourPerTonne: "kWh/t", [], ElectricityPerMass, 1.0, -3; "Electricity embedded in a product."
}

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(code: &str) -> Result<Self, UnknownUnit> {
        if matches!(code, "Nm3" | "Sm3" | "NM3") {
            return Err(UnknownUnit::ReferenceConditions { code: code.to_owned() });
        }
        Unit::ALL
            .iter()
            .copied()
            .find(|unit| unit.code() == code || unit.aliases().contains(&code))
            .ok_or_else(|| UnknownUnit::Code { code: code.chars().take(64).collect() })
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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_name_one_unit_each() {
        let mut seen = BTreeSet::new();
        for unit in Unit::ALL {
            for code in unit.aliases().iter().chain([&unit.code()]) {
                assert!(seen.insert(*code), "{code} twice");
                assert_eq!(code.parse(), Ok(*unit));
            }
        }
    }

    #[test]
    fn normal_cubic_metre_needs_its_state() {
        assert!(matches!("Nm3".parse::<Unit>(), Err(UnknownUnit::ReferenceConditions { .. })));
        assert_eq!(Unit::StandardCubicMetre.scale().0, 273.15 / 288.15);
    }

    proptest! {
        #[test]
        fn any_code_is_read_or_refused(code in "\\PC{0,40}") {
            if let Ok(unit) = code.parse::<Unit>() {
                prop_assert!(unit.code() == code || unit.aliases().contains(&code.as_str()));
            }
        }
    }
}
