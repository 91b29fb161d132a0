//! Matrix products with their epilogues in double precision, independent of the kernel.

use super::argument::float;
use super::noise::Noise;
use super::tally::{Tally, finite, numbers};
use super::{Argument, Case};
use crate::kernel::{Argument as Planned, Dtype, Epilogue, Extent, Gemm, KernelPlan, Source};
use crate::vit::{Activation, Half, Halves};

/// Inputs of one launch.
#[derive(Clone, Debug)]
pub struct Product {
    gemm: Gemm,
    plan: KernelPlan,
    rows: usize,
    /// Whether results may pass the range of their float.
    unbounded: bool,
    x: Vec<u16>,
    weight: Vec<u16>,
    bias: Vec<f32>,
    gamma: Vec<f32>,
    residual: Vec<u16>,
    /// Of the rows of x, and the sums of those of W, where the product is to norm them; any numbers serve.
    statistics: Vec<f32>,
    sums: Vec<f32>,
}

/// Values for an argument, zeros where it is padded.
fn filled(planned: &Planned, plan: &KernelPlan, rows: usize, mut value: impl FnMut() -> f64) -> Vec<f64> {
    let size = |extent: &Extent| {
        let alone = Planned { shape: vec![*extent], ..planned.clone() };
        alone.elements(&plan.launch, rows as u64) as usize
    };
    let shape: Vec<usize> = planned.shape.iter().map(size).collect();
    let used: Vec<usize> =
        if planned.used.is_empty() { shape.clone() } else { planned.used.iter().map(size).collect() };
    let mut list = Vec::new();
    for at in 0..shape.iter().product() {
        let mut rest: usize = at;
        let mut inside = true;
        for (extent, used) in shape.iter().zip(&used).rev() {
            inside &= rest % extent < *used;
            rest /= extent;
        }
        list.push(if inside { value() } else { 0.0 });
    }
    list
}

impl Product {
    /// Inputs for so many rows, by a seed.
    pub fn new(gemm: &Gemm, plan: &KernelPlan, rows: usize, seed: u64) -> Self {
        let mut noise = Noise::seeded((gemm.inputs * 100 + gemm.outputs + rows as u64) ^ 0x9e37, seed);
        let mut input = |name: &str, scale: f64, mean: f64| {
            let planned = plan.arguments.iter().find(|argument| argument.name == name);
            planned.map_or_else(Vec::new, |planned| filled(planned, plan, rows, || mean + scale * noise.normal()))
        };
        let rounded = |half: Half, list: Vec<f64>| -> Vec<u16> { list.into_iter().map(|v| half.narrow(v)).collect() };
        let Halves { dtype, residual } = plan.halves;
        let floats = |list: Vec<f64>| -> Vec<f32> { list.into_iter().map(|v| v as f32).collect() };
        Self {
            gemm: gemm.clone(),
            plan: plan.clone(),
            rows,
            unbounded: false,
            x: rounded(dtype, input("x", 1.0, 0.1)),
            weight: rounded(dtype, input("weight", (gemm.inputs as f64).powf(-0.5), 0.0)),
            bias: floats(input("bias", 0.5, 0.0)),
            gamma: floats(input("gamma", 0.3, 1.0)),
            residual: rounded(residual, input("residual", 2.0, 0.0)),
            statistics: floats(input("statistics", 0.2, 1.0)),
            sums: floats(input("sums", 0.5, 0.0)),
        }
    }

    /// The same with rows, weights and residual so many times as large, powers of two, so that results may be infinite.
    #[must_use]
    pub fn times(mut self, x: f64, weight: f64, residual: f64) -> Self {
        let Halves { dtype, residual: stream } = self.plan.halves;
        dtype.scale(&mut self.x, x);
        dtype.scale(&mut self.weight, weight);
        stream.scale(&mut self.residual, residual);
        Self { unbounded: true, ..self }
    }

    /// What the result's halves are.
    fn out(&self) -> Half {
        let out = self.plan.arguments.iter().find(|argument| argument.name == "out");
        out.and_then(|out| out.dtype.half()).unwrap_or_default()
    }

    /// Where an element of the product lies in the output.
    fn place(&self, row: usize, column: usize, columns: usize) -> usize {
        let Epilogue::Heads { heads, tokens, .. } = self.gemm.epilogue else { return row * columns + column };
        let [heads, tokens] = [heads, tokens].map(|n| n as usize);
        let head = self.plan.constant("HEAD").unwrap_or(0) as usize;
        let (images, part) = (self.rows / tokens, column / (heads * head));
        let [image, token, own] = [row / tokens, row % tokens, column / head % heads];
        (((part * images + image) * heads + own) * tokens + token) * head + column % head
    }

