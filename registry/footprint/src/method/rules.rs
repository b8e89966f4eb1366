//! The rules a method may have, and what must hold among them.

use std::collections::BTreeSet;

use quantity::{Decimal, Gas, Unit};
use serde::Deserialize;

use super::{Method, PLANT};
use crate::factors::{Counted, FactorKind, FactorSet};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
            #[serde(rename_all = "kebab-case")]
            pub enum $name {
                $($(#[$of])* $variant,)*
            }
        )*
    };
}

words! {
    /// Which part of a life cycle a footprint covers.
    BoundaryKind {
        /// From the cradle to the gate of the site.
        CradleToGate,
    }
    /// Stages of a result.
    LifeCycleStage {
        /// Direct emissions of the processes.
        Direct,
        /// Emissions of the electricity used.
        Electricity,
        /// Direct emissions embedded in precursors.
        PrecursorDirect,
        /// Emissions of electricity embedded in precursors.
        PrecursorElectricity,
    }
    /// What a functional unit measures.
    Measured {
        /// The goods themselves.
        Goods,
        /// Clinker contained in them.
        Clinker,
        /// Nitrogen contained in them.
        Nitrogen,
        /// The supplementary unit of the goods by the combined nomenclature.
        SupplementaryUnit,
        /// Electricity.
        Electricity,
    }
    /// Whether indirect emissions of a precursor count.
    PrecursorIndirect {
        /// By the precursor's own code.
        ByPrecursor,
        /// Always.
        All,
    }
    /// A table of default values.
    DefaultValueTable {
        /// Default values by country and CN code: [`DefaultValues`](crate::cbam::DefaultValues).
        CbamDefaultValues,
    }
    /// What emissions are allocated to.
    AllocationTarget {
        /// Flows of measurable heat.
        Heat,
        /// Waste gases.
        WasteGas,
        /// Chemical substances and fertilisers made together.
        ChemicalsAndFertilisers,
        /// Products made together.
        CoProducts,
    }
    /// By what they are allocated.
    AllocationBasis {
        /// Energy.
        Energy,
        /// Amount of substance.
        Molar,
        /// Functional units produced.
        FunctionalUnit,
        /// Another physical relation between the products: mass, energy.
        Physical,
        /// Economic value.
        Economic,
    }
    /// What may be left out.
    CutOffRule {
        /// Nothing.
        None,
        /// What is declared with the study.
        Declared,
    }
    /// That something counts as nothing.
    Zero {
        /// Nothing.
        Zero,
    }
}

/// What is within the footprint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boundary {
    /// Part of the life cycle.
    pub kind: BoundaryKind,
    /// Stages.
    pub stages: Vec<LifeCycleStage>,
    /// Clause of the rule.
    pub clause: String,
}

/// Functional unit of goods by the beginning of their CN code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionalUnit {
    /// Beginnings of CN codes.
    pub cn_codes: Vec<String>,
    /// Unit.
    pub unit: Unit,
    /// What is measured in it.
    pub of: Measured,
    /// Clause of the rule.
    pub clause: String,
}

/// Of which goods indirect emissions count.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indirect {
    /// Beginnings of CN codes of goods that count direct emissions alone.
    pub direct_only: Vec<String>,
    /// Beginnings of CN codes that are not of these after all.
    pub except: Vec<String>,
    /// Those of precursors.
    pub precursors: PrecursorIndirect,
    /// Clause of the rule.
    pub clause: String,
}

/// Default values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultValueRule {
    /// Kind of table.
    pub table: DefaultValueTable,
    /// Whether a country without a value takes that of other countries.
    pub other_countries: bool,
    /// Mark-ups; the first that fits.
    pub mark_up: Vec<MarkUp>,
    /// Clause of the rule.
    pub clause: String,
}

/// A mark-up on default values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkUp {
    /// Sector; absent: every sector.
    #[serde(default)]
    pub sector: Option<String>,
    /// First year.
    pub from_year: u16,
    /// Percent of the value.
    pub percent: Decimal,
    /// Clause of the rule.
    pub clause: String,
}

