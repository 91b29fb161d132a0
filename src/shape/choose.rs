//! Every search of a plan, answered.

use super::anchored::{Anchored, wasted};
use super::frontier;
use super::funds::Funds;
use super::hardware::Hardware;
use super::lattice::furthest;
use super::objective::{Asked, Objective};
use super::prefer::{number, wanted};
use super::search::{Box3, Found, best, flops, legal, runners_up};
use super::{
    Alternative, Answer, Bill, Compared, Inference, Loss, Plateau, Preferred, Recipe, Served, ShadowPrice, Spending,
    Trained, Waste, codes, prices,
};
use crate::diagnostic::Diagnostic;
use crate::hardware::{Pass, notes};
use crate::law::{Estimate, Law, NamedLaw, NamedStart, SovitLaw};
use crate::plan::{Baseline, Budget, LawKind, Plan, Preference, Range, Requirement, Search, Start};
use crate::units::{Dimension, fixed, human};
use crate::vit::{Architecture, Axis, PerAxis, Shape, Vit};

/// Shapes within this fraction of the predicted loss are practically as good.
const PLATEAU: f64 = 1e-3;

/// How far apart runners-up are in one of their sizes: by this difference of logarithms, about 5 %.
const APART: f64 = 0.05;

/// A chosen size further than this from the frontier, as a fraction, is worth a warning.
const ROUNDED: f64 = 0.01;

/// One answer for each search, `None` where there is none; a law or a start that is `None` has been reported.
///
/// `laws` has a slot for each of `plan.laws`, `starts` one for each of `plan.starts`.
pub fn choose(
    plan: &Plan,
    laws: &[Option<NamedLaw>],
    starts: &[Option<NamedStart>],
) -> (Vec<Option<Answer>>, Vec<Diagnostic>) {
    let mut diagnostics = law_warnings(plan);
    let answers = plan
        .searches
        .iter()
        .map(|search| {
            let hardware = Hardware::new(search);
            Question::new(plan, search, (laws, starts), &hardware, &mut diagnostics)?.answer(&mut diagnostics)
        })
        .collect();
    (answers, diagnostics)
}

/// What is to be said of a law once, however many searches ask it.
fn law_warnings(plan: &Plan) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for (index, spec) in plan.laws.iter().enumerate() {
        let LawKind::Stated(stated) = &spec.kind else { continue };
        if !plan.searches.iter().any(|search| search.law == index) {
            continue;
        }
        let name = &spec.name.value;
        warnings.push(
            Diagnostic::warning(
                codes::NO_LOSS_MODEL,
                format!("law `{name}` is exponents alone and has no loss: no predicted value, plateau or regret"),
            )
            .label(spec.name.span, "the search takes the legal shape nearest to the frontier, by log distance")
            .help(format!("fit the law to a star sweep: `law {name} = sovit fitted to TABLE.METRIC`")),
        );
        if let Some(calibration) = &stated.calibrated_on {
            warnings.push(
                Diagnostic::warning(
                    codes::CALIBRATED,
                    format!(
                        "the exponents of law `{name}` are calibrated on {calibration}; reaching those is no prediction"
                    ),
                )
                .label(spec.name.span, "calibrated exponents"),
            );
        }
    }
    warnings
}

/// A search with everything it refers to.
pub(super) struct Question<'a> {
    plan: &'a Plan,
    pub(super) search: &'a Search,
    asked: Asked<'a>,
    /// Where the plan says its start.
    origin: &'a Start,
    pub(super) space: Box3<'a>,
    frontier: PerAxis<f64>,
}

