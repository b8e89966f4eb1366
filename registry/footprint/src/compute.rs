//! From a plant and its evidence to a statement.

use metering::{Consumption, MeteringError, analysis_mean, consumption, evidence_root, material_flow};
use quantity::{
    Carbon, CarbonPerMass, Co2PerCarbon, Co2e, Co2ePerElectricity, Co2ePerEnergy, Co2ePerMass, Decimal, DecimalError,
    Electricity, ElectricityPerMass, Energy, EnergyPerMass, EnergyPerNormalVolume, Kind, KindName, Mass, NormalVolume,
    QuantityError, Ratio, Rounding,
};
use record::evidence::Evidence;
use record::footprint::{
    Amount, BreakdownRow, BudgetRow, DataQuality, Decision, DecisionResult, DecisionRule, FORMAT, FootprintStatement,
    InputDigests, ProductReference, ResultValue, Stage,
};
use record::instrument::{Period, Violation};
use record::plant::{
    Basis, ElectricityUse, Input, LimitFor, LimitRule, Plant, Process, Product, Stated, Stream, StreamKind,
};
use record::reading::Property;
use uncertainty::{CoverageRule, Limit, Measured, Outcome, SourceId, Uncertain, UncertaintyError, decide};

use crate::method::Method;

/// Budget lines of a statement; what is beyond is joined in one line.
const MAX_BUDGET_ROWS: usize = 200;

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

/// The footprint of the plant's only product.
///
/// # Errors
/// [`FootprintError`]; [`FootprintError::Product`] where the plant has several.
pub fn compute(plant: &Plant, evidence: &Evidence) -> Result<FootprintStatement, FootprintError> {
    match &plant.products[..] {
        [product] => Site::new(plant, evidence)?.statement(product),
        _ => Err(no_such_product(plant)),
    }
}

/// The footprint of the product of this name.
///
/// # Errors
/// [`FootprintError`].
pub fn compute_product(
    plant: &Plant,
    evidence: &Evidence,
    product: &str,
) -> Result<FootprintStatement, FootprintError> {
    let product = plant.product(product).ok_or_else(|| no_such_product(plant))?;
    Site::new(plant, evidence)?.statement(product)
}

/// The footprints of all products, in the order of the plant file.
///
/// # Errors
/// [`FootprintError`].
pub fn compute_all(plant: &Plant, evidence: &Evidence) -> Result<Vec<FootprintStatement>, FootprintError> {
    let site = Site::new(plant, evidence)?;
    plant.products.iter().map(|product| site.statement(product)).collect()
}

fn no_such_product(plant: &Plant) -> FootprintError {
    FootprintError::Product { known: plant.products.iter().map(|product| product.name.clone()).collect() }
}

/// A figure with what is needed to judge its data.
struct Figure<K> {
    quantity: Measured<K>,
    origin: Origin,
}

#[derive(Debug, Clone, Copy)]
struct Origin {
    primary: bool,
    /// Share under valid calibration, where it was measured by an instrument.
    calibrated_share: Option<f64>,
    missing_secs: i64,
    metered_secs: i64,
}

impl Origin {
    fn not_measured(primary: bool) -> Self {
        Origin { primary, calibrated_share: None, missing_secs: 0, metered_secs: 0 }
    }

    fn measured<K>(found: &Consumption<K>) -> Self {
        Origin {
            primary: true,
            calibrated_share: Some(found.calibrated_share),
            missing_secs: found.missing_secs,
            metered_secs: found.metered_secs,
        }
    }
}

/// A part of a process's emissions in the period.
struct Part {
    stage: Stage,
    source: String,
    tonnes: f64,
    origin: Origin,
}

/// A process with its figures.
struct Node<'a> {
    process: &'a Process,
    production: Figure<Mass>,
    parts: Vec<Part>,
    direct: Measured<Co2ePerMass>,
    indirect: Measured<Co2ePerMass>,
}

