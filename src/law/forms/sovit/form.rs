//! The star as a form of any table.

use super::{EXPONENTS, StarFit, StarObjective, StarOptions, StarRun, fit_star};
use crate::diagnostic::Diagnostic;
use crate::law::bootstrap::interval;
use crate::law::findings::{self, Shape as SampleShape};
use crate::law::form::{FitOptions, Fitted, Form, Sample, Variable};
use crate::law::star::{NotStar, Star, star};
use crate::law::{HoldOut, SovitParameters, StarForm, codes};
use crate::plan::Objective;
use crate::results::Row;
use crate::vit::{Axis, PerAxis, Shape};

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sovit;

/// Neighbouring sizes of an arm whose compute differs by three beyond what their shapes explain, to this tolerance in
/// logarithms: forward passes beside training.
const TRAINING: f64 = 3.0;
const TOLERANCE: f64 = 0.15;

impl Form for Sovit {
    fn name(&self) -> &'static str {
        "sovit"
    }

    fn formula(&self) -> &'static str {
        "f_k = alpha_k x_k^-a_k + (beta_k x_k^b_k + xi_k) t^-c + eps_k on the arms of a star, x = width, depth, mlp"
    }

    fn source(&self) -> &'static str {
        "Alabdulmohsin et al. 2023, arXiv 2305.13035, equation 2, arms tied at the centre; published: each arm by itself"
    }

    fn variables(&self) -> &'static [Variable] {
        &[
            Variable { name: "width", meaning: "embedding width" },
            Variable { name: "depth", meaning: "number of blocks" },
            Variable { name: "mlp", meaning: "hidden size of the MLP" },
            Variable { name: "t", meaning: "compute: forward FLOPs of one example times examples" },
            Variable { name: "f", meaning: "loss or error, lower is better" },
        ]
    }

    fn fit(&self, sample: &Sample, options: &FitOptions, progress: &mut dyn FnMut(f64)) -> Result<Fitted, Diagnostic> {
        let star_options = StarOptions::of(options)?;
        let sweep = Sweep::new(sample)?;
        let Some(star) = fit_star(&sweep.runs, sweep.centre.reals(), &star_options) else {
            let message = "`sovit` cannot be fitted: no start has a finite objective";
            return Err(Diagnostic::error(codes::NO_FIT, message).help("check the table for extreme values"));
        };
        let draws = u64::from(options.draws);
        // In parts, so that progress is heard; the parts do not show.
        let mut refits = Vec::new();
        for first in (0..draws).step_by(64) {
            progress(0.5 + 0.5 * first as f64 / draws as f64);
            refits.extend(star.draws(first..(first + 64).min(draws)));
        }
        Ok(sweep.told(&star, &refits))
    }
}

impl StarOptions {
    /// From those of any form.
    ///
    /// # Errors
    ///
    /// Where the objective is none of a star's.
    pub(crate) fn of(options: &FitOptions) -> Result<Self, Diagnostic> {
        let (form, objective) = match options.objective {
            None | Some(Objective::Relative) => (None, StarObjective::Squares),
            Some(Objective::Huber(delta)) => (None, StarObjective::Huber(delta)),
            Some(Objective::Published) => (Some(StarForm::PerDimension), StarObjective::Squares),
            Some(_) => {
                let message = "`sovit` is fitted by squares, or by Huber's function, of relative residuals";
                return Err(Diagnostic::error(codes::NO_SUCH_OBJECTIVE, message)
                    .help("leave the objective out, or fit the `joint` form of the same dimensions"));
            }
        };
        let default = Self::default();
        Ok(Self {
            form,
            objective,
            bootstrap: options.bootstrap.unwrap_or_default(),
            starts: options.starts.map_or(default.starts, u64::from),
            seed: options.seed,
            spread: options.spread,
        })
    }
}

/// A sample taken apart into the arms of a star.
struct Sweep<'a> {
    sample: &'a Sample,
    centre: Shape,
    runs: PerAxis<Vec<StarRun>>,
    findings: Vec<Diagnostic>,
}

