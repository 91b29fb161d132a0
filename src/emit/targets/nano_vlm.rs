//! nanoVLM: a Python file with the vision fields of `VLMConfig`.

use super::{Activation, Job, Pooling};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let architecture = &job.answer.vit.architecture;
    let why = "its vision tower gives every patch to the language model, or the class token";
    if architecture.pooling == Pooling::Map {
        return Err(job.use_timm("MAP pooling", why));
    }
    job.class_or_average()?;
    if architecture.classes > 0 {
        return Err(job.use_timm("a classifier", why));
    }
    if architecture.channels != 3 {
        return Err(job.use_timm("other channels than 3", "its vision tower takes RGB images"));
    }
    job.only_activation(Activation::GeluTanh, "its MLPs use GELU by the tanh approximation")?;
    job.only(|_| false, "its vision tower is the plain encoder")?;
    job.file(job.text("nano_vlm.py.j2", ())?)
}
