//! Diagnostics as the lines that GitHub's workflow runner turns into annotations ("Workflow commands").

use std::fmt::Write as _;

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Sources;

/// A line for each diagnostic, such as `::error file=plan.sov,line=3,col=5,endLine=3,endColumn=9,title=S0202::...`.
pub fn github(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let place = match (diagnostic.span(), &diagnostic.place) {
            (Some(span), _) => {
                let (line, column) = sources.line_column(span.source, span.start);
                let (end_line, end_column) = sources.line_column(span.source, span.end);
                let file = property(&sources.get(span.source).name);
                format!("file={file},line={line},col={column},endLine={end_line},endColumn={end_column},")
            }
            (None, Some(data)) => {
                let line = data.line.map_or_else(String::new, |line| format!("line={line},"));
                format!("file={},{line}", property(&data.path))
            }
            (None, None) => String::new(),
        };
        let first = diagnostic.labels.first().map(|label| label.message.as_str()).filter(|text| !text.is_empty());
        let helps = diagnostic.help.iter().map(|help| format!("help: {}", help.message));
        let notes = diagnostic.notes.iter().map(|note| format!("note: {note}"));
        let lines: Vec<String> = [diagnostic.message.clone()]
            .into_iter()
            .chain(first.map(str::to_owned))
            .chain(notes)
            .chain(helps)
            .collect();
        let _ = writeln!(out, "::{level} {place}title={}::{}", diagnostic.code.id, data(&lines.join("\n")));
    }
    out
}

/// A message: its line ends and its own escapes are escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, which also ends at `:` and `,`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