impl<'a> Sweep<'a> {
    fn new(sample: &'a Sample) -> Result<Self, Diagnostic> {
        let row = |i: usize| {
            let inputs = sample.inputs(i);
            let size = |k: usize| inputs.get(k).copied().unwrap_or_default().round() as u64;
            let t = inputs.get(3).copied().unwrap_or_default();
            Row {
                line: i as u64,
                shape: Some(Shape { width: size(0), depth: size(1), mlp_dim: size(2) }),
                examples: Some(t),
                forward_flops: Some(t),
                metrics: sample.target().get(i).copied().into_iter().collect(),
                group: Vec::new(),
                hold_out: false,
                file: "".into(),
                cluster: None,
                numbers: Vec::new(),
                weight: 1.0,
            }
        };
        let rows: Vec<Row> = (0..sample.rows()).map(row).collect();
        let all: Vec<&Row> = rows.iter().collect();
        let Star { centre, arms } = match star(&all, None) {
            Some(Ok(star)) => star,
            Some(Err(wrong)) => return Err(not_a_star(&wrong, Sovit)),
            None => {
                let message = "`sovit` has no rows to fit";
                return Err(Diagnostic::error(codes::TOO_FEW_POINTS, message).help("check the filter of the rows"));
            }
        };
        let run = |axis: Axis, row: &Row| {
            Some(StarRun {
                size: row.shape?.get(axis) as f64,
                flops: 1.0,
                examples: row.examples?,
                loss: *row.metrics.first()?,
                training: sample.clusters.get(row.line as usize).copied(),
                weight: sample.weights.get(row.line as usize).copied().unwrap_or(1.0),
            })
        };
        let runs = PerAxis::from_fn(|axis| {
            let rows = arms.get(axis);
            rows.iter().filter_map(|row| run(axis, row)).collect::<Vec<_>>()
        });
        for (axis, runs) in runs.iter() {
            enough(axis, runs)?;
        }
        let mut findings = SampleShape::of("sovit", Sovit.variables(), sample, 0).of_conventions();
        findings.extend(Axis::ALL.into_iter().filter_map(|axis| mixed_compute(axis, centre, runs.get(axis))));
        Ok(Self { sample, centre, runs, findings })
    }

    fn told(mut self, star: &StarFit, refits: &[SovitParameters]) -> Fitted {
        let centre = self.centre.reals();
        let t_reference = star.t_reference;
        let named = |p: &SovitParameters| p.named(centre, t_reference);
        let draws: Vec<_> = refits.iter().map(named).collect();
        let parameters: Vec<_> = named(&star.parameters)
            .into_iter()
            .enumerate()
            .map(|(i, (name, value))| {
                let draws = draws.iter().filter_map(|draw| Some(draw.get(i)?.1)).collect();
                (name, interval(value, draws))
            })
            .collect();
        let arms = || star.parameters.axes.iter();
        let zero: Vec<String> = arms()
            .flat_map(|(axis, arm)| {
                let list = [("alpha", arm.alpha), ("beta", arm.beta), ("xi", arm.xi), ("eps", arm.eps)];
                list.map(|(name, value)| (value == 0.0).then(|| format!("{name}_{}", axis.name())))
            })
            .flatten()
            .collect();
        let bound = |value: f64| value <= EXPONENTS.0 * (1.0 + 1e-9) || value >= EXPONENTS.1 * (1.0 - 1e-9);
        let mut at_bound: Vec<(String, f64)> = arms()
            .flat_map(|(axis, arm)| {
                // Without its coefficient an exponent means nothing.
                let list = [("a", arm.a, arm.alpha), ("b", arm.b, arm.beta)];
                list.map(|(name, value, coefficient)| {
                    (coefficient > 0.0 && bound(value)).then(|| (format!("{name}_{}", axis.name()), value))
                })
            })
            .flatten()
            .collect();
        if bound(star.parameters.c) {
            at_bound.push(("c".to_owned(), star.parameters.c));
        }
        let fit = &star.fit;
        let mut found = std::mem::take(&mut self.findings);
        if star.tie.is_some_and(|tie| tie.is_rejected()) {
            let message = "`sovit`: the arms do not meet in one model at the centre, so each is fitted by itself";
            found.push(
                Diagnostic::warning(codes::TIE_REJECTED, message)
                    .help("look for runs of one arm that were trained or evaluated in another way"),
            );
        }
        let zeros: Vec<&str> = zero.iter().map(String::as_str).collect();
        let bounds: Vec<(&str, f64)> = at_bound.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        found.extend(findings::of_fit(&findings::Fit {
            law: "sovit",
            zero: &zeros,
            at_bound: &bounds,
            parameters: &parameters,
            condition: fit.condition,
            starts: (fit.starts, fit.at_best),
            termination: fit.termination,
        }));
        let law = star.parameters;
        let predict = move |inputs: &[f64]| match inputs {
            [width, depth, mlp, t, ..] => law.star(
                PerAxis { width: *width / centre.width, depth: *depth / centre.depth, mlp: *mlp / centre.mlp },
                t / t_reference,
            ),
            _ => f64::NAN,
        };
        Fitted {
            parameters,
            objective: (fit.objective.clone(), fit.value),
            rows: fit.rows,
            hold_out: self.at_centre(&predict),
            termination: fit.termination,
            starts: (fit.starts, fit.at_best),
            condition: fit.condition,
            scores: star.scores,
            findings: found,
            predict: Box::new(predict),
        }
    }

