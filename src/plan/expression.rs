//! Checked expressions over something that is known later: the columns of a row, or the numbers of a shape.

use serde::{Deserialize, Serialize};

/// A checked expression whose variables are `V`; numbers are in base units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expression<V> {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// Something known later.
    Variable(V),
    /// The negative of a number.
    Negate(Box<Self>),
    /// The opposite of a truth value.
    Not(Box<Self>),
    /// Arithmetic on numbers.
    Arithmetic(Operator, Box<Self>, Box<Self>),
    /// A comparison of numbers; `==` and `!=` also of texts and truth values.
    Compare(Comparison, Box<Self>, Box<Self>),
    /// Both; the right side is not evaluated where the left one decides.
    And(Box<Self>, Box<Self>),
    /// Either; the right side is not evaluated where the left one decides.
    Or(Box<Self>, Box<Self>),
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `a divides b`: both integral, a not zero, no remainder.
    Divides,
}

/// What an expression evaluates to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number in base units.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// A truth value.
    Bool(bool),
}

/// Why an expression has no value; with row expressions the table's text decides the types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A number was needed; this text stood there.
    NotANumber(String),
    /// A truth value was needed.
    NotATruth,
    /// The two sides of a comparison are of different types.
    Incomparable,
}

impl<V> Expression<V> {
    /// The value, with each variable looked up.
    pub fn evaluate<'a>(&'a self, lookup: &mut dyn FnMut(&V) -> Value<'a>) -> Result<Value<'a>, Wrong> {
        Ok(match self {
            Self::Number(_) | Self::Negate(_) | Self::Arithmetic(..) => Value::Number(self.number(lookup)?),
            Self::Text(text) => Value::Text(text),
            Self::Bool(value) => Value::Bool(*value),
            Self::Variable(variable) => lookup(variable),
            Self::Not(operand) => Value::Bool(!operand.truth(lookup)?),
            Self::Compare(comparison, left, right) => {
                Value::Bool(compare(*comparison, left.evaluate(lookup)?, right.evaluate(lookup)?)?)
            }
            Self::And(left, right) => Value::Bool(left.truth(lookup)? && right.truth(lookup)?),
            Self::Or(left, right) => Value::Bool(left.truth(lookup)? || right.truth(lookup)?),
        })
    }

    /// The value as a number; text that reads as a number is one.
    pub fn number<'a>(&'a self, lookup: &mut dyn FnMut(&V) -> Value<'a>) -> Result<f64, Wrong> {
        match self {
            Self::Number(value) => Ok(*value),
            Self::Variable(variable) => lookup(variable).into_number(),
            Self::Negate(operand) => Ok(-operand.number(lookup)?),
            Self::Arithmetic(operator, left, right) => {
                let (left, right) = (left.number(lookup)?, right.number(lookup)?);
                Ok(match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide => left / right,
                })
            }
            _ => self.evaluate(lookup)?.into_number(),
        }
    }

    /// The value as a truth value.
    pub fn truth<'a>(&'a self, lookup: &mut dyn FnMut(&V) -> Value<'a>) -> Result<bool, Wrong> {
        match self.evaluate(lookup)? {
            Value::Bool(value) => Ok(value),
            Value::Number(_) | Value::Text(_) => Err(Wrong::NotATruth),
        }
    }

    /// Whether a variable occurs.
    pub fn speaks_of(&self, wanted: &V) -> bool
    where
        V: PartialEq,
    {
        let mut found = false;
        self.variables(&mut |variable| found |= variable == wanted);
        found
    }

    /// Calls `f` for every variable, left to right.
    pub fn variables(&self, f: &mut dyn FnMut(&V)) {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Bool(_) => {}
            Self::Variable(variable) => f(variable),
            Self::Negate(operand) | Self::Not(operand) => operand.variables(f),
            Self::Arithmetic(_, left, right)
            | Self::Compare(_, left, right)
            | Self::And(left, right)
            | Self::Or(left, right) => {
                left.variables(f);
                right.variables(f);
            }
        }
    }
}

impl Value<'_> {
    fn into_number(self) -> Result<f64, Wrong> {
        match self {
            Self::Number(value) => Ok(value),
            // Blanks are rare.
            Self::Text(text) => {
                text.parse().or_else(|_| text.trim().parse()).map_err(|_| Wrong::NotANumber(text.to_owned()))
            }
            Self::Bool(value) => Err(Wrong::NotANumber(value.to_string())),
        }
    }
}

fn compare(comparison: Comparison, left: Value<'_>, right: Value<'_>) -> Result<bool, Wrong> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => equality(comparison, left == right),
        (Value::Bool(left), Value::Bool(right)) => equality(comparison, left == right),
        (Value::Bool(_), _) | (_, Value::Bool(_)) => Err(Wrong::Incomparable),
        (left, right) => {
            let (left, right) = (left.into_number()?, right.into_number()?);
            Ok(match comparison {
                Comparison::Equal => left == right,
                Comparison::NotEqual => left != right,
                Comparison::Less => left < right,
                Comparison::LessEqual => left <= right,
                Comparison::Greater => left > right,
                Comparison::GreaterEqual => left >= right,
                Comparison::Divides => {
                    left != 0.0 && left.fract() == 0.0 && right.fract() == 0.0 && right % left == 0.0
                }
            })
        }
    }
}

fn equality(comparison: Comparison, equal: bool) -> Result<bool, Wrong> {
    match comparison {
        Comparison::Equal => Ok(equal),
        Comparison::NotEqual => Ok(!equal),
        _ => Err(Wrong::Incomparable),
    }
}
