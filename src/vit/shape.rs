//! The three numbers a scaling law chooses.

use serde::{Deserialize, Serialize};

/// A scaled dimension of the shape; "dimension k" in the SoViT paper.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Embedding width.
    Width,
    /// Number of encoder blocks.
    Depth,
    /// Hidden size of the MLP.
    Mlp,
}

impl Axis {
    /// All of them, in the order every table uses.
    pub const ALL: [Self; 3] = [Self::Width, Self::Depth, Self::Mlp];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Width => "width",
            Self::Depth => "depth",
            Self::Mlp => "mlp",
        }
    }
}

/// One value for each scaled dimension.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PerAxis<T> {
    /// For the width.
    pub width: T,
    /// For the depth.
    pub depth: T,
    /// For the MLP size.
    pub mlp: T,
}

impl<T> PerAxis<T> {
    /// Calls `f` for each axis, in order.
    pub fn from_fn(mut f: impl FnMut(Axis) -> T) -> Self {
        Self { width: f(Axis::Width), depth: f(Axis::Depth), mlp: f(Axis::Mlp) }
    }

    /// The value of an axis.
    pub const fn get(&self, axis: Axis) -> &T {
        match axis {
            Axis::Width => &self.width,
            Axis::Depth => &self.depth,
            Axis::Mlp => &self.mlp,
        }
    }

    /// The value of an axis, to change.
    pub const fn get_mut(&mut self, axis: Axis) -> &mut T {
        match axis {
            Axis::Width => &mut self.width,
            Axis::Depth => &mut self.depth,
            Axis::Mlp => &mut self.mlp,
        }
    }

    /// Each axis with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Axis, &T)> {
        Axis::ALL.into_iter().map(|axis| (axis, self.get(axis)))
    }

    /// The same for every axis.
    pub fn map<U>(&self, mut f: impl FnMut(&T) -> U) -> PerAxis<U> {
        PerAxis::from_fn(|axis| f(self.get(axis)))
    }
}

/// Width, depth and MLP size of one encoder.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Embedding width.
    pub width: u64,
    /// Number of encoder blocks.
    pub depth: u64,
    /// Hidden size of the MLP.
    pub mlp_dim: u64,
}

impl Shape {
    /// The value of an axis.
    pub const fn get(&self, axis: Axis) -> u64 {
        match axis {
            Axis::Width => self.width,
            Axis::Depth => self.depth,
            Axis::Mlp => self.mlp_dim,
        }
    }

    /// The same shape with another value on one axis.
    #[must_use]
    pub const fn with(mut self, axis: Axis, value: u64) -> Self {
        match axis {
            Axis::Width => self.width = value,
            Axis::Depth => self.depth = value,
            Axis::Mlp => self.mlp_dim = value,
        }
        self
    }

    /// The largest difference of one size, in its logarithm.
    pub fn distance(self, other: Self) -> f64 {
        let along = |axis| (self.get(axis) as f64 / other.get(axis) as f64).ln().abs();
        Axis::ALL.into_iter().map(along).fold(0.0, f64::max)
    }

    /// As real numbers, for laws.
    pub fn reals(&self) -> PerAxis<f64> {
        PerAxis::from_fn(|axis| self.get(axis) as f64)
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({}, {}, {})", self.width, self.depth, self.mlp_dim)
    }
}
