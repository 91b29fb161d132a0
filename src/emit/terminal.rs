//! What a person sees on the terminal: the shape first, then why, then what was written.

use serde::Serialize;

use super::{Artefact, Request, SUMMARY, engine, fits};
use crate::diagnostic::Diagnostic;
use crate::law::{Estimate, FitReport, GroupFit, HoldOut, Law, NamedLaw, NamedStart, SovitLaw, StarForm};
use crate::plan::{Counting, StatedExponents};
use crate::shape::{
    Alternative, Amount, Answer, Bill, Contrasted, Epochs, Inference, Loss, MfuOrigin, Preferred, Quoted, Recipe,
    Served, ShadowPrice, Spending, Trained, Waste,
};
use crate::units::{Base, Dimension, fixed, human, human_interval};
use crate::vit::{Axis, PerAxis, Shape};

/// The report of a build, with ANSI styles.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn report(request: &Request<'_>, artefacts: &[Artefact], out: &str) -> Result<String, Vec<Diagnostic>> {
    let files: Vec<_> = artefacts.iter().map(|a| vec![a.path.clone(), bytes(a.text.len())]).collect();
    let files = Section {
        title: format!("{} written to {out}", count(artefacts.len(), "file")),
        rows: columns(&files, &[Left, Right]),
    };
    let view = View {
        searches: request.answers.iter().map(search).collect(),
        laws: request.laws.iter().map(law).chain(request.starts.iter().filter_map(start)).collect(),
        files: Some(files),
    };
    engine::render("terminal.txt.j2", view).map_err(|diagnostic| vec![diagnostic])
}

/// The report of laws whose searches could not be answered, with ANSI styles.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn laws_report(laws: &[NamedLaw]) -> Result<String, Vec<Diagnostic>> {
    sections(laws.iter().map(law).collect()).map_err(|diagnostic| vec![diagnostic])
}

#[derive(Serialize)]
struct View {
    searches: Vec<SearchView>,
    laws: Vec<Section>,
    files: Option<Section>,
}

#[derive(Serialize)]
struct SearchView {
    title: String,
    shape: String,
    cost: String,
    budget: Vec<String>,
    hardware: Vec<String>,
    loss: Option<String>,
    preference: Vec<String>,
    frontier: Vec<String>,
    plateau: Vec<String>,
    prices: Vec<String>,
    neighbours: Vec<String>,
}

/// A headline and the lines below it.
#[derive(Serialize)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) rows: Vec<String>,
}

/// Sections one after the other, with ANSI styles.
pub(super) fn sections(laws: Vec<Section>) -> Result<String, Diagnostic> {
    engine::render("terminal.txt.j2", View { searches: Vec::new(), laws, files: None })
}

fn search(answer: &Answer) -> SearchView {
    let (shape, cost, a) = (answer.vit.shape, &answer.cost, &answer.vit.architecture);
    SearchView {
        title: format!("search {}", answer.search),
        shape: format!(
            "width {}, depth {}, mlp {}, {} heads of {}",
            shape.width,
            shape.depth,
            shape.mlp_dim,
            a.heads,
            answer.vit.head_dim()
        ),
        cost: format!(
            "{}, {} forward at {} px in patches of {}",
            human(cost.params as f64, Dimension::PARAM),
            human(cost.forward_flops_per_example as f64, Dimension::FLOP_PER_EXAMPLE),
            a.image,
            a.patch
        ),
        budget: budget(&answer.budget),
        hardware: answer
            .serving
            .iter()
            .flat_map(|serving| [served(serving)].into_iter().chain(serving.notes.iter().cloned()))
            .chain(answer.training.iter().flat_map(|training| trained(answer, training)))
            .chain(answer.bill.iter().flat_map(|bill| billed(bill, answer.training.as_ref())))
            .chain(answer.recipe.iter().map(followed))
            .collect(),
        loss: answer.loss.as_ref().map(loss),
        preference: answer.preference.as_ref().map_or_else(Vec::new, preference),
        frontier: frontier(answer),
        plateau: answer.loss.as_ref().map_or_else(Vec::new, plateau),
        prices: prices(answer),
        neighbours: neighbours(answer),
    }
}

