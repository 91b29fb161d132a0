//! What a build pins: LAW + SHAPE <-> `<plan>.lock`.
//!
//! A lock is TOML, made to be committed: it holds the hash of every text that was read and every number that a search
//! found, so that a build script renders without fitting. The same lock gives the same text, and every float reads back
//! bit for bit.

use serde::{Deserialize, Serialize};

use crate::diagnostic::{DataPlace, Diagnostic, Severity};
use crate::law::{NamedLaw, NamedStart};
use crate::plan::Counting;
use crate::shape::Answer;
use crate::source::ReadError;

/// Codes of locks: S001x.
pub mod codes {
    use crate::diagnostic::Code;

    /// A file changed after the lock was made.
    pub const STALE: Code = Code::new("S0010", "stale-lock");
    /// The lock is not what sovitc writes.
    pub const MALFORMED: Code = Code::new("S0011", "malformed-lock");
    /// The lock is of another format version.
    pub const VERSION: Code = Code::new("S0012", "lock-version");
    /// There is no lock.
    pub const MISSING: Code = Code::new("S0014", "missing-lock");
    /// A warning that the lock kept.
    pub const KEPT: Code = Code::new("S0015", "kept-warning");
    /// A number that a lock cannot hold.
    pub const UNLOCKABLE: Code = Code::new("S0013", "unlockable-number");
}

/// A pinned build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Version of this format, [`Lock::VERSION`].
    pub version: u32,
    /// The sovitc that made it; for people.
    pub sovitc: String,
    /// The plan.
    pub plan: Input,
    /// Other files that were read, in the order of the plan.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Laws, in the order of the plan; without their bootstrap draws.
    #[serde(default)]
    pub laws: Vec<NamedLaw>,
    /// Starts that were found in grids, in the order of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<NamedStart>,
    /// Answers, in the order of the plan.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// What the user must know with them.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// A warning as a summary and a lock hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// The name of its code, such as `no-loss-model`.
    pub code: String,
    /// The headline.
    pub message: String,
}

impl Warning {
    /// The warnings among some diagnostics, in their order.
    pub fn among(diagnostics: &[Diagnostic]) -> Vec<Self> {
        let warnings = diagnostics.iter().filter(|d| d.severity == Severity::Warning);
        warnings.map(|d| Self { code: d.code.name.to_owned(), message: d.message.clone() }).collect()
    }

    /// The warning as a build from the lock tells it again.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::warning(codes::KEPT, self.message.clone()).note(format!("`{}`, kept by the lock", self.code))
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// From the plan's folder, with `/`.
    pub path: String,
    /// BLAKE3 of its bytes, 64 hexadecimal digits.
    pub blake3: String,
}

impl Input {
    /// The file of that path and content.
    pub fn new(path: impl Into<String>, bytes: &[u8]) -> Self {
        Self::hashed(path, &blake3::hash(bytes))
    }

    /// The file of that path, whose content has that hash.
    pub fn hashed(path: impl Into<String>, hash: &blake3::Hash) -> Self {
        Self { path: path.into(), blake3: hash.to_hex().to_string() }
    }
}

const HEADER: &str = "# Made by sovitc; commit it, do not edit it. `sovitc lock` makes it anew.\n";

impl Lock {
    /// The version of the format that this sovitc reads and writes.
    pub const VERSION: u32 = 1;

    /// Pins what was found for a plan that has no start in a grid.
    pub fn new(
        plan: Input,
        inputs: Vec<Input>,
        laws: Vec<NamedLaw>,
        answers: Vec<Answer>,
        warnings: Vec<Warning>,
    ) -> Self {
        let sovitc = env!("CARGO_PKG_VERSION").to_owned();
        Self { version: Self::VERSION, sovitc, plan, inputs, laws, starts: Vec::new(), answers, warnings }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`codes::UNLOCKABLE`] for a count of 2^63 or more, which TOML cannot hold, and for a number that is not a
    /// number. Infinities, as in an interval without an end, are kept.
    pub fn to_text(&self) -> Result<String, Diagnostic> {
        let unlockable = |what: String| {
            Diagnostic::error(codes::UNLOCKABLE, format!("the lock of `{}` cannot hold {what}", self.plan.path))
        };
        let text = toml::to_string(self).map_err(|error| unlockable(format!("a number: {error}")))?;
        let table: toml::Table = toml::from_str(&text).map_err(|_| {
            unlockable("a count of 2^63 or more".to_owned())
                .help("narrow the ranges of its searches: no such model can be trained")
        })?;
        match not_a_number(&toml::Value::Table(table)) {
            Some(key) => Err(unlockable(format!("`{key}`, which is not a number"))
                .help("check that the data of its law are finite and that the law fits them")),
            None => Ok(format!("{HEADER}\n{text}")),
        }
    }

