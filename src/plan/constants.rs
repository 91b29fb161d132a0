//! What a plan knows by itself: literals with units, compute of published models.

use std::convert::Infallible;

use super::check::Checker;
use super::names::list_of;
use super::terms::{Term, Variables};
use super::{Counting, Expression, Operator, codes};
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Name, Path, Unit};
use crate::units::{
    Base, ComputeKind, Dimension, Measure, Quantity, QuantityError, UnknownUnit, describe, prefix_factor, resolve,
};
use crate::vit::{CATALOGUE, Named, Vit, named};

/// An expression may hold constants only.
#[derive(Debug)]
pub(super) struct Constants;

impl Variables for Constants {
    type Variable = Infallible;
    const LOOSE: bool = false;
    const UNCERTAIN: bool = true;

    fn variable(&mut self, _: &Name) -> Option<Term<Infallible>> {
        None
    }

    fn column(&mut self, _: &Name) -> Option<Term<Infallible>> {
        None
    }

    fn unknown(&self, path: &Path) -> Diagnostic {
        meaningless(path).help("a constant is made of numbers with units, names that `let` gives, `forward(MODEL)`, `training(MODEL)` and rates such as `h200.bf16`")
    }
}

/// A path that means nothing, with what can be said whatever the scope.
pub(super) fn meaningless(path: &Path) -> Diagnostic {
    let text = path.names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(".");
    let error = Diagnostic::error(codes::UNKNOWN_NAME, format!("`{text}` means nothing here"))
        .label(path.span, "not a name that is known here");
    if named(&text).is_some() {
        error.fix("take the compute of one example", path.span, format!("forward({text})"))
    } else if resolve(&text).is_ok() {
        error.fix("a unit follows its number", path.span, format!("1 {text}"))
    } else {
        error
    }
}

