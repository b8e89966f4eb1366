//! Figures of a plant file: read where the file says they stand, each with what is needed to judge its data.

use metering::{Consumption, MeteringError, analysis_mean, consumption, material_flow};
use quantity::{Decimal, Gas, Kind, KindName, Mass, Ratio};
use record::evidence::Evidence;
use record::footprint::FootprintStatement;
use record::instrument::Sha256;
use record::plant::{Basis, Input, Plant, Stated};
use record::reading::Property;
use uncertainty::{Measured, SourceId, Uncertain};

use crate::error::FootprintError;
use crate::method::Method;

/// Everything beside the plant file that a footprint is computed from.
#[derive(Debug, Clone)]
pub struct Sources<'a> {
    /// Evidence of the site and period.
    pub evidence: &'a Evidence,
    /// Suppliers' statements, by digest.
    pub suppliers: Vec<(Sha256, FootprintStatement)>,
}

impl<'a> Sources<'a> {
    /// Evidence alone.
    pub fn new(evidence: &'a Evidence) -> Self {
        Sources { evidence, suppliers: Vec::new() }
    }

    /// Adds a supplier's statement.
    #[must_use]
    pub fn with_supplier(mut self, statement: FootprintStatement) -> Self {
        self.suppliers.push((statement.digest(), statement));
        self
    }
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
        }
    }

    fn measured<K>(found: &Consumption<K>) -> Self {
        Data {
            primary: 1.0,
            default: 0.0,
            calibrated_share: Some(found.calibrated_share),
            missing_secs: found.missing_secs,
            metered_secs: found.metered_secs,
        }
    }
}

/// Reads figures by the rules of a method.
pub(crate) struct Reader<'a> {
    pub plant: &'a Plant,
    pub sources: &'a Sources<'a>,
    pub method: &'a Method,
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
                Ok(Figure { quantity, data: Data::not_measured(Basis::Measured), gas: Some(Gas::Co2) })
            }
            Input::Factor { .. } => Err(wrong("a factor set")),
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