/// What the budget pays for, and what comes out of it besides training.
fn budget(budget: &Spending) -> Vec<String> {
    let counted = match budget.counted {
        Counting::Forward => String::new(),
        Counting::Training => format!(" (training over {})", Counting::TRAINING_FACTOR),
    };
    let pays = human(budget.forward_flops, Dimension::FLOP);
    let mut rows = vec![format!("{pays} forward{counted} pays for {}", examples(budget.examples))];
    if let Some(Inference { examples: served, share, frontier_without: PerAxis { width, depth, mlp }, .. }) =
        budget.inference
    {
        rows.push(format!("  inference on {} takes {:.1} % of it", examples(served), share * 100.0));
        let [width, depth, mlp] = [(width, 0), (depth, 1), (mlp, 0)].map(|(x, digits)| fixed(x, digits));
        rows.push(format!("  for training alone the law would want {width} x {depth} x {mlp}"));
    }
    if let Some(Epochs { unique, epochs, worth, .. }) = budget.data {
        let of = human(unique, Dimension::EXAMPLE);
        let worth = if epochs > 1.0 {
            format!(", worth {} seen once", human(worth, Dimension::EXAMPLE))
        } else {
            String::new()
        };
        rows.push(format!("  {} epochs of {of}{worth}", fixed(epochs, 2)));
    }
    rows
}

/// `2.28 ms for 8 images on h200 with flash attention, 3 510 images/s`
fn served(served: &Served) -> String {
    let Served { device, batch, attention, latency, calibrated, .. } = served;
    let doubt = if calibrated.is_some() { "" } else { "; uncalibrated" };
    format!(
        "{} for {} on {device} with {attention} attention, {}{doubt}",
        human(*latency, Dimension::of(Base::Second)),
        images(*batch),
        human(*batch as f64 / latency, Dimension::RATE),
    )
}

/// `23.7 GB to train on 64 images a device`, and what a text tower comes to beside what a budget counts.
fn trained(answer: &Answer, trained: &Trained) -> Vec<String> {
    let total = human(trained.memory.total() as f64, Dimension::of(Base::Byte));
    let shared = match trained.step.shards {
        1 => String::new(),
        shards => format!(" of {shards} that share the states"),
    };
    let mut rows = vec![format!("{total} to train on {} a device{shared}", images(trained.step.batch))];
    if let Some(contrasted) = &trained.contrastive {
        let Contrasted { asked, cost, forward_flops_per_example, forward_flops, .. } = contrasted;
        let flops = |flops: u64| human(flops as f64, Dimension::FLOP_PER_EXAMPLE);
        let share = *forward_flops_per_example as f64 / answer.cost.forward_flops_per_example as f64 * 100.0;
        rows.push(format!(
            "{} with the text tower, among {} pairs by {}",
            human(cost.params as f64, Dimension::PARAM),
            asked.global_batch,
            asked.loss.name()
        ));
        rows.push(format!(
            "not in the budget: {} forward for texts and {} for logits, {share:.1} % of the encoder's; {} in all",
            flops(cost.text_flops),
            flops(cost.logit_flops.saturating_add(cost.image_projection_flops)),
            human(*forward_flops, Dimension::FLOP)
        ));
    }
    rows
}

/// `20.8e3 gpu*h on h200 at 0.42 of 989 TFLOP/s/gpu in bf16`, `13.6 day of 64 devices`, `50000 $ at 2.4 $/gpu/h: ...`
fn billed(bill: &Bill, training: Option<&Trained>) -> Vec<String> {
    let Bill { device, number_format, peak, mfu, device_hours, .. } = bill;
    let said = match (bill.mfu_from, &bill.calibrated) {
        (MfuOrigin::Stated, _) => "",
        (MfuOrigin::Predicted, Some(_)) => ", predicted without communication",
        (MfuOrigin::Predicted, None) => ", predicted without communication; uncalibrated",
    };
    let beside = training.is_some_and(|training| training.contrastive.is_some());
    let alone = if beside { "; the encoder alone" } else { "" };
    let time = format!(
        "{} on {device} at {} of {} in {number_format}{said}{alone}",
        amount(device_hours, Dimension::DEVICE_TIME, 3600.0),
        amount(mfu, Dimension::NONE, 1.0),
        human(*peak, Dimension::DEVICE_RATE),
    );
    let days = bill
        .devices
        .zip(bill.days)
        .map(|(devices, days)| format!("{} of {devices} devices", amount(&days, Dimension::of(Base::Second), 86400.0)));
    let money = bill.dollars.as_ref().zip(bill.price.as_ref()).map(|(dollars, price)| {
        let Quoted { dollars_per_device_hour, source, date } = price;
        let date = date.as_ref().map_or_else(String::new, |date| format!(", {date}"));
        format!(
            "{} at {}: {source}{date}",
            amount(dollars, Dimension::MONEY, 1.0),
            amount(dollars_per_device_hour, Dimension::DEVICE_PRICE, 1.0 / 3600.0),
        )
    });
    std::iter::once(time).chain(days).chain(money).collect()
}

