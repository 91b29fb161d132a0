//! `sovitc kernels verify`

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use clap::Args;
use serde::Serialize;

use super::super::asked::chosen;
use super::super::{Common, Format, Located, Status, Uses, answer, build, report, tell};
use crate::diagnostic::Diagnostic;
use crate::shape::Answer;
use crate::source::Sources;
use crate::verify::{Compiler, Verified, codes, verify};

#[derive(Debug, Args)]
#[command(after_help = "\
Errors are in units of what is allowed: 1 at most.

Example: sovitc kernels verify examples/so400m/plan.sov")]
pub(in crate::cli) struct Verify {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    /// The search; all of the plan where absent.
    #[arg(value_name = "SEARCH")]
    search: Option<String>,
    /// Seed of the inputs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    uses: Uses,
    /// Take the shapes from the lock and refuse to fit.
    #[arg(long)]
    locked: bool,
    #[command(flatten)]
    common: Common,
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
    let format = arguments.common.format;
    let fail = |error: Diagnostic| tell(&[error], &Sources::default(), format, "");
    let located = Located::new(&arguments.plan).using(arguments.uses);
    let compiled = build::compile(&located, arguments.locked);
    let Some(outcome) = &compiled.outcome else { return report(&compiled.diagnostics, &compiled.sources, format) };
    if let Some(name) = arguments.search.as_deref()
        && let Err(error) = chosen(outcome, Some(name))
    {
        return fail(error);
    }
    let asked = |answer: &&Answer| arguments.search.as_ref().is_none_or(|name| *name == answer.search);
    let answers: Vec<&Answer> = outcome.answers.iter().filter(asked).collect();
    let searches = match verified(&answers, arguments.seed) {
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

fn verified<'a>(answers: &[&'a Answer], seed: u64) -> Result<Vec<Search<'a>>, Diagnostic> {
    let compiler = Compiler::find(|name| env::var_os(name)).ok_or_else(|| {
        let message = "running kernels on the CPU needs a C++ compiler, and none was found";
        let error = Diagnostic::error(codes::NO_COMPILER, message).from_world();
        error.help("install g++ or clang++").help("or set `CXX` to a compiler of C++17")
    })?;
    let folder = Folder::new().map_err(|error| {
        let message = format!("cannot make a folder in `{}`: {error}", env::temp_dir().display());
        Diagnostic::error(codes::NOT_RUN, message).from_world().help("set `TMPDIR` to a folder that can be written")
    })?;
    let one = |answer: &&'a Answer| {
        let kernels = verify(&answer.vit, &compiler, folder.path(), seed)?;
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
        format!("{}\n  {:<19}{:>9}{:>8}{:>9}  result\n", search.search, "kernel", "launches", "error", "seconds");
    let lines = search.kernels.iter().map(|Verified { kernel, launches, error, seconds, wrong, .. }| {
        let result = if wrong.is_some() { "WRONG" } else { "agrees" };
        format!("  {kernel:<19}{launches:>9}{error:>8.2}{seconds:>9.1}  {result}\n")
    });
    text.extend(lines);
    text
}

/// A folder of the process's own below the system's for temporary files; it goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        const TRIES: u32 = 100;
        for attempt in 0..TRIES {
            let path = env::temp_dir().join(format!("sovitc-{}-{attempt}", process::id()));
            match Self::private().create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Programs of it are run, hence no one else may write there.
    fn private() -> fs::DirBuilder {
        #[allow(unused_mut, reason = "only some systems have modes")]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _ = fs::remove_dir_all(&self.0);
    }
}
