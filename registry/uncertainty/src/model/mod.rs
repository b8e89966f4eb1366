//! Models: the measurand as a function of input quantities (JCGM 100:2008, 4.1), written as text or built by calls, and
//! compiled to a list of operations that is evaluated forward for a value, backward for a gradient, as truncated Taylor
//! series for second-order terms, and in blocks for Monte Carlo.

pub(crate) mod block;
mod builder;
mod function;
mod names;
mod parse;
pub(crate) mod tape;
pub(crate) mod taylor;

pub use builder::{ModelBuilder, Node};
pub use names::Names;

use tape::Tape;

/// Most input quantities of a model: ten times the largest product that was ever put to it.
pub const MAX_INPUTS: usize = 100_000;
/// Most operations of a model, for the same reason.
pub const MAX_OPERATIONS: usize = 1_000_000;
/// Deepest nesting of an expression: far beyond what people write, far below what a stack holds.
pub const MAX_DEPTH: usize = 256;

/// The name of the output of a model that is one expression.
pub const SOLE_OUTPUT: &str = "y";

/// Why a text is not a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// There is nothing to evaluate.
    #[error("the model is empty: write an expression such as V/I")]
    Empty,
    /// Something else was expected here.
    #[error("character {position} of the model: {found} is not expected here, but {expected}")]
    Unexpected {
        /// Character of the expression, from one.
        position: u32,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A name that is no input.
    #[error("character {position} of the model: {name} is not an input; declare it among the inputs")]
    UnknownName {
        /// Character of the expression, from one.
        position: u32,
        /// The name.
        name: String,
    },
    /// A function that is not known.
    #[error(
        "character {position} of the model: {name} is not a function; there are sqrt, exp, log, ln, log10, sin, cos, tan, \
         asin, acos and atan"
    )]
    UnknownFunction {
        /// Character of the expression, from one.
        position: u32,
        /// The name.
        name: String,
    },
    /// Digits that are not a finite number.
    #[error("character {position} of the model: {text} is not a finite number")]
    Number {
        /// Character of the expression, from one.
        position: u32,
        /// What stands there.
        text: String,
    },
    /// A part without inputs that has no value.
    #[error("character {position} of the model: this {operation} of constants has no finite value")]
    Constant {
        /// Character of the expression, from one; zero without a text.
        position: u32,
        /// The operation.
        operation: &'static str,
    },
    /// Nesting beyond [`MAX_DEPTH`].
    #[error("character {position} of the model: nested deeper than {limit} levels; split the expression")]
    TooDeep {
        /// Character of the expression, from one.
        position: u32,
        /// The limit.
        limit: usize,
    },
    /// More than [`MAX_OPERATIONS`].
    #[error("the model has more than {limit} operations; split it")]
    TooManyOperations {
        /// The limit.
        limit: usize,
    },
    /// More than [`MAX_INPUTS`].
    #[error("the model has more than {limit} inputs; split it")]
    TooManyInputs {
        /// The limit.
        limit: usize,
    },
    /// A name that no expression can refer to.
    #[error(
        "input {name:?}: a name is letters, digits and _, does not begin with a digit, and is not pi or a function"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Two inputs of one name.
    #[error("input {name}: there are two of this name; give each its own")]
    DuplicateInput {
        /// The name.
        name: String,
    },
    /// An index beyond the inputs.
    #[error("there is no input {index}: the model has {count}")]
    NoSuchInput {
        /// The index asked for.
        index: usize,
        /// How many inputs there are.
        count: usize,
    },
    /// A model without outputs.
    #[error("the model has no output")]
    NoOutput,
    /// Two outputs of one name.
    #[error("output {name}: there are two of this name; give each its own")]
    DuplicateOutput {
        /// The name.
        name: String,
    },
    /// An error in one of several expressions.
    #[error("output {output}: {error}")]
    Output {
        /// The output.
        output: String,
        /// What is wrong with its expression.
        error: Box<ModelError>,
    },
}

impl ModelError {
    /// The error itself, where its expression is the only one.
    pub(crate) fn of_sole_output(self) -> Self {
        match self {
            ModelError::Output { error, .. } => *error,
            other => other,
        }
    }
}

/// Why a model has no value or no derivative at some values of its inputs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluationError {
    /// Another number of values than of inputs, or other inputs.
    #[error("the model has other inputs than the quantities: give both the same names in the same order")]
    OtherInputs,
    /// An operation without a finite value.
    #[error("output {output}: {operation} at character {position} of the model has no finite value for these inputs")]
    Undefined {
        /// The output.
        output: String,
        /// The operation.
        operation: &'static str,
        /// Character of the expression, from one; zero without a text.
        position: u32,
    },
    /// Division by zero.
    #[error("output {output}: division by zero at character {position} of the model for these inputs")]
    DivisionByZero {
        /// The output.
        output: String,
        /// Character of the expression, from one; zero without a text.
        position: u32,
    },
    /// A value whose slope is not finite.
    #[error(
        "output {output}: the model has no finite derivative with respect to {input} at these values; \
         evaluate it by Monte Carlo"
    )]
    NoDerivative {
        /// The output.
        output: String,
        /// The input.
        input: String,
    },
}

/// A model: one or several outputs as functions of named inputs.
#[derive(Debug, Clone)]
pub struct Model {
    inputs: Names,
    outputs: Names,
    tape: Tape,
}

