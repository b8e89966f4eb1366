//! A mass without its distance is not multiplied by a factor of freight.

use quantity::{Co2ePerMassDistance, Kind, Mass};

fn main() {
    let _ = Mass::from_base(1.0) * Co2ePerMassDistance::from_base(0.1);
}
