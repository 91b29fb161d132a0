//! What less of a number costs in loss: the front of one search at its budget.

use super::Answer;
use super::choose::choose;
use crate::law::{NamedLaw, NamedStart};
use crate::plan::{Comparison, Expression, Plan, Preference, Requirement, Search, ShapeVariable};
use crate::vit::Vit;

/// Shapes of which none has both a lower loss and a better `number` than another, least loss first: the one with the
/// least loss, the one with the best number whose loss is at most the fraction `within` above it, and between them those
/// with the least loss at up to `count` bounds, even in their logarithm. Each is proven as the answer of a search is.
///
/// A preference of the plan is left aside. `laws` and `starts` are as [`choose`] takes them. Empty where the search has
/// no answer or its law no loss.
pub fn pareto(
    plan: &Plan,
    search: usize,
    laws: &[Option<NamedLaw>],
    starts: &[Option<NamedStart>],
    number: ShapeVariable,
    (within, count): (f64, usize),
) -> Vec<Answer> {
    let Some(asked) = plan.searches.get(search) else { return Vec::new() };
    let asked = Search { prefer: None, runners_up: 0, compare: Vec::new(), ..asked.clone() };
    let ask = |search: Search| {
        let plan = Plan { searches: vec![search], ..plan.clone() };
        choose(&plan, laws, starts).0.into_iter().flatten().next().filter(|answer| answer.loss.is_some())
    };
    let most = number.is_better_higher();
    let preference = Preference {
        text: String::new(),
        span: asked.name.span,
        objective: Expression::Variable(number),
        dimension: number.dimension(),
        most,
        within: Some(within),
    };
    let Some(least) = ask(asked.clone()) else { return Vec::new() };
    let Some(extreme) = ask(Search { prefer: Some(preference), ..asked.clone() }) else { return vec![least] };
    let of = |answer: &Answer| answer.number(number);
    let (from, to) = (of(&least), of(&extreme));
    let bounded = |bound: f64| {
        let comparison = if most { Comparison::GreaterEqual } else { Comparison::LessEqual };
        let sides = (Box::new(Expression::Variable(number)), Box::new(Expression::Number(bound)));
        let predicate = Expression::Compare(comparison, sides.0, sides.1);
        let mut search = asked.clone();
        search.requires.push(Requirement { text: String::new(), span: search.name.span, predicate });
        ask(search)
    };
    let mut front = vec![least];
    for i in 1..count.max(2) {
        let share = i as f64 / (count.max(2) - 1) as f64;
        let bound = if i + 1 == count.max(2) { to } else { from * (to / from).powf(share) };
        let is_new = |answer: &Answer| front.last().is_none_or(|last| last.vit != answer.vit);
        let found = bounded(bound).filter(is_new);
        front.extend(found);
    }
    front
}

impl ShapeVariable {
    /// Whether people want more of it.
    pub const fn is_better_higher(self) -> bool {
        matches!(self, Self::Throughput | Self::Examples)
    }
}

impl Answer {
    /// A number of the chosen shape, in base units; NaN where the search does not say enough for it.
    pub fn number(&self, variable: ShapeVariable) -> f64 {
        let Vit { shape, architecture } = self.vit;
        let latency = || self.serving.as_ref().map_or(f64::NAN, |served| served.latency);
        match variable {
            ShapeVariable::Width => shape.width as f64,
            ShapeVariable::Depth => shape.depth as f64,
            ShapeVariable::Mlp => shape.mlp_dim as f64,
            ShapeVariable::Heads => architecture.heads as f64,
            ShapeVariable::HeadDim => self.vit.head_dim() as f64,
            ShapeVariable::Params => self.cost.params as f64,
            ShapeVariable::Tokens => architecture.tokens() as f64,
            ShapeVariable::Flops => self.cost.forward_flops_per_example as f64,
            ShapeVariable::Examples => self.budget.examples,
            ShapeVariable::Latency => latency(),
            ShapeVariable::Throughput => {
                self.serving.as_ref().map_or(f64::NAN, |served| served.batch as f64 / latency())
            }
            ShapeVariable::Memory => self.training.as_ref().map_or(f64::NAN, |trained| trained.memory.total() as f64),
            ShapeVariable::Loss => self.loss.as_ref().map_or(f64::NAN, |loss| loss.value),
        }
    }
}
