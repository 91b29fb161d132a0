//! `search NAME { ... }`

use super::hardware::Training;
use crate::diagnostic::Diagnostic;
use crate::plan::check::{Checker, Owner, Scope};
use crate::plan::names::Names;
use crate::plan::schema::{Fields, RangeEntry, Schema};
use crate::plan::values::{optional, whole};
use crate::plan::{LawKind, Model, Plan, Range, Search, Spacing, codes};
use crate::source::Spanned;
use crate::syntax::ast::{self, Expr, Item, ItemKind};
use crate::units::{Dimension, exact, gcd};
use crate::vit::{Architecture, PerAxis};

const SCHEMA: Schema = Schema {
    fields: &[
        "model",
        "law",
        "start",
        "budget",
        "inference",
        "data",
        "serving",
        "training",
        "recipe",
        "compare",
        "runners_up",
    ],
    ranges: &["width", "depth", "mlp"],
    chooses: true,
};

/// The most shapes that an answer holds besides the best.
const RUNNERS_UP: u64 = 100;

impl Checker<'_> {
    /// Checks a search.
    pub(in crate::plan) fn search(&mut self, item: &Item, scope: &Scope, plan: &Plan) -> Option<Search> {
        let ItemKind::Search { name, body } = &item.kind else { return None };
        let at = name.as_ref().map_or(item.keyword, |name| name.span);
        let what = name.as_ref().map_or("the search".into(), |name| format!("search `{}`", name.value));
        let fields = self.fields(what, at, body.as_ref()?, SCHEMA);

        let model = self.reference(&fields, "model", &scope.models);
        let law = match only_shape_law(plan).filter(|_| fields.get("law").is_none() && !fields.is_meant("law")) {
            Some(law) => Some(law),
            None => self.reference(&fields, "law", &scope.laws).filter(|&law| self.is_shape_law(law, &fields, plan)),
        };
        let start = match fields.get("start") {
            None if scope.starts.len() == 0 => Some(None),
            _ => self.reference(&fields, "start", &scope.starts).map(Some),
        };
        let budget = self.reference(&fields, "budget", &scope.budgets);
        let recipe = match fields.get("recipe") {
            None if scope.recipes.len() == 0 => Some(None),
            _ => self.reference(&fields, "recipe", &scope.recipes).map(Some),
        };
        let inference = fields.get("inference").map_or(Some(0.0), |field| self.inference(field));
        let data = optional(fields.get("data").map(|field| self.finite_data(field, scope, plan)));
        let ranges = PerAxis::from_fn(|axis| {
            if let Some(entry) = fields.range(axis.name()) {
                self.range(entry)
            } else {
                let example = ["width in 384..2048 step 16", "depth in 6..60", "mlp in 512..16384 step 16"];
                self.missing(&fields, axis.name(), example[axis as usize]);
                None
            }
        });
        if let (Some(width), Some(model)) = (ranges.width, model.and_then(|model| plan.models.get(model))) {
            self.heads_divide_a_width(width, fields.range("width"), model);
        }
        let requires: Vec<_> = fields.requires.iter().map(|predicate| self.requirement(predicate)).collect();

        let serving = optional(fields.get("serving").map(|field| self.serving(field)));
        let training = optional(fields.get("training").map(|field| self.training(field)));
        let compare = fields.get("compare").map_or(Some(Vec::new()), |field| self.compared(field));

        let runners_up = fields
            .get("runners_up")
            .map_or(Some(0), |field| self.count(field.value, Dimension::NONE, (0, RUNNERS_UP), field.owner()));
        let preferred = optional(fields.prefers.map(|(written, span)| self.preference(written, span)));
        let on = preferred.as_ref().and_then(|preferred| preferred.as_ref()?.on);
        let serving = match (on, serving) {
            (Some(name), Some(serving)) => self.serving_on(name, serving).map(Some),
            (_, serving) => serving,
        };

        let (step, cluster, contrastive) = match training? {
            None => (None, None, None),
            Some(Training { step, cluster, contrastive }) => (Some(step), cluster, contrastive),
        };
        let search = Search {
            name: name.clone()?,
            model: model?,
            law: law?,
            start: start?,
            budget: budget?,
            inference: inference?,
            data: data?,
            ranges: whole(ranges)?,
            requires: requires.into_iter().collect::<Option<_>>()?,
            prefer: preferred?.map(|preferred| preferred.preference),
            runners_up: runners_up?,
            serving: serving?,
            training: step,
            cluster,
            contrastive,
            recipe: recipe?,
            compare: compare?,
        };
        let is_known = [self.hardware_is_said(&search, &fields), self.loss_is_known(&search, &fields, plan)];
        is_known.iter().all(|known| *known).then_some(search)
    }

    /// A definition that a field names, or the only one there is.
    fn reference(&mut self, fields: &Fields<'_>, field: &str, names: &Names) -> Option<usize> {
        match fields.get(field) {
            Some(field) => {
                let name = self.name(field)?;
                self.resolve(names, name, field.owner())
            }
            None if fields.is_meant(field) => None,
            None => self.only(names, &fields.what, fields.at, |name| fields.insertion(&format!("{field} = {name}"))),
        }
    }

    fn is_shape_law(&mut self, law: usize, fields: &Fields<'_>, plan: &Plan) -> bool {
        let Some(law) = plan.laws.get(law) else { return false };
        let LawKind::Form { form, .. } = &law.kind else { return true };
        let form = form.name;
        let span = fields.get("law").map_or(fields.at, |field| field.value.span);
        let name = &law.name.value;
        let error = Diagnostic::error(
            codes::WRONG_LAW,
            format!("{} needs a shape law, and `{name}` is of the form `{form}`", fields.what),
        )
        .label(span, "chooses a shape by this law")
        .label(law.name.span, "knows no shapes")
        .help("define a law of the form `sovit` and name it");
        self.report(error);
        false
    }

    fn range(&mut self, entry: RangeEntry<'_>) -> Option<Spanned<Range>> {
        let owner = Owner { name: &entry.name.value, span: entry.name.span };
        let limits = (1, Architecture::LIMIT);
        let low = self.count(entry.low, Dimension::NONE, limits, owner);
        let high = self.count(entry.high, Dimension::NONE, limits, owner);
        let spacing = match entry.spacing {
            None => Some(Spacing::Step(1)),
            Some(ast::Spacing::Step(step)) => {
                self.count(step, Dimension::NONE, limits, Owner { name: "step", ..owner }).map(Spacing::Step)
            }
            Some(ast::Spacing::By(factor)) => self.factor(factor, low, Owner { name: "by", ..owner }),
        };
        let (low, high, spacing) = (low?, high?, spacing?);
        if low > high {
            let name = owner.name;
            let error = Diagnostic::error(
                codes::EMPTY_RANGE,
                format!("the range of `{name}` is empty: {low} lies above {high}"),
            )
            .label(entry.span, "no value lies in it")
            .label(owner.span, "needs at least one value")
            .fix("swap the ends", entry.span, format!("{high}..{low}"));
            self.report(error);
            return None;
        }
        Some(Spanned::new(Range { low, high, spacing }, entry.span))
    }

    /// The quotient of neighbours: above 1, and so large that the first two differ.
    fn factor(&mut self, expr: &Expr, low: Option<u64>, owner: Owner<'_>) -> Option<Spacing> {
        let factor = self.exact(expr, Dimension::NONE, owner)?.value;
        let limit = Architecture::LIMIT as f64;
        if !(factor > 1.0 && factor <= limit) {
            let message = format!("`by` takes a factor above 1 and up to {limit}");
            self.out_of_range(message, expr, factor, Dimension::NONE, owner);
            return None;
        }
        let low = low? as f64;
        if low * (factor - 1.0) < 1.0 {
            let message = format!("from {low}, a factor of {} leads to no new whole number", exact(factor));
            let error = Diagnostic::error(codes::OUT_OF_RANGE, message)
                .label(expr.span, "too close to 1")
                .label(owner.span, "takes whole numbers")
                .fix("double it each time", expr.span, "2")
                .help("or count in steps: `step 1`");
            self.report(error);
            return None;
        }
        Some(Spacing::Factor(factor))
    }

    fn heads_divide_a_width(&mut self, width: Spanned<Range>, entry: Option<RangeEntry<'_>>, model: &Model) {
        let heads = model.architecture.heads;
        let Range { low, high, spacing } = width.value;
        let has_legal = match spacing {
            Spacing::Step(step) => first_multiple((low, high, step), heads).is_some(),
            Spacing::Factor(_) => width.value.iter().any(|value| value.is_multiple_of(heads)),
        };
        if has_legal {
            return;
        }
        let below = (low / heads * heads).max(heads);
        let above = (low.div_ceil(heads) * heads).max(heads);
        let spacing = match spacing {
            Spacing::Step(1) => String::new(),
            Spacing::Step(step) => format!(" step {step}"),
            Spacing::Factor(factor) => format!(" by {}", exact(factor)),
        };
        let message = format!("no width in {low}..{high}{spacing} is divisible by the {heads} heads");
        let error = Diagnostic::error(codes::HEADS, message)
            .label(width.span, "no legal width")
            .label(model.heads_span, format!("`{}` has {heads} heads", model.name.value));
        let both = if below == above { format!("{below} is") } else { format!("{below} and {above} are") };
        let low_span = entry.map_or(width.span, |entry| entry.low.span);
        let error = if below <= high {
            error.fix(format!("{both} divisible: begin at {below}"), low_span, below.to_string())
        } else {
            error.fix(format!("{both} divisible"), width.span, format!("{below}..{below}"))
        };
        self.report(error);
    }
}

