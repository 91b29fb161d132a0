//! Attention, forward: softmax(Q K^T / sqrt(head)) V of each head, its scores never in memory.
//!
//! A warp holds 16 or 32 queries and their results in registers; keys and values stream through a ring in shared memory.
//! Where tokens are few, it holds all scores of its queries, too: all keys pass first, then all values, and the softmax
//! is taken once. Else it is online: each tile of keys comes with its values, and results are scaled as scores grow.
//!
//! Clocks of `t` keys, `n` in a stage, on an SM that holds `r` blocks of `q` queries, with heads of `d` stored elements:
//!
//! ```text
//! products = 4 q t d / product                powers = q t / 16
//! shared   = (warps + 1) 4 t d / 128          floats = q (4 t + d [online: ceil(t / n)]) / floats
//! l2       = 4 t d / l2                       waits  = stages LATENCY / ((s - 1) r)
//! clocks = max(products, powers, floats, shared, l2, waits)
//!        + ((products + powers + floats) / 4 + stages ENTRY + softmaxes TURN + LATENCY + 4 q d / l2) / r
//! ```
//!
//! The last line is what one block alone cannot overlap, since weights need their scores: `stages` is `ceil(t / n)`, or
//! twice that where values come after all keys; `softmaxes` is `ceil(t / n)`, or 1. A head takes `ceil(tokens / q)`
//! blocks; the plan with the least product of clocks over all GPUs and batches is taken, as in `tile.rs`, of those that
//! keep [`LEAST_WARPS`] on each GPU and issue no more than [`MOST_ISSUED`] of what 196 tokens and more ask for.
//!
//! In fp16 weights are powers of two from 2^15 down, so that those far below the largest are no zeros, and a difference
//! of scores is taken before it is scaled: one operation more for each, which the clocks leave out.

use super::gemm::stored;
use super::gpu::{GPUS, Gpu, LEAST_WARPS, MOST_REGISTERS, MOST_SHARED, REGISTERS, RESERVED, SHARED_RATE};
use super::tile::{BATCHES, LATENCY, MOST_RESIDENT, cheapest};
use super::{Access, Argument, Dtype, Extent, KernelPlan, Launch, codes};
use crate::diagnostic::Diagnostic;
use crate::vit::Halves;

/// The largest head: its results stay in registers.
const MOST_HEAD: u64 = 128;
/// The most heads and tokens.
const MOST: u64 = 1 << 20;
/// The most keys of a stage.
const MOST_KEYS: u64 = 96;
/// Registers beside queries, scores and results.
const OTHER_REGISTERS: u64 = 80;
/// Registers beside queries and all scores, whose place results take.
const OTHER_OF_WHOLE: u64 = 48;
/// Most products to be issued, in percent of those that the tokens ask for.
const MOST_ISSUED: u64 = 112;
/// Fewest tokens of which that can be asked.
const FEW_TOKENS: u64 = 196;
/// Clocks that a warp waits for itself at a stage: a barrier and the first fragments.
const ENTRY: f64 = 64.0;
/// Clocks that a warp waits for itself at a softmax: the largest of four lanes.
const TURN: f64 = 192.0;
/// Powers of two that an SM takes in a clock.
const POWERS: f64 = 16.0;

/// Clocks of a block, were it alone on an SM, in which it multiplies nothing: entries to so many stages, turns at so many
/// softmaxes, the first copies and the way of its results.
pub(super) fn idle(stages: u64, softmaxes: u64) -> f64 {
    stages as f64 * ENTRY + softmaxes as f64 * TURN + 2.0 * LATENCY
}

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

/// When a row's scores become weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Softmax {
    /// Once, all of them being in registers.
    Whole,
    /// Tile by tile, with what is summed so far scaled to the largest score so far.
    Online,
}

/// How a block divides its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionTile {
    /// When scores become weights.
    pub softmax: Softmax,
    /// Warps.
    pub warps: u64,
    /// Products of 16 queries that a warp stacks: 1 or 2, but 1 where it holds all scores.
    pub products_m: u64,
    /// Keys of a stage, a multiple of 16.
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

    /// Rows of a stage: keys and their values, or either.
    const fn stage_rows(&self) -> u64 {
        match self.softmax {
            Softmax::Whole => self.keys,
            Softmax::Online => 2 * self.keys,
        }
    }
}

impl Attention {
    /// The plan with the tile that costs least, or why there is none.
    pub fn plan(&self) -> Result<KernelPlan, Diagnostic> {
        self.plan_at(&BATCHES)
    }

