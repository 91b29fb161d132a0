//! A search over a range of budgets, as a table, a CSV file and a picture.

use serde::Serialize;

use super::engine;
use super::picture::{Scale, Tick};
use super::terminal::{Side, bill_cells, bill_numbers, bill_titles, columns};
use crate::diagnostic::Diagnostic;
use crate::shape::TrajectoryPoint;
use crate::units::{Dimension, fixed, human};
use crate::vit::{Axis, PerAxis};

/// What was asked, for titles.
#[derive(Clone, Copy, Debug)]
pub struct Trajectory<'a> {
    /// The plan.
    pub plan: &'a str,
    /// The search.
    pub search: &'a str,
    /// The budget that the plan itself gives the search, in forward FLOPs.
    pub budget: f64,
    /// The points, by rising budgets.
    pub points: &'a [TrajectoryPoint],
}

/// The trajectory as a table for a terminal.
pub fn trajectory_table<'a>(trajectory: &Trajectory<'a>) -> String {
    let has_loss =
        trajectory.points.iter().any(|point| point.answer.as_ref().is_some_and(|answer| answer.loss.is_some()));
    let has_time =
        trajectory.points.iter().any(|point| point.answer.as_ref().is_some_and(|answer| answer.serving.is_some()));
    let mut head = vec!["forward compute", "the law wants", "chosen", "params", "examples"];
    head.extend(has_loss.then_some("predicted"));
    head.extend(has_time.then_some("latency"));
    let bill_of = |point: &'a TrajectoryPoint| point.answer.as_ref()?.bill.as_ref();
    let bills = bill_titles(trajectory.points.iter().map(bill_of));
    head.extend(&bills);
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for point in trajectory.points {
        let wants = Axis::ALL.map(|axis| fixed(*point.frontier.get(axis), usize::from(axis == Axis::Depth)));
        let mut row = vec![human(point.forward_flops, Dimension::FLOP), wants.join(" x ")];
        match &point.answer {
            None => row.push("no legal shape".to_owned()),
            Some(answer) => {
                let shape = answer.vit.shape;
                row.extend([
                    format!("{} x {} x {}", shape.width, shape.depth, shape.mlp_dim),
                    human(answer.cost.params as f64, Dimension::PARAM),
                    human(answer.budget.examples, Dimension::EXAMPLE),
                ]);
                let loss = answer.loss.as_ref();
                row.extend(has_loss.then(|| loss.map_or_else(String::new, |loss| format!("{:.4}", loss.value))));
                let serving = answer.serving.as_ref();
                let second = Dimension::of(crate::units::Base::Second);
                row.extend(has_time.then(|| serving.map_or_else(String::new, |served| human(served.latency, second))));
                row.extend(bill_cells(answer.bill.as_ref(), &bills));
            }
        }
        rows.push(row);
    }
    let sides = vec![Side::Right; rows.first().map_or(0, Vec::len)];
    columns(&rows, &sides).into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// The trajectory as a CSV file, a row a point; what is not known is empty.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn trajectory_csv(trajectory: &Trajectory<'_>) -> Result<String, Diagnostic> {
    let number = |value: f64| value.to_string();
    let rows: Vec<Vec<String>> = trajectory
        .points
        .iter()
        .map(|point| {
            let mut row = vec![format!("{:e}", point.forward_flops)];
            for axis in Axis::ALL {
                row.push(number(*point.frontier.get(axis)));
                let interval = point.frontier_interval.map(|interval| *interval.get(axis));
                row.extend(match interval {
                    Some((low, high)) => [number(low), number(high)],
                    None => [String::new(), String::new()],
                });
            }
            let answer = point.answer.as_ref();
            row.extend(match answer {
                None => vec![String::new(); 9],
                Some(answer) => {
                    let (shape, cost, loss) = (answer.vit.shape, &answer.cost, answer.loss.as_ref());
                    let of_loss =
                        |pick: fn(&crate::shape::Loss) -> f64| loss.map_or_else(String::new, |loss| number(pick(loss)));
                    vec![
                        shape.width.to_string(),
                        shape.depth.to_string(),
                        shape.mlp_dim.to_string(),
                        cost.params.to_string(),
                        cost.forward_flops_per_example.to_string(),
                        number(answer.budget.examples),
                        of_loss(|loss| loss.value),
                        of_loss(|loss| loss.low),
                        of_loss(|loss| loss.high),
                    ]
                }
            });
            row.push(answer.and_then(|answer| answer.serving.as_ref()).map_or_else(String::new, |s| number(s.latency)));
            row.extend(bill_numbers(answer.and_then(|answer| answer.bill.as_ref())));
            row
        })
        .collect();
    engine::render("frontier.csv.j2", Csv { rows })
}

#[derive(Serialize)]
struct Csv {
    rows: Vec<Vec<String>>,
}

