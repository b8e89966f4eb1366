//! Coverage factors for 95 %, and the two distributions they come from.

use crate::value::Uncertain;

/// Coverage factor of the normal distribution for 95 %: the 97.5 % quantile.
pub const NORMAL_95: f64 = 1.959_963_984_540_054;

/// How the coverage factor is chosen. The scheme names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CoverageRule {
    /// 95 % by Student's t at the effective degrees of freedom (JCGM 100:2008, G.4).
    #[default]
    Student95,
    /// k = 2 by convention (JCGM 100:2008, G.6.6, where the effective degrees of freedom are significantly above 10).
    ConventionalTwo,
}

/// An expanded uncertainty and what it was made with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Combined standard uncertainty.
    pub standard_uncertainty: f64,
    /// Effective degrees of freedom; `None` is infinite.
    pub effective_dof: Option<f64>,
    /// Coverage factor.
    pub factor: f64,
    /// Expanded uncertainty, factor × standard uncertainty.
    pub expanded: f64,
}

impl Uncertain {
    /// The expanded uncertainty by `rule`. Degrees of freedom are not truncated to an integer: the quantile is
    /// continuous in them, and truncation would make a result jump.
    pub fn coverage(&self, rule: CoverageRule) -> Coverage {
        let standard_uncertainty = self.standard_uncertainty();
        let effective_dof = self.effective_dof();
        let factor = match rule {
            CoverageRule::ConventionalTwo => 2.0,
            CoverageRule::Student95 => effective_dof.map_or(NORMAL_95, |dof| student_quantile(0.975, dof)),
        };
        Coverage { standard_uncertainty, effective_dof, factor, expanded: factor * standard_uncertainty }
    }
}

/// Probability that a standard normal variable is at most `z`.
pub fn normal_probability(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The `p` quantile of the standard normal distribution; NaN unless 0 < p < 1.
pub fn normal_quantile(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    // Halving would end at the smallest number above zero.
    if p == 0.5 {
        return 0.0;
    }
    if p < 0.5 {
        return -upper_quantile(p, |z| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2));
    }
    upper_quantile(1.0 - p, |z| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2))
}

/// The factor k by which a standard uncertainty covers the probability `p` on both sides: Student's t at `dof`, the
/// normal distribution where that is `None` (JCGM 100:2008, G.3.2 and G.4.1); NaN unless 0 < p < 1.
pub fn coverage_factor(p: f64, dof: Option<f64>) -> f64 {
    let quantile = 0.5 + 0.5 * p;
    dof.map_or_else(|| normal_quantile(quantile), |dof| student_quantile(quantile, dof))
}

/// Degrees of freedom from which on four terms of the expansion in 1/ν are exact to the last digit.
const MANY_DOF: f64 = 1e5;

/// The `p` quantile of Student's t with `dof` degrees of freedom, not necessarily an integer; NaN unless 0 < p < 1 and
/// dof ≥ 0.1.
///
/// Bisection of the upper tail ½ I_x(ν/2, ½), x = ν/(ν+t²) (Abramowitz and Stegun, 26.7.1 and 26.5.2): slow, and the
/// same everywhere.
pub fn student_quantile(p: f64, dof: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) || dof.is_nan() || dof < 0.1 {
        return f64::NAN;
    }
    if p < 0.5 {
        return -student_quantile(1.0 - p, dof);
    }
    let tail = 1.0 - p;
    if dof >= MANY_DOF {
        // Abramowitz and Stegun, 26.7.5.
        let z = upper_quantile(tail, |z| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2));
        let square = z * z;
        let g1 = z * (square + 1.0) / 4.0;
        let g2 = z * ((5.0 * square + 16.0) * square + 3.0) / 96.0;
        let g3 = z * (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0;
        return z + (g1 + (g2 + g3 / dof) / dof) / dof;
    }
    upper_quantile(tail, |t| 0.5 * incomplete_beta(0.5 * dof, 0.5, dof / (dof + t * t), t * t / (dof + t * t)))
}

/// Where a falling tail probability reaches `tail`, to neighbouring numbers.
fn upper_quantile(tail: f64, upper_tail: impl Fn(f64) -> f64) -> f64 {
    let mut high = 1.0;
    // With ν ≥ 0.1 the tail falls at least as t^(-0.1); 1e300 is far beyond any p that is used.
    while upper_tail(high) > tail && high < 1e300 {
        high *= 2.0;
    }
    let mut low = 0.0;
    // 200 halvings reach neighbouring numbers from any bracket of this size.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if upper_tail(middle) > tail { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Regularised incomplete beta function I_x(a, b), with y = 1 − x given apart so that neither loses digits.
fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let log_front = ln_gamma_ratio(a, b) + a * ln(x, y) + b * ln(y, x);
    let front = libm::exp(log_front);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, y) / b
    }
}

