//! Product-category rules: what a method leaves to a category of goods (ISO 14025:2006, 6.7; ISO 14067:2018, 6.2).
//!
//! A file is TOML of the shape of `schema/product-category-rules.schema.json`, read closed and validated as a whole. It is
//! data of whoever publishes it: none is shipped, the user names a file, and the statement names it by digest. Rules only
//! narrow a method: they refuse what the method would mark, allow fewer sets of factors, and add requirements on data,
//! a limit and grades. An annotated example stands in `registry/footprint/examples/cement-rules.toml`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use quantity::{Decimal, KindName, Unit};
use record::footprint::{DataQuality, EditionReference};
use record::instrument::{Period, Sha256};
use record::plant::{Allocation, FunctionalUnit, Limit, LimitFor, LimitRule, Plant, Product};
use serde::Deserialize;

use crate::factors::FactorSet;
use crate::method::{self, Method};

/// Largest file read.
pub const MAX_BYTES: usize = 1 << 20;

/// Rules of a category of goods as their file states them. Made only by [`ProductCategoryRules::read`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductCategoryRules {
    /// Id, with which a plant file names them.
    pub id: String,
    /// Version of the file.
    pub version: String,
    /// Name for people.
    pub title: String,
    /// Document that the rules come from.
    pub source: String,
    /// Methods that they narrow, by id.
    pub methods: Vec<String>,
    /// Beginnings of the CN codes of the goods.
    pub cn_codes: Vec<String>,
    /// First day of the periods that they are for.
    pub from: Date,
    /// First day of the periods that they are no longer for; absent: open.
    #[serde(default)]
    pub until: Option<Date>,
    /// What results refer to, as a plant file writes it.
    pub functional_unit: String,
    /// Sets of factors that may be used; absent: those of the method.
    #[serde(default)]
    pub factor_sets: Option<Vec<String>>,
    /// Whether readings outside every valid calibration are refused; otherwise the method decides.
    #[serde(default)]
    pub refuse_uncalibrated: bool,
    /// Whether gaps in readings are refused; otherwise the method decides.
    #[serde(default)]
    pub refuse_gaps: bool,
    /// By what emissions may be shared among outputs; absent: as the method says.
    #[serde(default)]
    pub allocation: Option<AllocationRule>,
    /// What the data behind a result must reach.
    #[serde(default)]
    pub data_quality: Option<DataQualityRule>,
    /// Limit to decide against.
    #[serde(default)]
    pub limit: Option<CategoryLimit>,
    /// Grades of a label, best first.
    #[serde(default)]
    pub grades: Vec<Grade>,
    #[serde(skip, default = "method::no_digest")]
    digest: Sha256,
    #[serde(skip)]
    size: u64,
}

/// How emissions are shared among outputs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationRule {
    /// By what.
    pub by: Vec<AllocationBy>,
    /// Clause of the rule.
    pub clause: String,
}

/// By what emissions are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllocationBy {
    /// Mass.
    Mass,
    /// Energy content.
    Energy,
    /// Value.
    Economic,
    /// Shares that the plant file states.
    Stated,
}

/// What the data behind a result must reach. Shares run from 0 to 1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataQualityRule {
    /// Least share of primary data.
    #[serde(default)]
    pub least_primary_data_share: Option<Decimal>,
    /// Least share under valid calibration.
    #[serde(default)]
    pub least_calibration_coverage_share: Option<Decimal>,
    /// Largest share of the metered time without a reading.
    #[serde(default)]
    pub most_gap_share: Option<Decimal>,
    /// Largest share of default values.
    #[serde(default)]
    pub most_default_value_share: Option<Decimal>,
    /// Clause of the rule.
    pub clause: String,
}

/// A limit, and how results are decided against it and against the grades.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryLimit {
    /// Which result it is for.
    pub result: CategoryResult,
    /// Its value.
    pub value: Decimal,
    /// Its unit.
    pub unit: Unit,
    /// Guard band in standard uncertainties (JCGM 106:2012, 8.3.2); absent: simple acceptance.
    #[serde(default)]
    pub guard_multiple: Option<Decimal>,
    /// Clause of the rule.
    pub clause: String,
}

/// Which result is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CategoryResult {
    /// Direct emissions.
    Direct,
    /// The total.
    Total,
}

/// A grade of a label: reached where the result conforms with its bound by the rule of the limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// Name of the grade.
    pub name: String,
    /// Its bound, in the unit of the limit.
    pub at_most: Decimal,
}

/// Why a file is none of product-category rules.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CategoryError {
    /// Longer than [`MAX_BYTES`].
    #[error("the file has {size} bytes, more than {MAX_BYTES}")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not TOML, or not of the shape of the rules: line, key and problem.
    #[error("{problem}")]
    Shape {
        /// What stands in the way, with its line.
        problem: String,
    },
    /// What the file says does not hold together.
    #[error("product-category rules {id:?}: {}", .problems.join("; "))]
    Rules {
        /// Their id.
        id: String,
        /// Everything found wrong, with the key.
        problems: Vec<String>,
    },
}

