//! big_vision: a Python file with `get_config`.
//!
//! Only what follows from the plan is written: the model and how many examples it is trained with. `total_examples` is
//! one of the three ways in which big_vision takes the length of a run.

use serde::Serialize;

use super::{Activation, FIXED_EPSILON, Feature, Job, Pooling, Position, PositionRows};
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
        posemb: match answer.vit.architecture.variant.position {
            Position::SinCos2d => "sincos2d",
            _ => "learn",
        },
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
    posemb: &'static str,
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
        let (what, why) = (
            format!("the activation `{}`", architecture.activation.name()),
            "its MLPs use GELU by the tanh approximation",
        );
        return Err(if architecture.activation == Activation::SwiGlu {
            job.inexpressible(&what, why)
        } else {
            job.use_timm(&what, why)
        });
    }
    let can = |feature| {
        matches!(feature, Feature::Position(Position::SinCos2d) | Feature::PositionRows(PositionRows::Patches))
    };
    job.only(can, "its encoder is the plain one")?;
    match architecture.pooling {
        Pooling::Map if !architecture.class_token => Ok("map"),
        Pooling::Average if !architecture.class_token => Ok("gap"),
        Pooling::Class if architecture.variant.position_rows == PositionRows::Patches => Ok("tok"),
        _ => Err(job.use_timm("this class token", "its class tokens have no row in the position embedding")),
    }
}
