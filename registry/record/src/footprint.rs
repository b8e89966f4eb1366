//! The footprint statement: a result with its units, its uncertainty budget, its decision, and the digest of
//! everything it rests on. Media type [`media::FOOTPRINT`](crate::media::FOOTPRINT).

use quantity::{Decimal, Rounding, Unit};
use serde::{Deserialize, Serialize};

pub use crate::edition::EditionReference;
use crate::evidence::first_difference;
use crate::instrument::{Period, Sha256};
use crate::rating::{PactRatings, PefRatings};

/// Largest statement read.
pub const MAX_BYTES: usize = 4 << 20;

/// Value of the `format` member.
pub const FORMAT: &str = "touchstone-footprint-4";

/// What a product's footprint is, by which rules, and on what it rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FootprintStatement {
    /// Always [`FORMAT`].
    pub format: String,
    /// Rules it was computed by.
    pub method: MethodReference,
    /// Product-category rules that narrowed the method.
    pub product_category_rules: Option<EditionReference>,
    /// Product.
    pub product: ProductReference,
    /// Resource name of the site.
    pub site: String,
    /// Period of the evidence.
    pub period: Period,
    /// What the results refer to.
    pub functional_unit: String,
    /// Production in the period.
    pub production: Amount,
    /// Direct emissions per functional unit.
    pub direct: ResultValue,
    /// Indirect emissions (electricity) per functional unit.
    pub indirect: ResultValue,
    /// Direct and indirect emissions per functional unit.
    pub total: ResultValue,
    /// Electricity used along the chain, per functional unit.
    pub electricity: Amount,
    /// What the total is made of: the parts add up to it.
    pub breakdown: Vec<BreakdownRow>,
    /// What is stated beside the total and is no part of it: biogenic carbon.
    pub beside: Vec<BreakdownRow>,
    /// Uncertainty budget of the total, largest contribution first.
    pub budget: Vec<BudgetRow>,
    /// Quality of the data behind the total.
    pub quality: DataQuality,
    /// Decision against a limit, where the plant file states one.
    pub decision: Option<Decision>,
    /// Best grade of the product-category rules that the result reaches.
    pub grade: Option<Grade>,
    /// Digests of the inputs.
    pub inputs: InputDigests,
    /// Rounding rule, applied once to each number here.
    pub rounding: Rounding,
}

/// Method, warming potentials and factors by name and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodReference {
    /// Scheme, by URI.
    pub scheme: String,
    /// Method id.
    pub id: String,
    /// Method version.
    pub version: String,
    /// SHA-256 of the method's file.
    pub digest: Sha256,
    /// Set of global warming potentials.
    pub gwp_set: String,
    /// Set of emission factors.
    pub factor_set: String,
}

/// A product by its codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProductReference {
    /// CN code, eight digits.
    pub cn_code: String,
    /// Name.
    pub name: String,
    /// Production process.
    pub process: String,
    /// Aggregated goods category.
    pub category: String,
}

/// A number with its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Amount {
    /// The number.
    pub value: Decimal,
    /// The unit.
    pub unit: Unit,
}

/// A result with its uncertainty at 95 % coverage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResultValue {
    /// Best estimate.
    pub value: Decimal,
    /// Unit of all numbers here.
    pub unit: Unit,
    /// Combined standard uncertainty.
    pub standard_uncertainty: Decimal,
    /// Expanded uncertainty, k × u.
    pub expanded_uncertainty: Decimal,
    /// Coverage factor k.
    pub coverage_factor: Decimal,
    /// Effective degrees of freedom (Welch–Satterthwaite); absent means infinite.
    pub effective_degrees_of_freedom: Option<Decimal>,
}

/// Which part of the emissions a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Emissions of the installation.
    Direct,
    /// Emissions of the electricity used.
    Electricity,
    /// Direct emissions embedded in purchased precursors.
    PrecursorDirect,
    /// Emissions of electricity embedded in purchased precursors.
    PrecursorElectricity,
}

/// Where carbon comes from, or what the emissions are of (ISO 14067:2018, 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Fossil carbon, and gases that hold none.
    Fossil,
    /// Biogenic carbon.
    Biogenic,
    /// Change of land use.
    LandUse,
    /// Transport.
    Transport,
}

/// One part of the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BreakdownRow {
    /// Stage.
    pub stage: Stage,
    /// Process it arises in.
    pub process: String,
    /// Stream, precursor, exchange, or `electricity`.
    pub source: String,
    /// Gas, by its formula; `CO2e` where the figure does not tell gases apart.
    pub gas: String,
    /// Origin.
    pub origin: Origin,
    /// Emissions per functional unit, in the unit of the total.
    pub value: Decimal,
    /// Share of the total, in percent.
    pub share_percent: Decimal,
    /// What the emissions are of, per functional unit: fuel, material, electricity, precursor. Absent where emissions are
    /// measured or stated as such.
    pub activity: Option<Amount>,
}

