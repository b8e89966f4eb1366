//! Why there is no footprint: each error names the stream, process or precursor, and the remedy.

use metering::MeteringError;
use quantity::{DecimalError, KindName, QuantityError};
use record::instrument::{Period, Sha256, Violation};
use uncertainty::UncertaintyError;

use crate::cbam::DefaultValueError;
use crate::factors::FactorError;

/// Why there is no footprint.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FootprintError {
    /// The plant names a method that is not known.
    #[error("method {found:?} is not known; known: {}", .known.join(", "))]
    UnknownMethod {
        /// Method found.
        found: String,
        /// Methods known.
        known: Vec<String>,
    },
    /// Product-category rules are named and not given, or given and not named.
    #[error("{problem}")]
    CategoryRulesMissing {
        /// What to give or name.
        problem: String,
    },
    /// A product that its product-category rules do not allow.
    #[error("product {product:?}: product-category rules {id:?}: {}", .problems.join("; "))]
    CategoryRules {
        /// Product.
        product: String,
        /// Id of the rules.
        id: String,
        /// Everything that does not fit.
        problems: Vec<String>,
    },
    /// The evidence is that of another site.
    #[error("the evidence is of site {evidence:?}, the plant file of {plant:?}")]
    OtherSite {
        /// Site of the evidence.
        evidence: String,
        /// Site of the plant file.
        plant: String,
    },
    /// The evidence is that of another period.
    #[error("the evidence is of {evidence}, the plant file of {plant}")]
    OtherPeriod {
        /// Period of the evidence.
        evidence: Period,
        /// Period of the plant file.
        plant: Period,
    },
    /// The evidence breaks its own rules.
    #[error("evidence: {}", .violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Evidence {
        /// What is wrong.
        violations: Vec<Violation>,
    },
    /// The plant has no product of this name, or several where one was not chosen.
    #[error("choose one product: {}", .known.join(", "))]
    Product {
        /// Products of the plant.
        known: Vec<String>,
    },
    /// The evidence does not give a figure.
    #[error("{path}: {source}")]
    Metering {
        /// Stream, process or precursor, and the figure.
        path: String,
        /// Why.
        source: MeteringError,
    },
    /// A figure has a unit of another kind.
    #[error("{path}: {source}")]
    Quantity {
        /// Stream, process or precursor, and the figure.
        path: String,
        /// The mismatch.
        source: QuantityError,
    },
    /// A figure cannot come from where the plant file takes it.
    #[error("{path}: {expected} cannot be taken from {from}")]
    WrongSource {
        /// Stream, process or precursor, and the figure.
        path: String,
        /// Kind needed.
        expected: KindName,
        /// Instrument, material or analyses.
        from: &'static str,
    },
    /// A calorific value is missing, or stands beside an activity in units of energy.
    #[error("{path}: a net calorific value is needed for a mass or volume of fuel, and only there")]
    CalorificValue {
        /// Stream.
        path: String,
    },
    /// A process produced nothing.
    #[error("process {process:?} produced nothing in the period: emissions per tonne have no meaning")]
    NoProduction {
        /// Process.
        process: String,
    },
    /// A share above one, or another figure outside its range.
    #[error("{path}: {value} is outside 0 to 1")]
    Share {
        /// Stream and the figure.
        path: String,
        /// Value found.
        value: f64,
    },
    /// A factor that does not fit what it is taken for.
    #[error("{path}: {source}")]
    Factor {
        /// Stream, process or precursor, and the figure.
        path: String,
        /// What stands in the way, and the remedy.
        source: FactorError,
    },
    /// A kind of factor that is not known.
    #[error("{path}: there is no kind of factor {found:?}; a figure like this one is plainly {known}")]
    FactorKind {
        /// Stream, process or precursor, and the figure.
        path: String,
        /// Kind found.
        found: String,
        /// Kinds that fit without being named.
        known: String,
    },
    /// There is no default value for a precursor, or no table of them was given.
    #[error("precursor {precursor:?}: {}", source.as_ref().map_or_else(|| "it takes a default value, and no table of default values was given; touchctl footprints takes one with --defaults".to_owned(), ToString::to_string))]
    DefaultValue {
        /// Precursor.
        precursor: String,
        /// Why; none where no table was given.
        source: Option<DefaultValueError>,
    },
    /// The method states results of these goods per another unit than the plant file.
    #[error("product {product:?}: the method states goods of CN code {cn_code} per {expected}, not per {found:?}")]
    FunctionalUnit {
        /// Product.
        product: String,
        /// Its CN code.
        cn_code: String,
        /// Unit of the plant file.
        found: String,
        /// Unit of the method, with what to state.
        expected: String,
    },
    /// Goods without what their functional unit measures.
    #[error("product {product:?}: content must be above 0: goods without it have no result per {unit:?}")]
    Content {
        /// Product.
        product: String,
        /// Functional unit.
        unit: String,
    },
    /// A supplier's statement per another unit than a tonne of goods.
    #[error(
        "precursor {precursor:?}: the supplier's statement is per {found:?}; what is used here is weighed: ask for one per \
         \"1 t\""
    )]
    StatementUnit {
        /// Precursor.
        precursor: String,
        /// Functional unit of the statement.
        found: String,
    },
    /// A certificate that the plant file names was not given.
    #[error(
        "precursor {precursor:?}: certificate {id} is not here; give its bundle, with the trust file to verify it by"
    )]
    NoCertificate {
        /// Precursor.
        precursor: String,
        /// Id of the certificate.
        id: String,
    },
    /// A certificate that cannot stand for this precursor.
    #[error("precursor {precursor:?}: certificate {id} cannot be used: {problem}")]
    CertificateUnfit {
        /// Precursor.
        precursor: String,
        /// Id of the certificate.
        id: String,
        /// Why.
        problem: String,
    },
    /// What is handed on has no factor, and the method has no rule for it.
    #[error(
        "exchange {exchange:?}: the method has no rule for its emissions; state factor (for heat with its efficiency)"
    )]
    ExchangeFactor {
        /// Exchange.
        exchange: String,
    },
    /// The method counts indirect emissions of precursors by their code.
    #[error(
        "precursor {precursor:?}: state cn_code; whether its indirect emissions count depends on it by this method"
    )]
    PrecursorCode {
        /// Precursor.
        precursor: String,
    },
    /// An allocation has nothing to divide by: every output has a weight of zero.
    #[error("process {process:?}: the weights of its outputs sum to zero: nothing can be shared by them")]
    Allocation {
        /// Process.
        process: String,
    },
    /// Shares that do not sum to one, where they are known only from the evidence or a table.
    #[error("process {process:?}: the shares of its outputs sum to {sum}, not to 1")]
    Shares {
        /// Process.
        process: String,
        /// Sum found.
        sum: f64,
    },
    /// A coefficient and an intensity of anode effects that do not belong together, or a missing efficiency.
    #[error("{path}: {problem}")]
    AnodeEffects {
        /// Stream.
        path: String,
        /// What does not fit, and the remedy.
        problem: &'static str,
    },
    /// A supplier's statement was not given.
    #[error("precursor {precursor:?}: the statement with SHA-256 {sha256} was not given; add its file")]
    NoStatement {
        /// Precursor.
        precursor: String,
        /// Digest in the plant file.
        sha256: Sha256,
    },
    /// A supplier's statement is by another set of warming potentials.
    #[error(
        "precursor {precursor:?}: the statement is by {found}, the method by {expected}; ask the supplier for one by {expected}"
    )]
    OtherGwpSet {
        /// Precursor.
        precursor: String,
        /// Set of the statement.
        found: String,
        /// Set of the method.
        expected: String,
    },
    /// A supplier's statement rests on this plant file, or on itself.
    #[error("precursor {precursor:?}: the statement rests on this very plant file: precursors cannot be circular")]
    Circular {
        /// Precursor.
        precursor: String,
    },
    /// Processes take from each other at least what they make.
    #[error("process {process:?} is in a loop that consumes at least what it produces; check the amounts")]
    Loop {
        /// Process.
        process: String,
    },
    /// A number left the range in which it can be stated.
    #[error("{path}: {source}")]
    Range {
        /// Which number.
        path: String,
        /// Why it cannot be stated.
        source: DecimalError,
    },
    /// A value or uncertainty is not finite, or divided by zero.
    #[error("{path}: {source}")]
    Uncertainty {
        /// Which figure.
        path: String,
        /// Why.
        source: UncertaintyError,
    },
}

