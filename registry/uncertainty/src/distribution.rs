//! The distributions that JCGM 101:2008 assigns to input quantities (6.4, table 1), by their parameters.

use crate::coverage::{normal_quantile, student_quantile};

/// The distribution of an input quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Normal (6.4.7).
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
    },
    /// Rectangular between `a` and `b` (6.4.2).
    Uniform {
        /// Lower limit.
        a: f64,
        /// Upper limit.
        b: f64,
    },
    /// Triangular between `a` and `b`, symmetric (6.4.5).
    Triangular {
        /// Lower limit.
        a: f64,
        /// Upper limit.
        b: f64,
    },
    /// Arc sine (U-shaped) between `a` and `b` (6.4.6).
    Arcsine {
        /// Lower limit.
        a: f64,
        /// Upper limit.
        b: f64,
    },
    /// Student's t, shifted and scaled (6.4.9).
    StudentT {
        /// Location.
        mean: f64,
        /// Scale; the standard deviation is scale·√(ν/(ν−2)).
        scale: f64,
        /// Degrees of freedom ν.
        dof: f64,
    },
    /// Trapezoidal between `a` and `b`, symmetric (6.4.4).
    Trapezoid {
        /// Lower limit.
        a: f64,
        /// Upper limit.
        b: f64,
        /// Width of the top divided by width of the base, from 0 (triangular) to 1 (rectangular).
        beta: f64,
    },
    /// Curvilinear trapezoid: rectangular with limits known to ± `d` (6.4.3).
    CurvilinearTrapezoid {
        /// Lower limit.
        a: f64,
        /// Upper limit.
        b: f64,
        /// Half-width of what is known of each limit.
        d: f64,
    },
    /// Lognormal: the logarithm is normal.
    Lognormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
}

/// A parameter that no distribution has.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{parameter} is {value}, but {wanted}")]
pub struct DistributionError {
    /// The parameter, as the case format writes it.
    pub parameter: &'static str,
    /// What it is.
    pub value: f64,
    /// What it must be.
    pub wanted: &'static str,
}

impl Distribution {
    /// The lognormal distribution with this mean and standard deviation of the quantity itself.
    pub fn lognormal_with(mean: f64, sd: f64) -> Self {
        let sigma_squared = libm::log1p((sd / mean) * (sd / mean));
        Distribution::Lognormal { mu: libm::log(mean) - 0.5 * sigma_squared, sigma: libm::sqrt(sigma_squared) }
    }

    /// Student's t scaled so that its standard deviation is `sd`; it needs more than two degrees of freedom.
    pub fn student_with(mean: f64, sd: f64, dof: f64) -> Self {
        Distribution::StudentT { mean, scale: sd * libm::sqrt((dof - 2.0) / dof), dof }
    }

