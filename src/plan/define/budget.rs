//! `budget NAME = EXPR`, and amounts of compute in general.

use crate::plan::check::{Checker, Owner};
use crate::plan::{Budget, Counting};
use crate::syntax::ast::{Expr, Item, ItemKind};
use crate::units::{ComputeKind, Dimension};

/// Compute in forward FLOPs, and as it was counted.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct Compute {
    /// In forward FLOPs.
    pub(in crate::plan) forward_flops: f64,
    /// In FLOPs of `kind`.
    pub(in crate::plan) stated: f64,
    /// What is counted.
    pub(in crate::plan) kind: Counting,
}

impl Checker<'_> {
    /// Checks a budget.
    pub(in crate::plan) fn budget(&mut self, item: &Item) -> Option<Budget> {
        let ItemKind::Budget { name, value } = &item.kind else { return None };
        let (text, span) = name.as_ref().map_or(("budget", item.keyword), |name| (&name.value, name.span));
        let Compute { forward_flops, stated, kind } = self.compute(value, Owner { name: text, span })?;
        Some(Budget { name: name.clone()?, span: value.span, forward_flops, stated, kind })
    }

    /// A positive, exact amount of forward or training compute.
    pub(in crate::plan) fn compute(&mut self, expr: &Expr, owner: Owner<'_>) -> Option<Compute> {
        let quantity = self.exact(expr, Dimension::FLOP, owner)?;
        let stated = quantity.value;
        if stated <= 0.0 {
            let message = format!("`{}` must be positive", owner.name);
            self.out_of_range(message, expr, stated, Dimension::FLOP, owner);
            return None;
        }
        let kind = match quantity.measure.kind {
            Some(ComputeKind::Forward) => Counting::Forward,
            Some(ComputeKind::Training) => Counting::Training,
            kind => {
                self.kind_is_needed(expr, kind, &format!("`{}`", owner.name), Some(owner));
                return None;
            }
        };
        let factor = if kind == Counting::Training { Counting::TRAINING_FACTOR } else { 1.0 };
        Some(Compute { forward_flops: stated / factor, stated, kind })
    }
}