/// A plant with everything that does not depend on the product.
struct Site<'a> {
    plant: &'a Plant,
    method: Method,
    nodes: Vec<Node<'a>>,
    /// Supplier's tonnes per tonne of the consumer: `[consumer][supplier]`.
    inputs: Vec<Vec<Uncertain>>,
    /// Specific embedded emissions, direct and indirect, by process.
    see: Vec<[Uncertain; 2]>,
    inputs_digests: InputDigests,
}

/// What figures are read from.
struct Reader<'a> {
    plant: &'a Plant,
    evidence: &'a Evidence,
    method: &'a Method,
}

impl Reader<'_> {
    fn figure<K: Kind>(
        &self,
        path: &str,
        input: &Input,
        property: Option<Property>,
    ) -> Result<Figure<K>, FootprintError> {
        let metering = |source| FootprintError::Metering { path: path.to_owned(), source };
        let wrong = |from| FootprintError::WrongSource { path: path.to_owned(), expected: K::NAME, from };
        let rules = self.method.rules();
        match input {
            Input::Stated(stated) => self.stated(path, stated),
            Input::Instrument { instrument } => {
                let unknown = || MeteringError::UnknownInstrument { instrument: instrument.clone() };
                let found = self.evidence.instrument(instrument).ok_or_else(unknown).map_err(metering)?;
                let found = consumption::<K>(found, &self.plant.period, rules).map_err(metering)?;
                Ok(Figure { origin: Origin::measured(&found), quantity: found.quantity })
            }
            Input::Material { material, flow } => {
                if K::NAME != KindName::Mass {
                    return Err(wrong("a material"));
                }
                let found = material_flow(self.evidence, material, *flow, rules).map_err(metering)?;
                let origin = Origin::measured(&found);
                Ok(Figure { origin, quantity: Measured::from_base(found.quantity.into_uncertain()) })
            }
            Input::Analyses { material } => {
                let property = property.ok_or_else(|| wrong("analyses"))?;
                let quantity =
                    analysis_mean(self.evidence, material, property, self.method.gwp_set).map_err(metering)?;
                Ok(Figure { quantity, origin: Origin::not_measured(true) })
            }
        }
    }

    fn stated<K: Kind>(&self, path: &str, stated: &Stated) -> Result<Figure<K>, FootprintError> {
        let read = |value: &Decimal| {
            let gwp = self.method.gwp_set;
            gwp.read::<K>(value, stated.unit)
                .map(Kind::base)
                .map_err(|source| FootprintError::Quantity { path: path.to_owned(), source })
        };
        let mut value = Uncertain::exact(read(&stated.value)?);
        if let Some(expanded) = &stated.uncertainty {
            let u = read(&expanded.value)? / expanded.coverage_factor.to_f64();
            let source = match &stated.source_id {
                Some(id) => SourceId::new(format!("source/{id}")),
                None => SourceId::new(format!("stated/{}/{path}", self.plant.site)),
            };
            value = value
                .with(source, u, None)
                .map_err(|source| FootprintError::Uncertainty { path: path.to_owned(), source })?;
        }
        let origin = Origin::not_measured(stated.basis == Basis::Measured);
        Ok(Figure { quantity: Measured::from_base(value), origin })
    }

    /// The fossil emissions of a stream (Implementing Regulation (EU) 2023/1773, Annex III, B.3).
    fn stream(&self, stream: &Stream) -> Result<(Measured<Co2e>, Origin), FootprintError> {
        let at = |field: &str| format!("stream {:?} {field}", stream.name);
        let (emissions, biomass, origin): (Measured<Co2e>, _, _) = match &stream.kind {
            StreamKind::Combustion {
                activity,
                net_calorific_value,
                emission_factor,
                oxidation_factor,
                biomass_share,
            } => {
                let (energy, origin) = self.fuel(&at, activity, net_calorific_value.as_ref())?;
                let factor: Figure<Co2ePerEnergy> =
                    self.figure(&at("emission factor"), emission_factor, Some(Property::EmissionFactor))?;
                let mut emissions = &energy * &factor.quantity;
                if let Some(input) = oxidation_factor {
                    let share = self.share(&at("oxidation factor"), input, Some(Property::OxidationFactor))?;
                    emissions = &emissions * &share;
                }
                (emissions, biomass_share, origin)
            }
            StreamKind::Process { activity, emission_factor, conversion_factor, biomass_share } => {
                let activity: Figure<Mass> = self.figure(&at("activity"), activity, None)?;
                let factor: Figure<Co2ePerMass> =
                    self.figure(&at("emission factor"), emission_factor, Some(Property::EmissionFactor))?;
                let mut emissions = &activity.quantity * &factor.quantity;
                if let Some(input) = conversion_factor {
                    emissions = &emissions * &self.share(&at("conversion factor"), input, None)?;
                }
                (emissions, biomass_share, activity.origin)
            }
            StreamKind::MassBalance { activity, carbon_content, biomass_share } => {
                let activity: Figure<Mass> = self.figure(&at("activity"), activity, None)?;
                let content: Figure<CarbonPerMass> =
                    self.figure(&at("carbon content"), carbon_content, Some(Property::CarbonContent))?;
                let carbon: Measured<Carbon> = &activity.quantity * &content.quantity;
                let per_carbon = Co2PerCarbon::from_base(self.method.co2_per_carbon.to_f64());
                let emissions = (&carbon * &Measured::exact(per_carbon)).co2e(self.method.gwp_set);
                (emissions, biomass_share, activity.origin)
            }
        };
        let emissions = match biomass {
            None => emissions,
            Some(input) => {
                let share = self.share(&at("biomass share"), input, Some(Property::BiomassShare))?;
                &emissions * &(Measured::exact(Ratio::from_base(1.0)) - share)
            }
        };
        Ok((emissions, origin))
    }

    fn fuel(
        &self,
        at: &dyn Fn(&str) -> String,
        activity: &Input,
        calorific: Option<&Input>,
    ) -> Result<(Measured<Energy>, Origin), FootprintError> {
        let path = at("activity");
        let kind = match activity {
            Input::Stated(stated) => stated.unit.kind(),
            Input::Material { .. } | Input::Analyses { .. } => KindName::Mass,
            // An unknown instrument is named when it is read.
            Input::Instrument { instrument } => {
                self.evidence.instrument(instrument).map_or(KindName::Mass, |found| found.instrument.unit.kind())
            }
        };
        let property = Some(Property::NetCalorificValue);
        match (kind, calorific) {
            (KindName::Energy, None) => {
                let energy = self.figure::<Energy>(&path, activity, None)?;
                Ok((energy.quantity, energy.origin))
            }
            (KindName::NormalVolume, Some(calorific)) => {
                let volume: Figure<NormalVolume> = self.figure(&path, activity, None)?;
                let calorific: Figure<EnergyPerNormalVolume> =
                    self.figure(&at("net calorific value"), calorific, property)?;
                Ok((&volume.quantity * &calorific.quantity, volume.origin))
            }
            (KindName::Energy, Some(_)) | (_, None) => Err(FootprintError::CalorificValue { path }),
            (_, Some(calorific)) => {
                let mass: Figure<Mass> = self.figure(&path, activity, None)?;
                let calorific: Figure<EnergyPerMass> = self.figure(&at("net calorific value"), calorific, property)?;
                Ok((&mass.quantity * &calorific.quantity, mass.origin))
            }
        }
    }

    fn share(&self, path: &str, input: &Input, property: Option<Property>) -> Result<Measured<Ratio>, FootprintError> {
        let share = self.figure::<Ratio>(path, input, property)?.quantity;
        let value = share.quantity().base();
        if (0.0..=1.0).contains(&value) {
            Ok(share)
        } else {
            Err(FootprintError::Share { path: path.to_owned(), value })
        }
    }

    fn electricity(&self, process: &str, used: &ElectricityUse) -> Result<(Measured<Co2e>, Origin), FootprintError> {
        let path = format!("process {process:?} electricity");
        let amount: Figure<Electricity> = self.figure(&format!("{path} amount"), &used.amount, None)?;
        let factor: Figure<Co2ePerElectricity> = self.figure(&format!("{path} factor"), &used.factor, None)?;
        Ok((&amount.quantity * &factor.quantity, amount.origin))
    }

    fn node<'a>(&self, process: &'a Process) -> Result<Node<'a>, FootprintError> {
        let name = &process.name;
        let path = format!("process {name:?}");
        let production: Figure<Mass> = self.figure(&format!("{path} production"), &process.production, None)?;
        if production.quantity.quantity().base() <= 0.0 {
            return Err(FootprintError::NoProduction { process: name.clone() });
        }
        let mut parts = Vec::new();
        let mut direct = Measured::exact(Co2e::from_base(0.0));
        let mut indirect = Measured::exact(Co2e::from_base(0.0));
        let mut add = |stage: Stage, source: &str, emissions: Measured<Co2e>, origin: Origin| {
            let tonnes = emissions.quantity().base();
            parts.push(Part { stage, source: source.to_owned(), tonnes, origin });
            match stage {
                Stage::Direct | Stage::PrecursorDirect => direct += &emissions,
                Stage::Electricity | Stage::PrecursorElectricity => indirect += &emissions,
            }
        };
        for stream in self.plant.streams.iter().filter(|stream| stream.process.as_ref() == Some(name)) {
            let (emissions, origin) = self.stream(stream)?;
            add(Stage::Direct, &stream.name, emissions, origin);
        }
        if let Some(attributed) = &process.attributed_emissions {
            let figure: Figure<Co2e> = self.figure(&format!("{path} attributed emissions"), attributed, None)?;
            add(Stage::Direct, "attributed emissions", figure.quantity, figure.origin);
        }
        if let Some(used) = &process.electricity {
            let (emissions, origin) = self.electricity(name, used)?;
            add(Stage::Electricity, "electricity", emissions, origin);
        }
        for precursor in &self.plant.precursors {
            for used in precursor.uses.iter().filter(|used| used.process == *name) {
                let path = format!("precursor {:?}", precursor.name);
                let mass: Figure<Mass> = self.figure(&format!("{path} used in {name:?}"), &used.amount, None)?;
                let see: Figure<Co2ePerMass> = self.figure(&format!("{path} direct"), &precursor.see_direct, None)?;
                add(Stage::PrecursorDirect, &precursor.name, &mass.quantity * &see.quantity, see.origin);
                if let Some(electricity) = &precursor.electricity {
                    let amount: Figure<ElectricityPerMass> =
                        self.figure(&format!("{path} electricity"), &electricity.amount, None)?;
                    let factor: Figure<Co2ePerElectricity> =
                        self.figure(&format!("{path} electricity factor"), &electricity.factor, None)?;
                    let see: Measured<Co2ePerMass> = &amount.quantity * &factor.quantity;
                    add(Stage::PrecursorElectricity, &precursor.name, &mass.quantity * &see, amount.origin);
                }
            }
        }
        let wrap = |source| FootprintError::Uncertainty { path: path.clone(), source };
        Ok(Node {
            process,
            direct: direct.over(&production.quantity).map_err(wrap)?,
            indirect: indirect.over(&production.quantity).map_err(wrap)?,
            production,
            parts,
        })
    }
}

