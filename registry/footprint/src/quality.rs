//! Quality of the data behind a result: computed from what the figures rest on.

use quantity::{Decimal, Rounding};
use record::footprint::DataQuality;
use record::rating::{PactRating, PactRatings, PefRating, PefRatings};

use crate::error::FootprintError;
use crate::fitness::Fitness;
use crate::site::{Node, Part, Site, is_direct};

/// Parts of the total below this share are not rated (PACT).
const LEAST_SHARE: f64 = 0.05;

impl Site<'_> {
    /// The quality of the parts that count, and of the production that all are divided by.
    pub(crate) fn quality(
        &self,
        node: &Node,
        parts: &[Part],
        counts: &dyn Fn(&Part) -> bool,
    ) -> Result<DataQuality, FootprintError> {
        let (mut all, mut primary) = (0.0, 0.0);
        let (mut direct, mut default) = (0.0, 0.0);
        let (mut measured, mut calibrated) = (0.0, 0.0);
        let (mut missing_secs, mut metered_secs) = (0, 0);
        for part in parts.iter().filter(|part| counts(part)) {
            let (weight, data) = (part.value.abs(), part.emission.data);
            all += weight;
            primary += weight * data.primary;
            if is_direct(part.emission.stage) {
                direct += part.value;
                default += part.value * data.default;
            }
            if let Some(share) = data.calibrated_share {
                measured += weight;
                calibrated += weight * share;
            }
            missing_secs += data.missing_secs;
            metered_secs += data.metered_secs;
        }
        // Every emission is divided by the production: it weighs as much as all of them.
        let production = node.amount.data;
        if let Some(share) = production.calibrated_share {
            measured += all;
            calibrated += all * share;
        }
        missing_secs += production.missing_secs;
        metered_secs += production.metered_secs;
        let rated = Rated::new(parts.iter().filter(|part| counts(part)), production.fitness);
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Ok(DataQuality {
            gap_share: self.number("gap share", ratio(missing_secs as f64, metered_secs as f64))?,
            calibration_coverage_share: (measured > 0.0)
                .then(|| self.number("calibration coverage", calibrated / measured))
                .transpose()?,
            primary_data_share: self.number("primary data share", ratio(primary, all))?,
            default_value_share: self.number("default value share", ratio(default, direct))?,
            pact: rated.pact(),
            pef: rated.pef(),
        })
    }
}

/// Parts of a total by their size, with their ratings.
struct Rated {
    parts: Vec<(f64, Fitness)>,
    whole: f64,
}

impl Rated {
    /// Each part is divided by the production, so that none is better than it.
    fn new<'p>(parts: impl Iterator<Item = &'p Part<'p>>, production: Fitness) -> Self {
        let parts: Vec<_> = parts.map(|part| (part.value.abs(), part.emission.data.fitness.and(production))).collect();
        Rated { whole: parts.iter().fold(0.0, |sum, part| sum + part.0), parts }
    }

    /// Means weighted by emissions over the parts of at least this share.
    fn means<const N: usize>(&self, least: f64, ratings: fn(&Fitness) -> [f64; N]) -> Option<[f64; N]> {
        let (mut sums, mut weight) = ([0.0; N], 0.0);
        for (size, fitness) in self.parts.iter().filter(|part| part.0 > least * self.whole) {
            weight += size;
            for (sum, rating) in sums.iter_mut().zip(ratings(fitness)) {
                *sum += size * rating;
            }
        }
        (weight > 0.0).then(|| sums.map(|sum| sum / weight))
    }

    fn pact(&self) -> Option<PactRatings> {
        let means = self.means(LEAST_SHARE, |fitness| fitness.pact)?;
        let large = self.parts.iter().map(|part| part.0).filter(|size| *size > LEAST_SHARE * self.whole);
        let covered = large.fold(0.0, |sum, size| sum + size) / self.whole * 100.0;
        let covered = Decimal::rounded((covered * 100.0).round() / 100.0, Rounding::SignificantDigits(5));
        let [technological, geographical, temporal] = means.map(|mean| PactRating::new(mean).ok());
        Some(PactRatings {
            coverage_percent: covered.ok()?,
            technological: technological?,
            geographical: geographical?,
            temporal: temporal?,
        })
    }

    fn pef(&self) -> Option<PefRatings> {
        let means = self.means(0.0, |fitness| fitness.pef)?;
        let overall = PefRating::new(means.iter().sum::<f64>() / means.len() as f64).ok()?;
        let [technological, geographical, temporal, precision] = means.map(|mean| PefRating::new(mean).ok());
        Some(PefRatings {
            technological: technological?,
            geographical: geographical?,
            temporal: temporal?,
            precision: precision?,
            overall,
        })
    }
}
