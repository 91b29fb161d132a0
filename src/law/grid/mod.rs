//! The start of the recipe from a grid sweep of small shapes.
//!
//! SoViT appendix B.3 asks that the shape be interior to the grid, optimal over a range of compute, and that t(0) be
//! the least compute of that range. It does not say how to read that off a table; this is the rule here:
//!
//! 1. Repeats of a run are averaged in log loss. A shape's loss at a compute t is interpolated on log-log axes between
//!    its runs; after its longest run it is what that reached, for training can be stopped; before its shortest run it
//!    is unknown. Nothing is extrapolated.
//! 2. At every t the shape of least loss is the best one. A grid of one duration has one run for each shape, and this
//!    is its Pareto front of loss against compute: a shape is the best one from its own t to the t of the next cheapest
//!    shape that beats it.
//! 3. Of the shapes strictly inside the grid on all three axes the start is the one that is best over the widest
//!    stretch of log t, and t(0) is where that stretch begins. A stretch of less than [`RANGE`] does not count while
//!    there is another.
//!
//! Its weakness is noise: the front takes the least of many noisy losses, so lucky runs stay on it longer than they
//! should, and with one duration the stretches are as narrow as the steps of the grid. Hence the runner-up, the noise
//! among repeats and [`codes::UNSTABLE_START`].

mod front;
#[cfg(test)]
mod tests;

use super::fit::brief;
use super::{GridOptimum, NamedStart, RunnerUp, codes};
use crate::diagnostic::Diagnostic;
use crate::plan::{LawData, Plan, SmallOptimum, Start, StartKind};
use crate::results::Table;
use crate::vit::{Axis, PerAxis, Shape};
use front::{Curve, Stretch, front};

/// Least sizes of an axis for one to lie between others.
const SIZES: usize = 3;
/// A stretch of less than this factor of compute is no range: neighbours in a grid cost about so much more.
const RANGE: f64 = 1.05;
/// A shape that is the best one over less than this factor of compute may owe it to chance.
const NARROW: f64 = 1.5;
/// Standard errors within which two losses are alike.
const ALIKE: f64 = 2.0;

/// Finds every start of a plan: one slot for each of `plan.starts`, in order. Stated ones pass through.
///
/// `tables` has a slot for each of `plan.results`. A slot is empty where the start's table is, or where the grid has no
/// interior optimum; the diagnostics say why. The same tables give the same starts, whatever the order of their rows.
pub fn starts(plan: &Plan, tables: &[Option<Table>]) -> (Vec<Option<NamedStart>>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let starts = plan.starts.iter().map(|start| {
        let (optimum, grid) = match start.kind {
            StartKind::Stated(optimum) => (optimum, None),
            StartKind::BestOf { data, compute } => {
                let table = tables.get(data.table)?.as_ref()?;
                let model = plan.results.get(data.table).and_then(|results| plan.models.get(results.model?));
                let heads = model.map_or(1, |model| model.architecture.heads);
                let mut grid = Grid { start, data, table, heads, diagnostics: &mut diagnostics };
                let (optimum, found) = grid.best(compute)?;
                (optimum, Some(found))
            }
        };
        Some(NamedStart { name: start.name.value.clone(), optimum, grid })
    });
    (starts.collect(), diagnostics)
}

/// One grid, and what is found on the way.
struct Grid<'a> {
    start: &'a Start,
    data: LawData,
    table: &'a Table,
    heads: u64,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// The repeats of one run.
struct Run {
    shape: Shape,
    t: f64,
    log_loss: f64,
    repeats: usize,
}

