//! Reproducible inputs.

/// Reproducible noise (SplitMix64).
#[derive(Clone, Debug)]
pub struct Noise(pub u64);

impl Noise {
    /// That of one case: what distinguishes it, and the seed of the run.
    pub fn seeded(case: u64, seed: u64) -> Self {
        Self(case ^ seed.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// Uniform over [0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal, mean 0 and variance 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}
