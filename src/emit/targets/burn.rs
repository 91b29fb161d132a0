//! Burn: a Rust file with the blocks as a `TransformerEncoderConfig`, and the sizes of what stands around them.
//!
//! Burn has the blocks of an encoder and no encoder of images: patch embedding, positions, final norm and pooling are the
//! user's modules.

use serde::Serialize;

use super::{Activation, BlockForm, Feature, Job, Position, PositionRows};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    job.only_activation(Activation::Gelu, "its blocks use GELU without approximation")?;
    // What stands around the blocks is the user's, and where their norms stand is a switch.
    let can = |feature| {
        matches!(
            feature,
            Feature::Block(BlockForm::Post)
                | Feature::Registers
                | Feature::Position(Position::SinCos2d)
                | Feature::PositionRows(PositionRows::Patches | PositionRows::All)
                | Feature::PreNorm
                | Feature::NoPatchBias
                | Feature::MaskToken
                | Feature::Masked
        )
    };
    job.only(can, "its blocks are the plain ones")?;
    let norm_first = job.answer.vit.architecture.variant.block == BlockForm::Pre;
    job.file(job.text("burn.rs.j2", Own { norm_first })?)
}

#[derive(Serialize)]
struct Own {
    norm_first: bool,
}
