//! A value in base units with what it counts, and arithmetic that refuses to mix.

use std::fmt;

use super::{Base, Dimension, Quantile, Spread};

/// What a number counts: its dimension, and for compute how the counting is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Measure {
    /// The dimension.
    pub dimension: Dimension,
    /// The kind of compute; `None` where the dimension holds no FLOP, or where nobody has said.
    pub kind: Option<ComputeKind>,
}

/// The ways to count compute. They never mix silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComputeKind {
    /// A forward pass, two FLOP per multiply-add; the SoViT paper's t.
    Forward,
    /// Training, three times forward by convention.
    Training,
    /// What a device did, recomputation and padding included.
    Executed,
}

impl ComputeKind {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 3] =
        [("forward", Self::Forward), ("training", Self::Training), ("executed", Self::Executed)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Training => "training",
            Self::Executed => "executed",
        }
    }
}

/// A finite number in base units, how uncertain it is, and what it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// The value, in base units; of an uncertain one that of the formula at the central values of its parts.
    pub value: f64,
    /// How it is spread; `None` for an exact one.
    pub spread: Option<Spread>,
    /// What it counts.
    pub measure: Measure,
}

/// Why two quantities have no sum, product or quotient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// They are of different dimensions.
    Dimensions(Dimension, Dimension),
    /// They count compute in different ways, or only one says how.
    Kinds(Option<ComputeKind>, Option<ComputeKind>),
    /// The divisor is zero.
    DivisionByZero,
    /// The divisor is uncertain, and zero lies within its draws.
    MayBeZero,
    /// The result is too large for a number.
    NotFinite,
    /// The result's dimension has an exponent beyond 127.
    Exponent,
}

impl Measure {
    /// A pure number.
    pub const NONE: Self = Self::new(Dimension::NONE);

    /// A dimension without a kind of compute.
    pub const fn new(dimension: Dimension) -> Self {
        Self { dimension, kind: None }
    }

    /// A dimension with a kind of compute.
    pub const fn of_kind(dimension: Dimension, kind: ComputeKind) -> Self {
        Self { dimension, kind: Some(kind) }
    }

    /// Whether it counts compute, to whatever power.
    pub const fn has_compute(self) -> bool {
        self.dimension.exponent(Base::Flop) != 0
    }

    /// What a sum, a difference or a comparison is about: both must count the same thing in the same way.
    pub fn same(self, other: Self) -> Result<Self, QuantityError> {
        if self.dimension != other.dimension {
            return Err(QuantityError::Dimensions(self.dimension, other.dimension));
        }
        if self.kind != other.kind {
            return Err(QuantityError::Kinds(self.kind, other.kind));
        }
        Ok(self)
    }

    /// What a product counts. Two amounts of compute must be of one kind; where FLOPs cancel, the kind goes.
    pub fn multiply(self, other: Self) -> Result<Self, QuantityError> {
        self.combine(other, self.dimension.multiply(other.dimension))
    }

    /// What a quotient counts, by the rule of [`Measure::multiply`].
    pub fn divide(self, other: Self) -> Result<Self, QuantityError> {
        self.combine(other, self.dimension.divide(other.dimension))
    }

    fn combine(self, other: Self, dimension: Option<Dimension>) -> Result<Self, QuantityError> {
        let dimension = dimension.ok_or(QuantityError::Exponent)?;
        let kind = match (self.has_compute(), other.has_compute()) {
            (true, true) if self.kind != other.kind => return Err(QuantityError::Kinds(self.kind, other.kind)),
            (true, _) => self.kind,
            (false, _) => other.kind,
        };
        let result = Self { dimension, kind };
        Ok(if result.has_compute() { result } else { Self::new(dimension) })
    }
}

impl fmt::Display for Measure {
    /// The dimension, then the kind if there is one: `FLOP as training`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dimension)?;
        self.kind.map_or(Ok(()), |kind| write!(f, " as {}", kind.name()))
    }
}

impl Quantity {
    /// An exact quantity.
    pub const fn exact(value: f64, measure: Measure) -> Self {
        Self { value, spread: None, measure }
    }

    /// An exact pure number.
    pub const fn number(value: f64) -> Self {
        Self::exact(value, Measure::NONE)
    }

    /// Its standard deviation, in base units; 0 for an exact one.
    pub fn sd(&self) -> f64 {
        self.spread.as_ref().map_or(0.0, Spread::sd)
    }