/// Titles of the columns in which tables tell bills, as far as any of them is known.
pub(super) fn bill_titles<'a>(bills: impl Iterator<Item = Option<&'a Bill>>) -> Vec<&'static str> {
    let bills: Vec<&Bill> = bills.flatten().collect();
    let has_money = bills.iter().any(|bill| bill.dollars.is_some());
    (!bills.is_empty()).then_some("device time").into_iter().chain(has_money.then_some("cost")).collect()
}

/// The cells of a bill below its titles.
pub(super) fn bill_cells(bill: Option<&Bill>, titles: &[&str]) -> impl Iterator<Item = String> {
    let time = bill.map(|bill| human(bill.device_hours.value * 3600.0, Dimension::DEVICE_TIME));
    let money = bill.and_then(|bill| bill.dollars.as_ref()).map(|dollars| human(dollars.value, Dimension::MONEY));
    [time, money].into_iter().take(titles.len()).map(Option::unwrap_or_default)
}

/// The cells of a bill in a CSV file: hours of one device, dollars; empty where they are not known.
pub(super) fn bill_numbers(bill: Option<&Bill>) -> [String; 2] {
    let hours = bill.map(|bill| bill.device_hours.value);
    let dollars = bill.and_then(|bill| bill.dollars.as_ref()).map(|dollars| dollars.value);
    [hours, dollars].map(|number| number.map_or_else(String::new, |number| number.to_string()))
}

/// An amount in a unit of so many base units.
fn amount(amount: &Amount, dimension: Dimension, unit: f64) -> String {
    let interval = amount.interval.map(|ends| ends.map(|end| end * unit));
    human_interval(amount.value * unit, interval, dimension)
}

/// `recipe web: 385 236 steps of 8 x 256 x 2 images, 1.58e9 example`
fn followed(recipe: &Recipe) -> String {
    let Recipe { name, steps, processes, micro_batch, accumulation, .. } = recipe;
    let passes = if *accumulation == 1 { String::new() } else { format!(" x {accumulation} passes") };
    let all = examples(recipe.examples as f64);
    format!("recipe {name}: {steps} steps of {processes} x {micro_batch}{passes}, {all} in all")
}

fn images(number: u64) -> String {
    if number == 1 { "1 image".to_owned() } else { format!("{number} images") }
}

fn examples(number: f64) -> String {
    format!("{}s", human(number, Dimension::EXAMPLE))
}

fn loss(loss: &Loss) -> String {
    format!("predicted {} {:.4}, 95 % within {:.4} to {:.4}", loss.metric, loss.value, loss.low, loss.high)
}

/// What was preferred, what it won and what it took.
fn preference(preferred: &Preferred) -> Vec<String> {
    let Preferred { text, value, value_at_least_loss, unit, least_loss, loss_given_up, proven, gap } = preferred;
    let mut rows = vec![format!("prefers {text}: {}", human(*value, *unit))];
    match least_loss.as_ref().filter(|_| value != value_at_least_loss) {
        None => rows.push("  the least loss has it too".to_owned()),
        Some(Alternative { shape: Shape { width, depth, mlp_dim }, .. }) => rows.push(format!(
            "  instead of {} at {width} x {depth} x {mlp_dim}, for {:.2} % more loss",
            human(*value_at_least_loss, *unit),
            loss_given_up * 100.0
        )),
    }
    if !proven {
        let by = gap.map_or_else(String::new, |gap| format!(" by up to {:.1} %", gap * 100.0));
        rows.push(format!("  not proven: a shape that is better{by} was not ruled out"));
    }
    rows
}

