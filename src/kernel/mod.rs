//! Shape to kernels: which kernels, their tiles and launches.

mod model;

pub use model::*;
