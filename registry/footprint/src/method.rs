//! Methods: versioned data, named by digest in every statement.

use metering::{CalibrationRule, EdgeRule, GapRule, Rules};
use quantity::{Decimal, GwpSet, Rounding};
use record::footprint::MethodReference;
use record::instrument::Sha256;
use serde::Deserialize;

/// The files of all known methods. A new edition is a new file; an old one never changes.
const FILES: &[&str] = &[include_str!("../methods/cbam-transitional-2023-1773.toml")];

/// A method as its file states it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Id, with which a plant file names it.
    pub id: String,
    /// Version of the file.
    pub version: String,
    /// Scheme, by URI.
    pub scheme: String,
    /// Set of global warming potentials.
    pub gwp_set: GwpSet,
    /// Set of emission factors; `plant` when the plant file states them.
    pub factor_set: String,
    /// What results refer to.
    pub functional_unit: String,
    /// Mass of CO2 per mass of carbon.
    pub co2_per_carbon: Decimal,
    /// Rounding of results.
    pub rounding: Rounding,
    uncalibrated: OnFinding,
    gaps: OnFinding,
    #[serde(skip, default = "no_digest")]
    digest: Sha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnFinding {
    Refuse,
    Mark,
}

fn no_digest() -> Sha256 {
    Sha256([0; 32])
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

    fn read(text: &str) -> Result<Method, toml::de::Error> {
        let mut method: Method = toml::from_str(text)?;
        method.digest = Sha256::of(text.as_bytes());
        Ok(method)
    }

    /// SHA-256 of the method's file.
    pub fn digest(&self) -> Sha256 {
        self.digest
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_file_is_read() {
        for text in FILES {
            Method::read(text).unwrap();
        }
        let method = Method::find("cbam-transitional-2023-1773").unwrap();
        assert_eq!(method.rounding, Rounding::STATEMENT);
        assert!(Method::find("none").is_none());
    }
}