/// The trajectory as an SVG picture: each size and the parameters against compute, on logarithmic axes.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn trajectory_svg(trajectory: &Trajectory<'_>) -> Result<String, Diagnostic> {
    let computes: Vec<f64> = trajectory.points.iter().map(|point| point.forward_flops).collect();
    let across = Scale::of(computes.iter().copied().chain([trajectory.budget]), (0.0, PANEL.0));
    let mut panels: Vec<Panel> = Axis::ALL
        .iter()
        .map(|&axis| {
            let wanted: Vec<(f64, f64)> =
                trajectory.points.iter().map(|point| (point.forward_flops, *point.frontier.get(axis))).collect();
            let band: Vec<(f64, (f64, f64))> = trajectory
                .points
                .iter()
                .filter_map(|point| Some((point.forward_flops, *point.frontier_interval?.get(axis))))
                .collect();
            let chosen = chosen(trajectory, |answer| answer.vit.shape.get(axis) as f64);
            Panel::new(axis_title(axis), &across, &wanted, &band, &chosen, trajectory.budget)
        })
        .collect();
    let params = chosen(trajectory, |answer| answer.cost.params as f64);
    panels.push(Panel::new("parameters", &across, &[], &[], &params, trajectory.budget));
    for (index, panel) in panels.iter_mut().enumerate() {
        panel.left = MARGIN.0 + (index % 2) as f64 * (PANEL.0 + GAP.0);
        panel.top = MARGIN.1 + (index / 2) as f64 * (PANEL.1 + GAP.1);
    }
    let title = format!("search {} of {}: the shape at every budget", trajectory.search, trajectory.plan);
    let picture = Picture {
        width: 2.0f64.mul_add(PANEL.0, 2.0 * MARGIN.0 + GAP.0) as u64,
        height: 2.0f64.mul_add(PANEL.1, MARGIN.1 + GAP.1 + MARGIN.0) as u64,
        title,
        panels,
        panel_width: PANEL.0,
        panel_height: PANEL.1,
    };
    engine::render("frontier.svg.j2", picture)
}

const PANEL: (f64, f64) = (340.0, 200.0);
const GAP: (f64, f64) = (100.0, 70.0);
const MARGIN: (f64, f64) = (64.0, 78.0);

const fn axis_title(axis: Axis) -> &'static str {
    match axis {
        Axis::Width => "width",
        Axis::Depth => "depth",
        Axis::Mlp => "MLP size",
    }
}

fn chosen(trajectory: &Trajectory<'_>, pick: impl Fn(&crate::shape::Answer) -> f64) -> Vec<(f64, f64)> {
    trajectory.points.iter().filter_map(|point| Some((point.forward_flops, pick(point.answer.as_ref()?)))).collect()
}

#[derive(Serialize)]
struct Picture {
    width: u64,
    height: u64,
    title: String,
    panel_width: f64,
    panel_height: f64,
    panels: Vec<Panel>,
}

#[derive(Serialize)]
struct Panel {
    title: &'static str,
    left: f64,
    top: f64,
    line: String,
    band: String,
    steps: String,
    budget: f64,
    across: Vec<Tick>,
    up: Vec<Tick>,
}

impl Panel {
    fn new(
        title: &'static str,
        across: &Scale,
        wanted: &[(f64, f64)],
        band: &[(f64, (f64, f64))],
        chosen: &[(f64, f64)],
        budget: f64,
    ) -> Self {
        let values = wanted.iter().chain(chosen).map(|point| point.1);
        // A band may reach to the ends of the world; the line says what the panel shows.
        let up = Scale::of(values, (PANEL.1, 0.0));
        let path = |points: &[(f64, f64)]| {
            let points = points.iter().map(|&(x, y)| format!("{},{}", across.at(x), up.at(y)));
            points.collect::<Vec<_>>().join(" ")
        };
        let low = band.iter().map(|&(x, (low, _))| (x, low));
        let high = band.iter().rev().map(|&(x, (_, high))| (x, high));
        let ring: Vec<(f64, f64)> = low.chain(high).filter(|(_, y)| *y > 0.0).collect();
        // A shape holds until the next budget asks for another.
        let mut steps = Vec::new();
        for pair in chosen.windows(2) {
            let [(x, y), (next, _)] = *pair else { continue };
            steps.extend([(x, y), (next, y)]);
        }
        steps.extend(chosen.last());
        Self {
            title,
            left: 0.0,
            top: 0.0,
            line: path(wanted),
            band: path(&ring),
            steps: path(&steps),
            budget: across.at(budget),
            across: across.ticks(|value| human(value, Dimension::FLOP)),
            up: up.ticks(|value| {
                if title == "parameters" { human(value, Dimension::PARAM) } else { human(value, Dimension::NONE) }
            }),
        }
    }
}

/// The trajectory as JSON.
pub fn trajectory_json(trajectory: &Trajectory<'_>) -> String {
    #[derive(Serialize)]
    struct Whole<'a> {
        plan: &'a str,
        search: &'a str,
        budget: f64,
        points: Vec<Point<'a>>,
    }
    #[derive(Serialize)]
    struct Point<'a> {
        forward_flops: f64,
        frontier: PerAxis<f64>,
        frontier_interval: Option<PerAxis<(f64, f64)>>,
        shape: Option<crate::vit::Shape>,
        params: Option<u64>,
        forward_flops_per_example: Option<u64>,
        examples: Option<f64>,
        predicted: Option<(f64, f64, f64)>,
        serving: Option<&'a crate::shape::Served>,
        binding: &'a [String],
    }
    let points = trajectory.points.iter().map(|point| {
        let answer = point.answer.as_ref();
        Point {
            forward_flops: point.forward_flops,
            frontier: point.frontier,
            frontier_interval: point.frontier_interval,
            shape: answer.map(|answer| answer.vit.shape),
            params: answer.map(|answer| answer.cost.params),
            forward_flops_per_example: answer.map(|answer| answer.cost.forward_flops_per_example),
            examples: answer.map(|answer| answer.budget.examples),
            predicted: answer.and_then(|answer| answer.loss.as_ref()).map(|loss| (loss.value, loss.low, loss.high)),
            serving: answer.and_then(|answer| answer.serving.as_ref()),
            binding: answer.map_or(&[], |answer| &answer.binding),
        }
    });
    let whole =
        Whole { plan: trajectory.plan, search: trajectory.search, budget: trajectory.budget, points: points.collect() };
    crate::source::plain_json(serde_json::to_string_pretty(&whole).unwrap_or_default()) + "\n"
}
