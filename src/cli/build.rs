//! `sovitc PLAN.sov`

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _};

use super::{Common, Format, Located, Status, Uses, answer, report};
use crate::diagnostic::{Diagnostic, sort};
use crate::emit::{self, Request};
use crate::law::{Law, NamedLaw};
use crate::lock::{Lock, Warning};
use crate::{Compiled, Outcome, disk};

#[derive(Debug, Args)]
#[command(after_help = "Example: sovitc build examples/so400m/plan.sov --locked --out out/")]
pub(super) struct Arguments {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: Option<PathBuf>,
    /// Where to write; `sovit-out/<plan>` where absent.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take laws and answers from the lock and refuse to fit.
    #[arg(long)]
    locked: bool,
    #[command(flatten)]
    uses: Uses,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let Some(path) = &arguments.plan else {
        super::Cli::command()
            .error(ErrorKind::MissingRequiredArgument, "no plan was given: name one, such as plan.sov")
            .exit()
    };
    let format = arguments.common.format;
    let located = Located::new(path).using(arguments.uses);
    let compiled = compile(&located, arguments.locked);
    let Some(outcome) = &compiled.outcome else {
        let answered = answer_laws(&compiled.laws, format);
        return report(&compiled.diagnostics, &compiled.sources, format).max(answered);
    };
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("sovit-out").join(&located.name));
    match write(&located, &out, outcome, !arguments.locked) {
        Ok(written) => {
            let status = report(&compiled.diagnostics, &compiled.sources, format);
            let text = match format {
                Format::Human => written.report,
                Format::Json => written.summary,
            };
            status.max(answer(&text, format))
        }
        Err(found) => {
            let mut diagnostics: Vec<Diagnostic> = compiled.diagnostics.iter().cloned().chain(found).collect();
            sort(&mut diagnostics);
            report(&diagnostics, &compiled.sources, format)
        }
    }
}

/// What the data taught, where a search could not be answered.
fn answer_laws(laws: &[NamedLaw], format: Format) -> Status {
    let fitted: Vec<_> = laws.iter().filter(|named| !matches!(named.law, Law::Stated(_))).cloned().collect();
    match format {
        Format::Human if !fitted.is_empty() => answer(&emit::laws_report(&fitted).unwrap_or_default(), format),
        _ => Status::Done,
    }
}

/// Compiles the plan, from its lock if `locked`; the lock's warnings are told as those of the fit are.
pub(super) fn compile(located: &Located, locked: bool) -> Compiled {
    let world = located.world();
    if !locked {
        return crate::compile(&world, &located.plan());
    }
    let mut compiled = crate::locked(&world, &located.plan(), disk::read_lock(&located.path));
    let warnings = compiled.outcome.iter().flat_map(|outcome| &outcome.lock.warnings);
    compiled.diagnostics.extend(warnings.map(Warning::diagnostic));
    compiled
}

struct Written {
    report: String,
    summary: String,
}

/// Renders everything before anything is written.
fn write(located: &Located, out: &Path, outcome: &Outcome, lock: bool) -> Result<Written, Vec<Diagnostic>> {
    let one = |diagnostic: Diagnostic| vec![diagnostic];
    let request = Request {
        plan: &outcome.plan,
        laws: &outcome.laws,
        starts: &outcome.lock.starts,
        answers: &outcome.answers,
        warnings: &outcome.lock.warnings,
        templates: &outcome.templates,
    };
    let artefacts = emit::render(&request)?;
    let report = emit::report(&request, &artefacts, &out.to_string_lossy())?;
    let path = located.lock_path();
    let text = if lock { Some(outcome.lock.to_text().map_err(one)?) } else { None };
    disk::write_build(out, &artefacts, text.as_deref().map(|text| (path.as_path(), text))).map_err(one)?;
    let summary = artefacts.into_iter().find(|artefact| artefact.path == emit::SUMMARY);
    Ok(Written { report, summary: summary.map_or_else(String::new, |artefact| artefact.text) })
}

/// Writes the lock beside the plan if its text changed.
pub(super) fn write_lock(located: &Located, lock: &Lock) -> Result<bool, Diagnostic> {
    disk::write_file(&located.lock_path(), lock.to_text()?.as_bytes())
}
