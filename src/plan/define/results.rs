//! `results NAME from "FILE" { ... }`

use super::trainer;
use crate::diagnostic::Diagnostic;
use crate::plan::check::{Checker, Scope};
use crate::plan::rows::Columns;
use crate::plan::schema::{Field, Fields, Schema};
use crate::plan::values::{optional, whole};
use crate::plan::{Column, Results, RowExpression, RowNumber, Seeds, Trainer, TrainerKind, codes};
use crate::source::Spanned;
use crate::syntax::ast::{ExprKind, Item, ItemKind};
use crate::units::Dimension;
use crate::vit::{Axis, PerAxis};

const SCHEMA: Schema = Schema::of(&[
    "model", "width", "depth", "mlp", "examples", "error", "loss", "n", "params", "d", "tokens", "unique", "c", "m",
    "t", "x", "where", "hold_out", "group", "cluster", "seeds", "weight",
]);

/// The same for runs of a trainer, and what their logs do not say.
const LOGS: Schema = Schema::of(&[
    "processes",
    "dataset",
    "batch",
    "accumulation",
    "model",
    "width",
    "depth",
    "mlp",
    "examples",
    "error",
    "loss",
    "n",
    "params",
    "d",
    "tokens",
    "unique",
    "c",
    "m",
    "t",
    "x",
    "where",
    "hold_out",
    "group",
    "cluster",
    "seeds",
    "weight",
]);

/// Whether a run of the trainer says its sizes: in a file, or a tracker's where no other input of laws is named.
fn says_sizes(trainer: &Trainer, fields: &Fields<'_>) -> bool {
    let has_inputs = NUMBERS.iter().any(|(name, _)| fields.get(name).is_some());
    trainer.kind.files().1.is_some() || trainer.kind.is_tracker() && !has_inputs
}

/// Whether examples follow from what the logs say and what the plan does.
const fn knows_examples(trainer: &Trainer) -> bool {
    match trainer.kind {
        TrainerKind::Timm | TrainerKind::Transformers | TrainerKind::BigVision => true,
        TrainerKind::Lightning | TrainerKind::Tensorboard | TrainerKind::Mlflow => trainer.batch.is_some(),
        TrainerKind::Wandb => false,
        TrainerKind::OpenClip => trainer.dataset.is_some(),
    }
}

/// Inputs of laws besides shape and examples, as [`crate::plan::FORMS`] call them, with what a bare column counts.
const NUMBERS: [(&str, Dimension); 9] = [
    ("n", Dimension::PARAM),
    ("params", Dimension::PARAM),
    ("d", Dimension::TOKEN),
    ("tokens", Dimension::TOKEN),
    ("unique", Dimension::TOKEN),
    ("c", Dimension::FLOP),
    ("m", Dimension::NONE),
    ("t", Dimension::FLOP),
    ("x", Dimension::NONE),
];

