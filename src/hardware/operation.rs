//! What a device does for a vision transformer, operation by operation, as an eager framework runs it.

use serde::Serialize;

use crate::vit::{Activation, BlockForm, NumberFormat, Optimizer, Pooling, Position, QkNorm, Step, Vit};

/// One kernel's work. Numbers are of two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A matrix product with bias: `rows x inputs` times `inputs x outputs`.
    Product {
        /// Rows of the left matrix.
        rows: u64,
        /// Columns of the result.
        outputs: u64,
        /// What is summed over.
        inputs: u64,
    },
    /// Scaled dot-product attention, forward.
    Attention {
        /// Batch times heads.
        heads: u64,
        /// Tokens of one image.
        tokens: u64,
        /// Size of one head.
        head: u64,
    },
    /// Attention's backward pass.
    AttentionBackward {
        /// Batch times heads.
        heads: u64,
        /// Tokens of one image.
        tokens: u64,
        /// Size of one head.
        head: u64,
    },
    /// A norm over rows, by how many arrays it reads and writes.
    Norm {
        /// Rows.
        rows: u64,
        /// Numbers of one row.
        width: u64,
        /// Arrays.
        arrays: u64,
    },
    /// An activation.
    Activation {
        /// Numbers of one array.
        numbers: u64,
        /// Arrays.
        arrays: u64,
    },
    /// A sum or a scaling.
    Sum {
        /// Numbers of one array.
        numbers: u64,
        /// Arrays.
        arrays: u64,
    },
}

impl Operation {
    /// FLOPs that are asked for: two per multiply-add of matrix products.
    pub fn flops(&self) -> f64 {
        let product = |sizes: [u64; 3]| sizes.iter().map(|&size| size as f64).product::<f64>();
        match *self {
            Self::Product { rows, outputs, inputs } => 2.0 * product([rows, outputs, inputs]),
            Self::Attention { heads, tokens, head } => 4.0 * product([heads, tokens, head]) * tokens as f64,
            Self::AttentionBackward { heads, tokens, head } => 10.0 * product([heads, tokens, head]) * tokens as f64,
            Self::Norm { .. } | Self::Activation { .. } | Self::Sum { .. } => 0.0,
        }
    }

    /// Bytes that must move to and from device memory, each once.
    pub fn bytes(&self) -> f64 {
        let product = |a: u64, b: u64| a as f64 * b as f64;
        2.0 * match *self {
            Self::Product { rows, outputs, inputs } => {
                product(rows, inputs) + product(inputs, outputs) + product(rows, outputs)
            }
            Self::Attention { heads, tokens, head } => 4.0 * product(heads, tokens) * head as f64,
            Self::AttentionBackward { heads, tokens, head } => 8.0 * product(heads, tokens) * head as f64,
            Self::Norm { rows, width, arrays } => product(rows, width) * arrays as f64,
            Self::Activation { numbers, arrays } | Self::Sum { numbers, arrays } => product(numbers, arrays),
        }
    }
}

/// Some equal operations of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name, such as `fc1`.
    pub name: &'static str,
    /// The operation.
    pub operation: Operation,
    /// How often it runs.
    pub count: u64,
}

const fn part(name: &'static str, operation: Operation) -> Part {
    Part { name, operation, count: 1 }
}

/// As many as a forward pass may have.
const PARTS: usize = 24;

/// One block's forward pass of a batch. In parallel blocks one product comes before attention and MLP, and one behind.
pub fn block(vit: &Vit, batch: u64) -> Vec<Part> {
    let (architecture, variant) = (&vit.architecture, &vit.architecture.variant);
    let (width, mlp) = (vit.shape.width, vit.shape.mlp_dim);
    let rows = batch.saturating_mul(architecture.tokens());
    let wide = rows.saturating_mul(width);
    let norm = part("norm", Operation::Norm { rows, width, arrays: 2 });
    let sum = part("residual", Operation::Sum { numbers: wide, arrays: 3 });
    let scale = variant.layer_scale.map(|_| part("layer scale", Operation::Sum { numbers: wide, arrays: 2 }));
    let product = |name, outputs: u64, inputs: u64| part(name, Operation::Product { rows, outputs, inputs });
    let gated = architecture.activation == Activation::SwiGlu;
    let ups = if gated { 2 * mlp } else { mlp };
    let activated = Operation::Activation { numbers: rows.saturating_mul(mlp), arrays: if gated { 3 } else { 2 } };
    let activation = part("activation", activated);
    let mut parts = Vec::with_capacity(PARTS);
    if variant.block == BlockForm::Parallel {
        parts.extend([norm, product("qkv and fc1", 3 * width + ups, width)]);
        parts.extend(attention(vit, batch));
        parts.extend([activation, product("projection and fc2", width, width + mlp)]);
        parts.extend(scale);
        parts.push(sum);
        return parts;
    }
    let mut attend = vec![product("qkv", 3 * width, width)];
    attend.extend(attention(vit, batch));
    attend.push(product("projection", width, width));
    for branch in [attend, vec![product("fc1", ups, width), activation, product("fc2", width, mlp)]] {
        parts.extend((variant.block == BlockForm::Pre).then_some(norm));
        parts.extend(branch);
        parts.extend((variant.block == BlockForm::ResPost).then_some(norm));
        parts.extend(scale);
        parts.push(sum);
        parts.extend((variant.block == BlockForm::Post).then_some(norm));
    }
    parts
}

