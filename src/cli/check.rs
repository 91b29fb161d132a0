//! `sovitc check PLAN.sov`

use std::path::PathBuf;

use clap::Args;

use super::{Common, Format, Located, Status, answer, tell};
use crate::render::visible;

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
    let status = tell(&checked.diagnostics, &checked.sources, format, "");
    let text = match format {
        _ if !checked.diagnostics.is_empty() => return status,
        Format::Human => format!("{} is fine\n", visible(&located.shown)),
        Format::Json => "{\"diagnostics\": []}\n".to_owned(),
    };
    status.max(answer(&text, format))
}
