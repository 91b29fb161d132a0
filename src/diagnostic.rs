//! What went wrong, as data. Drawing it is `render.rs`'s business.
//!
//! How to write one: the message is one line, lower case, no full stop, names in backticks, and stands alone.
//! The first label is the user's text that is at fault; further labels show who required otherwise.
//! A [`Help`] says what to do, with edits wherever the new text is known.

use crate::source::Span;

/// A stable identity: `S0301` for people and tools, `dimension-mismatch` where a word reads better.
///
/// Ranges: S00xx io and lock, S01xx syntax, S02xx names, S03xx dimensions, S04xx values and ranges,
/// S05xx data and fit, S06xx search, S07xx templates, S08xx kernels.
/// Each stage declares its own in its `codes` module; a test holds them unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// `S` and four digits.
    pub id: &'static str,
    /// Words joined by hyphens.
    pub name: &'static str,
}

impl Code {
    /// A code; called in `codes` modules only.
    pub const fn new(id: &'static str, name: &'static str) -> Self {
        Self { id, name }
    }
}

/// Whether anything may be emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The plan or its data is wrong; nothing is emitted.
    Error,
    /// The answer stands, and the user must know this with it.
    Warning,
}

/// Who is at fault, hence the exit status: 1 for the plan or its data, 3 for the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The plan or its data.
    Plan,
    /// A file, a library or a device.
    World,
}

/// A place in a plan and what to say there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The words; may be empty.
    pub message: String,
}

/// A place in a data file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataPlace {
    /// The file as the plan names it.
    pub path: String,
    /// The line from 1, the header counted, if one line is meant.
    pub line: Option<u64>,
    /// The column's name, if one column is meant.
    pub column: Option<String>,
}

/// A replacement of one range of text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

/// Advice, with the edits that carry it out where they are known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Help {
    /// What to do, in the imperative.
    pub message: String,
    /// The edits, all in one source; may be empty.
    pub edits: Vec<Edit>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Its identity.
    pub code: Code,
    /// Whose fault.
    pub fault: Fault,
    /// The headline.
    pub message: String,
    /// Places in plans, the primary one first.
    pub labels: Vec<Label>,
    /// A place in a data file.
    pub place: Option<DataPlace>,
    /// Advice.
    pub help: Vec<Help>,
    /// Background.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// An error in the plan or its data.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            fault: Fault::Plan,
            message: message.into(),
            labels: Vec::new(),
            place: None,
            help: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Says that the outside world failed, not the plan.
    #[must_use]
    pub fn from_world(mut self) -> Self {
        self.fault = Fault::World;
        self
    }

    /// Adds a label; the first one added is the primary.
    #[must_use]
    pub fn label(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// Names a place in a data file.
    #[must_use]
    pub fn at(mut self, place: DataPlace) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds advice without an edit.
    #[must_use]
    pub fn help(mut self, message: impl Into<String>) -> Self {
        self.help.push(Help { message: message.into(), edits: Vec::new() });
        self
    }

    /// Adds advice that one edit carries out.
    #[must_use]
    pub fn fix(mut self, message: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.help.push(Help { message: message.into(), edits: vec![Edit { span, text: text.into() }] });
        self
    }

    /// Adds background.
    #[must_use]
    pub fn note(mut self, message: impl Into<String>) -> Self {
        self.notes.push(message.into());
        self
    }

    /// The primary place, if there is one.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// Whether any of these forbids emitting.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// Errors before warnings, each by place; the same finding at the same place once.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    let key = |d: &Diagnostic| (d.severity, d.span().is_none(), d.span(), d.place.clone(), d.code, d.message.clone());
    diagnostics.sort_by_cached_key(key);
    diagnostics
        .dedup_by(|a, b| a.code == b.code && a.labels == b.labels && a.place == b.place && a.message == b.message);
}

/// The name nearest to `wrong` among `known`, if one is near enough to be what the user meant.
///
/// Names of more than 100 bytes are near nothing: comparing two takes time with the product of their lengths.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 100;
    if wrong.len() > LONGEST {
        return None;
    }
    let limit = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|name| name.len() <= LONGEST)
        .map(|name| (strsim::damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// `` `a`, `b` and `c` ``; of a long list the beginning.
pub fn list_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let mut rest = names.into_iter();
    let mut names: Vec<_> = rest.by_ref().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match rest.count() {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    match names.as_slice() {
        [] => "none".into(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_offers_only_near_names() {
        assert_eq!(nearest("widht", ["width", "depth"]), Some("width"));
        assert_eq!(nearest("MLP", ["width", "mlp"]), Some("mlp"));
        assert_eq!(nearest("colour", ["width", "depth"]), None);
        let long = "a".repeat(1 << 20);
        assert_eq!(nearest(&long, [format!("{long}b").as_str()]), None);
    }

    #[test]
    fn errors_come_first_and_once() {
        const CODE: Code = Code { id: "S0000", name: "test" };
        let mut list = vec![Diagnostic::warning(CODE, "w"), Diagnostic::error(CODE, "e"), Diagnostic::error(CODE, "e")];
        sort(&mut list);
        assert_eq!(list.iter().map(|d| d.message.as_str()).collect::<Vec<_>>(), ["e", "w"]);
    }
}
