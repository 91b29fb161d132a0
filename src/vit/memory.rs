//! Bytes that a training step keeps on one device.
//!
//! Tensors and what autograd keeps of them are those of timm's `VisionTransformer` in PyTorch, in one number format
//! from the image to the loss. Held to the byte by `tests/libraries/memory.rs` against `saved_tensors_hooks` and the
//! states of PyTorch's optimizers.

use serde::{Deserialize, Serialize};

use super::blocks::STATISTIC;
use super::cost::fit;
use super::tensor::Tensors;
use super::{Activation, Pooling, Vit};

/// A number format of weights or activations.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// bfloat16.
    Bf16,
    /// IEEE half.
    Fp16,
    /// IEEE single.
    Fp32,
}

impl NumberFormat {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] = [("bf16", Self::Bf16), ("fp16", Self::Fp16), ("fp32", Self::Fp32)];

    /// Bytes of one number.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Bf16 | Self::Fp16 => 2,
            Self::Fp32 => 4,
        }
    }
}

/// An optimizer, by what it remembers of every parameter. States are fp32.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Optimizer {
    /// Two moments of each parameter (Loshchilov and Hutter, arXiv 1711.05101).
    #[serde(rename = "adamw", alias = "adam_w")]
    AdamW,
    /// Row and column means of the second moment of a matrix, all of a vector's; no momentum (Shazeer and Stern,
    /// arXiv 1804.04235).
    Adafactor,
    /// One momentum of each parameter.
    Sgd,
}

impl Optimizer {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 3] =
        [("adamw", Self::AdamW), ("adafactor", Self::Adafactor), ("sgd", Self::Sgd)];
}

/// How attention runs, by what it keeps.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionKind {
    /// FlashAttention and its like: inputs, output and one log-sum-exp a row.
    Fused,
    /// Softmax in the open: every attention weight.
    Math,
}

impl AttentionKind {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 2] = [("fused", Self::Fused), ("math", Self::Math)];
}

/// How a model is trained, as far as memory goes.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Images a device sees at once; at most [`Architecture::LIMIT`](super::Architecture::LIMIT).
    pub batch: u64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Format of the weights that the optimizer updates, and of their gradients.
    pub weights: NumberFormat,
    /// Format of the activations; where it is not that of the weights, a copy of the weights is kept in it.
    pub compute: NumberFormat,
    /// How attention runs.
    pub attention: AttentionKind,
    /// Whether blocks keep their input alone and are computed again.
    pub checkpointed: bool,
    /// Devices that share weights, gradients and states, as FSDP and ZeRO-3 do.
    pub shards: u64,
}

impl Step {
    /// One image a device, AdamW on fp32 weights, bf16 activations, fused attention, one device.
    pub const DEFAULT: Self = Self {
        batch: 1,
        optimizer: Optimizer::AdamW,
        weights: NumberFormat::Fp32,
        compute: NumberFormat::Bf16,
        attention: AttentionKind::Fused,
        checkpointed: false,
        shards: 1,
    };
}

/// Bytes on one device by what they are for; saturating.
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The device's share of the weights, and what of them it gathers or keeps in the activations' format: with shards
    /// two blocks at a time, without a copy of all where the formats differ.
    pub weights: u64,
    /// The device's share of the gradients.
    pub gradients: u64,
    /// The device's share of the optimizer's states.
    pub optimizer: u64,
    /// What autograd keeps for the backward pass, and with checkpoints one block computed again.
    pub activations: u64,
}

impl Memory {
    /// All of it.
    pub const fn total(&self) -> u64 {
        self.weights.saturating_add(self.gradients).saturating_add(self.optimizer).saturating_add(self.activations)
    }
}

/// Blocks whose weights FSDP has gathered: the one that runs and the next.
const GATHERED: u128 = 2;

/// What memory is made of besides activations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// All parameters.
    pub(super) params: u128,
    /// Parameters of the largest block.
    pub(super) block: u128,
    /// Bytes of the optimizer's states.
    pub(super) states: u128,
}

/// What a device sees in one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Tokens, padding among them.
    pub(super) rows: u128,
    /// Images.
    pub(super) images: u128,
    /// Numbers of all their pixels.
    pub(super) pixels: u128,
}

impl Memory {
    /// On one device, where a step keeps `activations`.
    pub(super) fn new(held: Held, activations: u64, step: &Step) -> Self {
        let shards = u128::from(step.shards.max(1));
        let (weights, compute) = (u128::from(step.weights.bytes()), u128::from(step.compute.bytes()));
        let working = match (step.shards > 1, step.weights == step.compute) {
            (true, _) => GATHERED * held.block * compute,
            (false, true) => 0,
            (false, false) => held.params * compute,
        };
        let share = |bytes: u128| bytes.div_ceil(shards);
        Self {
            weights: fit(share(held.params * weights) + working),
            gradients: fit(share(held.params * weights)),
            optimizer: fit(share(held.states)),
            activations,
        }
    }
}

