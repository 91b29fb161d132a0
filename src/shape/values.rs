//! What a search found, as values that a question may use.

use super::Answer;
use crate::plan::ShapeVariable;
use crate::units::{Dimension, Measure, Quantity, Spread};

/// The 97.5 % quantile of the standard normal distribution.
const NORMAL_975: f64 = 1.959_963_984_540_054;

impl Answer {
    /// The numbers of the chosen shape by the names that requirements know them by, and `device_time` and `dollars` of
    /// its bill.
    ///
    /// All are exact but `loss`, which the law predicts, and those of an uncertain bill: they are drawn from their
    /// intervals, apart from the law's own draws.
    /// What the search does not say enough for, such as a latency without a device, is left out.
    pub fn values(&self) -> Vec<(String, Quantity)> {
        let numbers = ShapeVariable::ALL.into_iter().filter_map(|(name, variable)| {
            let value = Some(self.number(variable)).filter(|value| value.is_finite())?;
            let spread = self.loss.as_ref().filter(|_| variable == ShapeVariable::Loss);
            let spread = spread.filter(|loss| loss.low < loss.high);
            let spread = spread.map(|loss| Spread::normal(value, (loss.high - loss.low) / 2.0 / NORMAL_975, 1));
            Some((name.to_owned(), Quantity { spread, ..Quantity::exact(value, variable.measure()) }))
        });
        numbers.chain(self.billed()).collect()
    }

    fn billed(&self) -> impl Iterator<Item = (String, Quantity)> {
        let bill = self.bill.as_ref();
        let time = bill.map(|bill| ("device_time", bill.device_hours, 3600.0, Dimension::DEVICE_TIME, 2));
        let dollars = bill.and_then(|bill| Some(("dollars", bill.dollars?, 1.0, Dimension::MONEY, 3)));
        time.into_iter().chain(dollars).map(|(name, amount, unit, dimension, seed)| {
            let exact = Quantity::exact(amount.value * unit, Measure::new(dimension));
            let interval = amount.interval.map(|[low, high]| Spread::interval(low * unit, high * unit, seed));
            let value = match interval {
                Some((median, spread)) => Quantity { value: median, spread: Some(spread), ..exact },
                None => exact,
            };
            (name.to_owned(), value)
        })
    }
}
