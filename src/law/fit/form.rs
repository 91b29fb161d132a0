//! Any form, one fit for each group of rows.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::law::{FORMS, FitOptions, Fitted, Form, FormFit, FormLaw, GroupSample, Parameter, fit_form, samples};
use crate::plan::{FitSettings, Input, KnownForm};
use crate::results::Row;

impl Context<'_> {
    /// Fits the form to each group of the table, in order of first appearance; none where one cannot be fitted.
    pub(super) fn form(&mut self, known: &KnownForm, inputs: &[Input], settings: FitSettings) -> Option<FormLaw> {
        let form = FORMS.iter().copied().find(|form| form.name() == known.name)?;
        let metric = self.metric();
        let mut groups = samples(&self.table.rows, |row| self.values(row, inputs));
        for group in &mut groups {
            group.fitted.is_fraction = metric == "error";
            group.held.is_fraction = metric == "error";
        }
        let fits: Vec<_> = groups.iter().map(|group| self.group(form, group, settings)).collect();
        let fits: Option<Vec<FormFit>> = fits.into_iter().collect();
        Some(FormLaw { form_name: known.name.to_owned(), metric, group: self.table.group.clone(), fits: fits? })
    }

    /// The form's variables in a row.
    fn values(&self, row: &Row, inputs: &[Input]) -> Option<Vec<f64>> {
        let value = |input: &Input| match *input {
            Input::Number(place) => row.numbers.get(place).copied(),
            Input::Size(axis) => row.shape.map(|shape| shape.get(axis) as f64),
            Input::Compute => row.forward_flops,
            Input::Examples => row.examples,
        };
        let inputs: Option<Vec<f64>> = inputs.iter().map(value).collect();
        let mut values = inputs?;
        values.push(*row.metrics.get(self.data.metric)?);
        Some(values)
    }

    fn group(&mut self, form: &dyn Form, sample: &GroupSample, settings: FitSettings) -> Option<FormFit> {
        let options = FitOptions::from(settings);
        let names = &self.table.group;
        let named: Vec<String> =
            names.iter().zip(&sample.group).map(|(name, value)| format!("{name} {value}")).collect();
        let of = |found: Diagnostic| match named.as_slice() {
            [] => found,
            group => found.note(format!("in the group {}", group.join(", "))),
        };
        match fit_form(form, &sample.fitted, &sample.held, &options, &mut |_| {}) {
            Ok(mut fitted) => {
                for found in std::mem::take(&mut fitted.findings) {
                    self.report(of(found));
                }
                Some(FormFit::new(&sample.group, fitted, &options))
            }
            Err(wrong) => {
                self.report(of(wrong));
                None
            }
        }
    }
}

impl FormFit {
    fn new(group: &[String], fitted: Fitted, options: &FitOptions) -> Self {
        let Fitted { parameters, objective, hold_out, termination, starts, scores, rows, .. } = fitted;
        let parameters = parameters.into_iter().map(|(name, estimate)| Parameter { name, estimate }).collect();
        let (objective, value) = objective;
        let (starts, at_best) = starts;
        let (draws, seed) = (u64::from(options.draws), options.seed);
        let group = group.to_vec();
        Self { group, rows, objective, value, termination, starts, at_best, draws, seed, parameters, scores, hold_out }
    }
}
