//! Building a model operation by operation, as the parser does.

use super::function::Function;
use super::tape::{Op, Tape};
use super::{MAX_INPUTS, MAX_OPERATIONS, Model, ModelError, Names, check_name};

/// A part of a model under construction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node(Kind);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Input(u32),
    Constant(f64),
    Op(u32),
}

/// Builds a [`Model`] without text. Parts without inputs are computed at once.
///
/// ```
/// use uncertainty::ModelBuilder;
///
/// let mut build = ModelBuilder::new(["mass", "factor"])?;
/// let (mass, factor) = (build.input(0)?, build.input(1)?);
/// let emission = build.multiply(mass, factor)?;
/// let model = build.finish([("emission", emission)])?;
/// assert_eq!(model.evaluate(&[2.0, 3.5])?, [7.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ModelBuilder {
    names: Names,
    constants: Vec<f64>,
    /// Operands are marked with where they are counted from, until the number of constants is known.
    ops: Vec<Op>,
    positions: Vec<u32>,
    /// Where the parser stands; zero without a text.
    pub(super) position: u32,
}

/// Marks of operands; without one they are inputs. All counts are below them: MAX_INPUTS and MAX_OPERATIONS.
const CONSTANT: u32 = 1 << 30;
const OPERATION: u32 = 1 << 31;
const _: () = assert!(MAX_INPUTS + 2 * MAX_OPERATIONS < CONSTANT as usize);

/// Exponents up to here are multiplied out.
const MAX_WHOLE_POWER: f64 = 64.0;

impl ModelBuilder {
    /// A model of these inputs.
    ///
    /// # Errors
    /// [`ModelError::Name`] and [`ModelError::DuplicateInput`].
    pub fn new(names: impl Into<Names>) -> Result<Self, ModelError> {
        let names = names.into();
        names.iter().try_for_each(|name| check_name(name))?;
        if names.len() > MAX_INPUTS {
            return Err(ModelError::TooManyInputs { limit: MAX_INPUTS });
        }
        if let Some(name) = names.duplicate() {
            return Err(ModelError::DuplicateInput { name: name.to_owned() });
        }
        Ok(ModelBuilder { names, constants: Vec::new(), ops: Vec::new(), positions: Vec::new(), position: 0 })
    }

    /// The names of the inputs.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The input at `index`.
    ///
    /// # Errors
    /// [`ModelError::NoSuchInput`].
    pub fn input(&self, index: usize) -> Result<Node, ModelError> {
        let count = self.names.len();
        // There are fewer than u32::MAX names, see `MAX_INPUTS`.
        u32::try_from(index)
            .ok()
            .filter(|_| index < count)
            .map(|index| Node(Kind::Input(index)))
            .ok_or(ModelError::NoSuchInput { index, count })
    }

    /// A number without uncertainty.
    pub fn constant(&self, value: f64) -> Node {
        Node(Kind::Constant(value))
    }

    /// a + b.
    ///
    /// # Errors
    /// [`ModelError::TooManyOperations`], or [`ModelError::Constant`] where a part without inputs has no finite value;
    /// so do all operations.
    pub fn add(&mut self, a: Node, b: Node) -> Result<Node, ModelError> {
        self.push(Op::Add(0, 0), a, b)
    }

    /// a − b.
    ///
    /// # Errors
    /// As [`ModelBuilder::add`].
    pub fn subtract(&mut self, a: Node, b: Node) -> Result<Node, ModelError> {
        self.push(Op::Subtract(0, 0), a, b)
    }

    /// a × b.
    ///
    /// # Errors
    /// As [`ModelBuilder::add`].
    pub fn multiply(&mut self, a: Node, b: Node) -> Result<Node, ModelError> {
        self.push(Op::Multiply(0, 0), a, b)
    }

    /// a ÷ b.
    ///
    /// # Errors
    /// As [`ModelBuilder::add`].
    pub fn divide(&mut self, a: Node, b: Node) -> Result<Node, ModelError> {
        self.push(Op::Divide(0, 0), a, b)
    }

    /// −a.
    ///
    /// # Errors
    /// As [`ModelBuilder::add`].
    pub fn negate(&mut self, a: Node) -> Result<Node, ModelError> {
        self.push(Op::Negate(0), a, a)
    }

    /// a to the power b. A power that varies is exp(b·ln a), so its base must be above zero.
    ///
    /// # Errors
    /// As [`ModelBuilder::add`].
    pub fn power(&mut self, a: Node, b: Node) -> Result<Node, ModelError> {
        match b.0 {
            Kind::Constant(1.0) => Ok(a),
            Kind::Constant(whole) if whole.abs() <= MAX_WHOLE_POWER && whole == libm::trunc(whole) => {
                self.push(Op::Whole(0, whole as i32), a, a)
            }
            Kind::Constant(exponent) => self.push(Op::Power(0, exponent), a, a),
            Kind::Input(_) | Kind::Op(_) => {
                let logarithm = self.call(Function::Log, a)?;
                let product = self.multiply(b, logarithm)?;
                self.call(Function::Exp, product)
            }
        }
    }