fn frontier(answer: &Answer) -> Vec<String> {
    let star = answer.loss.as_ref().map(|loss| &loss.star_optimum);
    let mut head = texts(["", "chosen", "the law wants", "95 % interval"]);
    if star.is_some() {
        head.extend(texts(["best alone", "95 % interval"]));
    }
    let mut rows = vec![head];
    for (axis, wanted) in answer.frontier.iter() {
        let interval = answer.frontier_interval.as_ref().map(|interval| *interval.get(axis));
        let mut row = vec![
            axis.name().to_owned(),
            answer.vit.shape.get(axis).to_string(),
            fixed(*wanted, 1),
            interval
                .map_or_else(|| "exact".to_owned(), |(low, high)| format!("{} to {}", fixed(low, 1), fixed(high, 1))),
        ];
        if let Some(star) = star {
            let Estimate { value, low, high } = star.get(axis);
            row.push(fixed(*value, 0));
            let interval = low.zip(*high).map(|(low, high)| format!("{} to {}", fixed(low, 0), fixed(high, 0)));
            row.push(interval.unwrap_or_default());
        }
        rows.push(row);
    }
    columns(&rows, &[Left, Right, Right, Right, Right, Right])
}

fn plateau(loss: &Loss) -> Vec<String> {
    let range = |axis: Axis| {
        let (low, high) = loss.plateau.ranges.get(axis);
        format!("{} {low} to {high}", axis.name())
    };
    let list: Vec<String> = Axis::ALL.into_iter().map(range).collect();
    let head = format!("within {} % of that loss, one at a time:", loss.plateau.tolerance * 100.0);
    vec![head, format!("  {}", list.join(", "))]
}

/// What a little more of each binding requirement would be worth.
fn prices(answer: &Answer) -> Vec<String> {
    let line = |price: &ShadowPrice| {
        let ShadowPrice { requirement, relaxed, shape, gain } = price;
        let shape = format!("{} x {} x {}", shape.width, shape.depth, shape.mlp_dim);
        let worth = gain.map_or_else(String::new, |gain| format!(", {gain:.1e} less loss"));
        format!("`{requirement}` relaxed by {} %: {shape}{worth}", fixed(relaxed * 100.0, 0))
    };
    answer.shadow_prices.iter().map(line).collect()
}

fn neighbours(answer: &Answer) -> Vec<String> {
    if [&answer.alternatives, &answer.runners_up].iter().all(|list| list.is_empty()) && answer.compared.is_empty() {
        return Vec::new();
    }
    let has_loss = answer.loss.is_some();
    let mut head = texts(["neighbour", "params", "examples"]);
    if has_loss {
        head.extend(texts(["loss", "wasted compute"]));
    }
    let bill = answer.bill.as_ref().filter(|_| has_loss);
    head.extend(bill.map(|_| "wasted time".to_owned()));
    head.extend(bill.and_then(|bill| bill.price.as_ref()).map(|_| "wasted money".to_owned()));
    let mut rows = vec![head];
    let neighbours = answer.alternatives.iter().map(|alternative| (String::new(), alternative));
    let compared = answer.compared.iter().map(|compared| {
        let why = if compared.legal { "" } else { ", not legal" };
        (format!(" ({}{why})", compared.name), &compared.alternative)
    });
    let runners_up = answer.runners_up.iter().map(|alternative| (" (runner-up)".to_owned(), alternative));
    for (of, alternative) in neighbours.chain(runners_up).chain(compared) {
        let Alternative { shape, params, examples, excess, wasted_compute, waste, .. } = alternative;
        let mut row = vec![
            format!("{} x {} x {}{of}", shape.width, shape.depth, shape.mlp_dim),
            human(*params as f64, Dimension::PARAM),
            self::examples(*examples),
        ];
        if has_loss {
            row.push(excess.map_or_else(String::new, |excess| format!("{excess:+.1e}")));
            row.push(wasted_compute.map_or_else(|| "beyond the law".to_owned(), |w| format!("{:.2} %", w * 100.0)));
        }
        if let Some(Waste { device_hours, dollars }) = waste {
            row.push(human(device_hours.value * 3600.0, Dimension::DEVICE_TIME));
            row.extend(dollars.map(|dollars| human(dollars.value, Dimension::MONEY)));
        }
        rows.push(row);
    }
    columns(&rows, &[Left, Right, Right, Right, Right, Right, Right])
}

fn law(named: &NamedLaw) -> Section {
    let (form, rows) = match &named.law {
        Law::Fitted(law) => {
            return Section {
                title: format!("law {} ({})", named.name, law.form_name),
                ..fits::section(&GroupFit::of_law(named, &[]), SUMMARY)
            };
        }
        Law::Stated(stated) => ("sovit, exponents as written".to_owned(), stated_rows(stated)),
        Law::Sovit(sovit) => {
            let form = match sovit.star {
                StarForm::Tied => "sovit, fitted to a star whose arms meet",
                StarForm::PerDimension => "sovit, fitted to each arm of a star",
            };
            (form.to_owned(), sovit_rows(sovit))
        }
    };
    Section { title: format!("law {} ({form})", named.name), rows }
}

