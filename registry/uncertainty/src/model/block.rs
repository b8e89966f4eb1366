//! The model over blocks of draws: each operation runs over a column of [`BLOCK`] values before the next one starts, so
//! that what it costs to choose the operation is paid once a block. Columns are used again as soon as nothing reads
//! them any more; a sum of thousands of products needs a handful, which stay in the cache.

use super::function::whole_power;
use super::tape::{Op, Tape};

/// Draws in a block. Which draws share a block is part of what the same seed gives, so this never changes.
pub(crate) const BLOCK: usize = 512;

/// A value of each draw in a block.
pub(crate) type Column = Box<[f64; BLOCK]>;

/// What an operation reads.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operand {
    Column(usize),
    Constant(f64),
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Fill a column with draws of an input.
    Draw { input: usize, column: usize },
    /// Fill a column from two.
    Compute { op: Op, a: Operand, b: Operand, column: usize },
}

/// A model as steps over columns.
#[derive(Debug)]
pub(crate) struct Program {
    steps: Vec<Step>,
    /// Where each output is at the end.
    outputs: Vec<Operand>,
    columns: usize,
}

/// What an input is in a program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// The same in each draw.
    Fixed(f64),
    /// Drawn where it is first read.
    Drawn,
}

/// Columns of which the free ones are used again.
#[derive(Default)]
struct Columns {
    free: Vec<usize>,
    count: usize,
}

impl Columns {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        })
    }
}

impl Program {
    /// The program of `tape`, with its inputs fixed or drawn.
    pub(crate) fn new(tape: &Tape, inputs: impl Fn(usize) -> Source) -> Self {
        // Where each slot is read last.
        let mut last = vec![0; tape.slots()];
        for (at, op) in tape.ops.iter().enumerate() {
            let (a, b) = op.operands();
            for slot in [Some(a), b].into_iter().flatten() {
                last[slot as usize] = at;
            }
        }
        for output in &tape.outputs {
            last[*output as usize] = tape.ops.len();
        }
        let mut columns = Columns::default();
        let mut steps = Vec::with_capacity(tape.ops.len());
        let mut place: Vec<Option<Operand>> = vec![None; tape.slots()];
        let find = |slot: u32, columns: &mut Columns, steps: &mut Vec<Step>, place: &mut [Option<Operand>]| {
            let slot = slot as usize;
            *place[slot].get_or_insert_with(|| {
                if let Some(constant) = slot.checked_sub(tape.inputs) {
                    // An operation is placed before anything reads it; what is not, is a constant.
                    return Operand::Constant(tape.constants[constant]);
                }
                match inputs(slot) {
                    Source::Fixed(value) => Operand::Constant(value),
                    Source::Drawn => {
                        let column = columns.take();
                        steps.push(Step::Draw { input: slot, column });
                        Operand::Column(column)
                    }
                }
            })
        };
        for (at, op) in tape.ops.iter().enumerate() {
            let (left, right) = op.operands();
            let a = find(left, &mut columns, &mut steps, &mut place);
            let b = right.map_or(a, |slot| find(slot, &mut columns, &mut steps, &mut place));
            let result = tape.first_op() + at;
            // The result goes to a column that the operation does not read.
            let column = columns.take();
            steps.push(Step::Compute { op: *op, a, b, column });
            place[result] = Some(Operand::Column(column));
            let ended = [Some(left), right.filter(|right| *right != left)];
            for slot in ended.into_iter().flatten().filter(|slot| last[*slot as usize] == at) {
                if let Some(Operand::Column(column)) = place[slot as usize] {
                    columns.free.push(column);
                }
            }
            if last[result] == 0 {
                // No output needs it; the column is free at once.
                columns.free.push(column);
            }
        }
        let outputs = tape.outputs.iter().map(|slot| find(*slot, &mut columns, &mut steps, &mut place)).collect();
        Program { steps, outputs, columns: columns.count }
    }

    /// Columns for [`Program::run`].
    pub(crate) fn columns(&self) -> Vec<Column> {
        vec![Box::new([0.0; BLOCK]); self.columns]
    }

