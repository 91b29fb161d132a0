//! The answers of one search over a range of budgets: figure 1 of the SoViT paper.

use serde::Serialize;

use super::Answer;
use super::choose::choose;
use super::funds::Funds;
use super::objective::Asked;
use crate::law::{NamedLaw, NamedStart};
use crate::plan::{Budget, Counting, Plan};
use crate::vit::PerAxis;

/// A search at one budget.
#[derive(Clone, Debug, Serialize)]
pub struct TrajectoryPoint {
    /// The budget in forward FLOPs.
    pub forward_flops: f64,
    /// Where the law wants to be.
    pub frontier: PerAxis<f64>,
    /// 95 % interval of `frontier`, where the law is uncertain.
    pub frontier_interval: Option<PerAxis<(f64, f64)>>,
    /// What the search answers; absent where no shape is legal or the budget pays for none.
    pub answer: Option<Answer>,
}

/// One search of a plan, asked with each of `budgets`, in forward FLOPs.
///
/// `laws` and `starts` are as [`choose`] takes them. Budgets that pay for no training are left out; all
/// are where the search has no start or its law no exponents.
pub fn trajectory(
    plan: &Plan,
    search: usize,
    laws: &[Option<NamedLaw>],
    starts: &[Option<NamedStart>],
    budgets: &[f64],
) -> Vec<TrajectoryPoint> {
    let mut plan = plan.clone();
    let Some(asked) = plan.searches.get(search).cloned() else { return Vec::new() };
    let Some(named) = laws.get(asked.law).and_then(Option::as_ref) else { return Vec::new() };
    let start = asked.start.and_then(|start| starts.get(start)).and_then(Option::as_ref);
    let (Some(start), Some(model)) = (start, plan.models.get(asked.model).cloned()) else { return Vec::new() };
    // What laws have to say of it has been said.
    let Some(funds) = Funds::new(&plan, &asked, 0.0, laws, &mut Vec::new()) else { return Vec::new() };
    let budget = asked.budget;
    plan.searches = vec![asked];
    let points = budgets.iter().filter_map(|&forward_flops| {
        let funds = Funds { forward_flops, ..funds };
        let asked = Asked { law: &named.law, start: &start.optimum, architecture: &model.architecture, funds };
        let (frontier, _) = asked.wanted()?;
        if let Some(budget) = plan.budgets.get_mut(budget) {
            *budget = Budget {
                forward_flops,
                stated: forward_flops,
                kind: Counting::Forward,
                interval: None,
                ..budget.clone()
            };
        }
        let (answers, _) = choose(&plan, laws, starts);
        Some(TrajectoryPoint {
            forward_flops,
            frontier,
            frontier_interval: asked.interval(),
            answer: answers.into_iter().flatten().next(),
        })
    });
    points.collect()
}

/// So many budgets from `low` to `high`, both included, evenly in their logarithm.
pub fn budgets(low: f64, high: f64, count: usize) -> Vec<f64> {
    match count {
        0 => Vec::new(),
        1 => vec![low],
        _ => {
            let step = (high / low).ln() / (count - 1) as f64;
            let mut list: Vec<f64> = (0..count).map(|i| low * (step * i as f64).exp()).collect();
            if let Some(last) = list.last_mut() {
                *last = high;
            }
            list
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_even_in_their_logarithm() {
        let list = budgets(1e18, 1e22, 5);
        for (got, want) in list.iter().zip([1e18, 1e19, 1e20, 1e21, 1e22]) {
            assert!((got / want - 1.0).abs() < 1e-12);
        }
        assert_eq!((list[0], list[4]), (1e18, 1e22));
        assert_eq!(budgets(5.0, 9.0, 1), [5.0]);
    }
}
