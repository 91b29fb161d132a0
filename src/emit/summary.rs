//! `summary.json`: what was asked, what was found, how sure it is, and what was written.
//!
//! Keys stand in the order of these structs, floats as the shortest text that reads back the same. A number that is not
//! finite, such as an interval without an end, is null.

use serde::Serialize;

use super::{Artefact, Request, codes};
use crate::diagnostic::Diagnostic;
use crate::law::{ArmParameters, Estimate, FitReport, FormFit, FormLaw, HoldOut, Law, NamedLaw, NamedStart, SovitLaw};
use crate::lock::Warning;
use crate::plan::{Counting, StatedExponents, Uncertain};
use crate::shape::{
    Alternative, Answer, Bill, Compared, Epochs, Inference, Plateau, Preferred, Recipe, Served, ShadowPrice, Trained,
    Waste,
};
use crate::source::plain_json;
use crate::vit::{Activation, Axis, Components, Cost, PerAxis, Pooling, Shape, Variant};

/// The text of the summary; `artefacts` are the files it lists, sorted.
pub(super) fn text(request: &Request<'_>, artefacts: &[Artefact]) -> Result<String, Diagnostic> {
    pretty(&Summary::new(request, artefacts))
}

/// JSON with two spaces of indent and a closing newline.
pub(super) fn pretty(value: &impl Serialize) -> Result<String, Diagnostic> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => Ok(plain_json(text) + "\n"),
        Err(error) => Err(Diagnostic::error(codes::TEMPLATE, format!("a JSON file does not serialise: {error}"))),
    }
}

#[derive(Serialize)]
struct Summary<'a> {
    plan: &'a str,
    searches: Vec<Search<'a>>,
    laws: Vec<LawSummary<'a>>,
    /// Those found in grids.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    starts: &'a [NamedStart],
    warnings: &'a [Warning],
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
    bytes: usize,
}

impl<'a> Summary<'a> {
    fn new(request: &Request<'a>, artefacts: &'a [Artefact]) -> Self {
        Self {
            plan: &request.plan.name,
            searches: request.answers.iter().map(|answer| Search::new(answer, request.laws)).collect(),
            laws: request.laws.iter().map(LawSummary::new).collect(),
            starts: request.starts,
            warnings: request.warnings,
            files: artefacts.iter().map(|file| File { path: &file.path, bytes: file.text.len() }).collect(),
        }
    }
}

#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Search<'a> {
    /// The search's name.
    name: &'a str,
    /// The model it scales.
    model: &'a str,
    /// The chosen shape in its architecture.
    shape: Model,
    /// What it costs.
    cost: CostSummary,
    /// What it is trained with.
    budget: Budget<'a>,
    /// The law it asked.
    law: LawName<'a>,
    /// Where the law wants to be.
    frontier: PerAxis<f64>,
    /// 95 % interval of that, where the law is uncertain.
    frontier_interval: Option<PerAxis<(f64, f64)>>,
    /// The loss of the chosen shape; null where the law has none.
    predicted: Option<Predicted<'a>>,
    /// Shapes that are practically as good; null where the law has no loss.
    plateau: Option<&'a Plateau>,
    /// Where each axis alone would be best, the others at the centre of the star.
    star_optimum: Option<PerAxis<Estimate>>,
    /// What was preferred to the least loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    preference: Option<&'a Preferred>,
    /// Legal neighbours one grid step away.
    alternatives: Vec<Neighbour>,
    /// The next best shapes, as many as the plan asks for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runners_up: Vec<Neighbour>,
    /// Axes at an end of their range while the law wants to go beyond it.
    at_edge: &'a [Axis],
    /// Requirements without which another shape would have been chosen.
    binding: &'a [String],
    /// What a little more of each binding requirement would be worth.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    shadow_prices: &'a [ShadowPrice],
    /// Published shapes at the same budget.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    compared: &'a [Compared],
    /// How fast it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    serving: Option<&'a Served>,
    /// What training it takes of each device.
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<&'a Trained>,
    /// What the budget takes of devices and of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    bill: Option<&'a Bill>,
    /// How it is trained, step by step.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe: Option<&'a Recipe>,
}

