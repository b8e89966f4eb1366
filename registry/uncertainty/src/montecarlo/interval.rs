//! Coverage intervals from draws (JCGM 101:2008, 7.7).

/// An interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Its length.
    pub fn length(&self) -> f64 {
        self.high - self.low
    }
}

/// How many draws an interval of probability `p` spans: the whole number nearest to p·M (7.7.1).
fn span(draws: usize, p: f64) -> usize {
    // p is in (0, 1), so this is at most the number of draws; the last one must stay reachable.
    ((p * draws as f64 + 0.5) as usize).clamp(1, draws - 1)
}

/// The probabilistically symmetric interval of sorted draws (7.7.2); there are at least two.
pub(super) fn symmetric(sorted: &[f64], p: f64) -> Interval {
    let span = span(sorted.len(), p);
    // r = (M − q)/2, or (M − q + 1)/2 where that is not whole, counted from one.
    let low = (sorted.len() - span).div_ceil(2).max(1) - 1;
    Interval { low: sorted[low], high: sorted[low + span] }
}

/// By how much an interval may exceed the shortest and still tell where that lies, and by how much and still be taken
/// for it.
const NEAR: f64 = 1.02;
const ALIKE: f64 = 1.01;
/// Fewest intervals through which a curve is laid.
const ENOUGH: usize = 100;

/// The shortest interval of sorted draws (7.7.3); there are at least two.
///
/// Near the shortest the lengths differ by little, and which is least is up to chance: its place wanders with the cube
/// root of the number of draws only. So a cubic is laid through all lengths that are near, and the interval where the
/// cubic is least is taken, if its own length is about as short.
pub(super) fn shortest(sorted: &[f64], p: f64) -> Interval {
    let span = span(sorted.len(), p);
    let count = sorted.len() - span;
    let interval = |low: usize| Interval { low: sorted[low], high: sorted[low + span] };
    let length = |low: usize| interval(low).length();
    // The first of several.
    let least = (1..count).fold(0, |best, low| if length(low) < length(best) { low } else { best });
    let near = |low: &usize| length(*low) <= NEAR * length(least);
    let first = (0..count).find(near).unwrap_or(least);
    let last = (0..count).rfind(near).unwrap_or(least);
    if last - first < ENOUGH {
        return interval(least);
    }
    let smoothed = first + place_of_minimum(last - first + 1, |at| length(first + at));
    if length(smoothed) <= ALIKE * length(least) { interval(smoothed) } else { interval(least) }
}

/// Where the cubic that fits `count` values best, in least squares, is least; the first of several.
fn place_of_minimum(count: usize, value: impl Fn(usize) -> f64) -> usize {
    let n = count as f64;
    // Legendre polynomials are orthogonal on such a grid but for 1/n².
    let polynomials = |at: usize| {
        let x = (2.0 * at as f64 + 1.0) / n - 1.0;
        [1.0, x, 1.5 * x * x - 0.5, (2.5 * x * x - 1.5) * x]
    };
    let mut coefficients = [0.0; 4];
    for at in 0..count {
        let value = value(at);
        coefficients.iter_mut().zip(polynomials(at)).for_each(|(sum, polynomial)| *sum += value * polynomial);
    }
    coefficients.iter_mut().zip([1.0, 3.0, 5.0, 7.0]).for_each(|(sum, norm)| *sum *= norm / n);
    let cubic = |at: usize| coefficients.iter().zip(polynomials(at)).fold(0.0, |sum, (c, p)| sum + c * p);
    let least = (0..count).fold((0, f64::INFINITY), |best, at| {
        let here = cubic(at);
        if here < best.1 { (at, here) } else { best }
    });
    least.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_counting() {
        // 100 draws, 95 in the interval: 1-based r = (100 − 95 + 1)/2 = 3, so y(3) to y(98).
        let draws: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(symmetric(&draws, 0.95), Interval { low: 3.0, high: 98.0 });
        assert_eq!(shortest(&draws, 0.95), Interval { low: 1.0, high: 96.0 });
        // Squares crowd at the lower end.
        let squares: Vec<f64> = draws.iter().map(|x| x * x).collect();
        assert_eq!(shortest(&squares, 0.9), Interval { low: 1.0, high: 91.0 * 91.0 });
        // Negative squares at the upper end.
        let mirrored: Vec<f64> = squares.iter().rev().map(|x| -x).collect();
        assert_eq!(shortest(&mirrored, 0.9), Interval { low: -91.0 * 91.0, high: -1.0 });
        // Without chance the cubic changes nothing: normal quantiles, where the shortest is symmetric.
        let quantiles: Vec<f64> =
            (0..20_001).map(|at| crate::coverage::normal_quantile((f64::from(at) + 0.5) / 20_001.0)).collect();
        let found = shortest(&quantiles, 0.95);
        assert!((found.low + found.high).abs() < 2e-3 && (found.length() - 3.92).abs() < 1e-3, "{found:?}");
        assert_eq!(symmetric(&[1.0, 2.0], 0.5), Interval { low: 1.0, high: 2.0 });
    }
}
