//! `sovitc frontier PLAN.sov [SEARCH]`

use clap::Args;

use super::asked::{Asked, Forms, chosen, starts};
use super::{Format, Located, Status, build, codes, report, tell};
use crate::Question;
use crate::diagnostic::Diagnostic;
use crate::emit::{Trajectory, trajectory_csv, trajectory_json, trajectory_svg, trajectory_table};
use crate::shape::{budgets, trajectory};
use crate::source::Sources;

#[derive(Debug, Args)]
#[command(after_help = "\
Where absent, `--from` is the compute of the search's start and `--to` ten times its budget.

Example: sovitc frontier examples/star/plan.sov --from '1 EFLOP as forward' --to 'flagship * 10' --out frontier.svg")]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// The least budget: an expression among the plan's values.
    #[arg(long, value_name = "BUDGET")]
    from: Option<String>,
    /// The largest budget.
    #[arg(long, value_name = "BUDGET")]
    to: Option<String>,
    /// How many budgets, evenly in their logarithm.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    points: u64,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let format = arguments.asked.common.format;
    let located = Located::new(&arguments.asked.plan).using(arguments.asked.uses);
    let compiled = build::compile(&located, arguments.asked.locked);
    let Some(outcome) = &compiled.outcome else {
        return report(&compiled.diagnostics, &compiled.sources, format);
    };
    let fail = |error: Diagnostic| tell(&[error], &Sources::default(), format, "");
    let search = match chosen(outcome, arguments.asked.search.as_deref()) {
        Ok(search) => search,
        Err(error) => return fail(error),
    };
    let Some(asked) = outcome.plan.searches.get(search) else { return Status::Done };
    let starts = starts(outcome);
    let start = asked.start.and_then(|start| starts.get(start)).and_then(Option::as_ref);
    let budget = outcome.plan.budgets.get(asked.budget).map_or(f64::NAN, |budget| budget.forward_flops);
    let bound = |text: Option<&str>, default: f64| text.map_or(Ok(default), |text| forward(&located, text, format));
    let from = match bound(arguments.from.as_deref(), start.map_or(budget, |start| start.optimum.forward_flops)) {
        Ok(from) => from,
        Err(status) => return status,
    };
    let to = match bound(arguments.to.as_deref(), 10.0 * budget) {
        Ok(to) => to,
        Err(status) => return status,
    };
    if from.is_nan() || to.is_nan() || from <= 0.0 || from >= to || to.is_infinite() {
        let message = format!("no budgets lie from {from:.3e} to {to:.3e} forward FLOP");
        return fail(Diagnostic::error(codes::NO_BUDGETS, message).help("give `--from` below `--to`, both above zero"));
    }
    let laws: Vec<_> = outcome.laws.iter().cloned().map(Some).collect();
    let list = budgets(from, to, usize::try_from(arguments.points).unwrap_or(usize::MAX));
    let points = trajectory(&outcome.plan, search, &laws, &starts, &list);
    let picture = Trajectory { plan: &outcome.plan.name, search: &asked.name.value, budget, points: &points };
    arguments.asked.give(&Forms {
        table: &|| trajectory_table(&picture),
        json: &|| trajectory_json(&picture),
        csv: &|| trajectory_csv(&picture),
        svg: &|| trajectory_svg(&picture),
    })
}

/// The forward FLOPs of an expression among the plan's values.
fn forward(located: &Located, text: &str, format: Format) -> Result<f64, Status> {
    let question = Question { text, device: None, number_format: "bf16", mfu: None, price: None };
    let queried = crate::query(&located.world(), &located.plan(), &question);
    let compute = queried.reply.and_then(|reply| reply.compute);
    match compute {
        Some(compute) => Ok(compute.forward.value),
        None if queried.diagnostics.is_empty() => {
            let error = Diagnostic::error(codes::NO_BUDGETS, format!("`{text}` is no forward or training compute"));
            Err(tell(&[error.help("write such as `3 ZFLOP as forward`")], &queried.sources, format, ""))
        }
        None => Err(tell(&queried.diagnostics, &queried.sources, format, "")),
    }
}
