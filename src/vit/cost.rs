//! Exact parameters and forward FLOPs.
//!
//! FLOPs count two per multiply-add, matrix products and the patch convolution only: no softmax, norm, activation or
//! bias. `torch.utils.flop_counter` counts the same. Checked to the unit against the libraries by `tests/cost.rs`.

use serde::{Deserialize, Serialize};

use super::blocks::{self, Blocks};
use super::{Architecture, Axis, PerAxis, Pooling, Shape, Vit};

/// Parameters by component. The sum is the model.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Components {
    /// Patch convolution with bias: `C P^2 D + D`.
    pub patch_embedding: u64,
    /// Learned position embedding: a row for each position.
    pub position_embedding: u64,
    /// Class token: `D`, or none.
    pub class_token: u64,
    /// Register tokens: `R D`.
    #[serde(skip_serializing_if = "is_zero")]
    pub registers: u64,
    /// Mask token: `D`.
    #[serde(skip_serializing_if = "is_zero")]
    pub mask_token: u64,
    /// The norm before the first block: `2 D`, or `D` without a shift; or none.
    #[serde(skip_serializing_if = "is_zero")]
    pub pre_norm: u64,
    /// Two norms a block: `4 D L`, or `2 D L` without shifts; parallel blocks have one.
    pub block_norms: u64,
    /// Query, key, value and output projections with biases: `(4 D^2 + 4 D) L`.
    pub attention: u64,
    /// Norms of queries and keys: 4 vectors of the head's size a block, or 2.
    #[serde(skip_serializing_if = "is_zero")]
    pub qk_norm: u64,
    /// Two linear layers with biases: `(2 D M + M + D) L`; with a gate `(3 D M + 2 M + D) L`.
    pub mlp: u64,
    /// Scales behind attention and MLP: `2 D L`; parallel blocks have one.
    #[serde(skip_serializing_if = "is_zero")]
    pub layer_scale: u64,
    /// The norm after the last block: `2 D`, or `D` without a shift; none where that ends with its own.
    #[serde(skip_serializing_if = "is_zero")]
    pub final_norm: u64,
    /// MAP head: probe `D`, attention `4 D^2 + 4 D`, norm `2 D`, MLP `2 D M + M + D`; or none.
    pub pooling: u64,
    /// Linear classifier: `(D + 1) K`, or none.
    pub classifier: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Components {
    /// Each component with its name in `summary.json`.
    pub const fn list(&self) -> [(&'static str, u64); 14] {
        [
            ("patch_embedding", self.patch_embedding),
            ("position_embedding", self.position_embedding),
            ("class_token", self.class_token),
            ("registers", self.registers),
            ("mask_token", self.mask_token),
            ("pre_norm", self.pre_norm),
            ("block_norms", self.block_norms),
            ("attention", self.attention),
            ("qk_norm", self.qk_norm),
            ("mlp", self.mlp),
            ("layer_scale", self.layer_scale),
            ("final_norm", self.final_norm),
            ("pooling", self.pooling),
            ("classifier", self.classifier),
        ]
    }

    /// All parameters.
    pub fn total(&self) -> u64 {
        self.list().iter().fold(0, |sum, &(_, n)| sum.saturating_add(n))
    }
}

/// What one model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// All parameters.
    pub params: u64,
    /// Parameters by component.
    pub params_by_component: Components,
    /// Forward FLOPs of one image, two per multiply-add.
    pub forward_flops_per_example: u64,
}

/// A monomial of forward FLOPs: a coefficient times powers of the sizes, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlopTerm {
    /// FLOPs where every size is 1.
    pub coefficient: u128,
    /// The power of each size.
    pub powers: PerAxis<u32>,
}

impl FlopTerm {
    pub(super) const fn new(coefficient: u128, [width, depth, mlp]: [u32; 3]) -> Self {
        Self { coefficient, powers: PerAxis { width, depth, mlp } }
    }

    fn of(&self, shape: Shape) -> u128 {
        let power = |axis: Axis| u128::from(shape.get(axis)).pow(*self.powers.get(axis));
        Axis::ALL.into_iter().map(power).fold(self.coefficient, u128::saturating_mul)
    }
}

/// All terms at a shape; saturating.
pub(super) fn flop_sum(terms: &[FlopTerm], shape: Shape) -> u128 {
    terms.iter().fold(0, |sum, term| sum.saturating_add(term.of(shape)))
}

/// What an encoder looks at in a pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looked {
    /// Images that are pooled and classified.
    pub(super) images: u128,
    /// Patches that are embedded.
    pub(super) patches: u128,
    /// Tokens of all images together.
    pub(super) tokens: u128,
    /// Pairs of tokens that attend.
    pub(super) pairs: u128,
    /// Tokens that the probes of a MAP head score.
    pub(super) read: u128,
}

