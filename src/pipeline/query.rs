//! Questions about a plan: what a value is, and what it takes on a device.

use std::collections::BTreeMap;

#[cfg(feature = "fit")]
use super::{Compiled, Outcome};
use super::{PlanFile, uses};
use crate::diagnostic::{self, Code, Diagnostic};
use crate::hardware::Device;
use crate::plan::{Counting, Price, Values, codes as plan_codes};
use crate::source::{Sources, Span, Spanned, World};
use crate::syntax;
use crate::syntax::ast::{Expr, ExprKind, Name};
use crate::units::{ComputeKind, Dimension, Measure, Quantity, QuantityError};

const NO_COMPUTE: Code = Code::new("S0008", "no-compute-to-run");
const PRICES: Code = Code::new("S0009", "several-prices");

/// What is asked of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// An expression among the plan's values, such as `budget.flagship`.
    pub text: &'a str,
    /// A device that runs the compute, such as `h200`.
    pub device: Option<&'a str>,
    /// The number format whose peak counts, such as `bf16`.
    pub number_format: &'a str,
    /// The share of the peak that training makes use of: an expression such as `0.42 +- 0.02`; 1 where absent.
    pub mfu: Option<&'a str>,
    /// The price of a device's time, an expression; where absent, what the plan's only price says.
    pub price: Option<&'a str>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Queried {
    /// Every text that was opened.
    pub sources: Sources,
    /// What was found, sorted. With an error among them there is no reply.
    pub diagnostics: Vec<Diagnostic>,
    /// The reply.
    pub reply: Option<Reply>,
}

/// A value, and what it means.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The definition that was asked for: `let` or `budget`, its name, and where its value is written.
    pub origin: Option<(&'static str, String, Span)>,
    /// The value.
    pub value: Quantity,
    /// Compute in both ways of counting, where the value is compute of a kind that says so.
    pub compute: Option<BothKinds>,
    /// What it takes on a device, where one was named.
    pub run: Option<Run>,
}

/// One amount of compute.
#[derive(Clone, Debug)]
pub struct BothKinds {
    /// In forward FLOPs.
    pub forward: Quantity,
    /// In training FLOPs.
    pub training: Quantity,
}

/// Training on a device.
#[derive(Clone, Debug)]
pub struct Run {
    /// The device.
    pub device: String,
    /// Its peak in FLOP/s.
    pub peak: f64,
    /// The share of it that is made use of.
    pub mfu: Quantity,
    /// Time of one device, in gpu s.
    pub time: Quantity,
    /// What its time costs.
    pub price: Option<Asking>,
    /// What all of it costs, in dollars.
    pub cost: Option<Quantity>,
}

/// What a device's time costs, and who says so.
#[derive(Clone, Debug)]
pub struct Asking {
    /// What the plan calls it, such as `h200.price`; absent where the question says a number.
    pub name: Option<String>,
    /// In $/gpu/s.
    pub rate: Quantity,
    /// Who asks it, where the plan or a file of prices says so.
    pub source: Option<String>,
    /// The day when it was asked, as `YYYY-MM-DD`, where a file of prices says so.
    pub date: Option<String>,
}

