//! How an uncertain value is spread: draws that stay together with the values they came with.

use std::sync::{Arc, LazyLock};

/// The draws of an uncertain value, in base units.
///
/// Every value has [`Spread::DRAWS`] of them; draw i of a result is made of draw i of each part, so that what comes
/// from one value keeps its correlation. A value as written is drawn at its evenly spaced quantiles, in an order that
/// its seed alone decides: its own quantiles are exact, and whatever is computed from it is the same everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    draws: Arc<[f64]>,
    sd: f64,
}

/// One of the values of a spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantile {
    /// The mean.
    Mean,
    /// The value below which this share of the draws lies, from 0 to 1.
    Share(f64),
}

impl Quantile {
    /// The median.
    pub const MEDIAN: Self = Self::Share(0.5);
    /// The lower end of the 90 % interval.
    pub const LOW: Self = Self::Share(0.05);
    /// The upper end of the 90 % interval.
    pub const HIGH: Self = Self::Share(0.95);

    /// `median`, `mean`, or `p1` to `p99`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "median" => Some(Self::MEDIAN),
            "mean" => Some(Self::Mean),
            _ => {
                let digits = name.strip_prefix('p').filter(|digits| !digits.starts_with('0'))?;
                let percent: u8 = digits.parse().ok().filter(|percent| (1..=99).contains(percent))?;
                Some(Self::Share(f64::from(percent) / 100.0))
            }
        }
    }
}

/// The 95 % quantile of the standard normal distribution.
const NORMAL_95: f64 = 1.644_853_626_951_472_7;

/// Standard normal quantiles at (i + 1/2) / DRAWS.
static NORMAL: LazyLock<Vec<f64>> =
    LazyLock::new(|| (0..Spread::DRAWS).map(|i| normal_quantile((i as f64 + 0.5) / Spread::DRAWS as f64)).collect());

impl Spread {
    /// How many draws there are; odd, so that one is the median.
    pub const DRAWS: usize = 1001;

    /// A normal distribution of this mean and standard deviation.
    pub fn normal(mean: f64, sd: f64, seed: u64) -> Self {
        Self { draws: shuffled(|z| mean + sd * z, seed), sd }
    }

    /// The distribution with 5 % below `low` and 5 % above `high`: log-normal where both are positive, otherwise normal.
    /// With it comes its median.
    pub fn interval(low: f64, high: f64, seed: u64) -> (f64, Self) {
        if low > 0.0 {
            let (mean, sd) = (f64::midpoint(low.ln(), high.ln()), (high / low).ln() / 2.0 / NORMAL_95);
            let draws = shuffled(|z| (mean + sd * z).exp(), seed);
            let median = low.sqrt() * high.sqrt();
            let sd = median * (0.5 * sd * sd).exp() * (sd * sd).exp_m1().sqrt();
            return (median, Self { draws, sd });
        }
        let median = f64::midpoint(low, high);
        (median, Self::normal(median, (high - low) / 2.0 / NORMAL_95, seed))
    }

    /// Draws of a fit, of whatever number; `None` where they are fewer than two or all the same.
    ///
    /// Values from the same draws stay together, draw by draw.
    pub fn of_draws(draws: &[f64]) -> Option<Self> {
        let spread = Self::of(
            (0..Self::DRAWS).map(|i| draws.get(i * draws.len() / Self::DRAWS).copied().unwrap_or(f64::NAN)).collect(),
        );
        (draws.len() > 1 && spread.is_finite() && spread.sd > 0.0).then_some(spread)
    }

    /// The standard deviation.
    pub const fn sd(&self) -> f64 {
        self.sd
    }

    /// One of its values.
    pub fn at(&self, quantile: Quantile) -> f64 {
        match quantile {
            Quantile::Mean => mean(&self.draws),
            Quantile::Share(share) => {
                let mut sorted = self.draws.to_vec();
                sorted.sort_unstable_by(f64::total_cmp);
                let last = sorted.len().saturating_sub(1);
                let position = (share * sorted.len() as f64 - 0.5).clamp(0.0, last as f64);
                let (below, part) = (position.floor() as usize, position.fract());
                let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
                if part == 0.0 { low } else { low + part * (high - low) }
            }
        }
    }

    /// `factor x + offset` of each draw.
    #[must_use]
    pub fn linear(&self, factor: f64, offset: f64) -> Self {
        Self { draws: self.draws.iter().map(|x| factor * x + offset).collect(), sd: self.sd * factor.abs() }
    }

