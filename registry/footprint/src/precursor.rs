//! What purchased precursors bring: by certificate, by a supplier's statement, by figures, or by default value.

use quantity::{Co2ePerElectricity, Co2ePerMass, Decimal, ElectricityPerMass, Kind, Mass};
use record::footprint::{FootprintStatement, Origin, Stage};
use record::instrument::Sha256;
use record::plant::{Basis, Embedded, EmbeddedFigures, FunctionalUnit, Input, Precursor};
use uncertainty::{Measured, SourceId, Uncertain};

use crate::emission::{Emission, Indirect, base};
use crate::error::FootprintError;
use crate::figure::{Certified, Data, Figure, Reader};
use crate::fitness::Fitness;
use crate::method::PrecursorIndirect;

impl Reader<'_> {
    /// What a precursor brings into the process that uses this much of it.
    pub fn precursor(&self, precursor: &Precursor, amount: &Input) -> Result<Vec<Emission>, FootprintError> {
        let path = format!("precursor {:?}", precursor.name);
        let mass: Figure<Mass> = self.figure(&format!("{path} amount used"), amount, None)?;
        let tonnes = mass.quantity.quantity().base();
        let emission = |stage, see: &Measured<Co2ePerMass>, gas, mwh_per_t: f64, data| Emission {
            stage,
            source: precursor.name.clone(),
            gas,
            origin: Origin::Fossil,
            co2e: &mass.quantity * see,
            activity: Some(base(&mass.quantity)),
            electricity_mwh: tonnes * mwh_per_t,
            // As good as the poorer of what was used and of what it carries.
            data: Data::times(data, &mass.data),
            indirect: Indirect::ByProduct,
        };
        // Direct and indirect, where both are known per tonne; goods of this code.
        let both = |see: [Measured<Co2ePerMass>; 2], mwh: f64, data: Data, code: &str| {
            let direct = emission(Stage::PrecursorDirect, &see[0], None, 0.0, data);
            let by_electricity = emission(Stage::PrecursorElectricity, &see[1], None, mwh, data);
            let indirect = self.precursor_indirect(precursor, Some(code))?;
            Ok(vec![direct, Emission { indirect, ..by_electricity }])
        };
        match &precursor.embedded {
            Embedded::Figures(figures) => {
                let EmbeddedFigures { direct, electricity, indirect } = &**figures;
                let direct: Figure<Co2ePerMass> = self.figure(&format!("{path} direct"), direct, None)?;
                let mut found = vec![emission(Stage::PrecursorDirect, &direct.quantity, direct.gas, 0.0, direct.data)];
                let (mut mwh, mut by_electricity) = (0.0, None);
                if let Some(used) = electricity {
                    let amount: Figure<ElectricityPerMass> =
                        self.figure(&format!("{path} electricity"), &used.amount, None)?;
                    let factor: Figure<Co2ePerElectricity> =
                        self.figure(&format!("{path} electricity factor"), &used.factor, None)?;
                    mwh = amount.quantity.quantity().base();
                    let see: Measured<Co2ePerMass> = &amount.quantity * &factor.quantity;
                    by_electricity =
                        Some(Figure { quantity: see, data: amount.data.times(&factor.data), gas: factor.gas });
                }
                let stated = indirect.as_ref();
                let stated = stated.map(|input| self.figure(&format!("{path} indirect"), input, None)).transpose()?;
                if let Some(see) = stated.or(by_electricity) {
                    let indirect = self.precursor_indirect(precursor, None)?;
                    let emission = emission(Stage::PrecursorElectricity, &see.quantity, see.gas, mwh, see.data);
                    found.push(Emission { indirect, ..emission });
                }
                Ok(found)
            }
            Embedded::Statement { sha256 } => {
                let given = self.sources.suppliers.iter().find(|(digest, _)| digest == sha256);
                let (_, statement) = given.ok_or_else(|| FootprintError::NoStatement {
                    precursor: precursor.name.clone(),
                    sha256: *sha256,
                })?;
                let see = self.supplied(&precursor.name, sha256, statement)?;
                let mwh = statement.electricity.value.to_f64();
                let data = Data {
                    primary: statement.quality.primary_data_share.to_f64(),
                    default: statement.quality.default_value_share.to_f64(),
                    fitness: Fitness::of_statement(statement),
                    ..Data::not_measured(Basis::Stated)
                };
                both(see, mwh, data, &statement.product.cn_code)
            }
            Embedded::Certificate { id } => {
                let (see, certified) = self.certified(&precursor.name, id)?;
                let measured = &certified.certificate.assessment().measurement;
                let primary = measured.primary_data_share.parse().map_err(|_| FootprintError::CertificateUnfit {
                    precursor: precursor.name.clone(),
                    id: id.clone(),
                    problem: "its share of primary data is no number".to_owned(),
                })?;
                let data = Data { primary, fitness: Fitness::of_certificate(), ..Data::not_measured(Basis::Measured) };
                both(see, 0.0, data, certified.certificate.product_class())
            }
            Embedded::Default { cn_code, country, variant } => {
                let refuse = |source| FootprintError::DefaultValue { precursor: precursor.name.clone(), source };
                let table = self.sources.defaults.as_ref().ok_or_else(|| refuse(None))?;
                let year = self.plant.period.start.to_zoned(jiff::tz::TimeZone::UTC).year();
                let year = u16::try_from(year).unwrap_or_default();
                let found = table.find(country, cn_code, variant.as_deref(), year);
                let found = found.map_err(|source| refuse(Some(source)))?;
                self.took_from("cbam-default-values", table.digest);
                // What is declared is the total with the mark-up of the year. The table rounds its parts apart, so that
                // they need not add up to it: each carries its share of it.
                let number = |value: &Option<quantity::Decimal>| value.as_ref().map_or(0.0, quantity::Decimal::to_f64);
                let parts = number(&found.value.direct) + number(&found.value.indirect);
                let mark_up = if parts == 0.0 { 0.0 } else { found.with_mark_up.to_f64() / parts };
                let see = |value| Measured::exact(Co2ePerMass::from_base(number(value) * mark_up));
                let mut data = Data::not_measured(Basis::Default);
                if found.other_countries {
                    data.fitness = Fitness::of_other_countries();
                }
                both([see(&found.value.direct), see(&found.value.indirect)], 0.0, data, cn_code)
            }
            Embedded::Scrap => Ok(Vec::new()),
        }
    }

    /// A supplier's direct and indirect emissions per tonne, with its sources of uncertainty: those that this plant shares
    /// are the same.
    fn supplied(
        &self,
        precursor: &str,
        sha256: &Sha256,
        statement: &FootprintStatement,
    ) -> Result<[Measured<Co2ePerMass>; 2], FootprintError> {
        let set = self.method.gwp_set.to_string();
        if statement.method.gwp_set != set {
            let found = statement.method.gwp_set.clone();
            return Err(FootprintError::OtherGwpSet { precursor: precursor.to_owned(), found, expected: set });
        }
        if statement.functional_unit != FunctionalUnit::Tonne.name() {
            let found = statement.functional_unit.clone();
            return Err(FootprintError::StatementUnit { precursor: precursor.to_owned(), found });
        }
        if statement.inputs.plant_file == self.plant.digest {
            return Err(FootprintError::Circular { precursor: precursor.to_owned() });
        }
        let mut sums = [&statement.direct, &statement.indirect].map(|result| Uncertain::exact(result.value.to_f64()));
        for row in &statement.budget {
            // What a statement joins in one line is a source of its own.
            let source = match row.source.strip_prefix("others (") {
                Some(_) => SourceId::new(format!("statement/{sha256}/others")),
                None => SourceId::new(row.source.clone()),
            };
            let dof = row.degrees_of_freedom.as_ref().map(quantity::Decimal::to_f64);
            for (sum, part) in sums.iter_mut().zip([&row.direct, &row.indirect]) {
                if !part.is_zero() {
                    let with = sum.clone().with_signed(source.clone(), part.to_f64(), dof);
                    let path = format!("precursor {precursor:?} budget {source}");
                    *sum = with.map_err(|source| FootprintError::Uncertainty { path, source })?;
                }
            }
        }
        Ok(sums.map(Measured::from_base))
    }

    /// A certificate's direct and indirect emissions per tonne: by the statement behind it where that is here, with its
    /// sources; else by the certificate's own uncertainties, as one source, so that they add up.
    fn certified(&self, precursor: &str, id: &str) -> Result<([Measured<Co2ePerMass>; 2], &Certified), FootprintError> {
        let named = || (precursor.to_owned(), id.to_owned());
        let certified = self.sources.certificate(id).ok_or_else(|| {
            let (precursor, id) = named();
            FootprintError::NoCertificate { precursor, id }
        })?;
        let measured = &certified.certificate.assessment().measurement;
        let unfit = |problem: String| {
            let (precursor, id) = named();
            FootprintError::CertificateUnfit { precursor, id, problem }
        };
        let set = self.method.gwp_set.to_string();
        if measured.gwp_set != set {
            return Err(unfit(format!("it counts by {}, the method by {set}", measured.gwp_set)));
        }
        if measured.functional_unit != FunctionalUnit::Tonne.name() || measured.unit != Co2ePerMass::BASE.to_string() {
            return Err(unfit(format!("it is in {} per {:?}, not per tonne", measured.unit, measured.functional_unit)));
        }
        if measured.goods_from >= self.plant.period.end {
            return Err(unfit(format!("it is for goods made from {} on, after the period", measured.goods_from)));
        }
        if let Some((digest, statement)) = self.sources.behind(certified) {
            return Ok((self.supplied(precursor, digest, statement)?, certified));
        }
        let source = SourceId::new(format!("certificate/{id}"));
        let see = |result: &record::certificate::MeasuredResult| {
            let number = |text: &str| {
                let number: Decimal = text.parse().map_err(|_| unfit(format!("{text:?} is no number")))?;
                Ok(number.to_f64())
            };
            let value = Uncertain::exact(number(&result.value)?);
            let value = value.with(source.clone(), number(&result.standard_uncertainty)?, None);
            let path = format!("precursor {precursor:?} certificate");
            value.map(Measured::from_base).map_err(|source| FootprintError::Uncertainty { path, source })
        };
        Ok(([see(&measured.direct)?, see(&measured.indirect)?], certified))
    }

    /// Whether the indirect emissions of goods of this code, where it is known, count by it.
    fn precursor_indirect(&self, precursor: &Precursor, cn_code: Option<&str>) -> Result<Indirect, FootprintError> {
        match (&self.method.indirect, precursor.cn_code.as_deref().or(cn_code)) {
            (Some(rule), Some(code)) if rule.precursors == PrecursorIndirect::ByPrecursor => {
                Ok(if self.method.counts_indirect(code) { Indirect::Counted } else { Indirect::Beside })
            }
            (Some(rule), None) if rule.precursors == PrecursorIndirect::ByPrecursor => {
                Err(FootprintError::PrecursorCode { precursor: precursor.name.clone() })
            }
            _ => Ok(Indirect::ByProduct),
        }
    }
}
