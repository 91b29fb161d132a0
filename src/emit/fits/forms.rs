//! What can be fitted: every form with its formula, its variables and its source.

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::emit::terminal::{Section, sections};
use crate::law::Form;

/// Every form as one JSON array of `{name, formula, variables: [{name, meaning}], source}`; the last variable is what
/// the form predicts.
pub fn forms_json(forms: &[&dyn Form]) -> String {
    #[derive(Serialize)]
    struct Entry {
        name: &'static str,
        formula: &'static str,
        variables: Vec<Variable>,
        source: &'static str,
    }
    #[derive(Serialize)]
    struct Variable {
        name: &'static str,
        meaning: &'static str,
    }
    let entry = |form: &&dyn Form| Entry {
        name: form.name(),
        formula: form.formula(),
        variables: form.variables().iter().map(|v| Variable { name: v.name, meaning: v.meaning }).collect(),
        source: form.source(),
    };
    let list: Vec<Entry> = forms.iter().map(entry).collect();
    serde_json::to_string_pretty(&list).unwrap_or_default() + "\n"
}

/// Every form for people, with ANSI styles, at most 80 columns wide.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn forms_report(forms: &[&dyn Form]) -> Result<String, Diagnostic> {
    let section = |form: &&dyn Form| {
        let widest = form.variables().iter().map(|variable| variable.name.len()).max().unwrap_or(0);
        let mut rows = wrapped(form.formula(), 0);
        for variable in form.variables() {
            let text = format!("{:<widest$}  {}", variable.name, variable.meaning);
            rows.extend(wrapped(&text, widest + 2));
        }
        rows.extend(wrapped(form.source(), 0));
        Section { title: form.name().to_owned(), rows }
    };
    sections(forms.iter().map(section).collect())
}

/// Columns of a line below a headline.
const WIDTH: usize = 78;

/// A text on lines of at most [`WIDTH`] columns where its words allow it; all but the first are indented.
fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut is_fresh = true;
    for word in text.split(' ') {
        if !is_fresh && !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_and_short_ones_kept() {
        assert_eq!(wrapped("x  examples seen", 3), ["x  examples seen"]);
        let long = wrapped(&format!("n  {}", "word ".repeat(30).trim()), 3);
        assert!(long.len() == 2 && long.iter().all(|line| line.chars().count() <= WIDTH), "{long:?}");
        assert!(long[1].starts_with("   word"), "{long:?}");
    }
}