impl Grid<'_> {
    fn best(&mut self, stated: Option<f64>) -> Option<(SmallOptimum, GridOptimum)> {
        let (runs, rows, noise) = self.runs();
        let shapes: Vec<&[Run]> = runs.chunk_by(|a, b| a.shape == b.shape).collect();
        let sizes = PerAxis::from_fn(|axis| {
            let mut sizes: Vec<u64> = runs.iter().map(|run| run.shape.get(axis)).collect();
            sizes.sort_unstable();
            sizes.dedup();
            sizes
        });
        if !self.is_a_grid(&sizes, &shapes) {
            return None;
        }
        let curve = |runs: &&[Run]| {
            let points = runs.iter().map(|run| (run.t.ln(), run.log_loss)).collect();
            runs.first().map(|run| Curve::new(run.shape, points))
        };
        let curves: Vec<Curve> = shapes.iter().filter_map(curve).collect();
        let stretches = front(&curves);
        let edges = |stretch: &Stretch| curves.get(stretch.curve).map_or(3, |curve| edges(curve.shape, &sizes).len());
        // A range first, then further inside, then wider, then earlier.
        let width = |stretch: &Stretch| stretch.to - stretch.from;
        let order = |a: &&Stretch, b: &&Stretch| {
            let is_range = |stretch: &Stretch| width(stretch) >= RANGE.ln();
            let inside = is_range(a).cmp(&is_range(b)).then(edges(b).cmp(&edges(a)));
            inside.then(width(a).total_cmp(&width(b))).then(b.from.total_cmp(&a.from))
        };
        let best = stretches.iter().max_by(order)?;
        let shape = curves.get(best.curve)?.shape;
        if edges(best) > 0 {
            self.not_interior(shape, &sizes);
            return None;
        }

        let compute = |log: f64| runs.iter().find(|run| run.t.ln() == log).map_or_else(|| log.exp(), |run| run.t);
        let range = (compute(best.from), compute(best.to));
        let middle = f64::midpoint(best.from, best.to);
        let log_loss = curves.get(best.curve)?.at(middle)?;
        let others = curves.iter().enumerate().filter(|(index, _)| *index != best.curve);
        let second = others
            .filter_map(|(_, curve)| Some((curve.at(middle)?, curve.shape)))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let found = GridOptimum {
            metric: self.table.metrics.get(self.data.metric).cloned().unwrap_or_default(),
            shapes: curves.len() as u64,
            rows,
            range,
            loss: log_loss.exp(),
            runner_up: second.map(|(second, shape)| RunnerUp { shape, excess: (second - log_loss).exp_m1() }),
            noise,
        };
        let repeats = |shape: Shape| {
            let runs = runs.iter().filter(|run| run.shape == shape);
            runs.map(|run| run.repeats).min().unwrap_or(1) as f64
        };
        let error =
            second.zip(noise).map(|((_, second), noise)| noise * (1.0 / repeats(shape) + 1.0 / repeats(second)).sqrt());
        self.doubts(shape, &found, error);
        let forward_flops = stated.unwrap_or(range.0);
        if forward_flops < range.0 || forward_flops > range.1 {
            self.elsewhere(shape, range, forward_flops);
        }
        Some((SmallOptimum { shape, forward_flops }, found))
    }

    /// The runs by shape and compute, how many rows they are, and the noise among repeats.
    fn runs(&self) -> (Vec<Run>, u64, Option<f64>) {
        let row = |row: &crate::results::Row| {
            let loss = row.metrics.get(self.data.metric)?.ln();
            (!row.hold_out).then_some((row.shape?, row.forward_flops?, loss))
        };
        let mut rows: Vec<(Shape, f64, f64)> = self.table.rows.iter().filter_map(row).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2)));
        let (mut squares, mut freedom) = (0.0, 0);
        let runs = rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter_map(|same| {
            let &(shape, t, _) = same.first()?;
            let log_loss = same.iter().map(|row| row.2).sum::<f64>() / same.len() as f64;
            squares += same.iter().map(|row| (row.2 - log_loss).powi(2)).sum::<f64>();
            freedom += same.len() - 1;
            Some(Run { shape, t, log_loss, repeats: same.len() })
        });
        let runs = runs.collect();
        (runs, rows.len() as u64, (freedom > 0).then(|| (squares / freedom as f64).sqrt()))
    }

    /// Whether every combination of the sizes was run, and enough of them; says what is missing.
    fn is_a_grid(&mut self, sizes: &PerAxis<Vec<u64>>, shapes: &[&[Run]]) -> bool {
        let name = &self.table.name;
        if let Some((axis, few)) = sizes.iter().find(|(_, sizes)| sizes.len() < SIZES) {
            let (axis, have) = (axis.name(), list(few));
            let message = format!("`{name}` has too few sizes of {axis} for one to lie between others: {have}");
            let help = format!("train the grid at {SIZES} sizes of {axis} or more, about 20 % apart");
            let error = Diagnostic::error(codes::TOO_FEW_POINTS, message).help(help);
            self.report(error);
            return false;
        }
        let all = sizes.iter().map(|(_, sizes)| sizes.len() as u128).product::<u128>();
        let missing = all - shapes.len() as u128;
        if missing == 0 {
            return true;
        }
        let is_run = |shape: &Shape| {
            shapes.binary_search_by(|runs| runs.first().map_or(*shape, |run| run.shape).cmp(shape)).is_ok()
        };
        let combinations = sizes.width.iter().flat_map(|&width| {
            let depths = sizes.depth.iter();
            depths.flat_map(move |&depth| sizes.mlp.iter().map(move |&mlp_dim| Shape { width, depth, mlp_dim }))
        });
        let first: Vec<String> =
            combinations.filter(|shape| !is_run(shape)).take(SHOWN).map(|shape| shape.to_string()).collect();
        let first = first.join(", ");
        let more =
            if missing > SHOWN as u128 { format!(" and {} more", missing - SHOWN as u128) } else { String::new() };
        let message = format!("`{name}` is not a grid: {missing} of {all} combinations of its sizes have no run");
        let error = Diagnostic::error(codes::NOT_A_GRID, message)
            .help("train them, or keep a smaller grid that is whole, with `where`")
            .note(format!("as (width, depth, mlp) there is no {first}{more}"))
            .note("a shape that was not run might be the best one");
        self.report(error);
        false
    }

    fn not_interior(&mut self, shape: Shape, sizes: &PerAxis<Vec<u64>>) {
        let sides = edges(shape, sizes);
        let names: Vec<String> = sides
            .iter()
            .map(|(axis, side)| {
                let word = if *side == Side::Low { "smallest" } else { "largest" };
                format!("the {word} {}, {}", axis.name(), shape.get(*axis))
            })
            .collect();
        let name = &self.table.name;
        let message =
            format!("`{name}` has no optimum inside the grid: its best shape {shape} has {}", names.join(" and "));
        let mut error = Diagnostic::error(codes::NOT_INTERIOR, message);
        for (axis, side) in sides {
            let steps = sizes.get(axis);
            let multiple = match axis {
                Axis::Width => self.heads,
                Axis::Depth => 1,
                Axis::Mlp => 16,
            };
            let edge = shape.get(axis);
            error = error.help(match (side, beyond(steps, side, multiple)) {
                (Side::Low, Some(next)) => {
                    format!("extend the grid to {} below {edge}, for example {next}", axis.name())
                }
                (Side::High, Some(next)) => {
                    format!("extend the grid to {} above {edge}, for example {next}", axis.name())
                }
                (_, None) => format!("no {} lies below {edge}; train the grid for longer", axis.name()),
            });
        }
        self.report(error.note("beyond the edge there may be a better shape, which the recipe should start from"));
    }

    fn doubts(&mut self, shape: Shape, found: &GridOptimum, error: Option<f64>) {
        let (table, name) = (&self.table.name, &self.start.name.value);
        let mut warnings = Vec::new();
        let factor = found.range.1 / found.range.0;
        if factor < NARROW {
            let message = format!(
                "start `{name}`: {shape} is the best of `{table}` over a factor of {factor:.2} of compute only"
            );
            let help = "train every shape of the grid for several durations, and the same shape should stay the best";
            warnings.push((message, help));
        }
        if let (Some(second), Some(error)) = (found.runner_up, error)
            && second.excess.ln_1p() < ALIKE * error
        {
            let message = format!(
                "start `{name}`: {} is as good as {shape} within the noise: its {} is {} % higher, give or take {} %",
                second.shape,
                found.metric,
                brief(second.excess * 100.0),
                brief(ALIKE * error * 100.0)
            );
            warnings.push((message, "repeat the runs of both with other seeds"));
        }
        for (message, help) in warnings {
            let warning = Diagnostic::warning(codes::UNSTABLE_START, message).help(help);
            self.report(match (found.runner_up, found.noise) {
                (Some(second), None) => warning.note(format!(
                    "the runner-up {} has {} {} % higher; without repeats nothing says how much of that is noise",
                    second.shape,
                    found.metric,
                    brief(second.excess * 100.0)
                )),
                _ => warning,
            });
        }
    }

    fn elsewhere(&mut self, shape: Shape, (low, high): (f64, f64), stated: f64) {
        let message = format!(
            "start `{}`: {shape} is not the best of `{}` at the stated compute",
            self.start.name.value, self.table.name
        );
        let warning = Diagnostic::warning(codes::START_ELSEWHERE, message)
            .help("leave `compute` out to start where the grid says")
            .note(format!("stated {stated:.3e} forward FLOP; it is the best one from {low:.3e} to {high:.3e}"));
        self.report(warning);
    }

    /// Reports with the place where the plan asks for the start.
    fn report(&mut self, diagnostic: Diagnostic) {
        let label = format!("`{}` is found here", self.start.name.value);
        self.diagnostics.push(diagnostic.label(self.data.span, label));
    }
}

