//! Nor does a factor of a fuel apply to electricity.

use quantity::{Co2ePerEnergy, Electricity, Kind};

fn main() {
    let _ = Electricity::from_base(1.0) * Co2ePerEnergy::from_base(56.1);
}