/// Answers a question about a plan. Its tables are read, and its laws fitted, only where the question asks for what they
/// come to: `law.shape.width.s`, `search.encoder.params`; that needs the feature `fit`.
pub fn query(world: &dyn World, file: &PlanFile<'_>, question: &Question<'_>) -> Queried {
    let mut sources = Sources::default();
    let gathered = uses::gather(world, file, &mut sources);
    let mut diagnostics = gathered.found;
    if diagnostic::any_error(&diagnostics) {
        diagnostic::sort(&mut diagnostics);
        return Queried { sources, diagnostics, reply: None };
    }
    let mut name = |option: &str, text: &str| {
        let id = sources.add(option, text);
        Spanned::new(text.to_owned(), Span::new(id, 0, text.len() as u32))
    };
    let device = question.device.map(|text| name("--on", text));
    let format = name("--number-format", question.number_format);
    let mut read = |name: &str, text: &str| {
        let id = sources.add(name, text);
        let (expression, found) = syntax::parse_expression(&sources, id);
        diagnostics.extend(found);
        expression
    };
    let asked = Asked {
        value: read("QUERY", question.text),
        device,
        format,
        mfu: question.mfu.map(|text| read("--mfu", text)),
        price: question.price.map(|text| read("--price", text)),
    };
    let concluded = if diagnostics.is_empty() && asked.is_about_results() {
        match concluded(world, file) {
            Ok(concluded) => concluded,
            Err(failed) => return failed,
        }
    } else {
        BTreeMap::new()
    };
    let mut values = Values::with(&gathered.ast, &sources, &gathered.files, concluded);
    let mut found = Vec::new();
    let reply = if diagnostics.is_empty() { asked.reply(&mut values, &mut found) } else { None };
    found.extend(values.finish());
    diagnostics.extend(found);
    diagnostic::sort(&mut diagnostics);
    let reply = reply.filter(|_| !diagnostic::any_error(&diagnostics));
    Queried { sources, diagnostics, reply }
}

/// A question as trees.
struct Asked {
    value: Expr,
    device: Option<Name>,
    format: Name,
    mfu: Option<Expr>,
    price: Option<Expr>,
}

/// What the plan's laws and searches come to, by whole paths.
#[cfg(feature = "fit")]
fn concluded(world: &dyn World, file: &PlanFile<'_>) -> Result<BTreeMap<String, Quantity>, Queried> {
    let Compiled { sources, diagnostics, outcome, .. } = super::compile(world, file);
    let Some(Outcome { laws, answers, .. }) = outcome else {
        return Err(Queried { sources, diagnostics, reply: None });
    };
    let laws = laws.iter().map(|named| ("law", &named.name, named.law.values()));
    let answers = answers.iter().map(|answer| ("search", &answer.search, answer.values()));
    let of = |(keyword, name, values): (&str, &String, Vec<(String, Quantity)>)| {
        values.into_iter().map(|(value, quantity)| (format!("{keyword}.{name}.{value}"), quantity)).collect::<Vec<_>>()
    };
    Ok(laws.chain(answers).flat_map(of).collect())
}

#[cfg(not(feature = "fit"))]
#[expect(clippy::unnecessary_wraps, reason = "with `fit` a plan may be wrong")]
fn concluded(_: &dyn World, _: &PlanFile<'_>) -> Result<BTreeMap<String, Quantity>, Queried> {
    Ok(BTreeMap::new())
}

impl Asked {
    /// Whether it asks for what a law or a search came to.
    fn is_about_results(&self) -> bool {
        let mut is_so = false;
        for expr in [Some(&self.value), self.mfu.as_ref(), self.price.as_ref()].into_iter().flatten() {
            expr.paths(&mut |path| is_so |= path.is_of_results());
        }
        is_so
    }

    fn reply(&self, values: &mut Values<'_>, found: &mut Vec<Diagnostic>) -> Option<Reply> {
        let origin = values.named(&self.value).map(|named| (named.keyword, named.name.value.clone(), named.span));
        let value = values.value(&self.value)?;
        let compute = both_kinds(&value);
        let run = match &self.device {
            None => None,
            Some(name) => {
                let device = values.device(name)?;
                let peak = values.rate(&device, &self.format)?;
                let mfu = match &self.mfu {
                    Some(mfu) => values.value_in(mfu, Dimension::NONE, "--mfu")?,
                    None => Quantity::number(1.0),
                };
                if let Some(mfu_expr) = self.mfu.as_ref().filter(|_| mfu.value <= 0.0 || mfu.value > 1.0) {
                    let error = Diagnostic::error(plan_codes::OUT_OF_RANGE, "`--mfu` is a share above 0 and up to 1")
                        .label(mfu_expr.span, "out of range");
                    found.push(error.help("write it as `0.42` or as `42 %`"));
                    return None;
                }
                let Some(compute) = &compute else {
                    let error = Diagnostic::error(NO_COMPUTE, "only forward or training compute runs on a device")
                        .label(self.value.span, format!("this is in `{}`", value.measure));
                    found.push(error.help("ask for a budget, or say `... as training`"));
                    return None;
                };
                let run = self.run(values, (&device, peak), &mfu, &compute.training, found)?;
                Some(run.map_err(|why| found.push(too_large(self.value.span, why))).ok()?)
            }
        };
        Some(Reply { origin, value, compute, run })
    }