    /// One element, and how far sums in `float` may be off.
    fn exact(&self, row: usize, column: usize, k: usize) -> (f64, f64) {
        let Halves { dtype: half, residual: stream } = self.plan.halves;
        let heads = if let Source::Heads(heads) = self.gemm.source { heads as usize } else { 1 };
        let x_row = row * heads + column * heads / self.bias.len();
        let dot = |w_row: usize| {
            let pairs = self.x[x_row * k..][..k].iter().zip(&self.weight[w_row * k..][..k]);
            let (sum, size) = pairs.fold((0.0, 0.0), |(sum, size), (&x, &w)| {
                let product = f64::from(half.widen(x)) * f64::from(half.widen(w));
                (sum + product, size + product.abs())
            });
            let bias = f64::from(self.bias[w_row]);
            let Some(&[mean, scale]) = self.statistics.as_chunks::<2>().0.get(row) else {
                return (sum + bias, size * 1e-6);
            };
            let (taken, scale) = (f64::from(mean) * f64::from(self.sums[w_row]), f64::from(scale));
            ((sum - taken) * scale + bias, (size + taken.abs()) * scale.abs() * 1e-6)
        };
        let (sum, slack) = dot(column);
        let value = match self.gemm.epilogue {
            Epilogue::Activation(Activation::SwiGlu) => {
                let (up, _) = dot(self.weight.len() / k / 2 + column);
                sum / (1.0 + (-sum).exp()) * up
            }
            Epilogue::Activation(Activation::Gelu) => sum * normal_below(sum),
            Epilogue::Activation(Activation::GeluTanh) => {
                let u = (2.0 / std::f64::consts::PI).sqrt() * (sum + 0.044715 * sum.powi(3));
                sum / (1.0 + (-2.0 * u).exp())
            }
            Epilogue::Activation(_) => sum / (1.0 + (-1.702 * sum).exp()),
            _ => sum,
        };
        let value = self.gamma.get(column).map_or(value, |&gamma| value * f64::from(gamma));
        let columns = self.residual.len() / self.rows;
        let value =
            value + self.residual.get(row * columns + column).map_or(0.0, |&bits| f64::from(stream.widen(bits)));
        (value, 4.0 * slack)
    }
}

impl Case for Product {
    fn rows(&self) -> u32 {
        self.rows as u32
    }

    fn arguments(&self) -> Vec<Argument> {
        let one = |planned: &Planned| match planned.name.as_str() {
            "x" => Argument::halves(&self.x),
            "weight" => Argument::halves(&self.weight),
            "bias" => Argument::floats(&self.bias),
            "gamma" => Argument::floats(&self.gamma),
            "residual" => Argument::halves(&self.residual),
            "statistics" => Argument::floats(&self.statistics),
            "sums" => Argument::floats(&self.sums),
            "out" => Argument::Output(
                planned.dtype.bytes() as usize * planned.elements(&self.plan.launch, self.rows as u64) as usize,
            ),
            _ => Argument::Scalar(self.rows as u32),
        };
        self.plan.arguments.iter().map(one).collect()
    }

    /// Finite everywhere, or a number where results may be infinite; and, at the elements that are computed again in double
    /// precision (all of a small product, of a large one a sample, its last row and its last column), within a step and the
    /// rounding of a long sum in `float`, and the nearest in all but a few of a hundred.
    fn check(&self, filled: &[Vec<u16>]) -> Result<f64, String> {
        let Some(out) = filled.first() else { return Err("nothing was filled".to_owned()) };
        let floats = self.gemm.out == Dtype::F32;
        let k = self.plan.constant("K").unwrap_or(1) as usize;
        let columns = out.len() / self.rows / if floats { 2 } else { 1 };
        if !floats {
            if self.unbounded { numbers(self.out(), out)? } else { finite(self.out(), out)? }
        }
        let step = (self.rows * columns * k / 40_000_000).max(1) | 1;
        let mut tally = Tally::of(self.out());
        // Where tiles end is never left out.
        let is_seen =
            |at: &usize| at.is_multiple_of(step) || at / columns + 1 == self.rows || (at + 1).is_multiple_of(columns);
        for at in (0..self.rows * columns).filter(is_seen) {
            let (row, column) = (at / columns, at % columns);
            let (exact, slack) = self.exact(row, column, k);
            let place = self.place(row, column, columns);
            let seen = if floats {
                tally.float(float([out[2 * place], out[2 * place + 1]]), exact, slack)
            } else {
                tally.half(out[place], exact, slack)
            };
            seen.map_err(|text| format!("row {row}, column {column} {text}"))?;
        }
        tally.close()
    }
}

/// The normal distribution's share below `x`: Simpson's rule from 0, in steps of about 0.01.
fn normal_below(x: f64) -> f64 {
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let end = x.abs().min(9.0);
    let pieces = 2 * (end / 0.02).ceil().max(1.0) as usize;
    let h = end / pieces as f64;
    let weight = |i: usize| if i == 0 || i == pieces { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
    let area: f64 = (0..=pieces).map(|i| weight(i) * density(i as f64 * h)).sum::<f64>() * h / 3.0;
    0.5 + area.copysign(x)
}