    /// How the law predicts the rows at the centre, which take no part in the fit.
    fn at_centre(&self, predict: &impl Fn(&[f64]) -> f64) -> Option<HoldOut> {
        let centre = self.centre.reals();
        let squares: Vec<f64> = (0..self.sample.rows())
            .map(|row| (self.sample.inputs(row), self.sample.target().get(row)))
            .filter(|(inputs, _)| inputs.starts_with(&[centre.width, centre.depth, centre.mlp]))
            .filter_map(|(inputs, y)| Some((predict(&inputs) / y?).ln().powi(2)))
            .collect();
        let rows = squares.len() as u64;
        (rows > 0).then(|| HoldOut { rows, rmse_log: (squares.iter().sum::<f64>() / rows as f64).sqrt() })
    }
}

fn not_a_star(wrong: &NotStar, form: Sovit) -> Diagnostic {
    let &NotStar { centre, shape, rows, .. } = wrong;
    let message = format!(
        "`{}` needs a star sweep, and {rows} rows differ from the centre {centre} on more than one dimension, as {shape}",
        form.name()
    );
    Diagnostic::error(codes::NOT_A_STAR, message)
        .help("keep the rows that vary one dimension of one centre, with `--where`, or fit `--law joint`")
}

/// # Errors
///
/// Where an arm has fewer sizes, durations or runs than it has parameters of its own.
fn enough(axis: Axis, runs: &[StarRun]) -> Result<(), Diagnostic> {
    const SIZES: usize = 3;
    const RUNS: usize = 7;
    let sizes = by_size(runs).iter().filter(|(_, list)| list.len() > 1).count();
    if sizes >= SIZES && runs.len() >= RUNS {
        return Ok(());
    }
    let name = axis.name();
    let message = format!(
        "the {name} arm has {sizes} sizes trained for two durations or more and {} runs, \
         and `sovit` needs {SIZES} and {RUNS}",
        runs.len()
    );
    Err(Diagnostic::error(codes::TOO_FEW_POINTS, message)
        .help(format!("train more values of {name} at the centre, each for two durations or more")))
}

