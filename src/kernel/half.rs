//! Floats of 16 bits as their bits, and what kernels over them differ in.

use super::{Argument, Dtype, KernelPlan};
use crate::vit::{Half, Halves};

/// The float of bf16 bits.
pub fn widen(bits: u16) -> f32 {
    Half::Bf16.widen(bits)
}

/// The nearest bf16, as [`Half::narrow`] tells it.
pub fn narrow(value: f64) -> u16 {
    Half::Bf16.narrow(value)
}

impl Half {
    /// The float of these bits.
    pub fn widen(self, bits: u16) -> f32 {
        match self {
            Self::Bf16 => f32::from_bits(u32::from(bits) << 16),
            Self::Fp16 => {
                let (exponent, fraction) = (bits >> 10 & 31, bits & 1023);
                let size = match exponent {
                    0 => f32::from(fraction) * 2_f32.powi(-24),
                    31 if fraction == 0 => f32::INFINITY,
                    31 => f32::NAN,
                    _ => f32::from(fraction + 1024) * 2_f32.powi(i32::from(exponent) - 25),
                };
                if bits & SIGN == 0 { size } else { -size }
            }
        }
    }

    /// The nearest of a value, ties to even. A finite value that is too large becomes the largest bf16, and an infinite
    /// fp16 as the rule of IEEE 754 has it: from 65,520 on.
    pub fn narrow(self, value: f64) -> u16 {
        match self {
            Self::Bf16 => nearest_bf16(value),
            Self::Fp16 => nearest_fp16(value),
        }
    }

    /// The float that a value is rounded to.
    pub fn rounded(self, value: f64) -> f64 {
        f64::from(self.widen(self.narrow(value)))
    }

    /// How far a value of size 1 is from the nearest at most: the unit roundoff.
    pub const fn roundoff(self) -> f64 {
        match self {
            Self::Bf16 => 1.0 / 256.0,
            Self::Fp16 => 1.0 / 2048.0,
        }
    }

    /// How far the two nearest of a value lie apart at most.
    pub fn step(self, value: f64) -> f64 {
        let least = match self {
            Self::Bf16 => 0.0,
            Self::Fp16 => LEAST_FP16,
        };
        (2.0 * self.roundoff() * value.abs()).max(least)
    }
}

const SIGN: u16 = 0x8000;
/// The smallest fp16 above 0; those below 2^-14 are multiples of it.
const LEAST_FP16: f64 = 1.0 / (1 << 24) as f64;

/// The two neighbours are tried.
fn nearest_bf16(value: f64) -> u16 {
    let below = ((value as f32).to_bits() >> 16) as u16;
    let distance = |bits: u16| (f64::from(widen(bits)) - value).abs();
    let candidates = [below.wrapping_sub(1), below, below.wrapping_add(1)];
    let finite = candidates.into_iter().filter(|&bits| widen(bits).is_finite());
    finite.min_by(|&a, &b| distance(a).total_cmp(&distance(b)).then((a & 1).cmp(&(b & 1)))).unwrap_or(below)
}

fn nearest_fp16(value: f64) -> u16 {
    let size = value.abs();
    let bits = if value.is_nan() {
        0x7fff
    } else if size >= 65520.0 {
        0x7c00
    } else {
        let exponent = ((size.to_bits() >> 52) as i32 - 1023).max(-14);
        // In steps of that exponent: from 1024 on, but for the smallest exponent. One that is rounded up to 2048 is the
        // first of the next exponent.
        let steps = (size * 2_f64.powi(10 - exponent)).round_ties_even() as u16;
        ((exponent + 14) as u16) * 1024 + steps
    };
    if value.is_sign_negative() { bits | SIGN } else { bits }
}

impl From<Half> for Dtype {
    fn from(half: Half) -> Self {
        match half {
            Half::Bf16 => Self::Bf16,
            Half::Fp16 => Self::Fp16,
        }
    }
}

impl Dtype {
    /// The float of 16 bits that it is, if it is one.
    pub const fn half(self) -> Option<Half> {
        match self {
            Self::Bf16 => Some(Half::Bf16),
            Self::Fp16 => Some(Half::Fp16),
            _ => None,
        }
    }
}

