//! How images come to a model.

use serde::{Deserialize, Serialize};

use super::Half;

/// What the elements of an image are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pixels {
    /// Bytes from 0 to 255. The kernel takes 128 off, which bf16 and fp16 hold exactly; weights and bias undo it.
    #[default]
    Uint8,
    /// The upper half of a `float`; rounded where products are in fp16.
    Bf16,
    /// A float of IEEE 754 in 16 bits; rounded where products are in bf16.
    Fp16,
}

impl Pixels {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] = [("uint8", Self::Uint8), ("bf16", Self::Bf16), ("fp16", Self::Fp16)];

    /// Bytes of one.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Uint8 => 1,
            Self::Bf16 | Self::Fp16 => 2,
        }
    }

    /// What the kernel takes off each before it multiplies.
    pub const fn offset(self) -> f64 {
        match self {
            Self::Uint8 => 128.0,
            Self::Bf16 | Self::Fp16 => 0.0,
        }
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uint8 => "uint8",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
        }
    }

    /// The float of 16 bits that it is, if it is one.
    pub const fn half(self) -> Option<Half> {
        match self {
            Self::Uint8 => None,
            Self::Bf16 => Some(Half::Bf16),
            Self::Fp16 => Some(Half::Fp16),
        }
    }
}

/// The order of an image's dimensions; each row of pixels is dense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Images x height x width x channels, as decoders write them.
    #[default]
    Nhwc,
    /// Images x channels x height x width.
    Nchw,
}

impl Layout {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 2] = [("nhwc", Self::Nhwc), ("nchw", Self::Nchw)];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nhwc => "nhwc",
            Self::Nchw => "nchw",
        }
    }
}

/// How images come: their elements and the order of their dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFormat {
    /// What the elements are.
    pub pixels: Pixels,
    /// In which order.
    pub layout: Layout,
}