    /// Whether nothing is uncertain about it.
    pub const fn is_exact(&self) -> bool {
        self.spread.is_none()
    }

    /// One of its values: of an exact one, itself.
    pub fn at(&self, quantile: Quantile) -> f64 {
        self.spread.as_ref().map_or(self.value, |spread| spread.at(quantile))
    }

    /// The sum, draw by draw.
    pub fn plus(&self, other: &Self) -> Result<Self, QuantityError> {
        self.linear(other, 1.0)
    }

    /// The difference, draw by draw.
    pub fn minus(&self, other: &Self) -> Result<Self, QuantityError> {
        self.linear(other, -1.0)
    }

    fn linear(&self, other: &Self, sign: f64) -> Result<Self, QuantityError> {
        let measure = self.measure.same(other.measure)?;
        let spread = match (&self.spread, &other.spread) {
            (Some(spread), None) => Some(spread.linear(1.0, sign * other.value)),
            (None, Some(spread)) => Some(spread.linear(sign, self.value)),
            (Some(a), Some(b)) => Some(a.zip(b, |a, b| a + sign * b)),
            (None, None) => None,
        };
        Self { value: self.value + sign * other.value, spread, measure }.finite()
    }

    /// The product, draw by draw.
    pub fn multiply(&self, other: &Self) -> Result<Self, QuantityError> {
        let measure = self.measure.multiply(other.measure)?;
        let spread = match (&self.spread, &other.spread) {
            (Some(spread), None) => Some(spread.linear(other.value, 0.0)),
            (None, Some(spread)) => Some(spread.linear(self.value, 0.0)),
            (Some(a), Some(b)) => Some(a.zip(b, |a, b| a * b)),
            (None, None) => None,
        };
        Self { value: self.value * other.value, spread, measure }.finite()
    }

    /// The quotient, draw by draw.
    pub fn divide(&self, other: &Self) -> Result<Self, QuantityError> {
        let measure = self.measure.divide(other.measure)?;
        if other.spread.as_ref().is_some_and(Spread::holds_zero) {
            return Err(QuantityError::MayBeZero);
        }
        if other.value == 0.0 {
            return Err(QuantityError::DivisionByZero);
        }
        let spread = match (&self.spread, &other.spread) {
            (Some(spread), None) => Some(spread.linear(1.0 / other.value, 0.0)),
            (None, Some(spread)) => Some(spread.map(|b| self.value / b)),
            (Some(a), Some(b)) => Some(a.zip(b, |a, b| a / b)),
            (None, None) => None,
        };
        Self { value: self.value / other.value, spread, measure }.finite()
    }

    /// The same times a pure number, counted as `measure`.
    #[must_use]
    pub fn scaled(&self, factor: f64, measure: Measure) -> Self {
        let spread = self.spread.as_ref().map(|spread| spread.linear(factor, 0.0));
        Self { value: self.value * factor, spread, measure }
    }

    /// The negative.
    #[must_use]
    pub fn negate(&self) -> Self {
        self.scaled(-1.0, self.measure)
    }

