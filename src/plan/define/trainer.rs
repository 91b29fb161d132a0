//! `results NAME from trainer TIMM "runs/*" { ... }`: what is known of a trainer's logs, and what is not said need not be.

use crate::diagnostic::{Diagnostic, nearest};
use crate::plan::check::Checker;
use crate::plan::names::list_of;
use crate::plan::rows::Columns;
use crate::plan::schema::Fields;
use crate::plan::values::optional;
use crate::plan::{Comparison, Expression, Operator, RowExpression, RowNumber, Trainer, TrainerKind, codes};
use crate::source::Spanned;
use crate::syntax::ast::Name;
use crate::units::Dimension;
use crate::vit::{Architecture, Axis, PerAxis};

impl Checker<'_> {
    /// What the plan says of the trainer.
    pub(super) fn trainer(&mut self, name: &Name, fields: &Fields<'_>) -> Option<Trainer> {
        let kind = self.trainer_kind(name);
        let count = |checker: &mut Self, name: &str, dimension| {
            let limits = (1, Architecture::LIMIT);
            optional(fields.get(name).map(|field| checker.count(field.value, dimension, limits, field.owner())))
        };
        let processes = count(self, "processes", Dimension::NONE);
        let batch = count(self, "batch", Dimension::NONE);
        let accumulation = count(self, "accumulation", Dimension::NONE);
        let dataset = optional(fields.get("dataset").map(|field| {
            let dataset = self.exact(field.value, Dimension::EXAMPLE, field.owner())?.value;
            if dataset >= 1.0 {
                return Some(dataset);
            }
            let message = "`dataset` must hold at least one example".to_owned();
            self.out_of_range(message, field.value, dataset, Dimension::EXAMPLE, field.owner());
            None
        }));
        let (kind, dataset) = (kind?, dataset?);
        let unused =
            ["processes", "dataset", "batch", "accumulation"].into_iter().filter(|name| !kind.told().contains(name));
        for field in unused.filter_map(|name| fields.get(name)) {
            let message = format!("`{}` changes nothing of runs of {}", field.name.value, name.value);
            let error = Diagnostic::error(codes::MISPLACED, message);
            self.report(match kind {
                TrainerKind::Wandb => error
                    .label(field.name.span, "its steps are calls of `wandb.log`")
                    .help("say the examples by a column, as `examples = column \"train/global_step\" * 4096`"),
                _ => error
                    .label(field.name.span, "their logs say it, or need it not")
                    .help(format!("leave it out; they may be told {}", list_of(kind.told().iter().copied()))),
            });
        }
        if kind == TrainerKind::Timm && dataset.is_none() && fields.get("examples").is_none() {
            self.missing(fields, "dataset", "dataset = 1281167 example");
            return None;
        }
        let (processes, accumulation) = (processes?.unwrap_or(1), accumulation?.unwrap_or(1));
        Some(Trainer { kind, span: name.span, processes, dataset, batch: batch?, accumulation })
    }

    fn trainer_kind(&mut self, name: &Name) -> Option<TrainerKind> {
        let found = TrainerKind::ALL.iter().find(|(known, _)| *known == name.value).map(|(_, kind)| *kind);
        if found.is_none() {
            let known = || TrainerKind::ALL.iter().map(|(known, _)| *known);
            let message = format!("no logs of a trainer `{}` are known", name.value);
            let error =
                Diagnostic::error(codes::UNKNOWN_TRAINER, message).label(name.span, "not a trainer that is read");
            self.report(match nearest(&name.value, known()) {
                Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
                None => error.help(format!("those of {} are; others are read as tables", list_of(known()))),
            });
        }
        found
    }
}

/// The sizes that a run's config says.
pub(super) fn shape(trainer: &Trainer, columns: &mut Columns) -> PerAxis<Spanned<RowExpression>> {
    PerAxis::from_fn(|axis: Axis| column(trainer, axis.name(), columns))
}

/// The examples that a run had seen.
pub(super) fn examples(trainer: &Trainer, columns: &mut Columns) -> Spanned<RowExpression> {
    column(trainer, "examples", columns)
}

/// The metric that a trainer always logs; none where that is the user's choice.
pub(super) fn metrics(trainer: &Trainer, columns: &mut Columns) -> Vec<RowNumber> {
    let (name, value) = match trainer.kind {
        // Its accuracies are in percent.
        TrainerKind::Timm => {
            let accuracy = column(trainer, "eval_top1", columns).value;
            let share =
                Expression::Arithmetic(Operator::Divide, Box::new(accuracy), Box::new(Expression::Number(100.0)));
            let error = Expression::Arithmetic(Operator::Subtract, Box::new(Expression::Number(1.0)), Box::new(share));
            ("error", error)
        }
        TrainerKind::Transformers => ("loss", column(trainer, "eval_loss", columns).value),
        _ => return Vec::new(),
    };
    let name = Spanned::new(name.to_owned(), trainer.span);
    vec![RowNumber { name, value: Spanned::new(value, trainer.span) }]
}

/// Runs that have ended: a point in the middle of a schedule is no run of that length.
pub(super) fn keep(trainer: &Trainer, columns: &mut Columns) -> Spanned<RowExpression> {
    let kind = column(trainer, "kind", columns).value;
    let predicate =
        Expression::Compare(Comparison::Equal, Box::new(kind), Box::new(Expression::Text("final".to_owned())));
    Spanned::new(predicate, trainer.span)
}

fn column(trainer: &Trainer, name: &str, columns: &mut Columns) -> Spanned<RowExpression> {
    let column = columns.find(&Spanned::new(name.to_owned(), trainer.span));
    Spanned::new(Expression::Variable(column), trainer.span)
}
