//! Names for values: what `let` and `budget` define, each evaluated once, in whatever order they stand.

use std::collections::BTreeMap;

use super::check::{Checker, Owner};
use super::codes;
use crate::diagnostic::{Diagnostic, list_of, nearest};
use crate::hardware::device;
use crate::plan::{NamedValue, ShapeVariable};
use crate::syntax::ast::{Ast, Expr, ExprKind, Item, ItemKind, Name, Path};
use crate::units::{Dimension, Quantity};
use crate::vit;

/// Values by their names.
#[derive(Debug, Default)]
pub(super) struct Bindings<'a> {
    list: Vec<Binding<'a>>,
    by_name: BTreeMap<&'a str, usize>,
    /// Those that are being evaluated, each for the one before it.
    open: Vec<usize>,
    /// Whether a chain that is too long was reported.
    is_too_long: bool,
    origin: Origin,
}

#[derive(Debug)]
struct Binding<'a> {
    keyword: &'static str,
    name: &'a Name,
    value: &'a Expr,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Open,
    /// `None` where it has a hole or a mistake, which is reported.
    Done(Option<Quantity>),
}

/// Which definition uncertain values stand in, and how many of its own came before: what decides their draws.
#[derive(Clone, Copy, Debug, Default)]
struct Origin {
    definition: u64,
    count: u64,
}

/// Most names of which each stands for one made of the next.
const LONGEST_CHAIN: usize = 128;

impl<'a> Checker<'a> {
    /// Collects the names of values.
    pub(super) fn collect(&mut self, ast: &'a Ast) {
        for item in &ast.items {
            let (keyword, name, value) = match &item.kind {
                ItemKind::Let { name: Some(name), value } => ("let", name, value),
                ItemKind::Budget { name: Some(name), value } => ("budget", name, value),
                ItemKind::Device { name: Some(name), .. } => {
                    self.collect_device(name, item);
                    continue;
                }
                _ => continue,
            };
            if self.may_be_bound(keyword, name) {
                let bindings = &mut self.bindings;
                bindings.by_name.insert(&name.value, bindings.list.len());
                bindings.list.push(Binding { keyword, name, value, state: State::Waiting });
            }
        }
    }

    /// Evaluates every value that has not been needed yet.
    pub(super) fn evaluate_all(&mut self) {
        for index in 0..self.bindings.list.len() {
            self.evaluate(index);
        }
    }

    /// Whether a name is free; reports that it is not.
    fn may_be_bound(&mut self, keyword: &str, name: &Name) -> bool {
        let text = name.value.as_str();
        if let Some(first) = self.bindings.get(text) {
            // Two budgets of one name are reported as such.
            if (first.keyword, keyword) != ("budget", "budget") {
                let error = Diagnostic::error(codes::DUPLICATE_DEFINITION, format!("`{text}` stands for two values"))
                    .label(name.span, "defined again here")
                    .label(first.name.span, "first defined here")
                    .help("give one of them another name, or remove it");
                self.report(error);
            }
            return false;
        }
        keyword != "let" || self.is_free(name)
    }

    /// Whether the language has given a name no meaning; reports that it has.
    pub(super) fn is_free(&mut self, name: &Name) -> bool {
        let text = name.value.as_str();
        let what = if ShapeVariable::ALL.iter().any(|(known, _)| *known == text) {
            "a number of every shape"
        } else if device(text).is_some() || self.devices.has(text) {
            "a device"
        } else if vit::named(text).is_some() {
            "a published model"
        } else {
            return true;
        };
        let error = Diagnostic::error(codes::TAKEN, format!("`{text}` is the name of {what}"))
            .label(name.span, "has its meaning already")
            .fix("choose another name", name.span, format!("my_{text}"));
        self.report(error);
        false
    }

    /// Whether a name stands for a value.
    pub(super) fn is_bound(&self, name: &Name) -> bool {
        self.bindings.get(&name.value).is_some()
    }

    /// The value that a name stands for: `Some(None)` where it has a mistake, `None` where there is no such name.
    #[expect(clippy::option_option, reason = "no such name, or a mistake, or a value")]
    pub(super) fn bound(&mut self, name: &Name) -> Option<Option<Quantity>> {
        let index = *self.bindings.by_name.get(name.value.as_str())?;
        match &self.bindings.list.get(index)?.state {
            State::Done(value) => Some(value.clone()),
            State::Open => {
                self.circle(index, name);
                Some(None)
            }
            State::Waiting => Some(if self.chain_is_too_long(name) { None } else { self.evaluate(index) }),
        }
    }

