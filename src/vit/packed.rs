//! Images of several sizes in one batch: padded to one length as `NaFlex` does, or packed into sequences as `NaViT` does.
//!
//! The position embedding is a grid that is resized to each image, so the parameters are those of the plain encoder.
//! Padding is computed like patches by every matrix product. Held to transformers' SigLIP 2 by
//! `tests/libraries/packed.rs`.

use serde::{Deserialize, Serialize};

use super::blocks::Blocks;
use super::cost::{Looked, fit, flop_sum};
use super::memory::Seen;
use super::{Memory, Step, Vit};

/// Who shares a sequence, and what attends to what in it.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// Each image alone, padded to the length, as SigLIP 2's NaFlex (Tschannen et al., arXiv 2502.14786).
    #[default]
    Padded,
    /// All images in one sequence, each attending to itself alone, as kernels for sequences of various lengths do it.
    Blocks,
    /// All images in one sequence whose attention is computed whole and masked (Dehghani et al., arXiv 2307.06304).
    Full,
}

impl Packing {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("padded", Self::Padded), ("blocks", Self::Blocks), ("full", Self::Full)];
}

/// A mix of images, each of which is there once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Packed {
    /// Patches of each image.
    pub patches: Vec<u64>,
    /// Tokens of one sequence, class tokens and registers among them.
    pub length: u64,
    /// Who shares it.
    pub packing: Packing,
}

/// What a mix takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PackedCost {
    /// Sequences that hold every image once.
    pub sequences: u64,
    /// Tokens of all images.
    pub tokens: u64,
    /// Share of the sequences that is padding.
    pub padding: f64,
    /// Forward FLOPs of all images.
    pub forward_flops: u64,
    /// The same for one image, on average.
    pub forward_flops_per_image: u64,
}

impl Packed {
    /// The mix in sequences of `length`, or of the least that hold it.
    pub fn new(vit: &Vit, patches: Vec<u64>, length: Option<u64>, packing: Packing) -> Self {
        let least = Self { patches, length: 0, packing }.least(vit);
        Self { length: length.unwrap_or(least.1), patches: least.0, packing }
    }

    /// Whether every sequence holds what it must.
    pub fn fits(&self, vit: &Vit) -> bool {
        self.clone().least(vit).1 <= self.length
    }

    /// FLOPs and padding; saturating.
    pub fn cost(&self, vit: &Vit) -> PackedCost {
        let (images, length) = (self.patches.len() as u128, u128::from(self.length));
        let own: Vec<u128> = self.tokens(vit).map(u128::from).collect();
        let tokens: u128 = own.iter().sum();
        let sequences = if self.packing == Packing::Padded { images } else { 1 };
        let rows = sequences * length;
        // Pairs of tokens that attend, and tokens that are read for the vectors of images.
        let (pairs, read) = match self.packing {
            Packing::Padded => (rows * length, rows),
            Packing::Blocks => (own.iter().map(|n| n * n).sum(), tokens),
            Packing::Full => (rows * length, images * rows),
        };
        let patches = rows.saturating_sub(images * u128::from(vit.architecture.prefix()));
        let looked = Looked { images, patches, tokens: rows, pairs, read };
        let flops = flop_sum(&vit.architecture.terms_of(looked), vit.shape);
        PackedCost {
            sequences: fit(sequences),
            tokens: fit(tokens),
            padding: if rows == 0 { 0.0 } else { 1.0 - tokens as f64 / rows as f64 },
            forward_flops: fit(flops),
            forward_flops_per_image: fit(flops / images.max(1)),
        }
    }

    /// What a training step keeps on one device that sees `step.batch` sequences; masks of attention are left out.
    pub fn memory(&self, vit: &Vit, step: &Step) -> Memory {
        let images = if self.packing == Packing::Padded { 1 } else { self.patches.len() as u128 };
        let blocks = Blocks { tokens: self.length, ..vit.blocks() };
        let rows = blocks.rows(step);
        let inputs = u128::from(vit.architecture.channels * vit.architecture.patch * vit.architecture.patch);
        let prefix = images * u128::from(vit.architecture.prefix());
        let seen =
            Seen { rows, images: images * step.images(), pixels: rows.saturating_sub(prefix * step.images()) * inputs };
        let kept = blocks.saved(step).saturating_add(vit.saved_around(step, vit.architecture.classes > 0, seen));
        Memory::new(vit.held(step), fit(kept.saturating_add(blocks.saved_again(step))), step)
    }

