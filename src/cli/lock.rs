//! `sovitc lock PLAN.sov`

use std::path::PathBuf;

use clap::Args;

use super::{Common, Format, Located, Status, Uses, answer, build, report};
use crate::diagnostic::sort;
use crate::render::visible;

#[derive(Debug, Args)]
#[command(after_help = "Example: sovitc lock plans/encoder.sov")]
pub(super) struct Arguments {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    #[command(flatten)]
    uses: Uses,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let located = Located::new(&arguments.plan).using(arguments.uses);
    let format = arguments.common.format;
    let mut compiled = crate::compile(&located.world(), &located.plan());
    let path = located.lock_path();
    let written = compiled.outcome.as_ref().map(|outcome| build::write_lock(&located, &outcome.lock));
    let text = match written {
        Some(Ok(changed)) => {
            let path = path.to_string_lossy();
            match format {
                Format::Human if changed => format!("wrote {}\n", visible(&path)),
                Format::Human => format!("{} is up to date\n", visible(&path)),
                Format::Json => serde_json::json!({ "lock": path, "changed": changed }).to_string() + "\n",
            }
        }
        Some(Err(diagnostic)) => {
            compiled.diagnostics.push(diagnostic);
            sort(&mut compiled.diagnostics);
            String::new()
        }
        None => String::new(),
    };
    let status = report(&compiled.diagnostics, &compiled.sources, format);
    if text.is_empty() { status } else { status.max(answer(&text, format)) }
}