impl<'a> Site<'a> {
    fn new(plant: &'a Plant, evidence: &'a Evidence) -> Result<Self, FootprintError> {
        let method = Method::find(&plant.method).ok_or_else(|| FootprintError::UnknownMethod {
            found: plant.method.clone(),
            known: Method::all().into_iter().map(|method| method.id).collect(),
        })?;
        if evidence.site != plant.site {
            return Err(FootprintError::OtherSite { evidence: evidence.site.clone(), plant: plant.site.clone() });
        }
        if evidence.period != plant.period {
            return Err(FootprintError::OtherPeriod { evidence: evidence.period, plant: plant.period });
        }
        let violations = evidence.violations();
        if !violations.is_empty() {
            return Err(FootprintError::Evidence { violations });
        }
        let reader = Reader { plant, evidence, method: &method };
        let nodes: Vec<Node> = plant.processes.iter().map(|process| reader.node(process)).collect::<Result<_, _>>()?;
        let inputs = internal_inputs(&reader, &nodes)?;
        let base =
            nodes.iter().map(|node| [node.direct.uncertain().clone(), node.indirect.uncertain().clone()]).collect();
        let see = solve(plant, &inputs, base)?;
        let inputs_digests = InputDigests { evidence_root: evidence_root(evidence), plant_file: plant.digest };
        Ok(Site { plant, method, nodes, inputs, see, inputs_digests })
    }