impl KernelPlan {
    /// A plan for bf16 over other floats. The entry point says which, in the order of the arguments, unless all are bf16.
    #[must_use]
    pub fn over(mut self, halves: Halves) -> Self {
        let stream = self.stream();
        let mut names: Vec<&str> = Vec::new();
        for argument in self.arguments.iter_mut().filter(|argument| argument.is_retyped()) {
            let half = if stream.contains(&argument.name.as_str()) { halves.residual } else { halves.dtype };
            argument.dtype = half.into();
            if names.last() != Some(&half.name()) {
                names.push(half.name());
            }
        }
        // The kind of the result that the source was chosen by.
        let out = self.arguments.iter().find(|argument| argument.name == "out").and_then(|out| out.dtype.half());
        for (name, kind) in &mut self.choices {
            if let Some(half) = out.filter(|_| name == "out") {
                half.name().clone_into(kind);
            }
        }
        if names != [Half::Bf16.name()] {
            self.entry = format!("{}_{}", self.entry, names.join("_"));
        }
        self.halves = halves;
        self
    }

    /// Its arguments that are of the residual stream.
    fn stream(&self) -> &'static [&'static str] {
        let chosen = |name, value| self.choice(name) == Some(value);
        match self.template.as_str() {
            "layernorm_residual" => &["x", "residual", "sum"],
            "gemm" if chosen("residual", "added") || chosen("layout", "tokens") => &["residual", "out"],
            "gemm" if chosen("x", "normed") => &["x"],
            _ => &[],
        }
    }
}

impl Argument {
    /// Whether the floats of the kernel are its own; images come as they are.
    fn is_retyped(&self) -> bool {
        self.dtype.half().is_some() && self.name != "image"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_edges_of_fp16() {
        for (value, bits) in [
            (0.0, 0),
            (-0.0, SIGN),
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (65504.0, 0x7bff),
            (65519.99, 0x7bff),
            (65520.0, 0x7c00),
            (-1e300, 0xfc00),
            (f64::INFINITY, 0x7c00),
            (LEAST_FP16, 1),
            (LEAST_FP16 / 2.0, 0),
            (LEAST_FP16 * 0.51, 1),
            (LEAST_FP16 * 1.5, 2),
            (LEAST_FP16 * 1023.5, 0x0400),
            (5e-324, 0),
            // Ties: to the even of both neighbours, and up to the next exponent.
            (1.0 + 1.0 / 2048.0, 0x3c00),
            (1.0 + 3.0 / 2048.0, 0x3c02),
            (2.0 - 1.0 / 2048.0, 0x4000),
        ] {
            assert_eq!(Half::Fp16.narrow(value), bits, "{value}");
        }
        assert!(Half::Fp16.widen(Half::Fp16.narrow(f64::NAN)).is_nan() && Half::Fp16.widen(0x7e00).is_nan());
        assert_eq!([0x7c00, 0xfc00].map(|bits| Half::Fp16.widen(bits)), [f32::INFINITY, f32::NEG_INFINITY]);
    }

    #[test]
    fn every_float_of_16_bits_is_its_own_nearest() {
        for (_, half) in Half::ALL {
            for bits in 0..=u16::MAX {
                let value = half.widen(bits);
                assert!(!value.is_finite() || half.narrow(value.into()) == bits, "{half:?} {bits:04x}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_lies_nearer(value in -70000.0_f64..70000.0, smaller in 0..40_i32) {
            let value = value * 2_f64.powi(-smaller);
            for (_, half) in Half::ALL {
                let bits = half.narrow(value);
                let distance = |bits: u16| (f64::from(half.widen(bits)) - value).abs();
                prop_assume!(half.widen(bits).is_finite());
                for other in [bits.wrapping_sub(1), bits.wrapping_add(1)].map(|bits| half.widen(bits)) {
                    let own = distance(bits);
                    let theirs = (f64::from(other) - value).abs();
                    prop_assert!(!other.is_finite() || own < theirs || own == theirs && bits % 2 == 0, "{}", value);
                }
                prop_assert!(distance(bits) <= half.step(value) / 2.0, "{}", value);
            }
        }
    }
}
