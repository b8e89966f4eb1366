//! Nor by a factor per energy of fuel: the calorific value is missing.

use quantity::{Co2ePerEnergy, Kind, NormalVolume};

fn main() {
    let gas = NormalVolume::from_base(1000.0);
    let _ = gas * Co2ePerEnergy::from_base(56.1);
}
