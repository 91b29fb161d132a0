//! Norms and rotations of queries and keys in double precision, independent of the kernel; inputs that are hard for it.

use super::noise::Noise;
use super::tally::Tally;
use super::{Argument, Case};
use crate::kernel::QueryKey;
use crate::vit::{Half, QkNorm};

/// Inputs of one launch.
#[derive(Clone, Debug)]
pub struct Turned {
    what: QueryKey,
    half: Half,
    images: usize,
    /// Of a head, as it is stored.
    head: usize,
    qkv: Vec<u16>,
    /// Of queries, then of keys.
    gamma: Vec<f32>,
    beta: Vec<f32>,
    /// Cosines and sines by patch.
    rotation: Vec<f32>,
}

impl Turned {
    /// Queries and keys that are plain, tiny, huge and equal, or far from 0 for their spread, in turn, by a seed. What stands
    /// behind a query or key are zeros.
    pub fn new(what: QueryKey, images: usize, seed: u64) -> Self {
        Self::over(Half::Bf16, what, images, seed)
    }

    /// The same in another float.
    pub fn over(half: Half, what: QueryKey, images: usize, seed: u64) -> Self {
        let QueryKey { tokens, heads, head_dim, .. } = what;
        let head = head_dim.next_multiple_of(8) as usize;
        let mut noise = Noise::seeded(tokens * 31 + heads * 7 + head_dim, seed);
        let count = images * (heads * tokens) as usize;
        let mut qkv = Vec::new();
        for at in 0..2 * count {
            let (mean, scale) = [(0.0, 1.0), (0.0, 1e-3), (1e4 * (1.0 + noise.normal()), 0.0), (300.0, 3.0)][at % 4];
            qkv.extend(
                (0..head).map(|d| if d < head_dim as usize { half.narrow(mean + scale * noise.normal()) } else { 0 }),
            );
        }
        qkv.extend((0..count * head).map(|_| half.narrow(noise.normal())));
        let mut floats = |count: u64, mean: f64, scale: f64| -> Vec<f32> {
            (0..count).map(|_| (mean + scale * noise.normal()) as f32).collect()
        };
        let gamma = floats(2 * head_dim, 1.0, 0.2);
        let beta = floats(2 * head_dim, 0.0, 0.1);
        let angles = floats(what.rotated.map_or(0, |prefix| (tokens - prefix) * head_dim / 2), 0.0, 2.0);
        let both = |angles: &[f32]| [f32::cos, f32::sin].map(|of| angles.iter().copied().map(of).collect::<Vec<_>>());
        let rotation = angles.chunks((head_dim as usize / 2).max(1)).flat_map(both).flatten().collect();
        Self { what, half, images, head, qkv, gamma, beta, rotation }
    }

    /// A query or key before its rotation.
    fn normed(&self, at: usize, key: bool) -> Vec<f64> {
        let size = self.what.head_dim as usize;
        let values: Vec<f64> =
            self.qkv[at * self.head..][..size].iter().map(|&bits| f64::from(self.half.widen(bits))).collect();
        let mean = match self.what.norm {
            QkNorm::None => return values,
            QkNorm::Layer => values.iter().sum::<f64>() / size as f64,
            QkNorm::Rms => 0.0,
        };
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / size as f64;
        let deviation = (square + self.what.epsilon).sqrt();
        let table = |table: &[f32], d: usize| f64::from(table[usize::from(key) * size + d]);
        let shift = |d| if self.what.norm == QkNorm::Layer { table(&self.beta, d) } else { 0.0 };
        let one = |(d, v): (usize, f64)| (v - mean) / deviation * table(&self.gamma, d) + shift(d);
        values.into_iter().enumerate().map(one).collect()
    }

    fn exact(&self, at: usize, key: bool) -> Vec<f64> {
        let values = self.normed(at, key);
        let token = at % self.what.tokens as usize;
        let half = values.len() / 2;
        let Some(patch) = self.what.rotated.and_then(|prefix| token.checked_sub(prefix as usize)) else {
            return values;
        };
        let table = |at: usize| f64::from(self.rotation[patch * values.len() + at]);
        let turned = |d: usize| {
            let (cosine, sine) = (table(d % half), table(half + d % half));
            if d < half {
                values[d] * cosine - values[d + half] * sine
            } else {
                values[d] * cosine + values[d - half] * sine
            }
        };
        (0..values.len()).map(turned).collect()
    }
}

impl Case for Turned {
    fn rows(&self) -> u32 {
        (self.images as u64 * self.what.tokens) as u32
    }

    fn arguments(&self) -> Vec<Argument> {
        let mut list = vec![Argument::Updated(super::bytes(&self.qkv, u16::to_le_bytes))];
        if self.what.norm != QkNorm::None {
            list.push(Argument::floats(&self.gamma));
        }
        if self.what.norm == QkNorm::Layer {
            list.push(Argument::floats(&self.beta));
        }
        if self.what.rotated.is_some() {
            list.push(Argument::floats(&self.rotation));
        }
        list.push(Argument::Scalar(self.rows()));
        list
    }

    /// Every number of queries and keys within a step and 1e-5 of the largest of its head, and nearly all the
    /// nearest; what stands behind heads and all values as they were.
    fn check(&self, filled: &[Vec<u16>]) -> Result<f64, String> {
        let Some(out) = filled.first() else { return Err("nothing was filled".to_owned()) };
        if out.len() != self.qkv.len() {
            return Err("wrong length".to_owned());
        }
        let keys = self.qkv.len() / self.head / 3;
        let size = self.what.head_dim as usize;
        let mut tally = Tally::of(self.half);
        for at in 0..2 * keys {
            let exact = self.exact(at, at >= keys);
            let slack = 1e-5 * exact.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            let name = if at < keys { "query" } else { "key" };
            for (d, (&bits, &exact)) in out[at * self.head..].iter().zip(&exact).enumerate() {
                let wrong = |text| format!("{name} {}, {d} {text}", at % keys);
                tally.half(bits, exact, slack).map_err(wrong)?;
            }
            if out[at * self.head..][size..self.head].iter().any(|&bits| bits != 0) {
                return Err(format!("behind {name} {} stand no zeros", at % keys));
            }
        }
        match (2 * keys * self.head..out.len()).find(|&at| out[at] != self.qkv[at]) {
            Some(at) => Err(format!("element {at} is of a value and was written")),
            None => tally.close(),
        }
    }
}
