//! `sovitc check PLAN.sov`

use std::path::PathBuf;

use clap::Args;

use super::{Common, Format, Located, Status, answer, report};

#[derive(Debug, Args)]
#[command(after_help = "Example: sovitc check plan.sov --format json")]
pub(super) struct Arguments {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let located = Located::new(&arguments.plan);
    let checked = crate::check(&located.world(), &located.plan());
    let format = arguments.common.format;
    if format == Format::Human && checked.diagnostics.is_empty() {
        answer(&format!("{} is fine\n", located.shown));
    }
    if format == Format::Json && checked.diagnostics.is_empty() {
        answer("{\"diagnostics\": []}\n");
    }
    report(&checked.diagnostics, &checked.sources, format)
}
