//! A door: the command line. One file a command.
//!
//! Answers go to stdout, diagnostics to stderr.
//! Exit status: 0 done, 1 the plan or its data is wrong, 2 wrong usage, 3 the outside world failed.

mod asked;
mod build;
mod check;
mod cost;
mod emit;
mod explain;
mod fit;
mod fmt;
mod frontier;
mod init;
mod kernels;
mod lock;
mod pareto;
mod query;

use std::io::{ErrorKind, Write as _};
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
    /// Write a first plan, with comments.
    Init(init::Arguments),
    /// Look for mistakes without reading data or fitting.
    Check(check::Arguments),
    /// Explain the code of a message, or how a plan's shape came about.
    Explain(explain::Arguments),
    /// Tell what a value of a plan is, and what it takes on a device.
    Query(query::Arguments),
    /// Write plans in the one style.
    Fmt(fmt::Arguments),
    /// Fit a law to a table, or the laws of a plan, without a search.
    Fit(Box<fit::Arguments>),
    /// Count what a model takes: parameters, FLOPs, memory, and time on a device.
    Cost(Box<cost::Arguments>),
    /// Show the shape at every budget of a range: a table, CSV, JSON or a picture.
    Frontier(Box<frontier::Arguments>),
    /// Show what less latency, memory or parameters cost in loss: a table, CSV, JSON or a picture.
    Pareto(Box<pareto::Arguments>),
    /// Show what plans can emit.
    Emit(emit::Arguments),
    /// Work with the CUDA kernels of a plan.
    #[command(subcommand, after_help = "Example: sovitc kernels compile examples/so400m/plan.sov --arch sm_90a")]
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

/// What a plan may use.
#[derive(Clone, Copy, Debug, Args)]
struct Uses {
    /// Let the plan use files outside of its folder.
    #[arg(long)]
    allow_outside: bool,
}

/// Codes of the command line: S004x and S005x.
pub mod codes {
    use crate::diagnostic::Code;

    /// Standard output took no more.
    pub const UNANSWERED: Code = Code::new("S0040", "cannot-answer");
    /// A variable of a law that is bound to nothing.
    pub const UNBOUND: Code = Code::new("S0041", "unbound-variable");
    /// A variable that the law does not have.
    pub const UNKNOWN_VARIABLE: Code = Code::new("S0042", "unknown-variable");
    /// A variable that is bound twice.
    pub const BOUND_TWICE: Code = Code::new("S0043", "bound-twice");
    /// Examples without the model that makes compute of them.
    pub const NO_MODEL: Code = Code::new("S0044", "examples-without-model");
    /// A code that no page is about.
    pub const NO_PAGE: Code = Code::new("S0047", "no-page");
    /// A file that stands where a new one would be written.
    pub const EXISTS: Code = Code::new("S0048", "file-exists");
    /// A search that the plan does not have.
    pub const NO_SEARCH: Code = Code::new("S0049", "no-such-search");
    /// Standard input that cannot be read.
    pub const UNREAD: Code = Code::new("S0046", "cannot-read-input");
    /// No encoder of that name, no file, or not all sizes of one.
    pub const NO_ENCODER: Code = Code::new("S0050", "no-encoder");
    /// A config that cannot be read.
    pub const UNREADABLE_CONFIG: Code = Code::new("S0051", "unreadable-config");
    /// A config that says no encoder.
    pub const BAD_CONFIG: Code = Code::new("S0052", "bad-config");
    /// A library whose speed is not known.
    pub const NOT_TIMED: Code = Code::new("S0053", "not-timed");
    /// A range of budgets that holds none.
    pub const NO_BUDGETS: Code = Code::new("S0054", "no-budgets");
    /// A file whose ending says nothing.
    pub const UNKNOWN_ENDING: Code = Code::new("S0055", "unknown-ending");
    /// A front of which something is not known.
    pub const NO_FRONT: Code = Code::new("S0056", "no-front");
    /// Sequences without images, or too short for them.
    pub const NO_MIX: Code = Code::new("S0057", "no-images");
    /// A model whose FLOPs nothing needs.
    pub const UNUSED_MODEL: Code = Code::new("S0045", "unused-model");
}

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let status = match cli.command.unwrap_or(Command::Build(cli.build)) {
        Command::Build(arguments) => build::run(&arguments),
        Command::Lock(arguments) => lock::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Query(arguments) => query::run(&arguments),
        Command::Fmt(arguments) => fmt::run(&arguments),
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Cost(arguments) => cost::run(&arguments),
        Command::Frontier(arguments) => frontier::run(&arguments),
        Command::Pareto(arguments) => pareto::run(&arguments),
        Command::Emit(arguments) => emit::run(&arguments),
        Command::Kernels(command) => kernels::run(&command),
    };
    ExitCode::from(status as u8)
}

