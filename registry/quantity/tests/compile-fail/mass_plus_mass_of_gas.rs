//! Nor a tonne of coal and a tonne of CO2.

use quantity::{Kind, Mass, MassOf, species::Co2};

fn main() {
    let _ = MassOf::<Co2>::from_base(1.0) + Mass::from_base(1.0);
}
