//! Layer norm, with residual add or alone, or its mean and deviation, in double precision and independent of the kernel; inputs that are hard for it.

use super::argument::float;
use super::noise::Noise;
use super::{Argument, Case, share};
use crate::vit::Halves;

/// Inputs of one launch. Halves are their bits.
#[derive(Clone, Debug)]
pub struct Norm {
    width: usize,
    rows: usize,
    halves: Halves,
    epsilon: f64,
    /// Tokens of an image, of which a row is the first; 1 where every token is a row.
    tokens: usize,
    /// Whether rows are measured and not normalised.
    measured: bool,
    x: Vec<u16>,
    /// Empty where nothing is added.
    residual: Vec<u16>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

/// What the rows are made of, in turn.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Normal,
    /// A few channels are a hundred times larger.
    Outliers,
    /// All elements are equal: variance 0.
    Constant,
    /// Far from 0 for its spread.
    HugeMean,
    HugeConstant,
    /// The variance is smaller than epsilon.
    Tiny,
}

const KINDS: [Kind; 6] = [Kind::Normal, Kind::Outliers, Kind::Constant, Kind::HugeMean, Kind::HugeConstant, Kind::Tiny];

impl Norm {
    /// Inputs of `layernorm_residual`, or of `layernorm`, by a seed.
    pub fn new(width: usize, rows: usize, residual: bool, epsilon: f64, seed: u64) -> Self {
        Self::over(Halves::default(), width, rows, residual, epsilon, seed)
    }

    /// The same over other floats.
    pub fn over(halves: Halves, width: usize, rows: usize, residual: bool, epsilon: f64, seed: u64) -> Self {
        let stream = halves.residual;
        let mut noise = Noise::seeded((width * 1000 + rows) as u64, seed);
        let (mut x, mut added) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let kind = KINDS[(row + rows) % KINDS.len()];
            let level = noise.normal();
            for column in 0..width {
                let z = noise.normal();
                let value = match kind {
                    Kind::Outliers if column % 97 == 3 => 100.0 * z,
                    Kind::Normal | Kind::Outliers => z,
                    Kind::Constant => level,
                    Kind::HugeMean => 3000.0 + 30.0 * z,
                    Kind::HugeConstant => 1e4 * (1.0 + level.abs()),
                    Kind::Tiny => 1e-4 * z,
                };
                let other = match kind {
                    Kind::Constant | Kind::HugeConstant => 2.0 * level,
                    Kind::Tiny => 1e-4 * noise.normal(),
                    _ => noise.normal(),
                };
                x.push(stream.narrow(value));
                added.push(stream.narrow(other));
            }
        }
        let gamma = (0..width).map(|_| (1.0 + 0.2 * noise.normal()) as f32).collect();
        let beta = (0..width).map(|_| (0.1 * noise.normal()) as f32).collect();
        let residual = if residual { added } else { Vec::new() };
        Self { width, rows, halves, epsilon, tokens: 1, measured: false, x, residual, gamma, beta }
    }

    /// Inputs of `class_norm`: the rows are the first of so many tokens, and the others are no numbers.
    #[must_use]
    pub fn first_of(self, tokens: usize) -> Self {
        Self { tokens, ..self }
    }

    /// Inputs of `layernorm_statistics`.
    #[must_use]
    pub fn measured(self) -> Self {
        Self { measured: true, ..self }
    }

    /// The same with other rows.
    #[must_use]
    pub fn of(self, mut value: impl FnMut(usize, usize) -> f64) -> Self {
        let (width, stream) = (self.width, self.halves.residual);
        let x = (0..self.x.len()).map(|at| stream.narrow(value(at / width, at % width))).collect();
        Self { x, ..self }
    }

    /// `x + residual` rounded, the addition in float; x alone where nothing is added.
    fn sum(&self) -> Vec<u16> {
        if self.residual.is_empty() {
            return self.x.clone();
        }
        let stream = self.halves.residual;
        let sum = |(&x, &r): (&u16, &u16)| stream.narrow(f64::from(stream.widen(x) + stream.widen(r)));
        self.x.iter().zip(&self.residual).map(sum).collect()
    }

    /// One row's layer norm in double precision: R.
    fn exact(&self, row: &[u16]) -> Vec<f64> {
        let (mean, deviation) = self.moments(row);
        let affine = self.gamma.iter().zip(&self.beta);
        row.iter()
            .zip(affine)
            .map(|(&bits, (&g, &b))| {
                (f64::from(self.halves.residual.widen(bits)) - mean) / deviation * f64::from(g) + f64::from(b)
            })
            .collect()
    }

    /// One row's mean and deviation in double precision, epsilon in the latter.
    fn moments(&self, row: &[u16]) -> (f64, f64) {
        let n = row.len() as f64;
        let values: Vec<f64> = row.iter().map(|&bits| f64::from(self.halves.residual.widen(bits))).collect();
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        (mean, (variance + self.epsilon).sqrt())
    }

    /// The mean within its rounding and some of the deviation, and one over the deviation within a millionth: reciprocal
    /// roots are good to two units of `float`, and sums of squares to a few.
    fn check_moments(&self, row: &[u16], seen: [f32; 2]) -> Result<f64, String> {
        const ROUNDING: f64 = 1.0 / (1 << 24) as f64;
        let (mean, deviation) = self.moments(row);
        let exact = [mean, 1.0 / deviation];
        let limits = [ROUNDING * (mean.abs() + 4.0 * deviation), 16.0 * ROUNDING / deviation];
        let mut worst: f64 = 0.0;
        for (at, name) in ["mean", "reciprocal deviation"].into_iter().enumerate() {
            let error = (f64::from(seen[at]) - exact[at]).abs();
            if error > limits[at] || error.is_nan() {
                return Err(format!("the {name} is {}, not {:e}", seen[at], exact[at]));
            }
            worst = worst.max(share(error, limits[at]));
        }
        Ok(worst)
    }

    /// The same in float, plainly in two passes, and rounded: B, what a careful library would give.
    fn plain(&self, row: &[u16]) -> Vec<f64> {
        let n = row.len() as f32;
        let values: Vec<f32> = row.iter().map(|&bits| self.halves.residual.widen(bits)).collect();
        let mean = values.iter().sum::<f32>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
        let scale = 1.0 / (variance + self.epsilon as f32).sqrt();
        let affine = self.gamma.iter().zip(&self.beta);
        values
            .iter()
            .zip(affine)
            .map(|(v, (&g, &b))| self.halves.dtype.rounded(f64::from((v - mean) * scale * g + b)))
            .collect()
    }

    fn check_row(&self, sum: &[u16], normalised: &[u16]) -> Result<f64, String> {
        let half = self.halves.dtype;
        let kernel: Vec<f64> = normalised.iter().map(|&bits| f64::from(half.widen(bits))).collect();
        if let Some(column) = kernel.iter().position(|k| !k.is_finite()) {
            return Err(format!("column {column} is {}", kernel[column]));
        }
        let (exact, plain) = (self.exact(sum), self.plain(sum));
        let gap = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
        let largest = |list: &[f64]| list.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let rms = |list: &[f64]| (list.iter().map(|v| v * v).sum::<f64>() / list.len() as f64).sqrt();
        let (own, theirs) = (gap(&kernel, &exact), gap(&plain, &exact));
        let mut worst: f64 = 0.0;
        for (name, size) in [("max", &largest as &dyn Fn(&[f64]) -> f64), ("rms", &rms)] {
            let limit = 2.0 * size(&theirs) + size(&exact) * half.roundoff();
            if size(&own) > limit {
                return Err(format!("{name} error {:.3e} exceeds {limit:.3e}", size(&own)));
            }
            worst = worst.max(share(size(&own), limit));
        }

        let slack = 1e-5 * largest(&exact);
        let mut off = 0;
        for (column, (&bits, &r)) in normalised.iter().zip(&exact).enumerate() {
            let nearest = half.narrow(r);
            let limit = half.step(half.widen(nearest).into()) + slack;
            let error = (kernel[column] - r).abs();
            if error > limit {
                return Err(format!("column {column} is {}, not {r:.6}", kernel[column]));
            }
            worst = worst.max(share(error, limit));
            off += usize::from(bits != nearest);
        }
        if off > sum.len() / 100 + 1 { Err(format!("{off} of {} are not nearest", sum.len())) } else { Ok(worst) }
    }
}

