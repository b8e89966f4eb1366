//! The standard factors of Annex II G as a file states them, number by number as printed.

use std::collections::BTreeMap;

use quantity::Decimal;
use record::instrument::Sha256;
use record::json;
use serde::Deserialize;

use super::TableError;

/// Standard factors of Implementing Regulation (EU) 2025/2547, Annex II G.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandardFactors {
    /// The regulation and its Official Journal.
    pub source: String,
    /// Table 1: fuels.
    pub fuels_table1: Vec<Fuel>,
    /// Table 2: biomass.
    pub biomass_table2: Vec<Biomass>,
    /// Table 3: tCO2 per tonne of carbonate.
    pub carbonates_table3_tco2_per_t: BTreeMap<String, Decimal>,
    /// Table 4: tCO2 per tonne of oxide.
    pub oxides_table4_tco2_per_t: BTreeMap<String, Decimal>,
    iron_steel_table5: IronAndSteel,
    /// Table 6: tCO2e per tonne of gas.
    pub gwp_table6: BTreeMap<String, Decimal>,
    /// Further constants, by name.
    pub constants: BTreeMap<String, Decimal>,
    #[serde(skip, default = "no_digest")]
    digest: Sha256,
}

fn no_digest() -> Sha256 {
    Sha256([0; 32])
}

/// A fuel of Table 1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fuel {
    /// Fuel.
    pub fuel: String,
    /// Emission factor.
    pub ef_tco2_per_tj: Decimal,
    /// Net calorific value, where the table has one.
    pub ncv_tj_per_gg: Option<Decimal>,
    /// Source, where it is not the IPCC Guidelines.
    #[serde(default)]
    pub source: Option<String>,
}

/// A material of Table 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Biomass {
    /// Material.
    pub material: String,
    /// Preliminary emission factor: before the biomass share.
    pub preliminary_ef_tco2_per_tj: Decimal,
    /// Net calorific value.
    pub ncv_gj_per_t: Decimal,
}

/// Table 5: what its columns are, and the materials.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct IronAndSteel {
    #[serde(rename = "_columns")]
    _columns: [String; 2],
    #[serde(flatten)]
    materials: BTreeMap<String, [Decimal; 2]>,
}

impl StandardFactors {
    /// Reads the file.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read(bytes: &[u8]) -> Result<StandardFactors, TableError> {
        let mut found: StandardFactors =
            json::read(bytes).map_err(|error| TableError::NotTable { problem: error.to_string() })?;
        found.digest = Sha256::of(bytes);
        Ok(found)
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// Table 5: material, carbon content (tC/t), emission factor (tCO2/t).
    pub fn iron_and_steel(&self) -> impl Iterator<Item = (&str, &Decimal, &Decimal)> {
        let rows = self.iron_steel_table5.materials.iter();
        rows.map(|(material, [carbon, factor])| (material.as_str(), carbon, factor))
    }
}