    /// Tokens of each image.
    fn tokens(&self, vit: &Vit) -> impl Iterator<Item = u64> {
        let (variant, prefix) = (vit.architecture.variant, vit.architecture.prefix());
        self.patches.iter().map(move |&patches| variant.visible(patches).saturating_add(prefix))
    }

    /// The patches, and the least length that holds them.
    fn least(self, vit: &Vit) -> (Vec<u64>, u64) {
        let least = match self.packing {
            Packing::Padded => self.tokens(vit).max().unwrap_or(0),
            Packing::Blocks | Packing::Full => self.tokens(vit).fold(0, u64::saturating_add),
        };
        (self.patches, least)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Architecture, Pooling, named};
    use super::*;

    fn vits() -> impl Strategy<Value = Vit> {
        (0usize..3, 0u64..4).prop_map(|(pooling, registers)| {
            let mut vit = named("vit_s16").unwrap().vit();
            vit.architecture.pooling = Pooling::ALL[pooling].1;
            vit.architecture.class_token = vit.architecture.pooling == Pooling::Class;
            vit.architecture.variant.registers = registers;
            vit
        })
    }

    fn alone(vit: &Vit, side: u64) -> Vit {
        Vit { architecture: Architecture { image: side * vit.architecture.patch, ..vit.architecture }, ..*vit }
    }

    proptest! {
        /// An image that attends to itself costs what it costs alone, wherever it stands.
        #[test]
        fn without_padding_blocks_cost_what_their_images_do(
            vit in vits(),
            sides in proptest::collection::vec(1u64..30, 1..6),
        ) {
            let packed = Packed::new(&vit, sides.iter().map(|side| side * side).collect(), None, Packing::Blocks);
            let cost = packed.cost(&vit);
            let apart: u64 = sides.iter().map(|&side| alone(&vit, side).cost().forward_flops_per_example).sum();
            prop_assert_eq!(cost.forward_flops, apart);
            prop_assert_eq!(cost.padding, 0.0);
            // Packs keep for their tokens what images alone keep for theirs.
            let step = Step { batch: 3, ..Step::DEFAULT };
            let kept: u64 = sides.iter().map(|&side| alone(&vit, side).memory(&step).activations).sum();
            prop_assert_eq!(packed.memory(&vit, &step).activations, kept);
            let full = Packed { packing: Packing::Full, ..packed };
            prop_assert!(full.cost(&vit).forward_flops >= cost.forward_flops);
        }

        /// Padded to the size of one image, every image costs what that does.
        #[test]
        fn padded_images_cost_what_the_largest_does(vit in vits(), side in 1u64..30, smaller in 0u64..30) {
            let patches = vec![side * side, side * side - smaller.min(side - 1)];
            let packed = Packed::new(&vit, patches, None, Packing::Padded);
            let largest = alone(&vit, side);
            prop_assert_eq!(packed.cost(&vit).forward_flops_per_image, largest.cost().forward_flops_per_example);
            let step = Step { batch: 3, ..Step::DEFAULT };
            let expected = Memory { activations: largest.memory(&step).activations, ..vit.memory(&step) };
            prop_assert_eq!(packed.memory(&vit, &step), expected);
        }
    }

    #[test]
    fn the_largest_sizes_do_not_overflow() {
        let limit = Architecture::LIMIT;
        let architecture = Architecture { image: limit, patch: 1, heads: 1, classes: limit, ..Architecture::default() };
        let shape = super::super::Shape { width: limit, depth: limit, mlp_dim: limit };
        let vit = architecture.with(shape).unwrap();
        for (_, packing) in Packing::ALL {
            let packed = Packed::new(&vit, vec![limit; 8], None, packing);
            assert_eq!(packed.cost(&vit).forward_flops, u64::MAX);
            assert_eq!(packed.memory(&vit, &Step { batch: u64::MAX, ..Step::DEFAULT }).total(), u64::MAX);
        }
    }
}