impl ProductCategoryRules {
    /// Reads a file and validates it as a whole.
    ///
    /// # Errors
    /// [`CategoryError`].
    pub fn read(bytes: &[u8]) -> Result<Self, CategoryError> {
        if bytes.len() > MAX_BYTES {
            return Err(CategoryError::TooLarge { size: bytes.len() });
        }
        let shape = |problem: String| CategoryError::Shape { problem };
        let text = std::str::from_utf8(bytes).map_err(|error| shape(format!("not UTF-8 text: {error}")))?;
        let mut rules: Self = toml::from_str(text).map_err(|error| shape(error.to_string()))?;
        rules.digest = Sha256::of(bytes);
        rules.size = bytes.len() as u64;
        let problems = rules.problems();
        if problems.is_empty() { Ok(rules) } else { Err(CategoryError::Rules { id: rules.id, problems }) }
    }

    /// SHA-256 of the file.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// Length of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How a statement names them.
    pub fn reference(&self) -> EditionReference {
        EditionReference { id: self.id.clone(), version: self.version.clone(), digest: self.digest }
    }

    /// The limit with its decision rule, as plant files state one.
    pub fn limit(&self) -> Option<Limit> {
        self.limit.as_ref().map(|limit| Limit {
            result: match limit.result {
                CategoryResult::Direct => LimitFor::Direct,
                CategoryResult::Total => LimitFor::Total,
            },
            value: limit.value.clone(),
            unit: limit.unit,
            rule: match &limit.guard_multiple {
                None => LimitRule::Simple,
                Some(multiple) => LimitRule::Guarded { multiple: multiple.clone() },
            },
            source: format!("{} {}: {}", self.id, self.version, limit.clause),
        })
    }

    /// The method as these rules narrow it.
    #[must_use]
    pub(crate) fn narrow(&self, mut method: Method) -> Method {
        if let Some(allowed) = &self.factor_sets {
            method.factor_sets.retain(|id| allowed.contains(id));
        }
        if self.refuse_uncalibrated {
            method.refuse_uncalibrated();
        }
        if self.refuse_gaps {
            method.refuse_gaps();
        }
        method
    }

    /// What keeps these rules from applying to a product of a plant: each with its remedy.
    pub(crate) fn misfits(&self, plant: &Plant, product: &Product) -> Vec<String> {
        let mut found = Vec::new();
        if !self.methods.contains(&plant.method) {
            found.push(format!("they are for {}, not for method {}", self.methods.join(", "), plant.method));
        }
        if !method::begins(&self.cn_codes, &product.cn_code) {
            let codes = self.cn_codes.join(", ");
            found.push(format!("they are for goods of CN code {codes}, not {}", product.cn_code));
        }
        if !self.covers(&plant.period) {
            let until = self.until.map_or(String::new(), |until| format!(" and before {until}"));
            found.push(format!("they are for periods that begin from {}{until}; take the edition in force", self.from));
        }
        if product.functional_unit.name() != self.functional_unit {
            found.push(format!("results are per {:?}, not per \"{}\"", self.functional_unit, product.functional_unit));
        }
        if let Some(rule) = &self.allocation {
            let allowed = |by: Allocation| match by {
                Allocation::Whole => true,
                Allocation::Mass => rule.by.contains(&AllocationBy::Mass),
                Allocation::Energy => rule.by.contains(&AllocationBy::Energy),
                Allocation::Economic => rule.by.contains(&AllocationBy::Economic),
                Allocation::Stated => rule.by.contains(&AllocationBy::Stated),
            };
            for process in plant.processes.iter().filter(|process| !allowed(process.allocation)) {
                found.push(format!("process {:?} is not shared as they say ({})", process.name, rule.clause));
            }
        }
        if plant.limit.is_some() && self.limit.is_some() {
            found.push("they state the limit: leave it out of the plant file".to_owned());
        }
        found
    }

    /// What the data behind a result do not reach.
    pub(crate) fn shortfalls(&self, quality: &DataQuality) -> Vec<String> {
        let Some(rule) = &self.data_quality else { return Vec::new() };
        let mut found = Vec::new();
        let clause = &rule.clause;
        for (name, is, least) in [
            ("primary data", Some(&quality.primary_data_share), &rule.least_primary_data_share),
            ("calibration", quality.calibration_coverage_share.as_ref(), &rule.least_calibration_coverage_share),
        ] {
            match (is, least) {
                (Some(is), Some(least)) if is.to_f64() < least.to_f64() => {
                    found.push(format!("share of {name} is {is}, must be at least {least} ({clause})"));
                }
                (None, Some(least)) => {
                    found.push(format!("share of {name}: nothing is metered, must be at least {least} ({clause})"));
                }
                _ => {}
            }
        }
        for (name, is, most) in [
            ("gaps", &quality.gap_share, &rule.most_gap_share),
            ("default values", &quality.default_value_share, &rule.most_default_value_share),
        ] {
            if let Some(most) = most.as_ref().filter(|most| is.to_f64() > most.to_f64()) {
                found.push(format!("share of {name} is {is}, must be at most {most} ({clause})"));
            }
        }
        found
    }