    /// A value that is certain after all is exact: `x - x` is 0.
    fn finite(mut self) -> Result<Self, QuantityError> {
        if !self.value.is_finite() || self.spread.as_ref().is_some_and(|spread| !spread.is_finite()) {
            return Err(QuantityError::NotFinite);
        }
        self.spread = self.spread.filter(|spread| spread.sd() > 0.0);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORWARD: Measure = Measure::of_kind(Dimension::FLOP, ComputeKind::Forward);
    const TRAINING: Measure = Measure::of_kind(Dimension::FLOP, ComputeKind::Training);
    const UNSTATED: Measure = Measure::new(Dimension::FLOP);

    fn quantity() -> impl Strategy<Value = Quantity> {
        let base = proptest::sample::select(&Base::ALL[..]);
        (-1e6..1e6, 0.0..1e3, base, any::<bool>(), any::<u64>()).prop_map(|(value, sd, base, training, seed)| {
            let kind = if training { ComputeKind::Training } else { ComputeKind::Forward };
            let kind = (base == Base::Flop).then_some(kind);
            let spread = (sd > 1.0).then(|| Spread::normal(value, sd, seed));
            Quantity { value, spread, measure: Measure { dimension: Dimension::of(base), kind } }
        })
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
    }

    proptest! {
        #[test]
        fn sums_and_products_commute(a in quantity(), b in quantity()) {
            prop_assert_eq!(a.plus(&b).ok(), b.plus(&a).ok());
            prop_assert_eq!(a.multiply(&b).ok(), b.multiply(&a).ok());
        }

        #[test]
        fn only_like_quantities_add(a in quantity(), b in quantity()) {
            prop_assert_eq!(a.plus(&b).is_ok(), a.measure == b.measure);
        }

        #[test]
        fn division_undoes_multiplication(a in quantity(), b in quantity()) {
            let exact = |q: Quantity| Quantity { spread: None, ..q };
            let (a, b) = (exact(a), exact(b));
            if let (Ok(product), true) = (a.multiply(&b), b.value != 0.0) {
                // FLOP^2 / FLOP keeps its kind, so a whole round trip gives the same measure.
                let back = product.divide(&b).unwrap();
                prop_assert!(close(back.value, a.value));
                prop_assert_eq!(back.measure, a.measure);
            }
        }

        #[test]
        fn equal_kinds_cancel(a in quantity()) {
            if let Ok(one) = a.divide(&a) {
                prop_assert_eq!(one.measure, Measure::NONE);
            }
        }

        #[test]
        fn what_comes_from_one_value_keeps_its_correlation(a in quantity(), b in quantity()) {
            prop_assert_eq!(a.minus(&a).unwrap().sd(), 0.0);
            if let (Ok(there), false) = (a.plus(&b), b.is_exact()) {
                let back = there.minus(&b).unwrap();
                prop_assert!((back.sd() - a.sd()).abs() <= 1e-2 * a.sd() + 1e-9 * b.sd());
            }
        }
    }

    #[test]
    fn kinds_never_mix() {
        let one = |measure| Quantity::exact(1.0, measure);
        let kinds = |a: Option<ComputeKind>, b: Option<ComputeKind>| Err(QuantityError::Kinds(a, b));
        assert_eq!(one(FORWARD).plus(&one(TRAINING)), kinds(FORWARD.kind, TRAINING.kind));
        assert_eq!(one(FORWARD).plus(&one(UNSTATED)), kinds(FORWARD.kind, None));
        assert_eq!(one(FORWARD).divide(&one(TRAINING)), kinds(FORWARD.kind, TRAINING.kind));
        assert_eq!(one(UNSTATED).multiply(&one(TRAINING)), kinds(None, TRAINING.kind));
        assert_eq!(one(UNSTATED).plus(&one(UNSTATED)).map(|q| q.measure), Ok(UNSTATED));
        assert_eq!(one(TRAINING).multiply(&Quantity::number(2.0)).map(|q| q.measure), Ok(TRAINING));
    }

    #[test]
    fn independent_errors_add_in_squares() {
        let q = |value, sd, seed| Quantity { spread: Some(Spread::normal(value, sd, seed)), ..Quantity::number(value) };
        let near = |found: Result<Quantity, QuantityError>, value: f64, sd: f64| {
            let found = found.unwrap();
            assert!(
                close(found.value, value) && (found.sd() / sd - 1.0).abs() < 0.05,
                "{} {}",
                found.value,
                found.sd()
            );
        };
        near(q(1.0, 3.0, 1).plus(&q(2.0, 4.0, 2)), 3.0, 5.0);
        near(q(1.0, 3.0, 1).minus(&q(2.0, 4.0, 2)), -1.0, 5.0);
        near(q(200.0, 1.5, 1).multiply(&q(200.0, 2.0, 2)), 40000.0, 500.0);
        near(q(400.0, 3.0, 1).divide(&q(100.0, 1.0, 2)), 4.0, 0.05);
        // What is scaled stays as exact as it was written.
        assert_eq!(q(1.0, 3.0, 1).multiply(&Quantity::number(2.0)).unwrap().sd(), 6.0);
    }

    #[test]
    fn nothing_is_divided_by_what_may_be_zero() {
        let unsure = Quantity { spread: Some(Spread::normal(1.0, 1.0, 3)), ..Quantity::number(1.0) };
        assert_eq!(Quantity::number(1.0).divide(&unsure), Err(QuantityError::MayBeZero));
    }

    #[test]
    fn results_stay_numbers() {
        let n = Quantity::number;
        assert_eq!(n(1.0).divide(&n(0.0)), Err(QuantityError::DivisionByZero));
        assert_eq!(n(1e200).multiply(&n(1e200)), Err(QuantityError::NotFinite));
    }
}
