//! Expressions: one walk that types every operator, over constants, columns and the numbers of a shape alike.

use super::check::{Checker, Owner};
use super::constants::{Constants, meaningless};
use super::{Comparison, Expression, Operator, codes};
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Spanned;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Name, Path, UnaryOp};
use crate::units::{ComputeKind, Dimension, Measure, Quantile, Quantity, QuantityError, Spread, human};

/// What an expression may speak of besides constants.
pub(super) trait Variables {
    /// Something that is known later.
    type Variable: Clone;

    /// Whether numbers without unit count whatever is needed, as the cells of a table do.
    const LOOSE: bool;
    /// Whether a value may be uncertain.
    const UNCERTAIN: bool;

    /// The variable called `name`, if there is one.
    fn variable(&mut self, name: &Name) -> Option<Term<Self::Variable>>;

    /// `column NAME`; `None` where no table is read.
    fn column(&mut self, name: &Name) -> Option<Term<Self::Variable>>;

    /// What is wrong with a path that means nothing.
    fn unknown(&self, path: &Path) -> Diagnostic;
}

/// A typed expression.
#[derive(Clone, Debug)]
pub(super) enum Term<V> {
    /// A number that is known. A loose one counts whatever is needed.
    Constant { quantity: Quantity, loose: bool },
    /// A number that is known later. Without a measure it counts whatever is needed.
    Open { expression: Expression<V>, measure: Option<Measure> },
    /// A cell of a table: a text or a number.
    Column(V),
    /// A text.
    Text(String),
    /// A truth value.
    Truth(Expression<V>),
}

impl<V> Term<V> {
    /// What it is, as messages say it.
    pub(super) const fn noun(&self) -> &'static str {
        match self {
            Self::Constant { .. } | Self::Open { .. } => "a number",
            Self::Column(_) => "a column",
            Self::Text(_) => "a text",
            Self::Truth(_) => "a truth value",
        }
    }

    /// What it counts; `None` where it counts whatever is needed, or is no number.
    pub(super) const fn measure(&self) -> Option<Measure> {
        match self {
            Self::Constant { quantity, loose: false } => Some(quantity.measure),
            Self::Open { measure, .. } => *measure,
            _ => None,
        }
    }

    /// The same as an expression.
    pub(super) fn expression(self) -> Expression<V> {
        match self {
            Self::Constant { quantity, .. } => Expression::Number(quantity.value),
            Self::Open { expression, .. } | Self::Truth(expression) => expression,
            Self::Column(variable) => Expression::Variable(variable),
            Self::Text(text) => Expression::Text(text),
        }
    }

    const fn is_numeric(&self) -> bool {
        matches!(self, Self::Constant { .. } | Self::Open { .. } | Self::Column(_))
    }
}

