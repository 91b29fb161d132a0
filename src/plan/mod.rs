//! Tree to plan: names resolved, schemas closed, dimensions checked, ranges known.

mod expression;
mod model;

pub use expression::{Comparison, Expression, Operator, Value, Wrong};
pub use model::*;
