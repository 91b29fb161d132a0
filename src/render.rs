//! A door: draws diagnostics, for people and as JSON. The only file that knows annotate-snippets.

mod github;
mod sarif;

pub use github::github;
pub use sarif::sarif;

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Help, Label, Severity};
use crate::source::{SourceId, Sources, Span, is_disturbing, plain_json};

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

/// A fix in a line longer than this, in bytes, is said but not drawn: the renderer cuts no line of a fix.
const LONGEST_FIX: usize = 240;

/// Of a longer text, in characters, the beginning is shown.
const LONGEST_TEXT: usize = 600;

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

/// A text of unknown origin as it may stand on a terminal: what could steer it is made visible, what is endless ends.
pub fn visible(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_TEXT).map(stand_in).collect();
    if shown.len() < text.len() && text.chars().nth(LONGEST_TEXT).is_some() {
        shown.push('…');
    }
    shown
}

/// A picture of a control character; a replacement character for whatever else could steer a terminal.
fn stand_in(c: char) -> char {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(' '),
        '\x7f' => '␡',
        c if is_disturbing(c) => '\u{fffd}',
        c => c,
    }
}

fn groups<'a>(diagnostic: &Diagnostic, sources: &Sources) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(visible(&diagnostic.message))
        .id(diagnostic.code.id)
        .elements(None::<Snippet<'_, annotate_snippets::Annotation<'_>>>);
    let mut first = true;
    for (source, labels) in by_source(&diagnostic.labels) {
        group = match excerpt(sources, source, labels.iter().map(|label| label.span), LONGEST_LINE) {
            Some(excerpt) => group.element(excerpt.snippet().annotations(labels.iter().map(|label| {
                let kind = if first && label.span == labels[0].span {
                    AnnotationKind::Primary
                } else {
                    AnnotationKind::Context
                };
                let label_text = (!label.message.is_empty()).then(|| visible(&label.message));
                kind.span(excerpt.local(label.span)).label(label_text)
            }))),
            None => group.element(origin(sources, labels[0].span)),
        };
        first = false;
    }
    if let Some(place) = &diagnostic.place {
        let mut origin = Origin::path(visible(&place.path));
        if let Some(line) = place.line {
            origin = origin.line(line as usize);
        }
        group = group.element(origin);
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(visible(note)));
    }
    let mut groups = vec![group];
    for help in &diagnostic.help {
        if let Some(patched) = patched(help, sources) {
            groups.push(patched);
        } else if let Some(group) = groups.last_mut() {
            let old = std::mem::replace(group, Group::with_level(Level::HELP));
            *group = old.element(Level::HELP.message(visible(&help.message)));
        }
    }
    groups
}

/// Advice with its edits drawn, where there are edits and room for them.
fn patched<'a>(help: &Help, sources: &Sources) -> Option<Group<'a>> {
    let source = help.edits.first()?.span.source;
    if help.edits.iter().any(|edit| edit.text.len() > LONGEST_FIX) {
        return None;
    }
    let excerpt = excerpt(sources, source, help.edits.iter().map(|edit| edit.span), LONGEST_FIX)?;
    let patches = help.edits.iter().map(|edit| Patch::new(excerpt.local(edit.span), same_length(&edit.text)));
    Some(Level::HELP.secondary_title(visible(&help.message)).element(excerpt.snippet().patches(patches)))
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
    text: String,
    start: usize,
    line: usize,
    path: String,
}

impl Excerpt {
    fn snippet<'a, T: Clone>(&self) -> Snippet<'a, T> {
        Snippet::source(self.text.clone()).line_start(self.line).path(self.path.clone())
    }

    fn local(&self, span: Span) -> Range<usize> {
        let local = |at: u32| (at as usize).saturating_sub(self.start).min(self.text.len());
        local(span.start)..local(span.end)
    }
}

