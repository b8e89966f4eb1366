//! A tonne of steel and a tonne of CO2e do not add up.

use quantity::{Co2e, Kind, Mass};

fn main() {
    let _ = Mass::from_base(1.0) + Co2e::from_base(1.0);
}
