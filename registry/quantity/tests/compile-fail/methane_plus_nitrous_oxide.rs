//! Masses of two gases do not add up.

use quantity::{
    Kind, MassOf,
    species::{Ch4, N2o},
};

fn main() {
    let _ = MassOf::<Ch4>::from_base(1.0) + MassOf::<N2o>::from_base(1.0);
}
