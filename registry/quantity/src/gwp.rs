//! Global warming potentials: the only way from a mass of gas to a mass of CO2e.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decimal::Decimal;
use crate::gas::{Gas, Species};
use crate::kind::{Kind, KindName, QuantityError};
use crate::unit::Unit;

/// A set of global warming potentials over 100 years. A set never changes: a new assessment is a new set.
///
/// In AR4 and AR5 methane has one value whatever its origin. AR5 has the values without climate-carbon feedbacks
/// (Table 8.A.1: 28 for CH4, 265 for N2O), those of Annex VIII to Implementing Regulation (EU) 2023/1773; its other value
/// for fossil methane, 30, adds the CO2 that methane becomes in the air and is not part of this set. AR6 tells fossil
/// methane (29.8) and other (27.0, Table 7.15) from methane of no stated origin (27.9, Table 7.SM.7). The numbers were taken
/// from openclimatedata/globalwarmingpotentials 0.13.2 (CC0-1.0), which transcribes these tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GwpSet(Assessment);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Assessment {
    Fourth,
    Fifth,
    Sixth,
}

/// A set of global warming potentials whose name is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown set of global warming potentials {name:?}; known: AR4, AR5, AR6")]
pub struct UnknownGwpSet {
    /// The name found, cut to 64 characters.
    pub name: String,
}

/// A kind that counts a gas by mass: the gas itself, or a factor to it. Its twin counts CO2e in the same base units.
pub trait OfGas: Kind {
    /// The gas.
    type Species: Species;
    /// The same, in CO2e.
    type InCo2e: Kind;
}

impl GwpSet {
    /// Fourth assessment report (2007).
    pub const AR4: GwpSet = GwpSet(Assessment::Fourth);
    /// Fifth assessment report (2013), without climate-carbon feedbacks.
    pub const AR5: GwpSet = GwpSet(Assessment::Fifth);
    /// Sixth assessment report (2021).
    pub const AR6: GwpSet = GwpSet(Assessment::Sixth);
    /// Every set, oldest first.
    pub const ALL: &'static [GwpSet] = &[GwpSet::AR4, GwpSet::AR5, GwpSet::AR6];

    /// Its name, as statements write it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Assessment::Fourth => "AR4",
            Assessment::Fifth => "AR5",
            Assessment::Sixth => "AR6",
        }
    }

    /// Its table: one row a gas, with the source of each value. The bytes of this text identify the edition.
    pub fn table(self) -> &'static str {
        match self.0 {
            Assessment::Fourth => include_str!("../gwp/AR4.csv"),
            Assessment::Fifth => include_str!("../gwp/AR5.csv"),
            Assessment::Sixth => include_str!("../gwp/AR6.csv"),
        }
    }

    /// Mass of CO2e per mass of the gas.
    pub fn gwp(self, gas: Gas) -> f64 {
        static TABLES: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
            let number = |set: &GwpSet, gas: &Gas| set.decimal(*gas).to_f64();
            GwpSet::ALL.iter().map(|set| Gas::ALL.iter().map(|gas| number(set, gas)).collect()).collect()
        });
        TABLES[self.0 as usize][gas as usize]
    }

    /// The value as the table prints it.
    pub fn decimal(self, gas: Gas) -> Decimal {
        let value = self.rows().find(|[name, _, _]| *name == gas.formula()).map(|[_, value, _]| value);
        // A test reads every gas in every table.
        value.and_then(|value| value.parse().ok()).expect("a row of the table for each gas")
    }

    /// Where the value of a gas comes from.
    pub fn source(self, gas: Gas) -> &'static str {
        self.rows().find(|[name, _, _]| *name == gas.formula()).map_or("", |[_, _, source]| source)
    }

    fn rows(self) -> impl Iterator<Item = [&'static str; 3]> {
        self.table().lines().skip(1).filter_map(|line| {
            let mut fields = line.splitn(3, ',');
            Some([fields.next()?, fields.next()?, fields.next()?])
        })
    }

    /// A mass of gas, or a factor to one, in CO2e.
    pub fn co2e<Q: OfGas>(self, quantity: Q) -> Q::InCo2e {
        Kind::from_base(quantity.base() * self.gwp(Q::Species::GAS))
    }

    /// How a unit counts in base units of `K`, as [`Kind::scale`]; where `K` counts CO2e, units of the same thing by gas
    /// count by this set.
    ///
    /// # Errors
    /// [`QuantityError::UnitMismatch`].
    pub fn scale<K: Kind>(self, unit: Unit) -> Result<(f64, i32), QuantityError> {
        match (K::OF_GAS, unit.kind().gas()) {
            (Some(of), Some(gas)) if of(gas) == unit.kind() => {
                let (coefficient, exponent) = unit.scale();
                Ok((coefficient * self.gwp(gas), exponent))
            }
            _ => K::scale(unit),
        }
    }

    /// Decimal text and its unit as `K`, as [`Kind::from_decimal`]; where `K` counts CO2e, units of the same thing by gas
    /// count by this set: `95 tCO2/TJ` is read as a factor to CO2e.
    ///
    /// # Errors
    /// [`QuantityError`].
    pub fn read<K: Kind>(self, value: &Decimal, unit: Unit) -> Result<K, QuantityError> {
        let (coefficient, exponent) = self.scale::<K>(unit)?;
        crate::kind::in_base(value, unit, coefficient, exponent).map(K::from_base)
    }

    /// Whether a unit is read as the kind by [`GwpSet::read`].
    pub fn reads(of: KindName, unit: Unit) -> bool {
        of == unit.kind() || unit.kind().gas().is_some_and(|gas| of.of_gas(gas) == Some(unit.kind()))
    }
}

