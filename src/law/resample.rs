//! Where new data come from.

use super::bootstrap::Noise;
use super::wild::Wild;
use crate::plan::Bootstrap;

/// What is put on fitted values to draw data.
pub(super) enum Resample {
    /// Fresh noise of a fitted spread.
    Spread(Noise),
    /// The residuals of whole runs.
    Runs(Wild),
}

/// A fit as its residuals see it.
pub(super) struct Residuals<'a> {
    /// Log residuals `ln y - ln f`.
    pub(super) log: &'a [f64],
    /// Gradients of `ln f` by the free parameters, `columns` a row.
    pub(super) gradients: &'a [f64],
    /// How many those are.
    pub(super) columns: usize,
    /// What a spread depends on, in logarithms.
    pub(super) ln_scale: &'a [f64],
    /// The run of every row; empty where each is its own.
    pub(super) clusters: &'a [u32],
}

impl Resample {
    /// As asked for, or whole runs where they are known.
    pub(super) fn new(asked: Option<Bootstrap>, residuals: &Residuals<'_>) -> Self {
        let &Residuals { log, gradients, columns, ln_scale, clusters } = residuals;
        let has_runs = clusters.len() == log.len();
        match asked.unwrap_or(if has_runs { Bootstrap::Wild } else { Bootstrap::Parametric }) {
            Bootstrap::Parametric => {
                let relative: Vec<f64> = log.iter().map(|r| r.exp_m1()).collect();
                Self::Spread(Noise::of(&relative, ln_scale, columns))
            }
            Bootstrap::Wild if has_runs => Self::Runs(Wild::new(log, gradients, columns, clusters)),
            Bootstrap::Wild => {
                let alone: Vec<u32> = (0..log.len() as u32).collect();
                Self::Runs(Wild::new(log, gradients, columns, &alone))
            }
        }
    }

    /// Replaces `data` by `fitted` with noise; `ln_scale` is what a spread depends on. One stream a draw.
    pub(super) fn draw(&self, seed: u64, stream: u64, fitted: &[f64], ln_scale: &[f64], data: &mut [f64]) {
        match self {
            Self::Spread(noise) => noise.draw_seeded(seed, fitted, ln_scale, stream, data),
            Self::Runs(wild) => wild.draw(seed, stream, fitted, data),
        }
    }
}
