//! The pooling of tokens in double precision, independent of the kernel.

use super::noise::Noise;
use super::tally::{Tally, finite};
use super::{Argument, Case};
use crate::kernel::{Pool, Weights};
use crate::vit::Half;

/// Inputs of one launch.
#[derive(Clone, Debug)]
pub struct Pooled {
    pool: Pool,
    half: Half,
    images: usize,
    x: Vec<u16>,
    /// Of a token, as they are stored; none where all tokens weigh the same.
    heads: usize,
    scores: Vec<f32>,
}

impl Pooled {
    /// Tokens whose scores are plain, far apart, huge, or equal, head by head, by a seed.
    pub fn new(pool: Pool, images: usize, seed: u64) -> Self {
        Self::over(Half::Bf16, pool, images, seed)
    }

    /// The same in another float.
    pub fn over(half: Half, pool: Pool, images: usize, seed: u64) -> Self {
        let Pool { tokens, width, weights } = pool;
        let mut noise = Noise::seeded(tokens * 31 + width * 7 + images as u64, seed);
        let count = images * tokens as usize;
        // Values that do not cancel show a weight that is slightly off.
        let x = (0..count as u64 * width).map(|_| half.narrow(1.0 + noise.normal())).collect();
        let (used, heads) = match weights {
            Weights::Equal { .. } => (0, 0),
            Weights::Scores { heads } => (heads as usize, heads.next_multiple_of(8) as usize),
        };
        let score = |at: usize| {
            let scale = [1.0, 4.0, 60.0, 0.0][at % heads.max(1) % 4];
            // What lies past the heads must not count.
            if at % heads.max(1) < used { (scale * noise.normal()) as f32 } else { f32::NAN }
        };
        let scores = (0..count * heads).map(score).collect();
        Self { pool, half, images, x, heads, scores }
    }

    /// The same with tokens so many times as large, a power of two.
    #[must_use]
    pub fn times(mut self, by: f64) -> Self {
        self.half.scale(&mut self.x, by);
        self
    }

    /// The weights of an image's tokens for a head.
    fn weights(&self, image: usize, head: usize) -> Vec<f64> {
        let tokens = self.pool.tokens as usize;
        if let Weights::Equal { prefix } = self.pool.weights {
            let share = 1.0 / (self.pool.tokens - prefix) as f64;
            return (0..tokens).map(|token| if token < prefix as usize { 0.0 } else { share }).collect();
        }
        let score = |token: usize| f64::from(self.scores[(image * tokens + token) * self.heads + head]);
        let largest = (0..tokens).map(score).fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = (0..tokens).map(|token| (score(token) - largest).exp2()).collect();
        let total: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / total).collect()
    }
}

impl Case for Pooled {
    fn rows(&self) -> u32 {
        self.images as u32
    }

    fn arguments(&self) -> Vec<Argument> {
        let heads = if let Weights::Scores { heads } = self.pool.weights { heads } else { 1 };
        let out = Argument::Output(2 * self.images * (heads * self.pool.width) as usize);
        let scores = (!self.scores.is_empty()).then(|| Argument::floats(&self.scores));
        let last = [out, Argument::Scalar(self.rows())];
        [Argument::halves(&self.x)].into_iter().chain(scores).chain(last).collect()
    }

    /// Every number finite and, in a sample of columns, within a step and the rounding of sums in `float`.
    fn check(&self, filled: &[Vec<u16>]) -> Result<f64, String> {
        let Some(out) = filled.first() else { return Err("nothing was filled".to_owned()) };
        finite(self.half, out)?;
        let [tokens, width] = [self.pool.tokens, self.pool.width].map(|n| n as usize);
        let heads = out.len() / self.images / width;
        let step = (out.len() * tokens / 10_000_000).max(1) | 1;
        let mut tally = Tally::of(self.half);
        for image in 0..self.images {
            for head in 0..heads {
                let weights = self.weights(image, head);
                for column in (0..width).step_by(step).chain([width - 1]) {
                    let value =
                        |token: usize| f64::from(self.half.widen(self.x[(image * tokens + token) * width + column]));
                    let products = weights.iter().enumerate().map(|(token, weight)| weight * value(token));
                    let (exact, size) = products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
                    let bits = out[(image * heads + head) * width + column];
                    let wrong = |text| format!("image {image}, head {head}, column {column} {text}");
                    // Differences of scores, rounded as floats, are powers.
                    tally.half(bits, exact, 2e-5 * size).map_err(wrong)?;
                }
            }
        }
        tally.close()
    }
}