impl fmt::Display for GwpSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GwpSet {
    type Err = UnknownGwpSet;

    fn from_str(name: &str) -> Result<Self, UnknownGwpSet> {
        GwpSet::ALL
            .iter()
            .copied()
            .find(|set| set.name() == name)
            .ok_or_else(|| UnknownGwpSet { name: name.chars().take(64).collect() })
    }
}

impl Serialize for GwpSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for GwpSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gas::species::{Ch4, Co2, FossilCh4, N2o, NonFossilCh4, Sf6};
    use crate::kind::{Co2e, Co2ePerEnergy, GasPerEnergy, Mass, MassOf};

    #[test]
    fn every_gas_has_one_row_in_every_table() {
        for set in GwpSet::ALL {
            let names: Vec<_> = set.rows().map(|[name, _, _]| name).collect();
            assert_eq!(names, Gas::ALL.iter().map(|gas| gas.formula()).collect::<Vec<_>>());
            assert_eq!(set.table().lines().count(), Gas::ALL.len() + 1);
            for gas in Gas::ALL {
                assert!(set.gwp(*gas) >= 1.0 && !set.source(*gas).is_empty(), "{set} {gas}");
                assert_eq!(Gas::find(gas.formula()), Some(*gas));
            }
            assert_eq!(set.name().parse(), Ok(*set));
        }
        assert!("AR7".parse::<GwpSet>().is_err());
    }

    /// Implementing Regulation (EU) 2023/1773, Annex VIII, table 3; IPCC AR4 WG1 Table 2.14; AR6 WG1 Table 7.15.
    #[test]
    fn the_published_values() {
        let tonne = |set: GwpSet| [set.co2e(MassOf::<Ch4>::from_base(1.0)), set.co2e(MassOf::<N2o>::from_base(1.0))];
        assert_eq!(tonne(GwpSet::AR4).map(Kind::base), [25.0, 298.0]);
        assert_eq!(tonne(GwpSet::AR5).map(Kind::base), [28.0, 265.0]);
        assert_eq!(tonne(GwpSet::AR6).map(Kind::base), [27.9, 273.0]);
        assert_eq!(GwpSet::AR5.gwp(Gas::Cf4), 6_630.0);
        assert_eq!(GwpSet::AR5.gwp(Gas::C2f6), 11_100.0);
        assert_eq!(GwpSet::AR4.co2e(MassOf::<Sf6>::from_base(2.0)).base(), 45_600.0);
        assert_eq!(GwpSet::AR6.co2e(MassOf::<FossilCh4>::from_base(1.0)).base(), 29.8);
        assert_eq!(GwpSet::AR6.co2e(MassOf::<NonFossilCh4>::from_base(1.0)).base(), 27.0);
        assert_eq!(GwpSet::AR5.gwp(Gas::FossilCh4), GwpSet::AR5.gwp(Gas::Ch4));
        assert_eq!(GwpSet::AR6.co2e(MassOf::<Co2>::from_base(0.1)).base(), 0.1);
        assert_eq!(GwpSet::AR5.co2e(GasPerEnergy::<Ch4>::from_base(0.001)).base(), 0.028);
    }

    #[test]
    fn units_of_a_gas_are_read_by_a_named_set_alone() {
        let value: Decimal = "95".parse().unwrap();
        let unit: Unit = "tCO2/TJ".parse().unwrap();
        assert_eq!(GwpSet::AR5.read::<Co2ePerEnergy>(&value, unit).unwrap().base(), 95.0);
        assert!(Co2ePerEnergy::from_decimal(&value, unit).is_err());
        let methane: Unit = "kgCH4/TJ".parse().unwrap();
        assert_eq!(GwpSet::AR5.read::<Co2ePerEnergy>(&Decimal::from(1), methane).unwrap().base(), 0.028);
        assert!(GwpSet::AR5.read::<Co2e>(&value, unit).is_err());
        assert!(GwpSet::AR5.read::<Mass>(&value, "tCO2".parse().unwrap()).is_err());
        assert!(GwpSet::AR5.read::<Co2e>(&value, "t".parse().unwrap()).is_err());
        assert!(GwpSet::reads(KindName::Co2ePerEnergy, unit) && !GwpSet::reads(KindName::Co2e, unit));
        assert!(!GwpSet::reads(KindName::Mass, "tCO2".parse().unwrap()));
        let huge = Decimal::from_scaled(1, 37).unwrap();
        assert_eq!(GwpSet::AR4.read::<Co2e>(&huge, "tSF6".parse().unwrap()).unwrap().base(), 22_800.0 * 1e37);
    }
}
