//! candle-transformers: a folder with the `config.json` of its `siglip::VisionConfig`.

use super::{Activation, Job, Pooling};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let architecture = &job.answer.vit.architecture;
    let why = "its SigLIP encoder has a MAP head and neither class token nor classifier";
    if architecture.class_token {
        return Err(job.use_timm("a class token", why));
    }
    if architecture.pooling != Pooling::Map {
        return Err(job.use_timm("other pooling than MAP", why));
    }
    if architecture.classes > 0 {
        return Err(job.use_timm("a classifier", why));
    }
    job.only(|_| false, "its SigLIP encoder is the plain one")?;
    job.only_activation(Activation::GeluTanh, "its configs are read with GELU by the tanh approximation")?;
    job.in_folder("config.json", job.text("candle.json.j2", ())?)
}