    /// `f` of each draw.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self::of(self.draws.iter().map(|&x| f(x)).collect())
    }

    /// `f` of each pair of draws.
    #[must_use]
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self::of(self.draws.iter().zip(other.draws.iter()).map(|(&x, &y)| f(x, y)).collect())
    }

    fn of(draws: Arc<[f64]>) -> Self {
        let mean = mean(&draws);
        let square = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        // What is left of rounding alone is nothing.
        let sd = if square.sqrt() <= 1e-12 * mean.abs() { 0.0 } else { square.sqrt() };
        Self { draws, sd }
    }

    /// Whether every draw is a number.
    pub(super) fn is_finite(&self) -> bool {
        self.sd.is_finite() && self.draws.iter().all(|x| x.is_finite())
    }

    /// Whether draws lie on both sides of zero, or on it.
    pub(super) fn holds_zero(&self) -> bool {
        let below = self.draws.iter().any(|&x| x <= 0.0);
        below && self.draws.iter().any(|&x| x >= 0.0)
    }
}

fn mean(draws: &[f64]) -> f64 {
    draws.iter().sum::<f64>() / draws.len() as f64
}

/// `f` of the normal quantiles, in an order that the seed decides (Fisher and Yates).
fn shuffled(f: impl Fn(f64) -> f64, seed: u64) -> Arc<[f64]> {
    let mut draws: Vec<f64> = NORMAL.iter().map(|&z| f(z)).collect();
    let mut state = mix(seed);
    for last in (1..draws.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let below = (u128::from(mix(state)) * (last as u128 + 1)) >> 64;
        draws.swap(last, below as usize);
    }
    draws.into()
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood, 2014).
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The quantile of the standard normal distribution, for `p` above 0 and below 1: the rational approximation of Acklam,
/// refined by one step of Halley's method with [`normal_below`].
fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let horner = |list: &[f64], x: f64| list.iter().fold(0.0, |sum, c| sum * x + c);
    if p == 0.5 {
        return 0.0;
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let x = if p < 0.02425 {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    };
    let error = normal_below(x) - p;
    let step = error * std::f64::consts::TAU.sqrt() * (0.5 * x * x).exp();
    x - step / (1.0 + 0.5 * x * step)
}

/// The share of the standard normal distribution below `x`, for `x` from -5 to 0: its Taylor series, whose terms are
/// of one sign.
fn normal_below(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while f64::abs(term) > 1e-18 * f64::abs(sum) {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(a: f64, b: f64) -> bool {
        (a / b - 1.0).abs() < 1e-3
    }

    #[test]
    fn normal_quantiles_are_those_of_tables() {
        for (p, z) in [(0.95, NORMAL_95), (0.975, 1.959_963_984_540_054), (0.999, 3.090_232_306_167_813_5)] {
            assert!((normal_quantile(p) - z).abs() < 1e-12, "{p}");
            assert!((normal_quantile(1.0 - p) + z).abs() < 1e-11, "{p}");
        }
    }

    #[test]
    fn names_of_quantiles() {
        assert_eq!(Quantile::named("median"), Quantile::named("p50"));
        assert_eq!(Quantile::named("p5"), Some(Quantile::LOW));
        for wrong in ["p0", "p05", "p100", "p", "p-1", "q5", ""] {
            assert_eq!(Quantile::named(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_interval_holds_ninety_per_cent() {
        let (median, spread) = Spread::interval(2.0, 3.0, 1);
        assert!((median - 6.0_f64.sqrt()).abs() < 1e-15 && spread.at(Quantile::MEDIAN) / median - 1.0 < 1e-15);
        assert!(near(spread.at(Quantile::LOW), 2.0) && near(spread.at(Quantile::HIGH), 3.0));
        let (median, spread) = Spread::interval(-1.0, 3.0, 1);
        assert_eq!(median, 1.0);
        assert!(near(spread.at(Quantile::LOW), -1.0) && near(spread.at(Quantile::HIGH), 3.0));
    }

    proptest! {
        #[test]
        fn a_value_has_its_own_quantiles_whatever_the_seed(seed: u64, sd in 0.1..10.0f64) {
            let spread = Spread::normal(5.0, sd, seed);
            prop_assert_eq!(spread.at(Quantile::MEDIAN), 5.0);
            prop_assert!((spread.at(Quantile::HIGH) - 5.0 - sd * NORMAL_95).abs() < 1e-3 * sd);
            prop_assert!((spread.at(Quantile::Mean) - 5.0).abs() < 1e-12 * sd.max(1.0));
            prop_assert_eq!(spread.sd(), sd);
        }

        #[test]
        fn seeds_are_independent(seed: u64) {
            let (a, b) = (Spread::normal(0.0, 1.0, seed), Spread::normal(0.0, 1.0, seed.wrapping_add(1)));
            let product = a.zip(&b, |a, b| a * b).at(Quantile::Mean);
            // Five standard deviations of the correlation of 1001 pairs.
            prop_assert!(product.abs() < 0.16, "{}", product);
        }
    }
}
