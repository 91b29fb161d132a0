//! `sovitc kernels verify`

use clap::Args;
use serde::Serialize;

use super::super::{Format, Status, answer, build, report, tell};
use super::asked::{Asked, workshop};
use crate::diagnostic::Diagnostic;
use crate::plan::Plan;
use crate::shape::Answer;
use crate::source::Sources;
use crate::verify::{Verified, codes, verify};

#[derive(Debug, Args)]
#[command(after_help = "\
Errors are in units of what is allowed: 1 at most.

Example: sovitc kernels verify examples/so400m/plan.sov")]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    asked: Asked,
    /// Seed of the inputs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Whole<'a> {
    plan: &'a str,
    seed: u64,
    searches: Vec<Search<'a>>,
}

#[derive(Serialize)]
struct Search<'a> {
    search: &'a str,
    kernels: Vec<Verified>,
}

pub(super) fn run(arguments: &Verify) -> Status {
    let format = arguments.asked.common.format;
    let fail = |error: Diagnostic| tell(&[error], &Sources::default(), format, "");
    let compiled = build::compile(&arguments.asked.located(), arguments.asked.locked);
    let Some(outcome) = &compiled.outcome else { return report(&compiled.diagnostics, &compiled.sources, format) };
    let found = arguments.asked.answers(outcome).and_then(|answers| verified(&outcome.plan, &answers, arguments.seed));
    let searches = match found {
        Ok(searches) => searches,
        Err(error) => return fail(error),
    };
    let all = || searches.iter().flat_map(|search| &search.kernels);
    let wrong: Vec<Diagnostic> = all().filter_map(disagreement).collect();
    let text = match format {
        Format::Human => searches.iter().map(human).collect::<Vec<_>>().join("\n"),
        Format::Json => {
            let whole = Whole { plan: &outcome.plan.name, seed: arguments.seed, searches };
            // Plain data: no map with odd keys, hence no error.
            serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
        }
    };
    answer(&text, format).max(tell(&wrong, &Sources::default(), format, ""))
}

fn verified<'a>(plan: &Plan, answers: &[&'a Answer], seed: u64) -> Result<Vec<Search<'a>>, Diagnostic> {
    let (compiler, folder) = workshop()?;
    let one = |answer: &&'a Answer| {
        let kernels = verify(&answer.vit, plan.form_of(&answer.search), &compiler, folder.path(), seed)?;
        Ok(Search { search: &answer.search, kernels })
    };
    answers.iter().map(one).collect()
}

fn disagreement(found: &Verified) -> Option<Diagnostic> {
    let wrong = found.wrong.as_ref()?;
    let message = format!("`{}` does not compute what it should", found.entry);
    Some(Diagnostic::error(codes::DISAGREES, message).note(wrong.as_str()))
}

/// A line for each kernel.
fn human(search: &Search) -> String {
    let mut text =
        format!("{}\n  {:<21}{:>9}{:>8}{:>9}  result\n", search.search, "kernel", "launches", "error", "seconds");
    let lines = search.kernels.iter().map(|Verified { kernel, launches, error, seconds, wrong, .. }| {
        let result = if wrong.is_some() { "WRONG" } else { "agrees" };
        format!("  {kernel:<21}{launches:>9}{error:>8.2}{seconds:>9.1}  {result}\n")
    });
    text.extend(lines);
    text
}
