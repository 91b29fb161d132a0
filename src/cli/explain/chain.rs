//! `sovitc explain PLAN.sov [SEARCH]`: how a shape came about, from what is written to what is chosen.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::{Format, Located, Status, Uses, answer, build, codes, tell};
use crate::diagnostic::{Diagnostic, list_of, nearest};
use crate::law::Law;
use crate::plan::{LawKind, Range, Search, Spacing, StartKind};
use crate::render::visible;
use crate::shape::Answer;
use crate::source::{Sources, Span};
use crate::units::{Dimension, exact, fixed, human, human_interval};
use crate::vit::Axis;
use crate::{Compiled, Outcome};

/// Explains the searches of a plan, or the one of that name.
pub(super) fn run(path: &Path, search: Option<&str>, uses: Uses, format: Format) -> Status {
    let located = Located::new(path).using(uses);
    let mut compiled = build::compile(&located, false);
    let Some(outcome) = compiled.outcome.take() else {
        return tell(&compiled.diagnostics, &compiled.sources, format, "");
    };
    let Compiled { mut sources, .. } = compiled;
    let chosen: Vec<usize> = match search {
        None => (0..outcome.plan.searches.len()).collect(),
        Some(name) => match outcome.plan.searches.iter().position(|search| search.name.value == name) {
            Some(index) => vec![index],
            None => return unknown(name, &outcome, &mut sources, format),
        },
    };
    let chains: Vec<Vec<Step>> = chosen.into_iter().filter_map(|index| chain(&outcome, index, &sources)).collect();
    let text = match format {
        Format::Human => human_text(&chains),
        Format::Json => {
            let list: Vec<_> = chains.iter().map(|chain| chain.iter().map(Step::json).collect::<Vec<_>>()).collect();
            let text = serde_json::to_string_pretty(&serde_json::json!({ "searches": list })).unwrap_or_default();
            crate::source::plain_json(text) + "\n"
        }
    };
    answer(&text, format)
}

fn unknown(name: &str, outcome: &Outcome, sources: &mut Sources, format: Format) -> Status {
    let id = sources.add("SEARCH", name);
    let place = Span::new(id, 0, name.len() as u32);
    let known = || outcome.plan.searches.iter().map(|search| search.name.value.as_str());
    let error = Diagnostic::error(codes::NO_SEARCH, format!("the plan has no search `{name}`"))
        .label(place, "no search of this name");
    let error = match nearest(name, known()) {
        Some(near) => error.fix(format!("there is `{near}`"), place, near),
        None => error.help(format!("the plan has {}", list_of(known()))),
    };
    tell(&[error], sources, format, "")
}

/// One link: what it is called, what is said of it, and where the plan says so.
struct Step {
    name: &'static str,
    lines: Vec<String>,
    place: Option<String>,
}

impl Step {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "step": self.name, "lines": self.lines, "place": self.place })
    }
}

fn human_text(chains: &[Vec<Step>]) -> String {
    let mut text = String::new();
    for (index, chain) in chains.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        for step in chain {
            for (row, line) in step.lines.iter().enumerate() {
                let name = if row == 0 { step.name } else { "" };
                let place =
                    step.place.as_deref().filter(|_| row == 0).map_or(String::new(), |place| format!("  ({place})"));
                let _ = writeln!(text, "{name:<9} {}{}", visible(line), visible(&place));
            }
        }
    }
    text
}

fn chain(outcome: &Outcome, index: usize, sources: &Sources) -> Option<Vec<Step>> {
    let (search, answer) = (outcome.plan.searches.get(index)?, outcome.answers.get(index)?);
    let place = |span: Span| {
        let (line, column) = sources.line_column(span.source, span.start);
        Some(format!("{}:{line}:{column}", sources.get(span.source).name))
    };
    let budget = outcome.plan.budgets.get(search.budget)?;
    let written = sources.slice(budget.span).split_whitespace().collect::<Vec<_>>().join(" ");
    let spec = outcome.plan.laws.get(search.law)?;
    let law = &outcome.laws.get(search.law)?.law;
    let start = outcome.plan.starts.get(search.start?)?;
    let optimum = match &start.kind {
        StartKind::Stated(optimum) => *optimum,
        StartKind::BestOf { .. } => outcome.lock.starts.iter().find(|found| found.name == start.name.value)?.optimum,
    };
    let ratio = budget.forward_flops / optimum.forward_flops;
    let steps = vec![
        Step { name: "search", lines: vec![search.name.value.clone()], place: place(search.name.span) },
        Step {
            name: "budget",
            lines: vec![
                format!("{} = {written}", budget.name.value),
                format!("{} forward", human_interval(budget.forward_flops, budget.interval, Dimension::FLOP)),
            ],
            place: place(budget.span),
        },
        Step { name: "law", lines: law_lines(&spec.name.value, &spec.kind, law), place: place(spec.name.span) },
        Step {
            name: "start",
            lines: vec![format!(
                "{}: {} is best at {} forward",
                start.name.value,
                optimum.shape,
                human(optimum.forward_flops, Dimension::FLOP)
            )],
            place: place(start.name.span),
        },
        Step { name: "frontier", lines: frontier(answer, &optimum.shape, ratio), place: None },
        Step { name: "shape", lines: rounding(search, answer), place: None },
        Step { name: "cost", lines: cost(answer), place: None },
    ];
    Some(steps)
}

