//! Weights of a checkpoint to the buffers that kernels read: computed in double precision, rounded once.

use serde::{Deserialize, Serialize};

use super::query_key::rotation;
use super::{Argument, Extent, codes, fold, images};
use crate::diagnostic::Diagnostic;
use crate::vit::{Half, KernelForm, PositionRows, Vit};

/// How a buffer is made of weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packing {
    /// What is done.
    pub rule: Rule,
    /// The weights by the names of [`weights`](super::weights); null where the model has none.
    pub from: Vec<Option<String>>,
}

/// What is done with the weights of a buffer. Wherever a buffer is padded, values go to what is used and zeros elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// One after another; an equal share of zeros for one that is not there.
    Copy,
    /// The columns of the patch convolution in the kernel's order, times the scale of their channel.
    Pixels,
    /// The bias, if there is one, and what the convolution makes of the shift of each channel and of the number that the
    /// kernel takes off.
    PixelsBias,
    /// As many of the last rows as the buffer has.
    LastRows,
    /// The first tokens, if any with the first rows of the position embedding, which is named first.
    Prefix,
    /// For each head the query of the probe times the matrix of the keys, times log2(e) over the root of the head's size.
    Probe,
    /// The weights of a product with the gain of the layer norm before it, which is named first, the mean of each row
    /// taken off.
    FoldedWeight,
    /// The sums of the rows of that as they are rounded.
    FoldedSums,
    /// The biases of the product and what it makes of the norm's bias, which is named first; each bias behind its weight.
    FoldedBias,
    /// Of no weights: the cosines and sines of the patches' rotary positions.
    Rotation,
}

/// What pixels stand for: the model sees `scale * pixel + shift`, by channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    /// By channel.
    pub scale: Vec<f64>,
    /// By channel.
    pub shift: Vec<f64>,
}

impl Normalisation {
    /// The pixel times `rescale`, less the mean, over the deviation of its channel: as image processors do.
    pub fn of(rescale: f64, mean: &[f64], deviation: &[f64]) -> Self {
        let scale = deviation.iter().map(|deviation| rescale / deviation).collect();
        Self { scale, shift: mean.iter().zip(deviation).map(|(mean, deviation)| -mean / deviation).collect() }
    }
}

/// A packed buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    /// Its numbers.
    pub numbers: Numbers,
    /// How many that were not 0 became so: in fp16 below about 3e-8. Such weights of a checkpoint are few and change
    /// nothing; where many vanish, its weights are too small for fp16.
    pub vanished: usize,
}

/// The numbers of a packed buffer.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Bits of bf16 or fp16, as the argument says.
    Halves(Vec<u16>),
    /// As they are.
    Floats(Vec<f32>),
}

/// What packing needs to know beside the weights.
#[derive(Clone, Copy, Debug)]
pub struct Pack<'a> {
    /// The model.
    pub vit: &'a Vit,
    /// How its kernels are made.
    pub form: &'a KernelForm,
    /// What their pixels stand for.
    pub normalisation: &'a Normalisation,
}

/// A weight by its name.
pub type Given<'a> = dyn Fn(&str) -> Option<&'a [f32]> + 'a;

