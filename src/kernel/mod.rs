//! Shape to kernels: which kernels, their tiles and launches.
//!
//! One file a kernel; [`plan`] lists them.

pub mod codes;
mod layernorm;
mod model;

pub use model::*;

use crate::diagnostic::Diagnostic;
use crate::vit::Vit;

/// The kernels of a model, each specialised to its shape, or the first size that no kernel is written for.
///
/// Pure arithmetic: needs no GPU and no compiler, and gives the same plan everywhere.
pub fn plan(vit: &Vit) -> Result<Kernels, Diagnostic> {
    Ok(Kernels { list: vec![layernorm::plan(vit.shape.width, vit.architecture.norm_epsilon)?] })
}
