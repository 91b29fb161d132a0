//! Bytes that a training step keeps on one device.
//!
//! Tensors and what autograd keeps of them are those of timm's `VisionTransformer` in PyTorch, in one number format
//! from the image to the loss. Held to the byte by `tests/memory.rs` against `saved_tensors_hooks` and the states of
//! PyTorch's optimizers.

use serde::{Deserialize, Serialize};

use super::{Activation, Pooling, Position, QkNorm, QkvBias, Vit};

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

/// Statistics of norms and log-sum-exps are kept in fp32.
const STATISTIC: u128 = 4;
/// Blocks whose weights FSDP has gathered: the one that runs and the next.
const GATHERED: u128 = 2;

impl Vit {
    /// What a training step keeps on one device.
    pub fn memory(&self, step: &Step) -> Memory {
        let params = u128::from(self.cost().params);
        let shards = u128::from(step.shards.max(1));
        let compute = u128::from(step.compute.bytes());
        let working = match (step.shards > 1, step.weights == step.compute) {
            (true, _) => GATHERED * self.block_params() * compute,
            (false, true) => 0,
            (false, false) => params * compute,
        };
        let share = |bytes: u128| bytes.div_ceil(shards);
        Memory {
            weights: fit(share(params * u128::from(step.weights.bytes())) + working),
            gradients: fit(share(params * u128::from(step.weights.bytes()))),
            optimizer: fit(share(u128::from(self.optimizer_bytes(step.optimizer)))),
            activations: self.saved_bytes(step),
        }
    }

    /// Bytes of an optimizer's states for the whole model.
    pub fn optimizer_bytes(&self, optimizer: Optimizer) -> u64 {
        let params = u128::from(self.cost().params);
        fit(4 * match optimizer {
            Optimizer::AdamW => 2 * params,
            Optimizer::Sgd => params,
            Optimizer::Adafactor => self.tensors().iter().map(|tensor| tensor.copies * tensor.factored()).sum::<u128>(),
        })
    }

    /// Bytes that autograd keeps of a batch, parameters left out, each storage once.
    pub fn saved_bytes(&self, step: &Step) -> u64 {
        let blocks = u128::from(self.saved_by_blocks(step));
        let again = if step.checkpointed { self.saved_by_block(step) } else { 0 };
        fit(blocks.saturating_add(again).saturating_add(self.saved_around(step)))
    }

    /// Of [`Vit::saved_bytes`], what the blocks keep between forward and backward pass.
    pub fn saved_by_blocks(&self, step: &Step) -> u64 {
        let depth = u128::from(self.shape.depth);
        let input = self.rows(step) * u128::from(self.shape.width) * u128::from(step.compute.bytes());
        fit(depth.saturating_mul(if step.checkpointed { input } else { self.saved_by_block(step) }))
    }

    fn batch(step: &Step) -> u128 {
        u128::from(step.batch.min(super::Architecture::LIMIT))
    }

    /// Rows of every matrix product: batch x tokens.
    fn rows(&self, step: &Step) -> u128 {
        Self::batch(step) * u128::from(self.architecture.tokens())
    }

    fn saved_by_block(&self, step: &Step) -> u128 {
        let (architecture, variant) = (&self.architecture, &self.architecture.variant);
        let (width, mlp) = (u128::from(self.shape.width), u128::from(self.shape.mlp_dim));
        let (heads, tokens) = (u128::from(architecture.heads), u128::from(architecture.tokens()));
        let (rows, bytes) = (self.rows(step), u128::from(step.compute.bytes()));
        let scores = rows * heads;
        // Inputs of the two norms and of the two products behind them, and what attention gives to its projection.
        let mut vectors = 5;
        // Queries, keys and values: as one, or apart and scaled.
        vectors += 3;
        // Normed or rotated ones stand beside them, and the output of attention is laid out anew.
        let turned = variant.qk_norm != QkNorm::None || variant.position == Position::Rope;
        vectors += if turned { 3 } else { 0 };
        // What a layer scale multiplies, twice.
        vectors += if variant.layer_scale.is_some() { 2 } else { 0 };
        // Before and behind the activation; with a gate the gate, its activation, the other half, and their product.
        let hidden = if architecture.activation == Activation::SwiGlu { 4 } else { 2 };
        let attention = match step.attention {
            AttentionKind::Fused => scores * STATISTIC,
            AttentionKind::Math => scores * tokens * bytes,
        };
        let per_norm = match variant.qk_norm {
            QkNorm::None => 0,
            QkNorm::Layer => 2,
            QkNorm::Rms => 1,
        };
        let statistics = 2 * 2 * rows + 2 * per_norm * scores;
        rows * (vectors * width + hidden * mlp) * bytes + attention + statistics * STATISTIC
    }

