//! What is minimised, as a function of residuals.

use crate::plan::Objective;

/// An objective: a sum over rows of a function of the residual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Loss {
    /// Squares of `f / y - 1`.
    Relative,
    /// Squares of `f - y`.
    Absolute,
    /// Squares of `ln f - ln y`.
    Log,
    /// Huber's function of log residuals, with this delta.
    Huber(f64),
    /// Huber's function with delta at [`Loss::EFFICIENT`] robust standard deviations, yet to be fixed.
    RobustHuber,
    /// Absolute log residuals.
    L1,
    /// The negative log likelihood of residuals whose density falls as Huber's function of this delta of `r / sigma`,
    /// with sigma fitted (the likelihood that Besiroglu et al., 2024, arXiv 2404.10102, maximise with delta 1e-3).
    HuberLikelihood(f64),
    /// The same with sigma fixed at what was fitted: delta and sigma.
    ScaledHuber(f64, f64),
}

/// A function of one residual: its value, its slope and its curvature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rho {
    pub(super) value: f64,
    pub(super) slope: f64,
    pub(super) curvature: f64,
}

impl Loss {
    /// Huber's delta in standard deviations, at which the fit is 95 % efficient under normal noise (Huber 1964).
    pub(super) const EFFICIENT: f64 = 1.345;
    /// Delta that stands for none: residuals of scaling laws are above 1e-5.
    const SMALL: f64 = 1e-9;

    /// What an objective minimises; `None` for what authors of their own did.
    pub(super) fn of(objective: Objective) -> Option<Self> {
        match objective {
            Objective::Relative => Some(Self::Relative),
            Objective::Absolute => Some(Self::Absolute),
            Objective::Log => Some(Self::Log),
            Objective::Huber(delta) => Some(delta.map_or(Self::RobustHuber, Self::Huber)),
            Objective::L1 => Some(Self::L1),
            Objective::Published => None,
        }
    }

    /// Whether variable projection alone minimises it.
    pub(super) const fn is_square(self) -> bool {
        matches!(self, Self::Relative | Self::Absolute)
    }

    /// Its name in results.
    pub(super) fn name(self) -> String {
        match self {
            Self::Relative => "sum of squared relative residuals".to_owned(),
            Self::Absolute => "sum of squared residuals".to_owned(),
            Self::Log => "sum of squared log residuals".to_owned(),
            Self::Huber(delta) => format!("sum of Huber({delta:.4e}) of log residuals"),
            Self::RobustHuber => "sum of Huber of log residuals".to_owned(),
            Self::L1 => "sum of absolute log residuals".to_owned(),
            Self::HuberLikelihood(delta) | Self::ScaledHuber(delta, _) => {
                format!("negative log likelihood of Huber({delta}) with fitted scale")
            }
        }
    }

    /// The delta at which Huber's function turns linear, in units of the residual; infinite for squares.
    pub(super) const fn delta(self) -> f64 {
        match self {
            Self::Huber(delta) => delta,
            Self::L1 => Self::SMALL,
            Self::ScaledHuber(delta, sigma) => delta * sigma,
            _ => f64::INFINITY,
        }
    }

    /// Fixes what residuals decide: delta, or sigma.
    #[must_use]
    pub(super) fn with_scale(self, residuals: &[f64]) -> Self {
        match self {
            Self::RobustHuber => Self::Huber(Self::EFFICIENT * spread(residuals).max(Self::SMALL)),
            Self::HuberLikelihood(delta) => {
                // The stationary point in sigma: the mean of r / sigma times Huber's slope there is 1.
                let mean = |sigma: f64| {
                    let slope = |r: &f64| (r / sigma).abs() * (r / sigma).abs().min(delta);
                    residuals.iter().map(slope).sum::<f64>() / residuals.len().max(1) as f64
                };
                let (mut low, mut high) = (1e-15_f64, 1e3_f64);
                for _ in 0..200 {
                    let middle = (low * high).sqrt();
                    if mean(middle) > 1.0 { low = middle } else { high = middle }
                }
                Self::ScaledHuber(delta, (low * high).sqrt())
            }
            other => other,
        }
    }

