//! `budget NAME = EXPR`, and amounts of compute in general.

use crate::plan::check::{Checker, Owner};
use crate::plan::{Budget, Counting};
use crate::syntax::ast::{Expr, Item, ItemKind};
use crate::units::{ComputeKind, Dimension, Quantile, Quantity};

/// Compute in forward FLOPs, and as it was counted.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct Compute {
    /// In forward FLOPs.
    pub(in crate::plan) forward_flops: f64,
    /// Its 90 % interval in forward FLOPs, where it is uncertain.
    pub(in crate::plan) interval: Option<[f64; 2]>,
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
        let owner = Owner { name: text, span };
        // Its value was found with those of all other names.
        let quantity = match name.as_ref().and_then(|name| self.bound_here(name)) {
            Some(bound) => bound?,
            None => self.a_value(value, Some(Dimension::FLOP), owner)?,
        };
        if !self.fits(value, quantity.measure.dimension, Dimension::FLOP, owner) {
            return None;
        }
        let Compute { forward_flops, interval, stated, kind } = self.amount(&quantity, value, owner)?;
        Some(Budget { name: name.clone()?, span: value.span, forward_flops, interval, stated, kind })
    }

    /// A positive, exact amount of forward or training compute.
    pub(in crate::plan) fn compute(&mut self, expr: &Expr, owner: Owner<'_>) -> Option<Compute> {
        let quantity = self.exact(expr, Dimension::FLOP, owner)?;
        self.amount(&quantity, expr, owner)
    }

    /// A positive amount of forward or training compute.
    fn amount(&mut self, quantity: &Quantity, expr: &Expr, owner: Owner<'_>) -> Option<Compute> {
        let stated = quantity.at(Quantile::MEDIAN);
        let ends = [Quantile::LOW, Quantile::HIGH].map(|end| quantity.at(end));
        if let Some(&wrong) = [ends[0], stated].iter().find(|value| **value <= 0.0) {
            let message = format!("`{}` must be positive", owner.name);
            self.out_of_range(message, expr, wrong, Dimension::FLOP, owner);
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
        let interval = (!quantity.is_exact()).then(|| ends.map(|end| end / factor));
        Some(Compute { forward_flops: stated / factor, interval, stated, kind })
    }
}
