//! The text tower that training by contrast puts beside an encoder: its parts, what it costs and what it keeps.
//!
//! A pre-LN transformer with learned positions whose last norm sees every token; one token becomes the text's vector.
//! Padding is computed like words, and so is what a causal mask hides, as PyTorch and `torch.utils.flop_counter` do.
//! Held to open_clip and transformers by `tests/libraries/contrastive.rs`.

use serde::{Deserialize, Serialize};

use super::blocks::Blocks;
use super::cost::fit;
use super::tensor::Tensors;
use super::{Activation, Architecture, Problem, Shape, Step, Variant};

/// Which family of towers it is of: what is read and how images and texts come to share a space.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFamily {
    /// No causal mask, the last token is read, and a layer with bias takes it to the encoder's width; the encoder is not
    /// projected (Zhai et al., arXiv 2303.15343).
    Siglip,
    /// Causal, the end of the text is read, and matrices without bias take it and the image to the tower's own width
    /// (Radford et al., arXiv 2103.00020).
    Clip,
}

impl TextFamily {
    /// Both with their names.
    pub const ALL: [(&'static str, Self); 2] = [("siglip", Self::Siglip), ("clip", Self::Clip)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Siglip => "siglip",
            Self::Clip => "clip",
        }
    }

    /// The smallest tower that it was published with, which libraries build where nobody says otherwise.
    pub const fn smallest(self) -> TextTower {
        match self {
            Self::Siglip => siglip("siglip_b", SIGLIP_B).tower,
            Self::Clip => clip("clip_b", CLIP_B.0, CLIP_B.1).tower,
        }
    }

    /// Tokens that it knows, where nobody says otherwise.
    pub const fn vocabulary(self) -> u64 {
        match self {
            Self::Siglip => 32_000,
            Self::Clip => 49_408,
        }
    }

    /// Tokens of one text, where nobody says otherwise.
    pub const fn context(self) -> u64 {
        match self {
            Self::Siglip => 64,
            Self::Clip => 77,
        }
    }
}

/// A text tower.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextTower {
    /// Its family.
    pub family: TextFamily,
    /// Tokens that it knows.
    pub vocabulary: u64,
    /// Tokens of one text, padded or cut to that.
    pub context: u64,
    /// Width, depth and MLP size.
    pub shape: Shape,
    /// Attention heads; divide the width.
    pub heads: u64,
    /// The activation of the MLPs.
    pub activation: Activation,
}

/// A published text tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedText {
    /// The name in plans.
    pub name: &'static str,
    /// The tower.
    pub tower: TextTower,
    /// Where it was published.
    pub source: &'static str,
}

const fn siglip(name: &'static str, [width, depth, mlp_dim, heads]: [u64; 4]) -> NamedText {
    let tower = TextTower::new(TextFamily::Siglip, Shape { width, depth, mlp_dim }, heads);
    NamedText { name, tower, source: "Zhai et al., arXiv 2303.15343" }
}

const fn siglip2(name: &'static str, sizes: [u64; 4]) -> NamedText {
    let one = siglip(name, sizes);
    let tower = TextTower { vocabulary: 256_000, ..one.tower };
    NamedText { tower, source: "Tschannen et al., arXiv 2502.14786", ..one }
}

const fn clip(name: &'static str, width: u64, heads: u64) -> NamedText {
    let tower = TextTower::new(TextFamily::Clip, Shape { width, depth: 12, mlp_dim: 4 * width }, heads);
    let tower = TextTower { activation: Activation::QuickGelu, ..tower };
    NamedText { name, tower, source: "Radford et al., arXiv 2103.00020" }
}

/// Width, depth, MLP size and heads of SigLIP's text tower with ViT-B.
const SIGLIP_B: [u64; 4] = [768, 12, 3072, 12];
/// Width and heads of CLIP's.
const CLIP_B: (u64, u64) = (512, 8);

/// Every text tower that a plan may name.
pub const TEXT_CATALOGUE: &[NamedText] = &[
    siglip("siglip_b", SIGLIP_B),
    siglip("siglip_l", [1024, 24, 4096, 16]),
    siglip("siglip_so400m", [1152, 27, 4304, 16]),
    siglip2("siglip2_b", SIGLIP_B),
    siglip2("siglip2_l", [1024, 24, 4096, 16]),
    siglip2("siglip2_so400m", [1152, 27, 4304, 16]),
    clip("clip_b", CLIP_B.0, CLIP_B.1),
    clip("clip_l", 768, 12),
];

/// The published text tower of that name.
pub fn named_text(name: &str) -> Option<&'static NamedText> {
    TEXT_CATALOGUE.iter().find(|entry| entry.name == name)
}