/// A rule of allocation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// What is allocated to.
    pub to: AllocationTarget,
    /// By what.
    pub by: AllocationBasis,
    /// Clause of the rule.
    pub clause: String,
}

/// Waste gas that leaves or enters a process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WasteGasRule {
    /// Id of the factor of the reference fuel.
    pub factor: String,
    /// Correction of what is exported, for the efficiency of its use.
    pub export_correction: Decimal,
    /// Clause of the rule.
    pub clause: String,
}

/// Efficiencies of heat where they are not known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatRule {
    /// Of heat from elsewhere whose fuel is not known.
    pub boiler_efficiency: Decimal,
    /// Of heat that is found from its fuel alone.
    pub reference_efficiency: Decimal,
    /// Of heat, of a cogeneration unit without design values.
    pub chp_heat_efficiency: Decimal,
    /// Of electricity, of a cogeneration unit without design values.
    pub chp_electricity_efficiency: Decimal,
    /// Emissions of heat from chemical reactions other than combustion.
    pub exothermic: Zero,
    /// Clause of the rule.
    pub clause: String,
}

/// Scrap, by-products, waste and off-spec products.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidueRule {
    /// Emissions embedded in them where they enter a process.
    pub embedded: Zero,
    /// Whether they are part of what a process produced.
    pub counted_as_product: bool,
    /// Clause of the rule.
    pub clause: String,
}

/// Attributed emissions below zero.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NegativeRule {
    /// Direct ones.
    pub attributed_direct: Zero,
    /// Clause of the rule.
    pub clause: String,
}

/// What may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutOff {
    /// The rule.
    pub rule: CutOffRule,
    /// Clause of the rule.
    pub clause: String,
}

/// Whether one of these begins the code.
pub(crate) fn begins(beginnings: &[String], code: &str) -> bool {
    beginnings.iter().any(|beginning| code.starts_with(beginning.as_str()))
}

