//! Hugging Face transformers: a folder with the `config.json` of a `siglip_vision_model`.
//!
//! SigLIP's encoder is the model of `vit` with MAP pooling: pre-LN, biases everywhere, learned position embedding, no
//! class token. Checked field by field against the library by `tests/trainers.rs`.

use serde::Serialize;

use super::{Activation, Job, Pooling};
use crate::diagnostic::Diagnostic;
use crate::emit::{Artefact, engine};
use crate::vit::Vit;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let vit = job.answer.vit;
    refuse(job, &vit)?;
    let hidden_act = match vit.architecture.activation {
        Activation::Gelu => "gelu",
        Activation::GeluTanh => "gelu_pytorch_tanh",
        Activation::QuickGelu => "quick_gelu",
        Activation::SwiGlu => return Err(job.inexpressible("the activation `swiglu`", "its MLPs have no gate")),
    };
    let text = engine::render("transformers.json.j2", Context { vit, hidden_act })?;
    job.in_folder("config.json", text)
}

#[derive(Serialize)]
struct Context {
    vit: Vit,
    hidden_act: &'static str,
}

fn refuse(job: &Job<'_>, vit: &Vit) -> Result<(), Diagnostic> {
    let why = "a SigLIP vision model has a MAP head and neither class token nor classifier";
    let architecture = &vit.architecture;
    job.only(|_| false, "a SigLIP vision model is the plain encoder")?;
    if architecture.class_token {
        return Err(job.use_timm("a class token", why));
    }
    match architecture.pooling {
        Pooling::Map => {}
        // `vision_use_head: false` leaves the tokens as they are; nobody would pool them.
        Pooling::Average => return Err(job.use_timm("average pooling", why)),
        Pooling::Class => return Err(job.use_timm("class pooling", why)),
    }
    if architecture.classes > 0 {
        return Err(job.use_timm("a classifier", why));
    }
    Ok(())
}
