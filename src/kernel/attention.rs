//! Attention, forward: softmax(Q K^T / sqrt(head)) V of each head, its scores never in memory.
//!
//! A warp holds 16 or 32 queries and their results in registers; keys and values stream through shared memory. Clocks of
//! one tile of `n` keys, on an SM that holds `r` blocks of `q` queries, heads of `d` stored elements:
//!
//! ```text
//! products = 2 q n (2 d) / product            powers = q n / 16
//! shared   = (warps + 1) 2 n (2 d) / 128      floats = q (d + 4 n) / floats
//! l2       = 2 n (2 d) / l2
//! step = max(products, powers, floats, shared, l2, LATENCY / ((s - 1) r))
//!      + ((products + powers + floats) / 4 + BUBBLE) / r
//! ```
//!
//! The last line is what one block alone cannot overlap, since each tile's weights need its scores. A head takes
//! `ceil(tokens / q)` blocks of `ceil(tokens / n)` such steps; the plan with the least product of clocks over all GPUs
//! and batches is taken, as in `tile.rs`.

use super::gemm::stored;
use super::gpu::{GPUS, Gpu, MOST_REGISTERS, MOST_SHARED, REGISTERS, RESERVED, SHARED_RATE};
use super::tile::{BATCHES, LATENCY, MOST_RESIDENT};
use super::{Access, Argument, Dtype, Extent, KernelPlan, Launch, codes};
use crate::diagnostic::Diagnostic;

/// The largest head: its results stay in registers.
const MOST_HEAD: u64 = 128;
/// The most heads and tokens.
const MOST: u64 = 1 << 20;
/// The most keys of a step.
const MOST_KEYS: u64 = 96;
/// Registers beside queries, scores and results.
const OTHER_REGISTERS: u64 = 80;
/// Clocks of one step that a warp waits for itself: a barrier, the first fragments, the largest of four lanes.
const BUBBLE: f64 = 256.0;
/// Powers of two that an SM takes in a clock.
const POWERS: f64 = 16.0;

/// One model's attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Tokens of an image.
    pub tokens: u64,
    /// Heads.
    pub heads: u64,
    /// Size of a head, 128 at most.
    pub head_dim: u64,
}

/// How a block divides its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionTile {
    /// Warps.
    pub warps: u64,
    /// Products of 16 queries that a warp stacks: 1 or 2.
    pub products_m: u64,
    /// Keys of a step, a multiple of 16.
    pub keys: u64,
    /// Stages of the ring of copies.
    pub stages: u64,
}

impl AttentionTile {
    const fn queries(&self) -> u64 {
        16 * self.products_m * self.warps
    }

    const fn threads(&self) -> u64 {
        32 * self.warps
    }
}