/// How the process ends, the worse the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    outside: bool,
}

impl Located {
    fn new(path: &Path) -> Self {
        // A path such as `..` names no file; reading it says that it is a folder.
        let file = path.file_name().map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned());
        let shown = path.to_string_lossy().replace('\\', "/");
        Self { path: path.to_owned(), name: disk::plan_name(path), file, shown, outside: false }
    }

    /// The same, with what it may use.
    fn using(self, uses: Uses) -> Self {
        Self { outside: uses.allow_outside, ..self }
    }

    fn world(&self) -> DiskWorld {
        DiskWorld::of_plan(&self.path)
    }

    fn plan(&self) -> PlanFile<'_> {
        PlanFile { name: &self.name, file: &self.file, shown: &self.shown, outside: self.outside }
    }

    /// The lock beside the plan.
    fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }
}

/// Shows the diagnostics of a command that writes files, and says how the process should end.
fn report(diagnostics: &[Diagnostic], sources: &Sources, format: Format) -> Status {
    tell(diagnostics, sources, format, "; nothing was written")
}

/// Shows diagnostics on stderr and says how the process should end; `closing` follows the count of errors.
fn tell(diagnostics: &[Diagnostic], sources: &Sources, format: Format, closing: &str) -> Status {
    let text = match format {
        _ if diagnostics.is_empty() => String::new(),
        Format::Human => {
            let mut text = render::draw(diagnostics, sources, render::Style { colour: true, width: terminal_width() });
            if any_error(diagnostics) {
                text.extend([&counted(diagnostics), closing, "\n"]);
                let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
                if let Some(id) = errors.map(|found| found.code.id).find(|id| explain::has_page(id)) {
                    text.extend(["`sovitc explain ", id, "` says more\n"]);
                }
            }
            text
        }
        Format::Json => render::json(diagnostics, sources),
    };
    // Nobody is left to be told if stderr is closed.
    let _ = anstream::stderr().write_all(text.as_bytes());
    Status::of(diagnostics)
}

/// `2 errors, 1 warning`
fn counted(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
    let plural = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
    let errors = plural(count(Severity::Error), "error");
    match count(Severity::Warning) {
        0 => errors,
        n => format!("{errors}, {}", plural(n, "warning")),
    }
}

/// Writes an answer to stdout. A reader who has seen enough is no error; a disk that is full is.
fn answer(text: &str, format: Format) -> Status {
    let mut stdout = anstream::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let message = format!("cannot write the answer to standard output: {error}");
            let found = Diagnostic::error(codes::UNANSWERED, message).from_world().help("check where it is sent");
            tell(&[found], &Sources::default(), format, "")
        }
        _ => Status::Done,
    }
}

/// Columns of the terminal, as `COLUMNS` or else the terminal itself says.
fn terminal_width() -> usize {
    let stated = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let measured = || terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    stated.or_else(measured).filter(|&columns| columns >= 40).unwrap_or(120)
}
