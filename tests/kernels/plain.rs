//! A model in double precision.

use sovitc::vit::{Activation, Pooling, Position, QkNorm, Vit};

use crate::block::{Rows, attend, norm};
use crate::forward::{Images, Weights};

/// The model in double precision, as papers write it.
pub(crate) struct Plain<'a> {
    pub(crate) vit: &'a Vit,
    pub(crate) weights: &'a Weights,
}

impl Plain<'_> {
    fn of(&self, name: &str) -> Option<Vec<f64>> {
        self.weights.get(name).map(|list| list.iter().map(|&value| f64::from(value)).collect())
    }

    fn linear(&self, name: &str, x: &Rows) -> Rows {
        let weight = self.of(&format!("{name}.weight")).unwrap();
        let bias = self.of(&format!("{name}.bias"));
        let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
        let added = |at: usize| bias.as_ref().map_or(0.0, |bias| bias[at]);
        let one = |x: &Vec<f64>| weight.chunks(x.len()).enumerate().map(|(at, w)| dot(x, w) + added(at)).collect();
        x.iter().map(one).collect()
    }

    /// The classes of vectors; none where there is no classifier.
    pub(crate) fn classes(&self, vectors: &Rows) -> Rows {
        if self.vit.architecture.classes > 0 { self.linear("classifier", vectors) } else { Rows::new() }
    }

    fn norm(&self, name: &str, x: &Rows) -> Rows {
        norm(x, &self.of(&format!("{name}.weight")).unwrap(), &self.of(&format!("{name}.bias")).unwrap())
    }

    fn add(&self, x: &Rows, y: &Rows, scale: &str) -> Rows {
        let scale = self.of(scale).unwrap_or_else(|| vec![1.0; x[0].len()]);
        let one = |(x, y): (&Vec<f64>, &Vec<f64>)| x.iter().zip(y).zip(&scale).map(|((x, y), s)| x + y * s).collect();
        x.iter().zip(y).map(one).collect()
    }

    fn mlp(&self, name: &str, x: &Rows, activation: Activation) -> Rows {
        let mut hidden = self.linear(&format!("{name}fc1"), x);
        let tanh = |v: f64| v / (1.0 + (-2.0 * (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v.powi(3))).exp());
        if activation == Activation::SwiGlu {
            let gate = self.linear(&format!("{name}gate"), x);
            for (h, g) in hidden.iter_mut().flatten().zip(gate.iter().flatten()) {
                *h *= g / (1.0 + (-g).exp());
            }
        } else {
            hidden.iter_mut().flatten().for_each(|h| *h = tanh(*h));
        }
        self.linear(&format!("{name}fc2"), &hidden)
    }

    fn embed(&self, images: &Images) -> Rows {
        let a = &self.vit.architecture;
        let (side, width) = (a.patch as usize, self.vit.shape.width as usize);
        let (grid, prefix) = (images.side / side, a.prefix() as usize);
        let weight = self.of("patch.weight").unwrap();
        let position = self.of("position").unwrap_or_else(|| vec![0.0; grid * grid * width]);
        let bias = self.of("patch.bias").unwrap_or_else(|| vec![0.0; width]);
        let first = position.len() / width - grid * grid;
        let before: Vec<f64> = ["class", "registers"].iter().filter_map(|name| self.of(name)).flatten().collect();
        let mut rows = Rows::new();
        for image in 0..images.count {
            for token in 0..prefix {
                let place = |at: usize| if token < first { position[at] } else { 0.0 };
                rows.push((token * width..(token + 1) * width).map(|at| before[at] + place(at)).collect());
            }
            for patch in 0..grid * grid {
                let (top, left) = (patch / grid * side, patch % grid * side);
                let mut row = Vec::new();
                for output in 0..width {
                    let mut sum = bias[output] + position[(first + patch) * width + output];
                    for (at, w) in weight[output * images.channels * side * side..]
                        .iter()
                        .enumerate()
                        .take(images.channels * side * side)
                    {
                        let (channel, y, x) = (at / side / side, at / side % side, at % side);
                        sum += w * images.value(image, channel, top + y, left + x);
                    }
                    row.push(sum);
                }
                rows.push(row);
            }
        }
        rows
    }

    /// The vector of each image.
    pub(crate) fn forward(&self, images: &Images) -> Rows {
        let a = &self.vit.architecture;
        let (heads, prefix) = (a.heads as usize, a.prefix() as usize);
        let tokens = prefix + a.patches() as usize;
        let mut x = self.embed(images);
        if a.variant.pre_norm {
            x = self.norm("pre_norm", &x);
        }
        for block in 0..self.vit.shape.depth {
            let name = |part: &str| format!("blocks.{block}.{part}");
            let normed = self.norm(&name("norm1"), &x);
            let parts = ["q", "k", "v"].map(|part| {
                let made = self.linear(&name(part), &normed);
                if part == "v" { made } else { self.turned(&name(&format!("{part}_norm")), made, tokens) }
            });
            let qkv = (0..x.len()).map(|row| parts.each_ref().map(|part| part[row].clone()).concat()).collect();
            let attended = self.linear(&name("projection"), &attend(&qkv, tokens, heads));
            x = self.add(&x, &attended, &name("scale1"));
            let hidden = self.mlp(&name(""), &self.norm(&name("norm2"), &x), a.activation);
            x = self.add(&x, &hidden, &name("scale2"));
        }
        let x = self.norm("norm", &x);
        match a.pooling {
            Pooling::Class => x.chunks(tokens).map(|image| image[0].clone()).collect(),
            Pooling::Map => {
                let pooled: Rows = x.chunks(tokens).map(|image| self.pooled(image)).collect();
                let y = self.linear("map.projection", &pooled);
                let hidden = self.mlp("map.", &self.norm("map.norm", &y), Activation::GeluTanh);
                self.add(&y, &hidden, "")
            }
            _ => (x.chunks(tokens))
                .map(|image| {
                    let column = |c: usize| image[prefix..].iter().map(|row| row[c]).sum::<f64>();
                    (0..image[0].len()).map(|c| column(c) / (tokens - prefix) as f64).collect()
                })
                .collect(),
        }
    }

    /// Queries or keys as attention sees them: each head normed, and turned where a patch stands.
    fn turned(&self, name: &str, x: Rows, tokens: usize) -> Rows {
        let a = &self.vit.architecture;
        let (head, grid) = (self.vit.head_dim() as usize, (a.image / a.patch) as usize);
        let split = |row: Vec<f64>| row.chunks(head).map(<[f64]>::to_vec).collect::<Rows>();
        let one = |(row, x): (usize, Vec<f64>)| {
            let heads = match a.variant.qk_norm {
                QkNorm::None => split(x),
                QkNorm::Layer => self.norm(name, &split(x)),
                _ => {
                    let weight = self.of(&format!("{name}.weight")).unwrap();
                    let root = |x: &[f64]| (x.iter().map(|v| v * v).sum::<f64>() / head as f64 + 1e-6).sqrt();
                    let normed = |x: Vec<f64>| x.iter().zip(&weight).map(|(v, w)| v / root(&x) * w).collect();
                    split(x).into_iter().map(normed).collect()
                }
            };
            match (row % tokens).checked_sub(a.prefix() as usize) {
                Some(patch) if a.variant.position == Position::Rope => {
                    let at = [patch / grid, patch % grid].map(|at| (at as f64 + 0.5) / grid as f64 * 2.0 - 1.0);
                    heads.iter().flat_map(|x| rotate(x, at)).collect()
                }
                _ => heads.concat(),
            }
        };
        x.into_iter().enumerate().map(one).collect()
    }

    /// What the probe's heads see of one image.
    fn pooled(&self, image: &[Vec<f64>]) -> Vec<f64> {
        let (image, heads) = (image.to_vec(), self.vit.architecture.heads as usize);
        let query = self.linear("map.q", &vec![self.of("map.probe").unwrap()]).remove(0);
        let (keys, values) = (self.linear("map.k", &image), self.linear("map.v", &image));
        let head = query.len() / heads;
        let mut out = vec![0.0; query.len()];
        for h in (0..heads).map(|h| h * head..(h + 1) * head) {
            let score = |key: &Vec<f64>| query[h.clone()].iter().zip(&key[h.clone()]).map(|(q, k)| q * k).sum::<f64>();
            let weights: Vec<f64> = keys.iter().map(|key| (score(key) / (head as f64).sqrt()).exp()).collect();
            let total: f64 = weights.iter().sum();
            for (weight, value) in weights.iter().zip(&values) {
                h.clone().for_each(|at| out[at] += weight / total * value[at]);
            }
        }
        out
    }
}

/// A head turned by a place of the image, as complex numbers: element i of the first half is the real part, that of the
/// second the imaginary. A quarter of the head turns by the height, the next by the width.
fn rotate(x: &[f64], place: [f64; 2]) -> Vec<f64> {
    let half = x.len() / 2;
    let mut out = vec![0.0; x.len()];
    for i in 0..half {
        let frequency = 100_f64.powf(-4.0 * (i % (half / 2)) as f64 / x.len() as f64);
        let (sine, cosine) = (2.0 * std::f64::consts::PI * place[i / (half / 2)] * frequency).sin_cos();
        out[i] = x[i] * cosine - x[half + i] * sine;
        out[half + i] = x[i] * sine + x[half + i] * cosine;
    }
    out
}
