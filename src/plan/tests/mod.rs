//! Plans with their mistakes marked, as texts.

use std::fmt::Write;

use super::{Files, Plan, check as check_tree, codes};
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{SourceId, Sources};
use crate::syntax::parse;

mod definitions;
mod devices;
mod dimensions;
mod names;
mod rows;
mod searches;
mod text;
mod values;
mod whole;

/// Checks a plan whose mistakes are marked in comments under them:
///
/// ```text
/// budget b = -3 ZFLOP
/// //         ^^^^^^^^ S0402 `b` must be positive
/// //         > budget b = 3 ZFLOP
/// ```
///
/// A mark stands under the primary label, with the code and the beginning of the message. `>` gives the marked line
/// after the first fix. Every diagnostic must be marked; that nothing is asked is left aside unless it is marked.
fn check(text: &str) {
    let mut want = Vec::new();
    let mut line = 0;
    for (number, text) in text.lines().enumerate() {
        let comment = text.trim_start().strip_prefix("//").map(str::trim_start);
        if let Some(comment) = comment.filter(|comment| comment.starts_with('^')) {
            let width = comment.chars().take_while(|&c| c == '^').count();
            let column = text.chars().take_while(|&c| c != '^').count() + 1;
            want.push((line, column, width, comment[width..].trim().to_owned(), None));
        } else if let Some(fixed) = comment.and_then(|comment| comment.strip_prefix('>')) {
            want.last_mut().expect("a fix stands under a mark").4 = Some(fixed.trim().to_owned());
        } else {
            line = number + 1;
        }
    }
    want.sort();
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    let (ast, holes) = parse(&sources, id);
    assert!(holes.is_empty(), "{text}\n{}", list(&holes, &sources));
    let (_, mut found) = check_tree(&ast, &sources, &Files::default(), "plan");
    if !text.contains(codes::NOTHING_ASKED.id) {
        found.retain(|found| found.code != codes::NOTHING_ASKED);
    }
    found.iter().for_each(is_well_made);
    let mut got: Vec<_> = found.iter().map(|found| place(found, &sources)).collect();
    got.sort();
    let same = got.len() == want.len()
        && got.iter().zip(&want).all(|(got, want)| {
            (got.0, got.1, got.2) == (want.0, want.1, want.2)
                && got.3.starts_with(&want.3)
                && want.4.as_ref().is_none_or(|line| got.4.as_ref() == Some(line))
        });
    assert!(same, "{text}\nfound:\n{}\nplaces: {got:#?}\nmarks: {want:#?}", list(&found, &sources));
}

/// The plan of a text without mistakes.
fn plan(text: &str) -> Plan {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    let (ast, holes) = parse(&sources, id);
    let (plan, found) = check_tree(&ast, &sources, &Files::default(), "plan");
    assert!(holes.is_empty() && found.is_empty(), "{}{}", list(&holes, &sources), list(&found, &sources));
    plan
}

/// The codes that are found in a text, holes or not.
fn found(text: &str) -> Vec<&'static str> {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    let (ast, _) = parse(&sources, id);
    check_tree(&ast, &sources, &Files::default(), "plan").1.iter().map(|found| found.code.id).collect()
}

/// Line, column and width of the primary label, the code and the message, and the line after the first fix.
fn place(found: &Diagnostic, sources: &Sources) -> (usize, usize, usize, String, Option<String>) {
    let span = found.span().unwrap_or_default();
    let (line, column) = sources.line_column(span.source, span.start);
    let text = &sources.get(SourceId(0)).text;
    let width = text[span.range()].chars().count();
    let edit = found.help.iter().find_map(|help| help.edits.first());
    let fixed = edit.map(|edit| {
        let fixed = format!("{}{}{}", &text[..edit.span.start as usize], edit.text, &text[edit.span.end as usize..]);
        let (line, _) = sources.line_column(edit.span.source, edit.span.start);
        fixed.lines().nth(line - 1).unwrap_or_default().trim().to_owned()
    });
    (line, column, width, format!("{} {}", found.code.id, found.message), fixed)
}

/// What every diagnostic of this stage keeps.
fn is_well_made(found: &Diagnostic) {
    let message = &found.message;
    assert!(!message.contains('\n') && !message.ends_with('.'), "{message}");
    assert!(message.chars().next().is_some_and(|first| !first.is_uppercase()), "{message}");
    assert!(found.severity == Severity::Error && !found.labels.is_empty(), "{message}");
    // A dimension that is off by more than one factor has no repair that is worth saying.
    let silent = [codes::DIMENSION, codes::UNLIKE].contains(&found.code);
    assert!(silent || !found.help.is_empty(), "no help: {message}");
}

fn list(found: &[Diagnostic], sources: &Sources) -> String {
    let mut text = String::new();
    for found in found {
        let (line, column, width, message, _) = place(found, sources);
        writeln!(text, "{line}:{column}+{width} {message}").unwrap();
        for label in &found.labels {
            writeln!(text, "    at `{}`: {}", sources.slice(label.span), label.message).unwrap();
        }
        for help in &found.help {
            writeln!(text, "    help: {} {:?}", help.message, help.edits.first().map(|edit| &edit.text)).unwrap();
        }
    }
    text
}
