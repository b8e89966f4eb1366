//! How well data fit what they are taken for, on the scales of PACT and of the Product Environmental Footprint.
//!
//! Ratings follow from where a figure comes from, and from nothing that anyone types in. An emission is as good as the
//! poorer of its activity and its factor. What is not known is rated as poor.
//!
//! | | PACT technology, geography, time | PEF TeR, GeR, TiR, P |
//! |---|---|---|
//! | measured at the site in the period | 1, 1, 1 | 1, 1, 1, 2 |
//! | a supplier's certificate | 1, 1, 1 | 1, 1, 1, 1 |
//! | a supplier's statement | as it says | as it says |
//! | stated as measured | 1, 1, 1 | 1, 1, 1, 3 |
//! | row of a factor set | 2, by region, by years | 3, by region, by years, 3 |
//! | default value of a country | 2, 1, 3 | 3, 1, 5, 4 |
//! | stated without more | 3, 3, 3 | 5, 5, 5, 4 |
//!
//! By region: the site's own 1 (PEF 1), another 2 (3), the world or none 3 (5). By years, PACT: the year itself 1, less than
//! five years old 2, older 3. By years, PEF: within the validity of the row 1, up to 2, 4, 6 years beyond 2, 3, 4, later 5.
//! PACT's matrix and PEF's tables are restated from knowledge of them and were not checked against their texts.

use record::footprint::FootprintStatement;
use record::plant::Basis;

use crate::factors::Factor;

/// Ratings of a figure: PACT's technological, geographical and temporal; PEF's TeR, GeR, TiR and P.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fitness {
    pub pact: [f64; 3],
    pub pef: [f64; 4],
}

impl Fitness {
    /// Measured at the site in the period.
    pub const MEASURED: Fitness = Fitness { pact: [1.0; 3], pef: [1.0, 1.0, 1.0, 2.0] };

    /// A figure that is stated.
    pub fn of_stated(basis: Basis) -> Fitness {
        match basis {
            Basis::Measured => Fitness { pact: [1.0; 3], pef: [1.0, 1.0, 1.0, 3.0] },
            Basis::Default => Fitness { pact: [2.0, 1.0, 3.0], pef: [3.0, 1.0, 5.0, 4.0] },
            Basis::Stated => Fitness { pact: [3.0; 3], pef: [5.0, 5.0, 5.0, 4.0] },
        }
    }

    /// A default value that had to be taken of other countries.
    pub fn of_other_countries() -> Fitness {
        Fitness { pact: [2.0, 3.0, 3.0], pef: [3.0, 5.0, 5.0, 4.0] }
    }

    /// A row of a factor set, taken for a site in this region and year.
    pub fn of_factor(factor: &Factor, region: Option<&str>, year: u16) -> Fitness {
        let (pact_place, pef_place) = match (factor.region.as_deref(), region) {
            (Some(of), Some(site)) if of == site => (1.0, 1.0),
            (Some(of), Some(_)) if of != "world" => (2.0, 3.0),
            _ => (3.0, 5.0),
        };
        let years = factor.years;
        let beyond = years.to.map_or(0, |to| year.saturating_sub(to));
        let age = match years.to {
            Some(_) => beyond,
            None => year.saturating_sub(years.from),
        };
        let pact_time = match age {
            0 => 1.0,
            1..5 => 2.0,
            _ => 3.0,
        };
        let pef_time = match beyond {
            0 => 1.0,
            1..=2 => 2.0,
            3..=4 => 3.0,
            5..=6 => 4.0,
            _ => 5.0,
        };
        Fitness { pact: [2.0, pact_place, pact_time], pef: [3.0, pef_place, pef_time, 3.0] }
    }

    /// A supplier's statement: the ratings that it has itself.
    pub fn of_statement(statement: &FootprintStatement) -> Fitness {
        match (&statement.quality.pact, &statement.quality.pef) {
            (Some(pact), Some(pef)) => Fitness {
                pact: [&pact.technological, &pact.geographical, &pact.temporal].map(|rating| rating.to_f64()),
                pef: [&pef.technological, &pef.geographical, &pef.temporal, &pef.precision]
                    .map(|rating| rating.to_f64()),
            },
            _ => Fitness::of_stated(Basis::Stated),
        }
    }

    /// A certificate: measured, and verified by a body.
    pub fn of_certificate() -> Fitness {
        Fitness { pact: [1.0; 3], pef: [1.0; 4] }
    }

    /// The poorer of two, aspect by aspect.
    #[must_use]
    pub fn and(self, other: Fitness) -> Fitness {
        let mut poorer = self;
        for (mine, other) in poorer.pact.iter_mut().zip(other.pact) {
            *mine = mine.max(other);
        }
        for (mine, other) in poorer.pef.iter_mut().zip(other.pef) {
            *mine = mine.max(other);
        }
        poorer
    }
}