impl FootprintError {
    /// Stable word for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            FootprintError::UnknownMethod { .. } => "METHOD_UNKNOWN",
            FootprintError::CategoryRulesMissing { .. } => "CATEGORY_RULES_MISSING",
            FootprintError::CategoryRules { .. } => "CATEGORY_RULES_NOT_MET",
            FootprintError::OtherSite { .. } => "OTHER_SITE",
            FootprintError::OtherPeriod { .. } => "OTHER_PERIOD",
            FootprintError::Evidence { .. } => "EVIDENCE_INVALID",
            FootprintError::Product { .. } => "PRODUCT_UNKNOWN",
            FootprintError::Metering { source, .. } => match source {
                MeteringError::Uncalibrated { .. } | MeteringError::NoUncertainty { .. } => "CALIBRATION_MISSING",
                _ => "EVIDENCE_INCOMPLETE",
            },
            FootprintError::Quantity { .. } => "UNIT_MISMATCH",
            FootprintError::Factor { source, .. } => match source {
                FactorError::OutsideYear { .. } => "FACTOR_OUTSIDE_YEAR",
                FactorError::OutsideRegion { .. } => "FACTOR_OUTSIDE_REGION",
                FactorError::UnknownId { .. } => "FACTOR_UNKNOWN",
                _ => "FACTOR_UNFIT",
            },
            FootprintError::WrongSource { .. } => "SOURCE_UNFIT",
            FootprintError::CalorificValue { .. } => "CALORIFIC_VALUE",
            FootprintError::NoProduction { .. } => "NO_PRODUCTION",
            FootprintError::Share { .. } => "SHARE_OUT_OF_RANGE",
            FootprintError::Allocation { .. } | FootprintError::Shares { .. } => "ALLOCATION",
            FootprintError::FactorKind { .. } => "FACTOR_UNFIT",
            FootprintError::AnodeEffects { .. } => "ANODE_EFFECTS",
            FootprintError::DefaultValue { .. } => "DEFAULT_VALUE_MISSING",
            FootprintError::FunctionalUnit { .. } | FootprintError::Content { .. } => "FUNCTIONAL_UNIT",
            FootprintError::NoCertificate { .. } => "PRECURSOR_CERTIFICATE_MISSING",
            FootprintError::CertificateUnfit { .. } => "PRECURSOR_CERTIFICATE_UNFIT",
            FootprintError::StatementUnit { .. } => "SUPPLIER_STATEMENT_UNFIT",
            FootprintError::ExchangeFactor { .. } => "FACTOR_MISSING",
            FootprintError::PrecursorCode { .. } => "PRECURSOR_CODE_MISSING",
            FootprintError::NoStatement { .. } => "SUPPLIER_STATEMENT_MISSING",
            FootprintError::OtherGwpSet { .. } => "OTHER_GWP_SET",
            FootprintError::Circular { .. } => "PRECURSOR_CIRCULAR",
            FootprintError::Loop { .. } => "LOOP_DIVERGES",
            FootprintError::Range { .. } => "NUMBER_OUT_OF_RANGE",
            FootprintError::Uncertainty { .. } => "NOT_FINITE",
        }
    }

    /// The stream, process or precursor that is meant.
    pub fn path(&self) -> Option<&str> {
        match self {
            FootprintError::Metering { path, .. }
            | FootprintError::Quantity { path, .. }
            | FootprintError::Factor { path, .. }
            | FootprintError::FactorKind { path, .. }
            | FootprintError::WrongSource { path, .. }
            | FootprintError::CalorificValue { path }
            | FootprintError::Share { path, .. }
            | FootprintError::AnodeEffects { path, .. }
            | FootprintError::Range { path, .. }
            | FootprintError::Uncertainty { path, .. } => Some(path),
            FootprintError::NoProduction { process }
            | FootprintError::Allocation { process }
            | FootprintError::Shares { process, .. }
            | FootprintError::Loop { process } => Some(process),
            FootprintError::FunctionalUnit { product, .. }
            | FootprintError::Content { product, .. }
            | FootprintError::CategoryRules { product, .. } => Some(product),
            FootprintError::ExchangeFactor { exchange } => Some(exchange),
            FootprintError::StatementUnit { precursor, .. }
            | FootprintError::NoCertificate { precursor, .. }
            | FootprintError::CertificateUnfit { precursor, .. }
            | FootprintError::PrecursorCode { precursor } => Some(precursor),
            FootprintError::NoStatement { precursor, .. }
            | FootprintError::DefaultValue { precursor, .. }
            | FootprintError::OtherGwpSet { precursor, .. }
            | FootprintError::Circular { precursor } => Some(precursor),
            FootprintError::UnknownMethod { .. }
            | FootprintError::CategoryRulesMissing { .. }
            | FootprintError::OtherSite { .. }
            | FootprintError::OtherPeriod { .. }
            | FootprintError::Evidence { .. }
            | FootprintError::Product { .. } => None,
        }
    }
}
