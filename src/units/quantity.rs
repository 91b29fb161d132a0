//! A value in base units with what it counts, and arithmetic that refuses to mix.

use std::fmt;

use super::{Base, Dimension};

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

/// A finite number in base units, its standard deviation, and what it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// The value, in base units.
    pub value: f64,
    /// Its standard deviation, in base units; 0 for an exact one.
    pub sd: f64,
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
        Self { value, sd: 0.0, measure }
    }

    /// An exact pure number.
    pub const fn number(value: f64) -> Self {
        Self::exact(value, Measure::NONE)
    }

    /// The sum; errors are taken as independent.
    pub fn plus(self, other: Self) -> Result<Self, QuantityError> {
        let measure = self.measure.same(other.measure)?;
        Self { value: self.value + other.value, sd: self.sd.hypot(other.sd), measure }.finite()
    }

    /// The difference; errors are taken as independent.
    pub fn minus(self, other: Self) -> Result<Self, QuantityError> {
        self.plus(other.negate())
    }

    /// The product; errors are taken as independent and to first order.
    pub fn multiply(self, other: Self) -> Result<Self, QuantityError> {
        let measure = self.measure.multiply(other.measure)?;
        let sd = (self.value * other.sd).hypot(other.value * self.sd);
        Self { value: self.value * other.value, sd, measure }.finite()
    }

    /// The quotient; errors are taken as independent and to first order.
    pub fn divide(self, other: Self) -> Result<Self, QuantityError> {
        let measure = self.measure.divide(other.measure)?;
        if other.value == 0.0 {
            return Err(QuantityError::DivisionByZero);
        }
        let value = self.value / other.value;
        let sd = (self.sd / other.value).hypot(value * (other.sd / other.value));
        Self { value, sd, measure }.finite()
    }

    /// The negative.
    #[must_use]
    pub fn negate(self) -> Self {
        Self { value: -self.value, ..self }
    }

    fn finite(self) -> Result<Self, QuantityError> {
        if self.value.is_finite() && self.sd.is_finite() { Ok(self) } else { Err(QuantityError::NotFinite) }
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
        (-1e6..1e6, 0.0..1e3, base, any::<bool>()).prop_map(|(value, sd, base, training)| {
            let kind = if training { ComputeKind::Training } else { ComputeKind::Forward };
            let kind = (base == Base::Flop).then_some(kind);
            Quantity { value, sd, measure: Measure { dimension: Dimension::of(base), kind } }
        })
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
    }

    proptest! {
        #[test]
        fn sums_and_products_commute(a in quantity(), b in quantity()) {
            prop_assert_eq!(a.plus(b).ok(), b.plus(a).ok());
            prop_assert_eq!(a.multiply(b).ok(), b.multiply(a).ok());
        }

        #[test]
        fn only_like_quantities_add(a in quantity(), b in quantity()) {
            prop_assert_eq!(a.plus(b).is_ok(), a.measure == b.measure);
        }

        #[test]
        fn division_undoes_multiplication(a in quantity(), b in quantity()) {
            let exact = |q: Quantity| Quantity { sd: 0.0, ..q };
            let (a, b) = (exact(a), exact(b));
            if let (Ok(product), true) = (a.multiply(b), b.value != 0.0) {
                // FLOP^2 / FLOP keeps its kind, so a whole round trip gives the same measure.
                let back = product.divide(b).unwrap();
                prop_assert!(close(back.value, a.value));
                prop_assert_eq!(back.measure, a.measure);
            }
        }

        #[test]
        fn equal_kinds_cancel(a in quantity()) {
            if a.value != 0.0 {
                prop_assert_eq!(a.divide(a).unwrap().measure, Measure::NONE);
            }
        }
    }

    #[test]
    fn kinds_never_mix() {
        let one = |measure| Quantity::exact(1.0, measure);
        let kinds = |a: Option<ComputeKind>, b: Option<ComputeKind>| Err(QuantityError::Kinds(a, b));
        assert_eq!(one(FORWARD).plus(one(TRAINING)), kinds(FORWARD.kind, TRAINING.kind));
        assert_eq!(one(FORWARD).plus(one(UNSTATED)), kinds(FORWARD.kind, None));
        assert_eq!(one(FORWARD).divide(one(TRAINING)), kinds(FORWARD.kind, TRAINING.kind));
        assert_eq!(one(UNSTATED).multiply(one(TRAINING)), kinds(None, TRAINING.kind));
        assert_eq!(one(UNSTATED).plus(one(UNSTATED)).map(|q| q.measure), Ok(UNSTATED));
        assert_eq!(one(TRAINING).multiply(Quantity::number(2.0)).map(|q| q.measure), Ok(TRAINING));
    }

    #[test]
    fn errors_add_in_squares() {
        let q = |value, sd| Quantity { value, sd, measure: Measure::NONE };
        assert_eq!(q(1.0, 3.0).plus(q(2.0, 4.0)), Ok(q(3.0, 5.0)));
        assert_eq!(q(1.0, 3.0).minus(q(2.0, 4.0)), Ok(q(-1.0, 5.0)));
        assert_eq!(q(2.0, 1.5).multiply(q(2.0, 2.0)), Ok(q(4.0, 5.0)));
        assert_eq!(q(4.0, 3.0).divide(q(1.0, 1.0)), Ok(q(4.0, 5.0)));
    }

    #[test]
    fn results_stay_numbers() {
        let n = Quantity::number;
        assert_eq!(n(1.0).divide(n(0.0)), Err(QuantityError::DivisionByZero));
        assert_eq!(n(1e200).multiply(n(1e200)), Err(QuantityError::NotFinite));
    }
}