impl<'a> Question<'a> {
    fn new(
        plan: &'a Plan,
        search: &'a Search,
        (laws, starts): (&'a [Option<NamedLaw>], &'a [Option<NamedStart>]),
        hardware: &'a Hardware<'a>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let law = &laws.get(search.law)?.as_ref()?.law;
        let model = plan.models.get(search.model)?;
        let budget = plan.budgets.get(search.budget)?;
        if matches!(law, Law::Fitted(_)) {
            return None;
        }
        let Some(index) = search.start else {
            diagnostics.push(no_start(search, law, model.architecture.heads));
            return None;
        };
        let (origin, start) = (plan.starts.get(index)?, &starts.get(index)?.as_ref()?.optimum);
        let funds = Funds::new(plan, search, budget.forward_flops, laws, diagnostics)?;
        let asked = Asked { law, start, architecture: &model.architecture, funds };
        let Some((frontier, objective)) = asked.wanted() else {
            diagnostics.push(pays_for_nothing(search, budget));
            return None;
        };
        if frontier.iter().any(|(_, x)| !(x.is_finite() && *x > 0.0)) {
            let message = format!(
                "law `{}` gives no usable frontier at budget `{}`",
                plan.laws.get(search.law)?.name.value,
                budget.name.value
            );
            diagnostics.push(
                Diagnostic::error(codes::NO_FRONTIER, message)
                    .label(search.name.span, "asked here")
                    .label(budget.span, "this budget")
                    .help("look at the law's exponents: an arm of the sweep may not bend, or the budget is absurd"),
            );
            return None;
        }
        let space = Box3 {
            architecture: &model.architecture,
            ranges: search.ranges.map(|range| range.value),
            objective,
            funds,
            hardware,
        };
        Some(Self { plan, search, asked, origin, space, frontier })
    }

    fn answer(&self, diagnostics: &mut Vec<Diagnostic>) -> Option<Answer> {
        let all: Vec<&Requirement> = self.search.requires.iter().collect();
        let found = self.wanted(&all);
        let shape = match found {
            Found::Best(shape) | Found::Near(shape, _) => shape,
            Found::Nothing => {
                diagnostics.push(self.infeasible());
                return None;
            }
            Found::GaveUp => {
                diagnostics.push(self.gave_up());
                return None;
            }
        };
        let vit = self.space.architecture.with(shape).ok()?;
        let cost = vit.cost();
        let budget = self.plan.budgets.get(self.search.budget)?;
        let examples = self.space.examples(&vit, &cost);
        if examples < 1.0 || self.excess(shape).is_infinite() {
            let paid = if examples < 1.0 { "one example" } else { "the training that the law knows of," };
            let message = format!("budget `{}` pays for less than {paid} of the shape {shape}", budget.name.value);
            let error = Diagnostic::error(codes::NO_EXAMPLES, message)
                .label(budget.span, format!("{:.3e} forward FLOP", budget.forward_flops))
                .note(format!("one example takes {} forward FLOP", cost.forward_flops_per_example))
                .help("give it more, let it pay for less, or allow smaller shapes");
            let share = self.space.funds.drain(flops(&vit, &cost).1) / budget.forward_flops;
            diagnostics.push(match share {
                0.0 => error,
                _ => error.note(format!("inference takes {} times the budget", human(share, Dimension::NONE))),
            });
            return None;
        }
        let spec = self.search.recipe.and_then(|recipe| self.plan.recipes.get(recipe));
        let recipe = match spec.map(|spec| Recipe::new(spec, examples, &self.search.name.value)).transpose() {
            Ok(recipe) => recipe,
            Err(refused) => {
                diagnostics.push(refused);
                return None;
            }
        };
        let binding = self.binding(&all, shape);
        let at_edge = self.at_edge(shape);
        self.warn(shape, &binding, &at_edge, diagnostics);
        Some(Answer {
            search: self.search.name.value.clone(),
            law: self.plan.laws.get(self.search.law)?.name.value.clone(),
            model: self.plan.models.get(self.search.model)?.name.value.clone(),
            vit,
            cost,
            budget: Spending {
                name: budget.name.value.clone(),
                forward_flops: budget.forward_flops,
                counted: budget.kind,
                examples,
                inference: self.inference(&vit),
                data: self.space.funds.data.map(|data| data.seen(examples)),
            },
            frontier: self.frontier,
            frontier_interval: self.asked.interval(),
            loss: self.sovit().map(|law| self.loss(law, &all, &vit)),
            preference: self.search.prefer.as_ref().map(|preference| self.preferred(preference, &all, found, shape)),
            alternatives: self.alternatives(&all, shape),
            runners_up: self.runners_up(&all, shape),
            at_edge,
            binding: binding.iter().map(|require| require.text.clone()).collect(),
            shadow_prices: binding.iter().filter_map(|require| self.shadow_price(&all, require, shape)).collect(),
            compared: self.search.compare.iter().filter_map(|named| self.compared(&all, shape, named)).collect(),
            serving: self.search.serving.as_ref().map(|serving| Served {
                device: serving.device.name.clone(),
                batch: serving.batch,
                attention: serving.attention.name().to_owned(),
                latency: self.space.hardware.latency(&vit),
                calibrated: serving.device.calibrated(Pass::Inference),
                notes: notes(serving.attention, &vit),
            }),
            training: self.search.training.map(|step| Trained::new(&vit, step, self.search.contrastive, examples)),
            bill: Bill::of(self.search, &vit, examples * cost.forward_flops_per_example as f64),
            recipe,
        })
    }

