//! What is open of a model's kernels: the same numbers, made in other ways.

use serde::{Deserialize, Serialize};

use super::{Batches, ImageFormat};

/// Where the layer norms of a block are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerNorm {
    /// By a kernel of their own, which writes the normalised rows.
    #[default]
    Apart,
    /// In the product behind them: its weights hold the gain, and its epilogue takes the mean and the deviation of each
    /// row, which a small kernel writes.
    Folded,
}

impl LayerNorm {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 2] = [("apart", Self::Apart), ("folded", Self::Folded)];
}

/// A float of 16 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// The upper half of a `float`: its range, and 8 significant bits.
    #[default]
    Bf16,
    /// That of IEEE 754: 11 significant bits, and nothing beyond 65,504.
    Fp16,
}

impl Half {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 2] = [("bf16", Self::Bf16), ("fp16", Self::Fp16)];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
        }
    }
}

/// The floats of 16 bits that kernels read and write; they compute in `float`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Halves {
    /// What is multiplied, and all that kernels leave for one another but the residual stream.
    pub dtype: Half,
    /// The residual stream: the tokens between blocks, to which each block adds. A few of its numbers are very large in
    /// large models, so that bf16, which holds them, serves fp16 as well.
    pub residual: Half,
}

impl Halves {
    /// All of them that kernels are written for.
    pub const ALL: [Self; 3] = [Self::of(Half::Bf16), Self::MIXED, Self::of(Half::Fp16)];
    /// Products in fp16 and a residual stream in bf16.
    pub const MIXED: Self = Self { dtype: Half::Fp16, residual: Half::Bf16 };

    /// One for all.
    pub const fn of(dtype: Half) -> Self {
        Self { dtype, residual: dtype }
    }

    /// Whether one is for all.
    pub fn is_one(self) -> bool {
        self.dtype == self.residual
    }
}

impl std::fmt::Display for Halves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, residual stream in {}", self.dtype.name(), self.residual.name())
    }
}

/// How the kernels of a model are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelForm {
    /// How images come to them.
    pub images: ImageFormat,
    /// In which floats they work.
    pub halves: Halves,
    /// Where the layer norms of a block are computed.
    pub layernorm: LayerNorm,
    /// In what batches images come.
    pub batches: Batches,
}

impl KernelForm {
    /// All that there are kernels of, for the usual images in whatever batches.
    pub fn all() -> Vec<Self> {
        let norms = |halves| LayerNorm::ALL.map(|(_, layernorm)| Self { halves, layernorm, ..Self::default() });
        Halves::ALL.into_iter().flat_map(norms).filter(Self::is_consistent).collect()
    }

    /// Whether there are kernels of this form: fp16 is in the residual stream only where products are in fp16, too, and
    /// products that a layer norm is folded into multiply the stream itself.
    pub fn is_consistent(&self) -> bool {
        let Halves { dtype, residual } = self.halves;
        dtype == residual || (dtype == Half::Fp16 && self.layernorm == LayerNorm::Apart)
    }
}

impl From<ImageFormat> for KernelForm {
    /// The usual form, for images that come so.
    fn from(images: ImageFormat) -> Self {
        Self { images, ..Self::default() }
    }
}
