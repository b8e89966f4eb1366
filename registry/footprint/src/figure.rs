//! Figures of a plant file: read where the file says they stand, each with what is needed to judge its data.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;

use metering::{Consumption, MeteringError, analysis_mean, consumption, material_flow};
use quantity::{Decimal, Gas, Kind, KindName, Mass, Ratio};
use record::certificate::Certificate;
use record::evidence::Evidence;
use record::footprint::{FootprintStatement, TableReference};
use record::instrument::Sha256;
use record::plant::{Basis, FactorUse, Input, Plant, Stated};
use record::reading::Property;
use uncertainty::{Measured, SourceId, Uncertain};

use crate::category::ProductCategoryRules;
use crate::cbam::DefaultValues;
use crate::error::FootprintError;
use crate::factors::{self, Counted, FactorError, FactorKind, FactorSet, Query};
use crate::fitness::Fitness;
use crate::method::Method;

/// Everything beside the plant file that a footprint is computed from.
#[derive(Debug, Clone)]
pub struct Sources<'a> {
    /// Evidence of the site and period.
    pub evidence: &'a Evidence,
    /// Suppliers' statements, by digest.
    pub suppliers: Vec<(Sha256, FootprintStatement)>,
    /// Suppliers' certificates.
    pub certificates: Vec<Certified>,
    /// Table of default values that the user named.
    pub defaults: Option<DefaultValues>,
    /// Product-category rules that the user named.
    pub category_rules: Option<ProductCategoryRules>,
}

impl<'a> Sources<'a> {
    /// Evidence alone.
    pub fn new(evidence: &'a Evidence) -> Self {
        Sources { evidence, suppliers: Vec::new(), certificates: Vec::new(), defaults: None, category_rules: None }
    }

    /// Adds a supplier's statement.
    #[must_use]
    pub fn with_supplier(mut self, statement: FootprintStatement) -> Self {
        self.suppliers.push((statement.digest(), statement));
        self
    }

    /// Adds a supplier's certificate.
    #[must_use]
    pub fn with_certificate(mut self, certified: Certified) -> Self {
        self.certificates.push(certified);
        self
    }
}

impl Sources<'_> {
    /// The certificate of this id.
    pub(crate) fn certificate(&self, id: &str) -> Option<&Certified> {
        self.certificates.iter().find(|known| known.certificate.id == id)
    }

    /// The statement behind a certificate, where it was given.
    pub(crate) fn behind(&self, certified: &Certified) -> Option<&(Sha256, FootprintStatement)> {
        let named = certified.certificate.assessment().measurement.statement;
        self.suppliers.iter().find(|(digest, _)| digest.0 == named.0)
    }
}

/// A supplier's certificate. That it is genuine, in the log and in force was established before, by whoever computes.
#[derive(Debug, Clone)]
pub struct Certified {
    /// What it says.
    pub certificate: Certificate,
    /// SHA-256 of its entry in the log.
    pub digest: Sha256,
}

/// A figure with what is needed to judge its data.
pub(crate) struct Figure<K> {
    pub quantity: Measured<K>,
    pub data: Data,
    /// Gas that its unit counts; none where that is CO2e, or no gas at all.
    pub gas: Option<Gas>,
}

/// What a figure rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Data {
    /// Share of primary data.
    pub primary: f64,
    /// Share of default values.
    pub default: f64,
    /// Share under valid calibration, where it was measured by an instrument.
    pub calibrated_share: Option<f64>,
    pub missing_secs: i64,
    pub metered_secs: i64,
    /// How well it fits.
    pub fitness: Fitness,
}

impl Data {
    pub fn not_measured(basis: Basis) -> Self {
        let share = |is: bool| if is { 1.0 } else { 0.0 };
        Data {
            primary: share(basis == Basis::Measured),
            default: share(basis == Basis::Default),
            calibrated_share: None,
            missing_secs: 0,
            metered_secs: 0,
            fitness: Fitness::of_stated(basis),
        }
    }

    /// Of an activity, multiplied by a factor: its shares, and the poorer fitness of the two.
    #[must_use]
    pub fn times(self, factor: &Data) -> Self {
        Data { fitness: self.fitness.and(factor.fitness), ..self }
    }

