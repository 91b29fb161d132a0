//! Published shapes by name, as encoders without classifier at 224 px: MAP-pooled, but for those with a class token.

use super::{Activation, Architecture, BlockForm, Norm, Pooling, Position, QkNorm, QkvBias, Shape, Variant, Vit};

/// A published shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name in plans.
    pub name: &'static str,
    /// Width, depth and MLP size.
    pub shape: Shape,
    /// Attention heads.
    pub heads: u64,
    /// Side of a patch, in pixels.
    pub patch: u64,
    /// How its tokens become one vector; by the class token where it has one.
    pub pooling: Pooling,
    /// What else it is made of.
    pub family: Family,
    /// Where the shape was published.
    pub source: &'static str,
}

/// Encoders that are built alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The plain encoder.
    Plain,
    /// ViT-22B: parallel blocks, root-mean-square norms, of queries and keys too, and no biases of their products.
    Vit22B,
    /// OpenAI's CLIP: a norm before the first block, no bias of the patches, quick GELU; its projection is left out.
    Clip,
    /// DINOv2: layer scale and a mask token.
    DinoV2,
    /// DINOv3: 4 registers, RoPE, no key bias, layer scale and a mask token.
    DinoV3,
    /// DINOv3 with gated MLPs.
    DinoV3Gated,
}

const fn entry(name: &'static str, [width, depth, mlp_dim, heads, patch]: [u64; 5], source: &'static str) -> Named {
    Named {
        name,
        shape: Shape { width, depth, mlp_dim },
        heads,
        patch,
        pooling: Pooling::Map,
        family: Family::Plain,
        source,
    }
}

const fn of(family: Family, name: &'static str, sizes: [u64; 5], source: &'static str) -> Named {
    Named { pooling: Pooling::Class, family, ..entry(name, sizes, source) }
}

const VIT: &str = "Dosovitskiy et al., arXiv 2010.11929; Touvron et al., arXiv 2012.12877";
const SCALING: &str = "Zhai et al., arXiv 2106.04560";
const SOVIT: &str = "Alabdulmohsin et al., arXiv 2305.13035";
const PALI: &str = "Chen et al., arXiv 2209.06794";
const VIT_22B: &str = "Dehghani et al., arXiv 2302.05442, whose 21 743 M parameters are the matrices of the blocks";
const SIGLIP: &str = "Zhai et al., arXiv 2303.15343; Tschannen et al., arXiv 2502.14786";
const CLIP: &str = "Radford et al., arXiv 2103.00020";
const DINOV2: &str = "Oquab et al., arXiv 2304.07193";
const DINOV3: &str = "Simeoni et al., arXiv 2508.10104";