impl Optimizer {
    /// Bytes of its states for all of `params` parameters that `tensors` are.
    pub(super) fn states(self, params: u128, tensors: &Tensors) -> u128 {
        4 * match self {
            Self::AdamW => 2 * params,
            Self::Sgd => params,
            Self::Adafactor => tensors.factored(),
        }
    }
}

impl Step {
    /// Images that a device sees at once.
    pub(super) fn images(&self) -> u128 {
        self.batch.min(super::Architecture::LIMIT).into()
    }

    /// Bytes of numbers in the activations' format, and of statistics in fp32.
    pub(super) fn bytes_of(&self, numbers: u128, statistics: u128) -> u128 {
        numbers * u128::from(self.compute.bytes()) + statistics * STATISTIC
    }
}

impl Vit {
    /// What a training step keeps on one device.
    pub fn memory(&self, step: &Step) -> Memory {
        Memory::new(self.held(step), self.saved_bytes(step), step)
    }

    /// What it holds, whatever it sees.
    pub(super) fn held(&self, step: &Step) -> Held {
        Held {
            params: self.cost().params.into(),
            block: self.blocks().params_of_one(),
            states: self.optimizer_bytes(step.optimizer).into(),
        }
    }

    /// Bytes of an optimizer's states for the whole model.
    pub fn optimizer_bytes(&self, optimizer: Optimizer) -> u64 {
        fit(optimizer.states(self.cost().params.into(), &self.tensors()))
    }

    /// Bytes that autograd keeps of a batch, parameters left out, each storage once.
    pub fn saved_bytes(&self, step: &Step) -> u64 {
        let kept = self.saved_before_backward(step, self.architecture.classes > 0);
        fit(kept.saturating_add(self.blocks().saved_again(step)))
    }

    /// Of [`Vit::saved_bytes`], what the blocks keep between forward and backward pass.
    pub fn saved_by_blocks(&self, step: &Step) -> u64 {
        fit(self.blocks().saved(step))
    }

    /// Bytes that autograd keeps between forward and backward pass; `projected` if a matrix follows the pooling.
    pub(super) fn saved_before_backward(&self, step: &Step, projected: bool) -> u128 {
        let (rows, images) = (self.blocks().rows(step), step.images());
        let side = u128::from(self.architecture.image);
        let seen = Seen { rows, images, pixels: images * u128::from(self.architecture.channels) * side * side };
        self.blocks().saved(step).saturating_add(self.saved_around(step, projected, seen))
    }

    /// What is kept outside of the blocks: the pixels, the outer norms, the pooling and the input of what follows it.
    pub(super) fn saved_around(&self, step: &Step, projected: bool, seen: Seen) -> u128 {
        let architecture = &self.architecture;
        let (width, mlp) = (u128::from(self.shape.width), u128::from(self.shape.mlp_dim));
        let Seen { rows, images: batch, pixels: mut numbers } = seen;
        let mut statistics = 0;
        let of_row = u128::from(architecture.variant.norm.vectors());
        if architecture.variant.pre_norm {
            numbers += rows * width;
            statistics += of_row * rows;
        }
        // The last norm stands before the pooling, a mean too.
        if architecture.variant.block.has_final_norm() {
            numbers += rows * width;
            statistics += of_row * rows;
        }
        match architecture.pooling {
            // A view of the normed tokens.
            Pooling::Class if projected => return step.bytes_of(numbers + rows * width, statistics),
            Pooling::Average | Pooling::Class => {}
            Pooling::Map => {
                // Tokens, keys and values; the query, the output, the norm's and the MLP's input; the MLP, never gated.
                let hidden = if architecture.activation == Activation::QuickGelu { 3 } else { 2 };
                numbers += 3 * rows * width + batch * (4 * width + hidden * mlp);
                statistics += of_row * batch;
                let heads = u128::from(architecture.heads);
                match step.attention {
                    AttentionKind::Fused => statistics += batch * heads,
                    AttentionKind::Math => numbers += rows * heads,
                }
            }
        }
        if projected {
            numbers += batch * width;
        }
        step.bytes_of(numbers, statistics)
    }

