//! The front of loss against a number of the shape, as a table, a CSV file, JSON and a picture.

use serde::Serialize;

use super::engine;
use super::picture::{Scale, Tick};
use super::terminal::{Side, bill_cells, bill_numbers, bill_titles, columns};
use crate::diagnostic::Diagnostic;
use crate::plan::ShapeVariable;
use crate::shape::{Answer, Bill};
use crate::source::plain_json;
use crate::units::{Base, Dimension, human};
use crate::vit::Shape;

/// A front, least loss first.
#[derive(Clone, Copy, Debug)]
pub struct Front<'a> {
    /// The plan.
    pub plan: &'a str,
    /// The search.
    pub search: &'a str,
    /// The number that is traded for loss, and its name.
    pub number: (&'a str, ShapeVariable),
    /// Its answers.
    pub answers: &'a [Answer],
}

impl Front<'_> {
    fn least_loss(&self) -> f64 {
        self.answers.first().map_or(f64::NAN, |answer| answer.number(ShapeVariable::Loss))
    }

    /// How far the loss of an answer lies above the least, as a fraction of that.
    fn more_loss(&self, answer: &Answer) -> f64 {
        answer.number(ShapeVariable::Loss) / self.least_loss() - 1.0
    }
}

const SECOND: Dimension = Dimension::of(Base::Second);
const BYTE: Dimension = Dimension::of(Base::Byte);

/// The front as a table for a terminal.
pub fn front_table(front: &Front<'_>) -> String {
    let has = |variable| front.answers.iter().any(|answer| answer.number(variable).is_finite());
    let extra = [(ShapeVariable::Latency, SECOND, "latency"), (ShapeVariable::Memory, BYTE, "memory")];
    let extra: Vec<_> = extra.into_iter().filter(|(variable, ..)| has(*variable)).collect();
    let mut head = vec!["shape", "head size", "params", "forward"];
    head.extend(extra.iter().map(|(.., name)| *name));
    head.extend(["predicted", "more loss"]);
    let bills = bill_titles(front.answers.iter().map(|answer| answer.bill.as_ref()));
    head.extend(&bills);
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for answer in front.answers {
        let Shape { width, depth, mlp_dim } = answer.vit.shape;
        let mut row = vec![
            format!("{width} x {depth} x {mlp_dim}"),
            answer.vit.head_dim().to_string(),
            human(answer.number(ShapeVariable::Params), Dimension::PARAM),
            human(answer.number(ShapeVariable::Flops), Dimension::FLOP_PER_EXAMPLE),
        ];
        row.extend(extra.iter().map(|(variable, dimension, _)| human(answer.number(*variable), *dimension)));
        row.push(format!("{:.4}", answer.number(ShapeVariable::Loss)));
        row.push(format!("{:.2} %", front.more_loss(answer) * 100.0));
        row.extend(bill_cells(answer.bill.as_ref(), &bills));
        rows.push(row);
    }
    let sides = vec![Side::Right; rows.first().map_or(0, Vec::len)];
    columns(&rows, &sides).into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// One shape of a front; numbers in base units.
#[derive(Serialize)]
struct Point {
    shape: Shape,
    head_dim: u64,
    params: u64,
    forward_flops_per_example: u64,
    examples: f64,
    latency: Option<f64>,
    memory: Option<f64>,
    predicted: (f64, f64, f64),
    more_loss: f64,
    bill: Option<Bill>,
}

impl Point {
    fn new(front: &Front<'_>, answer: &Answer) -> Self {
        let finite = |variable| Some(answer.number(variable)).filter(|number| number.is_finite());
        let loss = answer.loss.as_ref();
        Self {
            shape: answer.vit.shape,
            head_dim: answer.vit.head_dim(),
            params: answer.cost.params,
            forward_flops_per_example: answer.cost.forward_flops_per_example,
            examples: answer.budget.examples,
            latency: finite(ShapeVariable::Latency),
            memory: finite(ShapeVariable::Memory),
            predicted: loss.map_or((f64::NAN, f64::NAN, f64::NAN), |loss| (loss.value, loss.low, loss.high)),
            more_loss: front.more_loss(answer),
            bill: answer.bill.clone(),
        }
    }
}

/// The front as a CSV file, a row a shape; what is not known is empty.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn front_csv(front: &Front<'_>) -> Result<String, Diagnostic> {
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let row = |answer: &Answer| {
        let point = Point::new(front, answer);
        let (value, low, high) = point.predicted;
        let numbers = [
            point.shape.width.to_string(),
            point.shape.depth.to_string(),
            point.shape.mlp_dim.to_string(),
            point.head_dim.to_string(),
            point.params.to_string(),
            point.forward_flops_per_example.to_string(),
            point.examples.to_string(),
            optional(point.latency),
            optional(point.memory),
            value.to_string(),
            low.to_string(),
            high.to_string(),
            point.more_loss.to_string(),
        ];
        numbers.into_iter().chain(bill_numbers(answer.bill.as_ref())).collect()
    };
    engine::render("pareto.csv.j2", Csv { rows: front.answers.iter().map(row).collect() })
}