impl Architecture {
    /// Forward FLOPs of one image as a polynomial of the sizes. Every term rises with each size that it has.
    pub fn forward_terms(&self) -> [FlopTerm; 6] {
        let tokens = u128::from(self.tokens());
        let patches = u128::from(self.patches());
        self.terms_of(Looked { images: 1, patches, tokens, pairs: tokens * tokens, read: tokens })
    }

    /// The same of a pass.
    pub(super) fn terms_of(&self, Looked { images, patches, tokens, pairs, read }: Looked) -> [FlopTerm; 6] {
        let map = u128::from(self.pooling == Pooling::Map);
        let patch_inputs = u128::from(self.channels) * u128::from(self.patch) * u128::from(self.patch);
        let classes = u128::from(self.classes);
        let [projections, scores, mlp] = blocks::flop_terms(tokens, pairs, self.activation);
        [
            // Patches, the scores and the sum of a MAP head, the classifier.
            FlopTerm::new(2 * patches * patch_inputs + map * 4 * read + images * 2 * classes, [1, 0, 0]),
            // A MAP head's projections, of its probe and its output once, of keys and values for each token.
            FlopTerm::new(map * 4 * (images + tokens), [2, 0, 0]),
            FlopTerm::new(map * 4 * images, [1, 0, 1]),
            projections,
            scores,
            mlp,
        ]
    }
}

impl Vit {
    /// Parameters and forward FLOPs, exact; saturating at `u64::MAX`.
    pub fn cost(&self) -> Cost {
        let (a, v) = (&self.architecture, &self.architecture.variant);
        let blocks = self.blocks();
        let in_blocks = blocks.params();
        let d = u128::from(self.shape.width);
        let m = u128::from(self.shape.mlp_dim);
        let k = u128::from(a.classes);
        let patch_inputs = u128::from(a.channels) * u128::from(a.patch) * u128::from(a.patch);
        let map = u128::from(a.pooling == Pooling::Map);
        let class = u128::from(a.class_token);
        let registers = u128::from(v.registers);
        let rows = u128::from(a.position_rows());
        let norm = u128::from(v.norm.vectors()) * d;

        let components = Components {
            patch_embedding: fit(patch_inputs * d + u128::from(v.patch_bias) * d),
            position_embedding: fit(rows * d),
            class_token: fit(class * d),
            registers: fit(registers * d),
            mask_token: fit(u128::from(v.mask_token) * d),
            pre_norm: fit(u128::from(v.pre_norm) * norm),
            block_norms: fit(in_blocks.norms),
            attention: fit(in_blocks.attention),
            qk_norm: fit(in_blocks.qk_norm),
            mlp: fit(in_blocks.mlp),
            layer_scale: fit(in_blocks.layer_scale),
            final_norm: fit(u128::from(v.block.has_final_norm()) * norm),
            pooling: fit(map * (d + (4 * d * d + 4 * d) + norm + (2 * d * m + m + d))),
            classifier: fit((d + 1) * k),
        };
        let flops = flop_sum(&a.forward_terms(), self.shape);
        Cost { params: components.total(), params_by_component: components, forward_flops_per_example: fit(flops) }
    }

    /// Its blocks, which see the tokens of one image.
    pub(super) fn blocks(&self) -> Blocks {
        let a = &self.architecture;
        Blocks { shape: self.shape, heads: a.heads, tokens: a.tokens(), activation: a.activation, variant: a.variant }
    }
}

/// A count in 64 bits, or the largest there is.
pub(super) fn fit(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, Shape};

    #[test]
    fn so400m_is_exact() {
        let shape = Shape { width: 1152, depth: 27, mlp_dim: 4304 };
        let cost = Architecture::default().with(shape).unwrap().cost();
        assert_eq!(cost.params, 427_680_704);
        assert_eq!(cost.forward_flops_per_example, 220_353_896_448);
        assert_eq!(cost.params_by_component.pooling, 15_238_352);
    }

    #[test]
    fn the_largest_sizes_do_not_overflow() {
        let limit = Architecture::LIMIT;
        let architecture = Architecture { image: limit, patch: 1, heads: 1, classes: limit, ..Architecture::default() };
        let cost = architecture.with(Shape { width: limit, depth: limit, mlp_dim: limit }).unwrap().cost();
        assert!(cost.params > 1 << 62 && cost.params < u64::MAX);
        assert_eq!(cost.forward_flops_per_example, u64::MAX);
    }
}