impl Attention {
    /// The plan with the tile that costs least, or why there is none.
    pub fn plan(&self) -> Result<KernelPlan, Diagnostic> {
        self.check()?;
        let mut best: Option<(f64, AttentionTile)> = None;
        for tile in candidates().filter(|tile| self.is_legal(tile)) {
            let pairs = GPUS.iter().flat_map(|gpu| BATCHES.iter().map(move |&images| (gpu, images)));
            let cost = pairs.map(|(gpu, images)| self.clocks(&tile, gpu, images) * 1e-6).product();
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, tile));
            }
        }
        best.map(|(_, tile)| self.with(&tile)).ok_or_else(|| self.no_kernel())
    }

    /// The plan with a tile of one's own, or why it is not legal.
    pub fn plan_with(&self, tile: &AttentionTile) -> Result<KernelPlan, Diagnostic> {
        self.check()?;
        if self.is_legal(tile) { Ok(self.with(tile)) } else { Err(self.no_kernel()) }
    }

    fn check(&self) -> Result<(), Diagnostic> {
        let sizes = [(self.head_dim, MOST_HEAD), (self.heads, MOST), (self.tokens, MOST)];
        if sizes.iter().all(|(size, most)| (1..=*most).contains(size)) { Ok(()) } else { Err(self.no_kernel()) }
    }

    fn no_kernel(&self) -> Diagnostic {
        let Self { tokens, heads, head_dim } = self;
        let message = format!("no attention kernel is written for {tokens} tokens and {heads} heads of {head_dim}");
        Diagnostic::error(codes::ATTENTION, message).help(format!("choose heads of 1 to {MOST_HEAD}"))
    }

    /// Bytes of a row in shared memory: an odd number of 16-byte chunks.
    const fn row_bytes(&self) -> u64 {
        16 * ((stored(self.head_dim) / 8) | 1)
    }

    const fn shared_bytes(&self, tile: &AttentionTile) -> u64 {
        (tile.queries() + 2 * tile.stages * tile.keys) * self.row_bytes()
    }

    /// Registers of a thread: queries, scores, results, and the rest.
    const fn registers(&self, tile: &AttentionTile) -> u64 {
        let head = stored(self.head_dim);
        tile.products_m * (tile.keys / 2 + head / 2 + head / 4) + OTHER_REGISTERS
    }

    /// Blocks whose registers an SM holds.
    fn resident(&self, tile: &AttentionTile) -> u64 {
        let registers = self.registers(tile);
        let most = REGISTERS / (tile.threads() * registers.next_multiple_of(8));
        if registers > MOST_REGISTERS { 0 } else { most.min(MOST_RESIDENT) }
    }

    fn is_legal(&self, tile: &AttentionTile) -> bool {
        matches!(tile.warps, 1..=8)
            && matches!((tile.products_m, tile.stages), (1..=2, 2..=4))
            && matches!(tile.keys, 16..=MOST_KEYS)
            && tile.keys.is_multiple_of(16)
            && self.resident(tile) > 0
            && self.shared_bytes(tile) <= MOST_SHARED
    }

    fn clocks(&self, tile: &AttentionTile, gpu: &Gpu, images: u64) -> f64 {
        let (head, queries, keys) = (stored(self.head_dim) as f64, tile.queries() as f64, tile.keys as f64);
        let shared = gpu.shared / (self.shared_bytes(tile) + RESERVED);
        let resident = self.resident(tile).min(shared).min(gpu.threads / tile.threads()).max(1) as f64;
        let (products, powers) = (4.0 * queries * keys * head / gpu.product, queries * keys / POWERS);
        let floats = queries * (head + 4.0 * keys) / gpu.floats;
        let bytes = 4.0 * keys * head;
        let limits = [
            products,
            powers,
            floats,
            (tile.warps + 1) as f64 * bytes / SHARED_RATE,
            bytes / gpu.l2,
            LATENCY / ((tile.stages - 1) as f64 * resident),
        ];
        let step = limits.into_iter().fold(0.0, f64::max) + ((products + powers + floats) / 4.0 + BUBBLE) / resident;
        let one = self.tokens.div_ceil(tile.keys) as f64 * step + (LATENCY + 4.0 * queries * head / gpu.l2) / resident;
        let blocks = images * self.heads * self.tokens.div_ceil(tile.queries());
        blocks.div_ceil(gpu.sms) as f64 * one
    }

    fn with(&self, tile: &AttentionTile) -> KernelPlan {
        let Self { tokens, heads, head_dim } = *self;
        let head = stored(head_dim);
        let tiles = tokens.div_ceil(tile.queries());
        let constants = [
            ("TOKENS", tokens),
            ("HEADS", heads),
            ("HEAD", head),
            ("HEAD_DIM", head_dim),
            ("WARPS", tile.warps),
            ("PRODUCTS_M", tile.products_m),
            ("KEYS", tile.keys),
            ("STAGES", tile.stages),
            ("RESIDENT", self.resident(tile)),
            ("QUERY_TILES", tiles),
        ];
        let size = Extent::Size;
        let qkv = |head| [size(3), Extent::IMAGES, size(heads), size(tokens), size(head)];
        let out = |head| [Extent::ROWS, size(heads), size(head)];
        KernelPlan {
            name: "attention".to_owned(),
            template: "attention".to_owned(),
            entry: format!("sovit_attention_h{heads}x{head_dim}_t{tokens}"),
            constants: constants.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            // Weights are powers of two: log2(e) is part of the scale.
            reals: vec![("SCALE".to_owned(), std::f64::consts::LOG2_E / (head_dim as f64).sqrt())],
            choices: Vec::new(),
            launch: Launch {
                threads: tile.threads(),
                rows_per_block: tokens,
                blocks_per_band: heads * tiles,
                rows_multiple: tokens,
                shared_bytes: self.shared_bytes(tile),
            },
            arguments: vec![
                Argument::new("qkv", Dtype::Bf16, qkv(head), Access::Read).padded(qkv(head_dim)),
                Argument::new("out", Dtype::Bf16, out(head), Access::Write).padded(out(head_dim)),
                Argument::rows(),
            ],
            flops_per_row: 4 * tokens * heads * head_dim,
            bytes_per_row: 4 * 2 * heads * head,
            bytes_of_weights: 0,
        }
    }
}

fn candidates() -> impl Iterator<Item = AttentionTile> {
    let warps = [4, 8, 2].into_iter().flat_map(|warps| [1, 2].map(|products_m| (warps, products_m)));
    let keys = warps.flat_map(|pair| (1..=MOST_KEYS / 16).map(move |n| (pair, 16 * n)));
    keys.flat_map(|((warps, products_m), keys)| [2, 3].map(|stages| AttentionTile { warps, products_m, keys, stages }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tokens: u64, heads: u64, head_dim: u64, expected: [u64; 4]) {
        let plan = Attention { tokens, heads, head_dim }.plan().unwrap();
        let seen = ["WARPS", "PRODUCTS_M", "KEYS", "STAGES"].map(|name| plan.constant(name).unwrap());
        assert_eq!(seen, expected, "{}", plan.entry);
    }

    #[test]
    fn published_shapes() {
        check(256, 16, 72, [2, 2, 64, 2]);
        check(729, 16, 72, [2, 2, 64, 2]);
        check(1024, 16, 72, [2, 2, 64, 2]);
        check(256, 16, 55, [2, 2, 64, 2]);
        check(197, 12, 64, [2, 2, 32, 2]);
        check(256, 16, 128, [4, 1, 64, 2]);
    }

    #[test]
    fn every_head_that_fits_has_a_plan_and_no_other() {
        for head_dim in 1..=MOST_HEAD {
            for tokens in [1, 17, 256] {
                let plan = Attention { tokens, heads: 3, head_dim }.plan().unwrap();
                assert!(plan.constant("RESIDENT").unwrap() > 0 && plan.launch.shared_bytes <= MOST_SHARED);
            }
        }
        for (tokens, heads, head_dim) in [(0, 1, 64), (1, 0, 64), (1, 1, 0), (1, 1, 129), (MOST + 1, 1, 64)] {
            let refused = Attention { tokens, heads, head_dim }.plan().unwrap_err();
            assert_eq!(refused.code, codes::ATTENTION);
        }
        let tile = AttentionTile { warps: 4, products_m: 1, keys: 24, stages: 2 };
        assert!(Attention { tokens: 256, heads: 16, head_dim: 72 }.plan_with(&tile).is_err());
    }
}
