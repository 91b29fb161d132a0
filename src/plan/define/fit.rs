//! How a law is fitted: where the table has its inputs, and the fields that settle objective, starts and draws.

use crate::diagnostic::Diagnostic;
use crate::plan::check::Checker;
use crate::plan::names::list_of;
use crate::plan::schema::{Field, Fields};
use crate::plan::values::optional;
use crate::plan::{Bootstrap, FitSettings, Input, KnownForm, LawData, Objective, Plan, Spread, codes};
use crate::syntax::ast::Name;
use crate::units::Dimension;

/// Most starts or refits of one fit.
const MOST: u64 = 1_000_000;

impl Checker<'_> {
    /// Where the table has the form's inputs; says which it lacks.
    pub(super) fn inputs(
        &mut self,
        form: &'static KnownForm,
        written: &Name,
        data: LawData,
        plan: &Plan,
    ) -> Option<Vec<Input>> {
        let table = plan.results.get(data.table)?;
        let inputs: Vec<_> = form.inputs().iter().map(|name| (*name, Input::find(name, table))).collect();
        let missing: Vec<&str> = inputs.iter().filter(|(_, found)| found.is_none()).map(|(name, _)| *name).collect();
        if missing.is_empty() {
            return inputs.into_iter().map(|(_, found)| found).collect();
        }
        let list = || list_of(missing.iter().copied());
        let message = format!("law form `{}` needs {}, and table `{}` has none", form.name, list(), table.name.value);
        let fields: Vec<String> = missing.iter().map(|name| format!("`{name} = column {name}`")).collect();
        let error = Diagnostic::error(codes::NO_INPUT, message)
            .label(written.span, format!("relates {}", list_of(form.variables.iter().copied())))
            .label(table.name.span, format!("gives no {}", list()))
            .help(format!("add to the table, for example, {}", fields.join(", ")));
        self.report(error);
        None
    }

    /// How a law is fitted.
    pub(super) fn settings(&mut self, fields: Option<&Fields<'_>>) -> Option<FitSettings> {
        let Some(fields) = fields else { return Some(FitSettings::default()) };
        let objective = fields.get("objective").map(|field| self.objective(field, fields.get("delta")));
        if let (None, Some(delta)) = (&objective, fields.get("delta")) {
            let error = Diagnostic::error(codes::MISSING_FIELD, "`delta` belongs to the objective `huber`")
                .label(delta.name.span, "no objective is written")
                .help("add `objective = huber`, or remove it");
            self.report(error);
            return None;
        }
        let bootstrap = fields.get("bootstrap").map(|field| self.word(field, &Bootstrap::NAMED));
        let spread = fields.get("spread").map(|field| self.word(field, &Spread::NAMED));
        let mut count = |name: &str, least: u64, most: u64| {
            fields.get(name).map(|field| self.count(field.value, Dimension::NONE, (least, most), field.owner()))
        };
        let (starts, draws, seed) = (count("starts", 1, MOST), count("draws", 0, MOST), count("seed", 0, 1 << 53));
        Some(FitSettings {
            objective: optional(objective)?,
            starts: optional(starts)?.map(|n| n as u32),
            draws: optional(draws)?.map(|n| n as u32),
            seed: optional(seed)?,
            bootstrap: optional(bootstrap)?,
            spread: optional(spread)?.unwrap_or_default(),
        })
    }

    fn objective(&mut self, field: Field<'_>, delta: Option<Field<'_>>) -> Option<Objective> {
        let objective = self.word(field, &Objective::NAMED)?;
        let Some(delta) = delta else { return Some(objective) };
        if !matches!(objective, Objective::Huber(_)) {
            let error = Diagnostic::error(codes::EXCLUSIVE, "this objective has no `delta`")
                .label(delta.name.span, "belongs to `huber`")
                .label(field.value.span, "has none")
                .help("remove it, or write `objective = huber`");
            self.report(error);
            return None;
        }
        let value = self.exact(delta.value, Dimension::NONE, delta.owner())?.value;
        if value > 0.0 {
            return Some(Objective::Huber(Some(value)));
        }
        self.out_of_range("`delta` must be positive".to_owned(), delta.value, value, Dimension::NONE, delta.owner());
        None
    }
}
