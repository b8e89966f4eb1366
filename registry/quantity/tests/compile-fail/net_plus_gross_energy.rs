//! Heat contents on two bases do not add up.

use quantity::{Energy, GrossEnergy, Kind};

fn main() {
    let _ = GrossEnergy::from_base(1.0) + Energy::from_base(1.0);
}
