//! A door: draws diagnostics, for people and as JSON. The only file that knows annotate-snippets.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::source::{SourceId, Sources, Span};

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour with ANSI escapes.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { colour: false, width: 120 }
    }
}

/// At most so many diagnostics are drawn; the rest is counted.
const SHOWN: usize = 50;

/// A line longer than this, in bytes, is named but not drawn.
const LONGEST_LINE: usize = 2000;

/// Draws diagnostics as rustc would, one empty line after each.
pub fn draw(diagnostics: &[Diagnostic], sources: &Sources, style: Style) -> String {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() }.term_width(style.width);
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN) {
        text.push_str(&renderer.render(&groups(diagnostic, sources)));
        text.push_str("\n\n");
    }
    if diagnostics.len() > SHOWN {
        let rest = diagnostics.len() - SHOWN;
        let _ = write!(text, "and {rest} more\n\n");
    }
    text
}

fn groups<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.id)
        .elements(None::<Snippet<'_, annotate_snippets::Annotation<'_>>>);
    let mut first = true;
    for (source, labels) in by_source(&diagnostic.labels) {
        group = match excerpt(sources, source, labels.iter().map(|label| label.span)) {
            Some(excerpt) => group.element(excerpt.snippet(sources, source).annotations(labels.iter().map(|label| {
                let kind = if first && label.span == labels[0].span {
                    AnnotationKind::Primary
                } else {
                    AnnotationKind::Context
                };
                let label_text = (!label.message.is_empty()).then_some(label.message.as_str());
                kind.span(excerpt.local(label.span)).label(label_text)
            }))),
            None => group.element(origin(sources, labels[0].span)),
        };
        first = false;
    }
    if let Some(place) = &diagnostic.place {
        let mut origin = Origin::path(place.path.as_str());
        if let Some(line) = place.line {
            origin = origin.line(line as usize);
        }
        group = group.element(origin);
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    let mut groups = vec![group];
    for help in &diagnostic.help {
        let excerpt = help
            .edits
            .first()
            .and_then(|edit| excerpt(sources, edit.span.source, help.edits.iter().map(|edit| edit.span)));
        if let (Some(edit), Some(excerpt)) = (help.edits.first(), excerpt) {
            let patches = help.edits.iter().map(|edit| Patch::new(excerpt.local(edit.span), edit.text.as_str()));
            groups.push(
                Level::HELP
                    .secondary_title(help.message.as_str())
                    .element(excerpt.snippet(sources, edit.span.source).patches(patches)),
            );
        } else if let Some(group) = groups.last_mut() {
            let old = std::mem::replace(group, Group::with_level(Level::HELP));
            *group = old.element(Level::HELP.message(help.message.as_str()));
        }
    }
    groups
}

/// Labels of each source, the primary label's source first.
fn by_source(labels: &[Label]) -> Vec<(SourceId, Vec<&Label>)> {
    let mut lists: Vec<(SourceId, Vec<&Label>)> = Vec::new();
    for label in labels {
        match lists.iter_mut().find(|(source, _)| *source == label.span.source) {
            Some((_, list)) => list.push(label),
            None => lists.push((label.span.source, vec![label])),
        }
    }
    lists
}

/// The lines of a source around some spans, so that drawing does not depend on the source's length.
struct Excerpt {
    range: Range<usize>,
    line: usize,
}

impl Excerpt {
    fn snippet<'a, T: Clone>(&self, sources: &'a Sources, source: SourceId) -> Snippet<'a, T> {
        let source = sources.get(source);
        Snippet::source(&source.text[self.range.clone()]).line_start(self.line).path(source.name.as_str())
    }

    fn local(&self, span: Span) -> Range<usize> {
        let clamp = |at: u32| (at as usize).clamp(self.range.start, self.range.end) - self.range.start;
        clamp(span.start)..clamp(span.end)
    }
}

fn excerpt(sources: &Sources, source: SourceId, spans: impl Iterator<Item = Span>) -> Option<Excerpt> {
    let text = &sources.get(source).text;
    let (low, high) =
        spans.fold((usize::MAX, 0), |(low, high), span| (low.min(span.start as usize), high.max(span.end as usize)));
    let (low, high) = (low.min(text.len()), high.min(text.len()));
    let start = text.get(..low)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(high..)?.find('\n').map_or(text.len(), |at| high + at);
    let slice = text.get(start..end)?;
    if slice.lines().any(|line| line.len() > LONGEST_LINE) {
        return None;
    }
    let line = text[..start].bytes().filter(|&b| b == b'\n').count() + 1;
    Some(Excerpt { range: start..end, line })
}

fn origin(sources: &Sources, span: Span) -> Origin<'_> {
    let (line, column) = sources.line_column(span.source, span.start);
    Origin::path(sources.get(span.source).name.as_str()).line(line).char_column(column)
}

