//! A factor to CO2 is not passed for a factor to CO2e.

use quantity::{Co2ePerEnergy, GasPerEnergy, Kind, species::Co2};

fn main() {
    let _: Co2ePerEnergy = GasPerEnergy::<Co2>::from_base(95.0);
}