/// Of every size the compute of its runs, ascending.
fn by_size(runs: &[StarRun]) -> Vec<(f64, Vec<f64>)> {
    let mut pairs: Vec<(f64, f64)> = runs.iter().map(|run| (run.size, run.flops * run.examples)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    pairs.dedup();
    let sizes = pairs.chunk_by(|a, b| a.0 == b.0);
    sizes.filter_map(|size| Some((size.first()?.0, size.iter().map(|pair| pair.1).collect()))).collect()
}

/// Sizes of one arm whose compute was counted as training beside others counted as forward passes.
///
/// Sizes that are trained for the same durations have compute in proportion to the FLOPs of their blocks,
/// `depth (4 width^2 + 2 width mlp)` and a little for attention. Where all durations of one size are three times what
/// its neighbour's say, the two were counted in two ways.
fn mixed_compute(axis: Axis, centre: Shape, runs: &[StarRun]) -> Option<Diagnostic> {
    let sizes = by_size(runs);
    let flops = |size: f64| {
        let Shape { width, depth, mlp_dim } = centre.with(axis, size.round() as u64);
        depth as f64 * (4.0 * (width * width) as f64 + 2.0 * (width * mlp_dim) as f64)
    };
    let jump = |pair: &[(f64, Vec<f64>)]| {
        let [(small, first), (large, second)] = pair else { return None };
        let shift = |(a, b): (&f64, &f64)| (b / a / (flops(*large) / flops(*small))).ln();
        let shifts: Vec<f64> = first.iter().zip(second).map(shift).collect();
        let is_factor = |shift: &f64| (shift.abs() - TRAINING.ln()).abs() < TOLERANCE;
        (first.len() == second.len() && first.len() > 1 && shifts.iter().all(is_factor)).then_some((*small, *large))
    };
    let (small, large) = sizes.windows(2).find_map(jump)?;
    let name = axis.name();
    let message = format!(
        "`sovit`: between {name} {small} and {large} compute changes by a factor of {TRAINING} more than the shapes do, \
         as if some rows counted training and others forward passes"
    );
    Some(
        Diagnostic::warning(codes::MIXED_CONVENTIONS, message)
            .help("count the forward FLOPs of all rows, or bind `examples` and let the shape count them"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::fit_form;
    use crate::law::random::Random;

    /// A star about (64, 16, 256) whose arms meet, with compute that is in proportion to the blocks' FLOPs.
    fn star_sample(noise: f64) -> Sample {
        let mut random = Random::new(3, 0);
        let mut columns = vec![Vec::new(); 5];
        let centre = [512.0, 16.0, 2048.0];
        let mut push = |shape: [f64; 3], examples: f64| {
            let [w, d, m] = shape;
            let t = 512.0 * d * (4.0 * w * w + 2.0 * w * m) * examples;
            let loss: f64 = (0..3)
                .map(|k| {
                    let u: f64 = shape[k] / centre[k];
                    0.02 * (u.powf(-0.7) - 1.0) + 0.05 * (u.powf(0.9) - 1.0) * (t / 1e18).powf(-0.6)
                })
                .sum();
            let loss = 0.2 + 0.3 * (t / 1e18).powf(-0.6) + loss;
            for (column, x) in columns.iter_mut().zip([w, d, m, t, loss * (1.0 + noise * random.normal())]) {
                column.push(x);
            }
        };
        for k in 0..3 {
            for i in 1..=6 {
                for j in 0..4 {
                    let mut shape = centre;
                    shape[k] = (centre[k] * 0.7_f64.powi(i)).round();
                    push(shape, 1e7 * 3_f64.powi(j));
                }
            }
        }
        for j in 0..4 {
            push(centre, 1e7 * 3_f64.powi(j));
        }
        Sample { columns, ..Sample::default() }
    }

    fn fit(sample: &Sample, draws: u32) -> Result<Fitted, Diagnostic> {
        let options = FitOptions::plain(draws, 1);
        fit_form(&Sovit, sample, &Sample::default(), &options, &mut |_| {})
    }

    fn codes_of(sample: &Sample) -> Vec<&'static str> {
        fit(sample, 0).unwrap().findings.iter().map(|d| d.code.name).collect()
    }

    #[test]
    fn a_planted_star_comes_back_and_predicts_its_centre() {
        let fitted = fit(&star_sample(0.0), 0).unwrap();
        let value = |name: &str| fitted.parameters.iter().find(|(known, _)| known == name).unwrap().1.value;
        assert!((value("c") / 0.6 - 1.0).abs() < 1e-4, "{:?}", fitted.parameters);
        for axis in ["width", "depth", "mlp"] {
            assert!((value(&format!("s_{axis}")) / (0.6 / 1.6) - 1.0).abs() < 1e-3, "{:?}", fitted.parameters);
        }
        let held = fitted.hold_out.unwrap();
        assert!(held.rows == 4 && held.rmse_log < 1e-6, "{held:?}");
    }

    #[test]
    fn intervals_stand_about_the_values() {
        let fitted = fit(&star_sample(0.003), 100).unwrap();
        let s = fitted.parameters.iter().find(|(name, _)| name == "s_width").unwrap().1;
        assert!(s.low.unwrap() < 0.375 && s.high.unwrap() > 0.375, "{s:?}");
    }

    #[test]
    fn what_the_star_lacks_is_said() {
        let sample = star_sample(0.003);
        assert!(!codes_of(&sample).contains(&"mixed-conventions"));

        let mut mixed = sample.clone();
        for row in 8..16 {
            mixed.columns[3][row] *= 3.0;
        }
        assert!(codes_of(&mixed).contains(&"mixed-conventions"));
        let mut percent = sample.clone();
        for f in &mut percent.columns[4] {
            *f *= 30.0;
        }
        assert!(codes_of(&percent).contains(&"percent-metric"));
        let mut monotone = sample.clone();
        for row in 0..24 {
            monotone.columns[4][row] = 0.2 + 10.0 / monotone.columns[0][row];
        }
        assert!(codes_of(&monotone).contains(&"zero-coefficient"), "{:?}", codes_of(&monotone));

        // Two sizes a dimension leave no arm; neither do rows that vary two dimensions at once.
        let (few, _) = sample.split(|row| !(8..24).contains(&row));
        assert_eq!(fit(&few, 0).err().map(|d| d.code.name), Some("too-few-points"));
        let mut grid = sample.clone();
        for depth in grid.columns[1].iter_mut().take(12) {
            *depth = 3.0;
        }
        assert_eq!(fit(&grid, 0).err().map(|d| d.code.name), Some("not-a-star"));
    }
}