    /// What the sum of Huber's function at this delta becomes in the objective's own terms, over so many rows.
    pub(super) fn told(self, sum: f64, rows: f64) -> f64 {
        match self {
            // Delta stands for none: |r| is Huber's function over delta, but for half a delta.
            Self::L1 => sum / Self::SMALL,
            Self::ScaledHuber(delta, sigma) => sum / (sigma * sigma) + rows * (sigma.ln() + normaliser(delta).ln()),
            _ => sum,
        }
    }

    /// The residual of a prediction, with its derivative and second derivative by it.
    pub(super) fn residual(self, f: f64, y: f64) -> (f64, f64, f64) {
        match self {
            Self::Relative => (f / y - 1.0, 1.0 / y, 0.0),
            Self::Absolute => (f - y, 1.0, 0.0),
            _ => ((f / y).ln(), 1.0 / f, -1.0 / (f * f)),
        }
    }
}

impl Rho {
    /// The function that turns linear at `delta`: squares as `r^2`, Huber's as `r^2 / 2` for small residuals.
    pub(super) fn at(r: f64, delta: f64) -> Self {
        if delta.is_infinite() {
            return Self { value: r * r, slope: 2.0 * r, curvature: 2.0 };
        }
        if r.abs() <= delta {
            Self { value: 0.5 * r * r, slope: r, curvature: 1.0 }
        } else {
            Self { value: delta * (r.abs() - 0.5 * delta), slope: delta * r.signum(), curvature: 0.0 }
        }
    }
}

/// The integral of `exp(-Huber(r))`.
fn normaliser(delta: f64) -> f64 {
    // Inside, by Simpson's rule: the integrand is smooth and nearly 1 for a small delta.
    let steps = 200;
    let width = delta.min(40.0) * 2.0 / f64::from(steps);
    let inside: f64 = (0..=steps)
        .map(|i| {
            let r = -delta.min(40.0) + width * f64::from(i);
            let share = if i == 0 || i == steps {
                1.0
            } else if i % 2 == 1 {
                4.0
            } else {
                2.0
            };
            share * (-0.5 * r * r).exp()
        })
        .sum::<f64>()
        * width
        / 3.0;
    inside + 2.0 / delta * (-0.5 * delta * delta).exp()
}

/// The robust standard deviation of residuals about 0: 1.4826 times the median of their absolute values.
pub(super) fn spread(residuals: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let middle = sizes.len() / 2;
    let median = match (sizes.get(middle), sizes.len().is_multiple_of(2)) {
        (Some(upper), true) => 0.5 * (upper + sizes.get(middle.wrapping_sub(1)).unwrap_or(upper)),
        (Some(middle), false) => *middle,
        (None, _) => 0.0,
    };
    1.4826 * median
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_robust() {
        let mut residuals: Vec<f64> = (-50..=50).map(|i| f64::from(i) / 50.0).collect();
        let clean = spread(&residuals);
        residuals.push(1e6);
        assert!((spread(&residuals) / clean - 1.0).abs() < 0.05);
        assert_eq!(spread(&[]), 0.0);
    }

    #[test]
    fn a_density_integrates_to_one() {
        for delta in [1e-3, 0.5, 1.345, 3.0] {
            let step = 1e-3 * f64::max(1.0, 1.0 / delta);
            let sum: f64 = (-40_000..=40_000).map(|i| (-Rho::at(f64::from(i) * step, delta).value).exp() * step).sum();
            assert!((sum / normaliser(delta) - 1.0).abs() < 1e-3, "{delta}: {sum} {}", normaliser(delta));
        }
    }

    #[test]
    fn the_likelihoods_scale_is_stationary() {
        let residuals: Vec<f64> = (1..100).map(|i| 0.01 * (f64::from(i) * 0.7).sin()).collect();
        let Loss::ScaledHuber(delta, sigma) = Loss::HuberLikelihood(0.8).with_scale(&residuals) else { panic!() };
        let at = |sigma: f64| {
            let loss = Loss::ScaledHuber(delta, sigma);
            let sum = residuals.iter().map(|&r| Rho::at(r, loss.delta()).value).sum();
            loss.told(sum, residuals.len() as f64)
        };
        assert!(at(sigma) < at(sigma * 1.01) && at(sigma) < at(sigma * 0.99));
    }
}