    /// Runs one block: `draw` fills a column with draws of an input, `take` gets the column of each output.
    pub(crate) fn run(
        &self,
        columns: &mut [Column],
        mut draw: impl FnMut(usize, &mut [f64; BLOCK]),
        mut take: impl FnMut(usize, &[f64; BLOCK]),
    ) {
        let mut spare: Column = Box::new([0.0; BLOCK]);
        for step in &self.steps {
            match *step {
                Step::Draw { input, column } => draw(input, &mut columns[column]),
                Step::Compute { op, a, b, column } => {
                    // It is never among those that are read: the spare one takes its place, and is the next spare.
                    compute(op, a, b, columns, &mut spare);
                    std::mem::swap(&mut columns[column], &mut spare);
                }
            }
        }
        for (output, operand) in self.outputs.iter().enumerate() {
            match operand {
                Operand::Column(column) => take(output, &columns[*column]),
                Operand::Constant(value) => take(output, &[*value; BLOCK]),
            }
        }
    }
}

fn compute(op: Op, a: Operand, b: Operand, columns: &[Column], result: &mut [f64; BLOCK]) {
    match op {
        Op::Add(..) => two(a, b, columns, result, |a, b| a + b),
        Op::Subtract(..) => two(a, b, columns, result, |a, b| a - b),
        Op::Multiply(..) => two(a, b, columns, result, |a, b| a * b),
        Op::Divide(..) => two(a, b, columns, result, |a, b| a / b),
        Op::Negate(_) => one(a, columns, result, |a| -a),
        Op::Whole(_, 2) => one(a, columns, result, |a| a * a),
        Op::Whole(_, exponent) => one(a, columns, result, |a| whole_power(a, exponent)),
        Op::Power(_, exponent) => one(a, columns, result, |a| libm::pow(a, exponent)),
        Op::Call(function, _) => one(a, columns, result, |a| function.value(a)),
    }
}

fn one(a: Operand, columns: &[Column], result: &mut [f64; BLOCK], f: impl Fn(f64) -> f64) {
    match a {
        Operand::Column(a) => result.iter_mut().zip(columns[a].iter()).for_each(|(result, a)| *result = f(*a)),
        Operand::Constant(a) => result.fill(f(a)),
    }
}

fn two(a: Operand, b: Operand, columns: &[Column], result: &mut [f64; BLOCK], f: impl Fn(f64, f64) -> f64) {
    match (a, b) {
        (Operand::Column(a), Operand::Column(b)) => {
            let operands = columns[a].iter().zip(columns[b].iter());
            result.iter_mut().zip(operands).for_each(|(result, (a, b))| *result = f(*a, *b));
        }
        (Operand::Column(a), Operand::Constant(b)) => {
            result.iter_mut().zip(columns[a].iter()).for_each(|(result, a)| *result = f(*a, b));
        }
        (Operand::Constant(a), Operand::Column(b)) => {
            result.iter_mut().zip(columns[b].iter()).for_each(|(result, b)| *result = f(a, *b));
        }
        (Operand::Constant(a), Operand::Constant(b)) => result.fill(f(a, b)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Model;
    use super::*;

    #[test]
    fn blocks_give_what_the_tape_gives() {
        let text = "a*b + sqrt(a)/c - (a-b)^3 + 2*c^0.5 - -b/(1+a*a) + exp(-c)*pi + k";
        let model = Model::parse(text, ["a", "b", "c", "k"]).unwrap();
        let program = Program::new(model.tape(), |input| if input == 3 { Source::Fixed(0.25) } else { Source::Drawn });
        let value = |input: usize, at: usize| 0.5 + at as f64 / 100.0 + input as f64;
        let mut columns = program.columns();
        let mut found: Vec<f64> = Vec::new();
        program.run(
            &mut columns,
            |input, column| column.iter_mut().enumerate().for_each(|(at, x)| *x = value(input, at)),
            |_, values| found.extend_from_slice(values),
        );
        assert_eq!(found.len(), BLOCK);
        for (at, found) in found.iter().enumerate() {
            let inputs = [value(0, at), value(1, at), value(2, at), 0.25];
            assert_eq!(model.evaluate(&inputs).unwrap()[0].to_bits(), found.to_bits());
        }
    }

    #[test]
    fn a_long_sum_needs_few_columns() {
        let names: Vec<String> = (0..1000).map(|at| format!("x{at}")).collect();
        let model = Model::parse(&names.join("+"), names.clone()).unwrap();
        assert!(Program::new(model.tape(), |_| Source::Drawn).columns <= 4);
    }
}