/// Parameters of a text tower by component. The sum is the tower.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextComponents {
    /// A row for each token: `V D`.
    pub token_embedding: u64,
    /// A row for each position: `C D`.
    pub position_embedding: u64,
    /// Two layer norms a block.
    pub block_norms: u64,
    /// Query, key, value and output projections with biases.
    pub attention: u64,
    /// Two linear layers with biases.
    pub mlp: u64,
    /// The norm after the last block.
    pub final_norm: u64,
    /// From the tower's width to that of the shared space, with a bias in SigLIP.
    pub projection: u64,
}

impl TextComponents {
    /// Each component with its name.
    pub const fn list(&self) -> [(&'static str, u64); 7] {
        [
            ("token_embedding", self.token_embedding),
            ("position_embedding", self.position_embedding),
            ("block_norms", self.block_norms),
            ("attention", self.attention),
            ("mlp", self.mlp),
            ("final_norm", self.final_norm),
            ("projection", self.projection),
        ]
    }

    /// All parameters.
    pub fn total(&self) -> u64 {
        self.list().iter().fold(0, |sum, &(_, count)| sum.saturating_add(count))
    }
}

impl TextTower {
    /// The tower of a family and a shape, with the family's vocabulary and context and its GELU by tanh.
    pub const fn new(family: TextFamily, shape: Shape, heads: u64) -> Self {
        let (vocabulary, context) = (family.vocabulary(), family.context());
        Self { family, vocabulary, context, shape, heads, activation: Activation::GeluTanh }
    }

    /// Why it cannot be built.
    pub fn problem(&self) -> Option<Problem> {
        let Shape { width, depth, mlp_dim } = self.shape;
        for (name, value) in [
            ("vocabulary", self.vocabulary),
            ("context", self.context),
            ("width", width),
            ("depth", depth),
            ("mlp", mlp_dim),
            ("heads", self.heads),
        ] {
            if value == 0 {
                return Some(Problem::Zero(name));
            }
            if value > Architecture::LIMIT {
                return Some(Problem::TooLarge(name));
            }
        }
        (!width.is_multiple_of(self.heads)).then_some(Problem::HeadsDoNotDivideWidth)
    }

    /// Width of the space that texts share with images of an encoder of `image_width`.
    pub const fn shared_width(&self, image_width: u64) -> u64 {
        match self.family {
            TextFamily::Siglip => image_width,
            TextFamily::Clip => self.shape.width,
        }
    }

    /// Parameters by component, with a projection to `shared` numbers.
    pub fn components(&self, shared: u64) -> TextComponents {
        let d = u128::from(self.shape.width);
        let blocks = self.blocks().params();
        let bias = u128::from(self.family == TextFamily::Siglip);
        TextComponents {
            token_embedding: fit(u128::from(self.vocabulary) * d),
            position_embedding: fit(u128::from(self.context) * d),
            block_norms: fit(blocks.norms),
            attention: fit(blocks.attention),
            mlp: fit(blocks.mlp),
            final_norm: fit(2 * d),
            projection: fit((d + bias) * u128::from(shared)),
        }
    }

    /// Forward FLOPs of one text, two per multiply-add; looking up a token is none.
    pub fn forward_flops(&self, shared: u64) -> u64 {
        fit(self.blocks().flops() + 2 * u128::from(self.shape.width) * u128::from(shared))
    }

    /// Bytes that autograd keeps of a batch of texts, parameters left out, each storage once.
    ///
    /// Not in it is what libraries keep once, whatever the batch: transformers the numbers of the positions, open_clip
    /// a causal mask of context x context.
    pub fn saved_bytes(&self, step: &Step) -> u64 {
        fit(self.saved_before_backward(step).saturating_add(self.blocks().saved_again(step)))
    }

    pub(super) fn saved_before_backward(&self, step: &Step) -> u128 {
        let (rows, texts) = (self.blocks().rows(step), step.images());
        let width = u128::from(self.shape.width);
        // The last norm's input, and what the projection reads: a view of all normed tokens, or the rows that were
        // picked, with the two indices of each.
        let (read, indices) = match self.family {
            TextFamily::Siglip => (rows * width, 0),
            TextFamily::Clip => (texts * width, 2 * texts),
        };
        let integers = (rows + indices) * INDEX;
        let around = step.bytes_of(rows * width + read, 2 * rows);
        self.blocks().saved(step).saturating_add(around + integers)
    }

    pub(super) fn blocks(&self) -> Blocks {
        Blocks {
            shape: self.shape,
            heads: self.heads,
            tokens: self.context,
            activation: self.activation,
            variant: Variant::default(),
        }
    }

    pub(super) fn tensors(&self, shared: u64, tensors: &mut Tensors) {
        let d = self.shape.width;
        tensors.add(&[self.vocabulary, d], 1);
        tensors.add(&[self.context, d], 1);
        self.blocks().tensors(tensors);
        tensors.add(&[d], 2);
        tensors.add(&[shared, d], 1);
        tensors.add(&[shared], u64::from(self.family == TextFamily::Siglip));
    }
}

/// Bytes of a token's number, a position or a label.
pub(super) const INDEX: u128 = 8;
