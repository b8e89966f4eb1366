//! The text of a model: a small closed grammar.
//!
//! ```text
//! expression = term { ("+" | "-") term }
//! term       = signed { ("*" | "/") signed }
//! signed     = ("+" | "-") signed | power
//! power      = atom [ "^" signed ]
//! atom       = number | name | function "(" expression ")" | "(" expression ")"
//! ```
//!
//! So −x^2 is −(x²), and x^y^z is x^(y^z), as in mathematics. The only constant with a name is `pi`.

use super::builder::{ModelBuilder, Node};
use super::function::Function;
use super::{MAX_DEPTH, ModelError};

/// The name of π in a model.
const PI: &str = "pi";

/// Whether the grammar gives this name a meaning of its own.
pub(super) fn is_reserved(name: &str) -> bool {
    name == PI || Function::by_name(name).is_some()
}

/// Whether a name can be written in a model.
pub(super) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'a> {
    Number(f64),
    Name(&'a str),
    Sign(char),
    End,
}

/// Appends the operations of `text` to what `build` has.
pub(super) fn parse(build: &mut ModelBuilder, text: &str) -> Result<Node, ModelError> {
    let mut parser = Parser { build, rest: text, read: 0, position: 1, token: Token::End, depth: 0 };
    parser.advance()?;
    if parser.token == Token::End {
        return Err(ModelError::Empty);
    }
    let node = parser.expression()?;
    match parser.token {
        Token::End => Ok(node),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'a, 'b> {
    build: &'b mut ModelBuilder,
    rest: &'a str,
    /// Characters before `rest`.
    read: u32,
    /// Of `token`, in characters from one.
    position: u32,
    token: Token<'a>,
    depth: usize,
}

impl<'a> Parser<'a, '_> {
    /// Takes a prefix of `rest` of this many bytes.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        // Texts are far shorter than u32::MAX; a position that saturates is only a worse message.
        self.read = self.read.saturating_add(u32::try_from(taken.chars().count()).unwrap_or(u32::MAX));
        taken
    }

    /// Reads the next token.
    fn advance(&mut self) -> Result<(), ModelError> {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.take(blank);
        self.position = self.read.saturating_add(1);
        self.token = match self.rest.chars().next() {
            None => Token::End,
            Some(c) if c.is_ascii_digit() || c == '.' => {
                let text = self.take(number_length(self.rest));
                // A text of digits alone can still be too large for a number.
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                Token::Number(
                    number.ok_or_else(|| ModelError::Number { position: self.position, text: text.to_owned() })?,
                )
            }
            Some(c) if starts_name(c) => {
                let end = self.rest.find(|c| !continues_name(c)).unwrap_or(self.rest.len());
                Token::Name(self.take(end))
            }
            Some(c) => {
                self.take(c.len_utf8());
                Token::Sign(c)
            }
        };
        Ok(())
    }

    fn unexpected(&self, expected: &'static str) -> ModelError {
        let found = match &self.token {
            Token::Number(number) => number.to_string(),
            Token::Name(name) => (*name).to_owned(),
            Token::Sign(sign) => sign.to_string(),
            Token::End => "the end".to_owned(),
        };
        ModelError::Unexpected { position: self.position, found, expected }
    }

    /// One level deeper: a text of parentheses must not exhaust the stack.
    fn deeper(&mut self, part: fn(&mut Self) -> Result<Node, ModelError>) -> Result<Node, ModelError> {
        if self.depth == MAX_DEPTH {
            return Err(ModelError::TooDeep { position: self.position, limit: MAX_DEPTH });
        }
        self.depth += 1;
        let node = part(self);
        self.depth -= 1;
        node
    }

    fn expression(&mut self) -> Result<Node, ModelError> {
        let mut left = self.term()?;
        while let Token::Sign(sign @ ('+' | '-')) = self.token {
            let at = self.position;
            self.advance()?;
            let right = self.term()?;
            self.build.position = at;
            left = if sign == '+' { self.build.add(left, right)? } else { self.build.subtract(left, right)? };
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Node, ModelError> {
        let mut left = self.signed()?;
        while let Token::Sign(sign @ ('*' | '/')) = self.token {
            let at = self.position;
            self.advance()?;
            let right = self.signed()?;
            self.build.position = at;
            left = if sign == '*' { self.build.multiply(left, right)? } else { self.build.divide(left, right)? };
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Node, ModelError> {
        let Token::Sign(sign @ ('+' | '-')) = self.token else { return self.power() };
        let at = self.position;
        self.advance()?;
        let node = self.deeper(Self::signed)?;
        self.build.position = at;
        if sign == '-' { self.build.negate(node) } else { Ok(node) }
    }

    fn power(&mut self) -> Result<Node, ModelError> {
        let base = self.atom()?;
        if self.token != Token::Sign('^') {
            return Ok(base);
        }
        let at = self.position;
        self.advance()?;
        let exponent = self.deeper(Self::signed)?;
        self.build.position = at;
        self.build.power(base, exponent)
    }

    fn atom(&mut self) -> Result<Node, ModelError> {
        match self.token {
            Token::Number(number) => {
                self.advance()?;
                Ok(self.build.constant(number))
            }
            Token::Sign('(') => self.parenthesis(),
            Token::Name(name) => {
                let at = self.position;
                self.advance()?;
                if self.token == Token::Sign('(') {
                    let function = Function::by_name(name)
                        .ok_or_else(|| ModelError::UnknownFunction { position: at, name: name.to_owned() })?;
                    let argument = self.parenthesis()?;
                    self.build.position = at;
                    return self.build.call(function, argument);
                }
                if name == PI {
                    return Ok(self.build.constant(std::f64::consts::PI));
                }
                let index = self.build.names().position(name);
                let index = index.ok_or_else(|| ModelError::UnknownName { position: at, name: name.to_owned() })?;
                self.build.input(index)
            }
            Token::Sign(_) | Token::End => Err(self.unexpected("a number, a name or a parenthesis")),
        }
    }

    fn parenthesis(&mut self) -> Result<Node, ModelError> {
        self.advance()?;
        let node = self.deeper(Self::expression)?;
        if self.token != Token::Sign(')') {
            return Err(self.unexpected("a closing parenthesis"));
        }
        self.advance()?;
        Ok(node)
    }
}

/// How many bytes of `text` are a number: digits, a point, an exponent with digits.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        // `2e` without digits is the number 2 beside a name; that is refused where the name stands.
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::super::{Model, ModelError};

    #[track_caller]
    fn value(text: &str, wanted: f64) {
        let model = Model::parse(text, ["x", "y"]).unwrap();
        let found = model.evaluate(&[3.0, 0.5]).unwrap()[0];
        assert!((found - wanted).abs() <= 1e-15 * wanted.abs(), "{text}: {found}, not {wanted}");
    }

    #[test]
    fn precedence() {
        value("x+2*y", 4.0);
        value("-x^2", -9.0);
        value("2^3^2", 512.0);
        value("x^-2", 1.0 / 9.0);
        value("x^(1/2)", libm::sqrt(3.0));
        value("x^y", libm::sqrt(3.0));
        value("x-y-1", 1.5);
        value("12/x/2", 2.0);
        value("2*-x", -6.0);
        value("sqrt(x+1)*exp(-y)", 2.0 * libm::exp(-0.5));
        value("1.5e1 + .5 + 2E-1*x", 16.1);
        value("cos(pi*y*4)", 1.0);
    }

    #[track_caller]
    fn refused(text: &str, wanted: ModelError) {
        assert_eq!(Model::parse(text, ["x"]).unwrap_err(), wanted, "{text}");
    }

    #[test]
    fn refusals_name_the_position() {
        let unexpected =
            |position, found: &str, expected| ModelError::Unexpected { position, found: found.to_owned(), expected };
        let operand = "a number, a name or a parenthesis";
        refused("", ModelError::Empty);
        refused("  ", ModelError::Empty);
        refused("x+", unexpected(3, "the end", operand));
        refused("x+*2", unexpected(3, "*", operand));
        refused("(x", unexpected(3, "the end", "a closing parenthesis"));
        refused("x)", unexpected(2, ")", "an operator or the end"));
        refused("2x", unexpected(2, "x", "an operator or the end"));
        refused("x = 1", unexpected(3, "=", "an operator or the end"));
        refused("x*zz", ModelError::UnknownName { position: 3, name: "zz".to_owned() });
        refused("x+sinh(x)", ModelError::UnknownFunction { position: 3, name: "sinh".to_owned() });
        refused("x+1e999", ModelError::Number { position: 3, text: "1e999".to_owned() });
        refused("x + .", ModelError::Number { position: 5, text: ".".to_owned() });
        refused("x+1/(2-2)", ModelError::Constant { position: 4, operation: "division" });
        refused(&"(".repeat(10_000), ModelError::TooDeep { position: 258, limit: 256 });
        refused(&"-".repeat(10_000), ModelError::TooDeep { position: 258, limit: 256 });
    }
}
