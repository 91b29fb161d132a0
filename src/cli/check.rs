//! `sovitc check PLAN.sov`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Located, Status, Uses, answer, tell};
use crate::render::{self, visible};

#[derive(Debug, Args)]
#[command(after_help = "\
`sarif` and `github` are for continuous integration and come on standard output, for a plan without mistakes too.

Example: sovitc check plan.sov --format sarif > plan.sarif")]
pub(super) struct Arguments {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    #[command(flatten)]
    uses: Uses,
    /// How to write what was found.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
    /// Annotations of GitHub's workflows.
    Github,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let located = Located::new(&arguments.plan).using(arguments.uses);
    let checked = crate::check(&located.world(), &located.plan());
    let (found, sources) = (&checked.diagnostics, &checked.sources);
    let status = Status::of(found);
    let text = match arguments.format {
        Format::Sarif => render::sarif(found, sources),
        Format::Github => render::github(found, sources),
        Format::Human if found.is_empty() => format!("{} is fine\n", visible(&located.shown)),
        Format::Json if found.is_empty() => "{\"diagnostics\": []}\n".to_owned(),
        Format::Human => return tell(found, sources, super::Format::Human, ""),
        Format::Json => return tell(found, sources, super::Format::Json, ""),
    };
    let plain = if arguments.format == Format::Human { super::Format::Human } else { super::Format::Json };
    status.max(answer(&text, plain))
}
