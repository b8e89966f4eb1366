//! The heat of a fuel is not electricity: a grid factor does not apply to it.

use quantity::{Co2ePerElectricity, Energy, Kind};

fn main() {
    let _ = Energy::from_base(1.0) * Co2ePerElectricity::from_base(0.5);
}
