//! `law NAME = FORM { ... }` and `law NAME = FORM fitted to TABLE.METRIC { ... }`

use crate::diagnostic::{Code, Diagnostic, nearest};
use crate::plan::check::{Checker, Owner, Scope};
use crate::plan::names::list_of;
use crate::plan::schema::{Field, Fields, Schema};
use crate::plan::values::{optional, whole};
use crate::plan::{FORMS, KnownForm, LawData, LawKind, LawSpec, Plan, StatedExponents, Uncertain, codes};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{ExprKind, Item, ItemKind, Name, Path};
use crate::units::Dimension;
use crate::vit::{Axis, PerAxis};

const STATED: Schema = Schema::of(&["width", "depth", "mlp", "weights", "effective", "calibrated_on"]);
const FITTED: Schema =
    Schema::of(&["weights", "centre", "objective", "delta", "starts", "draws", "seed", "bootstrap", "spread"]);
const FORM: Schema = Schema::of(&["objective", "delta", "starts", "draws", "seed", "bootstrap", "spread"]);

/// An exponent beyond this is a slip: the paper's lie between 0.2 and 0.7.
const LARGEST_EXPONENT: f64 = 10.0;

/// How far from 1 the sum of the weights may lie.
const WEIGHTS_TOLERANCE: f64 = 1e-6;

/// The forms of laws.
#[derive(Clone, Copy)]
enum Form {
    Sovit,
    Known(&'static KnownForm),
}

const SOVIT: &str = "sovit";

/// Who refers to a metric of a table, in the words of messages.
#[derive(Clone, Copy)]
pub(in crate::plan) struct Asker<'a> {
    /// The form or the words that refer to it.
    pub(in crate::plan) owner: Owner<'a>,
    /// What needs shapes.
    pub(in crate::plan) what: &'a str,
    /// Who does not say which metric, and what it does with it.
    pub(in crate::plan) choice: (&'a str, &'a str),
    /// Whether the table must have shapes.
    pub(in crate::plan) shapes: Option<Shapes>,
}

/// What is said of a table without shapes.
#[derive(Clone, Copy)]
pub(in crate::plan) struct Shapes {
    pub(in crate::plan) code: Code,
    pub(in crate::plan) help: &'static str,
}

impl<'a> Asker<'a> {
    fn law(form: &'a Name, needs_shapes: bool) -> Self {
        let shapes = Shapes {
            code: codes::WRONG_LAW,
            help: "give the table its `width`, `depth` and `mlp`, or fit a form without shapes, such as `curve`",
        };
        Self {
            owner: Owner { name: &form.value, span: form.span },
            what: "a `sovit` law",
            choice: ("the law", "fitted to"),
            shapes: needs_shapes.then_some(shapes),
        }
    }
}

