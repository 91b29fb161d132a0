//! The embedding of images in double precision, from pixels to tokens, independent of the kernel.

use super::noise::Noise;
use super::tally::{Tally, finite};
use super::{Argument, Case, bytes};
use crate::kernel::{Images, KernelPlan};
use crate::vit::{Halves, Layout};

/// Inputs of one launch.
#[derive(Clone, Debug)]
pub struct Embedding {
    images: Images,
    plan: KernelPlan,
    count: usize,
    width: usize,
    /// Of images, channels and rows of pixels, in numbers.
    strides: [usize; 3],
    /// The images with what lies between them, as bytes or as bits.
    pixels: Vec<u16>,
    weight: Vec<u16>,
    bias: Vec<f32>,
    /// Of each patch; none where patches have no positions.
    position: Vec<f32>,
    prefix: Vec<f32>,
}

impl Embedding {
    /// So many images, by a seed: dense where there is one, and with gaps behind rows and images where there are more.
    pub fn new(images: Images, plan: &KernelPlan, count: usize, seed: u64) -> Self {
        let [width, stored, patches] = ["N", "K", "PATCHES"].map(|name| plan.constant(name).unwrap_or(0) as usize);
        let before = plan.constant("PREFIX").unwrap_or(0) as usize;
        let numbers = images.numbers() as usize;
        let side = (images.grid * images.patch) as usize;
        let gap = if count > 1 { 2 } else { 0 };
        let channels = images.channels as usize;
        let row = gap + side * if images.layout == Layout::Nhwc { channels } else { 1 };
        let channel = row * side;
        let image = gap + if images.layout == Layout::Nhwc { row * side } else { channel * channels };
        let mut noise = Noise::seeded((numbers * 1000 + width + count) as u64, seed);
        // What lies between images must not be read: it is large, or no number.
        let mut pixels = vec![if images.pixels.half().is_none() { 255 } else { 0x7fff }; image * count - gap];
        let strides = [image, channel, row];
        for at in 0..count * channels * side * side {
            let (rest, x) = (at / side, at % side);
            let (rest, y) = (rest / side, rest % side);
            let place = place(&images, strides, [rest / channels, rest % channels, y, x]);
            pixels[place] = match images.pixels.half() {
                None => (128.0 + 60.0 * noise.normal()).clamp(0.0, 255.0) as u16,
                Some(half) => half.narrow(0.1 + noise.normal()),
            };
        }
        let halves = plan.halves;
        let size = if images.pixels.half().is_none() { 1.0 / 60.0 } else { 1.0 } * (numbers as f64).powf(-0.5);
        let number = |at: usize, noise: &mut Noise| {
            if at % stored < numbers { halves.dtype.narrow(size * noise.normal()) } else { 0 }
        };
        let weight = (0..width * stored).map(|at| number(at, &mut noise)).collect();
        let mut floats = |count: usize| -> Vec<f32> { (0..count).map(|_| (0.5 * noise.normal()) as f32).collect() };
        let placed = if plan.choice("position") == Some("added") { patches } else { 0 };
        let (bias, position, prefix) = (floats(width), floats(placed * width), floats(before * width));
        Self { images, plan: plan.clone(), count, width, strides, pixels, weight, bias, position, prefix }
    }

    /// A number of an image as the kernel multiplies it.
    fn number(&self, image: usize, channel: usize, y: usize, x: usize) -> f64 {
        let number = self.pixels[place(&self.images, self.strides, [image, channel, y, x])];
        match self.images.pixels.half() {
            None => f64::from(number) - 128.0,
            // Rounded where it is of another float.
            Some(half) => self.plan.halves.dtype.rounded(half.widen(number).into()),
        }
    }

    /// A patch's numbers in the order of the columns of W.
    fn patch(&self, image: usize, patch: usize) -> Vec<f64> {
        let Images { grid, patch: side, channels, .. } = self.images;
        let (top, left) = (patch as u64 / grid * side, patch as u64 % grid * side);
        let mut list = vec![0.0; self.images.numbers() as usize];
        for channel in 0..channels {
            for y in 0..side {
                for x in 0..side {
                    let number = self.number(image, channel as usize, (top + y) as usize, (left + x) as usize);
                    list[self.images.place(channel, y, x) as usize] = number;
                }
            }
        }
        list
    }
}

/// Where a number lies, by image, channel, row and column.
fn place(images: &Images, [image, channel, row]: [usize; 3], [n, c, y, x]: [usize; 4]) -> usize {
    match images.layout {
        Layout::Nhwc => n * image + y * row + x * images.channels as usize + c,
        Layout::Nchw => n * image + c * channel + y * row + x,
    }
}

impl Case for Embedding {
    fn rows(&self) -> u32 {
        (self.count as u64 * self.images.patches()) as u32
    }

    fn arguments(&self) -> Vec<Argument> {
        let [image, channel, row] = self.strides.map(|stride| stride as u32);
        let one = |planned: &crate::kernel::Argument| match planned.name.as_str() {
            "image" => match self.images.pixels.half() {
                None => Argument::Input(bytes(&self.pixels, |pixel| [pixel as u8])),
                Some(_) => Argument::halves(&self.pixels),
            },
            "weight" => Argument::halves(&self.weight),
            "bias" => Argument::floats(&self.bias),
            "position" => Argument::floats(&self.position),
            "prefix" => Argument::floats(&self.prefix),
            "out" => Argument::Output(2 * planned.elements(&self.plan.launch, self.rows().into()) as usize),
            "image_stride" => Argument::Scalar(image),
            "channel_stride" => Argument::Scalar(channel),
            "row_stride" => Argument::Scalar(row),
            _ => Argument::Scalar(self.rows()),
        };
        self.plan.arguments.iter().map(one).collect()
    }

    /// Every number finite, what stands before the patches rounded from the table, and tokens of patches, all of a small
    /// launch and a sample of a large one, within a step and the rounding of a long sum in `float`.
    fn check(&self, filled: &[Vec<u16>]) -> Result<f64, String> {
        let Some(out) = filled.first() else { return Err("nothing was filled".to_owned()) };
        let Halves { dtype, residual } = self.plan.halves;
        finite(residual, out)?;
        let (width, patches) = (self.width, self.images.patches() as usize);
        let before = self.prefix.len() / width;
        let stored = self.weight.len() / width;
        let step = (self.count * patches * width * stored / 40_000_000).max(1) | 1;
        let mut tally = Tally::of(residual);
        for image in 0..self.count {
            let tokens = &out[image * (before + patches) * width..];
            for (at, &value) in self.prefix.iter().enumerate() {
                let wrong = |text| format!("image {image}, token {}, column {} {text}", at / width, at % width);
                tally.half(tokens[at], f64::from(value), 0.0).map_err(wrong)?;
            }
            for patch in 0..patches {
                let numbers = self.patch(image, patch);
                let last = if patch + 1 == patches { 0..width } else { width - 1..width };
                for column in (patch % step..width).step_by(step).chain(last) {
                    let weight = &self.weight[column * stored..][..numbers.len()];
                    let table = f64::from(self.bias[column])
                        + self.position.get(patch * width + column).map_or(0.0, |&position| f64::from(position));
                    let (exact, size) =
                        numbers.iter().zip(weight).fold((table, table.abs()), |(sum, size), (x, &w)| {
                            let product = x * f64::from(dtype.widen(w));
                            (sum + product, size + product.abs())
                        });
                    let wrong = |text| format!("image {image}, patch {patch}, column {column} {text}");
                    tally.half(tokens[(before + patch) * width + column], exact, 4e-6 * size).map_err(wrong)?;
                }
            }
        }
        tally.close()
    }
}
