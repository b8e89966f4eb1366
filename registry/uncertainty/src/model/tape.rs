//! The model as a list of operations over numbered slots: forward for the value, backward for the gradient.
//!
//! Slots: inputs first, then constants, then one slot an operation. The backward sweep costs about what the forward one
//! does, however many inputs there are (Griewank and Walther, Evaluating Derivatives, 2nd ed., section 3.2).

use super::function::{Function, power_derivatives, whole_power};

/// One operation; operands are slots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Op {
    Add(u32, u32),
    Subtract(u32, u32),
    Multiply(u32, u32),
    Divide(u32, u32),
    Negate(u32),
    /// To a whole power.
    Whole(u32, i32),
    /// To a power that is not whole.
    Power(u32, f64),
    Call(Function, u32),
}

impl Op {
    /// Its operands.
    pub(crate) fn operands(self) -> (u32, Option<u32>) {
        match self {
            Op::Add(a, b) | Op::Subtract(a, b) | Op::Multiply(a, b) | Op::Divide(a, b) => (a, Some(b)),
            Op::Negate(a) | Op::Whole(a, _) | Op::Power(a, _) | Op::Call(_, a) => (a, None),
        }
    }

    /// Its value at the values of its operands.
    pub(crate) fn value(self, get: impl Fn(u32) -> f64) -> f64 {
        match self {
            Op::Add(a, b) => get(a) + get(b),
            Op::Subtract(a, b) => get(a) - get(b),
            Op::Multiply(a, b) => get(a) * get(b),
            Op::Divide(a, b) => get(a) / get(b),
            Op::Negate(a) => -get(a),
            Op::Whole(a, exponent) => whole_power(get(a), exponent),
            Op::Power(a, exponent) => libm::pow(get(a), exponent),
            Op::Call(function, a) => function.value(get(a)),
        }
    }

    /// First three derivatives of an operation with one operand `x` and value `y`; `None` for the four with two.
    pub(crate) fn derivatives(self, x: f64, y: f64) -> Option<[f64; 3]> {
        match self {
            Op::Negate(_) => Some([-1.0, 0.0, 0.0]),
            // Exponents are whole and small, so the conversion is exact.
            Op::Whole(_, n) => Some(power_derivatives(f64::from(n), |e| whole_power(x, e as i32))),
            Op::Power(_, p) => Some(power_derivatives(p, |e| libm::pow(x, e))),
            Op::Call(function, _) => Some(function.derivatives(x, y)),
            Op::Add(..) | Op::Subtract(..) | Op::Multiply(..) | Op::Divide(..) => None,
        }
    }

    /// What it is called in a message.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Op::Add(..) => "addition",
            Op::Subtract(..) => "subtraction",
            Op::Multiply(..) => "multiplication",
            Op::Divide(..) => "division",
            Op::Negate(_) => "negation",
            Op::Whole(..) | Op::Power(..) => "power",
            Op::Call(function, _) => function.name(),
        }
    }
}

/// The operations of a model.
#[derive(Debug, Clone)]
pub(crate) struct Tape {
    pub(crate) inputs: usize,
    pub(crate) constants: Vec<f64>,
    pub(crate) ops: Vec<Op>,
    /// Where each operation stands in its expression, counted in characters from one; zero where nothing was written.
    pub(crate) positions: Vec<u32>,
    /// The slot of each output.
    pub(crate) outputs: Vec<u32>,
}

impl Tape {
    /// The slot of the first operation.
    pub(crate) fn first_op(&self) -> usize {
        self.inputs + self.constants.len()
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.first_op() + self.ops.len()
    }

    /// Fills all slots from the values of the inputs.
    pub(crate) fn forward(&self, inputs: &[f64], slots: &mut Vec<f64>) {
        let first = self.first_op();
        // Every slot is written before it is read: what an earlier evaluation left need not be cleared.
        slots.resize(self.slots(), 0.0);
        slots[..self.inputs].copy_from_slice(inputs);
        slots[self.inputs..first].copy_from_slice(&self.constants);
        let slots = &mut slots[..];
        for (at, op) in self.ops.iter().enumerate() {
            let get = |slot: u32| slots[slot as usize];
            // The two that sums of products are made of, before all others: a branch each in place of a jump.
            slots[first + at] = match *op {
                Op::Multiply(a, b) => get(a) * get(b),
                Op::Add(a, b) => get(a) + get(b),
                other => other.value(get),
            };
        }
    }

    /// Derivatives of the output in slot `output` with respect to every slot, after [`Tape::forward`].
    pub(crate) fn backward(&self, output: u32, slots: &[f64], adjoints: &mut Vec<f64>) {
        adjoints.clear();
        adjoints.resize(self.slots(), 0.0);
        adjoints[output as usize] = 1.0;
        let first = self.first_op();
        let (slots, adjoints) = (&slots[..self.slots()], &mut adjoints[..]);
        for (at, op) in self.ops.iter().enumerate().rev() {
            let adjoint = adjoints[first + at];
            // What the output does not depend on has no say, even where its own slope is infinite.
            if adjoint == 0.0 {
                continue;
            }
            let get = |slot: u32| slots[slot as usize];
            match *op {
                Op::Add(a, b) => {
                    adjoints[a as usize] += adjoint;
                    adjoints[b as usize] += adjoint;
                }
                Op::Subtract(a, b) => {
                    adjoints[a as usize] += adjoint;
                    adjoints[b as usize] -= adjoint;
                }
                Op::Multiply(a, b) => {
                    adjoints[a as usize] += adjoint * get(b);
                    adjoints[b as usize] += adjoint * get(a);
                }
                Op::Divide(a, b) => {
                    let part = adjoint / get(b);
                    adjoints[a as usize] += part;
                    adjoints[b as usize] -= part * slots[first + at];
                }
                Op::Negate(a) => adjoints[a as usize] -= adjoint,
                Op::Call(function, a) => adjoints[a as usize] += adjoint * function.slope(get(a), slots[first + at]),
                Op::Whole(a, n) => adjoints[a as usize] += adjoint * f64::from(n) * whole_power(get(a), n - 1),
                Op::Power(a, p) => adjoints[a as usize] += adjoint * p * libm::pow(get(a), p - 1.0),
            }
        }
    }
}
