//! A door: the command line. One file a command.
//!
//! Answers go to stdout, diagnostics to stderr.
//! Exit status: 0 done, 1 the plan or its data is wrong, 2 wrong usage, 3 the outside world failed.

mod build;
mod check;
mod cost;
mod emit;
mod kernels;
mod lock;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::PlanFile;
use crate::diagnostic::{Diagnostic, Fault, Severity, any_error};
use crate::disk::{self, DiskWorld};
use crate::render;
use crate::source::Sources;

/// Compile a vision-transformer plan: laws, compute-optimal shapes, trainer configs, CUDA kernels.
#[derive(Debug, Parser)]
#[command(name = "sovitc", version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
#[command(after_help = "Example: sovitc examples/so400m/plan.sov --out out/")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    build: build::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fit, search and write everything the plan emits (what `sovitc PLAN` does).
    Build(build::Arguments),
    /// Fit and search, and write the lock only.
    Lock(lock::Arguments),
    /// Look for mistakes without reading data or fitting.
    Check(check::Arguments),
    /// Count parameters and FLOPs of one shape.
    Cost(cost::Arguments),
    /// Show what plans can emit.
    Emit(emit::Arguments),
    /// Work with the CUDA kernels of a plan.
    #[command(subcommand)]
    Kernels(kernels::Command),
}

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// Options of every command.
#[derive(Clone, Copy, Debug, Args)]
struct Common {
    /// How to write answers and diagnostics.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let status = match cli.command.unwrap_or(Command::Build(cli.build)) {
        Command::Build(arguments) => build::run(&arguments),
        Command::Lock(arguments) => lock::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments),
        Command::Emit(arguments) => emit::run(&arguments),
        Command::Kernels(command) => kernels::run(&command),
    };
    ExitCode::from(status as u8)
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Done = 0,
    PlanWrong = 1,
    WorldFailed = 3,
}

impl Status {
    fn of(diagnostics: &[Diagnostic]) -> Self {
        let errors: Vec<_> = diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
        match errors.as_slice() {
            [] => Self::Done,
            errors if errors.iter().any(|d| d.fault == Fault::World) => Self::WorldFailed,
            _ => Self::PlanWrong,
        }
    }
}

/// A plan's path taken apart.
struct Located {
    path: PathBuf,
    name: String,
    file: String,
    shown: String,
}

impl Located {
    fn new(path: &Path) -> Self {
        let text = |part: Option<&std::ffi::OsStr>| part.map_or_else(String::new, |p| p.to_string_lossy().into_owned());
        let shown = path.to_string_lossy().replace('\\', "/");
        Self { path: path.to_owned(), name: disk::plan_name(path), file: text(path.file_name()), shown }
    }

    fn world(&self) -> DiskWorld {
        DiskWorld::of_plan(&self.path)
    }

    fn plan(&self) -> PlanFile<'_> {
        PlanFile { name: &self.name, file: &self.file, shown: &self.shown }
    }

    /// The lock beside the plan.
    fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }
}

/// Shows diagnostics on stderr and says how the process should end.
fn report(diagnostics: &[Diagnostic], sources: &Sources, format: Format) -> Status {
    let text = match format {
        _ if diagnostics.is_empty() => String::new(),
        Format::Human => {
            let mut text = render::draw(diagnostics, sources, render::Style { colour: true, width: terminal_width() });
            if any_error(diagnostics) {
                text.push_str(&closing_line(diagnostics));
            }
            text
        }
        Format::Json => render::json(diagnostics, sources),
    };
    // Nobody is left to be told if stderr is closed.
    let _ = anstream::stderr().write_all(text.as_bytes());
    Status::of(diagnostics)
}

fn closing_line(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    let plural = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
    let errors = plural(count(Severity::Error), "error");
    match count(Severity::Warning) {
        0 => format!("{errors}; nothing was written\n"),
        n => format!("{errors}, {}; nothing was written\n", plural(n, "warning")),
    }
}

/// Writes an answer to stdout; a closed pipe is not an error.
fn answer(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

fn terminal_width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|&columns| columns >= 40).unwrap_or(120)
}