fn excerpt(
    sources: &Sources,
    source: SourceId,
    spans: impl Iterator<Item = Span>,
    longest_line: usize,
) -> Option<Excerpt> {
    let source = sources.get(source);
    let text = &source.text;
    let (low, high) =
        spans.fold((usize::MAX, 0), |(low, high), span| (low.min(span.start as usize), high.max(span.end as usize)));
    let (low, high) = (low.min(text.len()), high.min(text.len()));
    let start = text.get(..low)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(high..)?.find('\n').map_or(text.len(), |at| high + at);
    let slice = text.get(start..end)?;
    if slice.lines().any(|line| line.len() > longest_line) {
        return None;
    }
    let line = text[..start].bytes().filter(|&b| b == b'\n').count() + 1;
    Some(Excerpt { text: same_length(slice), start, line, path: visible(&source.name) })
}

/// A text with as many bytes in which nothing steers a terminal, so that every span still fits.
///
/// Other control characters of one byte are left to the renderer, which draws them.
fn same_length(text: &str) -> String {
    let text = text.strip_suffix('\r').map_or_else(|| text.to_owned(), |rest| format!("{rest} "));
    let stand_in = |c: char| match c.len_utf8() {
        2 if is_disturbing(c) => '¤',
        3 if is_disturbing(c) => '\u{fffd}',
        _ => c,
    };
    text.replace("\r\n", " \n").chars().map(stand_in).collect()
}

fn origin<'a>(sources: &Sources, span: Span) -> Origin<'a> {
    let (line, column) = sources.line_column(span.source, span.start);
    Origin::path(visible(&sources.get(span.source).name)).line(line).char_column(column)
}

/// Diagnostics as one JSON object `{"diagnostics": [...]}` with places by line and column, from 1.
pub fn json(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let list = diagnostics.iter().map(|d| JsonDiagnostic::new(d, sources)).collect();
    // Plain data: no map with odd keys, hence no error.
    plain_json(serde_json::to_string_pretty(&JsonReport { diagnostics: list }).unwrap_or_default()) + "\n"
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
    fn a_fix_in_a_long_line_is_said_not_drawn() {
        let mut sources = Sources::default();
        let id = sources.add("long.sov", format!("a = [{}]", "1, ".repeat(200)));
        let span = Span::new(id, 0, 1);
        let diagnostic = Diagnostic::error(CODE, "wrong").label(span, "here").fix("write `b`", span, "b");
        let drawn = draw(&[diagnostic], &sources, Style { colour: false, width: 80 });
        assert!(drawn.contains("= help: write `b`") && drawn.lines().all(|line| line.len() < 120), "{drawn}");
    }

    #[test]
    fn nothing_of_a_plan_steers_the_terminal() {
        let evil = "\u{1b}[31m\u{7}\u{9b}1m\u{202e}\u{200f}\u{feff}\u{7f}";
        let mut sources = Sources::default();
        let id = sources.add(format!("{evil}.sov"), format!("a = \"{evil}\"\r\nb = 1\r\n"));
        let span = Span::new(id, 0, 30);
        let place = crate::diagnostic::DataPlace { path: evil.into(), line: None, column: Some(evil.into()) };
        let diagnostic = Diagnostic::error(CODE, evil)
            .label(span, evil)
            .at(place)
            .help(evil)
            .fix(evil, Span::new(id, 0, 1), evil)
            .note(evil);
        let drawn = draw(std::slice::from_ref(&diagnostic), &sources, Style::default());
        let json = json(&[diagnostic], &sources);
        for text in [&drawn, &json] {
            assert!(!text.chars().any(|c| c != '\n' && is_disturbing(c)), "{text:?}");
        }
    }

    #[test]
    fn windows_line_ends_are_not_drawn() {
        let mut sources = Sources::default();
        let id = sources.add("a.sov", "a = 1\r\nb = 2\r\n");
        let diagnostic = Diagnostic::error(CODE, "m").label(Span::new(id, 7, 8), "x").label(Span::new(id, 0, 1), "y");
        let drawn = draw(&[diagnostic], &sources, Style::default());
        assert!(!drawn.contains(['␍', '\r']) && drawn.contains("2 | b = 2"), "{drawn}");
    }

    #[test]
    fn an_endless_name_ends() {
        let (sources, id) = plan();
        let name = "x".repeat(1 << 20);
        let diagnostic =
            Diagnostic::error(CODE, format!("there is no `{name}`")).fix("write it", Span::new(id, 0, 1), name);
        assert!(draw(&[diagnostic], &sources, Style::default()).len() < 1000);
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