#[derive(Serialize)]
struct Csv {
    rows: Vec<Vec<String>>,
}

/// The front as JSON.
pub fn front_json(front: &Front<'_>) -> String {
    #[derive(Serialize)]
    struct Whole<'a> {
        plan: &'a str,
        search: &'a str,
        number: &'a str,
        points: Vec<Point>,
    }
    let points = front.answers.iter().map(|answer| Point::new(front, answer)).collect();
    let whole = Whole { plan: front.plan, search: front.search, number: front.number.0, points };
    plain_json(serde_json::to_string_pretty(&whole).unwrap_or_default()) + "\n"
}

/// The front as an SVG picture: the number across, on a logarithmic axis, and up how much more loss there is.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn front_svg(front: &Front<'_>) -> Result<String, Diagnostic> {
    let (name, variable) = front.number;
    let across = Scale::of(front.answers.iter().map(|answer| answer.number(variable)), (0.0, WIDTH));
    let most = front.answers.iter().map(|answer| front.more_loss(answer)).fold(1e-6, f64::max) * 1.1;
    let up = |share: f64| ((1.0 - share / most) * HEIGHT * 10.0).round() / 10.0;
    let points: Vec<Dot> = front
        .answers
        .iter()
        .map(|answer| {
            let Shape { width, depth, mlp_dim } = answer.vit.shape;
            Dot {
                x: across.at(answer.number(variable)),
                y: up(front.more_loss(answer)),
                text: format!("{width} x {depth} x {mlp_dim}"),
            }
        })
        .collect();
    let step = nice_step(most / 5.0);
    let count = (most / step).floor() as u32;
    let up = (0..=count).map(|i| f64::from(i) * step).map(|share| Tick { at: up(share), text: percent(share) });
    let dimension = variable.dimension();
    let which = if variable.is_better_higher() { "more" } else { "less" };
    engine::render(
        "pareto.svg.j2",
        Picture {
            title: format!("search {} of {}: what {which} {name} costs", front.search, front.plan),
            name,
            width: WIDTH,
            height: HEIGHT,
            line: points.iter().map(|dot| format!("{},{}", dot.x, dot.y)).collect::<Vec<_>>().join(" "),
            points,
            across: across.ticks(|value| human(value, dimension)),
            up: up.collect(),
        },
    )
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;

/// The next of 1, 2 and 5 times a power of ten.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= least).unwrap_or(least)
}

fn percent(share: f64) -> String {
    // A step is one digit; what rounding adds to it is no news.
    format!("{} %", (share * 1e8).round() / 1e6)
}

#[derive(Serialize)]
struct Picture<'a> {
    title: String,
    name: &'a str,
    width: f64,
    height: f64,
    line: String,
    points: Vec<Dot>,
    across: Vec<Tick>,
    up: Vec<Tick>,
}

#[derive(Serialize)]
struct Dot {
    x: f64,
    y: f64,
    text: String,
}