    fn covers(&self, period: &Period) -> bool {
        let starts = period.start.to_zoned(TimeZone::UTC).date();
        self.from <= starts && self.until.is_none_or(|until| starts < until)
    }

    /// Everything that does not hold together, with its key.
    fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (key, text) in
            [("id", &self.id), ("version", &self.version), ("title", &self.title), ("source", &self.source)]
        {
            if text.trim().is_empty() || text.trim() != text {
                found.push(format!("{key}: must be a text without blanks at its ends"));
            }
        }
        if self.methods.is_empty() {
            found.push("methods: name at least one".to_owned());
        }
        for id in &self.methods {
            match Method::find(id) {
                None => {
                    let known: Vec<String> = Method::all().into_iter().map(|method| method.id).collect();
                    found.push(format!("methods: {id:?} is not known; known are {}", known.join(", ")));
                }
                Some(method) => {
                    for set in self.factor_sets.iter().flatten().filter(|set| !method.factor_sets.contains(set)) {
                        found.push(format!("factor_sets: method {id} does not allow {set:?}"));
                    }
                }
            }
        }
        let known = FactorSet::shipped_ids();
        for set in self.factor_sets.iter().flatten().filter(|set| !known.contains(&set.as_str())) {
            found.push(format!("factor_sets: {set:?} is not known; known are {}", known.join(", ")));
        }
        if self.cn_codes.is_empty() {
            found.push("cn_codes: name at least one".to_owned());
        }
        method::check_codes(&mut found, "cn_codes", &self.cn_codes);
        if self.until.is_some_and(|until| until <= self.from) {
            found.push("until: must be after from".to_owned());
        }
        if !FunctionalUnit::ALL.iter().any(|unit| unit.name() == self.functional_unit) {
            let known: Vec<&str> = FunctionalUnit::ALL.iter().map(|unit| unit.name()).collect();
            found.push(format!("functional_unit: must be one of {}", known.join(", ")));
        }
        let mut clauses = Vec::new();
        if let Some(rule) = &self.allocation {
            clauses.push(("allocation.clause", &rule.clause));
        }
        if let Some(rule) = &self.data_quality {
            clauses.push(("data_quality.clause", &rule.clause));
            for (key, share) in [
                ("least_primary_data_share", &rule.least_primary_data_share),
                ("least_calibration_coverage_share", &rule.least_calibration_coverage_share),
                ("most_gap_share", &rule.most_gap_share),
                ("most_default_value_share", &rule.most_default_value_share),
            ] {
                if share.as_ref().is_some_and(|share| share.is_negative() || share.to_f64() > 1.0) {
                    found.push(format!("data_quality.{key}: must be 0 to 1"));
                }
            }
        }
        if let Some(limit) = &self.limit {
            clauses.push(("limit.clause", &limit.clause));
            if limit.unit.kind() != KindName::Co2ePerMass {
                found.push(format!("limit.unit: must be a mass of CO2e per mass, as \"tCO2e/t\", not {}", limit.unit));
            }
            let multiples = limit.guard_multiple.iter().map(|multiple| ("limit.guard_multiple", multiple));
            for (key, number) in multiples.chain([("limit.value", &limit.value)]) {
                if !method::positive(number) {
                    found.push(format!("{key}: must be above zero"));
                }
            }
        }
        found.extend(self.grade_problems());
        for (key, clause) in clauses {
            if clause.trim().is_empty() {
                found.push(format!("{key}: name the clause of the rule"));
            }
        }
        found
    }

    fn grade_problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.grades.is_empty() {
            return found;
        }
        let Some(limit) = &self.limit else {
            return vec!["grades: need [limit], for its unit, result and decision rule".to_owned()];
        };
        for (place, grade) in self.grades.iter().enumerate() {
            if grade.name.trim().is_empty() || self.grades[..place].iter().any(|other| other.name == grade.name) {
                found.push(format!("grades[{place}].name: must be a name that no other grade has"));
            }
            if !method::positive(&grade.at_most) || grade.at_most.to_f64() > limit.value.to_f64() {
                found.push(format!("grades[{place}].at_most: must be above zero and at most the limit"));
            }
        }
        if !self.grades.is_sorted_by(|a, b| a.at_most.to_f64() < b.at_most.to_f64()) {
            found.push("grades: put the best, which has the least bound, first".to_owned());
        }
        found
    }
}

#[cfg(test)]
mod tests;