impl Checker<'_> {
    /// The typed expression; `None` where it has a hole or a mistake, which is reported.
    ///
    /// `hint` is the dimension that is needed, where it is known; it improves messages and decides nothing.
    pub(super) fn term<S: Variables>(
        &mut self,
        expr: &Expr,
        hint: Option<Dimension>,
        scope: &mut S,
    ) -> Option<Term<S::Variable>> {
        match &expr.kind {
            ExprKind::Error => None,
            ExprKind::Number { value, unit } => {
                let quantity = self.literal(expr, *value, unit.as_ref(), hint)?;
                Some(Term::Constant { loose: S::LOOSE && quantity.measure == Measure::NONE, quantity })
            }
            ExprKind::Text(text) => Some(Term::Text(text.clone())),
            ExprKind::Bool(value) => Some(Term::Truth(Expression::Bool(*value))),
            ExprKind::Path(path) => self.path(path, scope),
            ExprKind::Column(name) => {
                let term = scope.column(name);
                if term.is_none() {
                    let message = format!("no table is read here, so there is no column `{}`", name.value);
                    let error = Diagnostic::error(codes::MISPLACED, message)
                        .label(expr.span, "columns belong to `results`")
                        .help("write a number");
                    self.report(error);
                }
                term
            }
            ExprKind::Call { function, arguments } => self.call(function, arguments, expr.span, scope),
            ExprKind::Record(_) | ExprKind::List(_) => {
                let noun = if matches!(expr.kind, ExprKind::List(_)) { "a list" } else { "a record" };
                let error = Diagnostic::error(codes::WRONG_TYPE, format!("{noun} stands where one value is needed"))
                    .label(expr.span, format!("this is {noun}"))
                    .help("write one value");
                self.report(error);
                None
            }
            ExprKind::At { value, quantile } => {
                let term = self.numeric(value, hint, &mut Constants);
                let (Term::Constant { quantity, .. }, quantile) = (term?, self.quantile(quantile)?) else {
                    return None;
                };
                let quantity = Quantity::exact(quantity.at(quantile), quantity.measure);
                Some(Term::Constant { loose: S::LOOSE && quantity.measure == Measure::NONE, quantity })
            }
            ExprKind::Unary { operator, operand } => self.unary(*operator, operand, hint, scope),
            ExprKind::Binary { operator, left, right } => match operator.value {
                BinaryOp::And | BinaryOp::Or => self.logic(operator.value, left, right, scope),
                BinaryOp::PlusMinus => self.uncertain::<S>(expr, left, right, hint),
                BinaryOp::To => self.interval::<S>(expr, left, right, hint),
                _ => match (arithmetic(operator.value), comparison(operator.value)) {
                    (Some(op), _) => self.arithmetic(expr, op, left, right, hint, scope),
                    (_, Some(op)) => self.comparison(expr, op, left, right, scope),
                    _ => None,
                },
            },
            ExprKind::As { value, kind } => {
                let term = self.numeric(value, hint, scope);
                let kind = self.compute_kind(kind);
                self.counted_as(expr, value, term?, kind?)
            }
        }
    }

    /// A typed expression that must be a number.
    pub(super) fn numeric<S: Variables>(
        &mut self,
        expr: &Expr,
        hint: Option<Dimension>,
        scope: &mut S,
    ) -> Option<Term<S::Variable>> {
        let term = self.term(expr, hint, scope)?;
        if term.is_numeric() {
            return Some(term);
        }
        let error = Diagnostic::error(codes::WRONG_TYPE, format!("{} stands where a number is needed", term.noun()))
            .label(expr.span, format!("this is {}", term.noun()))
            .help("write a number");
        self.report(error);
        None
    }

    /// A typed expression that must be a truth value.
    pub(super) fn truth<S: Variables>(&mut self, expr: &Expr, scope: &mut S) -> Option<Expression<S::Variable>> {
        let term = self.term(expr, None, scope)?;
        let help = match term {
            Term::Truth(expression) => return Some(expression),
            Term::Column(_) => "compare it, for example with `== \"yes\"`",
            _ => "compare it: `... < ...`",
        };
        let error = Diagnostic::error(codes::WRONG_TYPE, "a condition must be true or false")
            .label(expr.span, format!("this is {}", term.noun()))
            .help(help);
        self.report(error);
        None
    }

    fn path<S: Variables>(&mut self, path: &Path, scope: &mut S) -> Option<Term<S::Variable>> {
        if let [name] = path.names.as_slice()
            && let Some(term) = scope.variable(name)
        {
            return Some(term);
        }
        if let Some(quantity) = self.concluded(path)? {
            return Some(Term::Constant { loose: S::LOOSE && quantity.measure == Measure::NONE, quantity });
        }
        let named = match self.bound_path(path)? {
            Some((_, bound)) => Some(bound?),
            None => self.device_value(path)?,
        };
        if let Some(quantity) = named {
            if !S::UNCERTAIN && !quantity.is_exact() {
                let name = self.sources.slice(path.span);
                let message = format!("`{name}` is uncertain, and an exact value is needed here");
                let error = Diagnostic::error(codes::NOT_EXACT, message).label(path.span, "uncertain");
                let fixed = format!("({name} at median)");
                self.report(error.fix("take its median, or another quantile", path.span, fixed));
                return None;
            }
            return Some(Term::Constant { loose: S::LOOSE && quantity.measure == Measure::NONE, quantity });
        }
        let error = match path.names.as_slice() {
            [name] => match self.nearest_bound(name) {
                Some(near) => meaningless(path).fix(format!("there is `{near}`"), path.span, near),
                None => scope.unknown(path),
            },
            _ => scope.unknown(path),
        };
        self.report(error);
        None
    }

    fn unary<S: Variables>(
        &mut self,
        operator: Spanned<UnaryOp>,
        operand: &Expr,
        hint: Option<Dimension>,
        scope: &mut S,
    ) -> Option<Term<S::Variable>> {
        if operator.value == UnaryOp::Not {
            return Some(Term::Truth(Expression::Not(Box::new(self.truth(operand, scope)?))));
        }
        Some(match self.numeric(operand, hint, scope)? {
            Term::Constant { quantity, loose } => Term::Constant { quantity: quantity.negate(), loose },
            term => Term::Open { measure: term.measure(), expression: Expression::Negate(Box::new(term.expression())) },
        })
    }

    fn logic<S: Variables>(
        &mut self,
        operator: BinaryOp,
        left: &Expr,
        right: &Expr,
        scope: &mut S,
    ) -> Option<Term<S::Variable>> {
        let (left, right) = (self.truth(left, scope), self.truth(right, scope));
        let (left, right) = (Box::new(left?), Box::new(right?));
        Some(Term::Truth(match operator {
            BinaryOp::And => Expression::And(left, right),
            _ => Expression::Or(left, right),
        }))
    }

    /// `value +- sd`
    fn uncertain<S: Variables>(
        &mut self,
        whole: &Expr,
        left: &Expr,
        right: &Expr,
        hint: Option<Dimension>,
    ) -> Option<Term<S::Variable>> {
        let (value, sd) = self.two_numbers::<S>(whole, left, right, hint)?;
        if is_percent(right) && !is_percent(left) {
            let text = format!(
                "{} +- {}",
                self.sources.slice(left.span),
                human((value.value * sd.value).abs(), Dimension::NONE)
            );
            let error = Diagnostic::error(codes::NOT_EXACT, "a standard deviation in percent says not of what")
                .label(right.span, format!("this is {}, whatever stands before `+-`", sd.value))
                .fix("write it in the unit of the value, if it is a share of it", whole.span, text);
            self.report(error);
            return None;
        }
        if sd.value < 0.0 || !value.is_exact() || !sd.is_exact() {
            let error = Diagnostic::error(codes::OUT_OF_RANGE, "a standard deviation must be one number from 0 up")
                .label(right.span, "the standard deviation")
                .help("write `VALUE +- SD` with two exact numbers");
            self.report(error);
            return None;
        }
        let seed = self.next_seed();
        let spread = (sd.value > 0.0).then(|| Spread::normal(value.value, sd.value, seed));
        Some(Term::Constant { quantity: Quantity { spread, ..value }, loose: false })
    }

    /// `low to high`
    fn interval<S: Variables>(
        &mut self,
        whole: &Expr,
        left: &Expr,
        right: &Expr,
        hint: Option<Dimension>,
    ) -> Option<Term<S::Variable>> {
        let (low, high) = self.two_numbers::<S>(whole, left, right, hint)?;
        if !low.is_exact() || !high.is_exact() {
            let error = Diagnostic::error(codes::OUT_OF_RANGE, "the ends of an interval must be exact")
                .label(whole.span, "an end of it is uncertain")
                .help("write `LOW to HIGH` with two exact numbers");
            self.report(error);
            return None;
        }
        if low.value >= high.value {
            let (from, to) = (self.sources.slice(left.span), self.sources.slice(right.span));
            let error = Diagnostic::error(codes::EMPTY_RANGE, "an interval must rise")
                .label(whole.span, "from 5 % to 95 % of what is likely");
            self.report(if low.value > high.value {
                error.fix("swap the ends", whole.span, format!("{to} to {from}"))
            } else {
                error.fix("write an exact value", whole.span, from)
            });
            return None;
        }
        let seed = self.next_seed();
        let (value, spread) = Spread::interval(low.value, high.value, seed);
        Some(Term::Constant { quantity: Quantity { value, spread: Some(spread), measure: low.measure }, loose: false })
    }

    /// The two sides of `+-` or `to`: constants that count the same.
    fn two_numbers<S: Variables>(
        &mut self,
        whole: &Expr,
        left: &Expr,
        right: &Expr,
        hint: Option<Dimension>,
    ) -> Option<(Quantity, Quantity)> {
        if !S::UNCERTAIN {
            let is_constant = self.quietly(|checker| checker.constant(whole, hint)).is_some();
            let message = "an uncertain value stands where an exact one is needed";
            let error = Diagnostic::error(codes::NOT_EXACT, message).label(whole.span, "uncertain");
            self.not_exact(error, whole, is_constant);
            return None;
        }
        let (a, b) = self.both(left, right, hint, true, &mut Constants);
        let (a, b) = (self.a_number(left, a?), self.a_number(right, b?));
        let (Term::Constant { quantity: a, .. }, Term::Constant { quantity: b, .. }) = (a?, b?) else { return None };
        if let Err(why) = a.measure.same(b.measure) {
            match why {
                QuantityError::Dimensions(first, second) => {
                    // A unit that is written once is meant for both, unless what is needed has none.
                    let is_bare = |expr: &Expr| matches!(expr.kind, ExprKind::Number { unit: None, .. });
                    let (at, found, expected, by) = if is_bare(left) && hint != Some(first) {
                        (left, first, second, right)
                    } else {
                        (right, second, first, left)
                    };
                    if let (true, ExprKind::Number { unit: Some(unit), .. }) = (is_bare(at), &by.kind) {
                        let text = format!("{} {}", self.number_text(at), self.sources.slice(unit.span));
                        let error =
                            Diagnostic::error(codes::DIMENSION, "both numbers of an uncertain value have a unit")
                                .label(at.span, "has none")
                                .label(unit.span, "the unit of this one");
                        self.report(error.fix("write it at both", at.span, text));
                        return None;
                    }
                    let owner = Owner { name: self.sources.slice(by.span), span: by.span };
                    self.fits(at, found, expected, owner);
                }
                _ => self.unlike(whole, Operator::Add, left, right, why),
            }
            return None;
        }
        Some((a, b))
    }

    /// The quantile that `at` names.
    fn quantile(&mut self, name: &Name) -> Option<Quantile> {
        let found = Quantile::named(&name.value);
        if found.is_none() {
            let message = format!("there is no quantile `{}`", name.value);
            let error = Diagnostic::error(codes::UNKNOWN_WORD, message).label(name.span, "a quantile belongs here");
            self.report(match nearest(&name.value, ["median", "mean"]) {
                Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
                None => error.help("write `at median`, `at mean`, or `at p1` to `at p99`"),
            });
        }
        found
    }

    fn arithmetic<S: Variables>(
        &mut self,
        whole: &Expr,
        operator: Operator,
        left: &Expr,
        right: &Expr,
        hint: Option<Dimension>,
        scope: &mut S,
    ) -> Option<Term<S::Variable>> {
        let is_sum = matches!(operator, Operator::Add | Operator::Subtract);
        let (a, b) = self.both(left, right, hint.filter(|_| is_sum), is_sum, scope);
        let (a, b) = (self.a_number(left, a?), self.a_number(right, b?));
        let (a, b) = (a?, b?);
        let (mine, theirs) = match (a.measure(), b.measure()) {
            (Some(mine), None) => (mine, if is_sum { mine } else { Measure::NONE }),
            (None, Some(theirs)) => (if is_sum { theirs } else { Measure::NONE }, theirs),
            (mine, theirs) => (mine.unwrap_or_default(), theirs.unwrap_or_default()),
        };
        let loose = a.measure().is_none() && b.measure().is_none();
        let result = if let (Term::Constant { quantity: x, .. }, Term::Constant { quantity: y, .. }) = (&a, &b) {
            let (x, y) = (Quantity { measure: mine, ..x.clone() }, Quantity { measure: theirs, ..y.clone() });
            compute(operator, &x, &y).map(|quantity| Term::Constant { quantity, loose })
        } else {
            let measure = match operator {
                Operator::Add | Operator::Subtract => mine.same(theirs),
                Operator::Multiply => mine.multiply(theirs),
                Operator::Divide => mine.divide(theirs),
            };
            measure.map(|measure| Term::Open {
                measure: (!loose).then_some(measure),
                expression: Expression::Arithmetic(operator, Box::new(a.expression()), Box::new(b.expression())),
            })
        };
        result.map_err(|why| self.unlike(whole, operator, left, right, why)).ok()
    }

    fn comparison<S: Variables>(
        &mut self,
        whole: &Expr,
        comparison: Comparison,
        left: &Expr,
        right: &Expr,
        scope: &mut S,
    ) -> Option<Term<S::Variable>> {
        let (a, b) = self.both(left, right, None, comparison != Comparison::Divides, scope);
        let (a, b) = (a?, b?);
        if a.is_numeric() && b.is_numeric() {
            if comparison == Comparison::Divides {
                let fine = [(left, &a), (right, &b)].map(|(side, term)| self.divisible(side, term));
                fine.into_iter().all(|fine| fine).then_some(())?;
            } else if let (Some(mine), Some(theirs)) = (a.measure(), b.measure())
                && let Err(why) = mine.same(theirs)
            {
                self.incomparable(left, right, why);
                return None;
            }
        } else {
            let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
            let alike = matches!(
                (&a, &b),
                (Term::Text(_) | Term::Column(_), Term::Text(_) | Term::Column(_)) | (Term::Truth(_), Term::Truth(_))
            );
            if !alike || !equality {
                self.of_different_types(whole, [(left, a.noun()), (right, b.noun())], alike);
                return None;
            }
        }
        Some(Term::Truth(Expression::Compare(comparison, Box::new(a.expression()), Box::new(b.expression()))))
    }

    /// Both operands. Where they are alike, each hints at the other's dimension.
    #[expect(clippy::type_complexity, reason = "two of what `term` returns")]
    fn both<S: Variables>(
        &mut self,
        left: &Expr,
        right: &Expr,
        hint: Option<Dimension>,
        alike: bool,
        scope: &mut S,
    ) -> (Option<Term<S::Variable>>, Option<Term<S::Variable>>) {
        let dimension = |term: &Option<Term<S::Variable>>| {
            term.as_ref().and_then(Term::measure).map(|measure| measure.dimension).filter(|_| alike)
        };
        if matches!(left.kind, ExprKind::Number { .. }) {
            let b = self.term(right, hint, scope);
            let a = self.term(left, hint.or(dimension(&b)), scope);
            (a, b)
        } else {
            let a = self.term(left, hint, scope);
            let b = self.term(right, hint.or(dimension(&a)), scope);
            (a, b)
        }
    }

    fn a_number<V>(&mut self, expr: &Expr, term: Term<V>) -> Option<Term<V>> {
        if term.is_numeric() {
            return Some(term);
        }
        let error = Diagnostic::error(codes::WRONG_TYPE, format!("there is no arithmetic with {}", term.noun()))
            .label(expr.span, format!("this is {}", term.noun()))
            .help("write a number");
        self.report(error);
        None
    }

    fn divisible<V>(&mut self, expr: &Expr, term: &Term<V>) -> bool {
        let measure = term.measure().unwrap_or_default();
        let fine = measure == Measure::NONE;
        if !fine {
            let error = Diagnostic::error(codes::DIMENSION, "`divides` stands between pure numbers")
                .label(expr.span, format!("this is in `{}`", measure.dimension))
                .help("divide it by one of its unit first, or compare with `==`");
            self.report(error);
        }
        fine
    }

    fn of_different_types(&mut self, whole: &Expr, sides: [(&Expr, &str); 2], alike: bool) {
        let [(left, a), (right, b)] = sides;
        let message = match alike {
            true if a == b => format!("two {}s are only equal or not", a.trim_start_matches("a ")),
            true => format!("{a} and {b} are only equal or not"),
            false => format!("{a} is never equal to, less or more than {b}"),
        };
        let columns = a == "a column" || b == "a column";
        let help = match (alike, columns) {
            (true, _) => "compare with `==` or `!=`",
            (false, true) => "columns hold texts and numbers: compare with `\"true\"`",
            (false, false) => "compare two numbers, two texts or two truth values",
        };
        let error = Diagnostic::error(codes::INCOMPARABLE, message)
            .label(whole.span, "no comparison")
            .label(left.span, a)
            .label(right.span, b)
            .help(help);
        self.report(error);
    }

    /// The kind of compute that `as` names.
    fn compute_kind(&mut self, name: &Name) -> Option<ComputeKind> {
        let known = ComputeKind::ALL.iter().find(|(text, _)| *text == name.value);
        if known.is_none() {
            let mut error =
                Diagnostic::error(codes::UNKNOWN_WORD, format!("there is no kind of compute `{}`", name.value))
                    .label(name.span, "a kind of compute belongs here");
            error = match nearest(&name.value, ComputeKind::ALL.map(|(text, _)| text)) {
                Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
                None => error.help("write `as forward`, `as training` or `as executed`"),
            };
            self.report(error);
        }
        known.map(|&(_, kind)| kind)
    }
}