impl Pack<'_> {
    /// The buffer of an argument, for the block of that number where it is one of a block's.
    ///
    /// Fails where a weight is missing or has another size than the model says, or where fp16 does not hold a number.
    pub fn buffer(
        &self,
        argument: &Argument,
        packing: &Packing,
        block: u64,
        given: &Given<'_>,
    ) -> Result<Packed, Diagnostic> {
        let mut from = Vec::new();
        for name in &packing.from {
            from.push(name.as_ref().map(|name| self.weight(name, block, given)).transpose()?);
        }
        let used = if argument.used.is_empty() { &argument.shape } else { &argument.used };
        let count = extents(used).product::<usize>();
        let values = match packing.rule {
            Rule::Copy => copied(&from, count),
            Rule::Pixels => self.pixels(&from)?,
            Rule::PixelsBias => self.pixels_bias(&from, count)?,
            Rule::LastRows => last_rows(from[0].unwrap_or_default(), count),
            Rule::Prefix => self.prefix(&from),
            Rule::Probe => self.probe(&from),
            Rule::FoldedWeight => fold::weight(&from),
            Rule::FoldedSums => fold::sums(&from, self.form.halves.dtype),
            Rule::FoldedBias => fold::bias(&from),
            Rule::Rotation => rotation(self.vit),
        };
        if values.len() != count {
            return Err(wrong(format!("`{}` takes {count} numbers and is made of {}", argument.name, values.len())));
        }
        let values = spread(&values, used, &argument.shape);
        let Some(half) = argument.dtype.half() else {
            let numbers = Numbers::Floats(values.into_iter().map(|value| value as f32).collect());
            return Ok(Packed { numbers, vanished: 0 });
        };
        halves(&values, half).map_err(|value| {
            let own = |name: &String| name.replace('*', &block.to_string());
            let made = packing.from.iter().flatten().map(own).collect::<Vec<_>>().join("`, `");
            too_large(&argument.name, &made, value)
        })
    }

    /// A weight of the right size.
    fn weight<'a>(&self, name: &str, block: u64, given: &Given<'a>) -> Result<&'a [f32], Diagnostic> {
        let own = name.replace('*', &block.to_string());
        let Some(found) = given(&own) else { return Err(wrong(format!("the weight `{own}` is missing"))) };
        let all = super::weights(self.vit);
        let shape = all.iter().find(|weight| weight.name == name).map(|weight| weight.shape.as_slice());
        let size = shape.unwrap_or_default().iter().fold(1_u64, |size, &extent| size.saturating_mul(extent));
        if found.len() as u64 == size {
            Ok(found)
        } else {
            Err(wrong(format!("the weight `{own}` has {} numbers, and the model's has {size}", found.len())))
        }
    }

    fn channels(&self) -> Result<usize, Diagnostic> {
        let channels = self.vit.architecture.channels as usize;
        let Normalisation { scale, shift } = self.normalisation;
        if scale.len() == channels && shift.len() == channels {
            return Ok(channels);
        }
        Err(wrong(format!("there are {} scales and {} shifts for {channels} channels", scale.len(), shift.len())))
    }

    /// The convolution's numbers of a patch, in the kernel's order.
    fn pixels(&self, from: &[Option<&[f32]>]) -> Result<Vec<f64>, Diagnostic> {
        let (channels, weight) = (self.channels()?, from[0].unwrap_or_default());
        let images = images(self.vit, self.form.images);
        let (side, numbers) = (images.patch as usize, images.numbers() as usize);
        let mut values = vec![0.0; weight.len()];
        for (at, &value) in weight.iter().enumerate() {
            let (x, y) = (at % side, at / side % side);
            let (channel, output) = (at / side / side % channels, at / numbers);
            let place = images.place(channel as u64, y as u64, x as u64) as usize;
            values[output * numbers + place] = f64::from(value) * self.normalisation.scale[channel];
        }
        Ok(values)
    }

    fn pixels_bias(&self, from: &[Option<&[f32]>], outputs: usize) -> Result<Vec<f64>, Diagnostic> {
        let (channels, weight) = (self.channels()?, from[1].unwrap_or_default());
        let Normalisation { scale, shift } = self.normalisation;
        let constant: Vec<f64> =
            (scale.iter().zip(shift)).map(|(scale, shift)| scale * self.form.images.pixels.offset() + shift).collect();
        let numbers = weight.len() / outputs.max(1);
        let one = |(output, row): (usize, &[f32])| {
            let of_channel =
                |(row, constant): (&[f32], &f64)| row.iter().map(|&w| f64::from(w)).sum::<f64>() * constant;
            let sum: f64 = row.chunks(numbers / channels).zip(&constant).map(of_channel).sum();
            sum + from[0].map_or(0.0, |bias| f64::from(bias[output]))
        };
        Ok(weight.chunks(numbers.max(1)).enumerate().map(one).collect())
    }

    /// Class token and registers, with the positions of those that have one.
    fn prefix(&self, from: &[Option<&[f32]>]) -> Vec<f64> {
        let mut values: Vec<f64> =
            from[1..].iter().flatten().copied().flatten().map(|&value| f64::from(value)).collect();
        let variant = &self.vit.architecture.variant;
        let placed = match variant.position_rows {
            PositionRows::All => values.len(),
            _ => self.vit.shape.width as usize * usize::from(self.vit.architecture.class_token),
        };
        let positions = from[0].unwrap_or_default().iter().take(placed);
        for (value, &position) in values.iter_mut().zip(positions) {
            *value += f64::from(position);
        }
        values
    }

    fn probe(&self, from: &[Option<&[f32]>]) -> Vec<f64> {
        let [probe, query, bias, key] = [0, 1, 2, 3].map(|at| from[at].unwrap_or_default());
        let width = self.vit.shape.width as usize;
        let head = self.vit.head_dim().max(1) as usize;
        let scale = std::f64::consts::LOG2_E / (head as f64).sqrt();
        let dot = |row: &[f32]| row.iter().zip(probe).map(|(&w, &p)| f64::from(w) * f64::from(p)).sum::<f64>();
        let mut values = vec![0.0; key.len() / head];
        // Row d of the keys' matrix is one of head d / head.
        for (d, (row, bias)) in key.chunks(width).zip(bias).enumerate() {
            let own = scale * (dot(&query[d * width..][..width]) + f64::from(*bias));
            for (value, &w) in values[d / head * width..].iter_mut().zip(row) {
                *value += own * f64::from(w);
            }
        }
        values
    }
}

