//! The blocks of a transformer, whatever its tokens are: what they cost and what autograd keeps of them.

use super::cost::flop_sum;
use super::tensor::Tensors;
use super::{Activation, AttentionKind, BlockForm, FlopTerm, Position, QkNorm, QkvBias, Shape, Step, Variant};

/// Statistics of norms and log-sum-exps are kept in fp32.
pub(super) const STATISTIC: u128 = 4;

/// All blocks of one tower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) shape: Shape,
    pub(super) heads: u64,
    /// Tokens of one sequence.
    pub(super) tokens: u64,
    pub(super) activation: Activation,
    pub(super) variant: Variant,
}

/// Parameters of all blocks, by component.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockParams {
    pub(super) norms: u128,
    pub(super) attention: u128,
    pub(super) qk_norm: u128,
    pub(super) mlp: u128,
    pub(super) layer_scale: u128,
}

impl BlockParams {
    /// All of them.
    pub(super) const fn total(&self) -> u128 {
        self.norms + self.attention + self.qk_norm + self.mlp + self.layer_scale
    }
}

/// Forward FLOPs of blocks by the sizes, for so many tokens of which so many pairs attend: projections, scores and sums
/// of attention, MLPs.
pub(super) fn flop_terms(tokens: u128, pairs: u128, activation: Activation) -> [FlopTerm; 3] {
    let matrices = u128::from(activation.matrices());
    [
        FlopTerm::new(8 * tokens, [2, 1, 0]),
        FlopTerm::new(4 * pairs, [1, 1, 0]),
        FlopTerm::new(2 * matrices * tokens, [1, 1, 1]),
    ]
}

impl Blocks {
    /// Parameters.
    pub(super) fn params(&self) -> BlockParams {
        let (d, l, m) = self.sizes();
        let v = &self.variant;
        let matrices = u128::from(self.activation.matrices());
        let head = d / u128::from(self.heads);
        BlockParams {
            norms: u128::from(v.block.norms() * v.norm.vectors()) * d * l,
            attention: (4 * d * d + (u128::from(v.qkv_bias.vectors()) + 1) * d) * l,
            qk_norm: u128::from(v.qk_norm.vectors()) * head * l,
            mlp: (matrices * d * m + (matrices - 1) * m + d) * l,
            layer_scale: u128::from(v.layer_scale.is_some()) * u128::from(v.block.norms()) * d * l,
        }
    }

    /// Parameters of one block.
    pub(super) fn params_of_one(&self) -> u128 {
        Self { shape: Shape { depth: 1, ..self.shape }, ..*self }.params().total()
    }

    /// Forward FLOPs of one sequence.
    pub(super) fn flops(&self) -> u128 {
        let tokens = u128::from(self.tokens);
        flop_sum(&flop_terms(tokens, tokens * tokens, self.activation), self.shape)
    }

    /// Bytes that all blocks keep between forward and backward pass.
    pub(super) fn saved(&self, step: &Step) -> u128 {
        let (d, l, _) = self.sizes();
        let input = self.rows(step) * d * u128::from(step.compute.bytes());
        l.saturating_mul(if step.checkpointed { input } else { self.saved_by_one(step) })
    }

    /// Bytes of the one block at a time that is computed again, with checkpoints.
    pub(super) fn saved_again(&self, step: &Step) -> u128 {
        if step.checkpointed { self.saved_by_one(step) } else { 0 }
    }

    /// Rows of every matrix product: batch x tokens.
    pub(super) fn rows(&self, step: &Step) -> u128 {
        step.images() * u128::from(self.tokens)
    }

