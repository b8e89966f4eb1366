//! Emission factors: versioned tables, one row a value with its source, and a search that stops what goes wrong with
//! such tables elsewhere.
//!
//! A set is a file (CSV) and is identified by the SHA-256 of its bytes; a new edition is a new file, an old one never
//! changes. It is read whole or not at all.

mod find;
mod plausible;
mod read;

use quantity::{Decimal, Gas, GwpSet, Kind, QuantityError, Unit};
use record::instrument::Sha256;

pub use find::{FactorError, Query};
pub use plausible::{Implausible, plausible};
pub use read::{FactorSetError, RowProblem};

/// The sets that come with this crate: id, version, file.
const SHIPPED: &[(&str, &str, &str)] = &[
    ("ipcc-2006-fuels", "1", include_str!("../factors/ipcc-2006-fuels.csv")),
    ("ipcc-2006-process", "1", include_str!("../factors/ipcc-2006-process.csv")),
    ("cbam-2025-2547", "1", include_str!("../factors/cbam-2025-2547.csv")),
    ("grid-cn", "1", include_str!("../factors/grid-cn.csv")),
    ("grid-world", "1", include_str!("../factors/grid-world.csv")),
    ("freight-desnz-2025", "1", include_str!("../factors/freight-desnz-2025.csv")),
    ("epa-2023", "1", include_str!("../factors/epa-2023.csv")),
];

/// What a factor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactorKind {
    /// Heat content of a fuel.
    CalorificValue,
    /// A gas from burning a fuel.
    Combustion,
    /// CO2 from a material other than by burning it.
    Process,
    /// Carbon in a material.
    CarbonContent,
    /// Electricity as consumed: after losses and exchange.
    ElectricityConsumption,
    /// Electricity as generated.
    ElectricityGeneration,
    /// Electricity on average, where the source does not say of what.
    ElectricityAverage,
    /// What is left of a grid when what was claimed by contract is taken out.
    ElectricityResidual,
    /// Mix of production of a country's generators.
    ElectricityProductionMix,
    /// The fossil part of a grid alone.
    ElectricityFossil,
    /// Freight.
    Freight,
}

impl FactorKind {
    const NAMES: &'static [(FactorKind, &'static str)] = &[
        (FactorKind::CalorificValue, "calorific-value"),
        (FactorKind::Combustion, "combustion"),
        (FactorKind::Process, "process"),
        (FactorKind::CarbonContent, "carbon-content"),
        (FactorKind::ElectricityConsumption, "electricity-consumption"),
        (FactorKind::ElectricityGeneration, "electricity-generation"),
        (FactorKind::ElectricityAverage, "electricity-average"),
        (FactorKind::ElectricityResidual, "electricity-residual"),
        (FactorKind::ElectricityProductionMix, "electricity-production-mix"),
        (FactorKind::ElectricityFossil, "electricity-fossil"),
        (FactorKind::Freight, "freight"),
    ];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        FactorKind::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The kind of this name.
    pub fn find(name: &str) -> Option<FactorKind> {
        FactorKind::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

impl std::fmt::Display for FactorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a factor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// One gas.
    Gas(Gas),
    /// CO2 equivalent, by the set of global warming potentials that the source states.
    Co2e(Option<GwpSet>),
    /// No gas: heat content or carbon.
    Nothing,
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Counted::Gas(gas) => gas.fmt(f),
            Counted::Co2e(Some(set)) => write!(f, "CO2e ({set})"),
            Counted::Co2e(None) => f.write_str("CO2e (potentials not stated)"),
            Counted::Nothing => f.write_str("no gas"),
        }
    }
}

/// On which heat content of a fuel a factor rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Net calorific value.
    Net,
    /// Gross calorific value.
    Gross,
    /// It does not rest on heat content.
    None,
}

impl std::fmt::Display for Basis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Basis::Net => "net",
            Basis::Gross => "gross",
            Basis::None => "none",
        })
    }
}

