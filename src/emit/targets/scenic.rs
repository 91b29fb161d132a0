//! Scenic: a Python file with `get_config` and the model's part of it.

use serde::Serialize;

use super::{Activation, Job, Pooling};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    job.class_or_average()?;
    let architecture = &job.answer.vit.architecture;
    if architecture.classes == 0 {
        return Err(job.use_timm("an encoder without a classifier", "its classification models have one"));
    }
    job.only_fixed_epsilon()?;
    job.only_activation(Activation::GeluTanh, "its MLPs use GELU by the tanh approximation")?;
    job.only(|_| false, "its encoder is the plain one")?;
    let classifier = if architecture.pooling == Pooling::Class { "token" } else { "gap" };
    job.file(job.text("scenic.py.j2", Own { classifier })?)
}

#[derive(Serialize)]
struct Own {
    classifier: &'static str,
}
