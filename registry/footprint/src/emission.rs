//! What each stream, exchange, use of electricity and precursor emits in the period.

use quantity::{
    AnodeEffect, C2f6PerCf4, Carbon, CarbonPerMass, Co2PerCarbon, Co2e, Co2ePerElectricity, Co2ePerEnergy, Co2ePerMass,
    Co2ePerMassDistance, Co2ePerNormalVolume, Co2ePerVolume, Electricity, Energy, EnergyPerMass, EnergyPerNormalVolume,
    Gas, GasPerMass, GasPerMassAnodeEffect, GasPerMassOvervoltage, Kind, KindName, Mass, MassDistance, MassOf,
    NormalVolume, Overvoltage, Ratio, Times, Unit, Volume, species,
};
use record::footprint::{Origin, Stage};
use record::plant::{Carrier, ElectricityUse, Exchange, ExchangeFactor, FactorUse, Input, Stream, StreamKind};
use record::reading::Property;
use uncertainty::Measured;

use crate::error::FootprintError;
use crate::figure::{Data, Figure, Reader};

/// Emissions of one gas from one source, in the period.
#[derive(Clone)]
pub(crate) struct Emission {
    pub stage: Stage,
    pub source: String,
    /// None is CO2e.
    pub gas: Option<Gas>,
    pub origin: Origin,
    pub co2e: Measured<Co2e>,
    /// What it is of, in base units.
    pub activity: Option<(f64, Unit)>,
    /// Electricity behind it, in MWh.
    pub electricity_mwh: f64,
    pub data: Data,
    /// Whether it is part of the total, where it is indirect.
    pub indirect: Indirect,
}

/// Whether indirect emissions are part of the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indirect {
    /// As the product's code says.
    ByProduct,
    /// By the code of the precursor that they come with: they are.
    Counted,
    /// By the code of the precursor: they are not.
    Beside,
}

impl Emission {
    /// Whether it is part of the total: biogenic carbon is stated beside it.
    pub fn counts(&self) -> bool {
        self.origin != Origin::Biogenic
    }
}

/// A fuel by what is known of it.
enum Fuel {
    Energy(Measured<Energy>),
    Mass(Measured<Mass>),
    Volume(Measured<Volume>),
    NormalVolume(Measured<NormalVolume>),
}

/// An activity by its factor.
struct Emitted {
    co2e: Measured<Co2e>,
    gas: Option<Gas>,
    /// What the factor rests on.
    factor: Data,
}

