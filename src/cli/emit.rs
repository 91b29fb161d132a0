//! `sovitc emit --list` and `sovitc emit --schema`

use clap::Args;

use super::{Common, Format, Status, answer};
use crate::emit::targets;

#[derive(Debug, Args)]
#[command(after_help = "Example: sovitc emit --list", arg_required_else_help = true)]
pub(super) struct Arguments {
    /// List the targets of `emit`.
    #[arg(long, required_unless_present = "schema", conflicts_with = "schema")]
    list: bool,
    /// Print what templates of your own see, as JSON Schema.
    #[arg(long)]
    schema: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    if arguments.schema {
        let text = serde_json::to_string_pretty(&targets::schema()).unwrap_or_default() + "\n";
        return answer(&text, Format::Json);
    }
    let list = targets::list();
    let text = match arguments.common.format {
        Format::Json => serde_json::to_string_pretty(&list).unwrap_or_default() + "\n",
        Format::Human => {
            let line = |t: &targets::Listed| {
                let doubt = match t.tested_with {
                    Some(library) => format!(" (tested with {library})"),
                    None => (if t.verified { "" } else { " (unverified)" }).to_owned(),
                };
                let recipe = t.recipe.map_or(String::new(), |file| format!("; a recipe in {file}"));
                format!("{:<14} {}{recipe}{doubt}", t.name, t.writes)
            };
            let lines: Vec<String> = list.iter().map(line).collect();
            lines.join("\n") + "\n"
        }
    };
    answer(&text, arguments.common.format)
}
