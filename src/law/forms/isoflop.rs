//! Approach 2 of Hoffmann et al. 2022 (arXiv 2203.15556): a parabola in `ln n` at each budget, a power law through its
//! minima. Kept for comparison: parabolas are biased where the grid is wide or off its optimum, or `alpha` is not `beta`
//! (Czech et al. 2026, arXiv 2603.22339), and every fit says so.

use nalgebra::{DMatrix, DVector};

use crate::diagnostic::Diagnostic;
use crate::law::bootstrap::{Noise, interval};
use crate::law::findings::{self, Shape};
use crate::law::form::{FitOptions, Fitted, Form, Sample, Variable};
use crate::law::{Estimate, Termination, codes};

/// The form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IsoFlop;

/// Budgets are told apart where compute jumps by this factor.
const GAP: f64 = 1.2;
/// Sizes a parabola needs, and budgets a power law needs.
const SIZES: usize = 3;
const BUDGETS: usize = 2;

/// One budget's rows, in logarithms: size and loss.
struct Budget {
    ln_c: f64,
    rows: Vec<usize>,
    ln_n: Vec<f64>,
}

/// A parabola `low + bend (ln n - at)^2`.
#[derive(Clone, Copy, Debug)]
struct Parabola {
    at: f64,
    low: f64,
    bend: f64,
}

/// `n* = exp(k) c^a`, `loss* = exp(p) c^-q`, and the mean bend about it.
#[derive(Clone, Copy, Debug)]
struct Frontier {
    a: f64,
    k: f64,
    q: f64,
    p: f64,
    bend: f64,
}

impl Frontier {
    fn predict(&self, ln_c: f64, ln_n: f64) -> f64 {
        (self.p - self.q * ln_c).exp() + self.bend * (ln_n - self.k - self.a * ln_c).powi(2)
    }
}

impl Form for IsoFlop {
    fn name(&self) -> &'static str {
        "isoflop"
    }

    fn formula(&self) -> &'static str {
        "n* = exp(k) c^a from minima of parabolas; loss = exp(p) c^-q + bend ln(n / n*)^2"
    }

    fn source(&self) -> &'static str {
        "Hoffmann et al. 2022, arXiv 2203.15556, approach 2; its bias: Czech et al. 2026, arXiv 2603.22339"
    }

    fn variables(&self) -> &'static [Variable] {
        &[
            Variable { name: "c", meaning: "training FLOPs; one budget is one value, to 20 %" },
            Variable { name: "n", meaning: "parameters" },
            Variable { name: "loss", meaning: "loss, lower is better" },
        ]
    }

    fn scale(&self, inputs: &[f64]) -> f64 {
        inputs.first().copied().unwrap_or(1.0)
    }

    fn fit(&self, sample: &Sample, options: &FitOptions, progress: &mut dyn FnMut(f64)) -> Result<Fitted, Diagnostic> {
        let shape = Shape::of(self.name(), self.variables(), sample, SIZES * BUDGETS);
        shape.enough()?;
        let budgets = budgets(sample);
        let target = sample.target();
        let frontier = |y: &[f64]| {
            let parabolas: Vec<Option<Parabola>> = budgets.iter().map(|budget| parabola(budget, y)).collect();
            frontier(&budgets, &parabolas)
        };
        let Some(best) = frontier(target) else { return Err(refusal(&budgets, target)) };

        // Noise about each budget's own parabola, not about the law that joins them.
        let mut smooth = target.to_vec();
        for budget in &budgets {
            if let Some(parabola) = parabola(budget, target) {
                for (&row, ln_n) in budget.rows.iter().zip(&budget.ln_n) {
                    smooth[row] = parabola.low + parabola.bend * (ln_n - parabola.at).powi(2);
                }
            }
        }
        let residuals: Vec<f64> = target.iter().zip(&smooth).map(|(y, f)| y / f - 1.0).collect();
        let ln_c: Vec<f64> = sample.columns.first().into_iter().flatten().map(|c| c.ln()).collect();
        let noise = Noise::of(&residuals, &ln_c, SIZES * budgets.len());
        let mut y = smooth.clone();
        let draws: Vec<Frontier> = (0..u64::from(options.draws))
            .filter_map(|stream| {
                noise.draw_seeded(options.seed, &smooth, &ln_c, stream, &mut y);
                progress(stream as f64 / f64::from(options.draws));
                frontier(&y)
            })
            .collect();
        let estimate = |f: fn(&Frontier) -> f64| interval(f(&best), draws.iter().map(f).collect());
        let parameters: Vec<(String, Estimate)> = vec![
            ("a".to_owned(), estimate(|f| f.a)),
            ("k".to_owned(), estimate(|f| f.k)),
            ("q".to_owned(), estimate(|f| f.q)),
            ("p".to_owned(), estimate(|f| f.p)),
            ("bend".to_owned(), estimate(|f| f.bend)),
        ];
        let squares: f64 = residuals.iter().map(|r| r * r).sum();
        let mut found = shape.findings();
        found.extend(findings::of_fit(&findings::Fit {
            law: self.name(),
            zero: &[],
            at_bound: &[],
            parameters: &[],
            condition: 1.0,
            starts: (1, 1),
            termination: Termination::Gradient,
        }));
        found.push(bias(&budgets, target, &best));
        Ok(Fitted {
            parameters,
            objective: ("sum of squared relative residuals about each budget's parabola".to_owned(), squares),
            rows: sample.rows() as u64,
            hold_out: None,
            termination: Termination::Gradient,
            starts: (1, 1),
            condition: 1.0,
            scores: None,
            findings: found,
            predict: Box::new(move |inputs| match inputs {
                [c, n, ..] => best.predict(c.ln(), n.ln()),
                _ => f64::NAN,
            }),
        })
    }
}

