//! How often nominal 95 % intervals of a star cover the truth, by simulation.
//!
//! `cargo bench --bench coverage -- [DATA_SETS [DRAWS [PLANTED_C]]] [NOISE]` prints a Markdown table, of one noise where
//! it is named; 2000 data sets a cell and
//! 400 draws each are the long version, whose result is `benches/results/coverage.md`. Standard errors are those of
//! a binomial share.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::time::Instant;

use sovitc::law::{Estimate, SovitParameters, StarFit, StarForm, StarOptions, StarRun, fit_star};
use sovitc::vit::{Axis, PerAxis};

const S: PerAxis<f64> = PerAxis { width: 0.22, depth: 0.45, mlp: 0.60 };
const NAMES: [&str; 7] = ["s width", "s depth", "s mlp", "x* width", "x* depth", "x* mlp", "loss"];
/// Ten times the largest compute.
const FAR: f64 = 1000.0;

/// How noise depends on the run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Noise {
    Constant,
    /// As `t^-1/4`: 3.2 times less at the longest duration than at the shortest.
    Falling,
    /// Half of the variance is common to the durations of one training.
    Clustered,
}

/// The planted law of `tests/data/stars/generate.py`.
fn truth(c: f64) -> SovitParameters {
    let capacity = PerAxis { width: 0.05, depth: 0.06, mlp: 0.08 };
    let exponents = S.map(|s| (0.4 * c / s, 0.6 * c / s));
    let alpha = PerAxis::from_fn(|axis| capacity.get(axis) * 0.2_f64.powf(exponents.get(axis).0));
    let beta = PerAxis::from_fn(|axis| {
        let (a, b) = *exponents.get(axis);
        a / b * capacity.get(axis) * 0.2_f64.powf(-b) * 10_f64.powf(c)
    });
    let sum = |values: &PerAxis<f64>| values.iter().map(|(_, value)| value).sum::<f64>();
    let (p, q) = (0.12 + sum(&alpha), 0.1 + sum(&beta));
    let axes = PerAxis::from_fn(|axis| {
        let ((a, b), alpha, beta) = (*exponents.get(axis), *alpha.get(axis), *beta.get(axis));
        sovitc::law::ArmParameters { alpha, a, beta, b, xi: q - beta, eps: p - alpha }
    });
    SovitParameters { c, axes }
}

/// The seven quantities; `unit` is that of compute.
fn answers(law: &SovitParameters, unit: f64) -> [f64; 7] {
    let t = FAR / unit;
    let s = Axis::ALL.map(|axis| law.exponent(axis));
    let x = Axis::ALL.map(|axis| law.optimum(axis, t).ln());
    let loss = Axis::ALL.map(|axis| law.arm(axis, 1.0, t)).iter().sum::<f64>() / 3.0;
    [s[0], s[1], s[2], x[0], x[1], x[2], loss.ln()]
}

/// `SplitMix64` (Steele, Lea, Flood, 2014), normal by Box and Muller.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn data(law: &SovitParameters, kind: Noise, sigma: f64, random: &mut Random) -> PerAxis<Vec<StarRun>> {
    let mut training = 0;
    PerAxis::from_fn(|axis| {
        let mut runs = Vec::new();
        for size in (0..6).map(|i| 0.05 * 16_f64.powf(f64::from(i) / 5.0)) {
            training += 1;
            let common = random.normal();
            for t in (0..8).map(|i| 100_f64.powf(f64::from(i) / 7.0)) {
                let deviate = match kind {
                    Noise::Constant => random.normal(),
                    Noise::Falling => random.normal() * (t / 10.0).powf(-0.25),
                    Noise::Clustered => (common + random.normal()) * 0.5_f64.sqrt(),
                };
                let loss = law.arm(axis, size, t) * (1.0 + sigma * deviate);
                let training = (kind == Noise::Clustered).then_some(training);
                runs.push(StarRun { size, flops: 1.0, examples: t, loss, training, weight: 1.0 });
            }
        }
        runs
    })
}

fn main() {
    let numbers: Vec<f64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let sets = numbers.first().copied().unwrap_or(100.0) as u64;
    let draws = numbers.get(1).copied().unwrap_or(400.0) as u64;
    let c = numbers.get(2).copied().unwrap_or(0.65);
    let names: Vec<String> = std::env::args().skip(1).filter(|text| text.parse::<f64>().is_err()).collect();
    let is_asked = |kind: Noise| {
        let named = |name: &String| name.eq_ignore_ascii_case(&format!("{kind:?}"));
        !names.iter().any(|name| ["constant", "falling", "clustered"].contains(&name.to_lowercase().as_str()))
            || names.iter().any(named)
    };
    let law = truth(c);
    let planted = answers(&law, 1.0);
    println!("{sets} data sets a cell, {draws} draws each, planted c = {c}; percent covered, +- Monte-Carlo error\n");
    println!("| noise | {} | tie rejected | seconds |", NAMES.join(" | "));
    println!("|---{}|---|---|", "|---".repeat(NAMES.len()));
    for (kind, sigma) in
        [Noise::Constant, Noise::Falling, Noise::Clustered].into_iter().flat_map(|kind| [(kind, 0.003), (kind, 0.01)])
    {
        if !is_asked(kind) {
            continue;
        }
        let start = Instant::now();
        let mut covered = [0_u64; NAMES.len()];
        let mut apart = 0_u32;
        let mut fitted_sets = 0_u32;
        for set in 0..sets {
            let mut random = Random(set.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x4d);
            let runs = data(&law, kind, sigma, &mut random);
            let options = StarOptions { seed: set, ..StarOptions::default() };
            let Some(fit) = fit_star(&runs, PerAxis::from_fn(|_| 1.0), &options) else { continue };
            fitted_sets += 1;
            apart += u32::from(fit.form == StarForm::PerDimension);
            for (count, is_covered) in covered.iter_mut().zip(cover(&fit, draws, &planted)) {
                *count += u64::from(is_covered);
            }
        }
        let n = f64::from(fitted_sets);
        let cells = covered.map(|count| {
            let share = count as f64 / n;
            format!("{:.1} +- {:.1}", 100.0 * share, 100.0 * (share * (1.0 - share) / n).sqrt())
        });
        let cells = cells.join(" | ");
        let (rejected, time) = (100.0 * f64::from(apart) / n, start.elapsed().as_secs_f64());
        println!("| {kind:?} {} % | {cells} | {rejected:.1} | {time:.0} |", 100.0 * sigma);
    }
}

/// Which of the seven intervals hold the truth.
fn cover(fit: &StarFit, draws: u64, planted: &[f64; 7]) -> [bool; 7] {
    let draws: Vec<[f64; 7]> = fit.draws(0..draws).iter().map(|draw| answers(draw, fit.t_reference)).collect();
    let at = answers(&fit.parameters, fit.t_reference);
    std::array::from_fn(|i| {
        let Estimate { low, high, .. } = Estimate::of_draws(at[i], draws.iter().map(|draw| draw[i]).collect());
        low.is_none_or(|low| low <= planted[i]) && high.is_none_or(|high| planted[i] <= high)
    })
}