    fn measured<K>(found: &Consumption<K>) -> Self {
        Data {
            primary: 1.0,
            default: 0.0,
            calibrated_share: Some(found.calibrated_share),
            missing_secs: found.missing_secs,
            metered_secs: found.metered_secs,
            fitness: Fitness::MEASURED,
        }
    }
}

/// Reads figures by the rules of a method.
pub(crate) struct Reader<'a> {
    pub plant: &'a Plant,
    pub sources: &'a Sources<'a>,
    pub method: &'a Method,
    sets: OnceCell<Vec<FactorSet>>,
    /// Tables that figures were taken from.
    tables: RefCell<BTreeSet<TableReference>>,
}

/// Kinds of factor that a figure of this kind may be, the plainest first, and the heating value basis it is on.
fn asked(kind: KindName) -> Option<(&'static [FactorKind], factors::Basis)> {
    use FactorKind as F;
    Some(match kind {
        KindName::EnergyPerMass | KindName::EnergyPerNormalVolume => (&[F::CalorificValue], factors::Basis::Net),
        KindName::Co2ePerEnergy => (&[F::Combustion], factors::Basis::Net),
        KindName::Co2ePerMass => (&[F::Process, F::Combustion], factors::Basis::None),
        KindName::Co2ePerVolume | KindName::Co2ePerNormalVolume => (&[F::Combustion], factors::Basis::None),
        KindName::Co2ePerElectricity => (&[F::ElectricityConsumption, F::ElectricityAverage], factors::Basis::None),
        KindName::CarbonPerMass => (&[F::CarbonContent], factors::Basis::None),
        KindName::Co2ePerMassDistance => (&[F::Freight], factors::Basis::None),
        _ => return None,
    })
}

impl<'a> Reader<'a> {
    pub fn new(plant: &'a Plant, sources: &'a Sources<'a>, method: &'a Method) -> Self {
        Reader { plant, sources, method, sets: OnceCell::new(), tables: RefCell::default() }
    }

    /// Notes a table that a figure was taken from.
    pub fn took_from(&self, name: impl Into<String>, digest: Sha256) {
        self.tables.borrow_mut().insert(TableReference { name: name.into(), digest });
    }

    /// The tables that figures were taken from so far, by name.
    pub fn tables(&self) -> Vec<TableReference> {
        self.tables.borrow().iter().cloned().collect()
    }
}

