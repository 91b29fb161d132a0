//! `sovitc lock PLAN.sov`

use std::path::PathBuf;

use clap::Args;

use super::{Common, Format, Located, Status, answer, build, report};

#[derive(Debug, Args)]
#[command(after_help = "Example: sovitc lock plans/encoder.sov")]
pub(super) struct Arguments {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let located = Located::new(&arguments.plan);
    let format = arguments.common.format;
    let mut compiled = crate::compile(&located.world(), &located.plan());
    let path = located.lock_path();
    match compiled.outcome.as_ref().map(|outcome| build::write_lock(&located, &outcome.lock)) {
        Some(Ok(changed)) => {
            let path = path.to_string_lossy();
            answer(&match format {
                Format::Human if changed => format!("wrote {path}\n"),
                Format::Human => format!("{path} is up to date\n"),
                Format::Json => serde_json::json!({ "lock": path, "changed": changed }).to_string() + "\n",
            });
        }
        Some(Err(diagnostic)) => compiled.diagnostics.push(diagnostic),
        None => {}
    }
    report(&compiled.diagnostics, &compiled.sources, format)
}
