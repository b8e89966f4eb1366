//! A cubic metre as it is, and one at reference conditions, do not add up.

use quantity::{Kind, NormalVolume, Volume};

fn main() {
    let _ = NormalVolume::from_base(1.0) + Volume::from_base(1.0);
}