impl Reader<'_> {
    /// A figure of kind `K`. A factor to one gas is read as one to CO2e, by the method's warming potentials.
    pub fn figure<K: Kind>(
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
                let found = self.sources.evidence.instrument(instrument).ok_or_else(unknown).map_err(metering)?;
                let found = consumption::<K>(found, &self.plant.period, rules).map_err(metering)?;
                Ok(Figure { data: Data::measured(&found), quantity: found.quantity, gas: None })
            }
            Input::Material { material, flow } => {
                if K::NAME != KindName::Mass {
                    return Err(wrong("a material"));
                }
                let found = material_flow(self.sources.evidence, material, *flow, rules).map_err(metering)?;
                let data = Data::measured(&found);
                Ok(Figure { data, quantity: Measured::from_base(found.quantity.into_uncertain()), gas: None })
            }
            Input::Analyses { material } => {
                let property = property.ok_or_else(|| wrong("analyses"))?;
                let set = self.method.gwp_set;
                let quantity = analysis_mean(self.sources.evidence, material, property, set).map_err(metering)?;
                // What a laboratory finds of carbon is CO2.
                let data = Data { fitness: Fitness::MEASURED, ..Data::not_measured(Basis::Measured) };
                Ok(Figure { quantity, data, gas: Some(Gas::Co2) })
            }
            Input::Factor(used) => self.factor(path, used),
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
        Ok(Figure {
            quantity: Measured::from_base(value),
            data: Data::not_measured(stated.basis),
            gas: stated.unit.kind().gas(),
        })
    }

    /// A row of a factor set, which must fit what it is taken for, the site and the year of the period's start.
    fn factor<K: Kind>(&self, path: &str, used: &FactorUse) -> Result<Figure<K>, FootprintError> {
        let wrap = |source| FootprintError::Factor { path: path.to_owned(), source };
        let wrong = || FootprintError::WrongSource { path: path.to_owned(), expected: K::NAME, from: "a factor set" };
        let (kinds, basis) = asked(K::NAME).ok_or_else(wrong)?;
        let holds = |set: &&FactorSet| set.factors().iter().any(|factor| factor.id == used.id);
        let unknown = || FactorError::UnknownId {
            id: used.id.clone(),
            set: self.sets().iter().map(|set| set.id.as_str()).collect::<Vec<_>>().join(", "),
            nearest: self.sets().iter().find_map(|set| match set.find(&Query::id(&used.id)) {
                Err(FactorError::UnknownId { nearest, .. }) => nearest,
                _ => None,
            }),
        };
        let set = self.sets().iter().find(holds).ok_or_else(unknown).map_err(wrap)?;
        let named = set.factors().iter().find(|factor| factor.id == used.id);
        let named = named.ok_or_else(unknown).map_err(wrap)?;
        let kind = match &used.kind {
            Some(name) => FactorKind::find(name).ok_or_else(|| FootprintError::FactorKind {
                path: path.to_owned(),
                found: name.clone(),
                known: kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "),
            })?,
            None if kinds.contains(&named.kind) => named.kind,
            None => kinds[0],
        };
        let year = self.plant.period.start.to_zoned(jiff::tz::TimeZone::UTC).year();
        let query = Query {
            kind: Some(kind),
            gas: match named.counted {
                Counted::Gas(gas) => Some(gas),
                _ => None,
            },
            basis: Some(basis).filter(|basis| *basis != factors::Basis::None),
            sector: used.sector.as_deref(),
            region: used.region.as_deref().or(self.plant.region.as_deref()),
            year: used.year.or(u16::try_from(year).ok()),
            gwp: Some(self.method.gwp_set),
            ..Query::id(&used.id)
        };
        let factor = set.find(&query).map_err(wrap)?;
        let read = factor.read::<K>(self.method.gwp_set);
        let value = read.map_err(|source| FootprintError::Quantity { path: path.to_owned(), source })?.base();
        let mut uncertain = Uncertain::exact(value);
        if let Some(relative) = factor.relative_standard_uncertainty() {
            let source = SourceId::new(format!("factor/{}/{}/{}", set.id, set.version, factor.id));
            uncertain = uncertain
                .with(source, relative * value.abs(), None)
                .map_err(|source| FootprintError::Uncertainty { path: path.to_owned(), source })?;
        }
        self.took_from(format!("{} {}", set.id, set.version), set.digest);
        // Where the plant file means another year than its own, the row is as old as it is.
        let fitness = Fitness::of_factor(factor, self.plant.region.as_deref(), u16::try_from(year).unwrap_or_default());
        Ok(Figure {
            quantity: Measured::from_base(uncertain),
            data: Data { fitness, ..Data::not_measured(Basis::Stated) },
            gas: factor.unit.kind().gas(),
        })
    }

    /// The sets, read when the first factor is asked for.
    fn sets(&self) -> &[FactorSet] {
        // A method that names no sets leaves the choice to the plant file, which names each row.
        self.sets.get_or_init(|| match self.method.factor_sets.is_empty() {
            true => FactorSet::shipped(),
            false => self.method.allowed_factors(),
        })
    }

    /// A share from 0 to 1.
    pub fn share(
        &self,
        path: &str,
        input: &Input,
        property: Option<Property>,
    ) -> Result<Measured<Ratio>, FootprintError> {
        let share = self.figure::<Ratio>(path, input, property)?.quantity;
        let value = share.quantity().base();
        if (0.0..=1.0).contains(&value) {
            Ok(share)
        } else {
            Err(FootprintError::Share { path: path.to_owned(), value })
        }
    }

    /// A mass above zero.
    pub fn production(&self, path: &str, process: &str, input: &Input) -> Result<Figure<Mass>, FootprintError> {
        let production: Figure<Mass> = self.figure(path, input, None)?;
        if production.quantity.quantity().base() > 0.0 {
            Ok(production)
        } else {
            Err(FootprintError::NoProduction { process: process.to_owned() })
        }
    }
}
