//! The arguments of a fit to expressions over a table's columns.

use super::{Arguments, Seeds};
use crate::Compute;
use crate::cli::codes;
use crate::diagnostic::{Diagnostic, Help, any_error, list_of, nearest};
use crate::law::{Form, Variable};
use crate::plan::codes::{DUPLICATE_FIELD, UNKNOWN_LAW};
use crate::plan::{self, Column, RowChecker};
use crate::results::{self, Query};
use crate::source::{SourceId, Sources, Span, Spanned};
use crate::syntax::ast::{Expr, Name};
use crate::syntax::{parse_binding, parse_expression};
use crate::vit::{Architecture, Pooling};

/// What is read from a table.
pub(super) struct Bound {
    /// A value for each variable of the form, in its order, under the name that was bound.
    pub(super) query: Query,
    /// Where compute is bound as examples: how it is counted.
    pub(super) compute: Option<Compute>,
    /// Texts that were not written: a variable is read from the column of its name.
    implied: Vec<SourceId>,
    law: Span,
    pub(super) form: &'static dyn Form,
}

/// The variable that `examples` stands for: forward FLOPs, where a form knows the shape.
const COMPUTE: &str = "t";
const EXAMPLES: &str = "examples";
const SHAPE: [&str; 3] = ["width", "depth", "mlp"];

