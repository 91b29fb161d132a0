//! What a search minimises: how far the loss of a shape lies above the least there is.

use super::anchored::{Anchored, AxisCost, distances};
use super::coupled::Coupled;
use super::frontier::{self, Frontier};
use super::funds::Funds;
use super::surface::Surface;
use crate::law::Law;
use crate::plan::SmallOptimum;
use crate::vit::{Architecture, PerAxis, Shape};

/// A law asked from a start, for an architecture and a budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) law: &'a Law,
    pub(super) start: &'a SmallOptimum,
    pub(super) architecture: &'a Architecture,
    pub(super) funds: Funds,
}

impl Asked<'_> {
    /// Where the law wants to be, and what being elsewhere costs. None for a learning curve, and where the funds pay for
    /// nothing.
    pub(super) fn wanted(&self) -> Option<(PerAxis<f64>, Objective)> {
        match self.law {
            Law::Sovit(law) => self.wanted_by(Anchored::new(law, self.start).surface()),
            Law::Stated(stated) => {
                let exponents = stated.effective.map(|exponent| exponent.value);
                let frontier = Frontier::new(self.start, exponents).at(self.funds.forward_flops);
                Some((frontier, Objective::Separable { costs: distances(frontier), level: f64::NAN }))
            }
            Law::Fitted(_) => None,
        }
    }

    /// The same by the best fit of a law or one of its draws.
    fn wanted_by(&self, surface: Surface) -> Option<(PerAxis<f64>, Objective)> {
        if self.funds.are_simple() {
            let tau = surface.tau(self.funds.forward_flops);
            let (costs, level) = (surface.costs(tau), surface.level(tau));
            return Some((surface.frontier(tau), Objective::Separable { costs, level }));
        }
        let loss = Coupled::new(surface, self.architecture, self.funds)?;
        Some((loss.optimum(), Objective::Coupled(Box::new(loss))))
    }

    /// 95 % interval of where it wants to be; none where the law is exact or has no draws.
    pub(super) fn interval(&self) -> Option<PerAxis<(f64, f64)>> {
        match self.law {
            Law::Sovit(law) => {
                let draws = Anchored::new(law, self.start);
                let wanted = draws.draws().filter_map(|draw| Some(self.wanted_by(draw)?.0));
                frontier::interval_of(&wanted.collect::<Vec<_>>())
            }
            Law::Stated(stated) => frontier::interval(stated, self.start, self.funds.forward_flops),
            Law::Fitted(_) => None,
        }
    }

    /// The least loss there is where the budget is another; NaN where the law has none.
    pub(super) fn least_loss(&self, forward_flops: f64) -> f64 {
        let other = Self { funds: Funds { forward_flops, ..self.funds }, ..*self };
        other.wanted().map_or(f64::INFINITY, |(_, objective)| objective.level())
    }
}

/// The excess loss of shapes.
#[derive(Clone, Debug)]
pub(super) enum Objective {
    /// Every shape is trained with the same compute: a sum of one convex function for each axis.
    Separable {
        /// The functions.
        costs: PerAxis<AxisCost>,
        /// The loss on the frontier; NaN where the law has none.
        level: f64,
    },
    /// The shape decides how much compute is left.
    Coupled(Box<Coupled>),
}

impl Objective {
    /// The least loss there is, on the frontier; NaN where the law has none.
    pub(super) fn level(&self) -> f64 {
        match self {
            Self::Separable { level, .. } => *level,
            Self::Coupled(loss) => loss.level(),
        }
    }

    /// How far the loss of a shape lies above that.
    pub(super) fn excess(&self, shape: Shape) -> f64 {
        match self {
            Self::Separable { costs, .. } => costs.iter().map(|(axis, cost)| cost.loss(shape.get(axis) as f64)).sum(),
            Self::Coupled(loss) => loss.excess(shape),
        }
    }

    /// The same, with shapes told apart that a loss cannot tell apart.
    pub(super) fn cost(&self, shape: Shape) -> f64 {
        match self {
            Self::Separable { costs, .. } => costs.iter().map(|(axis, cost)| cost.at(shape.get(axis) as f64)).sum(),
            Self::Coupled(loss) => loss.excess(shape),
        }
    }
}