/// Memory for evaluations, so that one after the other allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    slots: Vec<f64>,
    adjoints: Vec<f64>,
}

impl Model {
    /// The model of one expression; its output is called `y`.
    ///
    /// # Errors
    /// [`ModelError`], with the position where the text is at fault.
    pub fn parse(expression: &str, inputs: impl Into<Names>) -> Result<Self, ModelError> {
        let mut build = ModelBuilder::new(inputs)?;
        let node = parse::parse(&mut build, expression)?;
        build.finish([(SOLE_OUTPUT, node)])
    }

    /// The model of several expressions, each with the name of its output.
    ///
    /// # Errors
    /// As [`Model::parse`]; [`ModelError::Output`] says which expression is at fault.
    pub fn parse_outputs<N: AsRef<str>, E: AsRef<str>>(
        outputs: &[(N, E)],
        inputs: impl Into<Names>,
    ) -> Result<Self, ModelError> {
        let mut build = ModelBuilder::new(inputs)?;
        let mut nodes = Vec::with_capacity(outputs.len());
        for (name, expression) in outputs {
            let name = name.as_ref().to_owned();
            let node = parse::parse(&mut build, expression.as_ref())
                .map_err(|error| ModelError::Output { output: name.clone(), error: Box::new(error) })?;
            nodes.push((name, node));
        }
        build.finish(nodes)
    }

    /// The names of the inputs, in the order of their values.
    pub fn inputs(&self) -> &Names {
        &self.inputs
    }

    /// The names of the outputs.
    pub fn outputs(&self) -> &Names {
        &self.outputs
    }

    /// How many operations the model has.
    pub fn operations(&self) -> usize {
        self.tape.ops.len()
    }

    /// The outputs at these values of the inputs.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn evaluate(&self, values: &[f64]) -> Result<Vec<f64>, EvaluationError> {
        let mut workspace = Workspace::default();
        self.forward(values, &mut workspace)?;
        (0..self.outputs.len()).map(|output| self.output_value(output, &workspace)).collect()
    }

    /// The outputs at these values, each with its partial derivatives by input.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn gradients(&self, values: &[f64]) -> Result<Vec<(f64, Vec<f64>)>, EvaluationError> {
        let mut workspace = Workspace::default();
        self.forward(values, &mut workspace)?;
        let one = |output| {
            let value = self.output_value(output, &workspace)?;
            let mut adjoints = Vec::new();
            self.tape.backward(self.tape.outputs[output], &workspace.slots, &mut adjoints);
            adjoints.truncate(self.tape.inputs);
            self.check_derivatives(output, &adjoints)?;
            Ok((value, adjoints))
        };
        (0..self.outputs.len()).map(one).collect()
    }

    pub(crate) fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Evaluates all operations.
    pub(crate) fn forward(&self, values: &[f64], workspace: &mut Workspace) -> Result<(), EvaluationError> {
        if values.len() != self.tape.inputs {
            return Err(EvaluationError::OtherInputs);
        }
        self.tape.forward(values, &mut workspace.slots);
        Ok(())
    }

    /// The value of an output after [`Model::forward`].
    pub(crate) fn output_value(&self, output: usize, workspace: &Workspace) -> Result<f64, EvaluationError> {
        let value = workspace.slots[self.tape.outputs[output] as usize];
        if value.is_finite() { Ok(value) } else { Err(self.undefined(output, workspace)) }
    }

    /// The partial derivatives of an output by input, after [`Model::forward`]; not all need be finite.
    pub(crate) fn partials<'w>(&self, output: usize, workspace: &'w mut Workspace) -> &'w [f64] {
        self.tape.backward(self.tape.outputs[output], &workspace.slots, &mut workspace.adjoints);
        &workspace.adjoints[..self.tape.inputs]
    }

    /// Names the first input by which an output has no finite derivative.
    pub(crate) fn check_derivatives(&self, output: usize, partials: &[f64]) -> Result<(), EvaluationError> {
        match partials.iter().position(|partial| !partial.is_finite()) {
            None => Ok(()),
            Some(input) => Err(EvaluationError::NoDerivative {
                output: self.outputs[output].clone(),
                input: self.inputs[input].clone(),
            }),
        }
    }

    /// The first operation that gave no finite value.
    fn undefined(&self, output: usize, workspace: &Workspace) -> EvaluationError {
        let output = self.outputs[output].clone();
        let first = self.tape.first_op();
        let found = workspace.slots[first..].iter().position(|value| !value.is_finite());
        let Some(at) = found else {
            // The output is an input that is not finite.
            return EvaluationError::Undefined { output, operation: "input", position: 0 };
        };
        let (op, position) = (self.tape.ops[at], self.tape.positions[at]);
        match op {
            tape::Op::Divide(_, by) if workspace.slots[by as usize] == 0.0 => {
                EvaluationError::DivisionByZero { output, position }
            }
            _ => EvaluationError::Undefined { output, operation: op.name(), position },
        }
    }
}

/// Whether an expression can refer to this name.
fn check_name(name: &str) -> Result<(), ModelError> {
    if parse::is_name(name) && !parse::is_reserved(name) {
        Ok(())
    } else {
        Err(ModelError::Name { name: name.to_owned() })
    }
}
