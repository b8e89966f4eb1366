//! Cubic metres of gas are not multiplied by a factor per kilowatt hour.

use quantity::{Co2ePerElectricity, Kind, NormalVolume};

fn main() {
    let gas = NormalVolume::from_base(1000.0);
    let _ = gas * Co2ePerElectricity::from_base(0.2);
}
