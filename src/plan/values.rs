//! Values of fields: numbers in their ranges, whole numbers, words, texts, truth values, one for each axis.

use super::check::{Checker, LARGEST, Owner, too_large};
use super::codes;
use super::names::list_of;
use super::schema::{Field, Schema};
use crate::diagnostic::{Diagnostic, nearest};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Name};
use crate::units::{Dimension, Quantity, exact, human};
use crate::vit::{Axis, PerAxis};

impl Checker<'_> {
    /// A constant of a dimension; for compute of whatever kind.
    pub(super) fn quantity(&mut self, expr: &Expr, dimension: Dimension, owner: Owner<'_>) -> Option<Quantity> {
        let quantity = self.a_value(expr, Some(dimension), owner)?;
        self.fits(expr, quantity.measure.dimension, dimension, owner).then_some(quantity)
    }

    /// A constant without a standard deviation.
    pub(super) fn exact(&mut self, expr: &Expr, dimension: Dimension, owner: Owner<'_>) -> Option<Quantity> {
        let quantity = self.quantity(expr, dimension, owner)?;
        if !quantity.is_exact() {
            let error = Diagnostic::error(codes::NOT_EXACT, format!("`{}` must be exact", owner.name))
                .label(expr.span, "uncertain")
                .label(owner.span, "needs one exact value");
            self.not_exact(error, expr, true);
            return None;
        }
        Some(quantity)
    }

    /// Reports an uncertain value, and how it becomes an exact one; only a constant has quantiles.
    pub(super) fn not_exact(&mut self, error: Diagnostic, expr: &Expr, is_constant: bool) {
        let error = match &counted(expr).kind {
            ExprKind::Binary { operator, left, .. } if operator.value == BinaryOp::PlusMinus => {
                let text = self.sources.slice(left.span);
                error.fix("leave the standard deviation out", counted(expr).span, text)
            }
            _ if !is_constant => error.help("write one exact value"),
            _ => error,
        };
        self.report(if is_constant {
            error.fix("take its median, or another quantile", expr.span.after(), " at median")
        } else {
            error
        });
    }

    /// A whole number from `low` to `high`.
    pub(super) fn count(
        &mut self,
        expr: &Expr,
        dimension: Dimension,
        (low, high): (u64, u64),
        owner: Owner<'_>,
    ) -> Option<u64> {
        let value = self.exact(expr, dimension, owner)?.value;
        let whole = value.round();
        // A prefix may leave a whole number a rounding error away from one.
        if (value - whole).abs() > 1e-9 * whole.abs() {
            let unit = if dimension.is_none() { String::new() } else { format!(" {dimension}") };
            let mut error = Diagnostic::error(codes::NOT_WHOLE, format!("`{}` must be a whole number", owner.name))
                .label(expr.span, format!("this is {}{unit}", exact(value)))
                .label(owner.span, "takes a whole number");
            for near in [value.floor(), value.ceil()] {
                if near >= low as f64 && near <= high as f64 {
                    error = error.fix(format!("round it to {near}"), expr.span, format!("{near}{unit}"));
                }
            }
            self.report(error);
            return None;
        }
        if whole < low as f64 || whole > high as f64 {
            let message = format!("`{}` must lie between {low} and {high}", owner.name);
            self.out_of_range(message, expr, whole, dimension, owner);
            return None;
        }
        Some(whole as u64)
    }

    /// Reports a number outside of its range.
    pub(super) fn out_of_range(
        &mut self,
        message: String,
        expr: &Expr,
        value: f64,
        dimension: Dimension,
        owner: Owner<'_>,
    ) {
        let mut error = Diagnostic::error(codes::OUT_OF_RANGE, message)
            .label(
                expr.span,
                format!("this is {}", if dimension.is_none() { exact(value) } else { human(value, dimension) }),
            )
            .label(owner.span, "has this range");
        error = match &counted(expr).kind {
            ExprKind::Unary { operand, .. } if value < 0.0 => {
                error.fix("leave the sign out", counted(expr).span, self.sources.slice(operand.span))
            }
            _ => error.help("write a number in this range"),
        };
        self.report(error);
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, field: Field<'_>, words: &[(&str, T)]) -> Option<T> {
        self.word_of(field.value, words, field.owner())
    }

    /// One of a few words, in a list perhaps.
    pub(super) fn word_of<T: Copy>(&mut self, expr: &Expr, words: &[(&str, T)], owner: Owner<'_>) -> Option<T> {
        let known = || words.iter().map(|(word, _)| *word);
        let (written, quoted) = match &expr.kind {
            ExprKind::Error => return None,
            ExprKind::Text(text) => (text.clone(), true),
            ExprKind::Path(path) => {
                (path.names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join("."), false)
            }
            _ => {
                let what = format!("one of {}", list_of(known()));
                self.of_type(expr, &what, owner);
                return None;
            }
        };
        if let Some((word, value)) = words.iter().find(|(word, _)| *word == written) {
            if !quoted {
                return Some(*value);
            }
            let error = Diagnostic::error(codes::WRONG_TYPE, format!("`{}` takes a word, not a text", owner.name))
                .label(expr.span, "this is a text")
                .label(owner.span, "takes a word")
                .fix("leave the quotes out", expr.span, *word);
            self.report(error);
            return None;
        }
        let mut error = Diagnostic::error(codes::UNKNOWN_WORD, format!("`{}` has no `{written}`", owner.name))
            .label(expr.span, "not one of its words")
            .label(owner.span, format!("takes {}", list_of(known())));
        error = match nearest(&written, known()) {
            Some(near) => error.fix(format!("there is `{near}`"), expr.span, near),
            None if words.len() == 1 => error.help(format!("write {}", list_of(known()))),
            None => error.help(format!("write one of {}", list_of(known()))),
        };
        self.report(error);
        None
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, field: Field<'_>) -> Option<bool> {
        if let ExprKind::Bool(value) = field.value.kind {
            return Some(value);
        }
        self.of_type(field.value, "`true` or `false`", field.owner());
        None
    }

    /// A text.
    pub(super) fn text(&mut self, field: Field<'_>) -> Option<String> {
        if let ExprKind::Text(text) = &field.value.kind {
            return Some(text.clone());
        }
        self.of_type(field.value, "a text in quotes", field.owner());
        None
    }

    /// The name of a definition.
    pub(super) fn name<'a>(&mut self, field: Field<'a>) -> Option<&'a Name> {
        if let ExprKind::Path(path) = &field.value.kind
            && let [name] = path.names.as_slice()
        {
            return Some(name);
        }
        self.of_type(field.value, "a name", field.owner());
        None
    }

    /// The elements of a list.
    pub(super) fn list<'a>(&mut self, field: Field<'a>) -> Option<&'a [Expr]> {
        match &field.value.kind {
            ExprKind::List(list) => {
                let beyond = list.get(LARGEST);
                if let Some(beyond) = beyond {
                    self.report(too_large(&format!("`{}`", field.name.value), "elements", beyond.span));
                }
                beyond.is_none().then_some(list)
            }
            ExprKind::Error => None,
            _ => {
                let text = self.sources.slice(field.value.span);
                let error = Diagnostic::error(codes::WRONG_TYPE, format!("`{}` takes a list", field.name.value))
                    .label(field.value.span, "this is no list")
                    .label(field.name.span, "takes a list")
                    .fix("put it into brackets", field.value.span, format!("[{text}]"));
                self.report(error);
                None
            }
        }
    }

    /// `{ width = ..., depth = ..., mlp = ... }`, each read by `read`.
    pub(super) fn axes<'a, T>(
        &mut self,
        field: Field<'a>,
        examples: [&str; 3],
        mut read: impl FnMut(&mut Self, Field<'a>) -> Option<T>,
    ) -> Option<PerAxis<T>> {
        let block = match &field.value.kind {
            ExprKind::Record(block) => block,
            ExprKind::List(list) if list.len() == 3 => {
                let values = Axis::ALL.iter().zip(list);
                let values =
                    values.map(|(axis, value)| format!("{} = {}", axis.name(), self.sources.slice(value.span)));
                let record = format!("{{ {} }}", values.collect::<Vec<_>>().join(", "));
                let error =
                    Diagnostic::error(codes::WRONG_TYPE, format!("`{}` takes a record, not a list", field.name.value))
                        .label(field.value.span, "this is a list")
                        .label(field.name.span, "takes a record")
                        .fix("name the numbers", field.value.span, record);
                self.report(error);
                return None;
            }
            _ => {
                self.of_type(field.value, "a record", field.owner());
                return None;
            }
        };
        let schema = Schema::of(&["width", "depth", "mlp"]);
        let fields = self.fields(format!("`{}`", field.name.value), field.name.span, block, schema);
        let mut examples = examples.into_iter();
        whole(PerAxis::from_fn(|axis: Axis| {
            let example = format!("{} = {}", axis.name(), examples.next().unwrap_or("1"));
            let field = self.required(&fields, axis.name(), &example)?;
            read(self, field)
        }))
    }

    /// Reports a value of the wrong type; silent for a hole.
    pub(super) fn of_type(&mut self, expr: &Expr, wanted: &str, owner: Owner<'_>) {
        let found = match &expr.kind {
            ExprKind::Error => return,
            ExprKind::Text(_) => "a text",
            ExprKind::Bool(_) => "a truth value",
            ExprKind::Record(_) => "a record",
            ExprKind::List(_) => "a list",
            ExprKind::Number { .. } => "a number",
            ExprKind::Path(_) => "a name",
            ExprKind::Column(_) => "a column",
            _ => "an expression",
        };
        let error = Diagnostic::error(codes::WRONG_TYPE, format!("`{}` takes {wanted}, not {found}", owner.name))
            .label(expr.span, format!("this is {found}"))
            .label(owner.span, format!("takes {wanted}"))
            .help(format!("write {wanted}"));
        self.report(error);
    }
}

/// The amount without the kind of compute after it.
fn counted(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::As { value, .. } => value,
        _ => expr,
    }
}

/// All or nothing.
pub(super) fn whole<T>(axes: PerAxis<Option<T>>) -> Option<PerAxis<T>> {
    Some(PerAxis { width: axes.width?, depth: axes.depth?, mlp: axes.mlp? })
}

/// Absent, or whole.
#[expect(clippy::option_option, reason = "absent is not wrong")]
pub(super) fn optional<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(value) => Some(Some(value?)),
        None => Some(None),
    }
}
