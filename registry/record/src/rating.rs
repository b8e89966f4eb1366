//! Data-quality ratings: PACT's scale from 1 (good) to 3 (poor) and the Product Environmental Footprint's from 1 (excellent)
//! to 5 (poor). They are computed, and they are different types: a 2 of the one is no 2 of the other.

use quantity::{Decimal, Rounding};
use serde::{Deserialize, Serialize};

/// A rating that its scale does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rating of {scale} is from 1 to {worst}, not {found}")]
pub struct RatingError {
    /// The scale.
    pub scale: &'static str,
    /// Its worst rating.
    pub worst: u8,
    /// What was given.
    pub found: String,
}

macro_rules! scales {
    ($($(#[$doc:meta])* $name:ident, $scale:literal, $worst:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(try_from = "Decimal", into = "Decimal")]
            pub struct $name(Decimal);

            impl $name {
                /// The worst rating; the best is 1.
                pub const WORST: u8 = $worst;

                /// A rating from its mean, rounded to two decimal places.
                ///
                /// # Errors
                /// [`RatingError`].
                pub fn new(mean: f64) -> Result<Self, RatingError> {
                    let refused = || RatingError { scale: $scale, worst: $worst, found: mean.to_string() };
                    let hundredths = (mean * 100.0).round_ties_even() / 100.0;
                    let digits = Rounding::SignificantDigits(3);
                    Decimal::rounded(hundredths, digits).map_err(|_| refused())?.try_into()
                }

                /// The rating as a number.
                pub fn to_f64(&self) -> f64 {
                    self.0.to_f64()
                }
            }

            impl TryFrom<Decimal> for $name {
                type Error = RatingError;

                fn try_from(rating: Decimal) -> Result<Self, RatingError> {
                    match (1.0..=f64::from($worst)).contains(&rating.to_f64()) {
                        true => Ok($name(rating)),
                        false => Err(RatingError { scale: $scale, worst: $worst, found: rating.to_string() }),
                    }
                }
            }

            impl From<$name> for Decimal {
                fn from(rating: $name) -> Decimal {
                    rating.0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    self.0.fmt(f)
                }
            }
        )*
    };
}

scales! {
    /// A rating of PACT: 1 good, 2 fair, 3 poor.
    PactRating, "PACT", 3;
    /// A rating of the Product Environmental Footprint: 1 excellent, 2 very good, 3 good, 4 fair, 5 poor.
    PefRating, "PEF", 5;
}

/// Ratings by PACT's data-quality matrix, means over all parts of the total that are above 5 % of it, weighted by emissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PactRatings {
    /// Share of the total that was rated, in percent.
    pub coverage_percent: Decimal,
    /// Technological representativeness.
    pub technological: PactRating,
    /// Geographical representativeness.
    pub geographical: PactRating,
    /// Temporal representativeness.
    pub temporal: PactRating,
}

/// Ratings as the Product Environmental Footprint has them (Commission Recommendation (EU) 2021/2279, Annex I), means over
/// the whole total, weighted by emissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PefRatings {
    /// Technological representativeness, TeR.
    pub technological: PefRating,
    /// Geographical representativeness, GeR.
    pub geographical: PefRating,
    /// Time-related representativeness, TiR.
    pub temporal: PefRating,
    /// Precision, P.
    pub precision: PefRating,
    /// Mean of the four: the data-quality rating, DQR.
    pub overall: PefRating,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scale_has_its_own_end() {
        assert_eq!(PactRating::new(3.0).map(|rating| rating.to_string()), Ok("3".to_owned()));
        assert_eq!(PefRating::new(4.666_6).map(|rating| rating.to_string()), Ok("4.67".to_owned()));
        for wrong in [0.9, 3.01, f64::NAN, f64::INFINITY] {
            assert_eq!(PactRating::new(wrong).map_err(|error| error.worst), Err(3), "{wrong}");
        }
        assert_eq!(
            PefRating::new(5.1).map_err(|error| error.to_string()),
            Err("a rating of PEF is from 1 to 5, not 5.1".into())
        );
    }

    #[test]
    fn a_statement_with_a_rating_off_the_scale_is_not_read() {
        assert!(serde_json::from_str::<PactRating>("\"2.5\"").is_ok());
        let refused = serde_json::from_str::<PactRating>("\"4\"").map_err(|error| error.to_string());
        assert!(refused.is_err_and(|words| words.contains("from 1 to 3")));
    }
}