/// Attention, and what is done with queries and keys before it.
fn attention(vit: &Vit, batch: u64) -> Vec<Part> {
    let (architecture, variant) = (&vit.architecture, &vit.architecture.variant);
    let rows = batch.saturating_mul(architecture.tokens());
    let mut parts = Vec::new();
    if variant.qk_norm != QkNorm::None {
        let norm = Operation::Norm { rows: rows * architecture.heads, width: vit.head_dim(), arrays: 2 };
        parts.push(Part { count: 2, ..part("qk norm", norm) });
    }
    if variant.position == Position::Rope {
        let turn = Operation::Sum { numbers: rows.saturating_mul(vit.shape.width), arrays: 4 };
        parts.push(Part { count: 2, ..part("rope", turn) });
    }
    let heads = batch.saturating_mul(architecture.heads);
    let attention = Operation::Attention { heads, tokens: architecture.tokens(), head: vit.head_dim() };
    parts.push(part("attention", attention));
    parts
}

/// Bytes that a pass moves to and from device memory where every operation reads and writes its arrays once.
pub fn bytes_moved(parts: &[Part]) -> f64 {
    parts.iter().map(|part| part.count as f64 * part.operation.bytes()).sum()
}

/// The forward pass of a batch that is served: patches that training masks are seen too.
pub fn forward(vit: &Vit, batch: u64) -> Vec<Part> {
    pass(&vit.seeing(), batch)
}

fn pass(vit: &Vit, batch: u64) -> Vec<Part> {
    let architecture = &vit.architecture;
    let (width, mlp) = (vit.shape.width, vit.shape.mlp_dim);
    let rows = batch.saturating_mul(architecture.tokens());
    let wide = rows.saturating_mul(width);
    let patches = batch.saturating_mul(architecture.patches());
    let inputs = architecture.channels * architecture.patch * architecture.patch;
    let norm = Operation::Norm { rows, width, arrays: 2 };
    let mut parts = Vec::with_capacity(PARTS);
    parts.extend([
        part("patch embedding", Operation::Product { rows: patches, outputs: width, inputs }),
        part("position", Operation::Sum { numbers: wide, arrays: 2 }),
    ]);
    if architecture.variant.pre_norm {
        parts.push(part("pre-norm", norm));
    }
    for part in block(vit, batch) {
        parts.push(Part { count: part.count.saturating_mul(vit.shape.depth), ..part });
    }
    parts.extend(architecture.variant.block.has_final_norm().then(|| part("final norm", norm)));
    match architecture.pooling {
        Pooling::Map => {
            let of_image = |outputs, inputs| Operation::Product { rows: batch, outputs, inputs };
            parts.extend([
                part("pool keys and values", Operation::Product { rows, outputs: 2 * width, inputs: width }),
                // One query reads all keys and values.
                part("pool attention", Operation::Sum { numbers: wide, arrays: 2 }),
                Part { count: 2, ..part("pool projections", of_image(width, width)) },
                part("pool fc1", of_image(mlp, width)),
                part("pool fc2", of_image(width, mlp)),
            ]);
        }
        Pooling::Average => parts.push(part("mean", Operation::Sum { numbers: wide, arrays: 1 })),
        Pooling::Class => {}
    }
    if architecture.classes > 0 {
        let outputs = architecture.classes;
        parts.push(part("classifier", Operation::Product { rows: batch, outputs, inputs: width }));
    }
    parts
}

