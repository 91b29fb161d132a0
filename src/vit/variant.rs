//! What an encoder may have beyond the plain one of SoViT and SigLIP.

use serde::{Deserialize, Serialize};

/// Where the norms of a block stand, and what it sums.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BlockForm {
    /// A norm before attention and one before the MLP, each inside its residual sum.
    #[default]
    Pre,
    /// A norm behind each residual sum, and none behind the last block (Vaswani et al., arXiv 1706.03762).
    Post,
    /// A norm of what attention and MLP give, before the residual sum (Liu et al., arXiv 2111.09883).
    ResPost,
    /// One norm, which attention and MLP both read, and one residual sum (Dehghani et al., arXiv 2302.05442).
    Parallel,
}

impl BlockForm {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 4] =
        [("pre", Self::Pre), ("post", Self::Post), ("res_post", Self::ResPost), ("parallel", Self::Parallel)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Post => "post",
            Self::ResPost => "res_post",
            Self::Parallel => "parallel",
        }
    }

    /// Norms of a block; it has as many residual sums, and a layer scale before each.
    pub const fn norms(self) -> u64 {
        if matches!(self, Self::Parallel) { 1 } else { 2 }
    }

    /// Whether what comes out of the last block is normed once more.
    pub const fn has_final_norm(self) -> bool {
        !matches!(self, Self::Post)
    }
}

/// The norms of an encoder, but for those of queries and keys.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Norm {
    /// Layer norm with scale and shift.
    #[default]
    Layer,
    /// Root-mean-square norm with a scale: neither centred nor shifted (Zhang and Sennrich, arXiv 1910.07467).
    Rms,
}

impl Norm {
    /// Both with their names in plans.
    pub const ALL: [(&'static str, Self); 2] = [("layer", Self::Layer), ("rms", Self::Rms)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Rms => "rms",
        }
    }

    /// Vectors of the width that one has, and as many statistics of each row that it keeps.
    pub(super) const fn vectors(self) -> u64 {
        match self {
            Self::Layer => 2,
            Self::Rms => 1,
        }
    }
}

/// How tokens learn where they are.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Position {
    /// A learned row for each position.
    #[default]
    Learned,
    /// Fixed sines and cosines of both axes, added to the patches; no parameters (Chen et al., arXiv 2104.02057).
    #[serde(rename = "sincos2d", alias = "sin_cos2d")]
    SinCos2d,
    /// Queries and keys are rotated by both axes in every block; no parameters (Heo et al., arXiv 2403.13298).
    Rope,
}

impl Position {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 3] =
        [("learned", Self::Learned), ("sincos2d", Self::SinCos2d), ("rope", Self::Rope)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learned => "learned",
            Self::SinCos2d => "sincos2d",
            Self::Rope => "rope",
        }
    }

    /// Whether its sine and cosine of two axes fit the width, or the head that is rotated.
    pub(super) const fn pairs_in(self, width: u64, heads: u64) -> bool {
        match self {
            Self::Learned => true,
            Self::SinCos2d => width.is_multiple_of(4),
            Self::Rope => (width / heads).is_multiple_of(4),
        }
    }
}

/// Which tokens have a row in a learned position embedding.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PositionRows {
    /// Patches and the class token, as ViT and DINOv2.
    #[default]
    Class,
    /// Patches alone, as big_vision.
    Patches,
    /// Patches, class token and registers, as timm unless told otherwise.
    All,
}

impl PositionRows {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 3] = [("class", Self::Class), ("patches", Self::Patches), ("all", Self::All)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Patches => "patches",
            Self::All => "all",
        }
    }
}

/// Biases of the query, key and value projections.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QkvBias {
    /// All three.
    #[default]
    All,
    /// Query and value; a key's bias changes no attention weight. As BEiT and DINOv3.
    NoKey,
    /// None.
    None,
}

impl QkvBias {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 3] = [("all", Self::All), ("no_key", Self::NoKey), ("none", Self::None)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::NoKey => "no_key",
            Self::None => "none",
        }
    }

    /// Vectors of the width that it adds to a block.
    pub(super) const fn vectors(self) -> u64 {
        match self {
            Self::All => 3,
            Self::NoKey => 2,
            Self::None => 0,
        }
    }
}

/// Norms of queries and keys, over one head (Dehghani et al., arXiv 2302.05442).
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QkNorm {
    /// None.
    #[default]
    None,
    /// Layer norm with scale and shift.
    Layer,
    /// Root-mean-square norm with a scale.
    Rms,
}

impl QkNorm {
    /// All of them with their names in plans.
    pub const ALL: [(&'static str, Self); 3] = [("none", Self::None), ("layer", Self::Layer), ("rms", Self::Rms)];

    /// The name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Layer => "layer",
            Self::Rms => "rms",
        }
    }

    /// Vectors of the head's size that it adds to a block.
    pub(super) const fn vectors(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Layer => 4,
            Self::Rms => 2,
        }
    }
}

