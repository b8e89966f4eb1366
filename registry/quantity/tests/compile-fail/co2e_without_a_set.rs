//! There is no other way from a gas to CO2e.

use quantity::{Co2e, Kind, MassOf, species::N2o};

fn main() {
    let _ = Co2e::from(MassOf::<N2o>::from_base(1.0));
}
