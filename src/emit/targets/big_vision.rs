//! big_vision: a Python file with `get_config`.
//!
//! Only what follows from the plan is written: the model and how many examples it is trained with. `total_examples` is
//! one of the three ways in which big_vision takes the length of a run.

use serde::Serialize;

use super::{Activation, FIXED_EPSILON, Job, Pooling};
use crate::diagnostic::Diagnostic;
use crate::emit::{Artefact, engine, whole_examples};
use crate::shape::Spending;
use crate::vit::{Cost, Vit};

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let answer = job.answer;
    let pool_type = pool_type(job, &answer.vit)?;
    let context = Context {
        plan: &job.plan.name,
        search: &answer.search,
        vit: answer.vit,
        cost: answer.cost,
        budget: &answer.budget,
        pool_type,
        examples: whole_examples(&answer.budget),
    };
    job.file(engine::render("big_vision.py.j2", context)?)
}

#[derive(Serialize)]
struct Context<'a> {
    plan: &'a str,
    search: &'a str,
    vit: Vit,
    cost: Cost,
    budget: &'a Spending,
    pool_type: &'static str,
    examples: u64,
}

fn pool_type(job: &Job<'_>, vit: &Vit) -> Result<&'static str, Diagnostic> {
    let architecture = &vit.architecture;
    if architecture.norm_epsilon != FIXED_EPSILON {
        return Err(job
            .inexpressible("this layer norm epsilon", "its layer norms use 1e-6")
            .help("use the epsilon 1e-6 in the model, or emit for transformers"));
    }
    if architecture.activation != Activation::GeluTanh {
        return Err(job.use_timm("the activation `gelu`", "its MLPs use GELU by the tanh approximation"));
    }
    match architecture.pooling {
        Pooling::Map if !architecture.class_token => Ok("map"),
        Pooling::Average if !architecture.class_token => Ok("gap"),
        _ => Err(job.use_timm("this class token", "its class tokens have no row in the position embedding")),
    }
}
