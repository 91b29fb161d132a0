//! KerasHub: a Python file with `get_model`, which calls `ViTBackbone`.

use serde::Serialize;

use super::{Activation, Job};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;
use crate::vit::Feature;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    job.class_or_average()?;
    if job.answer.vit.architecture.classes > 0 {
        return Err(job.use_timm("a classifier", "its backbones have none"));
    }
    job.only_activation(Activation::Gelu, "its MLPs use GELU by the error function")?;
    // `use_mha_bias` is that of all four projections, of which the last has one here.
    job.only(|feature| feature == Feature::NoPatchBias, "its backbone is the plain encoder")?;
    let patch_bias = job.answer.vit.architecture.variant.patch_bias;
    job.file(job.text("keras_hub.py.j2", Own { patch_bias })?)
}

#[derive(Serialize)]
struct Own {
    patch_bias: bool,
}
