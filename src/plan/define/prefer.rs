//! `prefer GOAL within SHARE of best loss`

use crate::diagnostic::{Diagnostic, nearest};
use crate::hardware::AttentionLibrary;
use crate::plan::check::{Checker, Owner};
use crate::plan::names::list_of;
use crate::plan::predicate::Shapes;
use crate::plan::schema::Fields;
use crate::plan::{Expression, LawKind, Plan, Preference, Search, Serving, ShapeVariable, codes};
use crate::source::Span;
use crate::syntax::ast::{self, Expr, Goal, Name};
use crate::units::Dimension;

/// The goals that are one word: what they want the least of.
const GOALS: [(&str, ShapeVariable); 3] =
    [("fast", ShapeVariable::Latency), ("small", ShapeVariable::Params), ("light", ShapeVariable::Memory)];

/// A preference, and the device that it names.
pub(super) struct Preferred<'a> {
    pub(super) preference: Preference,
    pub(super) on: Option<&'a Name>,
}

impl Checker<'_> {
    /// Checks `prefer ...`.
    pub(super) fn preference<'a>(&mut self, written: &'a ast::Preference, span: Span) -> Option<Preferred<'a>> {
        let objective = self.preferred_number(written);
        let within = match &written.within {
            None => Some(None),
            Some(share) => self.share(share, span).map(Some),
        };
        let (objective, dimension, most, on) = objective?;
        let text = self.sources.slice(span).split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
        let preference = Preference { text, span, objective, dimension, most, within: within? };
        if preference.within.is_none() && !preference.objective.speaks_of(&ShapeVariable::Loss) {
            let error = Diagnostic::error(codes::NO_LOSS, "nothing holds the loss of what is preferred")
                .label(span, "the best of this alone is the end of the box")
                .fix("say how much worse the loss may be", span.after(), " within 0.1 % of best loss")
                .help("or weigh it: `prefer least loss + 0.01 * latency / (1 ms)`");
            self.report(error);
            return None;
        }
        Some(Preferred { preference, on })
    }

    /// What the wanted shape has least or most of: the number, what it counts, whether most, and the device.
    fn preferred_number<'a>(
        &mut self,
        written: &'a ast::Preference,
    ) -> Option<(Expression<ShapeVariable>, Dimension, bool, Option<&'a Name>)> {
        match written.goal.as_ref()? {
            Goal::Named { name, device } => {
                let variable = self.goal(name)?;
                if let Some(device) = device.as_ref().filter(|_| variable != ShapeVariable::Latency) {
                    let message = format!("`{}` is the same on every device", name.value);
                    let error = Diagnostic::error(codes::MISPLACED, message).label(device.span, "decides nothing").fix(
                        "leave it out",
                        name.span.after().to(device.span),
                        "",
                    );
                    self.report(error);
                    return None;
                }
                let dimension = variable.measure().dimension;
                Some((Expression::Variable(variable), dimension, false, device.as_ref()))
            }
            Goal::Least(value) => {
                let (objective, dimension) = self.number_of_a_shape(value)?;
                Some((objective, dimension, false, None))
            }
            Goal::Most(value) => {
                let (objective, dimension) = self.number_of_a_shape(value)?;
                Some((objective, dimension, true, None))
            }
        }
    }

    fn goal(&mut self, name: &Name) -> Option<ShapeVariable> {
        let known = || GOALS.iter().map(|(goal, _)| *goal);
        let found = GOALS.iter().find(|(goal, _)| *goal == name.value).map(|(_, variable)| *variable);
        if found.is_none() {
            let error = Diagnostic::error(codes::UNKNOWN_GOAL, format!("there is no goal `{}`", name.value))
                .label(name.span, "not a goal that is known");
            let variable = ShapeVariable::ALL.iter().any(|(variable, _)| *variable == name.value);
            self.report(match nearest(&name.value, known()) {
                _ if variable => error.fix("say which way", name.span, format!("least {}", name.value)),
                Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
                None => error.help(format!("prefer {}, `least EXPRESSION` or `most EXPRESSION`", list_of(known()))),
            });
        }
        found
    }

    fn number_of_a_shape(&mut self, expr: &Expr) -> Option<(Expression<ShapeVariable>, Dimension)> {
        let term = self.numeric(expr, None, &mut Shapes)?;
        let dimension = term.measure().map_or(Dimension::NONE, |measure| measure.dimension);
        let objective = term.expression();
        self.speaks_of_shapes(expr, &objective, "a preference")?;
        Some((objective, dimension))
    }

    /// A share of the best loss, from 0 to 1.
    fn share(&mut self, expr: &Expr, span: Span) -> Option<f64> {
        let owner = Owner { name: "within", span };
        let share = self.exact(expr, Dimension::NONE, owner)?.value;
        if (0.0..=1.0).contains(&share) {
            return Some(share);
        }
        let message = "`within` takes a share of the best loss, from 0 % to 100 %".to_owned();
        self.out_of_range(message, expr, share, Dimension::NONE, owner);
        None
    }

    /// What is served where a preference names a device: one image at a time, unless the search says more.
    pub(super) fn serving_on(&mut self, name: &Name, serving: Option<Serving>) -> Option<Serving> {
        let device = self.device_named(name)?;
        let Some(serving) = serving else {
            return Some(Serving { device, batch: 1, attention: AttentionLibrary::default() });
        };
        if serving.device.name != device.name {
            let message =
                format!("the search serves on `{}`, and prefers fast on `{}`", serving.device.name, device.name);
            let error = Diagnostic::error(codes::MISPLACED, message).label(name.span, "another device").fix(
                "prefer what is fast where it serves",
                name.span,
                serving.device.name.clone(),
            );
            self.report(error);
            return None;
        }
        Some(serving)
    }

    /// Reports a loss that is asked of a law without one; whether there is none.
    pub(super) fn loss_is_known(&mut self, search: &Search, fields: &Fields<'_>, plan: &Plan) -> bool {
        let Some(law) = plan.laws.get(search.law) else { return false };
        if !matches!(law.kind, LawKind::Stated(_)) {
            return true;
        }
        let preferred = search.prefer.iter().map(|preference| preference.span);
        let required = search.requires.iter().filter(|require| require.predicate.speaks_of(&ShapeVariable::Loss));
        // What these two change is a loss: exponents alone know one compute for every shape.
        let funded = ["inference", "data"].into_iter().filter_map(|name| Some(fields.get(name)?.name.span));
        let asking: Vec<Span> = required.map(|require| require.span).chain(preferred).chain(funded).collect();
        for &span in &asking {
            let name = &law.name.value;
            let message = format!("{} asks for a loss, and law `{name}` is exponents alone", fields.what);
            let error = Diagnostic::error(codes::NO_LOSS, message)
                .label(span, "needs a loss")
                .label(law.name.span, "has none")
                .help(format!("fit the law to a star sweep: `law {name} = sovit fitted to TABLE.METRIC`"));
            self.report(error);
        }
        asking.is_empty()
    }
}
