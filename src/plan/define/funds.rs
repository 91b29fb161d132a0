//! What a budget has to last for besides training, and what data there are: `inference = ...`, `data = { ... }`.

use crate::diagnostic::Diagnostic;
use crate::plan::check::{Checker, Scope};
use crate::plan::schema::{Field, Schema};
use crate::plan::{FiniteData, LawKind, Plan, Repeats, codes};
use crate::syntax::ast::{ExprKind, Name};
use crate::units::Dimension;

const DATA: Schema = Schema::of(&["unique", "repeats"]);

impl Checker<'_> {
    /// Images that the model encodes in its life; 0 or more.
    pub(super) fn inference(&mut self, field: Field<'_>) -> Option<f64> {
        self.examples_from(field, 0.0, "`inference` takes a number of examples, 0 or more")
    }

    /// `{ unique = ..., repeats = ... }`, both needed: nobody has measured what repeats are worth to all models.
    pub(super) fn finite_data(&mut self, field: Field<'_>, scope: &Scope, plan: &Plan) -> Option<FiniteData> {
        let block = self.record(field)?;
        let fields = self.fields("`data`".to_owned(), field.name.span, block, DATA);
        let unique = self.required(&fields, "unique", "unique = 1281167 example");
        let unique =
            unique.map(|field| self.examples_from(field, 1.0, "`unique` takes a number of examples, 1 or more"));
        let repeats = self.required(&fields, "repeats", "repeats = 15");
        let repeats = repeats.map(|field| self.repeats(field, scope, plan));
        Some(FiniteData { unique: unique??, repeats: repeats??, span: field.value.span })
    }

    fn examples_from(&mut self, field: Field<'_>, least: f64, message: &str) -> Option<f64> {
        let examples = self.exact(field.value, Dimension::EXAMPLE, field.owner())?.value;
        if examples < least {
            self.out_of_range(message.to_owned(), field.value, examples, Dimension::EXAMPLE, field.owner());
            return None;
        }
        Some(examples)
    }

    /// A number above 0, or a law of the form `repeats`.
    fn repeats(&mut self, field: Field<'_>, scope: &Scope, plan: &Plan) -> Option<Repeats> {
        if let ExprKind::Path(path) = &field.value.kind
            && let [name] = path.names.as_slice()
            && !self.is_bound(name)
        {
            return self.fitted_repeats(field, name, scope, plan);
        }
        let repeats = self.exact(field.value, Dimension::NONE, field.owner())?.value;
        if repeats <= 0.0 {
            let message = "`repeats` takes a number above 0".to_owned();
            self.out_of_range(message, field.value, repeats, Dimension::NONE, field.owner());
            return None;
        }
        Some(Repeats::Stated(repeats))
    }

    fn fitted_repeats(&mut self, field: Field<'_>, name: &Name, scope: &Scope, plan: &Plan) -> Option<Repeats> {
        let index = self.resolve(&scope.laws, name, field.owner())?;
        let law = plan.laws.get(index)?;
        match &law.kind {
            LawKind::Form { form, .. } if form.name == REPEATS => Some(Repeats::Fitted(index)),
            _ => {
                let message = format!("law `{}` does not say what repeats are worth", name.value);
                let error = Diagnostic::error(codes::WRONG_LAW, message)
                    .label(name.span, "needs a law of the form `repeats`")
                    .label(law.name.span, "is of another form")
                    .help("fit one: `law again = repeats fitted to TABLE.loss`, or write the number");
                self.report(error);
                None
            }
        }
    }
}

/// The form that has the number.
const REPEATS: &str = "repeats";