    /// Every parameter tensor, as timm shapes them.
    pub(super) fn tensors(&self) -> Tensors {
        let (a, v) = (&self.architecture, &self.architecture.variant);
        let (d, m) = (self.shape.width, self.shape.mlp_dim);
        let mut tensors = Tensors::default();
        tensors.add(&[d, a.channels, a.patch, a.patch], 1);
        tensors.add(&[d], u64::from(v.patch_bias));
        tensors.add(&[1, a.position_rows(), d], 1);
        tensors.add(&[1, 1, d], u64::from(a.class_token));
        tensors.add(&[1, v.registers, d], 1);
        tensors.add(&[1, d], u64::from(v.mask_token));
        tensors.add(&[d], v.norm.vectors() * u64::from(v.pre_norm));
        self.blocks().tensors(&mut tensors);
        tensors.add(&[d], v.norm.vectors() * u64::from(v.block.has_final_norm()));
        if a.pooling == Pooling::Map {
            tensors.add(&[1, 1, d], 1);
            // Query and output, keys and values, the norm and four biases, the MLP.
            tensors.add(&[d, d], 2);
            tensors.add(&[2 * d, d], 1);
            tensors.add(&[d], v.norm.vectors() + 2 + 1);
            tensors.add(&[2 * d], 1);
            tensors.add(&[m, d], 1);
            tensors.add(&[m], 1);
            tensors.add(&[d, m], 1);
        }
        tensors.add(&[a.classes, d], 1);
        tensors.add(&[a.classes], 1);
        tensors
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Architecture, BlockForm, Norm, Position, PositionRows, QkNorm, QkvBias, Shape, Variant};
    use super::*;

    fn vits() -> impl Strategy<Value = Vit> {
        let sizes = (1u64..9, 1u64..5, 1u64..600, 1u64..5, 0u64..12, 0u64..5);
        let kinds = (0usize..3, 0usize..4, 0usize..3, 0usize..3, 0usize..3, 0usize..3, 0usize..4, any::<[bool; 6]>());
        (sizes, kinds).prop_map(|((heads, depth, mlp_dim, patch, classes, registers), kinds)| {
            let (pooling, activation, position, rows, bias, qk_norm, block, switches) = kinds;
            let [class, scale, pre, patch_bias, mask, rms] = switches;
            let pooling = Pooling::ALL[pooling].1;
            let variant = Variant {
                block: BlockForm::ALL[block].1,
                norm: if rms { Norm::Rms } else { Norm::Layer },
                registers,
                position: Position::ALL[position].1,
                position_rows: PositionRows::ALL[rows].1,
                qkv_bias: QkvBias::ALL[bias].1,
                layer_scale: scale.then_some(1e-5),
                pre_norm: pre,
                patch_bias,
                qk_norm: QkNorm::ALL[qk_norm].1,
                mask_token: mask,
                masked: 0.0,
            };
            let architecture = Architecture {
                image: 4 * patch,
                patch,
                heads,
                pooling,
                class_token: class || pooling == Pooling::Class,
                classes,
                activation: Activation::ALL[activation].1,
                variant,
                ..Architecture::default()
            };
            architecture.with(Shape { width: 8 * heads, depth, mlp_dim }).unwrap()
        })
    }

    proptest! {
        /// The tensors are the model: their sizes sum to its parameters, whatever it is made of.
        #[test]
        fn tensors_sum_to_the_parameters(vit in vits()) {
            prop_assert_eq!(vit.tensors().numbers(), u128::from(vit.cost().params));
        }

        /// More of anything keeps no fewer bytes; checkpoints and shards keep no more.
        #[test]
        fn memory_follows_the_step(vit in vits(), batch in 1u64..9, shards in 2u64..9) {
            let step = Step { batch, ..Step::DEFAULT };
            let whole = vit.memory(&step);
            let larger = vit.memory(&Step { batch: batch + 1, ..step });
            prop_assert!(larger.activations > whole.activations);
            let shared = vit.memory(&Step { shards, ..step });
            prop_assert!(shared.optimizer <= whole.optimizer && shared.gradients <= whole.gradients);
            let checkpointed = Step { checkpointed: true, ..step };
            prop_assert!(vit.saved_by_blocks(&checkpointed) < vit.saved_by_blocks(&step));
        }
    }

    #[test]
    fn the_largest_sizes_do_not_overflow() {
        let limit = Architecture::LIMIT;
        let architecture = Architecture { image: limit, patch: 1, heads: 1, classes: limit, ..Architecture::default() };
        let vit = architecture.with(Shape { width: limit, depth: limit, mlp_dim: limit }).unwrap();
        let step = Step { batch: u64::MAX, attention: AttentionKind::Math, ..Step::DEFAULT };
        assert_eq!(vit.memory(&step).total(), u64::MAX);
    }
}