impl Checker<'_> {
    /// Checks a table.
    pub(in crate::plan) fn results(&mut self, item: &Item, scope: &Scope) -> Option<Results> {
        let ItemKind::Results { name, trainer, path, body } = &item.kind else { return None };
        let at = name.as_ref().map_or(item.keyword, |name| name.span);
        let what = name.as_ref().map_or("the table".into(), |name| format!("table `{}`", name.value));
        if let Some(path) = path.as_ref().filter(|path| path.value.is_empty() || path.value.contains('\0')) {
            let error = Diagnostic::error(codes::BAD_PATH, "a table's path must name a file")
                .label(path.span, "names no file")
                .help("write the path of a CSV file, relative to the plan");
            self.report(error);
        }
        let fields = self.fields(what, at, body.as_ref()?, if trainer.is_some() { LOGS } else { SCHEMA });
        let trainer = optional(trainer.as_ref().map(|name| self.trainer(name, &fields)))?;
        let mut columns = Columns::default();

        let is_shapeless = Axis::ALL.into_iter().all(|axis| fields.get(axis.name()).is_none());
        let shape = match &trainer {
            Some(trainer) if is_shapeless && says_sizes(trainer, &fields) => {
                Ok(Some(trainer::shape(trainer, &mut columns)))
            }
            _ => self.row_shape(&fields, &mut columns),
        };
        let model = self.table_model(&fields, scope, !matches!(shape, Ok(None)));
        let numbers = self.numbers(&fields, &mut columns);
        // Something must say how long a run was.
        let is_long_enough = matches!(shape, Ok(None)) && numbers.as_ref().is_none_or(|numbers| !numbers.is_empty());
        let examples = match fields.get("examples") {
            None if is_long_enough => None,
            None if trainer.is_some_and(|trainer| knows_examples(&trainer)) => {
                trainer.as_ref().map(|trainer| Some(trainer::examples(trainer, &mut columns)))
            }
            None => {
                let is_tracked = trainer.is_some_and(|trainer| trainer.kind.is_tracker());
                let text = if is_tracked { "examples = column step * 4096" } else { "examples = column examples_seen" };
                self.missing(&fields, "examples", text);
                Some(None)
            }
            Some(field) => Some(self.row_number(field, Dimension::EXAMPLE, &mut columns)),
        };
        let logged = match &trainer {
            Some(trainer) if ["error", "loss"].iter().all(|name| fields.get(name).is_none()) => {
                trainer::metrics(trainer, &mut columns)
            }
            _ => Vec::new(),
        };
        let metrics = if logged.is_empty() { self.metrics(&fields, &mut columns) } else { Some(logged) };
        let weight = fields.get("weight").map(|field| self.row_number(field, Dimension::NONE, &mut columns));
        let keep = match (fields.get("where"), &trainer) {
            (Some(field), _) => Some(self.row_condition(field, &mut columns)),
            (None, Some(trainer)) => Some(Some(trainer::keep(trainer, &mut columns))),
            (None, None) => None,
        };
        let hold_out = fields.get("hold_out").map(|field| self.row_condition(field, &mut columns));
        let group = fields.get("group").map_or(Some(Vec::new()), |field| self.group(field, &mut columns));
        let cluster = fields.get("cluster").map(|field| self.column(field, &mut columns));
        let seeds = fields.get("seeds").map_or(Some(Seeds::default()), |field| self.word(field, &Seeds::NAMED));

        Some(Results {
            name: name.clone()?,
            path: path.clone()?,
            trainer,
            model: model.ok()?,
            shape: shape.ok()?,
            examples: optional(examples)?,
            metrics: metrics?,
            numbers: numbers?,
            weight: optional(weight)?,
            keep: optional(keep)?,
            hold_out: optional(hold_out)?,
            group: group?,
            cluster: optional(cluster)?,
            seeds: seeds?,
            columns: columns.names,
        })
    }

    /// The shape of a row: all three axes or none.
    fn row_shape(
        &mut self,
        fields: &Fields<'_>,
        columns: &mut Columns,
    ) -> Result<Option<PerAxis<Spanned<RowExpression>>>, ()> {
        let given = Axis::ALL.into_iter().find(|axis| fields.get(axis.name()).is_some());
        let Some(given) = given else { return Ok(None) };
        if is_partial(fields) {
            return Ok(None);
        }
        whole(PerAxis::from_fn(|axis| {
            if let Some(field) = fields.get(axis.name()) {
                self.row_number(field, Dimension::NONE, columns)
            } else {
                if !fields.is_meant(axis.name()) {
                    let message = format!("{} has `{}` but no `{}`", fields.what, given.name(), axis.name());
                    let span = fields.get(given.name()).map_or(fields.at, |field| field.name.span);
                    let error = Diagnostic::error(codes::MISSING_FIELD, message)
                        .label(fields.at, format!("`{}` is missing", axis.name()))
                        .label(span, "a shape needs all three")
                        .help(format!("add it, for example `{0} = column {0}`", axis.name()))
                        .help("or leave all three out, for learning curves");
                    self.report(error);
                }
                None
            }
        }))
        .map(Some)
        .ok_or(())
    }

    /// The model whose FLOPs count; may be left out of tables without shapes.
    fn table_model(&mut self, fields: &Fields<'_>, scope: &Scope, is_needed: bool) -> Result<Option<usize>, ()> {
        let found = match fields.get("model") {
            Some(field) => self.name(field).and_then(|name| self.resolve(&scope.models, name, field.owner())),
            None if is_needed => {
                self.only(&scope.models, &fields.what, fields.at, |name| fields.insertion(&format!("model = {name}")))
            }
            None => return Ok(None),
        };
        found.map(Some).ok_or(())
    }

    /// The inputs of laws other than shape and examples.
    fn numbers(&mut self, fields: &Fields<'_>, columns: &mut Columns) -> Option<Vec<RowNumber>> {
        let sizes = ["width", "depth"].map(|name| (name, Dimension::NONE));
        let sizes = sizes.into_iter().filter(|_| is_partial(fields));
        let numbers: Vec<_> = sizes
            .chain(NUMBERS)
            .filter_map(|(name, dimension)| Some((fields.get(name)?, dimension)))
            .map(|(field, dimension)| {
                Some(RowNumber { name: field.name.clone(), value: self.row_number(field, dimension, columns)? })
            })
            .collect();
        numbers.into_iter().collect()
    }

    fn metrics(&mut self, fields: &Fields<'_>, columns: &mut Columns) -> Option<Vec<RowNumber>> {
        let given: Vec<_> = ["error", "loss"].into_iter().filter_map(|name| fields.get(name)).collect();
        if given.is_empty() && !fields.is_meant("error") && !fields.is_meant("loss") {
            let error = Diagnostic::error(codes::MISSING_FIELD, format!("{} has nothing to fit", fields.what))
                .label(fields.at, "neither `error` nor `loss` is given")
                .help("add an error as a fraction of 1, for example `error = 1 - column accuracy`")
                .help("or a positive loss, for example `loss = column loss`");
            self.report(error);
        }
        let metrics: Vec<_> = given
            .into_iter()
            .map(|field| {
                Some(RowNumber { name: field.name.clone(), value: self.row_number(field, Dimension::NONE, columns)? })
            })
            .collect();
        metrics.into_iter().collect::<Option<Vec<_>>>().filter(|metrics| !metrics.is_empty())
    }

    /// `column A`
    fn column(&mut self, field: Field<'_>, columns: &mut Columns) -> Option<Column> {
        let ExprKind::Column(name) = &field.value.kind else {
            self.of_type(field.value, "a column", field.owner());
            return None;
        };
        Some(columns.find(name))
    }

    /// `[column A, column B]`
    fn group(&mut self, field: Field<'_>, columns: &mut Columns) -> Option<Vec<Column>> {
        let list = self.list(field)?;
        let mut group: Vec<Option<Column>> = Vec::new();
        for expr in list {
            if let ExprKind::Column(name) = &expr.kind {
                let column = columns.find(name);
                if group.contains(&Some(column)) {
                    let error = Diagnostic::error(codes::DUPLICATE_FIELD, format!("`{}` groups twice", name.value))
                        .label(expr.span, "named already")
                        .label(field.name.span, "takes each column once")
                        .help("remove it");
                    self.report(error);
                }
                group.push(Some(column));
            } else {
                self.of_type(expr, "columns", field.owner());
                group.push(None);
            }
        }
        group.into_iter().collect()
    }
}

/// Whether width and depth stand beside parameters instead of an MLP size: then no shape is meant, but two numbers.
fn is_partial(fields: &Fields<'_>) -> bool {
    let has = |name: &str| fields.get(name).is_some();
    !has("mlp") && has("width") && has("depth") && has("params")
}