/// Diagnostics as one JSON object `{"diagnostics": [...]}` with places by line and column, from 1.
pub fn json(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let list = diagnostics.iter().map(|d| JsonDiagnostic::new(d, sources)).collect();
    // Plain data: no map with odd keys, hence no error.
    serde_json::to_string_pretty(&JsonReport { diagnostics: list }).unwrap_or_default() + "\n"
}

#[derive(Serialize)]
struct JsonReport<'a> {
    diagnostics: Vec<JsonDiagnostic<'a>>,
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    severity: &'static str,
    code: &'static str,
    name: &'static str,
    message: &'a str,
    labels: Vec<JsonLabel<'a>>,
    data: Option<JsonData<'a>>,
    help: Vec<JsonHelp<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    file: &'a str,
    start: JsonPosition,
    end: JsonPosition,
    message: &'a str,
}

#[derive(Serialize)]
struct JsonPosition {
    byte: u32,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct JsonData<'a> {
    file: &'a str,
    line: Option<u64>,
    column: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonHelp<'a> {
    message: &'a str,
    edits: Vec<JsonLabel<'a>>,
}

impl<'a> JsonDiagnostic<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Self {
        let place = |span: Span, message: &'a str| {
            let position = |byte| {
                let (line, column) = sources.line_column(span.source, byte);
                JsonPosition { byte, line, column }
            };
            let file = sources.get(span.source).name.as_str();
            JsonLabel { file, start: position(span.start), end: position(span.end), message }
        };
        Self {
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: diagnostic.code.id,
            name: diagnostic.code.name,
            message: &diagnostic.message,
            labels: diagnostic.labels.iter().map(|label| place(label.span, &label.message)).collect(),
            data: diagnostic.place.as_ref().map(|at| JsonData {
                file: &at.path,
                line: at.line,
                column: at.column.as_deref(),
            }),
            help: diagnostic
                .help
                .iter()
                .map(|help| JsonHelp {
                    message: &help.message,
                    edits: help.edits.iter().map(|edit| place(edit.span, &edit.text)).collect(),
                })
                .collect(),
            notes: &diagnostic.notes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;

    const CODE: Code = Code::new("S0301", "dimension-mismatch");

    fn plan() -> (Sources, SourceId) {
        let mut sources = Sources::default();
        let id = sources.add("plan.sov", "budget a = 1\n  time = compute * rate\n");
        (sources, id)
    }

    #[test]
    fn draws_cause_requirement_and_fix() {
        let (sources, id) = plan();
        let diagnostic = Diagnostic::error(CODE, "`time` is a duration, but this is compute squared per second")
            .label(Span::new(id, 22, 36), "FLOP^2 / s")
            .label(Span::new(id, 15, 19), "declared here, expects s")
            .fix("divide the compute by the rate", Span::new(id, 30, 31), "/")
            .note("rates are written in the plan");
        let expected = "\
error[S0301]: `time` is a duration, but this is compute squared per second
 --> plan.sov:2:10
  |
2 |   time = compute * rate
  |   ----   ^^^^^^^^^^^^^^ FLOP^2 / s
  |   |
  |   declared here, expects s
  |
  = note: rates are written in the plan
help: divide the compute by the rate
  |
2 -   time = compute * rate
2 +   time = compute / rate
  |

";
        assert_eq!(draw(&[diagnostic], &sources, Style::default()), expected);
    }

    #[test]
    fn a_megabyte_line_is_named_not_drawn() {
        let mut sources = Sources::default();
        let id = sources.add("long.sov", "[".repeat(1 << 20));
        let diagnostic = Diagnostic::error(CODE, "too deep").label(Span::new(id, 200, 201), "");
        let drawn = draw(&[diagnostic], &sources, Style::default());
        assert!(drawn.contains("long.sov:1:201") && drawn.len() < 200, "{drawn}");
    }

    #[test]
    fn a_place_in_data_is_shown() {
        let (sources, _) = plan();
        let place = crate::diagnostic::DataPlace { path: "star.csv".into(), line: Some(7), column: None };
        let drawn = draw(&[Diagnostic::error(CODE, "not a number").at(place)], &sources, Style::default());
        assert!(drawn.contains("star.csv:7"), "{drawn}");
    }

    #[test]
    fn json_names_places_by_line_and_column() {
        let (sources, id) = plan();
        let diagnostic = Diagnostic::error(CODE, "m").label(Span::new(id, 15, 19), "here");
        let value: serde_json::Value = serde_json::from_str(&json(&[diagnostic], &sources)).unwrap();
        assert_eq!(value["diagnostics"][0]["labels"][0]["start"]["line"], 2);
        assert_eq!(value["diagnostics"][0]["labels"][0]["start"]["column"], 3);
    }
}
