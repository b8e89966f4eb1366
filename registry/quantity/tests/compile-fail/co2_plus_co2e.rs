//! CO2 is not CO2e until a named set of global warming potentials says so.

use quantity::{Co2e, Kind, MassOf, species::Co2};

fn main() {
    let _ = MassOf::<Co2>::from_base(1.0) + Co2e::from_base(1.0);
}