    fn saved_by_one(&self, step: &Step) -> u128 {
        let variant = &self.variant;
        let (width, _, mlp) = self.sizes();
        let (heads, tokens) = (u128::from(self.heads), u128::from(self.tokens));
        let (rows, bytes) = (self.rows(step), u128::from(step.compute.bytes()));
        let scores = rows * heads;
        let norms = u128::from(variant.block.norms());
        let (mut vectors, hidden) = match variant.block {
            BlockForm::Parallel => self.saved_side_by_side(step),
            BlockForm::Pre | BlockForm::Post | BlockForm::ResPost => self.saved_in_turn(),
        };
        // What each layer scale multiplies.
        vectors += if variant.layer_scale.is_some() { norms } else { 0 };
        let attention = match step.attention {
            AttentionKind::Fused => scores * STATISTIC,
            AttentionKind::Math => scores * tokens * bytes,
        };
        let per_norm = match variant.qk_norm {
            QkNorm::None => 0,
            QkNorm::Layer => 2,
            QkNorm::Rms => 1,
        };
        let statistics = norms * u128::from(variant.norm.vectors()) * rows + 2 * per_norm * scores;
        rows * (vectors * width + hidden * mlp) * bytes + attention + statistics * STATISTIC
    }

    /// Arrays of the width and of the MLP's size that are kept where the MLP follows attention, wherever the norms stand.
    fn saved_in_turn(&self) -> (u128, u128) {
        // Inputs of the two norms and of the two products behind or before them, and what attention gives to its
        // projection.
        let mut vectors = 5;
        // Queries, keys and values: as one, or apart and scaled.
        vectors += 3;
        // Normed or rotated ones stand beside them, and the output of attention is laid out anew.
        vectors += if self.is_turned() { 3 } else { 0 };
        (vectors, self.hidden())
    }

    /// The same where one product gives queries, keys, values and the MLP's hidden numbers: as one array, which is kept
    /// whole as long as anything reads a part of it.
    fn saved_side_by_side(&self, step: &Step) -> (u128, u128) {
        let has_bias = self.variant.qkv_bias != QkvBias::None;
        let is_fused = step.attention == AttentionKind::Fused;
        // Without a bias of the product the MLP's is added apart, and what is activated stands alone.
        let is_kept = is_fused || has_bias || self.variant.qk_norm != QkNorm::None;
        // Inputs of the norm and of the product behind it, what attention gives to its projection, and queries, keys and
        // values.
        let mut vectors = 6;
        vectors += match (is_fused, is_kept) {
            // Normed or rotated queries and keys stand beside them.
            (true, _) => 2 * u128::from(self.is_turned()),
            // Apart and scaled, they stand beside the array.
            (false, true) => 3,
            (false, false) => 0,
        };
        let ups = u128::from(self.activation.matrices() - 1);
        (vectors, self.hidden() + if is_kept && !has_bias { ups } else { 0 })
    }

    /// Whether queries and keys are normed or rotated.
    fn is_turned(&self) -> bool {
        self.variant.qk_norm != QkNorm::None || self.variant.position == Position::Rope
    }

    /// Arrays of the MLP's size that it keeps.
    const fn hidden(&self) -> u128 {
        match self.activation {
            // Before and behind the activation.
            Activation::Gelu | Activation::GeluTanh => 2,
            // The sigmoid beside them.
            Activation::QuickGelu => 3,
            // The gate, its activation, the other half, and their product.
            Activation::SwiGlu => 4,
        }
    }

    /// Every parameter tensor, as timm shapes them.
    pub(super) fn tensors(&self, tensors: &mut Tensors) {
        let Shape { width: d, depth: l, mlp_dim: m } = self.shape;
        let v = &self.variant;
        let ups = self.activation.matrices() - 1;
        // Norms, the output's bias and the MLP's.
        tensors.add(&[d], (v.norm.vectors() * v.block.norms() + 2) * l);
        match v.block {
            BlockForm::Parallel => tensors.add(&[3 * d + ups * m, d], l),
            BlockForm::Pre | BlockForm::Post | BlockForm::ResPost => {
                tensors.add(&[3 * d, d], l);
                tensors.add(&[m, d], ups * l);
            }
        }
        tensors.add(&[d], v.qkv_bias.vectors() * l);
        tensors.add(&[d, d], l);
        tensors.add(&[d / self.heads], v.qk_norm.vectors() * l);
        tensors.add(&[m], ups * l);
        tensors.add(&[d, m], l);
        tensors.add(&[d], if v.layer_scale.is_some() { v.block.norms() * l } else { 0 });
    }

    fn sizes(&self) -> (u128, u128, u128) {
        (self.shape.width.into(), self.shape.depth.into(), self.shape.mlp_dim.into())
    }
}
