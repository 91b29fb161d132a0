//! Diagnostics as SARIF 2.1.0, which code hosts and editors read (OASIS, "Static Analysis Results Interchange Format").

use std::fmt::Write as _;

use serde::Serialize;

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::source::{Sources, Span, plain_json};

/// One log with one run: a rule for every code that occurs, a result for every diagnostic.
///
/// Columns count characters from 1. Fixes are those of the diagnostics that are sure: their first help with edits.
pub fn sarif(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut codes: Vec<Code> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    codes.sort();
    codes.dedup();
    let results = diagnostics.iter().map(|diagnostic| result(diagnostic, sources, &codes)).collect();
    let rules = codes.iter().map(|code| Rule { id: code.id, name: pascal(code.name) }).collect();
    let driver = Driver { name: "sovitc", version: env!("CARGO_PKG_VERSION"), rules };
    let run = Run { tool: Tool { driver }, column_kind: "unicodeCodePoints", results };
    let log = Log { schema: "https://json.schemastore.org/sarif-2.1.0.json", version: "2.1.0", runs: [run] };
    // Plain data: no map with odd keys, hence no error.
    plain_json(serde_json::to_string_pretty(&log).unwrap_or_default()) + "\n"
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    id: &'static str,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix<'a>>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix<'a> {
    description: Message,
    artifact_changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    artifact_location: Artifact,
    replacements: Vec<Replacement<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement<'a> {
    deleted_region: Region,
    inserted_content: Content<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    text: &'a str,
}

fn result<'a>(diagnostic: &'a Diagnostic, sources: &Sources, codes: &[Code]) -> Finding<'a> {
    let said = diagnostic.help.iter().map(|help| format!("help: {}", help.message));
    let noted = diagnostic.notes.iter().map(|note| format!("note: {note}"));
    let lines: Vec<String> = std::iter::once(diagnostic.message.clone()).chain(noted).chain(said).collect();
    let location = |span: Span, message: &str| Location {
        physical_location: Physical { artifact_location: artifact(sources, span), region: Some(region(sources, span)) },
        message: (!message.is_empty()).then(|| Message { text: message.to_owned() }),
    };
    let in_data = diagnostic.place.as_ref().map(|place| Location {
        physical_location: Physical {
            artifact_location: Artifact { uri: uri(&place.path) },
            region: place.line.map(|line| Region {
                start_line: line,
                start_column: None,
                end_line: None,
                end_column: None,
            }),
        },
        message: None,
    });
    let mut labels = diagnostic.labels.iter().map(|label| location(label.span, &label.message));
    let first = labels.next();
    // A place in the data stands first where the plan has none.
    let (locations, more) = match (first, in_data) {
        (Some(first), data) => (vec![first], data),
        (None, data) => (data.into_iter().collect(), None),
    };
    Finding {
        rule_id: diagnostic.code.id,
        rule_index: codes.binary_search(&diagnostic.code).unwrap_or_default(),
        level: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: Message { text: lines.join("\n") },
        locations,
        related_locations: labels.chain(more).collect(),
        fixes: diagnostic.help.iter().filter_map(|help| fix(help, sources)).collect(),
    }
}

/// A help with edits of one file, which is what a plan's are.
fn fix<'a>(help: &'a crate::diagnostic::Help, sources: &Sources) -> Option<Fix<'a>> {
    let first = help.edits.first()?;
    let replacements = help.edits.iter().map(|edit| Replacement {
        deleted_region: region(sources, edit.span),
        inserted_content: Content { text: &edit.text },
    });
    let change = Change { artifact_location: artifact(sources, first.span), replacements: replacements.collect() };
    Some(Fix { description: Message { text: help.message.clone() }, artifact_changes: vec![change] })
}

fn artifact(sources: &Sources, span: Span) -> Artifact {
    Artifact { uri: uri(&sources.get(span.source).name) }
}

fn region(sources: &Sources, span: Span) -> Region {
    let (line, column) = sources.line_column(span.source, span.start);
    let (end_line, end_column) = sources.line_column(span.source, span.end);
    Region {
        start_line: line as u64,
        start_column: Some(column as u64),
        end_line: Some(end_line as u64),
        end_column: Some(end_column as u64),
    }
}

/// A path as a relative reference: what has a meaning in one is written by its bytes.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte as char),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// `dimension-mismatch` as `DimensionMismatch`, the way rules are called.
fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect()
}
