//! The build-script API: a plan and its lock become constants, configs and kernel sources in `OUT_DIR`.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), sovitc::plugin::Error> {
//!     sovitc::plugin::Build::new().plan("plans/encoder.sov").compile()
//! }
//! ```
//!
//! and in the crate `sovit_kernels::include_plan!("encoder");`, which includes `OUT_DIR/encoder.rs`.
//!
//! Nothing is fitted, downloaded or probed here: the numbers come from the lock beside the plan, which `sovitc lock`
//! makes and which holds as long as the hashes in it do.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Severity};
use crate::disk::{self, DiskWorld};
use crate::emit::{self, Artefact, Request, RustModule, path};
use crate::lock::Lock;
use crate::source::Sources;
use crate::{PlanFile, render};

/// What a build script asks for.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `compile`"]
pub struct Build {
    plan: PathBuf,
    runtime: Option<String>,
    outside: bool,
}

impl Default for Build {
    fn default() -> Self {
        Self { plan: PathBuf::from("plan.sov"), runtime: Some("::sovit_kernels".to_owned()), outside: false }
    }
}

impl Build {
    /// The plan `plan.sov`, and kernels for the crate `sovit_kernels`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which plan, from the package's folder.
    pub fn plan(mut self, path: impl Into<PathBuf>) -> Self {
        self.plan = path.into();
        self
    }

    /// Path of the crate or module that has `Kernel`, where `sovit-kernels` goes by another name.
    pub fn runtime(mut self, path: impl Into<String>) -> Self {
        self.runtime = Some(path.into());
        self
    }

    /// Leaves kernels out of the module, for crates that only want constants and configs.
    pub fn without_kernels(mut self) -> Self {
        self.runtime = None;
        self
    }

    /// Lets the plan use files outside of its folder.
    pub fn allow_outside(mut self) -> Self {
        self.outside = true;
        self
    }

    /// Writes into `OUT_DIR` and tells cargo which files to watch, and what went wrong.
    ///
    /// # Errors
    /// Whatever is wrong with the plan or its lock; its `Debug` is the whole report, so that a build script may return it.
    #[allow(clippy::print_stdout, reason = "cargo listens there")]
    pub fn compile(self) -> Result<(), Error> {
        let result = match std::env::var_os("OUT_DIR") {
            Some(out) => self.compile_to(Path::new(&out)),
            None => Err(Error::new(vec![no_out_dir()], &Sources::default(), Vec::new())),
        };
        let (read, headlines) = match &result {
            Ok(read) => (read, &[][..]),
            Err(error) => (&error.read, &error.headlines[..]),
        };
        for file in read {
            println!("cargo::rerun-if-changed={}", file.display());
        }
        for headline in headlines {
            println!("cargo::error={headline}");
        }
        result.map(drop)
    }

    /// Writes `<plan>.rs` and a folder `<plan>` beside it into `folder`, prints nothing, and returns the files it read.
    ///
    /// # Errors
    /// As [`Build::compile`].
    pub fn compile_to(self, folder: impl AsRef<Path>) -> Result<Vec<PathBuf>, Error> {
        let mut run = Run { build: self, sources: Sources::default(), read: Vec::new() };
        match run.artefacts().and_then(|artefacts| write(folder.as_ref(), &artefacts)) {
            Ok(()) => Ok(run.read),
            Err(diagnostics) => Err(Error::new(diagnostics, &run.sources, run.read)),
        }
    }
}

/// Why a build failed. `Display` is the first headline, `Debug` the whole report.
pub struct Error {
    headlines: Vec<String>,
    report: String,
    read: Vec<PathBuf>,
    diagnostics: Vec<Diagnostic>,
}

impl Error {
    fn new(diagnostics: Vec<Diagnostic>, sources: &Sources, read: Vec<PathBuf>) -> Self {
        let headlines = diagnostics.iter().map(|diagnostic| headline(diagnostic, sources)).collect();
        Self { headlines, report: render::draw(&diagnostics, sources, render::Style::default()), read, diagnostics }
    }

