//! big_vision: a Python file with `get_config`.
//!
//! What follows from the plan is written: the model, how long it is trained, and the recipe where there is one.
//! big_vision decays weights by `wd` times the schedule alone, so the recipe's weight decay is multiplied by its learning
//! rate.

use serde::Serialize;

use super::recipe::ONE_PASS;
use super::{Activation, Feature, Job, Pooling, Position, PositionRows};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;
use crate::plan::{Decay, Precision};
use crate::shape::Recipe;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let own = Own {
        pool_type: pool_type(job)?,
        posemb: match job.answer.vit.architecture.variant.position {
            Position::SinCos2d => "sincos2d",
            _ => "learn",
        },
        recipe: job.recipe().map(|recipe| follow(job, recipe)).transpose()?,
    };
    job.file(job.text("big_vision.py.j2", own)?)
}

#[derive(Serialize)]
struct Own<'a> {
    pool_type: &'static str,
    posemb: &'static str,
    recipe: Option<Follow<'a>>,
}

#[derive(Serialize)]
struct Follow<'a> {
    #[serde(flatten)]
    recipe: &'a Recipe,
    decay_type: &'static str,
}

fn follow<'a>(job: &Job<'_>, recipe: &'a Recipe) -> Result<Follow<'a>, Diagnostic> {
    if recipe.accumulation > 1 {
        let what = format!("the {} passes of a batch", recipe.accumulation);
        return Err(job.cannot_train(recipe, &what, "its trainers take a batch in one pass", ONE_PASS));
    }
    if recipe.precision == Precision::Fp16 {
        return Err(job.cannot_train(recipe, "the precision", "its trainers scale no loss", ""));
    }
    let decay_type = match recipe.decay {
        Decay::Cosine => "cosine",
        Decay::Rsqrt => "rsqrt",
        // Stairs without a step.
        Decay::Constant => "stair",
    };
    Ok(Follow { recipe, decay_type })
}

fn pool_type(job: &Job<'_>) -> Result<&'static str, Diagnostic> {
    let architecture = &job.answer.vit.architecture;
    job.only_fixed_epsilon()?;
    job.only_activation(Activation::GeluTanh, "its MLPs use GELU by the tanh approximation")?;
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
