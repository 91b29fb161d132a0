//! Tree to plan: the order of the checks, and what they share.

use std::collections::BTreeMap;

use super::bindings::Bindings;
use super::devices::Devices;
use super::names::Names;
use super::{Plan, PriceList, codes};
use crate::diagnostic::{Diagnostic, sort};
use crate::source::{SourceId, Sources, Span};
use crate::syntax::ast::{Ast, Item, ItemKind, Name};
use crate::units::Quantity;
use crate::vit::Vit;

/// Checks a tree: names, schemas, dimensions, kinds of compute and ranges.
///
/// The plan holds every definition that is whole, and its indices are always valid; it says all that was written only
/// where no diagnostic is an error. Holes that the parser left are silent. `name` becomes [`Plan::name`].
///
/// What stands on a file that is not among `files` is left out in silence.
pub fn check<'a>(ast: &'a Ast, sources: &'a Sources, files: &'a Files, name: &str) -> (Plan, Vec<Diagnostic>) {
    let mut checker = Checker::new(sources, files);
    let plan = match ast.items.get(LARGEST) {
        None => checker.plan(ast, name),
        Some(item) => {
            checker.report(too_large("a plan", "definitions", item.keyword));
            Plan::empty(name)
        }
    };
    (plan, checker.found())
}

/// What the files say that a plan is checked with, by the paths that the plan names them with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files {
    /// Encoders that models begin as.
    pub configs: BTreeMap<String, Vit>,
    /// Prices of devices.
    pub prices: BTreeMap<String, PriceList>,
}

/// None at all.
pub(super) static NO_FILES: Files = Files { configs: BTreeMap::new(), prices: BTreeMap::new() };

/// Most definitions of a plan, and most elements of a list: far beyond what a person writes, and few enough that
/// comparing each with each takes no time.
pub(super) const LARGEST: usize = 10_000;

/// How many mistakes are shown.
const SHOWN: usize = 100;

/// Something holds more than [`LARGEST`] of a kind.
pub(super) fn too_large(what: &str, kind: &str, first_beyond: Span) -> Diagnostic {
    Diagnostic::error(codes::TOO_LARGE, format!("{what} has more than {LARGEST} {kind}"))
        .label(first_beyond, "the first beyond that")
        .help("split it into several")
}

/// What every check needs: the text, and somewhere to put what is wrong.
pub(super) struct Checker<'a> {
    pub(super) sources: &'a Sources,
    pub(super) files: &'a Files,
    /// Models of the plan that have a shape, because what they begin as has one.
    pub(super) own: BTreeMap<&'a str, Vit>,
    pub(super) bindings: Bindings<'a>,
    pub(super) devices: Devices<'a>,
    /// Whether a question is checked, where values go by `let.NAME` and `budget.NAME` too.
    pub(super) is_asked: bool,
    /// What the plan's laws and searches came to, by whole paths such as `law.shape.width.s`; for questions.
    pub(super) concluded: BTreeMap<String, Quantity>,
    sink: Vec<Diagnostic>,
}

/// Who requires something of a value: a field or a definition, and where it says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    /// The name as a message prints it.
    pub(super) name: &'a str,
    /// Where it was written.
    pub(super) span: Span,
}

/// The names of all kinds of definitions.
pub(super) struct Scope {
    pub(super) models: Names,
    pub(super) results: Names,
    pub(super) laws: Names,
    pub(super) starts: Names,
    pub(super) budgets: Names,
    pub(super) recipes: Names,
    pub(super) searches: Names,
}

impl<'a> Checker<'a> {
    /// Nothing was checked so far.
    pub(super) fn new(sources: &'a Sources, files: &'a Files) -> Self {
        Self {
            sources,
            files,
            own: BTreeMap::new(),
            bindings: Bindings::default(),
            devices: Devices::default(),
            is_asked: false,
            concluded: BTreeMap::new(),
            sink: Vec::new(),
        }
    }

    /// What is wrong, by place; of very much, the beginning.
    pub(super) fn found(mut self) -> Vec<Diagnostic> {
        sort(&mut self.sink);
        if self.sink.len() > SHOWN {
            let more = self.sink.split_off(SHOWN);
            let message = format!("more than {SHOWN} mistakes; the rest is not shown");
            let place = more.first().and_then(Diagnostic::span).unwrap_or_default();
            self.sink.push(Diagnostic::error(codes::TOO_MANY, message).label(place, "the next one"));
        }
        self.sink
    }