/// Rows by budget, in order of compute.
fn budgets(sample: &Sample) -> Vec<Budget> {
    let logs = |k: usize| sample.columns.get(k).into_iter().flatten().map(|x| x.ln()).collect::<Vec<f64>>();
    let (ln_c, ln_n) = (logs(0), logs(1));
    let mut order: Vec<usize> = (0..ln_c.len()).collect();
    order.sort_by(|&i, &j| ln_c[i].total_cmp(&ln_c[j]).then(ln_n[i].total_cmp(&ln_n[j])));
    order
        .chunk_by(|&i, &j| ln_c[j] - ln_c[i] < GAP.ln())
        .map(|rows| Budget {
            ln_c: rows.iter().map(|&row| ln_c[row]).sum::<f64>() / rows.len() as f64,
            ln_n: rows.iter().map(|&row| ln_n[row]).collect(),
            rows: rows.to_vec(),
        })
        .collect()
}

/// The parabola of least squares through a budget, if it has sizes enough and opens upwards.
fn parabola(budget: &Budget, y: &[f64]) -> Option<Parabola> {
    let n = budget.rows.len();
    if distinct(&budget.ln_n) < SIZES {
        return None;
    }
    let mean = budget.ln_n.iter().sum::<f64>() / n as f64;
    let powers = |ln_n: f64| [1.0, ln_n - mean, (ln_n - mean).powi(2)];
    let matrix = DMatrix::from_row_iterator(n, 3, budget.ln_n.iter().flat_map(|&ln_n| powers(ln_n)));
    let rhs = DVector::from_fn(n, |i, _| y[budget.rows[i]]);
    let w = matrix.svd(true, true).solve(&rhs, 1e-12).ok()?;
    let (offset, slope, bend) = (w[0], w[1], w[2]);
    if bend.is_nan() || bend <= 0.0 {
        return None;
    }
    let at = -slope / (2.0 * bend);
    Some(Parabola { at: mean + at, low: offset - bend * at * at, bend })
}

fn distinct(values: &[f64]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    sorted.len()
}

/// Whether a parabola's minimum lies between its budget's sizes, where it is no extrapolation.
fn is_inside(budget: &Budget, parabola: &Parabola) -> bool {
    let low = budget.ln_n.iter().copied().fold(f64::INFINITY, f64::min);
    let high = budget.ln_n.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    low < parabola.at && parabola.at < high
}

/// The power laws through the minima that lie inside their budgets.
fn frontier(budgets: &[Budget], parabolas: &[Option<Parabola>]) -> Option<Frontier> {
    let used: Vec<(f64, Parabola)> = budgets
        .iter()
        .zip(parabolas)
        .filter_map(|(budget, parabola)| Some((budget, (*parabola)?)))
        .filter(|(budget, parabola)| is_inside(budget, parabola) && parabola.low > 0.0)
        .map(|(budget, parabola)| (budget.ln_c, parabola))
        .collect();
    if used.len() < BUDGETS {
        return None;
    }
    let (k, a) = line(used.iter().map(|(ln_c, parabola)| (*ln_c, parabola.at)));
    let (p, slope) = line(used.iter().map(|(ln_c, parabola)| (*ln_c, parabola.low.ln())));
    let bend = used.iter().map(|(_, parabola)| parabola.bend).sum::<f64>() / used.len() as f64;
    Some(Frontier { a, k, q: -slope, p, bend })
}

/// Offset and slope of least squares.
fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> (f64, f64) {
    let n = points.clone().count() as f64;
    let mean_x = points.clone().map(|(x, _)| x).sum::<f64>() / n;
    let mean_y = points.clone().map(|(_, y)| y).sum::<f64>() / n;
    let (xy, xx) =
        points.fold((0.0, 0.0), |(xy, xx), (x, y)| (xy + (x - mean_x) * (y - mean_y), xx + (x - mean_x).powi(2)));
    let slope = xy / xx;
    (mean_y - slope * mean_x, slope)
}