    /// The same where it is chosen for batches of so many images.
    pub(super) fn plan_at(&self, batches: &[u64]) -> Result<KernelPlan, Diagnostic> {
        self.check()?;
        let tiles = candidates().filter(|tile| self.is_legal(tile) && self.is_fit(tile)).collect();
        let best = cheapest(tiles, batches, |tile, gpu, images| self.clocks(tile, gpu, images));
        best.map(|tile| self.with(&tile)).ok_or_else(|| self.no_kernel())
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
        (tile.queries() + tile.stages * tile.stage_rows()) * self.row_bytes()
    }

    /// Registers of a thread: queries, scores, results, and the rest.
    const fn registers(&self, tile: &AttentionTile) -> u64 {
        let head = stored(self.head_dim);
        match tile.softmax {
            Softmax::Whole => self.tokens.next_multiple_of(8) / 2 + head / 4 + OTHER_OF_WHOLE,
            Softmax::Online => tile.products_m * (tile.keys / 2 + head / 2 + head / 4) + OTHER_REGISTERS,
        }
    }

    /// Blocks whose registers an SM holds.
    fn resident(&self, tile: &AttentionTile) -> u64 {
        let registers = self.registers(tile);
        // An SM has room for a multiple of four warps.
        let warps = REGISTERS / (32 * registers.next_multiple_of(8)) / 4 * 4;
        if registers > MOST_REGISTERS { 0 } else { (warps / tile.warps).min(MOST_RESIDENT) }
    }

    /// Blocks that an SM of this GPU holds.
    fn resident_on(&self, tile: &AttentionTile, gpu: &Gpu) -> u64 {
        let shared = gpu.shared / (self.shared_bytes(tile) + RESERVED);
        self.resident(tile).min(shared).min(gpu.threads / tile.threads())
    }

    /// Whether the kernel can be built so.
    fn is_legal(&self, tile: &AttentionTile) -> bool {
        matches!(tile.warps, 1..=8)
            && matches!(tile.stages, 2..=4)
            && matches!((tile.softmax, tile.products_m), (Softmax::Whole, 1) | (Softmax::Online, 1..=2))
            && matches!(tile.keys, 16..=MOST_KEYS)
            && tile.keys.is_multiple_of(16)
            && self.resident(tile) > 0
            && self.shared_bytes(tile) <= MOST_SHARED
    }

    /// Whether enough warps hide their waits, and few enough products are for no one.
    fn is_fit(&self, tile: &AttentionTile) -> bool {
        // Keys are multiplied by eights, queries by a warp's stack.
        let issued = self.tokens.next_multiple_of(16 * tile.products_m) * self.tokens.next_multiple_of(8);
        let asked = self.tokens * self.tokens;
        // What each tile of keys costs beside products would stand once for sixteen of them.
        let wide = tile.keys >= 32 || self.tokens < FEW_TOKENS;
        wide && GPUS.iter().all(|gpu| self.resident_on(tile, gpu) * tile.warps >= LEAST_WARPS)
            && (self.tokens < FEW_TOKENS || 100 * issued <= MOST_ISSUED * asked)
    }

    fn clocks(&self, tile: &AttentionTile, gpu: &Gpu, images: u64) -> f64 {
        let head = stored(self.head_dim) as f64;
        // Of a block on average: warps without any wait for the others.
        let (blocks, rows) = (self.tokens.div_ceil(tile.queries()), 16 * tile.products_m);
        let queries = self.tokens.next_multiple_of(rows) as f64 / blocks as f64;
        let (keys, tiles) = (self.tokens.next_multiple_of(8) as f64, self.tokens.div_ceil(tile.keys) as f64);
        let (stages, softmaxes, scaled) = match tile.softmax {
            Softmax::Whole => (2.0 * tiles, 1.0, 0.0),
            Softmax::Online => (tiles, tiles, tiles * head),
        };
        let resident = self.resident_on(tile, gpu).max(1) as f64;
        let (products, powers) = (4.0 * queries * keys * head / gpu.product, queries * keys / POWERS);
        let floats = queries * (4.0 * keys + scaled) / gpu.floats;
        let bytes = 4.0 * keys * head;
        let limits = [
            products,
            powers,
            floats,
            (queries / rows as f64 + 1.0) * bytes / SHARED_RATE,
            bytes / gpu.l2,
            stages * LATENCY / ((tile.stages - 1) as f64 * resident),
        ];
        let alone = (products + powers + floats) / 4.0 + stages * ENTRY + softmaxes * TURN;
        let ends = LATENCY + 4.0 * queries * head / gpu.l2;
        let one = limits.into_iter().fold(0.0, f64::max) + (alone + ends) / resident;
        (images * self.heads * blocks).div_ceil(gpu.sms) as f64 * one
    }