    /// The findings as data.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.headlines.first().map_or("the plan does not compile", String::as_str))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the plan does not compile\n\n{}", self.report)
    }
}

impl std::error::Error for Error {}

/// One build, and what it has read so far.
struct Run {
    build: Build,
    sources: Sources,
    read: Vec<PathBuf>,
}

impl Run {
    fn artefacts(&mut self) -> Result<Vec<Artefact>, Vec<Diagnostic>> {
        let plan_path = self.build.plan.clone();
        let world = DiskWorld::of_plan(&plan_path);
        let (name, shown_path) = (disk::plan_name(&plan_path), shown(&plan_path));
        let file = plan_path.file_name().map_or_else(String::new, |file| file.to_string_lossy().into_owned());
        let plan_file = PlanFile { name: &name, file: &file, shown: &shown_path, outside: self.build.outside };
        let lock = self.lock(&plan_path);
        let compiled = crate::locked(&world, &plan_file, lock);
        self.sources = compiled.sources;
        let inputs = std::iter::once(&file).chain(&compiled.read);
        let folder = plan_path.parent().unwrap_or(Path::new(""));
        self.read.splice(0..0, inputs.map(|input| folder.join(input)).filter(|path| path.is_file()));
        let Some(outcome) = compiled.outcome else {
            return Err(compiled.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect());
        };

        let request = Request {
            plan: &outcome.plan,
            laws: &outcome.laws,
            starts: &outcome.lock.starts,
            answers: &outcome.answers,
            warnings: &outcome.lock.warnings,
            templates: &outcome.templates,
        };
        let folder = &outcome.plan.name;
        let mut artefacts =
            vec![emit::rust_module(&request, &RustModule { folder, runtime: self.build.runtime.as_deref() })?];
        for artefact in emit::render(&request)? {
            let path = path::join(&[folder, &artefact.path]).map_err(|diagnostic| vec![diagnostic])?;
            artefacts.push(Artefact { path, ..artefact });
        }
        Ok(artefacts)
    }

    /// The lock beside the plan.
    fn lock(&mut self, plan_path: &Path) -> Result<Lock, Diagnostic> {
        let path = plan_path.with_extension("lock");
        let lock = disk::read_lock(plan_path);
        if path.is_file() {
            self.read.push(path);
        }
        lock
    }
}

fn write(folder: &Path, artefacts: &[Artefact]) -> Result<(), Vec<Diagnostic>> {
    disk::write_all(folder, artefacts).map(drop).map_err(|diagnostic| vec![diagnostic])
}

/// A path as messages show it, with `/`.
fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

fn no_out_dir() -> Diagnostic {
    Diagnostic::error(codes::NO_OUT_DIR, "`OUT_DIR` is not set: `compile` runs in build scripts only")
        .from_world()
        .help("use `compile_to` elsewhere")
}

/// One line for `cargo::error`; what has no place in a text says what to do at once.
fn headline(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let advice = match diagnostic.help.first() {
        Some(help) if diagnostic.labels.is_empty() => format!("; {}", help.message),
        _ => String::new(),
    };
    format!("{}{advice} [{}]", placed(diagnostic, sources), diagnostic.code.id).replace(['\n', '\r'], " ")
}

/// The message, behind its place if it has one.
fn placed(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let place = diagnostic.span().map_or_else(String::new, |span| {
        let (line, column) = sources.line_column(span.source, span.start);
        format!("{}:{line}:{column}: ", sources.get(span.source).name)
    });
    place + &diagnostic.message
}

/// Codes of build scripts: S003x.
pub mod codes {
    use crate::diagnostic::Code;

    /// Not in a build script.
    pub const NO_OUT_DIR: Code = Code::new("S0030", "no-out-dir");
}
