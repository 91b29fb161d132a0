//! The shape law from a star sweep.

use std::fmt::Write as _;

use super::{Context, brief};
use crate::diagnostic::{DataPlace, Diagnostic};
use crate::law::bootstrap::interval;
use crate::law::forms::sovit::{EXPONENTS, StarOptions, StarRun, fit_star};
use crate::law::residuals::Residuals;
use crate::law::star::{NotStar, Star, star};
use crate::law::{FitReport, HoldOut, SovitLaw, StarForm, Termination, codes};
use crate::plan::FitSettings;
use crate::results::Row;
use crate::source::Spanned;
use crate::vit::{Axis, PerAxis, Shape};

/// Least distinct sizes of an arm, with [`DURATIONS`] each, and least rows.
const SIZES: usize = 3;
const DURATIONS: usize = 2;
const ROWS: usize = 7;
/// Condition number from which exponents are told apart by rounding more than by data.
const CONDITION: f64 = 1e6;
/// Ratio of the ends of a 95 % interval from which an exponent is of no use.
const WIDE: f64 = 3.0;

impl Context<'_> {
    /// Fits the per-dimension form to the table, if it is a star with runs enough.
    pub(super) fn sovit(
        &mut self,
        weights: PerAxis<f64>,
        declared: Option<&Spanned<Shape>>,
        settings: FitSettings,
    ) -> Option<SovitLaw> {
        let table = self.table;
        let rows: Vec<&Row> = table.rows.iter().filter(|row| !row.hold_out).collect();
        let Star { centre, arms } = match star(&rows, declared.map(|declared| declared.value)) {
            Some(Ok(star)) => star,
            Some(Err(wrong)) => {
                self.not_a_star(&wrong, declared);
                return None;
            }
            None => {
                let message = format!("`{}` has no shapes, and a shape law needs them", table.name);
                let help = "give the table `width`, `depth` and `mlp`, or fit a form without shapes, such as `curve`";
                self.report(Diagnostic::error(codes::NO_SHAPES, message).help(help));
                return None;
            }
        };
        let metric = self.data.metric;
        // Rows of one run, or of one group where no runs are named, are checkpoints of one training.
        let of = |row: &Row| (row.cluster.clone(), row.group.clone());
        let mut groups: Vec<_> = rows.iter().map(|row| of(row)).collect();
        groups.sort_unstable();
        groups.dedup();
        let is_grouped = groups.len() > 1;
        let runs = PerAxis::from_fn(|axis| {
            let run = |row: &&Row| {
                let (size, t) = (row.shape?.get(axis) as f64, row.forward_flops?);
                let (examples, loss) = (row.examples?, *row.metrics.get(metric)?);
                let training = groups.binary_search(&of(row)).ok().filter(|_| is_grouped);
                let training = training.map(|group| group as u32);
                Some(StarRun { size, flops: t / examples, examples, loss, training, weight: row.weight })
            };
            arms.get(axis).iter().filter_map(run).collect::<Vec<_>>()
        });
        let settings = FitSettings { seed: settings.seed.or(Some(StarOptions::default().seed)), ..settings };
        let options = match StarOptions::of(&settings.into()) {
            Ok(options) => options,
            Err(wrong) => {
                self.report(wrong);
                return None;
            }
        };
        let refits = settings.draws.unwrap_or(FitSettings::DRAWS);
        let enough = Axis::ALL.map(|axis| self.enough(axis, centre, runs.get(axis)));
        if enough.contains(&false) {
            return None;
        }
        let Some(fitted) = fit_star(&runs, centre.reals(), &options) else {
            let message = format!("`{}` cannot be fitted: no start has a finite objective", self.spec.name.value);
            self.report(Diagnostic::error(codes::NO_FIT, message).help("check the table for extreme values"));
            return None;
        };
        let x_range = runs.map(|runs| {
            let sizes = runs.iter().map(|run| run.size);
            sizes.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), x| (low.min(x), high.max(x)))
        });
        let t = runs.iter().flat_map(|(_, runs)| runs).map(|run| run.flops * run.examples);
        let t_range = t.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), t| (low.min(t), high.max(t)));
        let draws = fitted.draws(0..u64::from(refits));
        let parameters = fitted.parameters;
        let exponents = PerAxis::from_fn(|axis| {
            interval(parameters.exponent(axis), draws.iter().map(|draw| draw.exponent(axis)).collect())
        });
        let data_exponent = interval(parameters.c, draws.iter().map(|draw| draw.c).collect());
        let mut law = SovitLaw {
            metric: self.metric(),
            star: fitted.form,
            tie: fitted.tie,
            weights,
            centre,
            x_reference: centre.reals(),
            t_reference: fitted.t_reference,
            x_range,
            t_range,
            parameters,
            exponents,
            data_exponent,
            fit: FitReport { draws: u64::from(refits), ..fitted.fit },
            hold_out: None,
            draws,
        };
        law.hold_out = self.predicted(&law);
        self.findings(&law);
        let residuals = self.residuals(&law, &runs);
        for found in residuals {
            self.report(found);
        }
        Some(law)
    }

    /// What the residuals of the arms say.
    fn residuals(&self, law: &SovitLaw, runs: &PerAxis<Vec<StarRun>>) -> Vec<Diagnostic> {
        let runs: Vec<(Axis, StarRun)> =
            runs.iter().flat_map(|(axis, runs)| runs.iter().map(move |run| (axis, *run))).collect();
        let predicted = |(axis, run): &(Axis, StarRun)| law.arm(*axis, run.size, run.flops * run.examples);
        let residuals = Residuals {
            law: &self.spec.name.value,
            log: runs.iter().map(|run| (run.1.loss / predicted(run)).ln()).collect(),
            ln_scale: runs.iter().map(|(_, run)| (run.flops * run.examples).ln()).collect(),
            are_runs: runs.iter().all(|(_, run)| run.training.is_none()),
        };
        residuals.findings(|row| {
            let (axis, run) = runs[row];
            let (size, examples) = (brief(run.size), brief(run.examples));
            let (loss, expected) = (brief(run.loss), brief(predicted(&runs[row])));
            format!("at {} {size} after {examples} examples it is {loss}, predicted {expected}", axis.name())
        })
    }

    /// How the law predicts what it was not fitted to: rows at the centre, and rows held out on an arm.
    fn predicted(&self, law: &SovitLaw) -> Option<HoldOut> {
        let errors: Vec<f64> = self
            .table
            .rows
            .iter()
            .filter_map(|row| {
                let (shape, t, loss) = (row.shape?, row.forward_flops?, *row.metrics.get(self.data.metric)?);
                let off: Vec<Axis> =
                    Axis::ALL.into_iter().filter(|&axis| shape.get(axis) != law.centre.get(axis)).collect();
                let arms = match off.as_slice() {
                    [] => &Axis::ALL[..],
                    [_] if row.hold_out => &off,
                    _ => return None,
                };
                let sum: f64 = arms.iter().map(|&axis| law.arm(axis, shape.get(axis) as f64, t)).sum();
                Some((sum / arms.len() as f64 / loss).ln())
            })
            .collect();
        let squares: f64 = errors.iter().map(|error| error * error).sum();
        let rows = errors.len() as u64;
        (rows > 0).then(|| HoldOut { rows, rmse_log: (squares / rows as f64).sqrt() })
    }

    fn not_a_star(&mut self, wrong: &NotStar, declared: Option<&Spanned<Shape>>) {
        let &NotStar { centre, line, shape, rows, ref file } = wrong;
        let name = &self.table.name;
        let differing: Vec<&str> =
            Axis::ALL.into_iter().filter(|&axis| shape.get(axis) != centre.get(axis)).map(Axis::name).collect();
        let message = format!("`{name}` is not a star sweep: line {line} varies {} at once", differing.join(" and "));
        let place = DataPlace { path: file.to_string(), line: Some(line), column: None };
        let others = match rows {
            1 => "every other row varies at most one dimension".to_owned(),
            n => format!("{n} rows differ from it on more than one dimension"),
        };
        let source = match declared {
            Some(_) => "the law declares the centre",
            None => "most rows agree on the centre",
        };
        let error = Diagnostic::error(codes::NOT_A_STAR, message)
            .at(place)
            .help("keep the rows that vary one dimension of one centre, with `where`, or train such runs")
            .note(format!("the shape there is {shape}; {source} {centre}, and {others}"))
            .note(
                "a grid over several dimensions needs a joint form, which is fitted to all dimensions together; \
                 this version fits stars only",
            );
        self.report(match declared {
            Some(declared) => error.label(declared.span, "requires this centre"),
            None => error,
        });
    }

    /// Whether an arm has runs enough; says which are missing.
    fn enough(&mut self, axis: Axis, centre: Shape, runs: &[StarRun]) -> bool {
        let mut pairs: Vec<(f64, f64)> = runs.iter().map(|run| (run.size, run.examples)).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        pairs.dedup();
        let sizes: Vec<&[(f64, f64)]> = pairs.chunk_by(|a, b| a.0 == b.0).collect();
        let whole = sizes.iter().filter(|size| size.len() >= DURATIONS).count();
        if whole >= SIZES && runs.len() >= ROWS {
            return true;
        }
        let name = axis.name();
        let (have, need) = if whole < SIZES {
            (
                format!(
                    "{whole} {}",
                    plural(whole, "size trained for two durations or more", "sizes trained for two durations or more")
                ),
                format!("{SIZES}"),
            )
        } else {
            (format!("{} {}", runs.len(), plural(runs.len(), "run", "runs")), format!("{ROWS}"))
        };
        let message = format!("the {name} arm of `{}` has {have}, and the law needs at least {need}", self.table.name);

        let mut help = "train".to_owned();
        let missing = SIZES.saturating_sub(sizes.len());
        if missing > 0 {
            let _ = write!(help, " {missing} more {} of {name}", plural(missing, "value", "values"));
        } else if whole < SIZES {
            let short: Vec<String> =
                sizes.iter().filter(|size| size.len() < DURATIONS).map(|size| brief_size(size)).collect();
            let _ = write!(help, " {name} {} for another duration", short.join(" and "));
        } else {
            let missing = ROWS - runs.len();
            let _ = write!(help, " {missing} more {} of this arm", plural(missing, "run", "runs"));
        }
        let others: Vec<String> = Axis::ALL
            .into_iter()
            .filter(|&other| other != axis)
            .map(|other| format!("{} {}", other.name(), centre.get(other)))
            .collect();
        let _ = write!(help, " at {}, each size for at least {DURATIONS} numbers of examples", others.join(" and "));
        let note = format!(
            "an arm has four coefficients and two exponents of its own; it needs {SIZES} sizes, {DURATIONS} durations each, and {ROWS} runs, and has {} {} and {} {}",
            sizes.len(),
            plural(sizes.len(), "size", "sizes"),
            runs.len(),
            plural(runs.len(), "run", "runs"),
        );
        self.report(Diagnostic::error(codes::TOO_FEW_POINTS, message).help(help).note(note));
        false
    }

    /// What a user must know with this fit.
    fn findings(&mut self, law: &SovitLaw) {
        let name = &self.spec.name.value;
        let mut found = Vec::new();
        let mut warn = |code, message: String, help: &str| found.push(Diagnostic::warning(code, message).help(help));
        if let Some(tie) = law.tie.filter(|_| law.star == StarForm::PerDimension) {
            let message = format!(
                "`{name}`: the three arms do not meet at the centre (chi-square {} with {} degrees of freedom, p = {})",
                brief(tie.statistic),
                tie.degrees,
                brief(tie.p)
            );
            warn(
                codes::TIE_REJECTED,
                message,
                "each arm has a floor and a data term of its own now; check that all runs share one recipe and one metric",
            );
        }
        for (axis, arm) in law.parameters.axes.iter() {
            let axis = axis.name();
            let zeros = [("alpha", arm.alpha), ("beta", arm.beta), ("xi", arm.xi), ("eps", arm.eps)];
            let zeros: Vec<String> =
                zeros.into_iter().filter(|(_, value)| *value == 0.0).map(|(name, _)| format!("`{name}`")).collect();
            if !zeros.is_empty() {
                let meaning = match (arm.alpha == 0.0, arm.beta == 0.0) {
                    (true, true) => "the loss does not depend on the size, so there is no best one",
                    (true, false) => "the loss does not fall with the size, so there is no best one",
                    (false, true) => "the loss does not rise again with the size, so there is no best one",
                    (false, false) => "the best size stands, its loss extrapolates less surely",
                };
                let message = format!("`{name}`: positivity holds {} of the {axis} arm at 0", zeros.join(" and "));
                warn(codes::ZERO_COEFFICIENT, message, &format!("{meaning}; widen the range of sizes and durations"));
            }
            for (exponent, value, coefficient) in [("a", arm.a, arm.alpha), ("b", arm.b, arm.beta)] {
                // Without its coefficient an exponent means nothing.
                if coefficient > 0.0 && at_bound(value) {
                    let message = format!(
                        "`{name}`: the exponent `{exponent}` of the {axis} arm is at its bound {}",
                        brief(value)
                    );
                    warn(codes::AT_BOUND, message, "widen the range of sizes in this arm");
                }
            }
        }
        if at_bound(law.parameters.c) {
            let message = format!("`{name}`: the data exponent `c` is at its bound {}", brief(law.parameters.c));
            warn(codes::AT_BOUND, message, "widen the range of durations");
        }
        for (axis, s) in law.exponents.iter() {
            if let (Some(low), Some(high)) = (s.low, s.high)
                && high > WIDE * low
            {
                let message = format!(
                    "`{name}`: the exponent of {} is not identified well: {}, with 95 % between {} and {}",
                    axis.name(),
                    brief(s.value),
                    brief(low),
                    brief(high)
                );
                warn(
                    codes::NOT_IDENTIFIED,
                    message,
                    "widen the range of sizes and durations in this arm before adding runs",
                );
            }
        }
        let fit = &law.fit;
        if fit.condition > CONDITION {
            let message =
                format!("`{name}`: the exponents are hardly told apart, condition number {}", brief(fit.condition));
            warn(codes::ILL_CONDITIONED, message, "widen the range of sizes and durations");
        }
        if fit.at_best * 4 < fit.starts {
            let message = format!("`{name}`: only {} of {} starts reach the best fit", fit.at_best, fit.starts);
            warn(codes::FEW_STARTS_AGREE, message, "distrust this optimum; widen the range of sizes and durations");
        }
        if fit.termination == Termination::Iterations {
            let message = format!("`{name}`: the best start had not converged when its iterations ended");
            warn(codes::NOT_CONVERGED, message, "distrust this optimum; widen the range of sizes and durations");
        }
        for diagnostic in found {
            self.report(diagnostic);
        }
    }
}

fn at_bound(exponent: f64) -> bool {
    exponent <= EXPONENTS.0 * (1.0 + 1e-9) || exponent >= EXPONENTS.1 * (1.0 - 1e-9)
}

fn plural(n: usize, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

fn brief_size(size: &[(f64, f64)]) -> String {
    size.first().map(|(value, _)| brief(*value)).unwrap_or_default()
}
