//! Questions about a plan's values, asked from outside of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Price;
use super::check::{Checker, Files, Owner};
use crate::diagnostic::Diagnostic;
use crate::hardware::Device;
use crate::source::{Sources, Span};
use crate::syntax::ast::{Ast, Expr, ExprKind, Name};
use crate::units::{Dimension, Quantity};

/// Evaluates expressions among the values that a plan defines.
///
/// ```
/// use sovitc::plan::Values;
/// use sovitc::source::Sources;
///
/// let mut sources = Sources::default();
/// let plan = sources.add("plan.sov", "let mfu = 0.4\nbudget big = 3 ZFLOP as training");
/// let asked = sources.add("query", "budget.big / mfu");
/// let (ast, _) = sovitc::syntax::parse(&sources, plan);
/// let (expression, _) = sovitc::syntax::parse_expression(&sources, asked);
/// let files = Default::default();
/// let mut values = Values::new(&ast, &sources, &files);
/// assert_eq!(values.value(&expression).map(|found| found.value), Some(7.5e21));
/// assert_eq!(values.finish(), []);
/// ```
pub struct Values<'a> {
    checker: Checker<'a>,
}

/// A value that a plan gives a name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedValue<'a> {
    /// `let` or `budget`.
    pub keyword: &'static str,
    /// The name.
    pub name: &'a Name,
    /// Where its value is written.
    pub span: Span,
}

impl<'a> Values<'a> {
    /// The values of a plan; what is wrong with them is not told again.
    pub fn new(ast: &'a Ast, sources: &'a Sources, files: &'a Files) -> Self {
        Self::with(ast, sources, files, BTreeMap::new())
    }

    /// The same together with what the plan's laws and searches came to, by whole paths such as `law.shape.width.s` and
    /// `search.encoder.params`.
    pub fn with(ast: &'a Ast, sources: &'a Sources, files: &'a Files, concluded: BTreeMap<String, Quantity>) -> Self {
        let mut checker = Checker::new(sources, files);
        checker.bind(ast);
        checker.begin_questions(concluded);
        Self { checker }
    }

    /// The definition that an expression names and nothing else: `NAME`, `let.NAME` or `budget.NAME`.
    pub fn named(&self, expr: &Expr) -> Option<NamedValue<'a>> {
        let ExprKind::Path(path) = &expr.kind else { return None };
        match path.names.as_slice() {
            [name] => self.checker.named_value(name),
            [keyword, name] => self.checker.named_value(name).filter(|found| found.keyword == keyword.value),
            _ => None,
        }
    }

    /// The value of an expression; `None` where it has a hole or a mistake.
    pub fn value(&mut self, expr: &Expr) -> Option<Quantity> {
        let whole = Owner { name: "the question", span: expr.span };
        self.checker.a_value(expr, None, whole)
    }

    /// The value of an expression, of one dimension.
    pub fn value_in(&mut self, expr: &Expr, dimension: Dimension, what: &str) -> Option<Quantity> {
        self.checker.quantity(expr, dimension, Owner { name: what, span: expr.span })
    }

    /// The device of that name.
    pub fn device(&mut self, name: &Name) -> Option<Arc<Device>> {
        self.checker.device_named(name)
    }

    /// The peak of a device in a number format such as `bf16`, in FLOP/s.
    pub fn rate(&mut self, device: &Device, format: &Name) -> Option<f64> {
        self.checker.rate_of(device, &format.value, format.span)
    }

    /// What a device's time costs, where the plan or a file of prices says so.
    pub fn price(&self, device: &Device) -> Option<Price> {
        self.checker.price_of(device)
    }

    /// The values of one dimension that `let` gives names, in the order of the plan.
    pub fn of_dimension(&mut self, dimension: Dimension) -> Vec<(NamedValue<'a>, Quantity)> {
        let all = self.checker.named_values();
        let lets = all.into_iter().filter(|found| found.keyword == "let");
        lets.filter_map(|found| Some((found.clone(), self.checker.bound(found.name)??)))
            .filter(|(_, quantity)| quantity.measure.dimension == dimension)
            .collect()
    }

    /// What was wrong with the questions.
    pub fn finish(self) -> Vec<Diagnostic> {
        self.checker.found()
    }
}