    /// The distribution itself, if its parameters are possible.
    ///
    /// # Errors
    /// [`DistributionError`] names the first parameter that is not.
    pub fn checked(self) -> Result<Self, DistributionError> {
        let finite = |parameter, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(DistributionError { parameter, value, wanted: "it must be a finite number" }),
        };
        let check = |parameter, value: f64, right: bool, wanted| match right && value.is_finite() {
            true => Ok(()),
            false => Err(DistributionError { parameter, value, wanted }),
        };
        let ordered = |a: f64, b: f64| {
            finite("a", a)?;
            check("b", b, b > a, "it must be above a")
        };
        match self {
            Distribution::Normal { mean, sd } => {
                finite("mean", mean)?;
                check("sd", sd, sd >= 0.0, "a standard deviation is zero or more")?;
            }
            Distribution::Uniform { a, b } | Distribution::Triangular { a, b } | Distribution::Arcsine { a, b } => {
                ordered(a, b)?;
            }
            Distribution::StudentT { mean, scale, dof } => {
                finite("mean", mean)?;
                check("scale", scale, scale >= 0.0, "a scale is zero or more")?;
                check("dof", dof, dof > 0.0, "degrees of freedom must be above zero, and finite")?;
            }
            Distribution::Trapezoid { a, b, beta } => {
                ordered(a, b)?;
                check("beta", beta, (0.0..=1.0).contains(&beta), "it must be from 0 to 1")?;
            }
            Distribution::CurvilinearTrapezoid { a, b, d } => {
                ordered(a, b)?;
                check("d", d, d >= 0.0 && 2.0 * d <= b - a, "it must be from 0 to half of b − a")?;
            }
            Distribution::Lognormal { mu, sigma } => {
                finite("mu", mu)?;
                check("sigma", sigma, sigma >= 0.0, "a standard deviation is zero or more")?;
                // The moments must be numbers too: exp(mu + sigma²) overflows long before mu does.
                check("sigma", sigma, self.sd().is_some(), "with this mu the standard deviation must be finite")?;
            }
        }
        Ok(self)
    }

    /// The mean; of Student's t the location.
    pub fn mean(&self) -> f64 {
        match *self {
            Distribution::Normal { mean, .. } | Distribution::StudentT { mean, .. } => mean,
            Distribution::Uniform { a, b }
            | Distribution::Triangular { a, b }
            | Distribution::Arcsine { a, b }
            | Distribution::Trapezoid { a, b, .. }
            | Distribution::CurvilinearTrapezoid { a, b, .. } => 0.5 * (a + b),
            Distribution::Lognormal { mu, sigma } => libm::exp(mu + 0.5 * sigma * sigma),
        }
    }

    /// The standard deviation (JCGM 101:2008, 6.4); `None` where there is none: Student's t with two degrees of freedom
    /// or fewer.
    pub fn sd(&self) -> Option<f64> {
        let sd = match *self {
            Distribution::Normal { sd, .. } => sd,
            Distribution::Uniform { a, b } => (b - a) / libm::sqrt(12.0),
            Distribution::Triangular { a, b } => (b - a) / libm::sqrt(24.0),
            Distribution::Arcsine { a, b } => (b - a) / libm::sqrt(8.0),
            Distribution::StudentT { dof, .. } if dof <= 2.0 => return None,
            Distribution::StudentT { scale, dof, .. } => scale * libm::sqrt(dof / (dof - 2.0)),
            Distribution::Trapezoid { a, b, beta } => (b - a) * libm::sqrt((1.0 + beta * beta) / 24.0),
            Distribution::CurvilinearTrapezoid { a, b, d } => libm::sqrt((b - a) * (b - a) / 12.0 + d * d / 9.0),
            Distribution::Lognormal { sigma, .. } => self.mean() * libm::sqrt(libm::expm1(sigma * sigma)),
        };
        Some(sd).filter(|sd| sd.is_finite())
    }

    /// The `p` quantile, for 0 < p < 1.
    pub fn quantile(&self, p: f64) -> f64 {
        match *self {
            Distribution::Normal { mean, sd } => mean + sd * normal_quantile(p),
            Distribution::Uniform { a, b } => a + (b - a) * p,
            Distribution::Triangular { a, b } => trapezoid_quantile(a, b, 0.0, p),
            Distribution::Trapezoid { a, b, beta } => trapezoid_quantile(a, b, beta, p),
            Distribution::Arcsine { a, b } => 0.5 * ((a + b) - (b - a) * libm::cos(std::f64::consts::PI * p)),
            Distribution::StudentT { mean, scale, dof } => mean + scale * student_quantile(p, dof),
            Distribution::CurvilinearTrapezoid { a, b, d } => curvilinear_quantile(a, b, d, p),
            Distribution::Lognormal { mu, sigma } => libm::exp(mu + sigma * normal_quantile(p)),
        }
    }
}

/// Slope, top, slope: the inverse of a parabola, a line, a parabola.
fn trapezoid_quantile(a: f64, b: f64, beta: f64, p: f64) -> f64 {
    if p > 0.5 {
        return a + b - trapezoid_quantile(a, b, beta, 1.0 - p);
    }
    let width = b - a;
    // Width of one slope as a part of the whole, and the probability below its end.
    let slope = 0.5 * (1.0 - beta);
    let below = 0.5 * slope / (1.0 - slope);
    if p < below {
        a + width * libm::sqrt(2.0 * p * slope * (1.0 - slope))
    } else {
        a + width * ((1.0 - slope) * p + 0.5 * slope)
    }
}