    fn run(
        &self,
        values: &mut Values<'_>,
        (device, peak): (&Device, f64),
        mfu: &Quantity,
        training: &Quantity,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Result<Run, QuantityError>> {
        let price = self.price(values, device, found)?;
        let run = || {
            // What the device executes, by the share of its peak that training makes use of.
            let rate = Quantity::exact(peak, Measure::of_kind(Dimension::DEVICE_RATE, ComputeKind::Training));
            let time = training.divide(&rate.multiply(mfu)?)?;
            let cost = price.as_ref().map(|price| time.multiply(&price.rate)).transpose()?;
            Ok(Run { device: device.name.clone(), peak, mfu: mfu.clone(), time, price: price.clone(), cost })
        };
        Some(run())
    }

    #[expect(clippy::option_option, reason = "a mistake, or no price, or a price")]
    fn price(&self, values: &mut Values<'_>, device: &Device, found: &mut Vec<Diagnostic>) -> Option<Option<Asking>> {
        let bare = |name, rate| Some(Some(Asking { name, rate, source: None, date: None }));
        if let Some(expr) = &self.price {
            let name = match &expr.kind {
                ExprKind::Path(path) => path.names.last().map(|name| name.value.clone()),
                _ => None,
            };
            return bare(name, values.value_in(expr, Dimension::DEVICE_PRICE, "--price")?);
        }
        if let Some(Price { rate, source, date }) = values.price(device) {
            return Some(Some(Asking {
                name: Some(format!("{}.price", device.name)),
                rate,
                source: Some(source),
                date,
            }));
        }
        let prices = values.of_dimension(Dimension::DEVICE_PRICE);
        match prices.as_slice() {
            [] => Some(None),
            [(named, rate)] => bare(Some(named.name.value.clone()), rate.clone()),
            _ => {
                let error = Diagnostic::error(PRICES, "the plan has several prices of a device's time");
                let error = prices.iter().fold(error, |error, (named, _)| error.label(named.name.span, "a price"));
                let first = prices.first().map_or("NAME", |(named, _)| named.name.value.as_str());
                found.push(error.help(format!("say which one: `--price {first}`")));
                None
            }
        }
    }
}

fn both_kinds(value: &Quantity) -> Option<BothKinds> {
    if value.measure.dimension != Dimension::FLOP {
        return None;
    }
    let of = |kind| Measure::of_kind(Dimension::FLOP, kind);
    let (forward, training) = (of(ComputeKind::Forward), of(ComputeKind::Training));
    match value.measure.kind? {
        ComputeKind::Forward => {
            Some(BothKinds { forward: value.clone(), training: value.scaled(Counting::TRAINING_FACTOR, training) })
        }
        ComputeKind::Training => {
            Some(BothKinds { forward: value.scaled(1.0 / Counting::TRAINING_FACTOR, forward), training: value.clone() })
        }
        ComputeKind::Executed => None,
    }
}

fn too_large(place: Span, why: QuantityError) -> Diagnostic {
    let message = match why {
        QuantityError::MayBeZero | QuantityError::DivisionByZero => "the share of the peak may be 0",
        _ => "the result is too large for a number",
    };
    Diagnostic::error(plan_codes::NO_VALUE, message)
        .label(place, "asked here")
        .help("check the numbers and their units")
}