/// What an encoder has beyond the plain one; the default is the plain one. Only what differs is written to files.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variant {
    /// Where the norms of a block stand, and what it sums.
    #[serde(skip_serializing_if = "is_default")]
    pub block: BlockForm,
    /// The norms, but for those of queries and keys.
    #[serde(skip_serializing_if = "is_default")]
    pub norm: Norm,
    /// Learned tokens that nobody reads (Darcet et al., arXiv 2309.16588).
    #[serde(skip_serializing_if = "is_default")]
    pub registers: u64,
    /// How tokens learn where they are.
    #[serde(skip_serializing_if = "is_default")]
    pub position: Position,
    /// Which tokens have a learned position.
    #[serde(skip_serializing_if = "is_default")]
    pub position_rows: PositionRows,
    /// Biases of query, key and value.
    #[serde(skip_serializing_if = "is_default")]
    pub qkv_bias: QkvBias,
    /// First value of a learned scale of each channel behind attention and MLP (Touvron et al., arXiv 2103.17239).
    #[serde(skip_serializing_if = "is_default")]
    pub layer_scale: Option<f64>,
    /// A layer norm before the first block, as CLIP.
    #[serde(skip_serializing_if = "is_default")]
    pub pre_norm: bool,
    /// Whether the patch embedding has a bias.
    #[serde(skip_serializing_if = "is_true")]
    pub patch_bias: bool,
    /// Norms of queries and keys.
    #[serde(skip_serializing_if = "is_default")]
    pub qk_norm: QkNorm,
    /// A learned token that stands for hidden patches, as DINOv2 and DINOv3.
    #[serde(skip_serializing_if = "is_default")]
    pub mask_token: bool,
    /// Share of the patches that the blocks do not see in training, as MAE (He et al., arXiv 2111.06377); below 1.
    #[serde(skip_serializing_if = "is_default")]
    pub masked: f64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

impl Default for Variant {
    fn default() -> Self {
        Self {
            block: BlockForm::default(),
            norm: Norm::default(),
            registers: 0,
            position: Position::default(),
            position_rows: PositionRows::default(),
            qkv_bias: QkvBias::default(),
            layer_scale: None,
            pre_norm: false,
            patch_bias: true,
            qk_norm: QkNorm::default(),
            mask_token: false,
            masked: 0.0,
        }
    }
}

/// One way to differ from the plain encoder, as a trainer may or may not be able to express it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// Blocks with their norms elsewhere.
    Block(BlockForm),
    /// Norms that are not layer norms.
    Norm(Norm),
    /// Register tokens.
    Registers,
    /// Positions that are not learned.
    Position(Position),
    /// Other tokens than patches and the class token have rows, or fewer do.
    PositionRows(PositionRows),
    /// Fewer biases.
    QkvBias(QkvBias),
    /// A scale behind attention and MLP.
    LayerScale,
    /// A norm before the first block.
    PreNorm,
    /// No bias in the patch embedding.
    NoPatchBias,
    /// Norms of queries and keys.
    QkNorm(QkNorm),
    /// A mask token.
    MaskToken,
    /// Patches that are hidden in training.
    Masked,
}

impl Feature {
    /// As a message names it.
    pub fn phrase(self) -> String {
        match self {
            Self::Block(form) => format!("`block = {}`", form.name()),
            Self::Norm(norm) => format!("`norm = {}`", norm.name()),
            Self::Registers => "registers".to_owned(),
            Self::Position(position) => format!("`position = {}`", position.name()),
            Self::PositionRows(rows) => format!("`position_rows = {}`", rows.name()),
            Self::QkvBias(bias) => format!("`qkv_bias = {}`", bias.name()),
            Self::LayerScale => "a layer scale".to_owned(),
            Self::PreNorm => "a norm before the first block".to_owned(),
            Self::NoPatchBias => "a patch embedding without bias".to_owned(),
            Self::QkNorm(norm) => format!("`qk_norm = {}`", norm.name()),
            Self::MaskToken => "a mask token".to_owned(),
            Self::Masked => "masked patches".to_owned(),
        }
    }
}

impl Variant {
    /// Patches of `patches` that are seen in training: rounded down, as MAE's `int(n * (1 - ratio))`.
    pub(super) fn visible(&self, patches: u64) -> u64 {
        if self.masked == 0.0 { patches } else { (patches as f64 * (1.0 - self.masked)) as u64 }
    }

    /// All that differs from the plain encoder.
    pub fn features(&self) -> Vec<Feature> {
        let plain = Self::default();
        [
            (self.block != plain.block, Feature::Block(self.block)),
            (self.norm != plain.norm, Feature::Norm(self.norm)),
            (self.registers > 0, Feature::Registers),
            (self.position != plain.position, Feature::Position(self.position)),
            (self.position_rows != plain.position_rows, Feature::PositionRows(self.position_rows)),
            (self.qkv_bias != plain.qkv_bias, Feature::QkvBias(self.qkv_bias)),
            (self.layer_scale.is_some(), Feature::LayerScale),
            (self.pre_norm, Feature::PreNorm),
            (!self.patch_bias, Feature::NoPatchBias),
            (self.qk_norm != plain.qk_norm, Feature::QkNorm(self.qk_norm)),
            (self.mask_token, Feature::MaskToken),
            (self.masked > 0.0, Feature::Masked),
        ]
        .into_iter()
        .filter_map(|(differs, feature)| differs.then_some(feature))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_encoder_has_no_features_and_writes_nothing() {
        assert!(Variant::default().features().is_empty());
        assert_eq!(serde_json::to_string(&Variant::default()).unwrap(), "{}");
        assert_eq!(serde_json::from_str::<Variant>("{}").unwrap(), Variant::default());
    }

    #[test]
    fn every_difference_is_a_feature() {
        let all = Variant {
            block: BlockForm::Parallel,
            norm: Norm::Rms,
            registers: 4,
            position: Position::Rope,
            position_rows: PositionRows::All,
            qkv_bias: QkvBias::NoKey,
            layer_scale: Some(1e-5),
            pre_norm: true,
            patch_bias: false,
            qk_norm: QkNorm::Rms,
            mask_token: true,
            masked: 0.75,
        };
        assert_eq!(all.features().len(), 12);
        assert_eq!(serde_json::from_str::<Variant>(&serde_json::to_string(&all).unwrap()).unwrap(), all);
        assert_eq!(all.visible(256), 64);
    }
}