/// The form of that name.
pub(super) fn form(
    name: &str,
    sources: &mut Sources,
    forms: &[&'static dyn Form],
) -> Result<(&'static dyn Form, Span), Diagnostic> {
    let id = sources.add("--law", name);
    let place = Span::new(id, 0, name.len() as u32);
    let known = || forms.iter().map(|form| form.name());
    // Hyphens are what many write in a shell.
    let spelt = name.replace('-', "_");
    forms.iter().find(|form| form.name() == spelt).map(|&form| (form, place)).ok_or_else(|| {
        let error = Diagnostic::error(UNKNOWN_LAW, format!("there is no law of the form `{name}`"))
            .label(place, "not a form of laws");
        match nearest(name, known()) {
            Some(near) => error.fix(format!("there is `{near}`"), place, near),
            None => error.help(format!("the forms are {}", list_of(known()))),
        }
    })
}

/// Checks all arguments that speak of the table.
pub(super) fn bind(
    arguments: &Arguments,
    path: &str,
    (form, law): (&'static dyn Form, Span),
    sources: &mut Sources,
) -> Result<Bound, Vec<Diagnostic>> {
    let texts = Texts::add(arguments, sources);
    let mut found = Vec::new();
    let mut bound: Vec<(Name, Expr)> = Vec::new();
    for &id in &texts.bind {
        let (name, value, wrong) = parse_binding(sources, id);
        found.extend(wrong);
        let Some(name) = name else { continue };
        let takes = accepted(form);
        if !takes.contains(&name.value.as_str()) {
            found.push(unknown(form, &name, &takes));
        } else if let Some((first, _)) = bound.iter().find(|(first, _)| first.value == name.value) {
            found.push(
                Diagnostic::error(codes::BOUND_TWICE, format!("`{}` is bound twice", name.value))
                    .label(name.span, "bound again here")
                    .label(first.span, "first bound here")
                    .help("keep one of them"),
            );
        } else {
            bound.push((name, value));
        }
    }
    let given = |name: &str| bound.iter().find(|(known, _)| known.value == name).map(|(known, _)| known.span);
    if let (Some(compute), Some(examples)) = (given(COMPUTE), given(EXAMPLES).filter(|_| takes_examples(form))) {
        found.push(
            Diagnostic::error(codes::BOUND_TWICE, format!("`{COMPUTE}` and `{EXAMPLES}` both say how long a run was"))
                .label(examples, "in examples")
                .label(compute, "in FLOP")
                .help("keep one of them"),
        );
    }
    let is_by_examples =
        takes_examples(form) && (given(EXAMPLES).is_some() || arguments.has_architecture() && given(COMPUTE).is_none());
    let architecture =
        arguments.architecture(form, is_by_examples, given(EXAMPLES).unwrap_or(law)).unwrap_or_else(|wrong| {
            found.push(wrong);
            None
        });
    let mut implied = Vec::new();
    let names = form.variables().iter().map(|variable| match variable.name {
        COMPUTE if is_by_examples => EXAMPLES,
        name => name,
    });
    let bindings: Vec<(Name, Expr)> = names
        .map(|name| {
            bound.iter().find(|(known, _)| known.value == name).cloned().unwrap_or_else(|| {
                let id = sources.add("--bind", format!("{name}=`{name}`"));
                implied.push(id);
                let (_, value, _) = parse_binding(sources, id);
                (Spanned::new(name.to_owned(), Span::new(id, 0, name.len() as u32)), value)
            })
        })
        .collect();
    let [keep, hold_out, weight] = [texts.keep, texts.hold_out, texts.weight].map(|id| {
        let (value, wrong) = parse_expression(sources, id?);
        found.extend(wrong);
        Some(value)
    });

    let mut checker = RowChecker::new(sources);
    let values: Vec<_> =
        bindings.iter().map(|(name, value)| (name.value.clone(), checker.number(name, value))).collect();
    let [keep, hold_out] = [keep, hold_out].map(|value| checker.condition(&value?));
    let mut group: Vec<Column> = Vec::new();
    for name in texts.groups(sources, &mut found) {
        let column = checker.column(&name);
        if group.contains(&column) {
            found.push(
                Diagnostic::error(DUPLICATE_FIELD, format!("`{}` groups twice", name.value))
                    .label(name.span, "named already")
                    .help("remove it"),
            );
        }
        group.push(column);
    }
    let cluster = texts.cluster(sources, &mut found).map(|name| checker.column(&name));
    let weight = weight.and_then(|value| checker.number(&Spanned::new("weight".to_owned(), value.span), &value));
    let (columns, wrong) = checker.finish();
    found.extend(wrong);
    if any_error(&found) {
        return Err(found);
    }
    let values = values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let id = sources.add("TABLE", path);
    let query = Query {
        path: Spanned::new(path.to_owned(), Span::new(id, 0, path.len() as u32)),
        columns,
        values,
        keep,
        hold_out,
        group,
        cluster,
        seeds: match arguments.seeds {
            Seeds::Keep => plan::Seeds::Keep,
            Seeds::Average => plan::Seeds::Average,
        },
        weight,
    };
    let place = |name: &str| form.variables().iter().position(|variable| variable.name == name).unwrap_or_default();
    let compute =
        architecture.map(|architecture| Compute { architecture, shape: SHAPE.map(place), examples: place(COMPUTE) });
    Ok(Bound { query, compute, implied, law, form })
}

impl Bound {
    /// Findings of reading the table, where a column that nobody named is a variable that nobody bound.
    pub(super) fn explain(&self, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        for unread in found.iter_mut().filter(|found| found.code == results::codes::UNREADABLE_TABLE) {
            unread.help.clear();
            unread.help.push(Help { message: "check the path".to_owned(), edits: Vec::new() });
        }
        let is_implied = |found: &Diagnostic| {
            found.code == results::codes::UNKNOWN_COLUMN
                && found.span().is_some_and(|span| self.implied.contains(&span.source))
        };
        let (missing, mut rest): (Vec<_>, Vec<_>) = found.into_iter().partition(is_implied);
        let Some(first) = missing.first() else { return rest };
        let names: Vec<&str> = (self.query.values.iter())
            .filter(|(_, value)| {
                missing.iter().any(|found| found.span().is_some_and(|span| span.source == value.span.source))
            })
            .map(|(name, _)| name.as_str())
            .collect();
        let law = self.form.name();
        let message = format!(
            "law `{law}` needs {}: bound to nothing, and no column is called so",
            list_of(names.iter().copied())
        );
        let mut error = Diagnostic::error(codes::UNBOUND, message)
            .label(self.law, format!("has the variables {}", list_of(accepted(self.form))));
        for variable in self.form.variables().iter().filter(|variable| names.contains(&variable.name)) {
            error = error.note(format!("`{}`: {}", variable.name, variable.meaning));
        }
        if takes_examples(self.form) && names.contains(&COMPUTE) {
            error = error.note(format!(
                "`{EXAMPLES}` may be bound for `{COMPUTE}`, with the model given by `--image`, `--patch`, `--heads` and `--pool`"
            ));
        }
        error.notes.extend(first.notes.iter().cloned());
        let example: Vec<String> = names.iter().map(|name| format!("--bind {name}='`COLUMN`'")).collect();
        rest.push(error.help(format!("bind it to columns, for example `{}`", example.join(" "))));
        rest
    }
}

/// Names that may be bound: the form's variables, and `examples` for compute where the form has the shape.
fn accepted(form: &dyn Form) -> Vec<&'static str> {
    let names = form.variables().iter().map(|variable| variable.name);
    names.chain(takes_examples(form).then_some(EXAMPLES)).collect()
}

fn takes_examples(form: &dyn Form) -> bool {
    let has = |name: &str| form.variables().iter().any(|variable: &Variable| variable.name == name);
    has(COMPUTE) && !has(EXAMPLES) && SHAPE.into_iter().all(has)
}

fn unknown(form: &dyn Form, name: &Name, takes: &[&'static str]) -> Diagnostic {
    let error =
        Diagnostic::error(codes::UNKNOWN_VARIABLE, format!("law `{}` has no variable `{}`", form.name(), name.value))
            .label(name.span, "not a variable of this law");
    match nearest(&name.value, takes.iter().copied()) {
        Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
        None => error.help(format!("its variables are {}", list_of(takes.iter().copied()))),
    }
}

/// The arguments as sources.
struct Texts {
    bind: Vec<SourceId>,
    keep: Option<SourceId>,
    hold_out: Option<SourceId>,
    group_by: Vec<SourceId>,
    cluster: Option<SourceId>,
    weight: Option<SourceId>,
}

impl Texts {
    fn add(arguments: &Arguments, sources: &mut Sources) -> Self {
        let mut add = |name: &str, text: &String| sources.add(name, text.as_str());
        Self {
            bind: arguments.bind.iter().map(|text| add("--bind", text)).collect(),
            keep: arguments.keep.as_ref().map(|text| add("--where", text)),
            hold_out: arguments.hold_out.as_ref().map(|text| add("--hold-out", text)),
            group_by: arguments.group_by.iter().map(|text| add("--group-by", text)).collect(),
            cluster: arguments.cluster.as_ref().map(|text| add("--cluster", text)),
            weight: arguments.weight.as_ref().map(|text| add("--weight", text)),
        }
    }

    fn groups(&self, sources: &Sources, found: &mut Vec<Diagnostic>) -> Vec<Name> {
        self.group_by.iter().flat_map(|&id| column_names(sources, id, true, found)).collect()
    }

    fn cluster(&self, sources: &Sources, found: &mut Vec<Diagnostic>) -> Option<Name> {
        self.cluster.and_then(|id| column_names(sources, id, false, found).pop())
    }
}

/// Names of columns between commas, or one name; backquotes may stand around each, and then it may hold commas.
fn column_names(sources: &Sources, id: SourceId, is_list: bool, found: &mut Vec<Diagnostic>) -> Vec<Name> {
    let text = &*sources.get(id).text;
    let mut names = Vec::new();
    let mut start = 0;
    let mut is_quoted = false;
    let ends = text.char_indices().chain([(text.len(), ',')]);
    for (at, c) in ends {
        if c == '`' {
            is_quoted = !is_quoted;
        }
        if c != ',' || at < text.len() && (is_quoted || !is_list) {
            continue;
        }
        let piece = text.get(start..at).unwrap_or("");
        let from = start + piece.len() - piece.trim_start().len();
        let piece = piece.trim();
        let span = Span::new(id, from as u32, (from + piece.len()) as u32);
        let inner = piece.strip_prefix('`').and_then(|inner| inner.strip_suffix('`')).unwrap_or(piece);
        if inner.is_empty() || inner.contains('`') {
            let what = if piece.is_empty() { "nothing".to_owned() } else { format!("`{piece}`") };
            let message = format!("expected a column's name, found {what}");
            found.push(
                Diagnostic::error(crate::syntax::codes::UNEXPECTED, message)
                    .label(span, "expected a column's name")
                    .help("write names between commas, in backquotes where they hold commas"),
            );
        } else {
            names.push(Spanned::new(inner.to_owned(), span));
        }
        start = at + 1;
    }
    names
}

impl Arguments {
    fn has_architecture(&self) -> bool {
        self.image.is_some() || self.patch.is_some() || self.heads.is_some() || self.pool.is_some()
    }

    /// The model whose FLOPs count, where compute is bound as examples.
    fn architecture(&self, form: &dyn Form, is_needed: bool, place: Span) -> Result<Option<Architecture>, Diagnostic> {
        if !is_needed {
            if !self.has_architecture() {
                return Ok(None);
            }
            let message =
                "`--image`, `--patch`, `--heads` and `--pool` count the FLOPs of examples, which are not bound";
            let error = Diagnostic::error(codes::UNUSED_MODEL, message);
            return Err(if takes_examples(form) {
                error.help(format!("bind `{EXAMPLES}` instead of `{COMPUTE}`, or leave these options out"))
            } else {
                error.help(format!("leave them out: law `{}` has no `{COMPUTE}` beside a shape", form.name()))
            });
        }
        let (Some(image), Some(patch), Some(heads), Some(pool)) = (self.image, self.patch, self.heads, self.pool)
        else {
            let missing: Vec<&str> = [
                (self.image.is_none(), "--image"),
                (self.patch.is_none(), "--patch"),
                (self.heads.is_none(), "--heads"),
                (self.pool.is_none(), "--pool"),
            ]
            .into_iter()
            .filter_map(|(is_missing, name)| is_missing.then_some(name))
            .collect();
            let message = format!("`{EXAMPLES}` become compute by the FLOPs of a model: give {}", list_of(missing));
            return Err(Diagnostic::error(codes::NO_MODEL, message)
                .label(place, "counts examples")
                .help("say what model was trained: `--image 224 --patch 14 --heads 16 --pool map`")
                .help(format!("or bind `{COMPUTE}` to forward FLOPs")));
        };
        let pooling = pool.pooling();
        let class_token = pooling == Pooling::Class;
        Ok(Some(Architecture { image, patch, heads, pooling, class_token, ..Architecture::default() }))
    }
}