/// ln x, from 1 − x where x is close to one.
fn ln(x: f64, one_minus_x: f64) -> f64 {
    if one_minus_x < 0.5 { libm::log1p(-one_minus_x) } else { libm::log(x) }
}

/// ln Γ(a+b) − ln Γ(a) − ln Γ(b). For large `a` and b = ½ the difference of two large logarithms would lose digits;
/// there ln Γ(a+½) − ln Γ(a) = ½ ln a − 1/(8a) + 1/(192a³) − 1/(640a⁵) + 17/(14336a⁷) − …, from Stirling's series
/// (Abramowitz and Stegun, 6.1.41).
fn ln_gamma_ratio(a: f64, b: f64) -> f64 {
    if b == 0.5 && a > 30.0 {
        let inverse = 1.0 / a;
        let square = inverse * inverse;
        let series =
            inverse * (-1.0 / 8.0 + square * (1.0 / 192.0 + square * (-1.0 / 640.0 + square * (17.0 / 14336.0))));
        return 0.5 * libm::log(a) + series - libm::lgamma(0.5);
    }
    libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun, 26.5.8), by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let keep = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / keep(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // It converges in O(√max(a, b)) steps.
    for m in 1..100_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / keep(1.0 + even * d);
        c = keep(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / keep(1.0 + odd * d);
        c = keep(1.0 + odd / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_t_table() {
        // JCGM 100:2008, table G.2, p = 95 % and 99 % (two-sided), to the digits printed.
        for (dof, k95, k99) in [
            (1.0, 12.71, 63.66),
            (2.0, 4.30, 9.92),
            (3.0, 3.18, 5.84),
            (4.0, 2.78, 4.60),
            (5.0, 2.57, 4.03),
            (8.0, 2.31, 3.36),
            (10.0, 2.23, 3.17),
            (16.0, 2.12, 2.92),
            (20.0, 2.09, 2.85),
            (30.0, 2.04, 2.75),
            (50.0, 2.01, 2.68),
            (100.0, 1.984, 2.626),
        ] {
            let tolerance = if dof == 100.0 { 0.000_5 } else { 0.005 };
            assert!((student_quantile(0.975, dof) - k95).abs() <= tolerance, "{dof}");
            assert!((student_quantile(0.995, dof) - k99).abs() <= tolerance, "{dof}");
        }
    }

    #[test]
    fn closed_forms() {
        // ν = 1: tan(π(p − ½)); ν = 2: (2p − 1)·√(2/(4p(1 − p))).
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
        close(student_quantile(0.975, 1.0), libm::tan(std::f64::consts::PI * 0.475));
        close(student_quantile(0.975, 2.0), 0.95 * libm::sqrt(2.0 / (4.0 * 0.975 * 0.025)));
        close(student_quantile(0.995, 16.0), 2.920_781_622_425);
        close(student_quantile(0.025, 7.0), -student_quantile(0.975, 7.0));
        close(student_quantile(0.975, 1e13), NORMAL_95);
        close(student_quantile(0.975, 99_999.999_999), student_quantile(0.975, 100_000.0));
        // Cornish–Fisher: z + (z³ + z)/(4ν) + …, next term below 1e-12 here.
        let z = NORMAL_95;
        close(
            student_quantile(0.975, 1e6),
            z + (z * z * z + z) / 4e6 + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96e12,
        );
    }

    #[test]
    fn no_jump_where_the_series_begins() {
        let below = student_quantile(0.975, 60.0);
        let above = student_quantile(0.975, 60.000_001);
        assert!(below > above && below - above < 1e-8, "{below} {above}");
    }

    #[test]
    fn normal_quantiles() {
        assert!((normal_quantile(0.975) - NORMAL_95).abs() < 1e-15);
        assert_eq!(normal_quantile(0.5), 0.0);
        // Symmetric where 1 − p is exact, and true far out: Φ(−10) = 7.619853024160527e-24.
        assert_eq!(normal_quantile(0.25), -normal_quantile(0.75));
        assert!((normal_quantile(7.619_853_024_160_527e-24) + 10.0).abs() < 1e-13);
        assert!((coverage_factor(0.95, Some(16.0)) - student_quantile(0.975, 16.0)).abs() < 1e-12);
        assert!(normal_quantile(0.0).is_nan() && normal_quantile(1.0).is_nan());
    }

    #[test]
    fn bad_arguments_give_nan() {
        for (p, dof) in [(0.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0), (0.9, 0.0), (0.9, f64::NAN)] {
            assert!(student_quantile(p, dof).is_nan());
        }
    }
}
