//! The forms of laws that a plan can name, and where a table has their variables.

use super::Results;
use crate::vit::Axis;

/// A form by its name in plans, with its variables; what it predicts is the last one.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownForm {
    /// Its name.
    pub name: &'static str,
    /// Its variables, in its order.
    pub variables: &'static [&'static str],
}

/// Every form that is fitted to rows of numbers; `sovit` is fitted to a star and stands beside them.
pub static FORMS: [KnownForm; 14] = [
    KnownForm::new("chinchilla", &["n", "d", "loss"]),
    KnownForm::new("kaplan", &["n", "d", "loss"]),
    KnownForm::new("repeats", &["n", "d", "unique", "loss"]),
    KnownForm::new("over_training", &["c", "m", "loss"]),
    KnownForm::new("isoflop", &["c", "n", "loss"]),
    KnownForm::new("gemstones", &["width", "depth", "params", "tokens", "loss"]),
    KnownForm::new("joint", &["width", "depth", "mlp", "t", "f"]),
    KnownForm::new("add_interact", &["width", "depth", "mlp", "t", "f"]),
    KnownForm::new("m1", &["x", "y"]),
    KnownForm::new("m2", &["x", "y"]),
    KnownForm::new("m3", &["x", "y"]),
    KnownForm::new("m4", &["x", "y"]),
    KnownForm::new("curve", &["x", "y"]),
    KnownForm::new("broken", &["x", "y"]),
];

impl KnownForm {
    const fn new(name: &'static str, variables: &'static [&'static str]) -> Self {
        Self { name, variables }
    }

    /// The inputs, without what is predicted.
    pub fn inputs(&self) -> &'static [&'static str] {
        self.variables.split_last().map_or(&[], |(_, inputs)| inputs)
    }
}

/// Where a table has a variable of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Index into [`Results::numbers`].
    Number(usize),
    /// A size of the shape.
    Size(Axis),
    /// Forward FLOPs of the run.
    Compute,
    /// Examples seen.
    Examples,
}

impl Input {
    /// Where `table` has the variable: among its numbers, else in its shape, its compute (`t`) or its examples (`x` and
    /// `d`).
    pub(super) fn find(variable: &str, table: &Results) -> Option<Self> {
        if let Some(place) = table.numbers.iter().position(|number| number.name.value == variable) {
            return Some(Self::Number(place));
        }
        let has_shape = table.shape.is_some();
        match variable {
            "t" => has_shape.then_some(Self::Compute),
            "x" | "d" => table.examples.is_some().then_some(Self::Examples),
            _ => Axis::ALL.into_iter().find(|axis| has_shape && axis.name() == variable).map(Self::Size),
        }
    }
}