    /// Says that something is wrong.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if !self.has_enough() {
            self.sink.push(diagnostic);
        }
    }

    /// Whether so much is wrong that looking further is of no use.
    pub(super) fn has_enough(&self) -> bool {
        self.sink.len() >= 10 * SHOWN
    }

    /// From here on questions about the plan are checked: what was reported is forgotten.
    pub(super) fn begin_questions(&mut self, concluded: BTreeMap<String, Quantity>) {
        self.sink.clear();
        self.is_asked = true;
        self.concluded = concluded;
    }

    /// Tries something and forgets what it reports.
    pub(super) fn quietly<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let reported = self.sink.len();
        let result = f(self);
        self.sink.truncate(reported);
        result
    }

    fn plan(&mut self, ast: &'a Ast, name: &str) -> Plan {
        let mut scope = self.scope(ast);
        let mut plan = Plan::empty(name);
        self.collect(ast);
        self.read_prices(ast);
        // Each kind of definition refers only to kinds before it; values may speak of models, too.
        for_each(ast, "model", |(number, item)| {
            self.stand_in(item);
            let whole = self.model(item);
            keep(&mut scope.models, number, &mut plan.models, whole);
        });
        plan.devices = self.own_devices();
        self.evaluate_all();
        for_each(ast, "results", |(number, item)| {
            self.stand_in(item);
            let whole = self.results(item, &scope);
            keep(&mut scope.results, number, &mut plan.results, whole);
        });
        for_each(ast, "law", |(number, item)| {
            self.stand_in(item);
            let whole = self.law(item, &scope, &plan);
            keep(&mut scope.laws, number, &mut plan.laws, whole);
        });
        for_each(ast, "start", |(number, item)| {
            self.stand_in(item);
            let whole = self.start(item, &scope, &plan);
            keep(&mut scope.starts, number, &mut plan.starts, whole);
        });
        for_each(ast, "budget", |(number, item)| {
            self.stand_in(item);
            let whole = self.budget(item);
            keep(&mut scope.budgets, number, &mut plan.budgets, whole);
        });
        for_each(ast, "recipe", |(number, item)| {
            self.stand_in(item);
            let whole = self.recipe(item);
            keep(&mut scope.recipes, number, &mut plan.recipes, whole);
        });
        for_each(ast, "search", |(number, item)| {
            self.stand_in(item);
            let whole = self.search(item, &scope, &plan);
            keep(&mut scope.searches, number, &mut plan.searches, whole);
        });
        for_each(ast, "emit", |(_, item)| plan.emits.extend(self.emit(item, &scope)));
        self.one_artefact_a_path(&plan.emits);
        self.something_is_asked(ast, &scope);
        plan
    }

    /// What an encoder is that a config says.
    pub(super) fn config(&self, path: &str) -> Option<Vit> {
        self.files.configs.get(path).copied()
    }

    /// Collects the values and the models of a plan, without the rest of it.
    pub(super) fn bind(&mut self, ast: &'a Ast) {
        self.collect(ast);
        self.read_prices(ast);
        for_each(ast, "model", |(_, item)| {
            self.stand_in(item);
            self.model(item);
        });
        self.own_devices();
        self.evaluate_all();
    }

    fn scope(&mut self, ast: &Ast) -> Scope {
        let named = |keyword: &'static str| {
            let items = ast.items.iter().map(|item| header(&item.kind));
            items.filter(move |header| header.0 == keyword).map(|header| header.1.cloned())
        };
        // They are found by their names alone.
        self.declare("device", named("device"));
        Scope {
            models: self.declare("model", named("model")),
            results: self.declare("table", named("results")),
            laws: self.declare("law", named("law")),
            starts: self.declare("start", named("start")),
            budgets: self.declare("budget", named("budget")),
            recipes: self.declare("recipe", named("recipe")),
            searches: self.declare("search", named("search")),
        }
    }

    fn something_is_asked(&mut self, ast: &Ast, scope: &Scope) {
        if scope.laws.len() + scope.searches.len() > 0 {
            return;
        }
        let place = ast.items.last().map_or(Span::new(SourceId(0), 0, 0), |item| item.keyword);
        let error = Diagnostic::error(codes::NOTHING_ASKED, "the plan asks nothing: it has neither a law nor a search")
            .label(place, "nothing is asked here, nor anywhere else")
            .help("to learn from runs, add `law NAME = sovit fitted to TABLE.error`")
            .help("to choose a shape, add a `model`, a `law`, a `start`, a `budget` and a `search`");
        self.report(error);
    }
}

/// Calls `f` with every definition of one kind and its number among them.
fn for_each<'a>(ast: &'a Ast, keyword: &str, f: impl FnMut((usize, &'a Item))) {
    ast.items.iter().filter(|item| header(&item.kind).0 == keyword).enumerate().for_each(f);
}

/// Takes a definition into the plan if it is whole.
fn keep<T>(names: &mut Names, number: usize, list: &mut Vec<T>, whole: Option<T>) {
    if let Some(whole) = whole {
        names.settle(number, list.len());
        list.push(whole);
    }
}

/// The keyword and the name of a definition.
pub(super) fn header(kind: &ItemKind) -> (&'static str, Option<&Name>) {
    match kind {
        ItemKind::Use { .. } => ("use", None),
        ItemKind::Let { name, .. } => ("let", name.as_ref()),
        ItemKind::Device { name, .. } => ("device", name.as_ref()),
        ItemKind::Prices { .. } => ("prices", None),
        ItemKind::Model { name, .. } => ("model", name.as_ref()),
        ItemKind::Results { name, .. } => ("results", name.as_ref()),
        ItemKind::Law { name, .. } => ("law", name.as_ref()),
        ItemKind::Start { name, .. } => ("start", name.as_ref()),
        ItemKind::Budget { name, .. } => ("budget", name.as_ref()),
        ItemKind::Recipe { name, .. } => ("recipe", name.as_ref()),
        ItemKind::Search { name, .. } => ("search", name.as_ref()),
        ItemKind::Emit { target, .. } => ("emit", target.as_ref()),
    }
}
