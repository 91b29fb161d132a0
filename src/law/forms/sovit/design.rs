//! The runs of a star, in an order that depends on their values alone.

use std::ops::Range;

use super::StarRun;
use crate::vit::{Axis, PerAxis};

/// What a fit needs to know of the runs but their noise.
#[derive(Clone, Debug)]
pub(super) struct Design {
    /// Geometric mean of compute, unit of compute.
    pub(super) t_reference: f64,
    /// Distinct sizes, arm after arm.
    pub(super) sizes: Vec<Size>,
    /// Which sizes are an arm's.
    pub(super) arms: [Range<usize>; 3],
    /// Index of the duration of every run, size after size.
    pub(super) durations: Vec<usize>,
    /// Logarithms of the distinct durations.
    pub(super) ln_examples: Vec<f64>,
    /// `ln (t / t_reference)` of every run.
    pub(super) ln_t: Vec<f64>,
    /// The loss of every run.
    pub(super) losses: Vec<f64>,
    /// The root of every run's weight, whose mean square is 1.
    pub(super) roots: Vec<f64>,
    /// The training of every run, counted from 0; empty where every run is one of its own.
    pub(super) clusters: Vec<usize>,
}

/// One size of an arm.
#[derive(Clone, Debug)]
pub(super) struct Size {
    /// `ln (x / centre)`
    pub(super) ln_x: f64,
    /// `ln (flops / t_reference)`
    pub(super) ln_flops: f64,
    /// Its runs.
    pub(super) runs: Range<usize>,
}

impl Design {
    /// Multiplies every run's weight.
    pub(super) fn weigh(&mut self, factors: &[f64]) {
        let mut mean = 0.0;
        for (root, factor) in self.roots.iter_mut().zip(factors) {
            *root *= factor.sqrt();
            mean += *root * *root / factors.len() as f64;
        }
        for root in &mut self.roots {
            *root /= mean.sqrt();
        }
    }

    /// Sorts and names the runs of each arm.
    pub(super) fn new(runs: &PerAxis<Vec<StarRun>>, centre: PerAxis<f64>) -> Self {
        let sorted = runs.map(|runs| {
            let mut runs = runs.clone();
            let key = |r: &StarRun| [r.size, r.flops, r.examples, r.loss, r.weight];
            runs.sort_by(|a, b| {
                let order = key(a).into_iter().zip(key(b)).map(|(a, b)| a.total_cmp(&b));
                order.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            });
            runs
        });
        let all: Vec<StarRun> = sorted.iter().flat_map(|(_, runs)| runs.iter().copied()).collect();
        let ln_reference = all.iter().map(|r| r.flops.ln() + r.examples.ln()).sum::<f64>() / all.len().max(1) as f64;
        let mut ln_examples: Vec<f64> = all.iter().map(|r| r.examples.ln()).collect();
        ln_examples.sort_by(f64::total_cmp);
        ln_examples.dedup();

        let mut sizes: Vec<Size> = Vec::new();
        let mut durations = Vec::with_capacity(all.len());
        let arms = Axis::ALL.map(|axis| {
            let first = sizes.len();
            for run in sorted.get(axis) {
                let (ln_x, ln_flops) = (run.size.ln() - centre.get(axis).ln(), run.flops.ln() - ln_reference);
                let row = durations.len();
                match sizes[first..].last_mut() {
                    Some(size) if (size.ln_x, size.ln_flops) == (ln_x, ln_flops) => size.runs.end = row + 1,
                    _ => sizes.push(Size { ln_x, ln_flops, runs: row..row + 1 }),
                }
                durations.push(ln_examples.partition_point(|&e| e < run.examples.ln()));
            }
            first..sizes.len()
        });
        let mean = all.iter().map(|run| run.weight).sum::<f64>() / all.len().max(1) as f64;
        let mut names: Vec<u32> = Vec::new();
        let clusters: Option<Vec<usize>> = all
            .iter()
            .map(|run| {
                let name = run.training?;
                Some(names.iter().position(|known| *known == name).unwrap_or_else(|| {
                    names.push(name);
                    names.len() - 1
                }))
            })
            .collect();
        Self {
            t_reference: ln_reference.exp(),
            sizes,
            arms,
            durations,
            ln_examples,
            ln_t: all.iter().map(|r| r.flops.ln() + r.examples.ln() - ln_reference).collect(),
            losses: all.iter().map(|r| r.loss).collect(),
            roots: all.iter().map(|run| (run.weight / mean).sqrt()).collect(),
            clusters: clusters.unwrap_or_default(),
        }
    }
}