impl Reader<'_> {
    /// The emissions of a stream (Implementing Regulation (EU) 2023/1773, Annex III, B.3).
    pub fn stream(&self, stream: &Stream) -> Result<Vec<Emission>, FootprintError> {
        let at = |field: &str| format!("stream {:?} {field}", stream.name);
        let emission = |gas, co2e, activity, data| Emission {
            stage: Stage::Direct,
            source: stream.name.clone(),
            gas,
            origin: stream.origin,
            co2e,
            activity,
            electricity_mwh: 0.0,
            data,
            indirect: Indirect::ByProduct,
        };
        match &stream.kind {
            StreamKind::Combustion {
                activity,
                net_calorific_value,
                emission_factor,
                other_gases,
                oxidation_factor,
                biomass_share,
            } => {
                let (fuel, used, data) = self.fuel(&at, activity, net_calorific_value.as_ref())?;
                let Emitted { co2e: mut co2, gas, factor } =
                    self.burnt(&fuel, &at("emission factor"), emission_factor)?;
                if let Some(input) = oxidation_factor {
                    let share = self.share(&at("oxidation factor"), input, Some(Property::OxidationFactor))?;
                    co2 = &co2 * &share;
                }
                let carbon = emission(gas, co2, Some(used), data.times(&factor));
                let mut found = self.without_biomass(&at, carbon, biomass_share.as_ref())?;
                for (i, other) in other_gases.iter().enumerate() {
                    let Emitted { co2e, gas, factor } =
                        self.burnt(&fuel, &at(&format!("other gas {}", i + 1)), other)?;
                    found.push(emission(gas, co2e, Some(used), data.times(&factor)));
                }
                Ok(found)
            }
            StreamKind::Process { activity, emission_factor, conversion_factor, biomass_share } => {
                let activity: Figure<Mass> = self.figure(&at("activity"), activity, None)?;
                let factor: Figure<Co2ePerMass> =
                    self.figure(&at("emission factor"), emission_factor, Some(Property::EmissionFactor))?;
                let mut co2e = &activity.quantity * &factor.quantity;
                if let Some(input) = conversion_factor {
                    co2e = &co2e * &self.share(&at("conversion factor"), input, None)?;
                }
                let data = activity.data.times(&factor.data);
                let carbon = emission(factor.gas, co2e, Some(base(&activity.quantity)), data);
                self.without_biomass(&at, carbon, biomass_share.as_ref())
            }
            StreamKind::MassBalance { activity, carbon_content, biomass_share } => {
                let activity: Figure<Mass> = self.figure(&at("activity"), activity, None)?;
                let content: Figure<CarbonPerMass> =
                    self.figure(&at("carbon content"), carbon_content, Some(Property::CarbonContent))?;
                let carbon: Measured<Carbon> = &activity.quantity * &content.quantity;
                let per_carbon = Co2PerCarbon::from_base(self.method.co2_per_carbon.to_f64());
                let co2e = (&carbon * &Measured::exact(per_carbon)).co2e(self.method.gwp_set);
                let data = activity.data.times(&content.data);
                let carbon = emission(Some(Gas::Co2), co2e, Some(base(&activity.quantity)), data);
                self.without_biomass(&at, carbon, biomass_share.as_ref())
            }
            StreamKind::Measured { emissions, biomass_share } => {
                let mass: Figure<Co2e> = self.figure(&at("emissions"), emissions, None)?;
                let carbon = emission(mass.gas, mass.quantity, None, mass.data);
                self.without_biomass(&at, carbon, biomass_share.as_ref())
            }
            StreamKind::AnodeEffects { production, coefficient, intensity, current_efficiency, c2f6_ratio } => {
                let production: Figure<Mass> = self.figure(&at("production"), production, None)?;
                let per_mass = self.cf4(&at, coefficient, intensity, current_efficiency.as_ref())?;
                let cf4: Measured<MassOf<species::Cf4>> = &production.quantity * &per_mass;
                let ratio: Figure<C2f6PerCf4> = self.figure(&at("ratio of C2F6"), c2f6_ratio, None)?;
                let c2f6: Measured<MassOf<species::C2f6>> = &cf4 * &ratio.quantity;
                let (set, made) = (self.method.gwp_set, Some(base(&production.quantity)));
                Ok(vec![
                    emission(Some(Gas::Cf4), cf4.co2e(set), made, production.data),
                    emission(Some(Gas::C2f6), c2f6.co2e(set), made, production.data),
                ])
            }
            StreamKind::Transport { activity, emission_factor } => {
                let moved: Figure<MassDistance> = self.figure(&at("activity"), activity, None)?;
                let factor: Figure<Co2ePerMassDistance> = self.figure(&at("emission factor"), emission_factor, None)?;
                let co2e = &moved.quantity * &factor.quantity;
                let data = moved.data.times(&factor.data);
                Ok(vec![emission(factor.gas, co2e, Some(base(&moved.quantity)), data)])
            }
        }
    }

    /// Divides carbon by its biogenic share: what is left of it, and the biogenic part beside.
    fn without_biomass(
        &self,
        at: &dyn Fn(&str) -> String,
        carbon: Emission,
        biomass_share: Option<&Input>,
    ) -> Result<Vec<Emission>, FootprintError> {
        let Some(input) = biomass_share else { return Ok(vec![carbon]) };
        let share = self.share(&at("biomass share"), input, Some(Property::BiomassShare))?;
        let beside = Emission { origin: Origin::Biogenic, co2e: &carbon.co2e * &share, ..carbon.clone() };
        let fossil = &carbon.co2e * &(Measured::exact(Ratio::from_base(1.0)) - share);
        Ok(vec![Emission { co2e: fossil, ..carbon }, beside])
    }

    fn fuel(
        &self,
        at: &dyn Fn(&str) -> String,
        activity: &Input,
        calorific: Option<&Input>,
    ) -> Result<(Fuel, (f64, Unit), Data), FootprintError> {
        let path = at("activity");
        let kind = match activity {
            Input::Stated(stated) => stated.unit.kind(),
            Input::Material { .. } | Input::Analyses { .. } | Input::Factor(_) => KindName::Mass,
            // An unknown instrument is named when it is read.
            Input::Instrument { instrument } => {
                let found = self.sources.evidence.instrument(instrument);
                found.map_or(KindName::Mass, |found| found.instrument.unit.kind())
            }
        };
        let property = Some(Property::NetCalorificValue);
        match (kind, calorific) {
            (KindName::Energy, None) => {
                let energy = self.figure::<Energy>(&path, activity, None)?;
                Ok((Fuel::Energy(energy.quantity.clone()), base(&energy.quantity), energy.data))
            }
            (KindName::NormalVolume, calorific) => {
                let volume: Figure<NormalVolume> = self.figure(&path, activity, None)?;
                let used = base(&volume.quantity);
                let Some(calorific) = calorific else {
                    return Ok((Fuel::NormalVolume(volume.quantity), used, volume.data));
                };
                let calorific: Figure<EnergyPerNormalVolume> =
                    self.figure(&at("net calorific value"), calorific, property)?;
                let energy = Fuel::Energy(&volume.quantity * &calorific.quantity);
                Ok((energy, used, volume.data.times(&calorific.data)))
            }
            (KindName::Volume, None) => {
                let volume: Figure<Volume> = self.figure(&path, activity, None)?;
                Ok((Fuel::Volume(volume.quantity.clone()), base(&volume.quantity), volume.data))
            }
            (KindName::Energy | KindName::Volume, Some(_)) => Err(FootprintError::CalorificValue { path }),
            (_, calorific) => {
                let mass: Figure<Mass> = self.figure(&path, activity, None)?;
                let used = base(&mass.quantity);
                let Some(calorific) = calorific else { return Ok((Fuel::Mass(mass.quantity), used, mass.data)) };
                let calorific: Figure<EnergyPerMass> = self.figure(&at("net calorific value"), calorific, property)?;
                Ok((Fuel::Energy(&mass.quantity * &calorific.quantity), used, mass.data.times(&calorific.data)))
            }
        }
    }

    /// What a fuel emits by a factor on its basis.
    fn burnt(&self, fuel: &Fuel, path: &str, factor: &Input) -> Result<Emitted, FootprintError> {
        match fuel {
            Fuel::Energy(energy) => self.times::<_, Co2ePerEnergy>(energy, path, factor),
            Fuel::Mass(mass) => self.times::<_, Co2ePerMass>(mass, path, factor),
            Fuel::Volume(volume) => self.times::<_, Co2ePerVolume>(volume, path, factor),
            Fuel::NormalVolume(volume) => self.times::<_, Co2ePerNormalVolume>(volume, path, factor),
        }
    }

    fn times<A: Times<F, Product = Co2e>, F: Kind>(
        &self,
        activity: &Measured<A>,
        path: &str,
        factor: &Input,
    ) -> Result<Emitted, FootprintError> {
        let factor: Figure<F> = self.figure(path, factor, Some(Property::EmissionFactor))?;
        Ok(Emitted { co2e: activity * &factor.quantity, gas: factor.gas, factor: factor.data })
    }

    /// CF4 per mass of aluminium (Implementing Regulation (EU) 2023/1773, Annex III, B.7, methods A and B).
    fn cf4(
        &self,
        at: &dyn Fn(&str) -> String,
        coefficient: &Input,
        intensity: &Input,
        efficiency: Option<&Input>,
    ) -> Result<Measured<GasPerMass<species::Cf4>>, FootprintError> {
        let refuse = |problem| FootprintError::AnodeEffects { path: at("coefficient"), problem };
        let overvoltage = match coefficient {
            Input::Stated(stated) => stated.unit.kind() == KindName::GasPerMassOvervoltage(Gas::Cf4),
            _ => return Err(refuse("must be stated in the plant file, with its unit")),
        };
        match (overvoltage, efficiency) {
            (false, None) => {
                let slope: Figure<GasPerMassAnodeEffect<species::Cf4>> =
                    self.figure(&at("coefficient"), coefficient, None)?;
                let minutes: Figure<AnodeEffect> = self.figure(&at("intensity"), intensity, None)?;
                Ok(&minutes.quantity * &slope.quantity)
            }
            (true, Some(efficiency)) => {
                let coefficient: Figure<GasPerMassOvervoltage<species::Cf4>> =
                    self.figure(&at("coefficient"), coefficient, None)?;
                let voltage: Figure<Overvoltage> = self.figure(&at("intensity"), intensity, None)?;
                let efficiency = self.share(&at("current efficiency"), efficiency, None)?;
                let per_mass: Measured<GasPerMass<species::Cf4>> = &voltage.quantity * &coefficient.quantity;
                let divided = per_mass.uncertain().over(efficiency.uncertain());
                let divided =
                    divided.map_err(|source| FootprintError::Uncertainty { path: at("current efficiency"), source })?;
                Ok(Measured::from_base(divided))
            }
            (false, Some(_)) => Err(refuse("a slope needs no current efficiency: leave it out")),
            (true, None) => Err(refuse("an overvoltage coefficient needs current_efficiency")),
        }
    }

    /// The emissions of the electricity a process uses.
    pub fn electricity(&self, process: &str, used: &ElectricityUse) -> Result<Emission, FootprintError> {
        let path = format!("process {process:?} electricity");
        let amount: Figure<Electricity> = self.figure(&format!("{path} amount"), &used.amount, None)?;
        let factor: Figure<Co2ePerElectricity> = self.figure(&format!("{path} factor"), &used.factor, None)?;
        Ok(Emission {
            stage: Stage::Electricity,
            source: "electricity".to_owned(),
            gas: factor.gas,
            origin: Origin::Fossil,
            co2e: &amount.quantity * &factor.quantity,
            activity: Some(base(&amount.quantity)),
            electricity_mwh: amount.quantity.quantity().base(),
            data: amount.data.times(&factor.data),
            indirect: Indirect::ByProduct,
        })
    }

    /// What an exchange adds to its receiver, or takes from its giver.
    pub fn exchange(&self, exchange: &Exchange, gives: bool) -> Result<Emission, FootprintError> {
        let path = format!("exchange {:?}", exchange.name);
        let (amount, factor) = (format!("{path} amount"), format!("{path} factor"));
        let (by, activity, electricity_mwh, data) = match exchange.carrier {
            Carrier::Heat | Carrier::WasteGas => {
                let amount: Figure<Energy> = self.figure(&amount, &exchange.amount, None)?;
                let by = self.handed_on(&path, exchange, &amount.quantity, gives)?;
                (by, base(&amount.quantity), 0.0, amount.data)
            }
            Carrier::Electricity => {
                let amount: Figure<Electricity> = self.figure(&amount, &exchange.amount, None)?;
                let ExchangeFactor::Given(given) = &exchange.factor else {
                    return Err(FootprintError::ExchangeFactor { exchange: exchange.name.clone() });
                };
                let by = self.times::<_, Co2ePerElectricity>(&amount.quantity, &factor, given)?;
                (by, base(&amount.quantity), amount.quantity.quantity().base(), amount.data)
            }
        };
        let stage = if exchange.carrier == Carrier::Electricity { Stage::Electricity } else { Stage::Direct };
        Ok(Emission {
            stage,
            source: exchange.name.clone(),
            gas: by.gas,
            origin: Origin::Fossil,
            co2e: by.co2e,
            activity: Some(activity),
            electricity_mwh,
            data: data.times(&by.factor),
            indirect: Indirect::ByProduct,
        })
    }

    /// What energy that is handed on stands for.
    fn handed_on(
        &self,
        path: &str,
        exchange: &Exchange,
        energy: &Measured<Energy>,
        gives: bool,
    ) -> Result<Emitted, FootprintError> {
        let no_rule = || FootprintError::ExchangeFactor { exchange: exchange.name.clone() };
        match &exchange.factor {
            ExchangeFactor::Given(factor) => self.times::<_, Co2ePerEnergy>(energy, &format!("{path} factor"), factor),
            ExchangeFactor::Fuel { factor, efficiency } => {
                let by = self.times::<_, Co2ePerEnergy>(energy, &format!("{path} fuel factor"), factor)?;
                let path = format!("{path} efficiency");
                let efficiency = match (efficiency, &self.method.heat) {
                    (Some(given), _) => self.share(&path, given, None)?,
                    (None, Some(rule)) => Measured::exact(Ratio::from_base(rule.boiler_efficiency.to_f64())),
                    (None, None) => return Err(no_rule()),
                };
                let fuel = by.co2e.uncertain().over(efficiency.uncertain());
                let fuel = fuel.map_err(|source| FootprintError::Uncertainty { path, source })?;
                Ok(Emitted { co2e: Measured::from_base(fuel), ..by })
            }
            ExchangeFactor::Method => {
                // Waste gas counts as the reference fuel that it replaces; what is given away, by the correction for the
                // lower efficiency of its use.
                let rule = self.method.waste_gas.as_ref().ok_or_else(no_rule)?;
                let fuel = FactorUse { id: rule.factor.clone(), kind: None, region: None, sector: None, year: None };
                let path = format!("{path} factor");
                let by = self.times::<_, Co2ePerEnergy>(energy, &path, &Input::Factor(fuel))?;
                let share = if gives { rule.export_correction.to_f64() } else { 1.0 };
                Ok(Emitted { co2e: &by.co2e * &Measured::exact(Ratio::from_base(share)), ..by })
            }
        }
    }
}

pub(crate) fn base<K: Kind>(quantity: &Measured<K>) -> (f64, Unit) {
    (quantity.quantity().base(), K::BASE)
}
