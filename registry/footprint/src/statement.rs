//! From a site to the statement of a product.

use quantity::{Co2ePerMass, Decimal, Kind, Mass, Rounding, Unit};
use record::evidence::Evidence;
use record::footprint::{
    Amount, BreakdownRow, BudgetRow, Decision, DecisionResult, DecisionRule, FORMAT, FootprintStatement, Grade,
    ProductReference, ResultValue,
};
use record::instrument::Sha256;
use record::plant::{FunctionalUnit, LimitFor, LimitRule, Plant, Product};
use uncertainty::{CoverageRule, Limit, Outcome, Uncertain, decide};

use crate::category::ProductCategoryRules;
use crate::error::FootprintError;
use crate::figure::Sources;
use crate::method;
use crate::site::{Part, Results, Site};

/// Budget lines of a statement; what is beyond is joined in one line.
const MAX_BUDGET_ROWS: usize = 200;

/// The footprint of the plant's only product, from evidence alone.
///
/// # Errors
/// [`FootprintError`]; [`FootprintError::Product`] where the plant has several.
pub fn compute(plant: &Plant, evidence: &Evidence) -> Result<FootprintStatement, FootprintError> {
    match &plant.products[..] {
        [product] => compute_product(plant, &Sources::new(evidence), &product.name),
        _ => Err(no_such_product(plant)),
    }
}

/// The footprint of the product of this name.
///
/// # Errors
/// [`FootprintError`].
pub fn compute_product(plant: &Plant, sources: &Sources, product: &str) -> Result<FootprintStatement, FootprintError> {
    let product = plant.product(product).ok_or_else(|| no_such_product(plant))?;
    Site::new(plant, sources)?.statement(product)
}

/// The footprints of all products, in the order of the plant file.
///
/// # Errors
/// [`FootprintError`].
pub fn compute_all(plant: &Plant, sources: &Sources) -> Result<Vec<FootprintStatement>, FootprintError> {
    let site = Site::new(plant, sources)?;
    plant.products.iter().map(|product| site.statement(product)).collect()
}

fn no_such_product(plant: &Plant) -> FootprintError {
    FootprintError::Product { known: plant.products.iter().map(|product| product.name.clone()).collect() }
}

