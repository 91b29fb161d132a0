//! Numbers that are known to lie between two others.

use std::ops::{Add, Mul, Neg, Sub};

/// Every number from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Interval {
    pub(super) const fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// One number.
    pub(super) const fn point(value: f64) -> Self {
        Self::new(value, value)
    }

    /// From the smaller to the larger of two numbers.
    pub(super) const fn between(a: f64, b: f64) -> Self {
        Self::new(a.min(b), a.max(b))
    }

    /// What a function that only rises makes of it.
    pub(super) fn rising(self, f: impl Fn(f64) -> f64) -> Self {
        Self::new(f(self.low), f(self.high))
    }

    pub(super) fn scaled(self, factor: f64) -> Self {
        Self::between(self.low * factor, self.high * factor)
    }

    pub(super) const fn middle(self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    /// Half of its length.
    pub(super) const fn radius(self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// The largest size of a number in it, its sign left out.
    pub(super) const fn magnitude(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    /// What lies in both; the two have a number in common but for rounding.
    pub(super) const fn and(self, other: Self) -> Self {
        Self::new(self.low.max(other.low), self.high.min(other.high))
    }
}

impl Add for Interval {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(self.low + other.low, self.high + other.high)
    }
}

impl Sub for Interval {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Neg for Interval {
    type Output = Self;

    fn neg(self) -> Self {
        Self::new(-self.high, -self.low)
    }
}

impl Mul for Interval {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let [a, b] = [other.low, other.high].map(|factor| self.scaled(factor));
        Self::new(a.low.min(b.low), a.high.max(b.high))
    }
}
