//! Random numbers that depend on a seed, a stream and a position alone, and points that fill a box evenly.

/// A counter-based generator: the finaliser of `SplitMix64` (Steele, Lea, Flood, 2014) over a keyed counter.
/// The same seed and stream give the same numbers everywhere, in whatever order the streams are drawn.
#[derive(Clone, Debug)]
pub(super) struct Random {
    key: u64,
    counter: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Random {
    /// The beginning of a stream.
    pub(super) const fn new(seed: u64, stream: u64) -> Self {
        Self { key: mix(mix(seed.wrapping_add(GOLDEN)) ^ stream.wrapping_mul(GOLDEN)), counter: 0 }
    }

    fn bits(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(GOLDEN);
        mix(self.key.wrapping_add(self.counter))
    }

    /// A uniform deviate, above 0 and below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A standard normal deviate, by Box and Muller.
    pub(super) fn normal(&mut self) -> f64 {
        self.normals().0
    }

    /// Two independent standard normal deviates for the price of one.
    pub(super) fn normals(&mut self) -> (f64, f64) {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        (radius * cos, radius * sin)
    }
}

/// Point `index` of an additive low-discrepancy sequence in the unit cube: multiples of the powers of `1/g`,
/// `g` the root of `g^(P+1) = g + 1`, modulo 1.
pub(super) fn low_discrepancy<const P: usize>(index: u64) -> [f64; P] {
    let mut g = 2.0_f64;
    for _ in 0..64 {
        g = (1.0 + g).powf(1.0 / (P as f64 + 1.0));
    }
    let mut step = 1.0;
    std::array::from_fn(|_| {
        step /= g;
        (0.5 + (index + 1) as f64 * step).fract()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_seed_and_stream() {
        let first = |seed, stream| Random::new(seed, stream).bits();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(2, 1));
        assert_ne!(first(1, 2), first(1, 3));
        assert_eq!(first(7, 0), 17_527_383_841_289_775_211);
    }

    #[test]
    fn normal_deviates_have_their_moments() {
        let n = 40_000;
        let mut random = Random::new(3, 0);
        let draws: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let moment = |power| draws.iter().map(|d: &f64| d.powi(power)).sum::<f64>() / f64::from(n);
        assert!(moment(1).abs() < 0.02, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.03, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.25, "{}", moment(4));
    }

    #[test]
    fn points_fill_the_cube() {
        for axis in 0..7 {
            let mut values: Vec<f64> = (0..64).map(|i| low_discrepancy::<7>(i)[axis]).collect();
            values.sort_by(f64::total_cmp);
            let gap = values.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
            assert!(gap < 0.06, "axis {axis}: {gap}");
        }
    }
}