    fn sovit(&self) -> Option<&'a SovitLaw> {
        match self.asked.law {
            Law::Sovit(law) => Some(law),
            Law::Stated(_) | Law::Fitted(_) => None,
        }
    }

    /// Requirements without which another shape would be chosen.
    fn binding(&self, all: &[&'a Requirement], shape: Shape) -> Vec<&'a Requirement> {
        let without = |i: usize| -> Vec<&Requirement> {
            all.iter().enumerate().filter(|&(j, _)| j != i).map(|(_, require)| *require).collect()
        };
        let binds = |i: &usize| self.wanted(&without(*i)).shape() != Some(shape);
        (0..all.len()).filter(binds).map(|i| all[i]).collect()
    }

    /// What a little more of a requirement would be worth.
    fn shadow_price(&self, all: &[&Requirement], require: &Requirement, shape: Shape) -> Option<ShadowPrice> {
        let more = prices::relaxed(require, prices::RELAXED)?;
        let others = all.iter().map(|other| if std::ptr::eq(*other, require) { &more } else { *other });
        let better = self.wanted(&others.collect::<Vec<_>>()).shape()?;
        Some(ShadowPrice {
            requirement: require.text.clone(),
            relaxed: prices::RELAXED,
            shape: better,
            gain: self.sovit().map(|_| self.excess(shape) - self.excess(better)),
        })
    }

    /// The shape that the plan wants of those that satisfy some requirements.
    fn wanted(&self, requires: &[&Requirement]) -> Found {
        wanted(&self.space, requires, self.search.prefer.as_ref())
    }

    /// What the preference gave up, and what it won.
    fn preferred(&self, preference: &Preference, all: &[&Requirement], found: Found, shape: Shape) -> Preferred {
        let least = best(&self.space, all).shape().unwrap_or(shape);
        let at = |shape| number(&self.space, preference, shape);
        Preferred {
            text: preference.text.clone(),
            value: at(shape),
            value_at_least_loss: at(least),
            unit: preference.dimension,
            least_loss: self.alternative(shape, least),
            loss_given_up: (self.excess(shape) - self.excess(least))
                / (self.space.objective.level() + self.excess(least)),
            proven: matches!(found, Found::Best(_)),
            gap: match found {
                Found::Near(_, gap) => gap,
                _ => None,
            },
        }
    }

    /// The next best shapes that are no mere neighbours.
    fn runners_up(&self, all: &[&Requirement], shape: Shape) -> Vec<Alternative> {
        let count = self.search.runners_up as usize;
        if count == 0 {
            return Vec::new();
        }
        let found = runners_up(&self.space, all, shape, (count, APART));
        found.into_iter().filter_map(|other| self.alternative(shape, other)).collect()
    }

    /// A published shape in the plan's architecture, with its own heads.
    fn compared(&self, all: &[&Requirement], chosen: Shape, named: &Baseline) -> Option<Compared> {
        let architecture = Architecture { heads: named.heads, ..*self.space.architecture };
        let vit = architecture.with(named.shape).ok()?;
        let within = |axis| {
            let (range, size) = (self.space.ranges.get(axis), named.shape.get(axis));
            range.at(range.position(size)) == size
        };
        let space = Box3 { architecture: &architecture, ..self.space.clone() };
        Some(Compared {
            name: named.name.clone(),
            legal: Axis::ALL.into_iter().all(within) && legal(&space, all, named.shape),
            alternative: self.alternative_of(&vit, chosen),
            latency: self.search.serving.as_ref().map(|_| self.space.hardware.latency(&vit)),
        })
    }

    /// Axes at an end of their range while the frontier lies beyond it.
    fn at_edge(&self, shape: Shape) -> Vec<Axis> {
        Axis::ALL
            .into_iter()
            .filter(|&axis| {
                let (range, size, frontier) = (self.space.ranges.get(axis), shape.get(axis), *self.frontier.get(axis));
                let last = range.at(range.len() - 1);
                (size == range.low && frontier < range.low as f64) || (size == last && frontier > range.high as f64)
            })
            .collect()
    }

    fn excess(&self, shape: Shape) -> f64 {
        self.space.excess(shape)
    }

    /// The compute that the law speaks of at a shape.
    fn useful(&self, vit: &Vit) -> f64 {
        let (trained, served) = flops(vit, &vit.cost());
        self.space.funds.useful(trained, served)
    }

    fn loss(&self, law: &SovitLaw, all: &[&Requirement], vit: &Vit) -> Loss {
        let (shape, t) = (vit.shape, self.useful(vit));
        let (value, low, high) = Anchored::new(law, self.asked.start).predict(shape, t);
        let limit = self.excess(shape) + PLATEAU * value;
        let within = |size: u64, axis: Axis| {
            let other = shape.with(axis, size);
            self.excess(other) <= limit && legal(&self.space, all, other)
        };
        let ranges = PerAxis::from_fn(|axis| {
            let is_good = |size| self.excess(shape.with(axis, size)) <= limit;
            let inside = inside(self.space.ranges.get(axis), is_good, shape.get(axis));
            let mut legal_sizes = inside.iter().filter(|&size| within(size, axis));
            let lowest = legal_sizes.next().unwrap_or(shape.get(axis));
            (lowest, legal_sizes.next_back().unwrap_or(lowest))
        });
        Loss {
            metric: law.metric.clone(),
            value,
            low,
            high,
            excess: self.excess(shape),
            plateau: Plateau { tolerance: PLATEAU, ranges },
            star_optimum: star_optimum(law, t),
        }
    }

    /// For each axis the nearest legal size below and above, the others as chosen.
    fn alternatives(&self, all: &[&Requirement], shape: Shape) -> Vec<Alternative> {
        let mut list = Vec::new();
        for axis in Axis::ALL {
            let range = self.space.ranges.get(axis);
            let index = range.position(shape.get(axis));
            let size_at = |i: u64| range.at(i);
            let is_legal = |size: &u64| legal(&self.space, all, shape.with(axis, *size));
            let below = (index.saturating_sub(NEIGHBOURS)..index).rev().map(size_at).find(is_legal);
            let above = (index + 1..(index + 1 + NEIGHBOURS).min(range.len())).map(size_at).find(is_legal);
            let shapes = [below, above].into_iter().flatten().map(|size| shape.with(axis, size));
            list.extend(shapes.filter_map(|other| self.alternative(shape, other)));
        }
        list
    }

    fn alternative(&self, chosen: Shape, other: Shape) -> Option<Alternative> {
        Some(self.alternative_of(&self.space.architecture.with(other).ok()?, chosen))
    }

    fn alternative_of(&self, vit: &Vit, chosen: Shape) -> Alternative {
        let (cost, other) = (vit.cost(), vit.shape);
        let t = self.space.funds.forward_flops;
        let excess = self.sovit().map(|_| self.excess(other) - self.excess(chosen));
        let wasted = excess.and_then(|excess| wasted(|t| self.asked.least_loss(t), t, excess));
        Alternative {
            shape: other,
            params: cost.params,
            forward_flops_per_example: cost.forward_flops_per_example,
            examples: self.space.examples(vit, &cost),
            excess,
            wasted_compute: wasted,
            waste: wasted.and_then(|share| Waste::of(self.search, vit, t, share)),
        }
    }

    fn warn(&self, shape: Shape, binding: &[&Requirement], at_edge: &[Axis], diagnostics: &mut Vec<Diagnostic>) {
        let name = &self.search.name;
        for &axis in at_edge {
            let (range, frontier) = (self.search.ranges.get(axis), *self.frontier.get(axis));
            let wanted = fixed(frontier, 0);
            let message =
                format!("search `{}` ends at the edge of `{}`: the law wants {wanted}", name.value, axis.name());
            diagnostics.push(
                Diagnostic::warning(codes::AT_EDGE, message)
                    .label(range.span, format!("the range holds {} at most near it", shape.get(axis)))
                    .help("widen the range, or say that it is a hard limit by a `require`"),
            );
        }
        for require in binding {
            let message = format!("requirement `{}` decides the shape of search `{}`", require.text, name.value);
            diagnostics.push(
                Diagnostic::warning(codes::BINDING, message)
                    .label(require.span, "without it another shape would be chosen")
                    .note(format!("the law wants {}", sizes(self.frontier))),
            );
        }
        if binding.is_empty() && self.search.prefer.is_none() {
            let nearest = match self.space.objective {
                Objective::Separable { .. } => "the grid has no nearer size",
                Objective::Coupled(_) => "no size on the grid goes better with those of the other axes",
            };
            for axis in Axis::ALL.into_iter().filter(|axis| !at_edge.contains(axis)) {
                let (size, frontier) = (shape.get(axis) as f64, *self.frontier.get(axis));
                if (size / frontier - 1.0).abs() > ROUNDED {
                    let message = format!(
                        "search `{}` rounds `{}` from {} to {size}, {:+.1} %",
                        name.value,
                        axis.name(),
                        fixed(frontier, 1),
                        (size / frontier - 1.0) * 100.0
                    );
                    diagnostics.push(
                        Diagnostic::warning(codes::ROUNDED, message).label(self.search.ranges.get(axis).span, nearest),
                    );
                }
            }
        }
        let budget = self.plan.budgets.get(self.search.budget);
        diagnostics.extend(budget.and_then(|budget| self.uncertain(budget)));
        if let Some(budget) = budget.filter(|budget| budget.forward_flops < self.asked.start.forward_flops) {
            let message =
                format!("budget `{}` is below the compute of start `{}`", budget.name.value, self.origin.name.value);
            diagnostics.push(
                Diagnostic::warning(codes::BELOW_START, message)
                    .label(budget.span, format!("{:.3e} forward FLOP", budget.forward_flops))
                    .label(self.origin.name.span, format!("{:.3e} forward FLOP", self.asked.start.forward_flops))
                    .note("the recipe scales up from the start; below it the law is extrapolated downwards"),
            );
        }
        if let (Some(law), Some(budget)) = (self.sovit(), budget) {
            let factor = budget.forward_flops / law.t_range.1;
            if factor > 1.0 {
                let message = format!(
                    "budget `{}` is {} times the largest compute law `{}` was fitted to",
                    budget.name.value,
                    fixed(factor, 1),
                    self.plan.laws.get(self.search.law).map_or("", |law| &law.name.value),
                );
                diagnostics.push(
                    Diagnostic::warning(codes::EXTRAPOLATED, message)
                        .label(budget.span, format!("{:.3e} forward FLOP", budget.forward_flops))
                        .note(format!("the fit ends at {:.3e} forward FLOP", law.t_range.1)),
                );
            }
        }
    }

    /// What an uncertain budget leaves open: the search takes its median.
    fn uncertain(&self, budget: &Budget) -> Option<Diagnostic> {
        let [low, high] = budget.interval?;
        let amount = |flops| human(flops, Dimension::FLOP);
        let name = &budget.name.value;
        let message =
            format!("budget `{name}` is uncertain: the search takes its median, {}", amount(budget.forward_flops));
        let [least, most] = [self.wanted_at(low)?, self.wanted_at(high)?];
        Some(
            Diagnostic::warning(codes::UNCERTAIN_BUDGET, message)
                .label(budget.span, format!("90 % lie between {} and {} forward", amount(low), amount(high)))
                .note(format!("the frontier goes from {} to {} over that interval", sizes(least), sizes(most)))
                .help(format!("say which value is meant: `{name} at median`, or a careful `at p10`")),
        )
    }

    /// Where the law would want to be with another budget.
    fn wanted_at(&self, forward_flops: f64) -> Option<PerAxis<f64>> {
        let funds = Funds { forward_flops, ..self.space.funds };
        Asked { funds, ..self.asked }.wanted().map(|(frontier, _)| frontier)
    }

    /// What inference takes of the budget, where the plan says that it does.
    fn inference(&self, vit: &Vit) -> Option<Inference> {
        let (funds, served) = (&self.space.funds, flops(vit, &vit.cost()).1);
        let alone = Asked { funds: Funds { inference: 0.0, ..*funds }, ..self.asked };
        (funds.inference > 0.0).then_some(Inference {
            examples: funds.inference,
            forward_flops: funds.inference * served,
            share: funds.drain(served) / funds.forward_flops,
            frontier_without: alone.wanted()?.0,
        })
    }

    fn gave_up(&self) -> Diagnostic {
        let message = format!("search `{}` did not finish: too many shapes are nearly legal", self.search.name.value);
        Diagnostic::error(codes::GAVE_UP, message)
            .label(self.search.name.span, "this search")
            .help("give the ranges coarser steps, or narrow them around the frontier")
            .note(format!("the law wants {}", sizes(self.frontier)))
    }
}

/// What is asked of the budget besides training leaves nothing of it for any shape.
fn pays_for_nothing(search: &Search, budget: &Budget) -> Diagnostic {
    let message = format!(
        "budget `{}` pays for no training beside what search `{}` asks of it",
        budget.name.value, search.name.value
    );
    Diagnostic::error(codes::NO_EXAMPLES, message)
        .label(budget.span, format!("{:.3e} forward FLOP", budget.forward_flops))
        .label(
            search.name.span,
            if search.inference > 0.0 { "asks for inference out of it" } else { "has too few data for it" },
        )
        .help("give it more, or ask for less: no shape is trained as much as the law knows of")
}

/// Where each arm of the star alone is best at `t`, with its interval over the draws.
fn star_optimum(law: &SovitLaw, t: f64) -> PerAxis<Estimate> {
    PerAxis::from_fn(|axis| {
        let reference = law.x_reference.get(axis);
        let draws = law.draws.iter().map(|draw| draw.optimum(axis, t / law.t_reference) * reference);
        let (low, high) = frontier::percentiles(draws.collect());
        let end = |end: f64| (!end.is_nan()).then_some(end);
        Estimate { value: law.star_optimum(axis, t), low: end(low), high: end(high) }
    })
}

/// How far along an axis a legal neighbour is looked for, in grid steps.
const NEIGHBOURS: u64 = 1024;

/// The part of a range around `chosen` that is good; goodness ends once on either side.
fn inside(range: &Range, is_good: impl Fn(u64) -> bool, chosen: u64) -> Range {
    let good = |i: u64| is_good(range.at(i));
    let here = range.position(chosen);
    let [low, high] = [0, range.len() - 1].map(|end| range.at(furthest(here, end, good)));
    Range { low, high, spacing: range.spacing }
}

fn sizes(shape: PerAxis<f64>) -> String {
    format!("width {}, depth {}, mlp {}", fixed(shape.width, 0), fixed(shape.depth, 1), fixed(shape.mlp, 0))
}

/// The law stands; without a start it cannot say where the recipe begins.
fn no_start(search: &Search, law: &Law, heads: u64) -> Diagnostic {
    let message =
        format!("search `{}` has no start: exponents say how a shape grows, not from where", search.name.value);
    let diagnostic = Diagnostic::error(codes::NO_START, message)
        .label(search.name.span, "a small optimal shape and its compute are missing")
        .help("add `start small { shape = { width = .., depth = .., mlp = .. }, compute = .. EFLOP as forward }` and `start = small`")
        .help("or read it from a grid sweep: `start small = best of TABLE.METRIC`");
    let Law::Sovit(law) = law else { return diagnostic };
    let grid = PerAxis::from_fn(|axis| {
        let multiple = match axis {
            Axis::Width => heads,
            Axis::Depth => 1,
            Axis::Mlp => 16,
        };
        let smallest = law.x_range.get(axis).0;
        let mut list: Vec<u64> = GRID
            .iter()
            .map(|factor| ((smallest * factor / multiple as f64).round() as u64).max(1) * multiple)
            .collect();
        list.dedup();
        list
    });
    let show = |list: &[u64]| list.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    diagnostic
        .note(format!(
            "missing runs: a full grid of small shapes, width {{{}}} x depth {{{}}} x mlp {{{}}}, {} runs on one number of examples above 100 million",
            show(&grid.width),
            show(&grid.depth),
            show(&grid.mlp),
            grid.width.len() * grid.depth.len() * grid.mlp.len(),
        ))
        .note("the best interior shape of that grid is the start; its compute is the least at which it is best")
}

/// The tight grid around the smallest swept size, about 20 % apart (SoViT appendix B.3).
const GRID: [f64; 4] = [0.69, 0.83, 1.0, 1.2];
