//! Attention in double precision, independent of the kernel.

use super::noise::Noise;
use super::{Argument, Case, share};
use crate::kernel::Attention;
use crate::kernel::{narrow, widen};

/// Inputs of one launch.
#[derive(Clone, Debug)]
pub struct Heads {
    attention: Attention,
    images: usize,
    /// Of a head, as it is stored.
    head: usize,
    qkv: Vec<u16>,
}

impl Heads {
    /// Heads whose scores are plain, far apart, huge, or equal, in turn, by a seed.
    pub fn new(attention: Attention, images: usize, seed: u64) -> Self {
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
                    qkv.push(if d < head_dim as usize { narrow(value) } else { 0 });
                }
            }
        }
        Self { attention, images, head, qkv }
    }

    /// A query's results, and the sizes of what they are summed from.
    fn exact(&self, query: usize) -> Vec<(f64, f64)> {
        let tokens = self.attention.tokens as usize;
        let row = |part: usize, at: usize| {
            let start = (part * self.qkv.len() / 3) + at * self.head;
            self.qkv[start..][..self.head].iter().map(|&bits| f64::from(widen(bits)))
        };
        let first = query / tokens * tokens;
        let scale = (self.attention.head_dim as f64).sqrt();
        let score = |key| row(0, query).zip(row(1, first + key)).map(|(q, k)| q * k).sum::<f64>() / scale;
        let scores: Vec<f64> = (0..tokens).map(score).collect();
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
        results
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

    /// Every element finite and, in a sample of rows, within the rounding of weights and results to bf16; the root mean
    /// square of all errors within half of that.
    fn check(&self, filled: &[Vec<u16>]) -> Result<f64, String> {
        let Some(out) = filled.first() else { return Err("nothing was filled".to_owned()) };
        if let Some(at) = out.iter().position(|&bits| !widen(bits).is_finite()) {
            return Err(format!("element {at} of {} is {}", out.len(), widen(out[at])));
        }
        let Attention { tokens, heads, .. } = self.attention;
        let [tokens, heads] = [tokens, heads].map(|n| n as usize);
        let queries = self.images * heads * tokens;
        let step = (queries * tokens * self.head / 10_000_000).max(1) | 1;
        let (mut errors, mut sizes, mut worst) = (0.0, 0.0, 0.0_f64);
        for query in (0..queries).step_by(step) {
            let (image, head, token) = (query / tokens / heads, query / tokens % heads, query % tokens);
            for (d, (exact, size)) in self.exact(query).into_iter().enumerate() {
                let got = f64::from(widen(out[((image * tokens + token) * heads + head) * self.head + d]));
                let error = (got - exact).abs();
                if error > size / 128.0 {
                    return Err(format!("image {image}, token {token}, head {head}, {d} is {got}, not {exact:.6}"));
                }
                worst = worst.max(share(error, size / 128.0));
                errors += error * error;
                sizes += size * size;
            }
        }
        if errors > sizes / 65536.0 {
            return Err(format!("the errors are {:.2e} of the sizes", errors / sizes));
        }
        Ok(worst.max(share(errors, sizes / 65536.0).sqrt()))
    }
}
