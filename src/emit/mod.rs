//! Everything to artefacts. minijinja lives here and nowhere else.

pub mod codes;
pub(crate) mod engine;
pub mod fits;
mod kernels;
mod pareto;
pub(crate) mod path;
mod picture;
mod ratio;
mod rust;
mod starter;
mod summary;
pub mod targets;
mod terminal;
mod trajectory;

pub use kernels::kernel_source;
pub use pareto::{Front, front_csv, front_json, front_svg, front_table};
pub use rust::{RustModule, rust_module};
pub use starter::{Starter, StarterTable, StarterTarget, starter};
pub use terminal::{laws_report, report};
pub use trajectory::{Trajectory, trajectory_csv, trajectory_json, trajectory_svg, trajectory_table};

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::law::{NamedLaw, NamedStart};
use crate::lock::Warning;
use crate::plan::{Emit, Plan};
use crate::shape::{Answer, Spending};
use crate::source::SourceId;

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    /// Below the output folder, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What is emitted: a plan, and what was found for it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its laws, fitted or stated.
    pub laws: &'a [NamedLaw],
    /// Starts that were found in grids.
    pub starts: &'a [NamedStart],
    /// Answers of its searches; a search without a start has none.
    pub answers: &'a [Answer],
    /// What the user must know with them.
    pub warnings: &'a [Warning],
    /// The templates that the plan emits.
    pub templates: &'a [Template],
}

/// A template of the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its path as the plan writes it.
    pub path: String,
    /// It among the sources.
    pub source: SourceId,
    /// Its text.
    pub text: String,
}

/// The name of the summary, at the root of the output folder.
pub const SUMMARY: &str = "summary.json";

/// Every artefact of the plan, by path, the summary last.
///
/// # Errors
/// Every target that cannot say what its model is, and every path that cannot be used.
pub fn render(request: &Request<'_>) -> Result<Vec<Artefact>, Vec<Diagnostic>> {
    let mut artefacts: Vec<Artefact> = printed(request)?.into_iter().map(|printed| printed.artefact).collect();
    artefacts.sort_by(|a, b| a.path.cmp(&b.path));
    let text = summary::text(request, &artefacts).map_err(|diagnostic| vec![diagnostic])?;
    artefacts.push(Artefact { path: SUMMARY.to_owned(), text });
    Ok(artefacts)
}

/// An artefact and where it comes from.
pub(crate) struct Printed<'a> {
    pub(crate) answer: &'a Answer,
    pub(crate) emit: &'a Emit,
    pub(crate) artefact: Artefact,
    /// The kernel whose source it is.
    pub(crate) kernel: Option<targets::Kernel>,
}

/// Artefacts of every target, in the order of the answers, then of the plan's `emit`s.
pub(crate) fn printed<'a>(request: &Request<'a>) -> Result<Vec<Printed<'a>>, Vec<Diagnostic>> {
    let mut list: Vec<Printed<'a>> = Vec::new();
    let mut taken = BTreeSet::from([SUMMARY.to_owned()]);
    let mut wrong = Vec::new();
    for answer in request.answers {
        for emit in request.plan.emits.iter().filter(|emit| applies(request.plan, emit, answer)) {
            let pieces = targets::print(&targets::Job { request, emit, answer });
            for targets::Piece { artefact, kernel } in pieces.unwrap_or_else(|diagnostic| {
                // What is wrong with a template is wrong for every search, and said once.
                let place = |found: &Diagnostic| found.labels.first().map(|label| label.span);
                let is_known =
                    |known: &Diagnostic| known.message == diagnostic.message && place(known) == place(&diagnostic);
                if !(diagnostic.code == codes::USER_TEMPLATE && wrong.iter().any(is_known)) {
                    wrong.push(diagnostic);
                }
                Vec::new()
            }) {
                if let Some(other) = clash(&taken, &artefact.path) {
                    wrong.push(same_path(emit, &artefact.path, other));
                }
                taken.insert(artefact.path.clone());
                list.push(Printed { answer, emit, artefact, kernel });
            }
        }
    }
    if wrong.is_empty() { Ok(list) } else { Err(wrong) }
}

/// The whole examples that a budget pays for.
pub(crate) fn whole_examples(budget: &Spending) -> u64 {
    budget.examples as u64
}

fn applies(plan: &Plan, emit: &Emit, answer: &Answer) -> bool {
    emit.search.is_none_or(|index| plan.searches.get(index).is_some_and(|search| search.name.value == answer.search))
}

/// The path already taken that leaves no room for `path`: the same, a folder above it, or a file below it.
fn clash<'a>(taken: &'a BTreeSet<String>, path: &str) -> Option<&'a str> {
    let above = path.match_indices('/').filter_map(|(at, _)| taken.get(path.get(..at)?));
    let below = taken.range(format!("{path}/")..).next().filter(|other| path::holds(path, other));
    taken.get(path).into_iter().chain(above).chain(below).next().map(String::as_str)
}

fn same_path(emit: &Emit, path: &str, other: &str) -> Diagnostic {
    let message = if path == other {
        format!("two outputs would be written to `{path}`")
    } else {
        format!("`{path}` and `{other}` cannot both be written: one is a folder of the other")
    };
    Diagnostic::error(codes::SAME_PATH, message)
        .label(emit.path.span, "this path is taken")
        .help("give each `emit` its own path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_by_itself_and_by_what_holds_it() {
        let taken: BTreeSet<String> = ["a/b", "a-b", "a/bc/d", "x"].map(str::to_owned).into();
        for (path, other) in [("a/b", "a/b"), ("a/b/c", "a/b"), ("a/bc", "a/bc/d"), ("a", "a/b"), ("x/y/z", "x")] {
            assert_eq!(clash(&taken, path), Some(other), "{path}");
        }
        for path in ["a/c", "a/b-", "xy", "a/bc/e"] {
            assert_eq!(clash(&taken, path), None, "{path}");
        }
    }
}
