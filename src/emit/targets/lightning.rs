//! Lightning: a YAML file for `LightningCLI`, whose model takes an `encoder`: timm's `VisionTransformer` with its
//! arguments.

use serde::Serialize;

use super::{Job, timm};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let arguments = timm::arguments(job)?;
    job.file(job.text("lightning.yaml.j2", Own { arguments })?)
}

#[derive(Serialize)]
struct Own {
    arguments: Vec<timm::Argument>,
}
