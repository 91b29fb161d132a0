//! What noise the residuals show, and intervals from refits to data drawn with it.

use super::Estimate;
use super::random::Random;

/// Seed of the draws; any number would do, this one is the paper's.
pub(super) const SEED: u64 = 230_513_035;

/// Relative noise whose standard deviation is a power of compute: `ln sigma = level + slope ln t`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    level: f64,
    slope: f64,
}

impl Noise {
    /// Largest ratio of standard deviations over the fitted range of t.
    const MOST: f64 = 10.0;

    /// Fits the noise to relative residuals `(y - f) / f` at `ln t`, by maximum likelihood (Fisher scoring of a
    /// Gaussian with log-linear variance). `free` parameters were spent on the fit; the level makes up for them.
    pub(super) fn of(residuals: &[f64], ln_t: &[f64], free: usize) -> Self {
        let n = residuals.len() as f64;
        let mean_t = ln_t.iter().sum::<f64>() / n;
        let spread: f64 = ln_t.iter().map(|t| (t - mean_t).powi(2)).sum();
        let (low, high) = ln_t.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &t| (l.min(t), h.max(t)));
        let limit = if high > low { 2.0 * Self::MOST.ln() / (high - low) } else { 0.0 };
        // ln sigma^2 = at_mean + slope (ln t - mean)
        let level = |slope: f64| {
            let scaled =
                residuals.iter().zip(ln_t).map(|(r, t)| r * r * (-slope * (t - mean_t)).exp()).sum::<f64>() / n;
            scaled.max(f64::MIN_POSITIVE).ln()
        };
        let mut slope = 0.0;
        if spread > 0.0 {
            for _ in 0..30 {
                let at_mean = level(slope);
                let score: f64 = residuals
                    .iter()
                    .zip(ln_t)
                    .map(|(r, t)| (t - mean_t) * (r * r * (-at_mean - slope * (t - mean_t)).exp() - 1.0))
                    .sum();
                slope = (slope + (score / spread).clamp(-limit / 4.0, limit / 4.0)).clamp(-limit, limit);
            }
        }
        let spent = (n / (n - free as f64).max(1.0)).ln();
        Self { level: 0.5 * (level(slope) + spent - slope * mean_t), slope: 0.5 * slope }
    }

    /// Standard deviation at `ln t`, relative.
    pub(super) fn sigma(self, ln_t: f64) -> f64 {
        (self.level + self.slope * ln_t).exp()
    }

    /// Replaces `data` by `fitted` with fresh noise; one stream a draw.
    pub(super) fn draw_seeded(self, seed: u64, fitted: &[f64], ln_t: &[f64], stream: u64, data: &mut [f64]) {
        let mut random = Random::new(seed, stream);
        for ((y, f), &t) in data.iter_mut().zip(fitted).zip(ln_t) {
            // A loss stays positive, however large the noise.
            *y = f * (1.0 + self.sigma(t) * random.normal()).max(0.05);
        }
    }
}

impl Estimate {
    /// The value with the 95 % percentile interval of its refits, which may be infinite; an infinite end is no end.
    /// Refits that have no value, NaN, do not count.
    pub fn of_draws(value: f64, mut draws: Vec<f64>) -> Self {
        draws.retain(|draw| !draw.is_nan());
        draws.sort_by(f64::total_cmp);
        let quantile = |q: f64| {
            let place = q * (draws.len().checked_sub(1)? as f64);
            let (below, above) = (draws.get(place.floor() as usize)?, draws.get(place.ceil() as usize)?);
            let value = if below == above { *below } else { below + (above - below) * place.fract() };
            value.is_finite().then_some(value)
        };
        Self { value, low: quantile(0.025), high: quantile(0.975) }
    }
}

/// The estimate with the 95 % percentile interval of its finite refits; none without refits.
pub(super) fn interval(value: f64, mut draws: Vec<f64>) -> Estimate {
    draws.retain(|draw| draw.is_finite());
    Estimate::of_draws(value, draws)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_recovered() {
        for (sigma, slope) in [(0.01, 0.0), (0.02, -0.3)] {
            let mut random = Random::new(1, 0);
            let ln_t: Vec<f64> = (0..2000).map(|i| f64::from(i % 40) / 10.0 - 2.0).collect();
            let residuals: Vec<f64> = ln_t.iter().map(|t| sigma * (slope * t).exp() * random.normal()).collect();
            let noise = Noise::of(&residuals, &ln_t, 0);
            for t in [-2.0, 0.0, 2.0] {
                let truth = sigma * (slope * t).exp();
                assert!((noise.sigma(t) / truth - 1.0).abs() < 0.08, "{sigma} {slope} {t}: {}", noise.sigma(t));
            }
        }
    }

    #[test]
    fn no_noise_is_no_noise() {
        assert!(Noise::of(&[0.0; 8], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 2).sigma(3.0) < 1e-100);
    }

    #[test]
    fn an_interval_is_of_percentiles() {
        let found = interval(0.5, (0..=1000).rev().map(|i| f64::from(i) / 1000.0).collect());
        assert!((found.low.unwrap() - 0.025).abs() < 1e-12 && (found.high.unwrap() - 0.975).abs() < 1e-12);
        assert_eq!(interval(1.0, Vec::new()).low, None);
    }
}