/// One source of uncertainty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetRow {
    /// Id of the source: a certificate, a resolution, an analysis, a stated figure.
    pub source: String,
    /// Signed contribution to the total, in the unit of the total: the sum of the two below.
    pub contribution: Decimal,
    /// Signed contribution to direct emissions.
    pub direct: Decimal,
    /// Signed contribution to indirect emissions.
    pub indirect: Decimal,
    /// Share of the variance, in percent.
    pub share_percent: Decimal,
    /// Contribution relative to the total, in percent.
    pub relative_percent: Decimal,
    /// Degrees of freedom; absent means infinite.
    pub degrees_of_freedom: Option<Decimal>,
}

/// How good the data are, computed and never typed in. Shares run from 0 to 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataQuality {
    /// Share of the metered time of the period that has no reading; 0 where nothing is metered.
    pub gap_share: Decimal,
    /// Share of the metered and weighed quantities that lie under a valid calibration, each weighted by the emissions
    /// that rest on it (production by all of them); absent where nothing is metered.
    pub calibration_coverage_share: Option<Decimal>,
    /// Share of the total whose activity rests on evidence, or on a stated figure marked as measured.
    pub primary_data_share: Decimal,
    /// Share of the direct emissions that rests on default values.
    pub default_value_share: Decimal,
    /// Ratings on PACT's scale; none where no part of the total is above 5 % of it.
    pub pact: Option<PactRatings>,
    /// Ratings on the scale of the Product Environmental Footprint; none where the total is zero.
    pub pef: Option<PefRatings>,
}

/// Decision rule (JCGM 106:2012, 8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DecisionRule {
    /// Conforms when the estimate does not exceed the limit.
    Simple,
    /// Conforms when the estimate plus guard band does not exceed the limit.
    #[serde(rename_all = "camelCase")]
    Guarded {
        /// Guard band in standard uncertainties.
        multiple: Decimal,
    },
}

/// Result of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DecisionResult {
    /// Within the limit, by the rule.
    Conforms,
    /// Beyond the limit, by the rule.
    DoesNotConform,
    /// Within the guard band.
    Inconclusive,
}

/// A decision against an upper limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decision {
    /// Which result was decided on: `direct` or `total`.
    pub of: String,
    /// Limit.
    pub limit: Amount,
    /// Where the limit comes from.
    pub limit_source: String,
    /// Rule.
    pub rule: DecisionRule,
    /// Probability that the true value lies within the limit.
    pub probability_of_conformity: Decimal,
    /// Result.
    pub result: DecisionResult,
}

/// A grade of product-category rules that a result reaches, decided by the rule of their limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grade {
    /// Its name.
    pub name: String,
    /// Its bound.
    pub limit: Amount,
    /// Probability that the true value lies within the bound.
    pub probability_of_conformity: Decimal,
}

/// Digests of everything a statement was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputDigests {
    /// Root of the evidence of the site and period.
    pub evidence_root: Sha256,
    /// SHA-256 of the plant file.
    pub plant_file: Sha256,
    /// SHA-256 of each supplier's statement used, in the order of the plant file.
    pub supplier_statements: Vec<Sha256>,
    /// Suppliers' certificates used, in the order of the plant file.
    pub certificates: Vec<CertificateReference>,
    /// Tables that figures were taken from, by name.
    pub tables: Vec<TableReference>,
}

/// A certificate, by its id and the digest of the signed bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateReference {
    /// Its id (URI).
    pub id: String,
    /// SHA-256 of its entry in the log.
    pub digest: Sha256,
}

/// A table of factors or default values, by name and digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableReference {
    /// Name and edition.
    pub name: String,
    /// SHA-256 of its file.
    pub digest: Sha256,
}

/// Why bytes are no footprint statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Longer than [`MAX_BYTES`].
    #[error("the statement has {size} bytes, more than {MAX_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not JSON of this schema: an unknown, missing, duplicate or mistyped member.
    #[error("line {line}, column {column}: {problem}")]
    Schema {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The problem, with the member's name.
        problem: String,
    },
    /// Another format than [`FORMAT`].
    #[error("format {found:?} is not {FORMAT:?}")]
    Format {
        /// The format found.
        found: String,
    },
    /// The same data in another spelling.
    #[error("not the canonical spelling from byte {offset} on")]
    NotCanonical {
        /// First byte that differs.
        offset: usize,
    },
}

impl FootprintStatement {
    /// The exact bytes: JSON, members in the order of the types, no spaces.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::json::write(self)
    }

    /// Reads a statement: closed schema, and only in the spelling of [`FootprintStatement::to_bytes`].
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > MAX_BYTES {
            return Err(StatementError::TooLarge { size: bytes.len() });
        }
        let read: FootprintStatement = serde_json::from_slice(bytes).map_err(|error| StatementError::Schema {
            line: error.line(),
            column: error.column(),
            problem: error.to_string(),
        })?;
        if read.format != FORMAT {
            return Err(StatementError::Format { found: read.format.chars().take(64).collect() });
        }
        match first_difference(&read.to_bytes(), bytes) {
            Some(offset) => Err(StatementError::NotCanonical { offset }),
            None => Ok(read),
        }
    }

    /// SHA-256 of the exact bytes: how a certificate names the statement.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(&self.to_bytes())
    }
}