    /// Reads the text of a lock; `path` is for messages.
    ///
    /// # Errors
    /// [`codes::VERSION`] where another version of the format was written, otherwise [`codes::MALFORMED`].
    pub fn parse(text: &str, path: &str) -> Result<Self, Diagnostic> {
        let head: Version = toml::from_str(text).map_err(|error| malformed(text, path, &error))?;
        if head.version == Self::VERSION {
            let table: toml::Table = toml::from_str(text).map_err(|error| malformed(text, path, &error))?;
            if let Some(key) = not_a_number(&toml::Value::Table(table)) {
                return Err(no_lock(path, None, &format!("`{key}` is not a number")));
            }
            let lock: Self = toml::from_str(text).map_err(|error| malformed(text, path, &error))?;
            return match lock.answers.iter().find(|answer| !consistent(answer)) {
                None => Ok(lock),
                Some(answer) => Err(no_lock(path, None, &format!("the answer of `{}` was edited", answer.search))),
            };
        }
        let message =
            format!("`{path}` is a lock of version {}, this sovitc reads version {}", head.version, Self::VERSION);
        let help = if head.version > Self::VERSION {
            "use the sovitc that made it, or a newer one"
        } else {
            "make it anew with `sovitc lock` and the path of the plan"
        };
        Err(Diagnostic::error(codes::VERSION, message).at(place(path, None)).help(help))
    }

    /// Holds the lock to the files as they are now.
    ///
    /// The path of `plan` is the one a user types. `inputs` are those that could be read: a file that is not there, as
    /// in a published crate without its data, is not held against the lock.
    ///
    /// # Errors
    /// [`codes::STALE`], which names every file that changed and the command to run.
    pub fn verify(&self, plan: &Input, inputs: &[Input]) -> Result<(), Diagnostic> {
        let mut changed = Vec::new();
        if plan.blake3 != self.plan.blake3 {
            changed.push(format!("`{}` has changed", plan.path));
        }
        for input in inputs {
            match self.inputs.iter().find(|locked| locked.path == input.path) {
                Some(locked) if locked.blake3 == input.blake3 => {}
                Some(_) => changed.push(format!("`{}` has changed", input.path)),
                None => changed.push(format!("`{}` is new", input.path)),
            }
        }
        unchanged(plan, &changed)
    }

    /// Holds the lock to the files that are left of folders and patterns: `is_gone` tells which it must not name.
    ///
    /// # Errors
    /// As [`Lock::verify`].
    pub fn verify_left(&self, plan: &Input, is_gone: impl Fn(&str) -> bool) -> Result<(), Diagnostic> {
        let gone = self.inputs.iter().filter(|input| is_gone(&input.path));
        unchanged(plan, &gone.map(|input| format!("`{}` is gone", input.path)).collect::<Vec<_>>())
    }
}

/// An error where anything changed.
fn unchanged(plan: &Input, changed: &[String]) -> Result<(), Diagnostic> {
    if changed.is_empty() {
        return Ok(());
    }
    let message = format!("the lock of `{}` is stale: {}", plan.path, changed.join(", "));
    Err(Diagnostic::error(codes::STALE, message)
        .help(format!("run `sovitc lock {}` and commit the result", plan.path))
        .note("a build script does not fit; it renders what the lock holds"))
}

/// There is no lock at `path` for the plan at `plan`.
pub fn missing(path: &str, plan: &str, error: &ReadError) -> Diagnostic {
    let message = match error {
        ReadError::NotFound => format!("`{plan}` has no lock: there is no `{path}`"),
        error => format!("cannot read the lock `{path}`: {error}"),
    };
    Diagnostic::error(codes::MISSING, message)
        .from_world()
        .help(format!("run `sovitc lock {plan}` and commit the result"))
}

/// The part of every version that never changes.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn malformed(text: &str, path: &str, error: &toml::de::Error) -> Diagnostic {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() as u64 + 1);
    let reason = error.message().lines().next().unwrap_or_default();
    no_lock(path, line, reason)
}

fn no_lock(path: &str, line: Option<u64>, reason: &str) -> Diagnostic {
    Diagnostic::error(codes::MALFORMED, format!("`{path}` is no lock that sovitc made: {reason}"))
        .at(place(path, line))
        .help("make it anew with `sovitc lock` and the path of the plan")
}

/// Whether the model is buildable, costs what the answer says and is trained with what the budget pays for; a lock that
/// was edited by hand may say anything.
fn consistent(answer: &Answer) -> bool {
    let (vit, budget) = (&answer.vit, &answer.budget);
    let buildable = vit.architecture.with(vit.shape).is_ok() && vit.cost() == answer.cost;
    let served = |examples: f64| examples * vit.seeing().cost().forward_flops_per_example as f64;
    let share = budget
        .inference
        .map_or(0.0, |inference| served(inference.examples) / Counting::TRAINING_FACTOR / budget.forward_flops);
    let is_shared = budget.inference.is_none_or(|inference| (inference.share / share - 1.0).abs() < 1e-9);
    let left = 1.0 - share;
    let paid = left * budget.forward_flops / answer.cost.forward_flops_per_example as f64;
    buildable && is_shared && paid.is_finite() && paid > 0.0 && (budget.examples / paid - 1.0).abs() < 1e-9
}

fn place(path: &str, line: Option<u64>) -> DataPlace {
    DataPlace { path: path.to_owned(), line, column: None }
}

/// The first key, in the order of the tables, whose value is not a number.
fn not_a_number(value: &toml::Value) -> Option<String> {
    let below = |key: String, value| {
        let inner = not_a_number(value)?;
        Some(if inner.is_empty() { key } else { format!("{key}.{inner}") })
    };
    match value {
        toml::Value::Float(number) => number.is_nan().then(String::new),
        toml::Value::Array(list) => list.iter().enumerate().find_map(|(i, value)| below(i.to_string(), value)),
        toml::Value::Table(table) => table.iter().find_map(|(key, value)| below(key.clone(), value)),
        _ => None,
    }
}