impl Checker<'_> {
    /// Checks a law.
    pub(in crate::plan) fn law(&mut self, item: &Item, scope: &Scope, plan: &Plan) -> Option<LawSpec> {
        let ItemKind::Law { name, form, fitted_to, body } = &item.kind else { return None };
        let at = name.as_ref().map_or(item.keyword, |name| name.span);
        let what = name.as_ref().map_or("the law".into(), |name| format!("law `{}`", name.value));
        let form_name = form.as_ref()?;
        let form = self.form(form_name)?;
        let kind = match (form, fitted_to, body) {
            (Form::Sovit, Some(path), body) => {
                let fields = body.as_ref().map(|body| self.fields(what, at, body, FITTED));
                let get = |name: &str| fields.as_ref().and_then(|fields| fields.get(name));
                let weights = get("weights").map_or(Some(thirds()), |field| self.weights(field));
                let centre = get("centre").map(|field| {
                    let shape = self.shape(field, ["1968", "40", "6144"])?;
                    Some(Spanned::new(shape, field.value.span))
                });
                let settings = self.settings(fields.as_ref());
                let data = self.law_data(path, Asker::law(form_name, true), scope, plan);
                LawKind::Sovit { data: data?, weights: weights?, centre: optional(centre)?, settings: settings? }
            }
            (Form::Known(form), Some(path), body) => {
                let fields = body.as_ref().map(|body| self.fields(what, at, body, FORM));
                let settings = self.settings(fields.as_ref());
                let data = self.law_data(path, Asker::law(form_name, false), scope, plan)?;
                let inputs = self.inputs(form, form_name, data, plan);
                LawKind::Form { data, form, inputs: inputs?, settings: settings? }
            }
            // The parser has reported a table that it could not read.
            (_, None, None) => return None,
            (_, None, Some(body)) if self.something_stands(form_name.span, body.span) => return None,
            (Form::Sovit, None, Some(body)) => {
                let fields = self.fields(what, at, body, STATED);
                LawKind::Stated(self.stated(&fields)?)
            }
            (Form::Known(_), None, Some(_)) => {
                let message = format!("a law of the form `{}` must be fitted", form_name.value);
                let error = Diagnostic::error(codes::MISSING_FIELD, message)
                    .label(form_name.span, "no table follows")
                    .fix("name a table and its metric", form_name.span.after(), " fitted to TABLE.error");
                self.report(error);
                return None;
            }
        };
        Some(LawSpec { name: name.clone()?, span: item.span, kind })
    }

    /// Whether anything is written between two places.
    fn something_stands(&self, before: Span, after: Span) -> bool {
        let between = Span { start: before.end, end: after.start.max(before.end), ..before };
        !self.sources.slice(between).trim().is_empty()
    }

    fn form(&mut self, name: &Name) -> Option<Form> {
        if name.value == SOVIT {
            return Some(Form::Sovit);
        }
        let known = FORMS.iter().find(|form| form.name == name.value);
        if known.is_none() {
            let error = Diagnostic::error(codes::UNKNOWN_LAW, format!("there is no law of the form `{}`", name.value))
                .label(name.span, "not a form of laws");
            let forms = || std::iter::once(SOVIT).chain(FORMS.iter().map(|form| form.name));
            self.report(match nearest(&name.value, forms()) {
                Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
                None => error.help(format!("the forms are {}", list_of(forms()))),
            });
        }
        known.map(Form::Known)
    }

    /// `TABLE.METRIC`; where shapes are needed, of a table that has them.
    pub(in crate::plan) fn law_data(
        &mut self,
        path: &Path,
        asker: Asker<'_>,
        scope: &Scope,
        plan: &Plan,
    ) -> Option<LawData> {
        let (table_name, metric) = match path.names.as_slice() {
            [table] => (table, None),
            [table, metric] => (table, Some(metric)),
            _ => {
                let text = self.sources.slice(path.span);
                let error = Diagnostic::error(codes::UNKNOWN_METRIC, format!("`{text}` is no metric of a table"))
                    .label(path.span, "names too much")
                    .help("write `TABLE.METRIC`");
                self.report(error);
                return None;
            }
        };
        let index = self.resolve(&scope.results, table_name, asker.owner)?;
        let table = plan.results.get(index)?;
        if let Some(Shapes { code, help }) = asker.shapes.filter(|_| table.shape.is_none()) {
            let message = format!("{} needs shapes, and table `{}` has none", asker.what, table.name.value);
            let error = Diagnostic::error(code, message)
                .label(table_name.span, "a table without shapes")
                .label(table.name.span, "gives no `width`, `depth` and `mlp`")
                .help(help);
            self.report(error);
            return None;
        }
        let known = || table.metrics.iter().map(|metric| metric.name.value.as_str());
        let error = if let Some(metric) = metric {
            if let Some(found) = table.metrics.iter().position(|m| m.name.value == metric.value) {
                return Some(LawData { table: index, metric: found, span: path.span });
            }
            let message = format!("table `{}` has no metric `{}`", table.name.value, metric.value);
            let error = Diagnostic::error(codes::UNKNOWN_METRIC, message)
                .label(metric.span, "not a metric of this table")
                .label(table.name.span, format!("has {}", list_of(known())));
            known().fold(error, |error, known| error.fix(format!("there is `{known}`"), metric.span, known))
        } else {
            let (who, verb) = asker.choice;
            let message = format!("{who} does not say which metric of `{}` it is {verb}", table.name.value);
            let error = Diagnostic::error(codes::UNKNOWN_METRIC, message)
                .label(table_name.span, "a table, not a metric")
                .label(table.name.span, format!("has {}", list_of(known())));
            let at = path.span.after();
            known().fold(error, |error, known| error.fix(format!("name `{known}`"), at, format!(".{known}")))
        };
        self.report(error);
        None
    }

    fn stated(&mut self, fields: &Fields<'_>) -> Option<StatedExponents> {
        let calibrated_on = fields.get("calibrated_on").map(|field| self.text(field));
        let stated = Axis::ALL.into_iter().find_map(|axis| fields.get(axis.name()));
        let given = stated.or_else(|| fields.get("weights"));
        if let Some(effective) = fields.get("effective") {
            if let Some(other) = given {
                let name = &other.name.value;
                let error = Diagnostic::error(codes::EXCLUSIVE, format!("`effective` and `{name}` exclude each other"))
                    .label(other.name.span, "stated, to be weighted")
                    .label(effective.name.span, "effective, weights included")
                    .help("keep `width`, `depth` and `mlp` with their `weights`, or `effective` alone");
                self.report(error);
            }
            let exponents = self.axes(effective, ["0.18", "0.28", "0.43"], Self::exponent);
            let effective = exponents.filter(|_| given.is_none())?;
            return Some(StatedExponents {
                effective,
                exponents: None,
                weights: None,
                calibrated_on: optional(calibrated_on)?,
            });
        }
        let exponents = if stated.is_none() && Axis::ALL.iter().all(|axis| !fields.is_meant(axis.name())) {
            let error = Diagnostic::error(codes::MISSING_FIELD, format!("{} states no exponents", fields.what))
                .label(fields.at, "no exponents")
                .help("add `width = 0.22, depth = 0.45, mlp = 0.60`")
                .help("or add `effective = { width = 0.18, depth = 0.28, mlp = 0.43 }`");
            self.report(error);
            None
        } else {
            whole(PerAxis::from_fn(|axis| {
                let example = match axis {
                    Axis::Width => "width = 0.22",
                    Axis::Depth => "depth = 0.45",
                    Axis::Mlp => "mlp = 0.60",
                };
                let field = self.required(fields, axis.name(), example)?;
                self.exponent(field)
            }))
        };
        let weights = fields.get("weights").map_or(Some(thirds()), |field| self.weights(field));
        let (exponents, weights) = (exponents?, weights?);
        let effective = PerAxis::from_fn(|axis| {
            let (s, w) = (exponents.get(axis), weights.get(axis));
            Uncertain { value: s.value * w, sd: s.sd * w }
        });
        let calibrated_on = optional(calibrated_on)?;
        Some(StatedExponents { effective, exponents: Some(exponents), weights: Some(weights), calibrated_on })
    }

    fn exponent(&mut self, field: Field<'_>) -> Option<Uncertain> {
        let quantity = self.quantity(field.value, Dimension::NONE, field.owner())?;
        if quantity.value <= 0.0 || quantity.value >= LARGEST_EXPONENT {
            let message = format!("the exponent of `{}` must lie between 0 and {LARGEST_EXPONENT}", field.name.value);
            self.out_of_range(message, field.value, quantity.value, Dimension::NONE, field.owner());
            return None;
        }
        Some(Uncertain { value: quantity.value, sd: quantity.sd() })
    }

    /// Shares of log compute: a list in the order width, depth, mlp, or a record.
    fn weights(&mut self, field: Field<'_>) -> Option<PerAxis<f64>> {
        const EXAMPLE: [&str; 3] = ["1/3", "1/3", "1/3"];
        let is_record = matches!(field.value.kind, ExprKind::Record(_));
        let is_list = matches!(field.value.kind, ExprKind::List(_) | ExprKind::Error);
        let weights = if is_record {
            self.axes(field, EXAMPLE, |checker, weight| {
                Some(checker.exact(weight.value, Dimension::NONE, weight.owner())?.value)
            })?
        } else {
            let list = if is_list { self.list(field)? } else { &[] };
            let values: Vec<_> =
                list.iter().map(|expr| Some(self.exact(expr, Dimension::NONE, field.owner())?.value)).collect();
            let [width, depth, mlp] = values.as_slice() else {
                let message = "`weights` takes three numbers";
                let error = Diagnostic::error(codes::WEIGHTS, message)
                    .label(field.value.span, "not one for each of width, depth and mlp")
                    .fix("share equally", field.value.span, format!("[{}]", EXAMPLE.join(", ")));
                self.report(error);
                return None;
            };
            whole(PerAxis { width: *width, depth: *depth, mlp: *mlp })?
        };
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        if let Some((axis, weight)) = weights.iter().find(|(_, weight)| **weight <= 0.0) {
            let error = Diagnostic::error(codes::WEIGHTS, format!("the weight of {} must be positive", axis.name()))
                .label(field.value.span, format!("{} is {weight}", axis.name()))
                .help("every dimension takes a share of the growth: write positive weights that sum to 1");
            self.report(error);
            return None;
        }
        if (sum - 1.0).abs() > WEIGHTS_TOLERANCE {
            let mut shares = weights.iter().map(|(axis, weight)| {
                let share = format!("{:.7}", weight / sum);
                let share = share.trim_end_matches('0').to_owned();
                if is_record { format!("{} = {share}", axis.name()) } else { share }
            });
            let text =
                [shares.next(), shares.next(), shares.next()].into_iter().flatten().collect::<Vec<_>>().join(", ");
            let text = if is_record { format!("{{ {text} }}") } else { format!("[{text}]") };
            let rounded = (sum * 1e7).round() / 1e7;
            let error = Diagnostic::error(codes::WEIGHTS, format!("the weights sum to {rounded}, not to 1"))
                .label(field.value.span, "shares of one whole")
                .fix("scale them", field.value.span, text);
            self.report(error);
            return None;
        }
        Some(weights)
    }
}

/// `Some(None)` where nothing was written, `None` where what was written is wrong.
fn thirds() -> PerAxis<f64> {
    PerAxis { width: 1.0 / 3.0, depth: 1.0 / 3.0, mlp: 1.0 / 3.0 }
}