impl Case for Norm {
    fn rows(&self) -> u32 {
        self.rows as u32
    }

    fn arguments(&self) -> Vec<Argument> {
        // A token that is not read is no number.
        let rest = vec![0x7fff; (self.tokens - 1) * self.width];
        let x: Vec<u16> = self.x.chunks(self.width).flat_map(|row| row.iter().chain(&rest)).copied().collect();
        let [x, residual] = [&x, &self.residual].map(|list| Argument::halves(list));
        let [gamma, beta] = [&self.gamma, &self.beta].map(|list| Argument::floats(list));
        let (out, rows) = (Argument::Output(2 * self.x.len()), Argument::Scalar(self.rows()));
        if self.measured {
            vec![x, Argument::Output(8 * self.rows), rows]
        } else if self.residual.is_empty() {
            vec![x, gamma, beta, out, rows]
        } else {
            vec![x, residual, gamma, beta, out.clone(), out, rows]
        }
    }

    /// Moments must be those of double precision but for a few roundings.
    ///
    /// The sum must be exact to the bit. The norm K of each row must keep max|K-R| <= 2 max|B-R| + u max|R|, where u is
    /// 2^-8 for bf16 and 2^-11 for fp16, and the same for root mean squares; and, since that hides small faults of the
    /// statistics, K must be the nearest of R in all but one element of a hundred, and never more than a step (or 1e-5 of
    /// the row's largest) away.
    fn check(&self, filled: &[Vec<u16>]) -> Result<f64, String> {
        let expected = self.sum();
        let Some((normalised, sums)) = filled.split_last() else { return Err("nothing was filled".to_owned()) };
        for sum in sums {
            if let Some(at) = (0..expected.len()).find(|&at| sum.get(at) != Some(&expected[at])) {
                let (row, column) = (at / self.width, at % self.width);
                let stream = self.halves.residual;
                let got = sum.get(at).map_or(f32::NAN, |&bits| stream.widen(bits));
                return Err(format!("sum[{row}][{column}] is {got}, not {}", stream.widen(expected[at])));
            }
        }
        if self.measured {
            let seen = normalised.as_chunks::<4>().0.iter().map(|two| two.as_chunks::<2>().0);
            let mut worst: f64 = 0.0;
            for (row, (x, two)) in expected.chunks(self.width).zip(seen).enumerate() {
                let moments = [0, 1].map(|at| float(two[at]));
                worst = worst.max(self.check_moments(x, moments).map_err(|reason| format!("row {row}: {reason}"))?);
            }
            return Ok(worst);
        }
        if normalised.len() != expected.len() {
            return Err("wrong length".to_owned());
        }
        let mut worst: f64 = 0.0;
        for (row, (s, y)) in expected.chunks(self.width).zip(normalised.chunks(self.width)).enumerate() {
            worst = worst.max(self.check_row(s, y).map_err(|reason| format!("row {row}: {reason}"))?);
        }
        Ok(worst)
    }
}
