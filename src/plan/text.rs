//! The text tower of an emit.

use crate::vit::{Shape, TextFamily, TextTower};

/// `text = { width = .., depth = .., heads = .. }`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextSizes {
    /// Embedding width.
    pub width: u64,
    /// Blocks.
    pub depth: u64,
    /// Attention heads.
    pub heads: u64,
}

impl TextSizes {
    /// The tower of these sizes in a family; an MLP is four times as wide as the tower.
    pub const fn tower(self, family: TextFamily) -> TextTower {
        let Self { width, depth, heads } = self;
        TextTower::new(family, Shape { width, depth, mlp_dim: width.saturating_mul(4) }, heads)
    }
}
