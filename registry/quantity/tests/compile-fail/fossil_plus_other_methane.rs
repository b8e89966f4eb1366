//! Nor do methane of fossil and of other origin, whose potentials differ.

use quantity::{
    Kind, MassOf,
    species::{FossilCh4, NonFossilCh4},
};

fn main() {
    let _ = MassOf::<FossilCh4>::from_base(1.0) + MassOf::<NonFossilCh4>::from_base(1.0);
}