/// The law that says something of shapes, where there is one.
fn only_shape_law(plan: &Plan) -> Option<usize> {
    let mut shapes = (0..plan.laws.len()).filter(|&law| !matches!(plan.laws[law].kind, LawKind::Form { .. }));
    shapes.next().filter(|_| shapes.next().is_none())
}

/// The first number from `low` to `high` in steps that is a multiple of `of`, by solving `low + i step = 0 (mod of)`.
fn first_multiple((low, high, step): (u64, u64, u64), of: u64) -> Option<u64> {
    let shared = gcd(step, of);
    let missing = (of - low % of) % of;
    if !missing.is_multiple_of(shared) {
        return None;
    }
    let modulus = of / shared;
    let inverse = inverse(step / shared % modulus, modulus);
    let i = u128::from(missing / shared) * u128::from(inverse) % u128::from(modulus);
    let value = u128::from(low) + i * u128::from(step);
    u64::try_from(value).ok().filter(|value| *value <= high)
}

/// The inverse of `a` modulo `modulus`, the two having no common divisor; 0 modulo 1.
fn inverse(a: u64, modulus: u64) -> u64 {
    let m = i128::from(modulus);
    let (mut rest, mut next) = (m, i128::from(a));
    let (mut x, mut y) = (0_i128, 1_i128);
    while next != 0 {
        let quotient = rest / next;
        (rest, next) = (next, rest - quotient * next);
        (x, y) = (y, x - quotient * y);
    }
    x.rem_euclid(m) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn multiples_are_found_without_scanning(low in 1u64..300, more in 0u64..300, step in 1u64..40, of in 1u64..40) {
            let range = Range::stepped(low, low + more, step);
            let first = first_multiple((low, low + more, step), of);
            prop_assert_eq!(first, range.iter().find(|value| value % of == 0));
        }

        #[test]
        fn values_of_a_range_rise_and_are_found(low in 1u64..300, more in 0u64..30_000, factor in 1.01..4.0f64) {
            let factor = factor.max(1.0 + 1.0 / low as f64);
            for spacing in [Spacing::Factor(factor), Spacing::Step(factor as u64)] {
                let range = Range { low, high: low + more, spacing };
                let values: Vec<u64> = range.iter().collect();
                prop_assert!(values[0] == low && values.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", values);
                prop_assert!(values.iter().all(|value| *value <= range.high) && range.at(range.len()) > range.high);
                for (i, &value) in values.iter().enumerate() {
                    prop_assert_eq!(range.position(value), i as u64);
                }
            }
        }
    }

    #[test]
    fn the_largest_ranges_are_quick() {
        let limit = Architecture::LIMIT;
        assert_eq!(first_multiple((1, limit, 2), limit), None);
        assert_eq!(first_multiple((1, limit, 1), limit), Some(limit));
    }
}