impl Method {
    /// Everything that does not hold together, with its key.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        let sets: Vec<FactorSet> = self.allowed_factors();
        let known = FactorSet::shipped_ids();
        if self.factor_set != PLANT && !known.contains(&self.factor_set.as_str()) {
            found.push(format!(
                "factor_set: {:?} is neither \"plant\" nor one of {}",
                self.factor_set,
                known.join(", ")
            ));
        }
        let mut seen = BTreeSet::new();
        for id in &self.factor_sets {
            if !known.contains(&id.as_str()) {
                found.push(format!("factor_sets: {id:?} is not known; known are {}", known.join(", ")));
            }
            if !seen.insert(id) {
                found.push(format!("factor_sets: {id:?} stands there twice"));
            }
        }
        if !positive(&self.co2_per_carbon) {
            found.push("co2_per_carbon: must be above zero".to_owned());
        }
        let (number, unit) = self.functional_unit.split_once(' ').unwrap_or_default();
        if number.parse::<Decimal>().is_err() || unit.parse::<Unit>().is_err() {
            found.push("functional_unit: must be a number and a unit, as \"1 t\"".to_owned());
        }
        let mut codes = BTreeSet::new();
        for (index, rule) in self.functional_units.iter().enumerate() {
            let key = format!("functional_units[{index}].cn_codes");
            check_codes(&mut found, &key, &rule.cn_codes);
            for code in &rule.cn_codes {
                // A row after one whose code begins its own is never reached.
                if let Some(before) = codes.iter().find(|known: &&&String| code.starts_with(known.as_str())) {
                    found.push(format!("{key}: {code} is covered by {before} before it"));
                }
            }
            codes.extend(&rule.cn_codes);
        }
        if let Some(rule) = &self.indirect {
            check_codes(&mut found, "indirect.direct_only", &rule.direct_only);
            check_codes(&mut found, "indirect.except", &rule.except);
            for code in rule.except.iter().filter(|code| !begins(&rule.direct_only, code)) {
                found.push(format!("indirect.except: {code} is not of direct_only, so there is nothing to except"));
            }
        }
        if let Some(rule) = &self.default_values {
            for (index, row) in rule.mark_up.iter().enumerate() {
                let key = format!("default_values.mark_up[{index}]");
                if row.percent.is_negative() {
                    found.push(format!("{key}.percent: must not be below zero"));
                }
                let covers = |before: &&MarkUp| {
                    (before.sector.is_none() || before.sector == row.sector) && before.from_year <= row.from_year
                };
                if rule.mark_up[..index].iter().any(|before| covers(&before)) {
                    found.push(format!("{key}: a row before it fits whatever it fits; put the later year first"));
                }
            }
        }
        if let Some(rule) = &self.waste_gas {
            check_share(&mut found, "waste_gas.export_correction", &rule.export_correction);
            let factor = sets.iter().flat_map(FactorSet::factors).find(|factor| factor.id == rule.factor);
            match factor {
                Some(factor) if factor.kind == FactorKind::Combustion && factor.counted == Counted::Gas(Gas::Co2) => {}
                Some(_) => found.push(format!("waste_gas.factor: {} is no factor of a fuel to CO2", rule.factor)),
                None => found.push(format!("waste_gas.factor: {:?} is in none of factor_sets", rule.factor)),
            }
        }
        if let Some(rule) = &self.heat {
            for (key, share) in [
                ("heat.boiler_efficiency", &rule.boiler_efficiency),
                ("heat.reference_efficiency", &rule.reference_efficiency),
                ("heat.chp_heat_efficiency", &rule.chp_heat_efficiency),
                ("heat.chp_electricity_efficiency", &rule.chp_electricity_efficiency),
            ] {
                check_share(&mut found, key, share);
            }
            if rule.chp_heat_efficiency.to_f64() + rule.chp_electricity_efficiency.to_f64() > 1.0 {
                found.push("heat: a cogeneration unit does not give more than it takes".to_owned());
            }
        }
        for (key, clause) in self.clauses() {
            if clause.trim().is_empty() {
                found.push(format!("{key}: name the clause of the rule"));
            }
        }
        found
    }

    fn clauses(&self) -> Vec<(&'static str, &str)> {
        let mut clauses: Vec<(&'static str, &str)> = Vec::new();
        clauses.extend(self.functional_units.iter().map(|rule| ("functional_units.clause", rule.clause.as_str())));
        clauses.extend(self.allocation.iter().map(|rule| ("allocation.clause", rule.clause.as_str())));
        clauses.extend(self.boundary.iter().map(|rule| ("boundary.clause", rule.clause.as_str())));
        clauses.extend(self.indirect.iter().map(|rule| ("indirect.clause", rule.clause.as_str())));
        if let Some(rule) = &self.default_values {
            clauses.push(("default_values.clause", &rule.clause));
            clauses.extend(rule.mark_up.iter().map(|row| ("default_values.mark_up.clause", row.clause.as_str())));
        }
        clauses.extend(self.waste_gas.iter().map(|rule| ("waste_gas.clause", rule.clause.as_str())));
        clauses.extend(self.heat.iter().map(|rule| ("heat.clause", rule.clause.as_str())));
        clauses.extend(self.residues.iter().map(|rule| ("residues.clause", rule.clause.as_str())));
        clauses.extend(self.negative.iter().map(|rule| ("negative.clause", rule.clause.as_str())));
        clauses.extend(self.cut_off.iter().map(|rule| ("cut_off.clause", rule.clause.as_str())));
        clauses
    }
}

pub(crate) fn positive(value: &Decimal) -> bool {
    !value.is_negative() && !value.is_zero()
}

fn check_share(found: &mut Vec<String>, key: &str, share: &Decimal) {
    if !positive(share) || share.to_f64() > 1.0 {
        found.push(format!("{key}: {share} must be above 0 and at most 1"));
    }
}

pub(crate) fn check_codes(found: &mut Vec<String>, key: &str, codes: &[String]) {
    for code in codes.iter().filter(|code| !(2..=8).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_digit()))
    {
        found.push(format!("{key}: {code:?} is not a CN code or its beginning: 2 to 8 digits"));
    }
}
