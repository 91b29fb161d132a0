//! The parts of an encoder that a plan fixes before any shape is chosen.

use serde::{Deserialize, Serialize};

use super::{Position, PositionRows, Shape, Variant};

/// How the tokens become one vector.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pooling {
    /// Multi-head attention pooling: a learned probe attends to the tokens, followed by a residual MLP of the
    /// encoder's own MLP size (Zhai et al., "Scaling Vision Transformers", 2106.04560).
    Map,
    /// The mean of the patch tokens.
    Average,
    /// The class token.
    Class,
}

impl Pooling {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 3] = [("map", Self::Map), ("average", Self::Average), ("class", Self::Class)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Average => "average",
            Self::Class => "class",
        }
    }
}

/// The MLP's activation. It changes numerics, not counts.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Activation {
    /// GELU by the error function.
    Gelu,
    /// GELU by its tanh approximation, as JAX's and SigLIP's default.
    #[default]
    GeluTanh,
    /// `x sigmoid(1.702 x)`, as OpenAI's CLIP.
    QuickGelu,
    /// `silu(gate) * up`: a third matrix, the gate's, beside the two of the MLP (Shazeer, arXiv 2002.05202).
    #[serde(rename = "swiglu", alias = "swi_glu")]
    SwiGlu,
}

impl Activation {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 4] = [
        ("gelu", Self::Gelu),
        ("gelu_tanh", Self::GeluTanh),
        ("quick_gelu", Self::QuickGelu),
        ("swiglu", Self::SwiGlu),
    ];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_tanh",
            Self::QuickGelu => "quick_gelu",
            Self::SwiGlu => "swiglu",
        }
    }

    /// Matrices of `width x mlp` in one MLP: 3 with a gate.
    pub const fn matrices(self) -> u64 {
        if matches!(self, Self::SwiGlu) { 3 } else { 2 }
    }
}

/// Everything about an encoder but its [`Shape`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Side of the square input, in pixels.
    pub image: u64,
    /// Side of a patch, in pixels; divides `image`.
    pub patch: u64,
    /// Colour channels.
    pub channels: u64,
    /// Attention heads; divide the width.
    pub heads: u64,
    /// How the tokens become one vector.
    pub pooling: Pooling,
    /// Whether a class token is prepended. It has a row in the position embedding.
    pub class_token: bool,
    /// Outputs of the linear classifier; 0 for none.
    pub classes: u64,
    /// The activation of the blocks' MLPs; that of a MAP head is never gated.
    pub activation: Activation,
    /// Epsilon of every layer norm.
    pub norm_epsilon: f64,
    /// What else it has beyond the plain encoder.
    #[serde(flatten)]
    pub variant: Variant,
}

/// An architecture and a shape: one buildable model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vit {
    /// What the plan fixes.
    pub architecture: Architecture,
    /// What the law chooses.
    pub shape: Shape,
}

impl Vit {
    /// The same where it is served: no patch is hidden.
    #[must_use]
    pub const fn seeing(self) -> Self {
        Self { architecture: self.architecture.seeing(), ..self }
    }
}

/// Why a model cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A size that must be at least 1 is 0.
    Zero(&'static str),
    /// The patch does not divide the image.
    PatchDoesNotDivideImage,
    /// The heads do not divide the width.
    HeadsDoNotDivideWidth,
    /// Class pooling without a class token.
    NoClassToken,
    /// A size beyond [`Architecture::LIMIT`].
    TooLarge(&'static str),
    /// Every patch is masked, or the masked share is none.
    NothingVisible,
    /// Sines and cosines of two axes need a width, or with RoPE a head size, of a multiple of 4.
    PositionNeedsFours,
}

impl Architecture {
    /// The largest value of any one size; keeps every count inside 128 bits with room to spare.
    pub const LIMIT: u64 = 1 << 20;

    /// Patches per image.
    pub const fn patches(&self) -> u64 {
        (self.image / self.patch) * (self.image / self.patch)
    }

    /// Tokens before the patches': the class token and the registers.
    pub const fn prefix(&self) -> u64 {
        self.class_token as u64 + self.variant.registers
    }

    /// Rows of the learned position embedding; none of fixed ones.
    pub const fn position_rows(&self) -> u64 {
        match (self.variant.position, self.variant.position_rows) {
            (Position::SinCos2d | Position::Rope, _) => 0,
            (Position::Learned, PositionRows::Patches) => self.patches(),
            (Position::Learned, PositionRows::Class) => self.patches() + self.class_token as u64,
            (Position::Learned, PositionRows::All) => self.patches() + self.prefix(),
        }
    }

    /// Patches that the blocks see in training: all of them, but for a masked autoencoder.
    pub fn visible_patches(&self) -> u64 {
        self.variant.visible(self.patches())
    }

    /// The same where it is served: no patch is hidden.
    #[must_use]
    pub const fn seeing(mut self) -> Self {
        self.variant.masked = 0.0;
        self
    }

    /// Tokens a block sees: visible patches, the class token and registers.
    pub fn tokens(&self) -> u64 {
        self.visible_patches() + self.prefix()
    }

    /// What is wrong with it, whatever the shape.
    pub fn problem(&self) -> Option<Problem> {
        for (name, value) in
            [("image", self.image), ("patch", self.patch), ("channels", self.channels), ("heads", self.heads)]
        {
            if value == 0 {
                return Some(Problem::Zero(name));
            }
            if value > Self::LIMIT {
                return Some(Problem::TooLarge(name));
            }
        }
        for (name, value) in [("classes", self.classes), ("registers", self.variant.registers)] {
            if value > Self::LIMIT {
                return Some(Problem::TooLarge(name));
            }
        }
        if !self.image.is_multiple_of(self.patch) {
            return Some(Problem::PatchDoesNotDivideImage);
        }
        if self.pooling == Pooling::Class && !self.class_token {
            return Some(Problem::NoClassToken);
        }
        let masked = self.variant.masked;
        if !(0.0..1.0).contains(&masked) || self.visible_patches() == 0 {
            return Some(Problem::NothingVisible);
        }
        None
    }

    /// The model of this architecture and `shape`, or why there is none.
    pub fn with(&self, shape: Shape) -> Result<Vit, Problem> {
        if let Some(problem) = self.problem() {
            return Err(problem);
        }
        for (name, value) in [("width", shape.width), ("depth", shape.depth), ("mlp", shape.mlp_dim)] {
            if value == 0 {
                return Err(Problem::Zero(name));
            }
            if value > Self::LIMIT {
                return Err(Problem::TooLarge(name));
            }
        }
        if !shape.width.is_multiple_of(self.heads) {
            return Err(Problem::HeadsDoNotDivideWidth);
        }
        let pairs = self.variant.position.pairs_in(shape.width, self.heads);
        if !pairs {
            return Err(Problem::PositionNeedsFours);
        }
        Ok(Vit { architecture: *self, shape })
    }
}

impl Default for Architecture {
    /// The SoViT and SigLIP encoder: 224 px, patch 14, 16 heads, MAP pooling, no class token, no classifier.
    fn default() -> Self {
        Self {
            image: 224,
            patch: 14,
            channels: 3,
            heads: 16,
            pooling: Pooling::Map,
            class_token: false,
            classes: 0,
            activation: Activation::GeluTanh,
            norm_epsilon: 1e-6,
            variant: Variant::default(),
        }
    }
}

impl Vit {
    /// Width of one attention head.
    pub const fn head_dim(&self) -> u64 {
        self.shape.width / self.architecture.heads
    }
}
