//! The stages one after the other.

#[cfg(feature = "fit")]
mod fits;
mod prices;
mod query;
#[cfg(feature = "fit")]
mod table;
mod templates;
mod uses;

#[cfg(feature = "fit")]
pub use fits::{Fits, fit_laws};
#[cfg(feature = "fit")]
pub use table::{Compute, Stage, fit_table};

pub use query::{Asking, BothKinds, Queried, Question, Reply, Run, query};

use std::cell::RefCell;
use std::io::{self, Read};

use crate::diagnostic::{self, Code, Diagnostic, Fault};
use crate::emit::Template;
use crate::law::NamedLaw;
use crate::lock::{Input, Lock};
use crate::plan::{self, Plan, StartKind};
use crate::shape::Answer;
use crate::source::{Pattern, ReadError, Source, SourceId, Sources, World};
use crate::syntax;
use uses::Gathered;

mod codes {
    use super::Code;

    pub(super) const UNREADABLE_PLAN: Code = Code::new("S0001", "unreadable-plan");
    pub(super) const NOT_UTF8: Code = Code::new("S0002", "not-utf8");
    pub(super) const PLAN_TOO_LARGE: Code = Code::new("S0003", "plan-too-large");
    pub(super) const STALE_ANSWERS: Code = Code::new("S0004", "lock-does-not-answer");
    pub(super) const USE_CYCLE: Code = Code::new("S0005", "circular-use");
    pub(super) const OUTSIDE: Code = Code::new("S0006", "outside-the-folder");
    pub(super) const NO_FILE: Code = Code::new("S0007", "no-file-to-use");
    pub(super) const UNREADABLE_CONFIG: Code = Code::new("S0022", "unreadable-encoder");
    pub(super) const BAD_CONFIG: Code = Code::new("S0023", "no-encoder-in-config");
    pub(super) const UNREADABLE_PRICES: Code = Code::new("S0024", "unreadable-prices");
    pub(super) const BAD_PRICES: Code = Code::new("S0025", "no-prices-in-file");
    pub(super) const UNREADABLE_TEMPLATE: Code = Code::new("S0019", "unreadable-template");
}

/// What keeps a file from being read at all.
const FILE_CODES: [Code; 6] =
    [codes::UNREADABLE_PLAN, codes::NOT_UTF8, codes::PLAN_TOO_LARGE, codes::USE_CYCLE, codes::OUTSIDE, codes::NO_FILE];

/// Which plan to read.
#[derive(Clone, Copy, Debug)]
pub struct PlanFile<'a> {
    /// The plan's name: the file stem, or its folder's name when the stem is `plan`.
    pub name: &'a str,
    /// The file in the [`World`], whose root is the plan's folder.
    pub file: &'a str,
    /// The path as the user wrote it, for messages.
    pub shown: &'a str,
    /// Whether it may use files outside of its folder.
    pub outside: bool,
}

impl<'a> PlanFile<'a> {
    /// A plan whose path is shown as it is opened.
    pub const fn named(name: &'a str, file: &'a str) -> Self {
        Self { name, file, shown: file, outside: false }
    }
}

/// A plan that was read and checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Every text that was opened.
    pub sources: Sources,
    /// The plan's own hash.
    pub hash: Input,
    /// The files it uses, each once.
    pub used: Vec<Input>,
    /// What is whole of the plan; to be used only if no diagnostic is an error.
    pub plan: Plan,
    /// What was found, sorted.
    pub diagnostics: Vec<Diagnostic>,
}

/// A plan that was compiled.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Every text that was opened.
    pub sources: Sources,
    /// What was found, sorted. With an error among them there is no outcome.
    pub diagnostics: Vec<Diagnostic>,
    /// Paths of the files that were read besides the plan, from its folder.
    pub read: Vec<String>,
    /// The laws that could be fitted, even where a later stage failed.
    pub laws: Vec<NamedLaw>,
    /// The answers and what they rest on.
    pub outcome: Option<Outcome>,
}

/// A compiled plan, ready to be emitted.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The plan.
    pub plan: Plan,
    /// Its laws, in its order.
    pub laws: Vec<NamedLaw>,
    /// Its searches' answers, in its order.
    pub answers: Vec<Answer>,
    /// What pins them.
    pub lock: Lock,
    /// The templates that it emits.
    pub templates: Vec<Template>,
}

/// Reads and checks a plan: [`syntax`], then [`plan`].
pub fn check(world: &dyn World, file: &PlanFile<'_>) -> Checked {
    let mut sources = Sources::default();
    let Gathered { ast, hash, used, files, found: mut diagnostics } = uses::gather(world, file, &mut sources);
    let hash = hash.unwrap_or_else(|| Input::new(file.file, &[]));
    // What is missing may be what could not be read.
    let is_whole = !diagnostics.iter().any(|found| found.fault == Fault::World || FILE_CODES.contains(&found.code));
    let mut plan = Plan::empty(file.name);
    if is_whole {
        let (checked, mut semantic) = plan::check(&ast, &sources, &files, file.name);
        plan = checked;
        if diagnostic::any_error(&diagnostics) {
            semantic.retain(|found| found.code != plan::codes::NOTHING_ASKED);
        }
        diagnostics.extend(semantic);
    }
    diagnostic::sort(&mut diagnostics);
    Checked { sources, hash, used, plan, diagnostics }
}