    /// A function of `a` by its name in a model: `sqrt`, `exp`, `log`, `log10`, `sin`, `cos`, `tan`, `asin`, `acos`, `atan`.
    ///
    /// # Errors
    /// [`ModelError::UnknownFunction`], and as [`ModelBuilder::add`].
    pub fn function(&mut self, name: &str, a: Node) -> Result<Node, ModelError> {
        let unknown = || ModelError::UnknownFunction { position: self.position, name: name.to_owned() };
        let function = Function::by_name(name).ok_or_else(unknown)?;
        self.call(function, a)
    }

    pub(super) fn call(&mut self, function: Function, a: Node) -> Result<Node, ModelError> {
        self.push(Op::Call(function, 0), a, a)
    }

    /// Appends an operation; its slots are filled in by [`ModelBuilder::finish`], when the constants are known.
    fn push(&mut self, op: Op, a: Node, b: Node) -> Result<Node, ModelError> {
        if let (Kind::Constant(left), Kind::Constant(right)) = (a.0, b.0) {
            let value = with_slots(op, 0, 1).value(|slot| if slot == 0 { left } else { right });
            if !value.is_finite() {
                return Err(ModelError::Constant { position: self.position, operation: op.name() });
            }
            return Ok(Node(Kind::Constant(value)));
        }
        let at = self.ops.len();
        if at >= MAX_OPERATIONS {
            return Err(ModelError::TooManyOperations { limit: MAX_OPERATIONS });
        }
        let (a, b) = (self.marked(a), self.marked(b));
        self.ops.push(with_slots(op, a, b));
        self.positions.push(self.position);
        // Below MAX_OPERATIONS.
        Ok(Node(Kind::Op(at as u32)))
    }

    /// The model with these outputs, in this order.
    ///
    /// # Errors
    /// [`ModelError::NoOutput`] and [`ModelError::DuplicateOutput`].
    pub fn finish<N: Into<String>>(
        mut self,
        outputs: impl IntoIterator<Item = (N, Node)>,
    ) -> Result<Model, ModelError> {
        let (output_names, nodes): (Vec<String>, Vec<Node>) =
            outputs.into_iter().map(|(name, node)| (name.into(), node)).unzip();
        if output_names.is_empty() {
            return Err(ModelError::NoOutput);
        }
        let output_names = Names::from(output_names);
        if let Some(name) = output_names.duplicate() {
            return Err(ModelError::DuplicateOutput { name: name.to_owned() });
        }
        let outputs: Vec<u32> = nodes.into_iter().map(|node| self.marked(node)).collect();
        let ModelBuilder { names, constants, ops, positions, .. } = self;
        // Inputs come first, then constants, then operations.
        let inputs = names.len();
        let first_constant = inputs as u32;
        let first_operation = first_constant + constants.len() as u32;
        let slot = |marked: u32| match (marked & CONSTANT != 0, marked & OPERATION != 0) {
            (true, _) => first_constant + (marked ^ CONSTANT),
            (_, true) => first_operation + (marked ^ OPERATION),
            (false, false) => marked,
        };
        let ops = ops.into_iter().map(|op| {
            let (a, b) = op.operands();
            with_slots(op, slot(a), slot(b.unwrap_or(a)))
        });
        let outputs = outputs.into_iter().map(slot).collect();
        let tape = Tape { inputs, ops: ops.collect(), constants, positions, outputs };
        Ok(Model { inputs: names, outputs: output_names, tape })
    }

    /// Where a node is, with the mark of what it is counted among.
    fn marked(&mut self, node: Node) -> u32 {
        match node.0 {
            Kind::Input(index) => index,
            Kind::Op(at) => OPERATION | at,
            Kind::Constant(value) => {
                // The same constant twice in a row is one: as `1` in many sums.
                if self.constants.last().is_none_or(|last| last.to_bits() != value.to_bits()) {
                    self.constants.push(value);
                }
                CONSTANT | (self.constants.len() - 1) as u32
            }
        }
    }
}

/// The same operation on other slots.
fn with_slots(op: Op, a: u32, b: u32) -> Op {
    match op {
        Op::Add(..) => Op::Add(a, b),
        Op::Subtract(..) => Op::Subtract(a, b),
        Op::Multiply(..) => Op::Multiply(a, b),
        Op::Divide(..) => Op::Divide(a, b),
        Op::Negate(_) => Op::Negate(a),
        Op::Whole(_, exponent) => Op::Whole(a, exponent),
        Op::Power(_, exponent) => Op::Power(a, exponent),
        Op::Call(function, _) => Op::Call(function, a),
    }
}
