//! Quantities: a number, its dimension, and for compute the kind of counting.
//!
//! Ground: any stage may stand on it, and it knows no stage. The units themselves are data, in `grammar/units.toml`.

mod dimension;
mod format;
mod quantity;
mod spread;
mod table;

pub use dimension::{Base, Dimension};
pub use format::{describe, exact, fixed, human, human_interval};
pub use quantity::{ComputeKind, Measure, Quantity, QuantityError};
pub use spread::{Quantile, Spread};
pub use table::{Resolved, UnknownUnit, prefix_factor, resolve};

/// The greatest common divisor; of 0 and a number that number.
pub(crate) const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
