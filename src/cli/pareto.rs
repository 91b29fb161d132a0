//! `sovitc pareto PLAN.sov [SEARCH]`

use clap::{Args, ValueEnum};

use super::asked::{Asked, Forms, chosen, starts};
use super::{Located, Status, build, codes, report, tell};
use crate::diagnostic::Diagnostic;
use crate::emit::{Front, front_csv, front_json, front_svg, front_table};
use crate::plan::{LawKind, ShapeVariable};
use crate::shape::pareto;
use crate::source::Sources;

#[derive(Debug, Args)]
#[command(after_help = "\
Each shape has the least loss among those that are as good in the number; each is proven, as the answer of a plan is.

Example: sovitc pareto examples/star/fast.sov fast --of latency --within 2 --out front.svg")]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// The number that is traded for loss; where absent, the latency of what the search serves, or its parameters.
    #[arg(long, value_enum)]
    of: Option<Number>,
    /// By how many percent the loss may lie above the least.
    #[arg(long, value_name = "PERCENT", default_value_t = 2.0)]
    within: f64,
    /// How many shapes at most.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(2..=1000))]
    points: u64,
}

/// Numbers that people would have less of, or more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Number {
    /// Seconds of one pass of the batch that the search serves.
    Latency,
    /// Images a second of such passes.
    Throughput,
    /// Bytes of a training step on each device.
    Memory,
    /// Parameters.
    Params,
    /// Forward FLOPs of one image.
    Flops,
}

impl Number {
    const fn variable(self) -> ShapeVariable {
        match self {
            Self::Latency => ShapeVariable::Latency,
            Self::Throughput => ShapeVariable::Throughput,
            Self::Memory => ShapeVariable::Memory,
            Self::Params => ShapeVariable::Params,
            Self::Flops => ShapeVariable::Flops,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let format = arguments.asked.common.format;
    let fail = |error: Diagnostic| tell(&[error], &Sources::default(), format, "");
    if !(arguments.within > 0.0 && arguments.within <= 100.0) {
        let message = format!("`--within {}` is no share of the loss", arguments.within);
        return fail(Diagnostic::error(codes::NO_FRONT, message).help("give percent above 0 and up to 100"));
    }
    let located = Located::new(&arguments.asked.plan).using(arguments.asked.uses);
    let compiled = build::compile(&located, arguments.asked.locked);
    let Some(outcome) = &compiled.outcome else {
        return report(&compiled.diagnostics, &compiled.sources, format);
    };
    let search = match chosen(outcome, arguments.asked.search.as_deref()) {
        Ok(search) => search,
        Err(error) => return fail(error),
    };
    let Some(asked) = outcome.plan.searches.get(search) else { return Status::Done };
    let default = if asked.serving.is_some() { Number::Latency } else { Number::Params };
    let number = arguments.of.unwrap_or(default).variable();
    let name = ShapeVariable::ALL.iter().find(|(_, known)| *known == number).map_or("", |(name, _)| name);
    let is_said = match number {
        ShapeVariable::Latency | ShapeVariable::Throughput => asked.serving.is_some(),
        ShapeVariable::Memory => asked.training.is_some(),
        _ => true,
    };
    if !is_said {
        let needs =
            if number == ShapeVariable::Memory { "training = { batch = 64 }" } else { "serving = { on = h200 }" };
        let message = format!("search `{}` does not say what its `{name}` is of", asked.name.value);
        return fail(Diagnostic::error(codes::NO_FRONT, message).help(format!("write `{needs}` in it")));
    }
    if let Some(law) = outcome.plan.laws.get(asked.law).filter(|law| matches!(law.kind, LawKind::Stated(_))) {
        let message = format!("law `{}` is exponents alone, and no loss is known to trade", law.name.value);
        return fail(Diagnostic::error(codes::NO_FRONT, message).help("fit the law to a star sweep"));
    }
    let laws: Vec<_> = outcome.laws.iter().cloned().map(Some).collect();
    let count = usize::try_from(arguments.points).unwrap_or(usize::MAX);
    let limits = (arguments.within / 100.0, count);
    let answers = pareto(&outcome.plan, search, &laws, &starts(outcome), number, limits);
    let front =
        Front { plan: &outcome.plan.name, search: &asked.name.value, number: (name, number), answers: &answers };
    arguments.asked.give(&Forms {
        table: &|| front_table(&front),
        json: &|| front_json(&front),
        csv: &|| front_csv(&front),
        svg: &|| front_svg(&front),
    })
}
