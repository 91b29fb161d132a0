//! What commands about one search of a compiled plan share.

use std::path::PathBuf;

use clap::Args;

use super::{Common, Format, Status, Uses, answer, codes, tell};
use crate::diagnostic::{Diagnostic, list_of, nearest};
use crate::law::NamedStart;
use crate::plan::{Start, StartKind};
use crate::source::Sources;
use crate::{Outcome, disk};

/// The search of that name, or the only one.
pub(super) fn chosen(outcome: &Outcome, name: Option<&str>) -> Result<usize, Diagnostic> {
    let names = || outcome.plan.searches.iter().map(|search| search.name.value.as_str());
    let Some(name) = name else {
        return match outcome.plan.searches.len() {
            1 => Ok(0),
            0 => {
                Err(Diagnostic::error(codes::NO_SEARCH, "the plan has no search")
                    .help("write one: `search NAME { ... }`"))
            }
            _ => {
                let error = Diagnostic::error(codes::NO_SEARCH, "the plan has several searches, and none was named");
                Err(error.help(format!("name one: {}", list_of(names()))))
            }
        };
    };
    outcome.plan.searches.iter().position(|search| search.name.value == name).ok_or_else(|| {
        let error = Diagnostic::error(codes::NO_SEARCH, format!("the plan has no search `{name}`"));
        match nearest(name, names()) {
            Some(near) => error.help(format!("there is `{near}`")),
            None => error.help(format!("the plan has {}", list_of(names()))),
        }
    })
}

/// The plan's starts in its order: those that it states, and those that were found in grids.
pub(super) fn starts(outcome: &Outcome) -> Vec<Option<NamedStart>> {
    let one = |start: &Start| match &start.kind {
        StartKind::Stated(optimum) => {
            Some(NamedStart { name: start.name.value.clone(), optimum: *optimum, grid: None })
        }
        StartKind::BestOf { .. } => outcome.lock.starts.iter().find(|found| found.name == start.name.value).cloned(),
    };
    outcome.plan.starts.iter().map(one).collect()
}

/// What a command about one search is asked.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    pub(super) plan: PathBuf,
    /// The search; may be left out where the plan has one.
    #[arg(value_name = "SEARCH")]
    pub(super) search: Option<String>,
    /// Write a file instead of answering; its ending says what: `.svg`, `.csv` or `.json`. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Vec<PathBuf>,
    /// Take laws from the lock and refuse to fit.
    #[arg(long)]
    pub(super) locked: bool,
    #[command(flatten)]
    pub(super) uses: Uses,
    #[command(flatten)]
    pub(super) common: Common,
}

/// An answer in every form that it may be asked for.
pub(super) struct Forms<'a> {
    pub(super) table: &'a dyn Fn() -> String,
    pub(super) json: &'a dyn Fn() -> String,
    pub(super) csv: &'a dyn Fn() -> Result<String, Diagnostic>,
    pub(super) svg: &'a dyn Fn() -> Result<String, Diagnostic>,
}

impl Asked {
    /// Answers, or writes each file by its ending and says so.
    pub(super) fn give(&self, forms: &Forms<'_>) -> Status {
        let format = self.common.format;
        if self.out.is_empty() {
            let text = match format {
                Format::Human => (forms.table)(),
                Format::Json => (forms.json)(),
            };
            return answer(&text, format);
        }
        let mut said = String::new();
        for path in &self.out {
            let text = match path.extension().and_then(|extension| extension.to_str()) {
                Some("svg") => (forms.svg)(),
                Some("csv") => (forms.csv)(),
                Some("json") => Ok((forms.json)()),
                _ => {
                    let message = format!("`{}` is no `.svg`, `.csv` or `.json`", path.display());
                    Err(Diagnostic::error(codes::UNKNOWN_ENDING, message).help("name a file with one of these endings"))
                }
            };
            match text.and_then(|text| disk::write_file(path, text.as_bytes())) {
                Ok(true) => said.extend([path.to_string_lossy().as_ref(), " written\n"]),
                Ok(false) => said.extend([path.to_string_lossy().as_ref(), " is up to date\n"]),
                Err(error) => return tell(&[error], &Sources::default(), format, ""),
            }
        }
        if format == Format::Human { answer(&said, format) } else { Status::Done }
    }
}