/// Every shape a plan may name.
pub const CATALOGUE: &[Named] = &[
    entry("vit_ti16", [192, 12, 768, 3, 16], VIT),
    entry("vit_s16", [384, 12, 1536, 6, 16], VIT),
    entry("vit_s14", [384, 12, 1536, 6, 14], VIT),
    entry("vit_b32", [768, 12, 3072, 12, 32], VIT),
    entry("vit_b16", [768, 12, 3072, 12, 16], VIT),
    entry("vit_b14", [768, 12, 3072, 12, 14], VIT),
    entry("vit_l16", [1024, 24, 4096, 16, 16], VIT),
    entry("vit_l14", [1024, 24, 4096, 16, 14], VIT),
    entry("vit_h14", [1280, 32, 5120, 16, 14], VIT),
    entry("vit_g14", [1408, 40, 6144, 16, 14], SCALING),
    entry("vit_gigantic14", [1664, 48, 8192, 16, 14], SCALING),
    entry("vit_e14", [1792, 56, 15360, 16, 14], PALI),
    Named { family: Family::Vit22B, ..entry("vit_22b14", [6144, 48, 24576, 48, 14], VIT_22B) },
    entry("sovit_150m14", [880, 18, 2320, 16, 14], SOVIT),
    entry("sovit_400m14", [1152, 27, 4304, 16, 14], SOVIT),
    entry("siglip_b16", [768, 12, 3072, 12, 16], SIGLIP),
    entry("siglip_l16", [1024, 24, 4096, 16, 16], SIGLIP),
    entry("siglip_so400m14", [1152, 27, 4304, 16, 14], SIGLIP),
    entry("siglip2_g16", [1536, 40, 6144, 16, 16], SIGLIP),
    of(Family::Clip, "clip_b16", [768, 12, 3072, 12, 16], CLIP),
    of(Family::Clip, "clip_b32", [768, 12, 3072, 12, 32], CLIP),
    of(Family::Clip, "clip_l14", [1024, 24, 4096, 16, 14], CLIP),
    of(Family::DinoV2, "dinov2_s14", [384, 12, 1536, 6, 14], DINOV2),
    of(Family::DinoV2, "dinov2_b14", [768, 12, 3072, 12, 14], DINOV2),
    of(Family::DinoV2, "dinov2_l14", [1024, 24, 4096, 16, 14], DINOV2),
    of(Family::DinoV3, "dinov3_s16", [384, 12, 1536, 6, 16], DINOV3),
    of(Family::DinoV3Gated, "dinov3_s_plus16", [384, 12, 1536, 6, 16], DINOV3),
    of(Family::DinoV3, "dinov3_b16", [768, 12, 3072, 12, 16], DINOV3),
    of(Family::DinoV3, "dinov3_l16", [1024, 24, 4096, 16, 16], DINOV3),
    of(Family::DinoV3Gated, "dinov3_h_plus16", [1280, 32, 5120, 20, 16], DINOV3),
];

/// The published shape of that name.
pub fn named(name: &str) -> Option<&'static Named> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}

impl Family {
    fn parts(self) -> (Activation, Variant) {
        let plain = Variant::default();
        let dinov2 = Variant { layer_scale: Some(1e-5), mask_token: true, ..plain };
        let dinov3 = Variant { registers: 4, position: Position::Rope, qkv_bias: QkvBias::NoKey, ..dinov2 };
        match self {
            Self::Plain => (Activation::GeluTanh, plain),
            Self::Vit22B => {
                let (block, norm) = (BlockForm::Parallel, Norm::Rms);
                let variant = Variant { block, norm, qkv_bias: QkvBias::None, qk_norm: QkNorm::Rms, ..plain };
                (Activation::GeluTanh, variant)
            }
            Self::Clip => (Activation::QuickGelu, Variant { pre_norm: true, patch_bias: false, ..plain }),
            Self::DinoV2 => (Activation::Gelu, dinov2),
            Self::DinoV3 => (Activation::Gelu, dinov3),
            Self::DinoV3Gated => (Activation::SwiGlu, dinov3),
        }
    }
}

impl Named {
    /// The whole model; every entry is buildable, which a test holds.
    pub fn vit(&self) -> Vit {
        let (activation, variant) = self.family.parts();
        let architecture = Architecture {
            heads: self.heads,
            patch: self.patch,
            pooling: self.pooling,
            class_token: self.pooling == Pooling::Class,
            activation,
            variant,
            ..Architecture::default()
        };
        Vit { architecture, shape: self.shape }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was published are the matrices; biases of the MLP and of attention's output, the scales of 48 norms of the
    /// width and 96 of a head, patches, positions and the MAP head come on top.
    #[test]
    fn vit_22b_has_the_published_matrices() {
        let parts = named("vit_22b14").unwrap().vit().cost().params_by_component;
        let (width, mlp_dim) = (6144, 24_576);
        let biases = 48 * (mlp_dim + 2 * width);
        assert_eq!((parts.attention + parts.mlp - biases) / 1_000_000, 21_743);
        assert_eq!((parts.block_norms, parts.qk_norm, parts.final_norm), (48 * width, 96 * 128, width));
    }

    #[test]
    fn every_entry_is_buildable_and_named_once() {
        for (i, entry) in CATALOGUE.iter().enumerate() {
            let vit = entry.vit();
            assert_eq!(vit.architecture.with(vit.shape), Ok(vit), "{}", entry.name);
            assert!(CATALOGUE[..i].iter().all(|other| other.name != entry.name), "{}", entry.name);
        }
    }
}