/// A plan in the one style.
#[derive(Clone, Debug)]
pub struct Formatted {
    /// The text that was read, if it could be.
    pub sources: Sources,
    /// It among the sources.
    pub source: SourceId,
    /// The same in the one style; none where the plan has syntax errors.
    pub text: Option<String>,
    /// What was found, sorted.
    pub diagnostics: Vec<Diagnostic>,
}

impl Formatted {
    /// Whether the plan was written in another style.
    pub fn is_changed(&self) -> bool {
        self.text.as_ref().is_some_and(|new| **new != *self.sources.get(self.source).text)
    }
}

/// Reads a plan and writes it in the one style: [`syntax::format`].
pub fn format(world: &dyn World, file: &PlanFile<'_>) -> Formatted {
    let mut sources = Sources::default();
    let read = read(world, file.file, file.shown);
    let id = sources.add(file.shown, read.as_ref().map_or("", |(text, _)| text.as_str()));
    let formatted = match read {
        Ok(_) => syntax::format(&sources, id),
        Err((unreadable, _)) => Err(vec![unreadable]),
    };
    match formatted {
        Ok(text) => Formatted { sources, source: id, text: Some(text), diagnostics: Vec::new() },
        Err(diagnostics) => Formatted { sources, source: id, text: None, diagnostics },
    }
}

/// Compiles a plan: [`check`], then `results`, `law`, `shape`.
#[cfg(feature = "fit")]
pub fn compile(world: &dyn World, file: &PlanFile<'_>) -> Compiled {
    let Checked { mut sources, hash, used, plan, mut diagnostics } = check(world, file);
    if diagnostic::any_error(&diagnostics) {
        return Compiled { read: paths(&used), ..Compiled::failed(sources, diagnostics) };
    }
    let (templates, found) = templates::read(world, file, &plan, &mut sources);
    diagnostics.extend(found);
    let recorder = Recorder { world, inputs: RefCell::new(used) };
    let (tables, found) = crate::results::read(&plan, &recorder);
    diagnostics.extend(found);
    let (laws, found) = crate::law::fit(&plan, &tables);
    diagnostics.extend(found);
    let (starts, found) = crate::law::starts(&plan, &tables);
    diagnostics.extend(found);
    let (answers, found) = crate::shape::choose(&plan, &laws, &starts);
    diagnostics.extend(found);
    diagnostic::sort(&mut diagnostics);

    let inputs = recorder.inputs.into_inner();
    let mut compiled = Compiled::failed(sources, diagnostics);
    compiled.read = paths(&inputs);
    compiled.read.extend(templates.iter().map(|template| template.path.clone()));
    compiled.laws = laws.into_iter().flatten().collect();
    if !diagnostic::any_error(&compiled.diagnostics) {
        let (laws, answers) = (compiled.laws.clone(), answers.into_iter().flatten().collect::<Vec<_>>());
        let warnings = crate::lock::Warning::among(&compiled.diagnostics);
        let starts = starts.into_iter().flatten().filter(|start| start.grid.is_some()).collect();
        let lock = Lock { starts, ..Lock::new(hash, inputs, laws.clone(), answers.clone(), warnings) };
        compiled.outcome = Some(Outcome { plan, laws, answers, lock, templates });
    }
    compiled
}

/// Takes laws and answers from a lock instead of fitting: [`check`], then [`Lock::verify`].
///
/// Tables are read for their hashes only; one that is not there, as in a published crate without its data, is not held
/// against the lock.
pub fn locked(world: &dyn World, file: &PlanFile<'_>, lock: Result<Lock, Diagnostic>) -> Compiled {
    let Checked { mut sources, hash, used, plan, mut diagnostics } = check(world, file);
    let (templates, found) = templates::read(world, file, &plan, &mut sources);
    diagnostics.extend(found);
    let mut compiled = Compiled { read: paths(&used), ..Compiled::failed(sources, diagnostics) };
    if diagnostic::any_error(&compiled.diagnostics) {
        return compiled;
    }
    let recorder = Recorder { world, inputs: RefCell::new(used) };
    let mut lists = Vec::new();
    for results in &plan.results {
        for source in crate::results::sources(results) {
            let files = crate::results::files(&source, world).unwrap_or_default();
            for path in &files {
                // What is dropped is read to its end.
                drop(recorder.open(path));
            }
            if !files.is_empty() && files != [source.as_str()] {
                lists.push((Pattern::of_list(&source), files));
            }
        }
    }
    // A folder without its data is no other than a file that is not there; one of which a part is gone has changed.
    let is_gone =
        |path: &str| lists.iter().any(|(pattern, files)| pattern.matches(path) && !files.iter().any(|f| f == path));
    let inputs = recorder.inputs.into_inner();
    compiled.read = paths(&inputs);
    compiled.read.extend(templates.iter().map(|template| template.path.clone()));
    match lock.and_then(|lock| {
        let hash = Input { path: file.shown.to_owned(), ..hash };
        lock.verify_left(&hash, is_gone)?;
        hold(lock, &plan, &hash, &inputs)
    }) {
        Ok(lock) => {
            let (laws, answers) = (lock.laws.clone(), lock.answers.clone());
            compiled.laws.clone_from(&laws);
            compiled.outcome = Some(Outcome { plan, laws, answers, lock, templates });
        }
        Err(diagnostic) => compiled.diagnostics.push(diagnostic),
    }
    compiled
}

