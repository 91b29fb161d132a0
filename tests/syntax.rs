//! Plans with marks under what is wrong in them: `tests/syntax/*.sov`.
//!
//! A line that begins with `^` is no text: it marks the line above, `^^^ S0103 expected a value`, and says code and
//! message of the diagnostic whose primary place the carets cover; an empty place has one caret. A line that begins
//! with `~` marks a further place of the diagnostic before it. Every diagnostic is marked, and every fix mends its own.
//! `SOVIT_UPDATE=1` rewrites the marks.

use std::fmt::Write as _;
use std::path::Path;

use sovitc::diagnostic::{Diagnostic, Edit, Label};
use sovitc::source::{Source, SourceId, Sources};
use sovitc::syntax::{parse, print};

#[test]
fn marked_plans_say_what_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let marked = std::fs::read_to_string(&path).unwrap();
        let text = unmarked(&marked);
        let found = marks(&text, &diagnostics(&text));
        if std::env::var_os("SOVIT_UPDATE").is_some() {
            std::fs::write(&path, &found).unwrap();
            continue;
        }
        assert!(found == marked, "{}: found\n{found}", path.display());
        fixes_mend(&text);
    }
}

#[test]
fn line_ends_and_marks_of_order_do_not_matter() {
    let plan = include_str!("syntax/sketch.sov");
    let printed = |text: &str| {
        let mut sources = Sources::default();
        let id = sources.add("plan.sov", text);
        let (ast, found) = parse(&sources, id);
        assert!(found.is_empty(), "{found:?}");
        print(&ast)
    };
    assert_eq!(printed(&format!("\u{feff}{}", plan.replace('\n', "\r\n"))), printed(plan));
}

/// Text that was made to hurt: within a small stack, in little time, with few words.
#[test]
fn hostile_text_costs_little() {
    let pieces = [
        "[",
        "(",
        "{",
        "f(",
        "x={",
        "[{a=(",
        "-",
        "not ",
        "- (",
        "1+",
        "1+(",
        "1 +- ",
        "1 as a as ",
        "a<",
        "a.",
        "a%",
        "[1,",
        "a =",
        "a =\n",
        "a\n",
        "a b\n",
        "a ",
        "model a {",
        "model a {\n",
        "x = {\n",
        "}",
        "}\n",
        "]\n",
        "[\n",
        "(a\n",
        "\n",
        ";",
        ",",
        " ",
        "\"",
        "'",
        "'\n",
        "“",
        "/*",
        "/",
        "#",
        "@",
        "@ ",
        ":",
        "é",
        "1 s^",
        "1 s/",
        "1 %",
        "8 % 2 == 0\n",
        "\\",
        "\"\\u{",
        "1e999 ",
        "9",
        "emit a \"b\"\n{\n",
        "require ",
        "a in 1..",
        "a = 1 b = 2 ",
        "budget b = ",
        "law a = ",
    ];
    let before = ["", "budget b = ", "model m {\n  x = ", "model m {\n  ", "start s { x = [("];
    let small = std::thread::Builder::new().stack_size(512 << 10);
    let run = small.spawn(move || {
        for piece in pieces {
            for before in before {
                let text = format!("{before}{}", piece.repeat((1 << 17) / piece.len()));
                let start = std::time::Instant::now();
                let found = diagnostics(&text);
                assert!(found.len() <= 100, "{before}{piece}: {} diagnostics", found.len());
                let time = start.elapsed();
                assert!(time.as_secs_f64() < 1.0, "{before}{piece}: {time:?}");
            }
        }
    });
    run.unwrap().join().unwrap();
}

#[test]
fn a_megabyte_of_mistakes_costs_little() {
    for piece in ["[", "a =", "a =\n"] {
        let start = std::time::Instant::now();
        diagnostics(&piece.repeat((1 << 20) / piece.len()));
        let time = start.elapsed();
        // About 0.2 s here; a quadratic parser takes minutes.
        assert!(time.as_secs_f64() < 5.0, "{piece}: {time:?}");
    }
}

#[test]
fn deep_nesting_is_one_mistake() {
    for (before, open) in
        [("", "["), ("budget b = ", "["), ("model m {\n  x = ", "["), ("budget b = ", "-("), ("budget b = 1", "+ 1 ")]
    {
        let found = diagnostics(&format!("{before}{}", open.repeat(100_000)));
        let codes: Vec<_> = found.iter().map(|d| d.code.id).collect();
        let expected = if before.is_empty() { "S0105" } else { "S0113" };
        assert_eq!(codes, [expected], "{before}{open}: {found:?}");
    }
    let nested = |depth: usize| format!("budget b = {}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(diagnostics(&nested(128)).is_empty());
    assert_eq!(diagnostics(&nested(129)).len(), 1);
    assert_eq!(diagnostics(&nested(100_000)).len(), 1);
}

#[test]
fn many_mistakes_are_cut_short() {
    let found = diagnostics(&format!("model m {{\n{}}}", "  a 1\n".repeat(500)));
    assert_eq!(found.len(), 100);
    assert_eq!(found.last().unwrap().code.id, "S0115");
}

#[test]
fn a_text_beyond_the_limit_is_not_read() {
    let found = diagnostics(&" ".repeat(Source::LIMIT + 1));
    assert_eq!(found.iter().map(|d| d.code.id).collect::<Vec<_>>(), ["S0114"]);
    assert!(diagnostics(&" ".repeat(Source::LIMIT)).is_empty());
}

/// Applying the first fix of a diagnostic silences it.
fn fixes_mend(text: &str) {
    let all = diagnostics(text);
    for diagnostic in &all {
        let Some(help) = diagnostic.help.iter().find(|help| !help.edits.is_empty()) else { continue };
        let mended = apply(text, &help.edits);
        let alike = |found: &[Diagnostic]| found.iter().filter(|d| d.message == diagnostic.message).count();
        assert!(
            alike(&diagnostics(&mended)) < alike(&all),
            "`{}` does not mend `{}`:\n{mended}",
            help.message,
            diagnostic.message
        );
    }
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let mut edits = edits.to_vec();
    edits.sort();
    edits.iter().rev().fold(text.to_owned(), |mut text, edit| {
        text.replace_range(edit.span.range(), &edit.text);
        text
    })
}

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    parse(&sources, id).1
}

fn unmarked(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.trim_start().starts_with(['^', '~'])).collect()
}

/// The text with a mark below each line for each place on it.
fn marks(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    let mut marks: Vec<(usize, String)> = Vec::new();
    for diagnostic in diagnostics {
        let words = format!("{} {}", diagnostic.code.id, diagnostic.message);
        for (index, label) in diagnostic.labels.iter().enumerate() {
            let (sign, words) = if index == 0 { ('^', &words) } else { ('~', &label.message) };
            let (line, mark) = mark(&sources, id, label, sign);
            marks.push((line, format!("{mark} {words}\n")));
        }
    }
    let mut out = String::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        out.push_str(line);
        if !line.ends_with('\n') && marks.iter().any(|(at, _)| *at > number) {
            out.push('\n');
        }
        for (_, mark) in marks.iter().filter(|(at, _)| *at == number + 1) {
            out.push_str(mark);
        }
    }
    out
}

fn mark(sources: &Sources, id: SourceId, label: &Label, sign: char) -> (usize, String) {
    let (line, column) = sources.line_column(id, label.span.start);
    let width = sources.slice(label.span).lines().next().unwrap_or("").chars().count().max(1);
    let mut mark = " ".repeat(column - 1);
    let _ = write!(mark, "{}", sign.to_string().repeat(width));
    (line, mark)
}