    /// What is kept outside of the blocks: the image, the outer norms, the pooling and the classifier.
    fn saved_around(&self, step: &Step) -> u128 {
        let architecture = &self.architecture;
        let (width, mlp) = (u128::from(self.shape.width), u128::from(self.shape.mlp_dim));
        let (rows, batch) = (self.rows(step), Self::batch(step));
        let image = u128::from(architecture.image);
        let classified = architecture.classes > 0;
        let mut numbers = batch * u128::from(architecture.channels) * image * image;
        let mut statistics = 0;
        if architecture.variant.pre_norm {
            numbers += rows * width;
            statistics += 2 * rows;
        }
        // The last norm stands behind a mean, and before every other pooling.
        let normed = if architecture.pooling == Pooling::Average { batch } else { rows };
        numbers += normed * width;
        statistics += 2 * normed;
        match architecture.pooling {
            // A view of the normed tokens.
            Pooling::Class if classified => return sum(step, numbers + rows * width, statistics),
            Pooling::Average | Pooling::Class => {}
            Pooling::Map => {
                // Tokens, keys and values; the query, the output, the norm's and the MLP's input; the MLP.
                numbers += 3 * rows * width + batch * (4 * width + 2 * mlp);
                statistics += 2 * batch;
                let heads = u128::from(architecture.heads);
                match step.attention {
                    AttentionKind::Fused => statistics += batch * heads,
                    AttentionKind::Math => numbers += rows * heads,
                }
            }
        }
        if classified {
            numbers += batch * width;
        }
        sum(step, numbers, statistics)
    }

    fn block_params(&self) -> u128 {
        let one = Self { shape: super::Shape { depth: 1, ..self.shape }, ..*self };
        let none = one.cost().params_by_component;
        [none.block_norms, none.attention, none.qk_norm, none.mlp, none.layer_scale].map(u128::from).iter().sum()
    }

    /// Every parameter tensor, as timm shapes them.
    pub(super) fn tensors(&self) -> Vec<Tensor> {
        let (a, v) = (&self.architecture, &self.architecture.variant);
        let (d, m, l) = (self.shape.width, self.shape.mlp_dim, self.shape.depth);
        let mut tensors = Vec::with_capacity(32);
        tensors.push(Tensor::new(&[d, a.channels, a.patch, a.patch], 1));
        let mut add = |dims: &[u64], copies: u64| {
            if copies > 0 && dims.iter().all(|&dim| dim > 0) {
                tensors.push(Tensor::new(dims, copies));
            }
        };
        add(&[d], u64::from(v.patch_bias));
        add(&[1, a.position_rows(), d], 1);
        add(&[1, 1, d], u64::from(a.class_token));
        add(&[1, v.registers, d], 1);
        add(&[1, d], u64::from(v.mask_token));
        add(&[d], 2 * u64::from(v.pre_norm));
        // Norms, the output's bias and the MLP's.
        add(&[d], (4 + 2) * l);
        add(&[3 * d, d], l);
        match v.qkv_bias {
            QkvBias::All => add(&[3 * d], l),
            QkvBias::NoKey => add(&[d], 2 * l),
            QkvBias::None => {}
        }
        add(&[d, d], l);
        add(&[self.head_dim()], v.qk_norm.vectors() * l);
        add(&[m, d], (a.activation.matrices() - 1) * l);
        add(&[m], (a.activation.matrices() - 1) * l);
        add(&[d, m], l);
        add(&[d], if v.layer_scale.is_some() { 2 * l } else { 0 });
        add(&[d], 2);
        if a.pooling == Pooling::Map {
            add(&[1, 1, d], 1);
            // Query and output, keys and values, the norm and four biases, the MLP.
            add(&[d, d], 2);
            add(&[2 * d, d], 1);
            add(&[d], 2 + 2 + 1);
            add(&[2 * d], 1);
            add(&[m, d], 1);
            add(&[m], 1);
            add(&[d, m], 1);
        }
        add(&[a.classes, d], 1);
        add(&[a.classes], 1);
        tensors
    }
}

/// Parameters of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    size: u128,
    /// The last two dimensions; none of a vector.
    matrix: Option<(u128, u128)>,
    copies: u128,
}

impl Tensor {
    fn new(dims: &[u64], copies: u64) -> Self {
        let matrix = match *dims {
            [.., rows, columns] => Some((rows.into(), columns.into())),
            _ => None,
        };
        Self { size: dims.iter().copied().map(u128::from).product(), matrix, copies: copies.into() }
    }

    /// Second moments that Adafactor keeps: of rows and columns over the last two dimensions, or all of a vector.
    const fn factored(&self) -> u128 {
        match self.matrix {
            Some((rows, columns)) => self.size / columns + self.size / rows,
            None => self.size,
        }
    }
}

fn sum(step: &Step, numbers: u128, statistics: u128) -> u128 {
    numbers * u128::from(step.compute.bytes()) + statistics * STATISTIC
}

fn fit(bytes: u128) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Architecture, PositionRows, Shape, Variant};
    use super::*;

    fn vits() -> impl Strategy<Value = Vit> {
        let sizes = (1u64..9, 1u64..5, 1u64..600, 1u64..5, 0u64..12, 0u64..5);
        let kinds = (0usize..3, 0usize..4, 0usize..3, 0usize..3, 0usize..3, 0usize..3, any::<[bool; 5]>());
        (sizes, kinds).prop_map(|((heads, depth, mlp_dim, patch, classes, registers), kinds)| {
            let (pooling, activation, position, rows, bias, norm, [class, scale, pre, patch_bias, mask]) = kinds;
            let pooling = Pooling::ALL[pooling].1;
            let variant = Variant {
                registers,
                position: Position::ALL[position].1,
                position_rows: PositionRows::ALL[rows].1,
                qkv_bias: QkvBias::ALL[bias].1,
                layer_scale: scale.then_some(1e-5),
                pre_norm: pre,
                patch_bias,
                qk_norm: QkNorm::ALL[norm].1,
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
            let sum: u128 = vit.tensors().iter().map(|tensor| tensor.copies * tensor.size).sum();
            prop_assert_eq!(sum, u128::from(vit.cost().params));
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