impl Checker<'_> {
    /// The value of an expression that holds constants only.
    pub(super) fn constant(&mut self, expr: &Expr, hint: Option<Dimension>) -> Option<Quantity> {
        match self.numeric(expr, hint, &mut Constants)? {
            Term::Constant { quantity, .. } => Some(quantity),
            _ => None,
        }
    }

    /// A number with its unit, in base units.
    pub(super) fn literal(
        &mut self,
        expr: &Expr,
        value: f64,
        unit: Option<&Unit>,
        hint: Option<Dimension>,
    ) -> Option<Quantity> {
        let Some(unit) = unit else { return Some(Quantity::number(value)) };
        let mut product = Some(Quantity::number(value));
        for (name, exponent) in &unit.factors {
            if self.has_enough() {
                return None;
            }
            let found = match resolve(&name.value) {
                Ok(found) => found,
                Err(why) => {
                    self.unknown_unit(expr, name, unit, why, hint);
                    product = None;
                    continue;
                }
            };
            let power = |dimension: Dimension| {
                let size = i8::try_from(exponent.unsigned_abs()).ok()?;
                Some(Quantity::exact(found.factor.powi(size.into()), Measure::new(dimension.power(size)?)))
            };
            product = product.and_then(|product| {
                let next = match power(found.dimension) {
                    Some(power) if !power.value.is_finite() => Err(QuantityError::NotFinite),
                    Some(power) if *exponent < 0 => product.divide(&power),
                    Some(power) => product.multiply(&power),
                    None => Err(QuantityError::Exponent),
                };
                next.map_err(|why| self.no_value(expr.span, expr.span, why)).ok()
            });
        }
        product
    }

    /// The number of a literal as written, without its unit and without parentheses.
    pub(super) fn number_text(&self, expr: &Expr) -> String {
        let outside = |c: char| c == '(' || c == ')' || c.is_whitespace();
        match &expr.kind {
            ExprKind::Number { unit: Some(unit), .. } => {
                let number = Span { end: unit.span.start.max(expr.span.start), ..expr.span };
                self.sources.slice(number).trim_matches(outside).to_owned()
            }
            _ => self.sources.slice(expr.span).trim_matches(outside).to_owned(),
        }
    }

    fn unknown_unit(&mut self, expr: &Expr, name: &Name, unit: &Unit, why: UnknownUnit, hint: Option<Dimension>) {
        let text = &name.value;
        let error = |message: String| {
            Diagnostic::error(codes::UNKNOWN_UNIT, message).label(name.span, "not a unit of the language")
        };
        let error = match why {
            UnknownUnit::BarePrefix => {
                let error = error(format!("`{text}` is a prefix without a unit"));
                let named = hint.filter(|needed| !needed.is_none()).map(|needed| format!("{text}{needed}"));
                let number = hint.is_none_or(Dimension::is_none).then(|| self.scaled(expr, text)).flatten();
                match (named.filter(|named| resolve(named).is_ok()), number) {
                    (Some(named), _) => error.fix("put the unit after it", unit.span, named),
                    (None, Some(number)) => error.fix("write a pure number out", expr.span, number),
                    (None, None) => error.help("put a unit after it, such as `Mparam`"),
                }
            }
            UnknownUnit::Prefix { prefix, unit: known } => {
                let error = error(format!("`{known}` does not take the prefix `{prefix}`"));
                match self.scaled(expr, prefix).filter(|_| unit.factors.len() == 1) {
                    Some(number) => error.fix("write the number out", expr.span, format!("{number} {known}")),
                    None => error.help(format!("write `{known}` and change the number")),
                }
            }
            UnknownUnit::Refused(advice) => error(format!("`{text}` is not a unit here")).help(advice),
            UnknownUnit::Unknown(Some(near)) => {
                error(format!("there is no unit `{text}`")).fix(format!("there is `{near}`"), name.span, near)
            }
            UnknownUnit::Unknown(None) => error(format!("there is no unit `{text}`")).help(
                "units are `FLOP`, `s`, `min`, `h`, `day`, `week`, `Hz`, `B`, `gpu`, `$`, `example`, `px`, `token`, `param` and `%`",
            ),
        };
        self.report(error);
    }

    /// The number of a literal with the decimal exponent of a large prefix; `None` where it has one already.
    fn scaled(&self, expr: &Expr, prefix: &str) -> Option<String> {
        let decades =
            prefix_factor(prefix).map(f64::log10).filter(|decades| decades.fract() == 0.0 && *decades > 0.0)?;
        let number = self.number_text(expr);
        (!number.contains(['e', 'E'])).then(|| format!("{number}e{decades}"))
    }

    /// `forward(X)` or `training(X)`: X a published model, or compute of the other kind.
    pub(super) fn call<S: Variables>(
        &mut self,
        function: &Name,
        arguments: &[Expr],
        span: Span,
        scope: &mut S,
    ) -> Option<Term<S::Variable>> {
        let kind = match function.value.as_str() {
            "forward" => ComputeKind::Forward,
            "training" => ComputeKind::Training,
            other => {
                let error = Diagnostic::error(codes::UNKNOWN_FUNCTION, format!("there is no function `{other}`"))
                    .label(function.span, "not a function");
                self.report(match nearest(other, ["forward", "training"]) {
                    Some(near) => error.fix(format!("there is `{near}`"), function.span, near),
                    None => error.help("the functions are `forward(MODEL)` and `training(MODEL)`"),
                });
                return None;
            }
        };
        let [argument] = arguments else {
            let message = format!("`{}` takes one argument, not {}", function.value, arguments.len());
            let error = Diagnostic::error(codes::WRONG_TYPE, message)
                .label(span, "called here")
                .help(format!("write `{}(vit_g14)`", function.value));
            self.report(error);
            return None;
        };
        if let ExprKind::Path(path) = &argument.kind
            && let [name] = path.names.as_slice()
            && scope.variable(name).is_none()
            && !self.is_bound(name)
        {
            let flops = self.shaped_model(name)?.cost().forward_flops_per_example as f64;
            let factor = if kind == ComputeKind::Training { Counting::TRAINING_FACTOR } else { 1.0 };
            let measure = Measure::of_kind(Dimension::FLOP_PER_EXAMPLE, kind);
            return Some(Term::Constant { quantity: Quantity::exact(factor * flops, measure), loose: false });
        }
        let term = self.numeric(argument, None, scope)?;
        self.converted(argument, term, kind)
    }

    /// The model of that name that has a shape: one of the plan that begins as another, or a published one.
    pub(super) fn shaped_model(&mut self, name: &Name) -> Option<Vit> {
        match self.own.get(name.value.as_str()) {
            Some(own) => Some(*own),
            None => self.published_model(name).map(Named::vit),
        }
    }

    /// The published model of that name.
    pub(super) fn published_model(&mut self, name: &Name) -> Option<&'static Named> {
        let found = named(&name.value);
        if found.is_some() {
            return found;
        }
        let own = self.own.keys().copied();
        let known = || own.clone().chain(CATALOGUE.iter().map(|model| model.name));
        let error = Diagnostic::error(codes::UNKNOWN_MODEL, format!("there is no published model `{}`", name.value))
            .label(name.span, "not in the catalogue");
        self.report(match nearest(&name.value, known()) {
            Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
            None => error.help(format!("the catalogue has {}", list_of(known()))),
        });
        None
    }

    /// Compute of one kind as compute of the other: training is three times forward.
    fn converted<V>(&mut self, expr: &Expr, term: Term<V>, kind: ComputeKind) -> Option<Term<V>> {
        let measure = self.compute_of(expr, &term)?;
        let factor = match (measure.kind, kind) {
            (Some(have), want) if have == want => return Some(term),
            (Some(ComputeKind::Forward), ComputeKind::Training) => Counting::TRAINING_FACTOR,
            (Some(ComputeKind::Training), ComputeKind::Forward) => 1.0 / Counting::TRAINING_FACTOR,
            _ => {
                self.kind_is_needed(expr, measure.kind, &format!("`{}(...)`", kind.name()), None);
                return None;
            }
        };
        let measure = Measure { kind: Some(kind), ..measure };
        Some(match term {
            Term::Constant { quantity, loose } => Term::Constant { quantity: quantity.scaled(factor, measure), loose },
            term => {
                let (factor, value) = (Box::new(Expression::Number(factor)), Box::new(term.expression()));
                let expression = Expression::Arithmetic(Operator::Multiply, factor, value);
                Term::Open { expression, measure: Some(measure) }
            }
        })
    }

    /// `X as KIND`: names the kind of compute that X counts, and never converts.
    pub(super) fn counted_as<V>(
        &mut self,
        whole: &Expr,
        value: &Expr,
        term: Term<V>,
        kind: ComputeKind,
    ) -> Option<Term<V>> {
        let measure = self.compute_of(value, &term)?;
        match measure.kind {
            None | Some(ComputeKind::Executed) => {}
            Some(have) if have == kind => {}
            Some(have) => {
                let message =
                    format!("{} compute is not {} compute, and `as` does not convert", have.name(), kind.name());
                let error = Diagnostic::error(codes::COMPUTE_KIND, message)
                    .label(whole.span, format!("counts {} already", have.name()));
                let text = self.sources.slice(value.span);
                self.report(match kind {
                    ComputeKind::Executed => error.help("leave `as executed` out"),
                    _ => error.fix("convert it", whole.span, format!("{}({text})", kind.name())),
                });
                return None;
            }
        }
        let measure = Measure { kind: Some(kind), ..measure };
        Some(match term {
            Term::Constant { quantity, loose } => Term::Constant { quantity: Quantity { measure, ..quantity }, loose },
            term => Term::Open { expression: term.expression(), measure: Some(measure) },
        })
    }

    fn compute_of<V>(&mut self, expr: &Expr, term: &Term<V>) -> Option<Measure> {
        let measure = term.measure().filter(|measure| measure.dimension.exponent(Base::Flop) == 1);
        if measure.is_none() {
            let what = term.measure().map_or("a pure number".into(), |m| describe(m.dimension));
            let error = Diagnostic::error(codes::NO_COMPUTE, format!("only compute has a kind, and this is {what}"))
                .label(expr.span, "no compute");
            let is_bare = matches!(expr.kind, ExprKind::Number { unit: None, .. });
            self.report(if is_bare {
                error.fix("add the unit", expr.span.after(), " FLOP")
            } else {
                error.help("leave the kind out, or multiply until it is in `FLOP`")
            });
        }
        measure
    }
}