fn wrong(message: String) -> Diagnostic {
    Diagnostic::error(codes::WEIGHTS, message).help("the manifest of the kernels lists all weights with their shapes")
}

/// The nearest of each; fails with the first that is too large, or no number.
fn halves(values: &[f64], half: Half) -> Result<Packed, f64> {
    let (mut list, mut vanished) = (Vec::new(), 0);
    for &value in values {
        let bits = half.narrow(value);
        // What is no number in bf16 was none before.
        if half == Half::Fp16 && !half.widen(bits).is_finite() {
            return Err(value);
        }
        vanished += usize::from(value != 0.0 && half.widen(bits) == 0.0);
        list.push(bits);
    }
    Ok(Packed { numbers: Numbers::Halves(list), vanished })
}

fn too_large(argument: &str, weights: &str, value: f64) -> Diagnostic {
    let message = format!("fp16 does not hold {value}, which is among the numbers of `{weights}`");
    let note = format!("it would be infinite in the argument `{argument}`: the largest fp16 is 65504");
    Diagnostic::error(codes::TOO_LARGE, message).note(note).help("pack for kernels with `dtype = bf16`")
}

fn extents(list: &[Extent]) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator {
    list.iter().map(|extent| match extent {
        Extent::Size(size) => *size as usize,
        Extent::Of(_) => 0,
    })
}

fn copied(from: &[Option<&[f32]>], count: usize) -> Vec<f64> {
    let share = count / from.len().max(1);
    let mut values = Vec::new();
    for part in from {
        match part {
            Some(list) => values.extend(list.iter().map(|&value| f64::from(value))),
            None => values.resize(values.len() + share, 0.0),
        }
    }
    values
}

fn last_rows(table: &[f32], count: usize) -> Vec<f64> {
    table[table.len().saturating_sub(count)..].iter().map(|&value| f64::from(value)).collect()
}