impl Site<'_> {
    fn statement(&self, product: &Product) -> Result<FootprintStatement, FootprintError> {
        let index = self.node(product).ok_or_else(|| no_such_product(self.plant))?;
        self.check_unit(product)?;
        self.check_rules(product, |rules| rules.misfits(self.plant, product))?;
        let node = &self.nodes[index];
        let needs = self.needs(index)?;
        let results = self.results(index, &needs, product)?;
        let Results { direct, indirect, total } = &results;
        // Parts, production and electricity refer to the functional unit as the results do.
        let content = self.content(product).map_or(1.0, Uncertain::value);
        let mut parts = self.parts(&needs)?;
        for part in &mut parts {
            part.value /= content;
            part.per_tonne /= content;
        }
        let counts = |part: &Part| self.counts(part.emission, &product.cn_code);
        let rows = |counted: bool| {
            let rows = parts.iter().filter(|part| counts(part) == counted);
            rows.map(|part| self.row(part, total.value())).collect::<Result<_, FootprintError>>()
        };
        let quality = self.quality(node, &parts, &counts)?;
        self.check_rules(product, |rules| rules.shortfalls(&quality))?;
        Ok(FootprintStatement {
            format: FORMAT.to_owned(),
            method: self.method.reference(),
            product_category_rules: self.category_rules.map(ProductCategoryRules::reference),
            product: ProductReference {
                cn_code: product.cn_code.clone(),
                name: product.name.clone(),
                process: product.process.clone(),
                category: self.plant.processes[node.process].category.clone(),
            },
            site: self.plant.site.clone(),
            period: self.plant.period,
            functional_unit: product.functional_unit.to_string(),
            production: Amount {
                value: self.number("production", node.amount.quantity.quantity().base() * content)?,
                unit: Mass::BASE,
            },
            direct: self.result("direct", direct)?,
            indirect: self.result("indirect", indirect)?,
            total: self.result("total", total)?,
            electricity: Amount {
                value: self.number("electricity", self.electricity(index).base() / content)?,
                unit: Unit::MegawatthourPerTonne,
            },
            breakdown: rows(true)?,
            beside: rows(false)?,
            budget: self.budget(&results)?,
            quality,
            decision: self.decision(direct, total)?,
            grade: self.grade(direct, total)?,
            inputs: self.inputs.clone(),
            rounding: self.method.rounding,
        })
    }

    /// Whether the plant file states the product per what the method does.
    fn check_unit(&self, product: &Product) -> Result<(), FootprintError> {
        let (unit, expected) = match self.method.unit_of(&product.cn_code).map(|rule| rule.of) {
            None | Some(method::Measured::Goods) => (Some(FunctionalUnit::Tonne), "\"1 t\""),
            Some(method::Measured::Clinker) => (
                Some(FunctionalUnit::TonneOfClinker),
                "tonne of clinker: functional_unit = \"1 t clinker\", and content, the share of clinker",
            ),
            // Kilograms of nitrogen are the supplementary unit of those that have nitrogen.
            Some(method::Measured::Nitrogen | method::Measured::SupplementaryUnit) => (
                Some(FunctionalUnit::KilogramOfNitrogen),
                "kilogram of nitrogen: functional_unit = \"1 kg nitrogen\", and content, the share of nitrogen",
            ),
            Some(method::Measured::Electricity) => (None, "kWh of electricity, which is no product here"),
        };
        match unit == Some(product.functional_unit) {
            true => Ok(()),
            false => Err(FootprintError::FunctionalUnit {
                product: product.name.clone(),
                cn_code: product.cn_code.clone(),
                found: product.functional_unit.to_string(),
                expected: expected.to_owned(),
            }),
        }
    }

    pub(crate) fn number(&self, path: &str, value: f64) -> Result<Decimal, FootprintError> {
        round(path, value, self.method.rounding)
    }

    fn result(&self, path: &str, value: &Uncertain) -> Result<ResultValue, FootprintError> {
        let number = |value| self.number(path, value);
        let value = value.clone().finite();
        let value = value.map_err(|source| FootprintError::Uncertainty { path: path.to_owned(), source })?;
        let coverage = value.coverage(CoverageRule::Student95);
        Ok(ResultValue {
            value: number(value.value())?,
            unit: Co2ePerMass::BASE,
            standard_uncertainty: number(coverage.standard_uncertainty)?,
            expanded_uncertainty: number(coverage.expanded)?,
            coverage_factor: number(coverage.factor)?,
            effective_degrees_of_freedom: coverage.effective_dof.map(number).transpose()?,
        })
    }

    fn row(&self, part: &Part, whole: f64) -> Result<BreakdownRow, FootprintError> {
        let emission = part.emission;
        let share = if whole == 0.0 { 0.0 } else { part.value / whole * 100.0 };
        let activity = emission.activity.map(|(amount, unit)| {
            Ok(Amount { value: self.number("breakdown activity", amount * part.per_tonne)?, unit })
        });
        Ok(BreakdownRow {
            stage: emission.stage,
            process: part.process.to_owned(),
            source: emission.source.clone(),
            gas: emission.gas.map_or("CO2e", quantity::Gas::formula).to_owned(),
            origin: emission.origin,
            value: self.number("breakdown", part.value)?,
            share_percent: self.number("breakdown share", share)?,
            activity: activity.transpose()?,
        })
    }

    fn check_rules(
        &self,
        product: &Product,
        find: impl FnOnce(&ProductCategoryRules) -> Vec<String>,
    ) -> Result<(), FootprintError> {
        let Some(rules) = self.category_rules else { return Ok(()) };
        let problems = find(rules);
        match problems.is_empty() {
            true => Ok(()),
            false => {
                Err(FootprintError::CategoryRules { product: product.name.clone(), id: rules.id.clone(), problems })
            }
        }
    }

    /// The limit of the product-category rules, or that of the plant file.
    fn limit(&self) -> Option<record::plant::Limit> {
        self.category_rules.and_then(ProductCategoryRules::limit).or_else(|| self.plant.limit.clone())
    }

    fn decision(&self, direct: &Uncertain, total: &Uncertain) -> Result<Option<Decision>, FootprintError> {
        let Some(limit) = self.limit() else { return Ok(None) };
        let verdict = self.decide(&limit, &limit.value, direct, total)?;
        Ok(Some(Decision {
            of: match limit.result {
                LimitFor::Direct => "direct".to_owned(),
                LimitFor::Total => "total".to_owned(),
            },
            rule: match limit.rule {
                LimitRule::Simple => DecisionRule::Simple,
                LimitRule::Guarded { multiple } => DecisionRule::Guarded { multiple },
            },
            limit: Amount { value: limit.value, unit: limit.unit },
            limit_source: limit.source,
            probability_of_conformity: probability(verdict.probability_of_conformity)?,
            result: match verdict.outcome {
                Outcome::Conforms => DecisionResult::Conforms,
                Outcome::DoesNotConform => DecisionResult::DoesNotConform,
                Outcome::Inconclusive => DecisionResult::Inconclusive,
            },
        }))
    }

    /// The best grade that the result reaches.
    fn grade(&self, direct: &Uncertain, total: &Uncertain) -> Result<Option<Grade>, FootprintError> {
        let (Some(rules), Some(limit)) = (self.category_rules, self.limit()) else { return Ok(None) };
        for grade in &rules.grades {
            let verdict = self.decide(&limit, &grade.at_most, direct, total)?;
            if verdict.outcome == Outcome::Conforms {
                return Ok(Some(Grade {
                    name: grade.name.clone(),
                    limit: Amount { value: grade.at_most.clone(), unit: limit.unit },
                    probability_of_conformity: probability(verdict.probability_of_conformity)?,
                }));
            }
        }
        Ok(None)
    }

    /// A result against a bound in the unit and by the rule of a limit.
    fn decide(
        &self,
        limit: &record::plant::Limit,
        bound: &Decimal,
        direct: &Uncertain,
        total: &Uncertain,
    ) -> Result<uncertainty::Verdict, FootprintError> {
        let value = match limit.result {
            LimitFor::Direct => direct,
            LimitFor::Total => total,
        };
        let bound = self.method.gwp_set.read::<Co2ePerMass>(bound, limit.unit);
        let bound = bound.map_err(|source| FootprintError::Quantity { path: "limit".to_owned(), source })?;
        let rule = match &limit.rule {
            LimitRule::Simple => uncertainty::DecisionRule::Simple,
            LimitRule::Guarded { multiple } => uncertainty::DecisionRule::Guarded { multiple: multiple.to_f64() },
        };
        Ok(decide(value, Limit::Upper(bound.base()), rule))
    }

    fn budget(&self, Results { direct, indirect, total }: &Results) -> Result<Vec<BudgetRow>, FootprintError> {
        let number = |value: f64| self.number("budget", value);
        let mut lines = total.budget();
        // Shares below 1e-30 of the whole say nothing, and need not fit a plain decimal.
        let u = total.standard_uncertainty();
        lines.retain(|line| line.contribution.abs() > u * 1e-15);
        let rest = if lines.len() > MAX_BUDGET_ROWS { lines.split_off(MAX_BUDGET_ROWS - 1) } else { Vec::new() };
        let part = |result: &Uncertain, line: &uncertainty::BudgetLine| {
            let found = result.contributions().get(&line.source).map_or(0.0, |contribution| contribution.u);
            // As above.
            if found.abs() > u * 1e-15 { found } else { 0.0 }
        };
        let mut rows: Vec<BudgetRow> = lines
            .iter()
            .map(|line| {
                Ok(BudgetRow {
                    source: self.source(&line.source.to_string()),
                    contribution: number(line.contribution)?,
                    direct: number(part(direct, line))?,
                    indirect: number(part(indirect, line))?,
                    share_percent: number(line.share_percent)?,
                    relative_percent: number(line.relative_percent)?,
                    degrees_of_freedom: line.dof.map(number).transpose()?,
                })
            })
            .collect::<Result<_, FootprintError>>()?;
        if !rest.is_empty() {
            let root = |of: &dyn Fn(&uncertainty::BudgetLine) -> f64| {
                rest.iter().fold(0.0, |sum, line| sum + of(line) * of(line)).sqrt()
            };
            let contribution = root(&|line| line.contribution);
            let relative = if total.value() == 0.0 { 0.0 } else { contribution / total.value() * 100.0 };
            rows.push(BudgetRow {
                source: format!("others ({})", rest.len()),
                contribution: number(contribution)?,
                direct: number(root(&|line| part(direct, line)))?,
                indirect: number(root(&|line| part(indirect, line)))?,
                share_percent: number(rest.iter().fold(0.0, |sum, line| sum + line.share_percent))?,
                relative_percent: number(relative)?,
                degrees_of_freedom: None,
            });
        }
        Ok(rows)
    }

    /// The id of a source as the statement writes it. Where the plant file has a salt, ids are digests, except of what is
    /// public anyway: factor editions and suppliers' own statements.
    fn source(&self, id: &str) -> String {
        let public = ["factor/", "statement/", "certificate/", "salted/", "default/"]
            .iter()
            .any(|prefix| id.starts_with(prefix));
        match &self.plant.salt {
            Some(salt) if !public => format!("salted/{}", Sha256::of(format!("{salt}\n{id}").as_bytes())),
            _ => id.to_owned(),
        }
    }
}

fn round(path: &str, value: f64, rule: Rounding) -> Result<Decimal, FootprintError> {
    Decimal::rounded(value, rule).map_err(|source| FootprintError::Range { path: path.to_owned(), source })
}

/// A probability to twelve decimal places: what is smaller is not known better, and a tail of 1e-300 has no decimal.
fn probability(value: f64) -> Result<Decimal, FootprintError> {
    let path = "probability of conformity";
    let scaled = (value.clamp(0.0, 1.0) * 1e12).round_ties_even();
    round(path, scaled / 1e12, Rounding::SignificantDigits(12))
}