    fn with(&self, tile: &AttentionTile) -> KernelPlan {
        let Self { tokens, heads, head_dim } = *self;
        let head = stored(head_dim);
        let tiles = tokens.div_ceil(tile.queries());
        let softmax = match tile.softmax {
            Softmax::Whole => "whole",
            Softmax::Online => "online",
        };
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
            instead_of: None,
            halves: Halves::default(),
            constants: constants.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            // Weights are powers of two: log2(e) is part of the scale.
            reals: vec![("SCALE".to_owned(), std::f64::consts::LOG2_E / (head_dim as f64).sqrt())],
            choices: vec![("softmax".to_owned(), softmax.to_owned())],
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
            scalar_flops_per_row: 0,
            bytes_per_row: 4 * 2 * heads * head,
            bytes_of_weights: 0,
        }
    }
}

/// Tiles with three stages or four.
fn candidates() -> impl Iterator<Item = AttentionTile> {
    let kinds = [(Softmax::Online, 2), (Softmax::Online, 1), (Softmax::Whole, 1)];
    let blocks = kinds.into_iter().flat_map(|kind| (2..=8).map(move |warps| (kind, warps)));
    let keys = blocks.flat_map(|block| (1..=MOST_KEYS / 16).map(move |n| (block, 16 * n)));
    keys.flat_map(|(((softmax, products_m), warps), keys)| {
        [3, 4].map(|stages| AttentionTile { softmax, warps, products_m, keys, stages })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tokens: u64, heads: u64, head_dim: u64, softmax: &str, expected: [u64; 4]) {
        let plan = Attention { tokens, heads, head_dim }.plan().unwrap();
        let seen = ["WARPS", "PRODUCTS_M", "KEYS", "STAGES"].map(|name| plan.constant(name).unwrap());
        assert_eq!((plan.choice("softmax").unwrap(), seen), (softmax, expected), "{}", plan.entry);
    }

    #[test]
    fn tiles_that_cannot_be_built_are_refused() {
        let attention = Attention { tokens: 256, heads: 16, head_dim: 72 };
        let legal = |softmax, products_m, keys, stages| {
            let tile = AttentionTile { softmax, warps: 4, products_m, keys, stages };
            attention.plan_with(&tile).is_ok()
        };
        assert!(
            legal(Softmax::Whole, 1, 32, 3) && legal(Softmax::Online, 1, 32, 2) && legal(Softmax::Online, 2, 32, 4)
        );
        // Two stacks of all scores have no room in registers.
        assert!(!legal(Softmax::Whole, 2, 32, 3) && !legal(Softmax::Online, 3, 32, 3));
        assert!(!legal(Softmax::Online, 2, 24, 3) && !legal(Softmax::Online, 2, 32, 5));
    }

    #[test]
    fn published_shapes() {
        check(196, 16, 72, "whole", [4, 1, 80, 3]);
        check(197, 12, 64, "whole", [3, 1, 48, 3]);
        check(257, 16, 64, "whole", [4, 1, 80, 3]);
        check(256, 16, 128, "whole", [4, 1, 32, 3]);
        check(256, 16, 72, "online", [4, 2, 32, 3]);
        check(729, 16, 72, "online", [4, 2, 32, 3]);
        check(1024, 16, 72, "online", [4, 2, 32, 3]);
        check(256, 16, 55, "online", [4, 2, 48, 3]);
    }

    #[test]
    fn small_batches_have_more_blocks() {
        let attention = Attention { tokens: 256, heads: 16, head_dim: 72 };
        let [one, usual] = [&[1][..], &BATCHES].map(|batches| attention.plan_at(batches).unwrap());
        assert_eq!(attention.plan().unwrap(), usual);
        assert!(one.launch.blocks_per_band > usual.launch.blocks_per_band);
    }

    #[test]
    fn plans_hide_their_waits_and_multiply_little_for_no_one() {
        for head_dim in [8, 64, 72, 104, 128] {
            for tokens in (1..1200).step_by(13).chain([196, 197, 209, 225, 257, 261]) {
                let plan = Attention { tokens, heads: 16, head_dim }.plan().unwrap();
                let constant = |name| plan.constant(name).unwrap();
                let (warps, stack) = (constant("WARPS"), constant("PRODUCTS_M"));
                let blocks = constant("RESIDENT").min((100 << 10) / (plan.launch.shared_bytes + RESERVED));
                assert!(blocks * warps >= 8 && constant("STAGES") >= 3, "{}", plan.entry);
                let issued = tokens.next_multiple_of(16 * stack) * tokens.next_multiple_of(8);
                let asked = tokens * tokens;
                assert!(tokens < 196 || issued as f64 <= 1.12 * asked as f64, "{}", plan.entry);
            }
        }
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
        let tile = AttentionTile { softmax: Softmax::Online, warps: 4, products_m: 1, keys: 24, stages: 2 };
        assert!(Attention { tokens: 256, heads: 16, head_dim: 72 }.plan_with(&tile).is_err());
    }
}