/// Where a start was found; `None` where the plan states it.
fn start(named: &NamedStart) -> Option<Section> {
    let (optimum, grid) = (named.optimum, named.grid.as_ref()?);
    let shape = optimum.shape;
    let compute = |t: f64| human(t, Dimension::FLOP);
    let mut rows = vec![
        format!("width {}, depth {}, mlp {}", shape.width, shape.depth, shape.mlp_dim),
        format!("from {} forward", compute(optimum.forward_flops)),
        format!("best from {} to {}", compute(grid.range.0), compute(grid.range.1)),
    ];
    rows.extend(grid.runner_up.map(|second| {
        let Shape { width, depth, mlp_dim } = second.shape;
        format!("runner-up {width} x {depth} x {mlp_dim}: {} {:+.2} %", grid.metric, second.excess * 100.0)
    }));
    rows.extend(grid.noise.map(|noise| format!("noise among repeats {:.2} %", noise * 100.0)));
    let title = format!("start {} (best of {} shapes, {} rows)", named.name, grid.shapes, grid.rows);
    Some(Section { title, rows })
}

fn stated_rows(stated: &StatedExponents) -> Vec<String> {
    let list = |values: PerAxis<f64>| {
        let list: Vec<String> = values.iter().map(|(axis, value)| format!("{} {value}", axis.name())).collect();
        list.join(", ")
    };
    let mut rows = Vec::new();
    if let (Some(exponents), Some(weights)) = (&stated.exponents, &stated.weights) {
        rows.push(format!("exponents s: {}", list(exponents.map(|s| s.value))));
        rows.push(format!("shares w: {}", list(weights.map(|w| (w * 1e4).round() / 1e4))));
    }
    rows.push(format!("effective exponents: {}", list(stated.effective.map(|e| (e.value * 1e6).round() / 1e6))));
    if let Some(calibration) = &stated.calibrated_on {
        rows.push(format!("calibrated on {calibration}"));
    }
    rows
}

fn sovit_rows(law: &SovitLaw) -> Vec<String> {
    let mut table = vec![texts(["", "exponent", "95 % interval"])];
    let mut push = |name: String, estimate: &Estimate| {
        let interval = match (estimate.low, estimate.high) {
            (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
            _ => String::new(),
        };
        table.push(vec![name, format!("{:.3}", estimate.value), interval]);
    };
    for (axis, estimate) in law.exponents.iter() {
        push(format!("s of {}", axis.name()), estimate);
    }
    push("c of data".to_owned(), &law.data_exponent);
    let mut rows = columns(&table, &[Left, Right, Right]);
    rows.extend(fit(&law.fit));
    if let Some(tie) = law.tie {
        rows.push(format!("the arms meet at the centre: p = {:.2}", tie.p));
    }
    if let Some(HoldOut { rows: held, rmse_log }) = law.hold_out {
        rows.push(format!(
            "{} not fitted, predicted with an rmse of log of {rmse_log:.4}",
            count(held as usize, "row")
        ));
    }
    rows
}

fn fit(fit: &FitReport) -> [String; 2] {
    [
        format!("{} rows, {} parameters, rmse {:.2e}", fit.rows, fit.parameters, fit.rmse),
        format!(
            "{} of {} starts agree; condition {}; {} draws",
            fit.at_best,
            fit.starts,
            fixed(fit.condition, 0),
            fit.draws
        ),
    ]
}

/// Where the cells of a column stand.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Right,
}
use Side::{Left, Right};

pub(super) fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

/// Rows with their cells under each other, two spaces apart.
pub(super) fn columns(rows: &[Vec<String>], sides: &[Side]) -> Vec<String> {
    let width = |i: usize| rows.iter().filter_map(|row| row.get(i)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..sides.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(sides).zip(&widths).map(|((cell, side), width)| match side {
            Left => format!("{cell:<width$}"),
            Right => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

pub(super) fn count(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

fn bytes(n: usize) -> String {
    if n < 1000 { format!("{n} B") } else { format!("{:.1} kB", n as f64 / 1000.0) }
}
