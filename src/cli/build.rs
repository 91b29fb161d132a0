//! `sovitc PLAN.sov`

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Common, Format, Located, Status, answer, report};
use crate::diagnostic::Diagnostic;
use crate::emit::{self, Request};
use crate::lock::Lock;
use crate::{Compiled, Outcome, disk};

#[derive(Debug, Args)]
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
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let Some(path) = &arguments.plan else {
        answer("no plan was given; see `sovitc --help`\n");
        return Status::PlanWrong;
    };
    let format = arguments.common.format;
    let located = Located::new(path);
    let compiled = compile(&located, arguments.locked);
    let Some(outcome) = &compiled.outcome else {
        if format == Format::Human {
            answer(&emit::laws_report(&compiled.laws).unwrap_or_default());
        }
        return report(&compiled.diagnostics, &compiled.sources, format);
    };
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("sovit-out").join(&located.name));
    match write(&located, &out, outcome, !arguments.locked) {
        Ok(written) => {
            let status = report(&compiled.diagnostics, &compiled.sources, format);
            answer(&match format {
                Format::Human => written.report,
                Format::Json => written.summary,
            });
            status
        }
        Err(found) => {
            let diagnostics: Vec<Diagnostic> = compiled.diagnostics.iter().cloned().chain(found).collect();
            report(&diagnostics, &compiled.sources, format)
        }
    }
}

/// Compiles the plan, from its lock if `locked`.
pub(super) fn compile(located: &Located, locked: bool) -> Compiled {
    let world = located.world();
    if locked {
        crate::locked(&world, &located.plan(), disk::read_lock(&located.path))
    } else {
        crate::compile(&world, &located.plan())
    }
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
        answers: &outcome.answers,
        warnings: &outcome.lock.warnings,
    };
    let artefacts = emit::render(&request)?;
    let report = emit::report(&request, &artefacts, &out.to_string_lossy())?;
    let (path, text) = (located.lock_path(), outcome.lock.to_text().map_err(one)?);
    disk::write_build(out, &artefacts, lock.then_some((path.as_path(), text.as_str()))).map_err(one)?;
    let summary = artefacts.into_iter().find(|artefact| artefact.path == emit::SUMMARY);
    Ok(Written { report, summary: summary.map_or_else(String::new, |artefact| artefact.text) })
}

/// Writes the lock beside the plan if its text changed.
pub(super) fn write_lock(located: &Located, lock: &Lock) -> Result<bool, Diagnostic> {
    disk::write_file(&located.lock_path(), lock.to_text()?.as_bytes())
}
