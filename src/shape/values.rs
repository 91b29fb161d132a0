//! What a search found, as values that a question may use.

use super::Answer;
use crate::plan::ShapeVariable;
use crate::units::{Quantity, Spread};

/// The 97.5 % quantile of the standard normal distribution.
const NORMAL_975: f64 = 1.959_963_984_540_054;

impl Answer {
    /// The numbers of the chosen shape by the names that requirements know them by.
    ///
    /// All are exact but `loss`, which the law predicts: it is drawn from its interval, apart from the law's own draws.
    /// What the search does not say enough for, such as a latency without a device, is left out.
    pub fn values(&self) -> Vec<(String, Quantity)> {
        let numbers = ShapeVariable::ALL.into_iter().filter_map(|(name, variable)| {
            let value = Some(self.number(variable)).filter(|value| value.is_finite())?;
            let spread = self.loss.as_ref().filter(|_| variable == ShapeVariable::Loss);
            let spread = spread.filter(|loss| loss.low < loss.high);
            let spread = spread.map(|loss| Spread::normal(value, (loss.high - loss.low) / 2.0 / NORMAL_975, 1));
            Some((name.to_owned(), Quantity { spread, ..Quantity::exact(value, variable.measure()) }))
        });
        numbers.collect()
    }
}
