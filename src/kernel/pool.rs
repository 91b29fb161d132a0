//! Tokens to vectors: their mean, or their weighted means by the scores that a probe gives them.
//!
//! A block makes some columns of one image's result. Its warps share the tokens: each sums its own, in registers, and
//! the sums meet in shared memory at the end. Weights are powers of two of how far a score lies below the largest of its
//! head; they pass through shared memory, some tokens at a time, while these tokens are on their way.

use super::gemm::stored;
use super::{Access, Argument, Dtype, Extent, KernelPlan, Launch, codes};
use crate::diagnostic::Diagnostic;
use crate::vit::Halves;

/// The most tokens, heads and columns.
const MOST: u64 = 1 << 20;
/// Lanes of a warp.
const WARP: u64 = 32;
/// Warps of a block.
const WARPS: u64 = 4;
/// Tokens that a warp has on their way.
const IN_FLIGHT: u64 = 8;

/// How an image's tokens become vectors of their width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Tokens of an image.
    pub tokens: u64,
    /// Their width, a multiple of 8.
    pub width: u64,
    /// Whose weights.
    pub weights: Weights,
}

/// The weights of an image's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Equal ones, and none for so many of the first tokens.
    Equal {
        /// Tokens that are left out.
        prefix: u64,
    },
    /// The softmax over the tokens of scores in powers of two, for each of so many heads.
    Scores {
        /// Heads: results.
        heads: u64,
    },
}

impl Pool {
    /// The plan, or why there is none.
    pub fn plan(&self) -> Result<KernelPlan, Diagnostic> {
        let Self { tokens, width, weights } = *self;
        let (heads, prefix) = match weights {
            Weights::Equal { prefix } => (1, prefix),
            Weights::Scores { heads } => (heads, 0),
        };
        let sizes = [tokens, width, heads].into_iter().all(|size| (1..=MOST).contains(&size));
        if !sizes || !width.is_multiple_of(8) || prefix >= tokens {
            let message = format!("no kernel pools {tokens} tokens of width {width} to {heads} vectors");
            return Err(Diagnostic::error(codes::POOL, message).help("let the width be a multiple of 8"));
        }
        Ok(self.with(heads, prefix))
    }

    fn with(&self, heads: u64, prefix: u64) -> KernelPlan {
        let Self { tokens, width, weights } = *self;
        let scored = matches!(weights, Weights::Scores { .. });
        // Sums of a thread: 32 registers.
        let (at_once, vector) = match stored(heads) % 16 {
            _ if !scored => (1, 8),
            0 => (16, 2),
            _ => (8, 4),
        };
        let slices = width.div_ceil(vector * WARP);
        let (head_tiles, chunk) = (heads.div_ceil(at_once), IN_FLIGHT * WARPS);
        let sums = 4 * WARPS * at_once * vector * WARP;
        // The weights of a chunk, and a number of each thread; at the end the sums instead of the weights.
        let front = if scored { sums.max(4 * chunk * at_once) } else { sums };
        let mut constants = vec![
            ("TOKENS", tokens),
            ("PREFIX", prefix),
            ("COLUMNS", width),
            ("HEADS", heads),
            ("STORED_HEADS", stored(heads)),
            ("AT_ONCE", at_once),
            ("VECTOR", vector),
            ("WARPS", WARPS),
            ("IN_FLIGHT", IN_FLIGHT),
            ("SLICES", slices),
            ("HEAD_TILES", head_tiles),
            ("SLOTS", front),
        ];
        constants.retain(|(name, _)| scored || !matches!(*name, "STORED_HEADS" | "SLOTS"));
        constants.retain(|(name, _)| !scored || *name != "PREFIX");
        let (name, size) = (if scored { "map_pool" } else { "average" }, Extent::Size);
        let mut arguments =
            vec![Argument::new("x", Dtype::Bf16, [Extent::ROWS, size(tokens), size(width)], Access::Read)];
        let mut entry = format!("sovit_{name}_w{width}_t{tokens}");
        if scored {
            let scores = |heads| [Extent::ROWS, size(tokens), size(heads)];
            let argument = Argument::new("scores", Dtype::F32, scores(stored(heads)), Access::Read);
            arguments.push(argument.padded(scores(heads)));
            let out = [Extent::ROWS, size(heads), size(width)];
            arguments.push(Argument::new("out", Dtype::Bf16, out, Access::Write));
            entry = format!("{entry}_h{heads}");
        } else {
            arguments.push(Argument::new("out", Dtype::Bf16, [Extent::ROWS, size(width)], Access::Write));
        }
        arguments.push(Argument::rows());
        KernelPlan {
            name: name.to_owned(),
            template: "pool".to_owned(),
            entry,
            instead_of: None,
            halves: Halves::default(),
            constants: constants.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            reals: Vec::new(),
            choices: vec![("weights".to_owned(), if scored { "scores" } else { "equal" }.to_owned())],
            launch: Launch {
                threads: WARP * WARPS,
                rows_per_block: 1,
                blocks_per_band: slices * head_tiles,
                rows_multiple: 1,
                shared_bytes: if scored { front + 4 * WARP * WARPS } else { front },
            },
            arguments,
            flops_per_row: 0,
            scalar_flops_per_row: if scored { 2 * heads } else { 1 } * (tokens - prefix) * width,
            bytes_per_row: 2 * width * (tokens - prefix + heads) + if scored { 4 * tokens * stored(heads) } else { 0 },
            bytes_of_weights: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_fill_the_registers_of_a_thread_and_no_more() {
        for heads in [1, 3, 8, 12, 16, 20, 24, 48] {
            let plan = Pool { tokens: 256, width: 1152, weights: Weights::Scores { heads } }.plan().unwrap();
            let [at_once, vector, tiles] = ["AT_ONCE", "VECTOR", "HEAD_TILES"].map(|name| plan.constant(name).unwrap());
            assert_eq!(at_once * vector, 32);
            // No lane reads scores past those of its token.
            assert!(at_once * tiles >= heads && at_once * tiles <= plan.constant("STORED_HEADS").unwrap(), "{heads}");
        }
    }

    #[test]
    fn sizes_without_a_kernel_are_refused() {
        let weights = Weights::Equal { prefix: 1 };
        for (tokens, width) in [(0, 64), (1, 64), (5, 0), (5, 60), (MOST + 1, 64), (u64::MAX, 64)] {
            assert_eq!(Pool { tokens, width, weights }.plan().unwrap_err().code, codes::POOL);
        }
        let weights = Weights::Scores { heads: 0 };
        assert!(Pool { tokens: 5, width: 64, weights }.plan().is_err());
    }
}