/// A shape in its architecture, flat.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Model {
    width: u64,
    depth: u64,
    mlp_dim: u64,
    heads: u64,
    head_dim: u64,
    patch: u64,
    image: u64,
    channels: u64,
    tokens: u64,
    pool: Pooling,
    class_token: bool,
    classes: u64,
    activation: Activation,
    norm_epsilon: f64,
    /// What it has beyond the plain encoder; nothing where it is plain.
    #[serde(flatten)]
    variant: Variant,
}

#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct CostSummary {
    params: u64,
    params_by_component: Components,
    forward_flops_per_example: u64,
}

#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Budget<'a> {
    name: &'a str,
    counted: Counting,
    forward_flops: f64,
    examples: f64,
    inference: Option<Inference>,
    data: Option<Epochs>,
}

#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct LawName<'a> {
    name: &'a str,
    form: Option<&'a str>,
}

#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Predicted<'a> {
    metric: &'a str,
    value: f64,
    low: f64,
    high: f64,
    excess: f64,
}

#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Neighbour {
    shape: Shape,
    cost: NeighbourCost,
    examples: f64,
    excess: Option<f64>,
    wasted_compute: Option<f64>,
    /// What that compute takes of devices and of money.
    #[serde(skip_serializing_if = "Option::is_none")]
    waste: Option<Waste>,
}

#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct NeighbourCost {
    params: u64,
    forward_flops_per_example: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(answer: &'a Answer, laws: &'a [NamedLaw]) -> Self {
        let Cost { params, params_by_component, forward_flops_per_example } = answer.cost;
        let (vit, architecture) = (&answer.vit, &answer.vit.architecture);
        let law = laws.iter().find(|law| law.name == answer.law);
        let loss = answer.loss.as_ref();
        Self {
            name: &answer.search,
            model: &answer.model,
            shape: Model {
                width: vit.shape.width,
                depth: vit.shape.depth,
                mlp_dim: vit.shape.mlp_dim,
                heads: architecture.heads,
                head_dim: vit.head_dim(),
                patch: architecture.patch,
                image: architecture.image,
                channels: architecture.channels,
                tokens: architecture.tokens(),
                pool: architecture.pooling,
                class_token: architecture.class_token,
                classes: architecture.classes,
                activation: architecture.activation,
                norm_epsilon: architecture.norm_epsilon,
                variant: architecture.variant,
            },
            cost: CostSummary { params, params_by_component, forward_flops_per_example },
            budget: Budget {
                name: &answer.budget.name,
                counted: answer.budget.counted,
                forward_flops: answer.budget.forward_flops,
                examples: answer.budget.examples,
                inference: answer.budget.inference,
                data: answer.budget.data,
            },
            law: LawName { name: &answer.law, form: law.map(|law| form(&law.law)) },
            frontier: answer.frontier,
            frontier_interval: answer.frontier_interval,
            predicted: loss.map(|loss| Predicted {
                metric: &loss.metric,
                value: loss.value,
                low: loss.low,
                high: loss.high,
                excess: loss.excess,
            }),
            plateau: loss.map(|loss| &loss.plateau),
            star_optimum: loss.map(|loss| loss.star_optimum),
            preference: answer.preference.as_ref(),
            alternatives: answer.alternatives.iter().map(Neighbour::new).collect(),
            runners_up: answer.runners_up.iter().map(Neighbour::new).collect(),
            at_edge: &answer.at_edge,
            binding: &answer.binding,
            shadow_prices: &answer.shadow_prices,
            compared: &answer.compared,
            serving: answer.serving.as_ref(),
            training: answer.training.as_ref(),
            bill: answer.bill.as_ref(),
            recipe: answer.recipe.as_ref(),
        }
    }
}

