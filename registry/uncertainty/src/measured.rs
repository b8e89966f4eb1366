//! A value with uncertainty and a kind: multiplication as `quantity` allows it, uncertainty as [`Uncertain`] carries it.

use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Mul, Sub};

use quantity::{GwpSet, Kind, OfGas, Over, Species, Times};

use crate::value::{Uncertain, UncertaintyError};

/// A quantity of kind `K`, in its base unit, with its uncertainty by source.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured<K> {
    uncertain: Uncertain,
    kind: PhantomData<K>,
}

impl<K: Kind> Measured<K> {
    /// A quantity without uncertainty.
    pub fn exact(quantity: K) -> Self {
        Measured::from_base(Uncertain::exact(quantity.base()))
    }

    /// A number of base units with its uncertainty in base units.
    pub fn from_base(uncertain: Uncertain) -> Self {
        Measured { uncertain, kind: PhantomData }
    }

    /// The estimate.
    pub fn quantity(&self) -> K {
        K::from_base(self.uncertain.value())
    }

    /// The number of base units with its uncertainty.
    pub fn uncertain(&self) -> &Uncertain {
        &self.uncertain
    }

    /// The number of base units with its uncertainty.
    pub fn into_uncertain(self) -> Uncertain {
        self.uncertain
    }

    /// The quotient of two quantities.
    ///
    /// # Errors
    /// [`UncertaintyError::DivisionByZero`].
    pub fn over<R: Kind>(&self, right: &Measured<R>) -> Result<Measured<K::Quotient>, UncertaintyError>
    where
        K: Over<R>,
    {
        Ok(Measured::from_base(self.uncertain.over(&right.uncertain)?))
    }
}

impl<Q: OfGas> Measured<Q> {
    /// A mass of gas, or a factor to one, in CO2e by a named set, whose values are taken without uncertainty.
    pub fn co2e(&self, set: GwpSet) -> Measured<Q::InCo2e> {
        Measured::from_base(self.uncertain.scale(set.gwp(Q::Species::GAS)))
    }
}

impl<L: Times<R>, R: Kind> Mul<&Measured<R>> for &Measured<L> {
    type Output = Measured<L::Product>;

    fn mul(self, right: &Measured<R>) -> Self::Output {
        if L::DIVISOR == 1.0 {
            return Measured::from_base(&self.uncertain * &right.uncertain);
        }
        // The divisor is a constant above zero.
        let left = self.uncertain.scale_down(L::DIVISOR).unwrap_or_else(|_| self.uncertain.clone());
        Measured::from_base(&left * &right.uncertain)
    }
}

impl<K: Kind> Add for Measured<K> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Measured::from_base(self.uncertain + other.uncertain)
    }
}

impl<K: Kind> AddAssign<&Measured<K>> for Measured<K> {
    fn add_assign(&mut self, other: &Self) {
        self.uncertain += &other.uncertain;
    }
}

impl<K: Kind> Sub for Measured<K> {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Measured::from_base(self.uncertain - other.uncertain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::SourceId;
    use quantity::species::Ch4;
    use quantity::{Co2e, Co2ePerEnergy, EnergyPerMass, GasPerEnergy, Mass, MassOf};

    #[test]
    fn a_stream_keeps_kind_and_sources() {
        let u = |value, source, u| Uncertain::new(value, SourceId::new(source), u, None).unwrap();
        let coal: Measured<Mass> = Measured::from_base(u(88_000.0, "scale", 880.0));
        let ncv: Measured<EnergyPerMass> = Measured::from_base(u(25.0, "laboratory", 0.0));
        let factor: Measured<Co2ePerEnergy> = Measured::from_base(u(95.0, "factor", 0.0));
        let emissions: Measured<Co2e> = &(&coal * &ncv) * &factor;
        assert_eq!(emissions.quantity().base(), 209_000.0);
        assert!((emissions.uncertain().standard_uncertainty() - 2_090.0).abs() < 1e-9);
        assert_eq!(emissions.uncertain().contributions().len(), 3);
    }

    #[test]
    fn a_gas_keeps_its_sources_in_co2e() {
        let u = |value, source, u| Uncertain::new(value, SourceId::new(source), u, None).unwrap();
        let heat: Measured<quantity::Energy> = Measured::from_base(u(2_000.0, "meter", 20.0));
        let factor: Measured<GasPerEnergy<Ch4>> = Measured::from_base(u(0.001, "factor", 0.0005));
        let methane: Measured<MassOf<Ch4>> = &heat * &factor;
        let emissions: Measured<Co2e> = methane.co2e(GwpSet::AR5);
        assert!((emissions.quantity().base() - 0.056).abs() < 1e-15);
        let relative = emissions.uncertain().standard_uncertainty() / emissions.quantity().base();
        assert!((relative - (0.01f64 * 0.01 + 0.25).sqrt()).abs() < 1e-12);
    }
}