/// The years a factor is for, both included; without an end it is for all later ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Years {
    /// First year.
    pub from: u16,
    /// Last year.
    pub to: Option<u16>,
}

impl Years {
    /// Whether the year is one of them.
    pub fn contain(self, year: u16) -> bool {
        self.from <= year && self.to.is_none_or(|to| year <= to)
    }
}

impl std::fmt::Display for Years {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.to {
            Some(to) if to == self.from => write!(f, "{}", self.from),
            Some(to) => write!(f, "{} to {to}", self.from),
            None => write!(f, "{} on", self.from),
        }
    }
}

/// One factor with where it comes from and what it is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Id, unique in its set.
    pub id: String,
    /// Fuel, material, service.
    pub activity: String,
    /// What it is for.
    pub kind: FactorKind,
    /// What it counts.
    pub counted: Counted,
    /// The number, as the source prints it.
    pub value: Decimal,
    /// Its unit.
    pub unit: Unit,
    /// Heating value basis.
    pub basis: Basis,
    /// Sector it is for; `None` where it is for all.
    pub sector: Option<String>,
    /// Region it is for; `None` where it is for all.
    pub region: Option<String>,
    /// Years it is for.
    pub years: Years,
    /// Limits of 95 %, in the same unit, where the source states them.
    pub limits: Option<(Decimal, Decimal)>,
    /// The publication.
    pub source: String,
    /// Where in it, or in which copy.
    pub source_ref: String,
    /// Terms on which it may be used.
    pub licence: String,
    /// Id of the factor of the same set that takes its place.
    pub superseded_by: Option<String>,
}

impl Factor {
    /// The factor as a kind of quantity; a factor to one gas as a factor to CO2e by the method's named set.
    ///
    /// # Errors
    /// [`QuantityError`].
    pub fn read<K: Kind>(&self, gwp: GwpSet) -> Result<K, QuantityError> {
        gwp.read(&self.value, self.unit)
    }

    /// Standard uncertainty relative to the value, where limits are stated: half their distance by 1.96, which is exact
    /// for a normal distribution (IPCC 2006 Guidelines Vol 1, 3.1.4: limits of 95 %). `None` where they are not stated.
    pub fn relative_standard_uncertainty(&self) -> Option<f64> {
        let (low, high) = self.limits.as_ref()?;
        let value = self.value.to_f64();
        (value != 0.0).then(|| (high.to_f64() - low.to_f64()) / (2.0 * 1.96) / value.abs())
    }
}

/// A set of factors: one edition, made only by reading its file whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorSet {
    /// Id, with which a method names it.
    pub id: String,
    /// Version of the file.
    pub version: String,
    /// SHA-256 of the file.
    pub digest: Sha256,
    size: u64,
    factors: Vec<Factor>,
}

impl FactorSet {
    /// Length of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The factors, in the order of the file.
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// Every set that comes with this crate.
    pub fn shipped() -> Vec<FactorSet> {
        // The files are compiled in and read by a test, so none is left out here.
        SHIPPED.iter().filter_map(|(id, version, text)| FactorSet::read(id, version, text.as_bytes()).ok()).collect()
    }

    /// The set of this id that comes with this crate.
    pub fn find_shipped(id: &str) -> Option<FactorSet> {
        let (id, version, text) = SHIPPED.iter().find(|(known, _, _)| *known == id)?;
        FactorSet::read(id, version, text.as_bytes()).ok()
    }

    /// Ids of the sets that come with this crate.
    pub fn shipped_ids() -> Vec<&'static str> {
        SHIPPED.iter().map(|(id, _, _)| *id).collect()
    }
}

/// SHA-256 of the table of a set of global warming potentials: the identity of that edition.
pub fn gwp_digest(set: GwpSet) -> Sha256 {
    Sha256::of(set.table().as_bytes())
}

#[cfg(test)]
mod tests;
