//! The functions of one argument that a model may call, with three derivatives each.

/// A function that a model may call. Values and derivatives come from `libm` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Sqrt,
    Exp,
    Log,
    Log10,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
}

impl Function {
    /// The function of this name. A match and not a table: every name of ten thousand inputs is asked about.
    pub(crate) fn by_name(name: &str) -> Option<Function> {
        Some(match name {
            "sqrt" => Function::Sqrt,
            "exp" => Function::Exp,
            "log" | "ln" => Function::Log,
            "log10" => Function::Log10,
            "sin" => Function::Sin,
            "cos" => Function::Cos,
            "tan" => Function::Tan,
            "asin" => Function::Asin,
            "acos" => Function::Acos,
            "atan" => Function::Atan,
            _ => return None,
        })
    }

    /// Its name; of two the first.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Function::Sqrt => "sqrt",
            Function::Exp => "exp",
            Function::Log => "log",
            Function::Log10 => "log10",
            Function::Sin => "sin",
            Function::Cos => "cos",
            Function::Tan => "tan",
            Function::Asin => "asin",
            Function::Acos => "acos",
            Function::Atan => "atan",
        }
    }

    /// Its value at `x`.
    pub(crate) fn value(self, x: f64) -> f64 {
        match self {
            Function::Sqrt => libm::sqrt(x),
            Function::Exp => libm::exp(x),
            Function::Log => libm::log(x),
            Function::Log10 => libm::log10(x),
            Function::Sin => libm::sin(x),
            Function::Cos => libm::cos(x),
            Function::Tan => libm::tan(x),
            Function::Asin => libm::asin(x),
            Function::Acos => libm::acos(x),
            Function::Atan => libm::atan(x),
        }
    }

    /// Its first derivative at `x`, where its value is `y`.
    pub(crate) fn slope(self, x: f64, y: f64) -> f64 {
        match self {
            Function::Sqrt => 0.5 / y,
            Function::Exp => y,
            Function::Log => 1.0 / x,
            Function::Log10 => std::f64::consts::LOG10_E / x,
            Function::Sin => libm::cos(x),
            Function::Cos => -libm::sin(x),
            Function::Tan => 1.0 + y * y,
            Function::Asin => 1.0 / libm::sqrt(1.0 - x * x),
            Function::Acos => -1.0 / libm::sqrt(1.0 - x * x),
            Function::Atan => 1.0 / (1.0 + x * x),
        }
    }

    /// Its first three derivatives at `x`, where its value is `y`.
    pub(crate) fn derivatives(self, x: f64, y: f64) -> [f64; 3] {
        let first = self.slope(x, y);
        let (second, third) = match self {
            Function::Sqrt => (-0.25 / (x * y), 0.375 / (x * x * y)),
            Function::Exp => (y, y),
            Function::Log | Function::Log10 => (-first / x, 2.0 * first / (x * x)),
            Function::Sin | Function::Cos => (-y, -first),
            Function::Tan => (2.0 * y * first, 2.0 * first * (1.0 + 3.0 * y * y)),
            Function::Asin | Function::Acos => {
                let square = first * first;
                (x * first * square, (1.0 + 2.0 * x * x) * first * square * square)
            }
            Function::Atan => (-2.0 * x * first * first, (6.0 * x * x - 2.0) * first * first * first),
        };
        [first, second, third]
    }
}

/// x to a whole power by squaring: the same multiplications everywhere.
pub(crate) fn whole_power(x: f64, exponent: i32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, x, exponent.unsigned_abs());
    while left > 0 {
        if left & 1 == 1 {
            result *= square;
        }
        left >>= 1;
        if left > 0 {
            square *= square;
        }
    }
    if exponent < 0 { 1.0 / result } else { result }
}

/// The first three derivatives of x^p, by `power`, which is either power function.
pub(crate) fn power_derivatives(p: f64, power: impl Fn(f64) -> f64) -> [f64; 3] {
    // A factor of zero ends the series: x² has no third derivative, not even at zero, where x⁻¹ has no value.
    let term = |factor: f64, exponent: f64| if factor == 0.0 { 0.0 } else { factor * power(exponent) };
    [term(p, p - 1.0), term(p * (p - 1.0), p - 2.0), term(p * (p - 1.0) * (p - 2.0), p - 3.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_match_differences() {
        for name in ["sqrt", "exp", "log", "log10", "sin", "cos", "tan", "asin", "acos", "atan"] {
            let function = Function::by_name(name).unwrap();
            assert_eq!(function.name(), name);
            for x in [0.11, 0.3, 0.62] {
                let at = |x: f64| function.derivatives(x, function.value(x));
                let h = 1e-5;
                let [first, second, third] = at(x);
                let (low, high) = (at(x - h), at(x + h));
                let difference = (function.value(x + h) - function.value(x - h)) / (2.0 * h);
                let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-7 * (1.0 + b.abs()), "{name} at {x}: {a} {b}");
                close(difference, first);
                close((high[0] - low[0]) / (2.0 * h), second);
                close((high[1] - low[1]) / (2.0 * h), third);
            }
        }
    }

    #[test]
    fn whole_powers() {
        assert_eq!(whole_power(3.0, 5), 243.0);
        assert_eq!(whole_power(2.0, -3), 0.125);
        assert_eq!(whole_power(0.0, 0), 1.0);
        assert_eq!(power_derivatives(2.0, |e| whole_power(0.0, e as i32)), [0.0, 2.0, 0.0]);
    }
}
