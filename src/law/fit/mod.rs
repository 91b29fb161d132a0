//! Tables to laws: what is fitted, what is refused, what is warned of.

mod form;
mod shape;
#[cfg(test)]
mod tests;

use super::{Law, NamedLaw};
use crate::diagnostic::Diagnostic;
use crate::plan::{LawData, LawKind, LawSpec, Plan};
use crate::results::Table;

/// Fits every law of a plan: one slot for each of `plan.laws`, in order. Stated laws pass through.
///
/// `tables` has a slot for each of `plan.results`. A slot is empty where the law's table is, or where the law cannot be
/// fitted; the diagnostics say why. Findings about a fit that stands are warnings. The same tables give the same laws,
/// whatever the order of their rows.
pub fn fit(plan: &Plan, tables: &[Option<Table>]) -> (Vec<Option<NamedLaw>>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let laws = plan
        .laws
        .iter()
        .map(|spec| {
            let law = fit_one(spec, tables, &mut diagnostics)?;
            Some(NamedLaw { name: spec.name.value.clone(), law })
        })
        .collect();
    (laws, diagnostics)
}

fn fit_one(spec: &LawSpec, tables: &[Option<Table>], diagnostics: &mut Vec<Diagnostic>) -> Option<Law> {
    let table = |data: &LawData| tables.get(data.table).and_then(Option::as_ref);
    match &spec.kind {
        LawKind::Stated(exponents) => Some(Law::Stated(exponents.clone())),
        LawKind::Sovit { data, weights, centre, settings } => {
            let mut context = Context { spec, data, table: table(data)?, diagnostics };
            context.sovit(*weights, centre.as_ref(), *settings).map(|law| Law::Sovit(Box::new(law)))
        }
        LawKind::Form { data, form, inputs, settings } => {
            let mut context = Context { spec, data, table: table(data)?, diagnostics };
            context.form(form, inputs, *settings).map(Law::Fitted)
        }
    }
}

/// One law, its data, and what is found on the way.
struct Context<'a> {
    spec: &'a LawSpec,
    data: &'a LawData,
    table: &'a Table,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Context<'_> {
    /// The fitted metric's name.
    fn metric(&self) -> String {
        self.table.metrics.get(self.data.metric).cloned().unwrap_or_default()
    }

    /// Reports with the place where the plan asks for the fit.
    fn report(&mut self, diagnostic: Diagnostic) {
        let label = format!("`{}` is fitted here", self.spec.name.value);
        self.diagnostics.push(diagnostic.label(self.data.span, label));
    }
}

/// A number as a person writes it: four digits, with an exponent where it is large or small.
pub(in crate::law) fn brief(value: f64) -> String {
    let trim = |digits: &str| digits.trim_end_matches('0').trim_end_matches('.').to_owned();
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e4).contains(&size) {
        let text = format!("{value:.3e}");
        text.split_once('e').map_or(text.clone(), |(digits, exponent)| format!("{}e{exponent}", trim(digits)))
    } else {
        // Between 0 and 6 decimals.
        let decimals = (3.0 - size.log10().floor()) as usize;
        let text = format!("{value:.decimals$}");
        if decimals > 0 { trim(&text) } else { text }
    }
}
