//! A template of the user's own: `emit template "mine.j2" to "mine.yaml"`.
//!
//! It sees what `summary.json` says of its search, the plan's name, and what trainers ask for besides: whole examples, and
//! an MLP ratio that survives `int(width * ratio)`. Its mistakes are shown in its own text.

use serde::Serialize;

use super::Job;
use crate::diagnostic::Diagnostic;
use crate::emit::{Artefact, codes, engine, ratio, summary, whole_examples};
use crate::source::Span;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let wanted = job.emit.template.as_ref();
    let template = wanted.and_then(|path| job.request.templates.iter().find(|known| known.path == path.value));
    let Some(template) = template else {
        let message = "the template was not read";
        return Err(job.here(Diagnostic::error(codes::TEMPLATE, message)).note("this is a fault of sovitc"));
    };
    let answer = job.answer;
    let shape = answer.vit.shape;
    let seen = Seen {
        plan: &job.request.plan.name,
        examples: whole_examples(&answer.budget),
        mlp_ratio: ratio::mlp_ratio(shape.width, shape.mlp_dim),
        search: summary::Search::new(answer, job.request.laws),
    };
    let text = engine::render_text(&template.text, seen).map_err(|problem| {
        let range = problem.range.unwrap_or(0..template.text.len().min(1));
        let span = Span::new(template.source, range.start as u32, range.end as u32);
        let message = format!("template `{}` does not render: {}", template.path, problem.message);
        let error = Diagnostic::error(codes::USER_TEMPLATE, message)
            .label(span, problem.label)
            .label(job.emit.target.span, format!("for search `{}`", answer.search));
        problem.help.into_iter().fold(error, Diagnostic::help)
    })?;
    job.file(text)
}

/// What a template sees.
#[derive(Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
struct Seen<'a> {
    /// The plan's name.
    plan: &'a str,
    /// Whole examples that the budget pays for.
    examples: u64,
    /// The MLP size over the width, such that `int(width * ratio)` is the MLP size.
    mlp_ratio: f64,
    #[serde(flatten)]
    search: summary::Search<'a>,
}

/// What a template sees, as JSON Schema.
#[cfg(feature = "cli")]
pub(super) fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Seen<'_>>().into()
}