    fn statement(&self, product: &Product) -> Result<FootprintStatement, FootprintError> {
        let index = self
            .nodes
            .iter()
            .position(|node| node.process.name == product.process)
            .ok_or_else(|| no_such_product(self.plant))?;
        let node = &self.nodes[index];
        let [direct, indirect] = &self.see[index];
        let total = direct.clone() + indirect.clone();
        let number = |path: &str, value: f64| round(path, value, self.method.rounding);
        let unit = Co2ePerMass::BASE;
        let result = |path: &str, value: &Uncertain| -> Result<ResultValue, FootprintError> {
            let value = value
                .clone()
                .finite()
                .map_err(|source| FootprintError::Uncertainty { path: path.to_owned(), source })?;
            let coverage = value.coverage(CoverageRule::Student95);
            Ok(ResultValue {
                value: number(path, value.value())?,
                unit,
                standard_uncertainty: number(path, coverage.standard_uncertainty)?,
                expanded_uncertainty: number(path, coverage.expanded)?,
                coverage_factor: number(path, coverage.factor)?,
                effective_degrees_of_freedom: coverage.effective_dof.map(|dof| number(path, dof)).transpose()?,
            })
        };
        let parts = self.parts(index)?;
        let whole = total.value();
        let share = |value: f64| if whole == 0.0 { 0.0 } else { value / whole };
        let breakdown = parts
            .iter()
            .map(|(process, part, value)| {
                Ok(BreakdownRow {
                    stage: part.stage,
                    process: (*process).to_owned(),
                    source: part.source.clone(),
                    value: number("breakdown", *value)?,
                    share_percent: number("breakdown share", share(*value) * 100.0)?,
                })
            })
            .collect::<Result<_, FootprintError>>()?;
        Ok(FootprintStatement {
            format: FORMAT.to_owned(),
            method: self.method.reference(),
            product: ProductReference {
                cn_code: product.cn_code.clone(),
                name: product.name.clone(),
                process: product.process.clone(),
                category: node.process.category.clone(),
            },
            site: self.plant.site.clone(),
            period: self.plant.period,
            functional_unit: product.functional_unit.clone(),
            production: Amount {
                value: number("production", node.production.quantity.quantity().base())?,
                unit: Mass::BASE,
            },
            direct: result("direct", direct)?,
            indirect: result("indirect", indirect)?,
            total: result("total", &total)?,
            breakdown,
            budget: budget(&total, self.method.rounding)?,
            quality: self.quality(node, &parts)?,
            decision: self.decision(direct, &total)?,
            inputs: self.inputs_digests.clone(),
            rounding: self.method.rounding,
        })
    }