/// Values in the order of the extents that are used, zeros between them.
fn spread(values: &[f64], used: &[Extent], shape: &[Extent]) -> Vec<f64> {
    if used == shape {
        return values.to_vec();
    }
    let mut list = vec![0.0; extents(shape).product()];
    for (mut from, &value) in values.iter().enumerate() {
        let (mut to, mut stride) = (0, 1);
        for (used, extent) in extents(used).zip(extents(shape)).rev() {
            to += from % used * stride;
            from /= used;
            stride *= extent;
        }
        list[to] = value;
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Operand, plan_for};
    use crate::vit::{Architecture, Halves, ImageFormat, Layout, Pixels, Shape};

    /// Numbers that look random.
    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn the_folded_convolution_is_that_of_normalised_pixels() {
        let architecture = Architecture { image: 10, patch: 5, heads: 2, ..Architecture::default() };
        let vit = architecture.with(Shape { width: 16, depth: 1, mlp_dim: 16 }).unwrap();
        let normalisation = Normalisation::of(1.0 / 255.0, &[0.5, 0.4, 0.3], &[0.2, 0.3, 0.4]);
        let (weight, bias) = (noise(16 * 75, 1), noise(16, 2));
        let pixels: Vec<f64> = noise(75, 3).iter().map(|v| (f64::from(*v) * 255.0 + 127.5).round()).collect();
        for (_, layout) in Layout::ALL {
            for (_, kind) in Pixels::ALL {
                let format = ImageFormat { pixels: kind, layout };
                let form = KernelForm::from(format);
                let pack = Pack { vit: &vit, form: &form, normalisation: &normalisation };
                let images = images(&vit, format);
                let columns = pack.pixels(&[Some(&weight)]).unwrap();
                let constants = pack.pixels_bias(&[Some(&bias), Some(&weight)], 16).unwrap();
                for output in 0..16 {
                    let (mut want, mut got) = (f64::from(bias[output]), constants[output]);
                    for (at, &pixel) in pixels.iter().enumerate() {
                        let (channel, y, x) = (at / 25, at / 5 % 5, at % 5);
                        let seen = normalisation.scale[channel] * pixel + normalisation.shift[channel];
                        want += f64::from(weight[output * 75 + at]) * seen;
                        let place = images.place(channel as u64, y as u64, x as u64) as usize;
                        got += columns[output * 75 + place] * (pixel - kind.offset());
                    }
                    assert!((want - got).abs() < 1e-9, "{format:?}: {got}, not {want}");
                }
            }
        }
    }

    /// `fc1.weight` of a block, 16 x 16, as it is packed.
    fn packed(halves: Halves, list: Option<&[f32]>) -> Result<Packed, Diagnostic> {
        let architecture = Architecture { image: 28, heads: 2, ..Architecture::default() };
        let vit = architecture.with(Shape { width: 16, depth: 1, mlp_dim: 16 }).unwrap();
        let form = KernelForm { halves, ..KernelForm::default() };
        let kernels = plan_for(&vit, form.clone()).unwrap();
        let step = kernels.forward.iter().find(|step| step.kernel == "fc1").unwrap();
        let argument = kernels.named("fc1").unwrap().arguments.iter().find(|a| a.name == "weight").unwrap();
        let bound = step.arguments.iter().find(|bound| bound.argument == "weight").unwrap();
        let Operand::Weights(packing) = &bound.operand else { panic!("it is packed") };
        let normalisation = Normalisation::of(1.0, &[0.5], &[0.5]);
        let pack = Pack { vit: &vit, form: &form, normalisation: &normalisation };
        // One mean for three channels.
        assert_eq!(pack.pixels(&[Some(&noise(256, 1))]).unwrap_err().code, codes::WEIGHTS);
        pack.buffer(argument, packing, 7, &|name| list.filter(|_| name == "blocks.7.fc1.weight"))
    }

    #[test]
    fn weights_that_are_missing_or_too_few_are_diagnostics() {
        for (halves, bits) in [(Halves::default(), 0x3f00), (Halves::MIXED, 0x3800), (Halves::of(Half::Fp16), 0x3800)] {
            let expected = Packed { numbers: Numbers::Halves(vec![bits; 256]), vanished: 0 };
            assert_eq!(packed(halves, Some(&[0.5; 256])), Ok(expected));
            for wrong in [None, Some(&[0.5; 255][..])] {
                assert_eq!(packed(halves, wrong).unwrap_err().code, codes::WEIGHTS);
            }
        }
    }

    #[test]
    fn what_fp16_does_not_hold_is_told() {
        let with = |halves, value: f32| {
            let mut list = [0.5; 256];
            (list[37], list[40]) = (value, 0.0);
            packed(halves, Some(&list))
        };
        // What rounds to the largest fp16, and what rounds to its infinity.
        for value in [65_504.0, -65_519.0] {
            assert_eq!(with(Halves::MIXED, value).map(|packed| packed.vanished), Ok(0), "{value}");
        }
        for value in [65_520.0, -1e6, f32::INFINITY, f32::NAN] {
            let error = with(Halves::MIXED, value).unwrap_err();
            assert_eq!(error.code, codes::TOO_LARGE);
            assert!(error.message.contains("`blocks.7.fc1.weight`") && !error.help.is_empty(), "{}", error.message);
            assert!(with(Halves::default(), value).is_ok());
        }
        // Half of the smallest fp16 rounds to 0, and a little more does not; no zero of the checkpoint counts.
        for (value, vanished) in [(3e-8, 0), (2.9e-8, 1), (-1e-30, 1)] {
            assert_eq!(with(Halves::MIXED, value).map(|packed| packed.vanished), Ok(vanished), "{value}");
            assert_eq!(with(Halves::default(), value).map(|packed| packed.vanished), Ok(0), "{value}");
        }
    }
}
