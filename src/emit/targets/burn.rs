//! Burn: a Rust file with the blocks as a `TransformerEncoderConfig`, and the sizes of what stands around them.
//!
//! Burn has the blocks of an encoder and no encoder of images: patch embedding, positions, final norm and pooling are the
//! user's modules.

use super::{Activation, Feature, Job, Position, PositionRows};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    job.only_activation(Activation::Gelu, "its blocks use GELU without approximation")?;
    // What stands around the blocks is the user's.
    let around = |feature| {
        matches!(
            feature,
            Feature::Registers
                | Feature::Position(Position::SinCos2d)
                | Feature::PositionRows(PositionRows::Patches | PositionRows::All)
                | Feature::PreNorm
                | Feature::NoPatchBias
                | Feature::MaskToken
                | Feature::Masked
        )
    };
    job.only(around, "its blocks are the plain ones")?;
    job.file(job.text("burn.rs.j2", ())?)
}
