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

/// How the kernels of a model are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelForm {
    /// How images come to them.
    pub images: ImageFormat,
    /// Where the layer norms of a block are computed.
    pub layernorm: LayerNorm,
    /// In what batches images come.
    pub batches: Batches,
}

impl From<ImageFormat> for KernelForm {
    /// The usual form, for images that come so.
    fn from(images: ImageFormat) -> Self {
        Self { images, ..Self::default() }
    }
}
