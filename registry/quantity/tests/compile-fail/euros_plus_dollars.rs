//! Money of two currencies does not add up.

use quantity::{
    Kind, Money,
    tender::{Eur, Usd},
};

fn main() {
    let _ = Money::<Eur>::from_base(1.0) + Money::<Usd>::from_base(1.0);
}
