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
    /// Without a loss, or without a device to serve on, there is no such number.
    pub fn values(&self) -> Vec<(String, Quantity)> {
        let numbers = ShapeVariable::ALL.into_iter().filter_map(|(name, variable)| {
            let value = match variable {
                ShapeVariable::Width => self.vit.shape.width as f64,
                ShapeVariable::Depth => self.vit.shape.depth as f64,
                ShapeVariable::Mlp => self.vit.shape.mlp_dim as f64,
                ShapeVariable::Heads => self.vit.architecture.heads as f64,
                ShapeVariable::HeadDim => self.vit.head_dim() as f64,
                ShapeVariable::Params => self.cost.params as f64,
                ShapeVariable::Tokens => self.vit.architecture.tokens() as f64,
                ShapeVariable::Flops => self.cost.forward_flops_per_example as f64,
                ShapeVariable::Examples => self.budget.examples,
                ShapeVariable::Latency => self.serving.as_ref()?.latency,
                ShapeVariable::Throughput => self.serving.as_ref().map(|on| on.batch as f64 / on.latency)?,
                ShapeVariable::Loss => self.loss.as_ref()?.value,
                ShapeVariable::Memory => return None,
            };
            let spread = self.loss.as_ref().filter(|_| variable == ShapeVariable::Loss);
            let spread = spread.filter(|loss| loss.low < loss.high);
            let spread = spread.map(|loss| Spread::normal(value, (loss.high - loss.low) / 2.0 / NORMAL_975, 1));
            Some((name.to_owned(), Quantity { spread, ..Quantity::exact(value, variable.measure()) }))
        });
        numbers.collect()
    }
}