fn law_lines(name: &str, kind: &LawKind, law: &Law) -> Vec<String> {
    match (kind, law) {
        (LawKind::Stated(stated), _) => {
            let calibrated = stated.calibrated_on.iter().map(|what| format!("calibrated on {what}"));
            std::iter::once(format!("{name}: exponents as written, hence no loss")).chain(calibrated).collect()
        }
        (_, Law::Sovit(law)) => {
            let [low, high] = [law.t_range.0, law.t_range.1].map(|t| human(t, Dimension::FLOP));
            vec![format!("{name}: fitted to {}, between {low} and {high} forward", law.metric)]
        }
        _ => vec![name.to_owned()],
    }
}

/// `x = x0 (t / t0)^e` for each axis, with the exponent that this is.
fn frontier(answer: &Answer, small: &crate::vit::Shape, ratio: f64) -> Vec<String> {
    // Where the shape decides how much compute is left, no power law says where the least loss is.
    let is_coupled = answer.budget.inference.is_some() || answer.budget.data.is_some();
    let mut lines = vec![if is_coupled {
        "least loss of all shapes with what the budget leaves to train each".to_owned()
    } else {
        format!("x0 (t / t0)^e, with t / t0 = {}", fixed(ratio, 1))
    }];
    for (axis, wanted) in answer.frontier.iter() {
        let (first, ratio_of_sizes) = (small.get(axis), wanted / small.get(axis) as f64);
        let exponent = ratio_of_sizes.ln() / ratio.ln();
        let power = if is_coupled { String::new() } else { format!("{first} * {}^{exponent:.4} = ", fixed(ratio, 1)) };
        let interval = answer.frontier_interval.map_or(String::new(), |interval| {
            let (low, high) = *interval.get(axis);
            format!(", 95 % within {} to {}", fixed(low, 1), fixed(high, 1))
        });
        lines.push(format!("{:<5} {power}{}{interval}", axis.name(), fixed(*wanted, 1)));
    }
    lines
}

/// From what the law wants to what may be built.
fn rounding(search: &Search, answer: &Answer) -> Vec<String> {
    let heads = answer.vit.architecture.heads;
    let mut lines = Vec::new();
    for (axis, wanted) in answer.frontier.iter() {
        let size = answer.vit.shape.get(axis);
        let off = (size as f64 / wanted - 1.0) * 100.0;
        let Range { low, high, spacing } = search.ranges.get(axis).value;
        let spacing = match spacing {
            Spacing::Step(1) => String::new(),
            Spacing::Step(step) => format!(" step {step}"),
            Spacing::Factor(factor) => format!(" by {}", exact(factor)),
        };
        let heads = if axis == Axis::Width { format!(", divisible by {heads} heads") } else { String::new() };
        let edge = if answer.at_edge.contains(&axis) { ", at the edge of its range" } else { "" };
        lines.push(format!(
            "{:<5} {} -> {size} ({off:+.2} %) in {low}..{high}{spacing}{heads}{edge}",
            axis.name(),
            fixed(*wanted, 1)
        ));
    }
    if !search.requires.is_empty() {
        let all: Vec<&str> = search.requires.iter().map(|require| require.text.as_str()).collect();
        lines.push(format!("required: {}", all.join("; ")));
    }
    for text in &answer.binding {
        lines.push(format!("without `{text}` another shape would be best"));
    }
    lines
}

fn cost(answer: &Answer) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}, {} forward",
            human(answer.cost.params as f64, Dimension::PARAM),
            human(answer.cost.forward_flops_per_example as f64, Dimension::FLOP_PER_EXAMPLE)
        ),
        format!("the budget pays for {}", human(answer.budget.examples, Dimension::EXAMPLE)),
    ];
    if let Some(loss) = &answer.loss {
        lines.push(format!(
            "predicted {} {:.4}, 95 % within {:.4} to {:.4}; {:.2e} of it for not standing on the frontier",
            loss.metric, loss.value, loss.low, loss.high, loss.excess
        ));
    }
    lines
}
