//! `sovitc query PLAN.sov VALUE`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Common, Format, Located, Status, Uses, answer, tell};
use crate::render::visible;
use crate::source::Sources;
use crate::units::{Dimension, Quantile, Quantity, human_interval};
use crate::{Asking, Question, Reply};

#[derive(Debug, Args)]
#[command(after_help = "\
Dollars are told where the plan gives one price, such as `let price = 2.5 $/gpu/h`, or `--price` does.

Example: sovitc query plan.sov budget.flagship --on h200 --mfu 0.42")]
pub(super) struct Arguments {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    /// A value of the plan, or an expression among them: `budget.flagship`, `flagship / 2`, `flagship at p90`; also what a
    /// law or a search comes to: `law.shape.width.s`, `search.encoder.params`.
    #[arg(value_name = "VALUE")]
    value: String,
    /// The device that trains with it.
    #[arg(long, value_name = "DEVICE", requires = "mfu")]
    on: Option<String>,
    /// The share of the device's peak that training makes use of, such as `0.42` or `0.42 +- 0.02`.
    #[arg(long, value_name = "SHARE", requires = "on")]
    mfu: Option<String>,
    /// The number format whose peak counts.
    #[arg(long, value_name = "FORMAT", default_value = "bf16")]
    number_format: String,
    /// What a device's time costs: a name of the plan, or such as `2.5 $/gpu/h`.
    #[arg(long, value_name = "PRICE", requires = "on")]
    price: Option<String>,
    #[command(flatten)]
    uses: Uses,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let located = Located::new(&arguments.plan).using(arguments.uses);
    let question = Question {
        text: &arguments.value,
        device: arguments.on.as_deref(),
        number_format: &arguments.number_format,
        mfu: arguments.mfu.as_deref(),
        price: arguments.price.as_deref(),
    };
    let queried = crate::query(&located.world(), &located.plan(), &question);
    let format = arguments.common.format;
    let Some(reply) = &queried.reply else { return tell(&queried.diagnostics, &queried.sources, format, "") };
    let text = match format {
        Format::Human => human(reply, &arguments.value, &arguments.number_format, &queried.sources),
        Format::Json => {
            let value = as_json(reply, &arguments.value, &queried.sources);
            crate::source::plain_json(serde_json::to_string_pretty(&value).unwrap_or_default()) + "\n"
        }
    };
    tell(&queried.diagnostics, &queried.sources, format, "").max(answer(&text, format))
}

/// The value, its interval where it is uncertain, both as a person would write them.
fn shown(quantity: &Quantity) -> String {
    let [value, low, high] = ends(quantity);
    human_interval(value, (!quantity.is_exact()).then_some([low, high]), quantity.measure.dimension)
}

/// The median and the ends of the 90 % interval.
fn ends(quantity: &Quantity) -> [f64; 3] {
    [Quantile::MEDIAN, Quantile::LOW, Quantile::HIGH].map(|quantile| quantity.at(quantile))
}

fn human(reply: &Reply, asked: &str, number_format: &str, sources: &Sources) -> String {
    let mut text = String::new();
    match &reply.origin {
        Some((keyword, name, span)) => {
            let (line, column) = sources.line_column(span.source, span.start);
            let written = sources.slice(*span).split_whitespace().collect::<Vec<_>>().join(" ");
            let file = &sources.get(span.source).name;
            let _ = writeln!(text, "{keyword} {name} = {}", visible(&written));
            let _ = writeln!(text, "  written      {}:{line}:{column}", visible(file));
        }
        None => {
            let _ = writeln!(text, "{}", visible(asked.trim()));
        }
    }
    let mut row = |label: &str, value: String| {
        let _ = writeln!(text, "  {label:<12} {value}");
    };
    if let Some(compute) = &reply.compute {
        row("forward", shown(&compute.forward));
        row("training", shown(&compute.training));
    } else {
        let kind = reply.value.measure.kind.map_or(String::new(), |kind| format!(" {}", kind.name()));
        row("value", shown(&reply.value) + &kind);
    }
    if let Some(run) = &reply.run {
        let peak = crate::units::human(run.peak, Dimension::DEVICE_RATE);
        row(&format!("on {}", run.device), shown(&run.time));
        row("", format!("at {} of {peak} in {number_format}", shown(&run.mfu)));
        if let (Some(cost), Some(Asking { name, rate, source, date })) = (&run.cost, &run.price) {
            row("price", shown(cost));
            let name = name.as_ref().map_or(String::new(), |name| format!(", `{name}`"));
            row("", format!("at {}{}", shown(rate), visible(&name)));
            let said = [source, date].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
            if !said.is_empty() {
                row("", visible(&said));
            }
        } else {
            let unknown = "not known: write `let price = 2.5 $/gpu/h`, or name a file of `prices`";
            row("price", unknown.to_owned());
        }
    }
    let run = reply.run.as_ref();
    let parts = [Some(&reply.value), run.map(|run| &run.time), run.and_then(|run| run.cost.as_ref())];
    if parts.into_iter().flatten().any(|quantity| !quantity.is_exact()) {
        text.push_str("medians, and the intervals that hold 90 %\n");
    }
    text
}

fn as_json(reply: &Reply, asked: &str, sources: &Sources) -> Value {
    let quantity = |quantity: &Quantity| {
        let [value, low, high] = ends(quantity);
        let end = |end: f64| if quantity.is_exact() { Value::Null } else { json!(end) };
        json!({ "value": value, "low": end(low), "high": end(high), "unit": quantity.measure.dimension.to_string() })
    };
    let origin = reply.origin.as_ref().map(|(keyword, name, span)| {
        let (line, column) = sources.line_column(span.source, span.start);
        let source = sources.get(span.source);
        json!({ "keyword": keyword, "name": name, "text": sources.slice(*span),
                "file": source.name, "line": line, "column": column })
    });
    let run = reply.run.as_ref().map(|run| {
        let price = run.price.as_ref().map(|Asking { name, rate, source, date }| {
            json!({ "name": name, "rate": quantity(rate), "source": source, "date": date })
        });
        json!({ "device": run.device, "peak_flops_per_second": run.peak, "mfu": quantity(&run.mfu),
                "gpu_hours": { "value": ends(&run.time)[0] / 3600.0,
                               "low": (!run.time.is_exact()).then(|| ends(&run.time)[1] / 3600.0),
                               "high": (!run.time.is_exact()).then(|| ends(&run.time)[2] / 3600.0) },
                "price": price, "dollars": run.cost.as_ref().map(quantity) })
    });
    json!({
        "query": asked.trim(),
        "origin": origin,
        "value": quantity(&reply.value),
        "kind": reply.value.measure.kind.map(crate::units::ComputeKind::name),
        "forward_flops": reply.compute.as_ref().map(|compute| quantity(&compute.forward)),
        "training_flops": reply.compute.as_ref().map(|compute| quantity(&compute.training)),
        "run": run,
    })
}