    /// The parts of a product's emissions per tonne, of its own process and of those it takes from.
    fn parts(&self, index: usize) -> Result<Vec<(&str, &Part, f64)>, FootprintError> {
        // The row of (I − A)⁻¹ gives what a tonne of product needs of each process; it solves the transposed system.
        let count = self.nodes.len();
        let transposed: Vec<Vec<Uncertain>> =
            (0..count).map(|i| (0..count).map(|j| Uncertain::exact(self.inputs[j][i].value())).collect()).collect();
        let unit = |i: usize| Uncertain::exact(if i == index { 1.0 } else { 0.0 });
        let needs = solve(self.plant, &transposed, (0..count).map(|i| [unit(i), Uncertain::exact(0.0)]).collect())?;
        let mut parts = Vec::new();
        for (node, [need, _]) in self.nodes.iter().zip(&needs) {
            if need.value() != 0.0 {
                let production = node.production.quantity.quantity().base();
                let per_tonne = |part: &Part| need.value() * (part.tonnes / production);
                let name = node.process.name.as_str();
                parts.extend(node.parts.iter().map(|part| (name, part, per_tonne(part))));
            }
        }
        Ok(parts)
    }

    fn quality(&self, node: &Node, parts: &[(&str, &Part, f64)]) -> Result<DataQuality, FootprintError> {
        let (mut all, mut primary) = (0.0, 0.0);
        let (mut measured, mut calibrated) = (0.0, 0.0);
        let (mut missing_secs, mut metered_secs) = (0, 0);
        for (_, part, value) in parts {
            let weight = value.abs();
            all += weight;
            primary += if part.origin.primary { weight } else { 0.0 };
            if let Some(share) = part.origin.calibrated_share {
                measured += weight;
                calibrated += weight * share;
            }
            missing_secs += part.origin.missing_secs;
            metered_secs += part.origin.metered_secs;
        }
        // Every emission is divided by the production: it weighs as much as all of them.
        if let Some(share) = node.production.origin.calibrated_share {
            measured += all;
            calibrated += all * share;
        }
        missing_secs += node.production.origin.missing_secs;
        metered_secs += node.production.origin.metered_secs;
        let ratio = |part: f64, whole: f64, none: f64| if whole > 0.0 { part / whole } else { none };
        let number = |path: &str, value: f64| round(path, value, self.method.rounding);
        Ok(DataQuality {
            gap_share: number("gap share", ratio(missing_secs as f64, metered_secs as f64, 0.0))?,
            calibration_coverage_share: number("calibration coverage", ratio(calibrated, measured, 1.0))?,
            primary_data_share: number("primary data share", ratio(primary, all, 0.0))?,
        })
    }

