//! Names of definitions: declared once, found from anywhere, left out where only one can be meant.

use super::check::{Checker, Owner};
use super::codes;
pub(super) use crate::diagnostic::list_of;
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::syntax::ast::Name;

/// The names of one kind of definition, in the order of the plan.
#[derive(Debug)]
pub(super) struct Names {
    /// What one is called, such as `model`.
    noun: &'static str,
    list: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    /// `None` where the parser left a hole.
    name: Option<Name>,
    /// Its index in the plan's list, once it is known to be whole.
    index: Option<usize>,
}

impl Names {
    /// How many definitions there are, whole or not.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Says that the definition with this number stands at `index` of the plan's list.
    pub(super) fn settle(&mut self, number: usize, index: usize) {
        if let Some(known) = self.list.get_mut(number) {
            known.index = Some(index);
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter_map(|known| known.name.as_ref()).map(|name| name.value.as_str())
    }

    fn hide_a_hole(&self) -> bool {
        self.list.iter().any(|known| known.name.is_none())
    }
}

impl Checker<'_> {
    /// Collects the names of one kind of definition and reports those that are taken already.
    pub(super) fn declare(&mut self, noun: &'static str, names: impl Iterator<Item = Option<Name>>) -> Names {
        let mut list: Vec<Known> = Vec::new();
        for name in names {
            let taken = |name: &Name| {
                list.iter().filter_map(|known| known.name.as_ref()).find(|other| other.value == name.value)
            };
            if let Some(name) = &name
                && let Some(first) = taken(name)
            {
                let message = format!("the {noun} `{}` is defined twice", name.value);
                let found = Diagnostic::error(codes::DUPLICATE_DEFINITION, message)
                    .label(name.span, "defined again here")
                    .label(first.span, "first defined here")
                    .help("give one of them another name, or remove it");
                self.report(found);
            }
            list.push(Known { name, index: None });
        }
        Names { noun, list }
    }

    /// The index of the definition called `name`; `None` where there is none, or where it is not whole.
    pub(super) fn resolve(&mut self, names: &Names, name: &Name, owner: Owner<'_>) -> Option<usize> {
        let found = names.list.iter().find(|known| known.name.as_ref().is_some_and(|n| n.value == name.value));
        if let Some(known) = found {
            return known.index;
        }
        if names.hide_a_hole() {
            return None;
        }
        let noun = names.noun;
        let mut error = Diagnostic::error(codes::UNKNOWN_NAME, format!("there is no {noun} `{}`", name.value))
            .label(name.span, format!("no {noun} of this name"))
            .label(owner.span, format!("names a {noun}"));
        error = match nearest(&name.value, names.texts()) {
            Some(near) => error.fix(format!("there is a {noun} `{near}`"), name.span, near),
            None if names.len() == 0 => error.help(format!("the plan has no {noun}: define `{noun} {}`", name.value)),
            None => error.help(format!("the plan has {}", list_of(names.texts()))),
        };
        self.report(error);
        None
    }

    /// The one definition there is, for a reference that was left out at `at` by `what`.
    ///
    /// `insert` writes the reference into the plan, given a name.
    pub(super) fn only(
        &mut self,
        names: &Names,
        what: &str,
        at: Span,
        insert: impl Fn(&str) -> (Span, String),
    ) -> Option<usize> {
        let noun = names.noun;
        let mut error = match names.list.as_slice() {
            [only] => return only.index,
            [] => Diagnostic::error(codes::MISSING_DEFINITION, format!("{what} needs a {noun}, and the plan has none"))
                .label(at, format!("needs a {noun}"))
                .help(format!("define one: `{}`", sketch(noun))),
            _ => Diagnostic::error(codes::AMBIGUOUS, format!("{what} does not say which {noun} it means"))
                .label(at, format!("needs `{noun} = NAME`")),
        };
        for name in names.list.iter().filter_map(|known| known.name.as_ref()).take(OFFERED) {
            let (span, text) = insert(&name.value);
            error = error.label(name.span, "could be meant").fix(format!("name `{}`", name.value), span, text);
        }
        self.report(error);
        None
    }
}

/// Of several definitions that may be meant, so many are offered.
const OFFERED: usize = 4;

fn sketch(noun: &str) -> &'static str {
    match noun {
        "model" => "model encoder { image = 224 px, patch = 14 px, heads = 16 }",
        "law" => "law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }",
        "budget" => "budget flagship = forward(vit_g14) * 16e9 example",
        "recipe" => {
            "recipe web { batch = 4096, schedule = cosine, warmup = 10000, learning_rate = 1e-3, weight_decay = 0.1 }"
        }
        "search" => "search flagship { width in 384..2048 step 16, depth in 6..60, mlp in 512..16384 step 16 }",
        _ => "results star from \"star.csv\" { ... }",
    }
}
