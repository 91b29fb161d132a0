//! Where new data come from.

use super::bootstrap::Noise;
use super::wild::Wild;

/// What is put on fitted values to draw data.
pub(super) enum Resample {
    /// Fresh noise of a fitted spread.
    Spread(Noise),
    /// The residuals of whole runs.
    Runs(Wild),
}

impl Resample {
    /// Replaces `data` by `fitted` with noise; `ln_scale` is what a spread depends on. One stream a draw.
    pub(super) fn draw(&self, seed: u64, stream: u64, fitted: &[f64], ln_scale: &[f64], data: &mut [f64]) {
        match self {
            Self::Spread(noise) => noise.draw_seeded(seed, fitted, ln_scale, stream, data),
            Self::Runs(wild) => wild.draw(seed, stream, fitted, data),
        }
    }
}