    fn decision(&self, direct: &Uncertain, total: &Uncertain) -> Result<Option<Decision>, FootprintError> {
        let Some(limit) = &self.plant.limit else { return Ok(None) };
        let (of, value) = match limit.result {
            LimitFor::Direct => ("direct", direct),
            LimitFor::Total => ("total", total),
        };
        let bound = Co2ePerMass::from_decimal(&limit.value, limit.unit)
            .map_err(|source| FootprintError::Quantity { path: "limit".to_owned(), source })?;
        let (rule, stated) = match &limit.rule {
            LimitRule::Simple => (uncertainty::DecisionRule::Simple, DecisionRule::Simple),
            LimitRule::Guarded { multiple } => (
                uncertainty::DecisionRule::Guarded { multiple: multiple.to_f64() },
                DecisionRule::Guarded { multiple: multiple.clone() },
            ),
        };
        let verdict = decide(value, Limit::Upper(bound.base()), rule);
        Ok(Some(Decision {
            of: of.to_owned(),
            limit: Amount { value: limit.value.clone(), unit: limit.unit },
            limit_source: limit.source.clone(),
            rule: stated,
            probability_of_conformity: probability(verdict.probability_of_conformity)?,
            result: match verdict.outcome {
                Outcome::Conforms => DecisionResult::Conforms,
                Outcome::DoesNotConform => DecisionResult::DoesNotConform,
                Outcome::Inconclusive => DecisionResult::Inconclusive,
            },
        }))
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

fn budget(total: &Uncertain, rule: Rounding) -> Result<Vec<BudgetRow>, FootprintError> {
    let mut lines = total.budget();
    // Shares below 1e-30 of the whole say nothing, and need not fit a plain decimal.
    let u = total.standard_uncertainty();
    lines.retain(|line| line.contribution.abs() > u * 1e-15);
    let rest = if lines.len() > MAX_BUDGET_ROWS { lines.split_off(MAX_BUDGET_ROWS - 1) } else { Vec::new() };
    let number = |value: f64| round("budget", value, rule);
    let mut rows: Vec<BudgetRow> = lines
        .iter()
        .map(|line| {
            Ok(BudgetRow {
                source: line.source.to_string(),
                contribution: number(line.contribution)?,
                share_percent: number(line.share_percent)?,
                relative_percent: number(line.relative_percent)?,
                degrees_of_freedom: line.dof.map(number).transpose()?,
            })
        })
        .collect::<Result<_, FootprintError>>()?;
    if !rest.is_empty() {
        let squares = rest.iter().fold(0.0, |sum, line| sum + line.contribution * line.contribution);
        let contribution = squares.sqrt();
        let relative = if total.value() == 0.0 { 0.0 } else { contribution / total.value() * 100.0 };
        rows.push(BudgetRow {
            source: format!("others ({})", rest.len()),
            contribution: number(contribution)?,
            share_percent: number(rest.iter().fold(0.0, |sum, line| sum + line.share_percent))?,
            relative_percent: number(relative)?,
            degrees_of_freedom: None,
        });
    }
    Ok(rows)
}

fn internal_inputs(reader: &Reader, nodes: &[Node]) -> Result<Vec<Vec<Uncertain>>, FootprintError> {
    let mut rows = Vec::with_capacity(nodes.len());
    for consumer in nodes {
        let mut row = vec![Uncertain::exact(0.0); nodes.len()];
        for input in &consumer.process.inputs {
            let path = format!("process {:?} input from {:?}", consumer.process.name, input.process);
            let amount: Figure<Mass> = reader.figure(&path, &input.amount, None)?;
            let per_tonne = amount
                .quantity
                .over(&consumer.production.quantity)
                .map_err(|source| FootprintError::Uncertainty { path, source })?;
            // The plant file names only processes of its own.
            if let Some(supplier) = nodes.iter().position(|node| node.process.name == input.process) {
                row[supplier] += per_tonne.uncertain();
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Solves (I − A) x = b for two right sides by elimination in the order of the file. A productive economy (Hawkins–Simon)
/// keeps every pivot above zero, so none is exchanged, and the order of all sums is that of the file.
fn solve(
    plant: &Plant,
    inputs: &[Vec<Uncertain>],
    mut right: Vec<[Uncertain; 2]>,
) -> Result<Vec<[Uncertain; 2]>, FootprintError> {
    const LEAST_PIVOT: f64 = 1e-9;
    let count = inputs.len();
    let is_zero = |entry: &Uncertain| entry.value() == 0.0 && entry.contributions().is_empty();
    let mut matrix: Vec<Vec<Uncertain>> = inputs
        .iter()
        .enumerate()
        .map(|(i, row)| {
            let unit = |j: usize| Uncertain::exact(if i == j { 1.0 } else { 0.0 });
            row.iter().enumerate().map(|(j, a)| if is_zero(a) { unit(j) } else { unit(j) - a.clone() }).collect()
        })
        .collect();
    let in_loop = |i: usize| FootprintError::Loop { process: plant.processes[i].name.clone() };
    for pivot in 0..count {
        let (above, below) = matrix.split_at_mut(pivot + 1);
        let (right_above, right_below) = right.split_at_mut(pivot + 1);
        let pivot_row = &above[pivot];
        if pivot_row[pivot].value().is_nan() || pivot_row[pivot].value() < LEAST_PIVOT {
            return Err(in_loop(pivot));
        }
        for (row, sides) in below.iter_mut().zip(right_below) {
            if is_zero(&row[pivot]) {
                continue;
            }
            let factor = row[pivot].over(&pivot_row[pivot]).map_err(|_| in_loop(pivot))?;
            for (entry, above) in row.iter_mut().zip(pivot_row).skip(pivot + 1) {
                if !is_zero(above) {
                    *entry -= &(&factor * above);
                }
            }
            for (side, above) in sides.iter_mut().zip(&right_above[pivot]) {
                *side -= &(&factor * above);
            }
        }
    }
    for row in (0..count).rev() {
        let (above, below) = right.split_at_mut(row + 1);
        for (side, value) in above[row].iter_mut().enumerate() {
            for (entry, solved) in matrix[row][row + 1..].iter().zip(below.iter()) {
                if !is_zero(entry) {
                    *value -= &(entry * &solved[side]);
                }
            }
            *value = value.over(&matrix[row][row]).map_err(|_| in_loop(row))?;
        }
    }
    Ok(right)
}