/// The lock, if it is fresh and answers this plan.
fn hold(lock: Lock, plan: &Plan, hash: &Input, inputs: &[Input]) -> Result<Lock, Diagnostic> {
    lock.verify(hash, inputs)?;
    let answered = lock.answers.iter().map(|answer| &answer.search);
    let found = plan.starts.iter().filter(|start| matches!(start.kind, StartKind::BestOf { .. }));
    if answered.eq(plan.searches.iter().map(|search| &search.name.value))
        && lock.starts.iter().map(|start| &start.name).eq(found.map(|start| &start.name.value))
    {
        return Ok(lock);
    }
    let message = format!("the lock of `{}` does not answer its searches", hash.path);
    Err(Diagnostic::error(codes::STALE_ANSWERS, message).help(format!("run `sovitc lock {}`", hash.path)))
}

fn paths(inputs: &[Input]) -> Vec<String> {
    inputs.iter().map(|input| input.path.clone()).collect()
}

impl Compiled {
    /// Nothing but findings, so far.
    const fn failed(sources: Sources, diagnostics: Vec<Diagnostic>) -> Self {
        Self { sources, diagnostics, read: Vec::new(), laws: Vec::new(), outcome: None }
    }
}

/// The text and the bytes of a file; `shown` is its path in messages.
fn read(world: &dyn World, path: &str, shown: &str) -> Result<(String, Vec<u8>), (Diagnostic, Vec<u8>)> {
    let bytes = world.read(path).map_err(|error| {
        let message = format!("cannot read the plan `{shown}`: {error}");
        let diagnostic = Diagnostic::error(codes::UNREADABLE_PLAN, message).from_world();
        let help = match error {
            ReadError::Folder => Some(format!("name the plan inside it: `{}/plan.sov`", shown.trim_end_matches('/'))),
            ReadError::NotFound => Some("check the path; plans end in `.sov`".to_owned()),
            _ => None,
        };
        (help.into_iter().fold(diagnostic, Diagnostic::help), Vec::new())
    })?;
    if bytes.len() > Source::LIMIT {
        let message = format!("the plan `{shown}` has {} bytes; the limit is {}", bytes.len(), Source::LIMIT);
        return Err((
            Diagnostic::error(codes::PLAN_TOO_LARGE, message).help("keep data in tables beside the plan"),
            bytes,
        ));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text.clone(), text.into_bytes())),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let line = bytes[..at].split(|&b| b == b'\n').count();
            let place = diagnostic::DataPlace { path: shown.to_owned(), line: Some(line as u64), column: None };
            let message = format!("the plan `{shown}` is not UTF-8: byte {at} is 0x{:02x}", bytes[at]);
            Err((Diagnostic::error(codes::NOT_UTF8, message).at(place).help("save the file as UTF-8"), bytes))
        }
    }
}

/// Passes reads on and remembers what was read.
struct Recorder<'a> {
    world: &'a dyn World,
    inputs: RefCell<Vec<Input>>,
}

impl Recorder<'_> {
    /// Remembers the first reading of a file.
    fn record(&self, input: Input) {
        let mut inputs = self.inputs.borrow_mut();
        if !inputs.iter().any(|known| known.path == input.path) {
            inputs.push(input);
        }
    }
}

impl World for Recorder<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let bytes = self.world.read(path)?;
        self.record(Input::new(path, &bytes));
        Ok(bytes)
    }

    fn open<'a>(&'a self, path: &str) -> Result<Box<dyn Read + 'a>, ReadError> {
        let input = self.world.open(path)?;
        Ok(Box::new(Recording { recorder: self, path: path.to_owned(), input, hash: blake3::Hasher::new() }))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.world.list(path)
    }
}

/// A stream whose bytes are hashed as they pass.
struct Recording<'a> {
    recorder: &'a Recorder<'a>,
    path: String,
    input: Box<dyn Read + 'a>,
    hash: blake3::Hasher,
}

impl Read for Recording<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(bytes)?;
        self.hash.update(bytes.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl Drop for Recording<'_> {
    /// Reads what nobody asked for, so that the hash is the whole file's.
    fn drop(&mut self) {
        // A file that cannot be read to its end was a finding of whoever read it.
        let _ = io::copy(self, &mut io::sink());
        self.recorder.record(Input::hashed(std::mem::take(&mut self.path), &self.hash.finalize()));
    }
}
