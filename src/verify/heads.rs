//! Attention in double precision, independent of the kernel.

use super::noise::Noise;
use super::tally::finite;
use super::{Argument, Case, share};
use crate::kernel::Attention;
use crate::vit::Half;

/// Inputs of one launch.
#[derive(Clone, Debug)]
pub struct Heads {
    attention: Attention,
    half: Half,
    images: usize,
    /// Of a head, as it is stored.
    head: usize,
    qkv: Vec<u16>,
}

impl Heads {
    /// Heads whose scores are plain, far apart, huge, or equal, in turn, by a seed.
    pub fn new(attention: Attention, images: usize, seed: u64) -> Self {
        Self::over(Half::Bf16, attention, images, seed)
    }

    /// The same in another float.
    pub fn over(half: Half, attention: Attention, images: usize, seed: u64) -> Self {
        let Attention { tokens, heads, head_dim } = attention;
        let head = head_dim.next_multiple_of(8) as usize;
        let mut noise = Noise::seeded(tokens * 31 + heads * 7 + head_dim, seed);
        let mut qkv = Vec::new();
        for part in 0..3 {
            for at in 0..images as u64 * heads * tokens {
                let scale = if part == 2 { 1.0 } else { [1.0, 3.0, 30.0, 0.0][(at / tokens % 4) as usize] };
                for d in 0..head {
                    // Values that do not cancel show a weight that is slightly off.
                    let value = scale * noise.normal() + if part == 2 { 2.0 } else { 0.0 };
                    qkv.push(if d < head_dim as usize { half.narrow(value) } else { 0 });
                }
            }
        }
        Self { attention, half, images, head, qkv }
    }

    /// Heads of numbers by part, token and element, the same in each.
    pub fn of(half: Half, attention: Attention, images: usize, value: impl Fn(usize, usize, usize) -> f64) -> Self {
        let mut heads = Self::over(half, attention, images, 0);
        let (head, tokens, part) = (heads.head, attention.tokens as usize, heads.qkv.len() / 3);
        for (at, bits) in heads.qkv.iter_mut().enumerate() {
            let d = at % head;
            let own = (d as u64) < attention.head_dim;
            *bits = half.narrow(if own { value(at / part, at / head % tokens, d) } else { 0.0 });
        }
        heads
    }

    /// The same with queries, keys and values so many times as large, powers of two.
    #[must_use]
    pub fn times(mut self, query: f64, key: f64, value: f64) -> Self {
        let part = self.qkv.len() / 3;
        for (list, by) in self.qkv.chunks_mut(part).zip([query, key, value]) {
            self.half.scale(list, by);
        }
        self
    }

    /// A query's results, the sizes of what they are summed from, and how far scores in `float` may be off.
    fn exact(&self, query: usize) -> (Vec<(f64, f64)>, f64) {
        let tokens = self.attention.tokens as usize;
        let row = |part: usize, at: usize| {
            let start = (part * self.qkv.len() / 3) + at * self.head;
            self.qkv[start..][..self.head].iter().map(|&bits| f64::from(self.half.widen(bits)))
        };
        let first = query / tokens * tokens;
        let scale = (self.attention.head_dim as f64).sqrt();
        let products = |key| row(0, query).zip(row(1, first + key)).map(|(q, k)| q * k);
        let scores: Vec<f64> = (0..tokens).map(|key| products(key).sum::<f64>() / scale).collect();
        let sizes = (0..tokens).map(|key| products(key).map(f64::abs).sum::<f64>() / scale);
        let slack = 1e-6 * sizes.fold(0.0, f64::max);
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
        let mut results = vec![(0.0, 0.0); self.head];
        for (key, score) in scores.iter().enumerate() {
            let weight = (score - largest).exp() / total;
            for ((result, size), value) in results.iter_mut().zip(row(2, first + key)) {
                *result += weight * value;
                *size += weight * value.abs();
            }
        }
        (results, slack)
    }
}

impl Case for Heads {
    fn rows(&self) -> u32 {
        (self.images as u64 * self.attention.tokens) as u32
    }

    fn arguments(&self) -> Vec<Argument> {
        let out = Argument::Output(self.qkv.len() / 3 * 2);
        vec![Argument::halves(&self.qkv), out, Argument::Scalar(self.rows())]
    }

    /// Every element finite and, in a sample of rows, within the rounding of weights and results; the root mean square of
    /// all errors within half of that. In fp16 what `float` rounds of large scores is seen as well.
    fn check(&self, filled: &[Vec<u16>]) -> Result<f64, String> {
        let Some(out) = filled.first() else { return Err("nothing was filled".to_owned()) };
        finite(self.half, out)?;
        let Attention { tokens, heads, .. } = self.attention;
        let [tokens, heads] = [tokens, heads].map(|n| n as usize);
        let queries = self.images * heads * tokens;
        let step = (queries * tokens * self.head / 10_000_000).max(1) | 1;
        let (mut errors, mut allowed, mut worst) = (0.0, 0.0, 0.0_f64);
        for query in (0..queries).step_by(step).chain([queries - 1]) {
            let (image, head, token) = (query / tokens / heads, query / tokens % heads, query % tokens);
            let (results, slack) = self.exact(query);
            for (d, (exact, size)) in results.into_iter().enumerate() {
                let got = f64::from(self.half.widen(out[((image * tokens + token) * heads + head) * self.head + d]));
                let error = (got - exact).abs();
                let limit = self.half.step(size) + if self.half == Half::Fp16 { slack * size } else { 0.0 };
                if error > limit {
                    return Err(format!("image {image}, token {token}, head {head}, {d} is {got}, not {exact:.6}"));
                }
                worst = worst.max(share(error, limit));
                errors += error * error;
                allowed += limit * limit / 4.0;
            }
        }
        if errors > allowed {
            return Err(format!("the errors are {:.2} of what is allowed", (errors / allowed).sqrt()));
        }
        Ok(worst.max(share(errors, allowed).sqrt()))
    }
}
