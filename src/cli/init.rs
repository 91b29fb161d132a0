//! `sovitc init [PLAN.sov]`

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::{Format, Located, Status, answer, codes, tell};
use crate::PlanFile;
use crate::diagnostic::{Diagnostic, any_error};
use crate::disk;
use crate::emit::{Starter, StarterTable, StarterTarget, starter};
use crate::plan::Target;
use crate::render::visible;
use crate::source::{MemoryWorld, Sources, World as _};
use crate::units::exact;
use crate::vit::Pooling;

#[derive(Debug, Args)]
#[command(after_help = "\
In a terminal, what no option says is asked; elsewhere, or with `--yes`, the defaults hold.

Example: sovitc init plan.sov --gpus 64 --days 21 --mfu 0.42 --emit timm")]
pub(super) struct Arguments {
    /// Where the plan is written.
    #[arg(value_name = "PLAN.sov", default_value = "plan.sov")]
    plan: PathBuf,
    /// Side of the image, in pixels [default: 224].
    #[arg(long)]
    image: Option<u64>,
    /// Side of a patch, in pixels [default: 14].
    #[arg(long)]
    patch: Option<u64>,
    /// Attention heads [default: 16].
    #[arg(long)]
    heads: Option<u64>,
    /// How the tokens become one vector.
    #[arg(long, value_enum, default_value_t = Pool::Map)]
    pool: Pool,
    /// A table of runs that a law is fitted to, from the plan's folder.
    #[arg(long, value_name = "FILE")]
    table: Option<String>,
    /// The budget as compute, such as `8 ZFLOP as forward`.
    #[arg(long, value_name = "COMPUTE", conflicts_with_all = ["gpus", "days", "mfu"])]
    compute: Option<String>,
    /// How many devices [default: 64].
    #[arg(long)]
    gpus: Option<u64>,
    /// For how many days [default: 21].
    #[arg(long)]
    days: Option<f64>,
    /// Which device.
    #[arg(long, default_value = "h200")]
    device: String,
    /// The share of the peak that training makes use of, perhaps `0.42 +- 0.02` [default: 0.4].
    #[arg(long)]
    mfu: Option<String>,
    /// What an hour of a device costs, such as `2.5 $/gpu/h`.
    #[arg(long, value_name = "PRICE")]
    price: Option<String>,
    /// What to write for the shape; may be given several times.
    #[arg(long, value_parser = target(), value_name = "TARGET")]
    emit: Vec<Target>,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
    /// Replace the file if there is one.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pool {
    Map,
    Average,
    Class,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let shown = arguments.plan.to_string_lossy().replace('\\', "/");
    if arguments.plan.exists() && !arguments.force {
        let found = Diagnostic::error(codes::EXISTS, format!("`{shown}` exists already"))
            .help("name another file, or replace it with `--force`");
        return refuse(&[found], &Sources::default());
    }
    let asks = !arguments.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let text = match starter(&arguments.starter(&shown, asks)) {
        Ok(text) => text,
        Err(broken) => return refuse(&[broken], &Sources::default()),
    };
    // What a person gave is in the plan now: its mistakes are shown there, and nothing is written.
    let world = MemoryWorld::default().with("plan.sov", text);
    let file = PlanFile { name: "plan", file: "plan.sov", shown: &shown, outside: false };
    let checked = crate::check(&world, &file);
    if any_error(&checked.diagnostics) {
        return refuse(&checked.diagnostics, &checked.sources);
    }
    let formatted = crate::format(&world, &file);
    let Some(text) = formatted.text else { return refuse(&formatted.diagnostics, &formatted.sources) };
    match disk::write_file(&arguments.plan, text.as_bytes()) {
        Ok(_) => answer(&format!("wrote {0}; try `sovitc {0}`\n", visible(&shown)), Format::Human),
        Err(failed) => refuse(&[failed], &Sources::default()),
    }
}

fn refuse(found: &[Diagnostic], sources: &Sources) -> Status {
    tell(found, sources, Format::Human, "; nothing was written")
}

impl Arguments {
    fn starter(&self, shown: &str, asks: bool) -> Starter {
        let ask = |given: Option<String>, question: &str, default: &str| {
            given.unwrap_or_else(|| if asks { asked(question, default) } else { default.to_owned() })
        };
        let number = |given: Option<u64>, question: &str, default: u64| {
            let text = ask(given.map(|n| n.to_string()), question, &default.to_string());
            text.trim().parse().unwrap_or(default)
        };
        let image = number(self.image, "side of the image in pixels", 224);
        let patch = number(self.patch, "side of a patch in pixels", 14);
        let heads = number(self.heads, "attention heads", 16);
        let table = ask(self.table.clone(), "table of runs to learn from, none if empty", "");
        let by_time = self.compute.is_none();
        let gpus = if by_time { number(self.gpus, "how many devices", 64) } else { 64 };
        let days = match self.days {
            Some(days) => days,
            None if by_time => ask(None, "for how many days", "21").trim().parse().unwrap_or(21.0),
            None => 21.0,
        };
        let mfu = if by_time {
            ask(self.mfu.clone(), "share of their peak that training uses", "0.4")
        } else {
            "0.4".to_owned()
        };
        Starter {
            file: shown.to_owned(),
            image,
            patch,
            heads,
            pool: match self.pool {
                Pool::Map => Pooling::Map,
                Pool::Average => Pooling::Average,
                Pool::Class => Pooling::Class,
            },
            table: Some(table).filter(|table| !table.trim().is_empty()).map(|path| self.table(path.trim())),
            compute: self.compute.clone(),
            gpus,
            days: exact(days),
            device: self.device.clone(),
            mfu,
            price: self.price.clone(),
            targets: self.emit.iter().map(|target| StarterTarget::usual(*target)).collect(),
        }
    }

    /// The table with the columns that its first line names, if it can be read.
    fn table(&self, path: &str) -> StarterTable {
        let mut head = Vec::new();
        if let Ok(file) = Located::new(&self.plan).world().open(path) {
            let _ = file.take(1 << 16).read_to_end(&mut head);
        }
        let head = String::from_utf8_lossy(&head);
        let line = head.lines().next().unwrap_or_default();
        let columns: Vec<String> =
            line.split([',', '\t', ';']).map(|cell| cell.trim().trim_matches('"').to_owned()).collect();
        StarterTable::of_columns(path, &columns)
    }
}

/// Takes the name of a target; a template is somebody's own, and none is there yet.
fn target() -> impl TypedValueParser<Value = Target> {
    let known = Target::ALL.into_iter().filter(|(_, target)| *target != Target::Template);
    PossibleValuesParser::new(known.map(|(name, _)| name))
        .try_map(|name| Target::ALL.iter().find(|(known, _)| *known == name).map(|(_, target)| *target).ok_or(name))
}

/// What a person answers; the default where that is nothing.
fn asked(question: &str, default: &str) -> String {
    let mut stderr = std::io::stderr();
    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    let _ = write!(stderr, "{question}{shown}: ").and_then(|()| stderr.flush());
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(_) if !line.trim().is_empty() => line.trim().to_owned(),
        _ => default.to_owned(),
    }
}
