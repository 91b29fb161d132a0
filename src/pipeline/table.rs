//! A form fitted to a table that no plan names.

use crate::diagnostic::{DataPlace, Diagnostic, any_error, sort};
use crate::law::{FitOptions, Form, GroupFit, GroupSample, fit_form, rollout, samples};
use crate::results::{self, Query, Row};
use crate::source::World;
use crate::vit::{Architecture, Problem, Shape};

/// What becomes of a row's numbers before a form sees them: examples become forward FLOPs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compute {
    /// The model, but for its shape.
    pub architecture: Architecture,
    /// Where width, depth and MLP size stand among the numbers.
    pub shape: [usize; 3],
    /// Where the examples stand; there compute stands afterwards.
    pub examples: usize,
}

/// How far a fit has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// The table is read.
    Reading,
    /// Groups are fitted.
    Fitting,
}

/// Fits a form to every group of a table: `results`, then `law`.
///
/// The numbers of the query are the form's variables, in its order. A group that cannot be fitted does not lose the
/// others; a row that is wrong loses them all. For each of `cutoffs`, shares of the range of log compute, the fitted
/// rows below it predict those above. `progress` hears how much of a stage is done, from 0 to 1.
pub fn fit_table(
    world: &dyn World,
    query: &Query,
    form: &dyn Form,
    compute: Option<&Compute>,
    options: &FitOptions,
    cutoffs: &[f64],
    progress: &mut dyn FnMut(Stage, f64),
) -> (Vec<GroupFit>, Vec<Diagnostic>) {
    progress(Stage::Reading, 0.0);
    let (mut rows, mut found) = results::numbers(query, world);
    if let Some(compute) = compute {
        let mut wrong = rows.iter_mut().filter_map(|row| compute.apply(row, query).err());
        let first = wrong.next();
        let more = wrong.count();
        found.extend(
            first.map(|first| if more > 0 { first.note(format!("and {more} more rows like this")) } else { first }),
        );
    }
    sort(&mut found);
    if any_error(&found) {
        return (Vec::new(), found);
    }
    let columns: Vec<String> =
        query.group.iter().filter_map(|column| Some(query.columns.get(column.0)?.value.clone())).collect();
    let groups = samples(&rows, |row| Some(row.numbers.clone()));
    let all = groups.len() as f64;
    let fit = |(done, sample): (usize, GroupSample)| {
        let group = columns.iter().cloned().zip(sample.group).collect();
        let rows = sample.fitted.rows() as u64;
        let mut within = |share: f64| progress(Stage::Fitting, (done as f64 + share) / all);
        within(0.0);
        let fitted = fit_form(form, &sample.fitted, &sample.held, options, &mut within);
        let mut fit = GroupFit::new(group, form.name(), rows, fitted);
        if let Some(summary) = &mut fit.fitted {
            summary.rollout = rollout(form, &sample.fitted, options, cutoffs);
        }
        fit
    };
    (groups.into_iter().enumerate().map(fit).collect(), found)
}

impl Compute {
    /// Puts forward FLOPs in the place of the examples.
    fn apply(&self, row: &mut Row, query: &Query) -> Result<(), Diagnostic> {
        let get = |place: usize| row.numbers.get(place).copied().unwrap_or_default();
        let [width, depth, mlp] = self.shape.map(get);
        let path = &row.file;
        let wrong = |why: String, place: usize| {
            let message = format!("line {} of `{path}` has no compute: {why}", row.line);
            let at = DataPlace { path: path.to_string(), line: Some(row.line), column: None };
            let error = Diagnostic::error(results::codes::UNBUILDABLE_ROW, message).at(at);
            match query.values.get(place) {
                Some((name, value)) => error.label(value.span, format!("`{name}` comes from here")),
                None => error,
            }
        };
        for (size, place) in [width, depth, mlp].into_iter().zip(self.shape) {
            if size.fract() != 0.0 || size > Architecture::LIMIT as f64 {
                let name = query.values.get(place).map_or("", |(name, _)| name);
                return Err(wrong(format!("`{name}` is {size}, and must be a whole number of a model"), place)
                    .help("correct the row, or leave it out with `--where`"));
            }
        }
        let shape = Shape { width: width as u64, depth: depth as u64, mlp_dim: mlp as u64 };
        let vit = self.architecture.with(shape).map_err(|problem| {
            let Architecture { heads, image, patch, .. } = self.architecture;
            let (why, place) = match problem {
                Problem::HeadsDoNotDivideWidth => {
                    (format!("{heads} heads do not divide the width {}", shape.width), self.shape[0])
                }
                Problem::PatchDoesNotDivideImage => {
                    (format!("a patch of {patch} px does not divide an image of {image} px"), self.examples)
                }
                _ => (format!("no model can be built at {shape}"), self.examples),
            };
            wrong(why, place).help("give `--heads`, `--image` and `--patch` of the model that was trained")
        })?;
        let flops = vit.cost().forward_flops_per_example as f64;
        if let Some(examples) = row.numbers.get_mut(self.examples) {
            *examples *= flops;
        }
        Ok(())
    }
}