/// The forward and the backward pass of parts: two more products each, attention's own, and what the rest moves.
pub fn training(parts: &[Part]) -> Vec<Part> {
    let mut all = parts.to_vec();
    for part in parts.iter().rev() {
        let of = |operation| Part { operation, ..*part };
        match part.operation {
            Operation::Product { rows, outputs, inputs } => {
                all.push(of(Operation::Product { rows, outputs: inputs, inputs: outputs }));
                all.push(of(Operation::Product { rows: outputs, outputs: inputs, inputs: rows }));
                // The bias' gradient.
                all.push(of(Operation::Sum { numbers: rows.saturating_mul(outputs), arrays: 1 }));
            }
            Operation::Attention { heads, tokens, head } => {
                all.push(of(Operation::AttentionBackward { heads, tokens, head }));
            }
            Operation::Norm { rows, width, arrays } => {
                all.push(of(Operation::Norm { rows, width, arrays: 2 * arrays }));
            }
            Operation::Activation { numbers, arrays } => {
                all.push(of(Operation::Activation { numbers, arrays: arrays + 1 }));
            }
            // The gradient goes both ways and is added up where they meet.
            Operation::Sum { .. } | Operation::AttentionBackward { .. } => all.push(*part),
        }
    }
    all
}

/// A whole training step of a batch: forward and backward, blocks again where they are checkpointed, and the
/// optimizer's pass over the device's share of the parameters. Communication between devices is not in it.
pub fn step(vit: &Vit, step: &Step) -> Vec<Part> {
    let mut parts = training(&pass(vit, step.batch));
    if step.checkpointed {
        parts.extend(block(vit, step.batch).iter().map(|part| Part { count: part.count * vit.shape.depth, ..*part }));
    }
    // Arrays of weights, gradients and states that are read and written, in numbers of two bytes.
    let wide = if step.weights == NumberFormat::Fp32 { 2 } else { 1 };
    let arrays = match step.optimizer {
        Optimizer::AdamW => 3 * wide + 2 * 4,
        Optimizer::Sgd => 3 * wide + 2 * 2,
        // Its states are as good as nothing; the update is computed twice, once for its size.
        Optimizer::Adafactor => 4 * wide,
    };
    let numbers = vit.cost().params.div_ceil(step.shards.max(1));
    parts.push(part("optimizer", Operation::Sum { numbers, arrays }));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::CATALOGUE;

    /// A masked autoencoder trains on a quarter of the patches and serves with all of them.
    #[test]
    fn masked_patches_are_seen_when_served() {
        let plain = crate::vit::named("sovit_400m14").unwrap().vit();
        let mut masked = plain;
        masked.architecture.variant.masked = 0.75;
        assert_eq!(forward(&masked, 4), forward(&plain, 4));
        let flops = |vit: &Vit| -> f64 {
            step(vit, &Step::DEFAULT).iter().map(|part| part.operation.flops() * part.count as f64).sum()
        };
        assert!(flops(&masked) < 0.27 * flops(&plain));
    }

    /// Blocks that are computed again cost one more forward pass, or a third of what there was.
    #[test]
    fn a_checkpointed_step_runs_the_blocks_again() {
        let vit = crate::vit::named("sovit_400m14").unwrap().vit();
        let flops = |checkpointed| -> f64 {
            let parts = step(&vit, &Step { batch: 8, checkpointed, ..Step::DEFAULT });
            parts.iter().map(|part| part.operation.flops() * part.count as f64).sum()
        };
        let again = flops(true) / flops(false) - 1.0;
        assert!((0.31..0.34).contains(&again), "{again}");
    }

    /// Norms that stand elsewhere move as much; a parallel block moves less, and none computes more.
    #[test]
    fn forms_of_blocks_compute_the_same() {
        let with = |form| {
            let mut vit = crate::vit::named("sovit_400m14").unwrap().vit();
            vit.architecture.variant.block = form;
            let parts = block(&vit, 8);
            let norms = parts.iter().filter(|part| matches!(part.operation, Operation::Norm { .. })).count();
            assert_eq!(norms as u64, form.norms());
            let flops: f64 = parts.iter().map(|part| part.operation.flops()).sum();
            (flops, bytes_moved(&parts))
        };
        let plain = with(BlockForm::Pre);
        assert_eq!((with(BlockForm::Post), with(BlockForm::ResPost)), (plain, plain));
        let (flops, moved) = with(BlockForm::Parallel);
        assert_eq!(flops, plain.0);
        // A norm and a residual sum, and what two more products read and write of the width: 7 arrays.
        assert_eq!(plain.1 - moved, 2.0 * 7.0 * 8.0 * 256.0 * 1152.0);
    }

    /// The operations are the model, all but a MAP head's attention, whose one query only reads.
    #[test]
    fn operations_sum_to_the_flops() {
        for named in CATALOGUE {
            let vit = named.vit();
            let flops: f64 = forward(&vit, 1).iter().map(|part| part.operation.flops() * part.count as f64).sum();
            let exact = vit.cost().forward_flops_per_example as f64;
            assert!((flops / exact - 1.0).abs() < 1e-4, "{}: {flops} {exact}", named.name);
        }
    }
}
