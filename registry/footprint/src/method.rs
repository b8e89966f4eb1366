//! Methods: versioned data, named by digest in every statement.
//!
//! A file is TOML of the shape of `schema/method.schema.json`. It is read closed and validated as a whole: every unit,
//! set and factor that it names must be there. An edition never changes; a new one is a new file.

mod rules;

use metering::{CalibrationRule, EdgeRule, GapRule, Rules};
use quantity::{Decimal, GwpSet, Rounding};
use record::footprint::MethodReference;
use record::instrument::Sha256;
use serde::Deserialize;

use crate::factors::FactorSet;

pub use rules::{
    Allocation, AllocationBasis, AllocationTarget, Boundary, BoundaryKind, CutOff, CutOffRule, DefaultValueRule,
    DefaultValueTable, FunctionalUnit, HeatRule, Indirect, LifeCycleStage, MarkUp, Measured, NegativeRule,
    PrecursorIndirect, ResidueRule, WasteGasRule, Zero,
};
pub(crate) use rules::{begins, check_codes, positive};

/// The files of all known methods. A new edition is a new file; an old one never changes.
const FILES: &[&str] = &[
    include_str!("../methods/cbam-transitional-2023-1773.toml"),
    include_str!("../methods/cbam-2026.toml"),
    include_str!("../methods/iso-14067-cradle-to-gate.toml"),
];

/// The factor set of methods whose figures the plant file states.
const PLANT: &str = "plant";

/// A method as its file states it. Rules that a file does not state are not part of the method.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Id, with which a plant file names it.
    pub id: String,
    /// Version of the file.
    pub version: String,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// Scheme, by URI.
    pub scheme: String,
    /// Standards that quantify alike.
    #[serde(default)]
    pub equivalents: Vec<String>,
    /// Set of global warming potentials.
    pub gwp_set: GwpSet,
    /// Set of emission factors; `plant` when the plant file states them.
    pub factor_set: String,
    /// Sets of emission factors that a plant file may refer to.
    #[serde(default)]
    pub factor_sets: Vec<String>,
    /// What results refer to, unless [`Method::unit_of`] finds a rule for the goods.
    pub functional_unit: String,
    /// Functional units by CN code.
    #[serde(default)]
    pub functional_units: Vec<FunctionalUnit>,
    /// Mass of CO2 per mass of carbon.
    pub co2_per_carbon: Decimal,
    /// Rounding of results.
    pub rounding: Rounding,
    /// What is within the footprint.
    #[serde(default)]
    pub boundary: Option<Boundary>,
    /// Of which goods indirect emissions count.
    #[serde(default)]
    pub indirect: Option<Indirect>,
    /// Default values and their mark-up.
    #[serde(default)]
    pub default_values: Option<DefaultValueRule>,
    /// Rules of allocation, in the order in which they apply.
    #[serde(default)]
    pub allocation: Vec<Allocation>,
    /// Waste gas that leaves or enters a process.
    #[serde(default)]
    pub waste_gas: Option<WasteGasRule>,
    /// Efficiencies of heat where they are not known.
    #[serde(default)]
    pub heat: Option<HeatRule>,
    /// Scrap, by-products, waste.
    #[serde(default)]
    pub residues: Option<ResidueRule>,
    /// Attributed emissions below zero.
    #[serde(default)]
    pub negative: Option<NegativeRule>,
    /// What may be left out.
    #[serde(default)]
    pub cut_off: Option<CutOff>,
    uncalibrated: OnFinding,
    gaps: OnFinding,
    #[serde(skip, default = "no_digest")]
    digest: Sha256,
    #[serde(skip)]
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnFinding {
    Refuse,
    Mark,
}

pub(crate) fn no_digest() -> Sha256 {
    Sha256([0; 32])
}

/// Why a file is not a method.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MethodError {
    /// Not TOML, or not of the shape of a method: line, key and problem.
    #[error("{problem}")]
    Shape {
        /// What stands in the way, with its line.
        problem: String,
    },
    /// What the file says does not hold together.
    #[error("method {id:?}: {}", .problems.join("; "))]
    Rules {
        /// Id of the method.
        id: String,
        /// Everything found wrong, with the key.
        problems: Vec<String>,
    },
}

impl Method {
    /// The method of this id.
    pub fn find(id: &str) -> Option<Method> {
        Method::all().into_iter().find(|method| method.id == id)
    }

    /// Every known method.
    pub fn all() -> Vec<Method> {
        // The files are compiled in and read by a test, so none is left out here.
        FILES.iter().filter_map(|text| Method::read(text).ok()).collect()
    }

    /// Reads the file of a method and validates it as a whole.
    ///
    /// # Errors
    /// [`MethodError`].
    pub fn read(text: &str) -> Result<Method, MethodError> {
        let mut method: Method =
            toml::from_str(text).map_err(|error| MethodError::Shape { problem: error.to_string() })?;
        method.digest = Sha256::of(text.as_bytes());
        method.size = text.len() as u64;
        let problems = method.problems();
        if problems.is_empty() { Ok(method) } else { Err(MethodError::Rules { id: method.id, problems }) }
    }

    /// SHA-256 of the method's file.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// Length of the method's file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How a statement names the method.
    pub fn reference(&self) -> MethodReference {
        MethodReference {
            scheme: self.scheme.clone(),
            id: self.id.clone(),
            version: self.version.clone(),
            digest: self.digest,
            gwp_set: self.gwp_set.to_string(),
            factor_set: self.factor_set.clone(),
        }
    }

    /// Its rules for measured data.
    pub fn rules(&self) -> Rules {
        Rules {
            calibration: match self.uncalibrated {
                OnFinding::Refuse => CalibrationRule::Refuse,
                OnFinding::Mark => CalibrationRule::Mark,
            },
            gap: match self.gaps {
                OnFinding::Refuse => GapRule::Refuse,
                OnFinding::Mark => GapRule::Mark,
            },
            edge: EdgeRule::Refuse,
        }
    }

    /// Readings outside every valid calibration are refused from now on.
    pub(crate) fn refuse_uncalibrated(&mut self) {
        self.uncalibrated = OnFinding::Refuse;
    }

    /// Gaps in readings are refused from now on.
    pub(crate) fn refuse_gaps(&mut self) {
        self.gaps = OnFinding::Refuse;
    }

    /// The sets of factors that a plant file may refer to. A method whose file is here names only sets that are.
    pub fn allowed_factors(&self) -> Vec<FactorSet> {
        self.factor_sets.iter().filter_map(|id| FactorSet::find_shipped(id)).collect()
    }

    /// The rule of functional unit for goods of this CN code, where the method has one.
    pub fn unit_of(&self, cn_code: &str) -> Option<&FunctionalUnit> {
        self.functional_units.iter().find(|rule| rules::begins(&rule.cn_codes, cn_code))
    }

    /// Whether indirect emissions of goods of this CN code count; they do where the method does not say otherwise.
    pub fn counts_indirect(&self, cn_code: &str) -> bool {
        self.indirect
            .as_ref()
            .is_none_or(|rule| !rules::begins(&rule.direct_only, cn_code) || rules::begins(&rule.except, cn_code))
    }

    /// The mark-up on default values of a sector in a year, where the method has one.
    pub fn mark_up(&self, sector: &str, year: u16) -> Option<&MarkUp> {
        let rows = &self.default_values.as_ref()?.mark_up;
        rows.iter().find(|row| row.sector.as_deref().is_none_or(|known| known == sector) && row.from_year <= year)
    }
}

#[cfg(test)]
mod tests;