/// Why there is no frontier.
fn refusal(budgets: &[Budget], y: &[f64]) -> Diagnostic {
    let whole = budgets.iter().filter(|budget| distinct(&budget.ln_n) >= SIZES).count();
    if whole < BUDGETS {
        let message = format!(
            "`isoflop` needs {BUDGETS} budgets of {SIZES} sizes each: of {} budgets, {whole} have them",
            budgets.len()
        );
        return Diagnostic::error(codes::TOO_FEW_POINTS, message)
            .help("train several sizes at one compute, or fit `chinchilla`, which needs no budgets");
    }
    let inside = budgets.iter().filter(|b| parabola(b, y).is_some_and(|parabola| is_inside(b, &parabola))).count();
    let message = format!(
        "`isoflop` finds no minimum inside the sizes of {} of {} budgets, and needs {BUDGETS}",
        budgets.len() - inside,
        budgets.len()
    );
    Diagnostic::error(codes::NO_MINIMUM, message)
        .help("train smaller or larger models at these budgets, or fit `chinchilla`, which needs no minimum")
}

/// What is known of the error of parabolas, for these grids.
fn bias(budgets: &[Budget], y: &[f64], best: &Frontier) -> Diagnostic {
    let used = || budgets.iter().filter(|b| parabola(b, y).is_some());
    let widest = used()
        .map(|budget| {
            let far = budget.ln_n.iter().map(|ln_n| (ln_n - best.k - best.a * budget.ln_c).abs());
            far.fold(0.0, f64::max)
        })
        .fold(0.0, f64::max);
    let message = format!(
        "`isoflop`: parabolas are biased, here over sizes up to {:.1} times from the optimum; \
         the law they stand for is no parabola",
        widest.exp()
    );
    Diagnostic::warning(codes::PARABOLA_BIAS, message)
        .help("prefer `chinchilla` on the same rows, which has no such bias")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::fit_form;

    fn sample(alpha: f64, beta: f64, centre: f64) -> Sample {
        let mut columns = vec![Vec::new(); 3];
        for i in 0..5 {
            let c = 1e18 * 10_f64.powi(i);
            for j in -4..=4 {
                // The optimum of A n^-alpha + B (c / 6n)^-beta.
                let optimum = (alpha * 400.0 / (beta * 400.0) * (c / 6.0).powf(beta)).powf(1.0 / (alpha + beta));
                let n = optimum * centre * 2_f64.powf(0.4 * f64::from(j));
                columns[0].push(c);
                columns[1].push(n);
                columns[2].push(400.0 * n.powf(-alpha) + 400.0 * (c / (6.0 * n)).powf(-beta) + 1.7);
            }
        }
        Sample { columns, ..Sample::default() }
    }

    fn fit(sample: &Sample) -> Result<Fitted, Diagnostic> {
        let options = FitOptions::plain(40, 1);
        fit_form(&IsoFlop, sample, &Sample::default(), &options, &mut |_| {})
    }

    #[test]
    fn a_symmetric_law_is_found_and_the_bias_is_named() {
        let fitted = fit(&sample(0.34, 0.34, 1.0)).unwrap();
        assert!((fitted.parameters[0].1.value - 0.5).abs() < 1e-3, "{:?}", fitted.parameters);
        assert!(fitted.findings.iter().any(|d| d.code == codes::PARABOLA_BIAS));
    }

    #[test]
    fn an_uneven_law_off_centre_is_biased() {
        let (alpha, beta) = (0.5, 0.2);
        let fitted = fit(&sample(alpha, beta, 1.5)).unwrap();
        let (a, k) = (fitted.parameters[0].1.value, fitted.parameters[1].1.value);
        let optimum = (alpha / beta * (1e20_f64 / 6.0).powf(beta)).ln() / (alpha + beta);
        let error = (k + a * 1e20_f64.ln() - optimum).exp();
        assert!((a - beta / (alpha + beta)).abs() < 0.02, "{a}");
        assert!((error - 1.0).abs() > 0.005, "{error}");
    }

    #[test]
    fn what_is_missing_is_refused() {
        let mut one = sample(0.34, 0.34, 1.0);
        for column in &mut one.columns {
            column.truncate(9);
        }
        assert_eq!(fit(&one).err().map(|d| d.code), Some(codes::TOO_FEW_POINTS));
        let far = sample(0.34, 0.34, 8.0);
        assert_eq!(fit(&far).err().map(|d| d.code), Some(codes::NO_MINIMUM));
    }
}
