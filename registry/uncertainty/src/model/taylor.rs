//! Second and third derivatives: the model forward on Taylor series a₀ + a₁t + a₂t², cut after t², along one direction
//! of the inputs, and backward on the same series. The coefficients of the gradient are then the gradient itself, the
//! product of the Hessian with the direction, and half of the third derivative in it twice (Griewank and Walther,
//! Evaluating Derivatives, 2nd ed., chapter 13).

use super::tape::{Op, Tape};

/// A series a₀ + a₁t + a₂t².
pub(crate) type Series = [f64; 3];

fn plus(a: Series, b: Series) -> Series {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn minus(a: Series, b: Series) -> Series {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn times(a: Series, b: Series) -> Series {
    [a[0] * b[0], a[0] * b[1] + a[1] * b[0], a[0] * b[2] + a[1] * b[1] + a[2] * b[0]]
}

fn over(a: Series, b: Series) -> Series {
    let first = a[0] / b[0];
    let second = (a[1] - first * b[1]) / b[0];
    [first, second, (a[2] - first * b[2] - second * b[1]) / b[0]]
}

/// A function of a series, from its value and first two derivatives at a₀.
fn compose(value: f64, first: f64, second: f64, a: Series) -> Series {
    [value, first * a[1], first * a[2] + 0.5 * second * a[1] * a[1]]
}

/// Memory for [`directional`].
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    slots: Vec<Series>,
    adjoints: Vec<Series>,
}

/// The gradient of the output in slot `output` along `direction` (input, step), by input: [∇f, H·d, ½ D³f(d, d, ·)].
pub(crate) fn directional<'s>(
    tape: &Tape,
    output: u32,
    values: &[f64],
    direction: &[(u32, f64)],
    scratch: &'s mut Scratch,
) -> &'s [Series] {
    let Scratch { slots, adjoints } = scratch;
    slots.clear();
    slots.extend(values.iter().chain(&tape.constants).map(|value| [*value, 0.0, 0.0]));
    for (input, step) in direction {
        slots[*input as usize][1] = *step;
    }
    for op in &tape.ops {
        let value = forward(*op, slots);
        slots.push(value);
    }
    adjoints.clear();
    adjoints.resize(tape.slots(), [0.0; 3]);
    adjoints[output as usize] = [1.0, 0.0, 0.0];
    let first = tape.first_op();
    for (at, op) in tape.ops.iter().enumerate().rev() {
        if adjoints[first + at] != [0.0; 3] {
            backward(*op, first + at, slots, adjoints);
        }
    }
    &adjoints[..tape.inputs]
}

fn forward(op: Op, slots: &[Series]) -> Series {
    let get = |slot: u32| slots[slot as usize];
    match op {
        Op::Add(a, b) => plus(get(a), get(b)),
        Op::Subtract(a, b) => minus(get(a), get(b)),
        Op::Multiply(a, b) => times(get(a), get(b)),
        Op::Divide(a, b) => over(get(a), get(b)),
        Op::Negate(a) | Op::Whole(a, _) | Op::Power(a, _) | Op::Call(_, a) => {
            let x = get(a);
            let value = op.value(|slot| slots[slot as usize][0]);
            let [first, second, _] = op.derivatives(x[0], value).unwrap_or_default();
            compose(value, first, second, x)
        }
    }
}

fn backward(op: Op, at: usize, slots: &[Series], adjoints: &mut [Series]) {
    let get = |slot: u32| slots[slot as usize];
    let adjoint = adjoints[at];
    let mut add = |slot: u32, part: Series| adjoints[slot as usize] = plus(adjoints[slot as usize], part);
    match op {
        Op::Add(a, b) => {
            add(a, adjoint);
            add(b, adjoint);
        }
        Op::Subtract(a, b) => {
            add(a, adjoint);
            add(b, minus([0.0; 3], adjoint));
        }
        Op::Multiply(a, b) => {
            add(a, times(adjoint, get(b)));
            add(b, times(adjoint, get(a)));
        }
        Op::Divide(a, b) => {
            let part = over(adjoint, get(b));
            add(a, part);
            add(b, minus([0.0; 3], times(part, slots[at])));
        }
        Op::Negate(a) | Op::Whole(a, _) | Op::Power(a, _) | Op::Call(_, a) => {
            let x = get(a);
            let [first, second, third] = op.derivatives(x[0], slots[at][0]).unwrap_or_default();
            add(a, times(adjoint, compose(first, second, third, x)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Model;
    use super::*;

    #[test]
    fn second_and_third_derivatives_of_a_known_function() {
        // f = a²b³/c + sin(ab); along b: f_b, f_ab…; D³ in (b, b, ·).
        let model = Model::parse("a^2*b^3/c + sin(a*b)", ["a", "b", "c"]).unwrap();
        let (a, b, c) = (0.7, 1.3, 2.1);
        let mut scratch = Scratch::default();
        let tape = model.tape();
        let found = directional(tape, tape.outputs[0], &[a, b, c], &[(1, 1.0)], &mut scratch);
        let (s, k) = (libm::sin(a * b), libm::cos(a * b));
        let wanted = [
            [2.0 * a * b * b * b / c + b * k, 6.0 * a * b * b / c + k - a * b * s, 0.0],
            [3.0 * a * a * b * b / c + a * k, 6.0 * a * a * b / c - a * a * s, 6.0 * a * a / c - a * a * a * k],
            [-a * a * b * b * b / (c * c), -3.0 * a * a * b * b / (c * c), -6.0 * a * a * b / (c * c)],
        ];
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found[0] - wanted[0]).abs() < 1e-13, "{found:?} {wanted:?}");
            assert!((found[1] - wanted[1]).abs() < 1e-13, "{found:?} {wanted:?}");
        }
        // ∂³f/∂a∂b² = 12ab/c − 2a·s − a²b·k, and half of it is what comes.
        let third = 12.0 * a * b / c - 2.0 * a * s - a * a * b * k;
        assert!((found[0][2] - third / 2.0).abs() < 1e-13);
        assert!((found[1][2] - wanted[1][2] / 2.0).abs() < 1e-13);
        assert!((found[2][2] - wanted[2][2] / 2.0).abs() < 1e-13);
    }
}