impl Neighbour {
    fn new(alternative: &Alternative) -> Self {
        Self {
            shape: alternative.shape,
            cost: NeighbourCost {
                params: alternative.params,
                forward_flops_per_example: alternative.forward_flops_per_example,
            },
            examples: alternative.examples,
            excess: alternative.excess,
            wasted_compute: alternative.wasted_compute,
            waste: alternative.waste,
        }
    }
}

#[derive(Serialize)]
struct LawSummary<'a> {
    name: &'a str,
    form: &'a str,
    metric: Option<&'a str>,
    parameters: Parameters<'a>,
    intervals: Option<Intervals>,
    calibrated_on: Option<&'a str>,
    fit: Option<&'a FitReport>,
    /// Of all groups together; each has its own among the parameters.
    hold_out: Option<HoldOut>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Parameters<'a> {
    Stated {
        effective: PerAxis<Uncertain>,
        exponents: Option<PerAxis<Uncertain>>,
        weights: Option<PerAxis<f64>>,
    },
    Sovit {
        exponents: PerAxis<f64>,
        weights: PerAxis<f64>,
        c: f64,
        axes: PerAxis<ArmParameters>,
        centre: Shape,
        x_reference: PerAxis<f64>,
        t_reference: f64,
        t_range: (f64, f64),
    },
    Fitted {
        group: &'a [String],
        fits: &'a [FormFit],
    },
}

/// 95 % intervals.
#[derive(Serialize)]
struct Intervals {
    exponents: PerAxis<Estimate>,
    c: Estimate,
}

impl<'a> LawSummary<'a> {
    fn new(named: &'a NamedLaw) -> Self {
        let bare = Self {
            name: &named.name,
            form: form(&named.law),
            metric: None,
            parameters: Parameters::Fitted { group: &[], fits: &[] },
            intervals: None,
            calibrated_on: None,
            fit: None,
            hold_out: None,
        };
        match &named.law {
            Law::Stated(law) => bare.stated(law),
            Law::Sovit(law) => bare.sovit(law),
            Law::Fitted(law) => bare.fitted(law),
        }
    }

    fn stated(self, law: &'a StatedExponents) -> Self {
        let &StatedExponents { effective, exponents, weights, .. } = law;
        let parameters = Parameters::Stated { effective, exponents, weights };
        Self { parameters, calibrated_on: law.calibrated_on.as_deref(), ..self }
    }

    fn sovit(self, law: &'a SovitLaw) -> Self {
        Self {
            metric: Some(&law.metric),
            parameters: Parameters::Sovit {
                exponents: PerAxis::from_fn(|axis| law.parameters.exponent(axis)),
                weights: law.weights,
                c: law.parameters.c,
                axes: law.parameters.axes,
                centre: law.centre,
                x_reference: law.x_reference,
                t_reference: law.t_reference,
                t_range: law.t_range,
            },
            intervals: Some(Intervals { exponents: law.exponents, c: law.data_exponent }),
            fit: Some(&law.fit),
            hold_out: law.hold_out,
            ..self
        }
    }

    fn fitted(self, law: &'a FormLaw) -> Self {
        Self {
            metric: Some(&law.metric),
            parameters: Parameters::Fitted { group: &law.group, fits: &law.fits },
            hold_out: pooled(law.fits.iter().filter_map(|fit| fit.hold_out)),
            ..self
        }
    }
}

/// The name of a law's form in plans.
fn form(law: &Law) -> &str {
    match law {
        Law::Stated(_) => "sovit stated",
        Law::Sovit(_) => "sovit fitted",
        Law::Fitted(law) => &law.form_name,
    }
}

/// The prediction error over all held-out rows; each row counts once.
fn pooled(parts: impl Iterator<Item = HoldOut>) -> Option<HoldOut> {
    let (mut rows, mut squares) = (0, 0.0);
    for part in parts {
        rows += part.rows;
        squares += part.rows as f64 * part.rmse_log * part.rmse_log;
    }
    (rows > 0).then(|| HoldOut { rows, rmse_log: (squares / rows as f64).sqrt() })
}
