//! Heat content on the gross basis is not multiplied by a factor on the net basis.

use quantity::{GasPerEnergy, GrossEnergyPerMass, Kind, Mass, species::Co2};

fn main() {
    let gross = Mass::from_base(1.0) * GrossEnergyPerMass::from_base(54.0);
    let _ = gross * GasPerEnergy::<Co2>::from_base(56.1);
}
