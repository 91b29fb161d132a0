//! big_vision: a Python file with `get_config`.
//!
//! Only what follows from the plan is written: the model and how many examples it is trained with. `total_examples` is
//! one of the three ways in which big_vision takes the length of a run.

use serde::Serialize;

use super::{Activation, Feature, Job, Pooling, Position, PositionRows};
use crate::diagnostic::Diagnostic;
use crate::emit::Artefact;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let own = Own {
        pool_type: pool_type(job)?,
        posemb: match job.answer.vit.architecture.variant.position {
            Position::SinCos2d => "sincos2d",
            _ => "learn",
        },
    };
    job.file(job.text("big_vision.py.j2", own)?)
}

#[derive(Serialize)]
struct Own {
    pool_type: &'static str,
    posemb: &'static str,
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
