//! What tokens alone do not tell: which sign is a prefix, what is a unit, what is called.

use std::collections::BTreeSet;

use crate::source::Span;
use crate::syntax::ast::{Ast, BinaryOp, Block, EntryKind, Expr, ExprKind, Goal, ItemKind, UnaryOp};

/// Places of tokens, by their first byte, that stand close to a neighbour.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Nothing stands before the token.
    pub(super) close_before: BTreeSet<u32>,
    /// Nothing stands after it.
    pub(super) close_after: BTreeSet<u32>,
    /// Insides of units: no token but the first has anything before it.
    units: Vec<Span>,
}

impl Marks {
    /// Of a tree without holes.
    pub(super) fn of(ast: &Ast) -> Self {
        let mut marks = Self::default();
        for item in &ast.items {
            match &item.kind {
                ItemKind::Device { body, .. }
                | ItemKind::Model { body, .. }
                | ItemKind::Results { body, .. }
                | ItemKind::Law { body, .. }
                | ItemKind::Start { body, .. }
                | ItemKind::Recipe { body, .. }
                | ItemKind::Search { body, .. }
                | ItemKind::Emit { body, .. } => body.iter().for_each(|body| marks.block(body)),
                ItemKind::Let { value, .. } | ItemKind::Budget { value, .. } => marks.expression(value),
                ItemKind::Use { .. } | ItemKind::Prices { .. } => {}
            }
        }
        marks.units.sort_by_key(|unit| unit.start);
        marks
    }

    /// Whether a token stands inside a unit and is not its beginning.
    pub(super) fn continues_unit(&self, start: u32) -> bool {
        let next = self.units.partition_point(|unit| unit.start < start);
        next.checked_sub(1).and_then(|last| self.units.get(last)).is_some_and(|unit| start < unit.end)
    }

    fn block(&mut self, block: &Block) {
        for entry in &block.entries {
            match &entry.kind {
                EntryKind::Field { value, .. } => self.expression(value),
                EntryKind::Range { low, high, spacing, .. } => {
                    self.expression(low);
                    self.expression(high);
                    if let Some(spacing) = spacing {
                        self.expression(spacing.value());
                    }
                }
                EntryKind::Require { predicate } => self.expression(predicate),
                EntryKind::Prefer(preference) => {
                    if let Some(Goal::Least(value) | Goal::Most(value)) = &preference.goal {
                        self.expression(value);
                    }
                    if let Some(share) = &preference.within {
                        self.expression(share);
                    }
                }
            }
        }
    }

    fn expressions(&mut self, expressions: &[Expr]) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match &expression.kind {
            ExprKind::Number { unit, .. } => self.units.extend(unit.iter().map(|unit| unit.span)),
            ExprKind::Error | ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Path(_) | ExprKind::Column(_) => {}
            ExprKind::Call { function, arguments } => {
                self.close_after.insert(function.span.start);
                self.expressions(arguments);
            }
            ExprKind::Record(block) => self.block(block),
            ExprKind::List(values) => self.expressions(values),
            ExprKind::Unary { operator, operand } => {
                if operator.value == UnaryOp::Negate {
                    self.close_after.insert(operator.span.start);
                }
                self.expression(operand);
            }
            ExprKind::Binary { operator, left, right } => {
                let is_bare = |side: &Expr| matches!(side.kind, ExprKind::Number { unit: None, .. });
                if operator.value == BinaryOp::Divide && is_bare(left) && is_bare(right) {
                    self.close_before.insert(operator.span.start);
                    self.close_after.insert(operator.span.start);
                }
                self.expression(left);
                self.expression(right);
            }
            ExprKind::As { value, .. } | ExprKind::At { value, .. } => self.expression(value),
        }
    }
}