/// By halving the distance from the middle, for which the probability beyond is ((hi − lo) − s·ln(hi/lo))/4d with hi, lo
/// the half-widths that reach as far as s.
fn curvilinear_quantile(a: f64, b: f64, d: f64, p: f64) -> f64 {
    if d == 0.0 {
        return a + (b - a) * p;
    }
    if p < 0.5 {
        return a + b - curvilinear_quantile(a, b, d, 1.0 - p);
    }
    let half = 0.5 * (b - a);
    let beyond = |s: f64| {
        let (low, high) = (s.max(half - d), half + d);
        let part = if s > 0.0 { s * libm::log(high / low) } else { 0.0 };
        ((high - low) - part) / (4.0 * d)
    };
    let (mut near, mut far) = (0.0, half + d);
    // 60 halvings of a width are below its last digit.
    for _ in 0..60 {
        let middle = 0.5 * (near + far);
        if beyond(middle) > 1.0 - p { near = middle } else { far = middle }
    }
    0.5 * (a + b) + 0.5 * (near + far)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each.
    fn all() -> [Distribution; 9] {
        [
            Distribution::Normal { mean: 2.0, sd: 0.5 },
            Distribution::Uniform { a: -1.0, b: 4.0 },
            Distribution::Triangular { a: -1.0, b: 4.0 },
            Distribution::Arcsine { a: -1.0, b: 4.0 },
            Distribution::StudentT { mean: 2.0, scale: 0.5, dof: 6.5 },
            Distribution::Trapezoid { a: -1.0, b: 4.0, beta: 0.4 },
            Distribution::CurvilinearTrapezoid { a: -1.0, b: 4.0, d: 0.6 },
            Distribution::CurvilinearTrapezoid { a: -1.0, b: 4.0, d: 2.5 },
            Distribution::Lognormal { mu: 0.3, sigma: 0.4 },
        ]
    }

    #[test]
    fn moments_are_those_of_the_quantiles() {
        for distribution in all() {
            assert_eq!(distribution.checked(), Ok(distribution));
            // The midpoint rule over p; the tails of t and of the arc sine converge slowest.
            let n = 20_000;
            let quantiles = (0..n).map(|i| distribution.quantile((f64::from(i) + 0.5) / f64::from(n)));
            let (sum, squares) = quantiles.fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
            let mean = sum / f64::from(n);
            let sd = libm::sqrt(squares / f64::from(n) - mean * mean);
            assert!((mean / distribution.mean() - 1.0).abs() < 1e-4, "{distribution:?} {mean}");
            assert!((sd / distribution.sd().unwrap() - 1.0).abs() < 1e-3, "{distribution:?} {sd}");
        }
    }

    #[test]
    fn lognormal_and_student_by_their_moments() {
        let lognormal = Distribution::lognormal_with(3.0, 0.6);
        assert!((lognormal.mean() - 3.0).abs() < 1e-14 && (lognormal.sd().unwrap() - 0.6).abs() < 1e-14);
        assert!((Distribution::student_with(1.0, 0.2, 3.0).sd().unwrap() - 0.2).abs() < 1e-16);
        assert_eq!(Distribution::StudentT { mean: 0.0, scale: 1.0, dof: 2.0 }.sd(), None);
    }

    #[test]
    fn impossible_parameters_are_named() {
        let named = |distribution: Distribution| distribution.checked().unwrap_err().parameter;
        assert_eq!(named(Distribution::Normal { mean: 0.0, sd: -1.0 }), "sd");
        assert_eq!(named(Distribution::Normal { mean: f64::NAN, sd: 1.0 }), "mean");
        assert_eq!(named(Distribution::Uniform { a: 1.0, b: 1.0 }), "b");
        assert_eq!(named(Distribution::Triangular { a: f64::INFINITY, b: 1.0 }), "a");
        assert_eq!(named(Distribution::StudentT { mean: 0.0, scale: 1.0, dof: 0.0 }), "dof");
        assert_eq!(named(Distribution::Trapezoid { a: 0.0, b: 1.0, beta: 1.5 }), "beta");
        assert_eq!(named(Distribution::CurvilinearTrapezoid { a: 0.0, b: 1.0, d: 0.6 }), "d");
        assert_eq!(named(Distribution::Lognormal { mu: 0.0, sigma: 40.0 }), "sigma");
    }
}
