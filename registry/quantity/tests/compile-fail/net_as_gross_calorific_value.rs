//! A gross calorific value is not passed for a net one.

use quantity::{EnergyPerNormalVolume, GrossEnergyPerNormalVolume, Kind};

fn main() {
    fn burn(_: EnergyPerNormalVolume) {}
    burn(GrossEnergyPerNormalVolume::from_base(39.0));
}
