//! torchvision: a Python file with `get_model`, for its encoders are called, not configured.

use super::{Activation, Job};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;
use crate::vit::Pooling;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let architecture = &job.answer.vit.architecture;
    let why = "its encoders read their class token with a classifier";
    match architecture.pooling {
        Pooling::Class => {}
        Pooling::Average => return Err(job.use_timm("average pooling", why)),
        Pooling::Map => return Err(job.use_timm("MAP pooling", why)),
    }
    if architecture.classes == 0 {
        return Err(job.use_timm("an encoder without a classifier", why));
    }
    if architecture.channels != 3 {
        return Err(job.use_timm("other channels than 3", "its encoders take RGB images"));
    }
    job.only_fixed_epsilon()?;
    job.only_activation(Activation::Gelu, "its MLPs use GELU by the error function")?;
    job.only(|_| false, "its encoder is the plain one")?;
    job.file(job.text("torchvision.py.j2", ())?)
}
