//! `sovitc fmt PLAN.sov...`
//!
//! Exit status as everywhere; 1 also where `--check` finds a plan in another style.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Common, Format, Located, Status, answer, tell};
use crate::diagnostic::Diagnostic;
use crate::disk;
use crate::render::visible;
use crate::source::{MemoryWorld, Source, Sources};
use crate::{Formatted, PlanFile, format};

#[derive(Debug, Args)]
#[command(after_help = "\
There is one style and nothing to configure: two spaces a level, signs below each other, comments where they were.
A plan with a syntax error is left as it is.

Example: sovitc fmt --check plans/*.sov")]
pub(super) struct Arguments {
    /// Plans to write in the one style; `-` reads standard input and writes standard output.
    #[arg(value_name = "PLAN.sov", required = true)]
    plans: Vec<PathBuf>,
    /// Write nothing; name the plans that are in another style.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    common: Common,
}

/// Where the plan is standard input.
const STDIN: &str = "-";

pub(super) fn run(arguments: &Arguments) -> Status {
    let mut status = Status::Done;
    let mut changed: Vec<String> = Vec::new();
    for path in &arguments.plans {
        let (more, is_changed) = if path.as_os_str() == STDIN { arguments.stdin() } else { arguments.file(path) };
        status = status.max(more);
        changed.extend(is_changed.then(|| visible(&path.to_string_lossy())));
    }
    if arguments.check && !changed.is_empty() {
        status = status.max(Status::PlanWrong);
    }
    if arguments.plans.iter().any(|path| path.as_os_str() == STDIN) {
        return status;
    }
    let text = match arguments.common.format {
        Format::Json => serde_json::json!({ "changed": changed }).to_string() + "\n",
        Format::Human => {
            let verb = if arguments.check { "would change" } else { "formatted" };
            changed.iter().flat_map(|path| [verb, " ", path.as_str(), "\n"]).collect()
        }
    };
    if text.is_empty() { status } else { status.max(answer(&text, arguments.common.format)) }
}

impl Arguments {
    /// How one file went, and whether its style was another one.
    fn file(&self, path: &Path) -> (Status, bool) {
        let located = Located::new(path);
        let formatted = format(&located.world(), &located.plan());
        let Some(text) = self.told(&formatted) else { return (Status::of(&formatted.diagnostics), false) };
        if !formatted.is_changed() || self.check {
            return (Status::Done, formatted.is_changed());
        }
        match disk::write_file(path, text.as_bytes()) {
            Ok(_) => (Status::Done, true),
            Err(failed) => (tell(&[failed], &Sources::default(), self.common.format, ""), false),
        }
    }

    fn stdin(&self) -> (Status, bool) {
        let mut bytes = Vec::new();
        // One byte beyond the limit is enough to say that there is too much.
        if let Err(error) = std::io::stdin().lock().take(Source::LIMIT as u64 + 1).read_to_end(&mut bytes) {
            let failed = Diagnostic::error(super::codes::UNREAD, format!("cannot read standard input: {error}"));
            let failed = failed.from_world().help("name a file, or send a plan");
            return (tell(&[failed], &Sources::default(), self.common.format, ""), false);
        }
        let world = MemoryWorld::default().with("stdin", bytes);
        let formatted = format(&world, &PlanFile { name: "stdin", file: "stdin", shown: "<stdin>", outside: false });
        let Some(text) = self.told(&formatted) else { return (Status::of(&formatted.diagnostics), false) };
        let status = if self.check { Status::Done } else { answer(text, Format::Human) };
        (status, formatted.is_changed())
    }

    /// The text, or none where the plan has mistakes, which are shown.
    fn told<'a>(&self, formatted: &'a Formatted) -> Option<&'a str> {
        let Formatted { sources, diagnostics, text, .. } = formatted;
        if text.is_none() {
            tell(diagnostics, sources, self.common.format, "; the plan is left as it is");
        }
        text.as_deref()
    }
}