/// How many missing shapes are named.
const SHOWN: usize = 3;

/// An end of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Low,
    High,
}

/// The axes on which a shape stands at an end of the grid.
fn edges(shape: Shape, sizes: &PerAxis<Vec<u64>>) -> Vec<(Axis, Side)> {
    let side = |(axis, sizes): (Axis, &Vec<u64>)| {
        let size = shape.get(axis);
        let low = (sizes.first() == Some(&size)).then_some(Side::Low);
        low.or((sizes.last() == Some(&size)).then_some(Side::High)).map(|side| (axis, side))
    };
    sizes.iter().filter_map(side).collect()
}

/// The next size beyond an end, in the ratio of the last two and a multiple of `multiple`; `None` where there is none.
fn beyond(sizes: &[u64], side: Side, multiple: u64) -> Option<u64> {
    let (last, before) = match (side, sizes) {
        (Side::Low, [last, before, ..]) | (Side::High, [.., before, last]) => (*last, *before),
        _ => return None,
    };
    let next = last as f64 * last as f64 / before as f64;
    let next = (next / multiple as f64).round() as u64 * multiple;
    let next = match side {
        Side::Low => next.min(last.saturating_sub(1) / multiple * multiple),
        Side::High => next.max((last / multiple + 1) * multiple),
    };
    (next > 0).then_some(next)
}

fn list(sizes: &[u64]) -> String {
    sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(" and ")
}
