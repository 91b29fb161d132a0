//! What can be fitted: every form with its formula, its variables and its source.

use serde::Serialize;

use super::wrapped;
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