fn compute(operator: Operator, x: &Quantity, y: &Quantity) -> Result<Quantity, QuantityError> {
    match operator {
        Operator::Add => x.plus(y),
        Operator::Subtract => x.minus(y),
        Operator::Multiply => x.multiply(y),
        Operator::Divide => x.divide(y),
    }
}

/// Whether this is a number in percent.
fn is_percent(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { unit: Some(unit), .. } => unit.factors.iter().any(|(name, _)| name.value == "%"),
        _ => false,
    }
}

/// The arithmetic that an operator means.
pub(super) const fn arithmetic(operator: BinaryOp) -> Option<Operator> {
    Some(match operator {
        BinaryOp::Add => Operator::Add,
        BinaryOp::Subtract => Operator::Subtract,
        BinaryOp::Multiply => Operator::Multiply,
        BinaryOp::Divide => Operator::Divide,
        _ => return None,
    })
}

const fn comparison(operator: BinaryOp) -> Option<Comparison> {
    Some(match operator {
        BinaryOp::Equal => Comparison::Equal,
        BinaryOp::NotEqual => Comparison::NotEqual,
        BinaryOp::Less => Comparison::Less,
        BinaryOp::LessEqual => Comparison::LessEqual,
        BinaryOp::Greater => Comparison::Greater,
        BinaryOp::GreaterEqual => Comparison::GreaterEqual,
        BinaryOp::Divides => Comparison::Divides,
        _ => return None,
    })
}
