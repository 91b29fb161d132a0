//! Lightning: a YAML file for `LightningCLI`, whose model takes an `encoder`: timm's `VisionTransformer` with its
//! arguments.

use serde::Serialize;

use super::{BlockForm, Feature, Job, timm};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let block = job.answer.vit.architecture.variant.block;
    if block != BlockForm::Pre {
        let why = "its file gives timm's `VisionTransformer` numbers and words, and no class of blocks";
        return Err(job.use_timm(&Feature::Block(block).phrase(), why));
    }
    let arguments = timm::arguments(job)?;
    job.file(job.text("lightning.yaml.j2", Own { arguments })?)
}

#[derive(Serialize)]
struct Own {
    arguments: Vec<timm::Argument>,
}