    /// Whether so many names stand for one another that looking further may end badly; reports it once.
    pub(super) fn chain_is_too_long(&mut self, name: &Name) -> bool {
        if self.bindings.open.len() + self.devices.open() < LONGEST_CHAIN {
            return false;
        }
        let message = format!("more than {LONGEST_CHAIN} names stand for one another in a row");
        let error = Diagnostic::error(codes::TOO_LARGE, message)
            .label(name.span, "one too many")
            .help("define names above their use, or fewer of them");
        if !std::mem::replace(&mut self.bindings.is_too_long, true) {
            self.report(error);
        }
        true
    }

    /// The value that a path names: `NAME`, in questions also `let.NAME` and `budget.NAME`; `Some(None)` where it names
    /// something else.
    #[expect(clippy::option_option, reason = "as it says")]
    pub(super) fn bound_path<'p>(&mut self, path: &'p Path) -> Option<Option<(&'p Name, Option<Quantity>)>> {
        let name = match path.names.as_slice() {
            [name] => name,
            [keyword, name] if self.is_asked && ["let", "budget"].contains(&keyword.value.as_str()) => {
                if self.bindings.get(&name.value).is_none_or(|binding| binding.keyword != keyword.value) {
                    self.unknown_value(&keyword.value, name, path);
                    return None;
                }
                name
            }
            _ => return Some(None),
        };
        Some(self.bound(name).map(|bound| (name, bound)))
    }

    fn unknown_value(&mut self, keyword: &str, name: &Name, path: &Path) {
        let noun = if keyword == "let" { "value" } else { keyword };
        let known = self.named_values();
        let known = || known.iter().filter(|found| found.keyword == keyword).map(|found| found.name.value.as_str());
        let error = Diagnostic::error(codes::UNKNOWN_NAME, format!("the plan has no {noun} `{}`", name.value))
            .label(path.span, format!("no {noun} of this name"));
        let error = match nearest(&name.value, known()) {
            Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
            None => error.help(format!("the plan has {}", list_of(known()))),
        };
        self.report(error);
    }

    /// The value that a definition of this name gives it; `None` where another definition has the name, or none.
    #[expect(clippy::option_option, reason = "not its name, or a mistake, or a value")]
    pub(super) fn bound_here(&mut self, name: &Name) -> Option<Option<Quantity>> {
        self.bindings.get(&name.value).filter(|binding| binding.name.span == name.span)?;
        self.bound(name)
    }

    /// Every value with a name, in the order of the plan.
    pub(super) fn named_values(&self) -> Vec<NamedValue<'a>> {
        self.bindings.list.iter().map(Binding::named).collect()
    }

    /// What a law or a search came to, in a question: `Some(None)` where the path names something else.
    #[expect(clippy::option_option, reason = "a mistake, or something else, or a value")]
    pub(super) fn concluded(&mut self, path: &Path) -> Option<Option<Quantity>> {
        let ([keyword, rest @ ..], true) = (path.names.as_slice(), self.is_asked) else { return Some(None) };
        if !path.is_of_results() {
            return Some(None);
        }
        let text = path.names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(".");
        if let Some(value) = self.concluded.get(&text) {
            return Some(Some(value.clone()));
        }
        let error = Diagnostic::error(codes::UNKNOWN_NAME, format!("the plan's results hold no `{text}`"))
            .label(path.span, "no number of this name");
        // Of the same law or search, or of all there are; what they have in common says nothing about nearness.
        let of = format!("{}.{}.", keyword.value, rest.first().map_or("", |name| &name.value));
        let (of, known) = match self.concluded.keys().filter_map(|name| name.strip_prefix(&of)).collect::<Vec<_>>() {
            few if few.is_empty() => (String::new(), self.concluded.keys().map(String::as_str).collect()),
            few => (of, few),
        };
        let error = match nearest(text.strip_prefix(&of).unwrap_or(""), known.iter().copied()) {
            Some(near) => error.fix(format!("there is `{of}{near}`"), path.span, format!("{of}{near}")),
            None if known.is_empty() => error.help("only a law `sovit` and a search have results to ask for"),
            None => error.help(format!(
                "{}there is {}",
                if of.is_empty() { String::new() } else { format!("after `{of}` ") },
                list_of(known)
            )),
        };
        self.report(error);
        None
    }

    /// The value of that name.
    pub(super) fn named_value(&self, name: &Name) -> Option<NamedValue<'a>> {
        self.bindings.get(&name.value).map(Binding::named)
    }

    /// The name of a value that is nearest to a wrong one.
    pub(super) fn nearest_bound(&self, name: &Name) -> Option<&'a str> {
        nearest(&name.value, self.bindings.by_name.keys().copied())
    }

    /// Shows where a name was given the value that a message is about.
    pub(super) fn origin(&self, error: Diagnostic, expr: &Expr) -> Diagnostic {
        let ExprKind::Path(path) = &expr.kind else { return error };
        match path.names.as_slice() {
            [name] => match self.bindings.get(&name.value) {
                Some(binding) => error.label(binding.value.span, format!("`{}` stands for this", name.value)),
                None => error,
            },
            _ => error,
        }
    }

    fn evaluate(&mut self, index: usize) -> Option<Quantity> {
        let binding = self.bindings.list.get_mut(index)?;
        if let State::Done(value) = &binding.state {
            return value.clone();
        }
        binding.state = State::Open;
        let (keyword, name, value) = (binding.keyword, binding.name, binding.value);
        self.bindings.open.push(index);
        let hint = (keyword == "budget").then_some(Dimension::FLOP);
        let owner = Owner { name: &name.value, span: name.span };
        let found = self.elsewhere(keyword, &name.value, |checker| checker.a_value(value, hint, owner));
        self.bindings.open.pop();
        if let Some(binding) = self.bindings.list.get_mut(index) {
            binding.state = State::Done(found.clone());
        }
        found
    }

    /// A constant; reports what can be none by its type.
    pub(super) fn a_value(&mut self, value: &Expr, hint: Option<Dimension>, owner: Owner<'_>) -> Option<Quantity> {
        if matches!(value.kind, ExprKind::Record(_) | ExprKind::List(_) | ExprKind::Text(_) | ExprKind::Bool(_)) {
            self.of_type(value, "a number", owner);
            return None;
        }
        self.constant(value, hint)
    }

    /// A name whose value is made of itself.
    fn circle(&mut self, index: usize, used: &Name) {
        let open = &self.bindings.open;
        let first = open.iter().position(|&other| other == index).unwrap_or(0);
        let ring: Vec<&Name> =
            open[first..].iter().filter_map(|&i| self.bindings.list.get(i)).map(|binding| binding.name).collect();
        let through = match ring.as_slice() {
            [] | [_] => String::new(),
            [_, rest @ ..] => format!(", through {}", list_of(rest.iter().map(|name| name.value.as_str()))),
        };
        let mut error = Diagnostic::error(codes::CIRCLE, format!("`{}` is defined by itself{through}", used.value))
            .label(used.span, "needs the value that is being defined");
        for name in ring {
            error = error.label(name.span, format!("defines `{}`", name.value));
        }
        self.report(error.help("write one of them as a number"));
    }

    /// Does something in another definition than the one that asks for it.
    pub(super) fn elsewhere<T>(&mut self, keyword: &str, name: &str, f: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.bindings.origin, Origin::of(keyword, name));
        let found = f(self);
        self.bindings.origin = outer;
        found
    }

    /// From here on uncertain values stand in this definition.
    pub(super) fn stand_in(&mut self, item: &Item) {
        let (keyword, name) = super::check::header(&item.kind);
        self.bindings.origin = Origin::of(keyword, name.map_or("", |name| &name.value));
    }

    /// The seed of the next uncertain value: it depends on its definition's name and on how many stand before it there.
    pub(super) fn next_seed(&mut self) -> u64 {
        let origin = &mut self.bindings.origin;
        origin.count += 1;
        origin.definition.wrapping_add(origin.count)
    }
}

impl<'a> Binding<'a> {
    const fn named(&self) -> NamedValue<'a> {
        NamedValue { keyword: self.keyword, name: self.name, span: self.value.span }
    }
}

impl<'a> Bindings<'a> {
    fn get(&self, name: &str) -> Option<&Binding<'a>> {
        self.list.get(*self.by_name.get(name)?)
    }
}

impl Origin {
    /// By the hash of Fowler, Noll and Vo (64 bits, 1a).
    fn of(keyword: &str, name: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let bytes = keyword.bytes().chain([b' ']).chain(name.bytes());
        Self { definition: bytes.fold(0xcbf2_9ce4_8422_2325, step), count: 0 }
    }
}
