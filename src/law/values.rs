//! What a law says, as values that a question may use.

use super::{Law, SovitLaw, SovitParameters};
use crate::plan::{StatedExponents, Uncertain};
use crate::units::{Measure, Quantity, Spread};
use crate::vit::Axis;

impl Law {
    /// Its exponents and parameters by name, such as `width.s`, all pure numbers.
    ///
    /// `AXIS.s` is s_k of x_k*(t), `AXIS.w` the weight w_k and `AXIS.effective` their product, the exponent of the
    /// frontier; a fitted star also has `c`, `AXIS.a` and `AXIS.b`. Values of one fit come from the same refits, draw by
    /// draw, so what is computed from several of them keeps their correlation. Empty for other forms than `sovit`.
    pub fn values(&self) -> Vec<(String, Quantity)> {
        match self {
            Self::Stated(stated) => stated.values(),
            Self::Sovit(law) => law.values(),
            Self::Fitted(_) => Vec::new(),
        }
    }
}

impl StatedExponents {
    fn values(&self) -> Vec<(String, Quantity)> {
        let mut list = Vec::new();
        for (seed, axis) in (1..).zip(Axis::ALL) {
            let of = |number: &Uncertain| {
                let spread = (number.sd > 0.0).then(|| Spread::normal(number.value, number.sd, seed));
                Quantity { spread, ..Quantity::number(number.value) }
            };
            if let (Some(exponents), Some(weights)) = (&self.exponents, &self.weights) {
                list.push((format!("{}.s", axis.name()), of(exponents.get(axis))));
                list.push((format!("{}.w", axis.name()), Quantity::number(*weights.get(axis))));
            }
            list.push((format!("{}.effective", axis.name()), of(self.effective.get(axis))));
        }
        list
    }
}

impl SovitLaw {
    fn values(&self) -> Vec<(String, Quantity)> {
        let of = |read: &dyn Fn(&SovitParameters) -> f64| {
            let spread = Spread::of_draws(&self.draws.iter().map(read).collect::<Vec<_>>());
            Quantity { value: read(&self.parameters), spread, measure: Measure::NONE }
        };
        let mut list = vec![("c".to_owned(), of(&|p| p.c))];
        for axis in Axis::ALL {
            let (name, weight) = (axis.name(), *self.weights.get(axis));
            list.push((format!("{name}.s"), of(&|p| p.exponent(axis))));
            list.push((format!("{name}.w"), Quantity::number(weight)));
            list.push((format!("{name}.effective"), of(&|p| p.exponent(axis) * weight)));
            list.push((format!("{name}.a"), of(&|p| p.axes.get(axis).a)));
            list.push((format!("{name}.b"), of(&|p| p.axes.get(axis).b)));
        }
        list
    }
}
