//! The tiles of a matrix product: which are legal, and which costs least.
//!
//! Clocks of one depth step of a tile of `m x n x k`, on an SM that holds `r` blocks of `s` stages:
//!
//! ```text
//! step = max(2 m n k / product,                       the tensor cores
//!            instructions / 4,                        where pixels become halves in the main loop: its schedulers
//!            (read + written) / 128,                  shared memory: what warps read of it, what copies write to it
//!            2 k (m + n) / l2,                        the L2 cache
//!            LATENCY / ((s - 1) r))                   copies in flight
//!      + BUBBLE / r                                   a barrier, hidden by other blocks
//! ```
//!
//! A tile takes `ceil(K / k)` steps, and `(LATENCY + moved / l2) / r` clocks to fill and to drain; the busiest SM works
//! on `ceil(tiles / SMs)` tiles. The tile whose clocks have the least product over all [`GPUS`] and batches of
//! [`BATCHES`] images is taken: one source serves them all, and no GPU or batch counts more than another. A single image
//! wants smaller tiles, which would cost large batches a fifth of their speed by this model; its batch is left out.
//!
//! Where the plan has buckets of batches, each has a tile of its own, for its smallest and its largest batch in the place
//! of [`BATCHES`]: the least product of clocks of those tiles that are at neither, and on no GPU, slower than the tile
//! without buckets.

use super::bands::Bands;
use super::gpu::{GPUS, Gpu, LEAST_WARPS, MOST_REGISTERS, MOST_SHARED, REGISTERS, RESERVED, SHARED_RATE};

/// Images of the batches that a tile is chosen for, where the plan has no buckets.
pub(super) const BATCHES: [u64; 3] = [4, 16, 64];
/// Clocks from a copy's start to its end.
pub(super) const LATENCY: f64 = 800.0;
/// Clocks that warps wait for each other between two stages where one block is alone: an estimate.
const BUBBLE: f64 = 24.0;
/// Schedulers of an SM, each of which issues an instruction a clock.
const SCHEDULERS: f64 = 4.0;
/// Instructions that make a word of fragments from pixels, and others of a step: as compiled.
const PER_WORD: u64 = 7;
const PER_STEP: u64 = 60;
/// Registers beside sums and fragments: addresses and counters.
const OTHER_REGISTERS: u64 = 32;
/// Most blocks that the compiler is asked to fit into an SM's registers.
pub(super) const MOST_RESIDENT: u64 = 4;

/// How a block divides a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Warps along the rows.
    pub warps_m: u64,
    /// Warps along the columns.
    pub warps_n: u64,
    /// Products of 16 rows that a warp stacks.
    pub products_m: u64,
    /// Products of 8 columns that a warp puts side by side.
    pub products_n: u64,
    /// Depth of a step: 32 or 64, rows of shared memory of 64 or 128 bytes.
    pub depth: u64,
    /// Stages of the ring of copies.
    pub stages: u64,
}

impl Tile {
    /// Rows.
    pub const fn rows(&self) -> u64 {
        16 * self.products_m * self.warps_m
    }

    /// Columns.
    pub const fn columns(&self) -> u64 {
        8 * self.products_n * self.warps_n
    }

    /// Threads of the block.
    pub const fn threads(&self) -> u64 {
        32 * self.warps_m * self.warps_n
    }

    /// Bytes of shared memory: the ring, or the slabs through which the sums leave, whichever is larger.
    pub const fn shared_bytes(&self) -> u64 {
        self.shared_with(2 * self.stages * self.depth * self.rows())
    }

    /// The same where rows take so many bytes.
    const fn shared_with(&self, rows: u64) -> u64 {
        let ring = (2 * self.stages * self.depth * self.columns()).saturating_add(rows);
        let warp = 8 * self.products_n;
        let slabs = 4 * 16 * (warp + if warp.is_multiple_of(16) { 8 } else { 0 }) * self.warps_m * self.warps_n;
        if ring > slabs { ring } else { slabs }
    }

    /// Registers of a thread: sums, two sets of fragments, where its copies come from, and the rest.
    const fn registers(&self) -> u64 {
        let places = 2 * (self.copies(self.rows()) + self.copies(self.columns()));
        let fragments = 2 * (4 * self.products_m + 2 * self.products_n);
        4 * self.products_m * self.products_n + fragments + places + OTHER_REGISTERS
    }

    /// Copies of 16 bytes that a thread makes for so many rows of a stage.
    const fn copies(&self, rows: u64) -> u64 {
        (rows * self.depth / 8).div_ceil(self.threads())
    }

    /// Blocks whose registers an SM holds, which the source asks the compiler for; 0 where it holds none.
    pub const fn resident(&self) -> u64 {
        self.resident_with(0)
    }

    /// The same where a thread holds so many registers more.
    pub(super) const fn resident_with(&self, held: u64) -> u64 {
        let registers = self.registers().saturating_add(held);
        let most = REGISTERS / self.threads().saturating_mul(registers.next_multiple_of(8));
        if registers > MOST_REGISTERS {
            0
        } else if most > MOST_RESIDENT {
            MOST_RESIDENT
        } else {
            most
        }
    }

    /// Whether the kernel can be built so: registers, shared memory, and the pattern by which threads copy.
    pub const fn is_legal(&self) -> bool {
        self.is_formed() && self.shared_bytes() <= MOST_SHARED
    }

    /// The same but for shared memory.
    const fn is_formed(&self) -> bool {
        matches!((self.warps_m * self.warps_n, self.depth), (4 | 8, 32 | 64))
            && matches!((self.products_m, self.stages), (1..=4, 3..=5))
            && self.products_n > 0
            && self.resident() > 0
    }
}

/// A matrix product as the search sees it; its columns are those of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    /// Rows of one image.
    pub(super) rows: u64,
    /// Columns of the result, before any gate.
    pub(super) columns: u64,
    /// What is summed over.
    pub(super) depth: u64,
    /// Whether columns come in pairs of eight that one warp must hold.
    pub(super) paired: bool,
    /// Bytes that move beside the product, for each of its elements.
    pub(super) moved: u64,
    /// Columns come in so many groups; a tile lies in one.
    pub(super) groups: u64,
    /// The bands of patches that the rows come from; else they are copied as they are.
    pub(super) bands: Option<Bands>,
}

impl Product {
    /// Blocks whose registers an SM holds; 0 where it holds none. Copies of rows take registers that bands do not.
    pub(super) const fn resident(&self, tile: &Tile) -> u64 {
        match self.bands {
            Some(bands) => tile.resident_with(bands.registers(tile).saturating_sub(2 * tile.copies(tile.rows()))),
            None => tile.resident_with(0),
        }
    }

    /// Instructions of a block's warps in a step where they make halves of pixels; elsewhere products hide them.
    const fn instructions(&self, tile: &Tile) -> u64 {
        if self.bands.is_none() {
            return 0;
        }
        let products = tile.rows() * tile.columns() * tile.depth / (16 * 8 * 16);
        let words = tile.rows() * tile.depth / 64 * tile.warps_n;
        products + PER_WORD * words + PER_STEP * tile.warps_m * tile.warps_n
    }

    /// Bytes of shared memory: the ring, or the slabs through which the sums leave, whichever is larger.
    pub(super) const fn shared_bytes(&self, tile: &Tile) -> u64 {
        match self.bands {
            Some(bands) => tile.shared_with(bands.bytes(tile)),
            None => tile.shared_bytes(),
        }
    }

    /// Whether the kernel of this product can be built with that tile.
    pub(super) const fn allows(&self, tile: &Tile) -> bool {
        tile.is_formed()
            && (!self.paired || tile.products_n.is_multiple_of(2))
            // Rows that a warp reads at once are spread over bands by bits.
            && (self.bands.is_none() || tile.rows().is_power_of_two())
            && self.resident(tile) > 0
            && self.shared_bytes(tile) <= MOST_SHARED
    }

    /// Blocks that an SM of this GPU holds.
    pub(super) fn resident_on(&self, tile: &Tile, gpu: &Gpu) -> u64 {
        let shared = gpu.shared / (self.shared_bytes(tile) + RESERVED);
        self.resident(tile).min(shared).min(gpu.threads / tile.threads())
    }

    /// Whether enough warps hide each other's waits on every GPU.
    fn is_fit(&self, tile: &Tile) -> bool {
        GPUS.iter().all(|gpu| 32 * LEAST_WARPS <= self.resident_on(tile, gpu) * tile.threads())
    }
}

/// The cheapest legal tile for batches of so many images.
pub(super) fn cheapest_tile(product: &Product, batches: &[u64]) -> Option<Tile> {
    cheapest(candidates(product).collect(), batches, |tile, gpu, images| clocks(product, tile, gpu, images))
}

/// Of these tiles the first that costs least at some batches, and at none of them more on any GPU than the one for
/// [`BATCHES`].
pub(super) fn cheapest<T: Copy>(tiles: Vec<T>, batches: &[u64], clocks: impl Fn(&T, &Gpu, u64) -> f64) -> Option<T> {
    let pairs = |batches: &[u64]| -> Vec<(&Gpu, u64)> {
        GPUS.iter().flat_map(|gpu| batches.iter().map(move |&images| (gpu, images))).collect()
    };
    let least = |tiles: Vec<T>, batches: &[u64]| {
        let pairs = pairs(batches);
        let cost = |tile: &T| -> f64 { pairs.iter().map(|&(gpu, images)| clocks(tile, gpu, images) * 1e-6).product() };
        let costs = tiles.into_iter().map(|tile| (cost(&tile), tile));
        costs.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, tile)| tile)
    };
    let usual = least(tiles.clone(), &BATCHES)?;
    if batches == BATCHES {
        return Some(usual);
    }
    let at_most = pairs(batches).into_iter().map(|(gpu, images)| (gpu, images, clocks(&usual, gpu, images)));
    let at_most: Vec<(&Gpu, u64, f64)> = at_most.collect();
    let no_slower = |tile: &T| at_most.iter().all(|&(gpu, images, most)| clocks(tile, gpu, images) <= most);
    least(tiles.into_iter().filter(no_slower).collect(), batches)
}

fn candidates(product: &Product) -> impl Iterator<Item = Tile> {
    const WARPS: [(u64, u64); 6] = [(2, 2), (4, 1), (1, 4), (2, 4), (4, 2), (8, 1)];
    let most = product.columns.next_multiple_of(8);
    let warps = WARPS.into_iter().flat_map(|warps| [1, 2, 3, 4].map(|products_m| (warps, products_m)));
    let shapes = warps.flat_map(|pair| (1..=16).map(move |products_n| (pair, products_n)));
    let depths = shapes.flat_map(|shape| [32, 64].map(|depth| (shape, depth)));
    let tiles = depths.flat_map(|((((warps_m, warps_n), products_m), products_n), depth)| {
        [3, 4, 5].map(|stages| Tile { warps_m, warps_n, products_m, products_n, depth, stages })
    });
    let product = *product;
    let fits = move |tile: &Tile| product.allows(tile) && product.is_fit(tile);
    tiles.filter(move |tile| fits(tile) && (tile.columns() <= most || tile.products_n == 1))
}

/// Clocks of a block, were it alone on an SM, in which it multiplies nothing: so many stages' barriers, the first copies
/// and the way of its results.
pub(super) fn idle(stages: u64) -> f64 {
    stages as f64 * BUBBLE + 2.0 * LATENCY
}

/// Clocks until the last SM is done, by the formula above.
fn clocks(product: &Product, tile: &Tile, gpu: &Gpu, images: u64) -> f64 {
    let (rows, columns, depth) = (tile.rows(), tile.columns(), tile.depth);
    let resident = product.resident_on(tile, gpu).max(1) as f64;
    let read = 2 * depth * (rows * tile.warps_n + columns * tile.warps_m);
    let written = 2 * depth * (rows + columns);
    let limits = [
        (2 * rows * columns * depth) as f64 / gpu.product,
        product.instructions(tile) as f64 / SCHEDULERS,
        (read + written) as f64 / SHARED_RATE,
        written as f64 / gpu.l2,
        LATENCY / ((tile.stages - 1) as f64 * resident),
    ];
    let step = limits.into_iter().fold(0.0, f64::max) + BUBBLE / resident;
    let moved = (product.moved * rows * columns) as f64;
    let one = product.depth.div_ceil(depth) as f64 * step + (LATENCY + moved / gpu.l2) / resident;
    let tiles = (images * product.rows).div_ceil(rows) * product.columns.div_ceil(columns) * product.groups;
    tiles.div_ceil(gpu.sms) as f64 * one
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn product(rows: u64, columns: u64, depth: u64, paired: bool) -> Product {
        Product { rows, columns, depth, paired, moved: 2, groups: 1, bands: None }
    }

    fn check(columns: u64, depth: u64, expected: [u64; 4]) {
        let tile = cheapest_tile(&product(256, columns, depth, false), &BATCHES).unwrap();
        let seen = [tile.rows(), tile.columns(), tile.depth, tile.stages];
        assert_eq!(seen, expected, "{columns} x {depth}: {tile:?}");
    }

    #[test]
    fn the_products_of_sovit_400m() {
        check(3456, 1152, [128, 128, 32, 3]);
        check(1152, 1152, [128, 96, 32, 3]);
        check(4304, 1152, [128, 96, 32, 3]);
        check(1152, 4304, [128, 96, 32, 3]);
        check(1152, 592, [128, 96, 32, 3]);
    }

    /// The clocks of all GPUs at a batch, as a product.
    fn cost(product: &Product, tile: &Tile, images: u64) -> f64 {
        GPUS.iter().map(|gpu| clocks(product, tile, gpu, images) * 1e-6).product()
    }

    #[test]
    fn small_batches_have_smaller_tiles() {
        let fc2 = product(256, 1152, 4304, false);
        let [one, many] = [1, 64].map(|images| cheapest_tile(&fc2, &[images]).unwrap());
        assert!(one.rows() * one.columns() < many.rows() * many.columns(), "{one:?} {many:?}");
        assert!(cost(&fc2, &one, 1) < 0.5 * cost(&fc2, &many, 1), "four GPUs have less than half of the product");
    }

    #[test]
    fn what_does_not_fit_is_not_legal() {
        let tile = Tile { warps_m: 2, warps_n: 2, products_m: 4, products_n: 8, depth: 32, stages: 4 };
        assert!(tile.is_legal());
        assert_eq!([tile.rows(), tile.columns(), tile.threads(), tile.resident()], [128, 128, 128, 2]);
        assert_eq!(tile.shared_bytes(), 4 * 2 * 32 * (128 + 128));
        for wrong in [
            Tile { products_n: 16, ..tile },
            Tile { depth: 64, stages: 4, ..tile },
            Tile { depth: 48, ..tile },
            Tile { stages: 2, ..tile },
            Tile { warps_m: 1, warps_n: 1, ..tile },
            Tile { products_n: 0, ..tile },
        ] {
            assert!(!wrong.is_legal(), "{wrong:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn every_product_has_a_legal_tile(rows in 1u64..2000, columns in 1u64..1000, depth in 1u64..1000, paired: bool) {
            let columns = if paired { 16 } else { 8 } * columns;
            let tile = cheapest_tile(&product(rows, columns, 8 * depth, paired), &BATCHES).unwrap();
            prop_assert!(tile.is_legal());
            prop_assert!(!paired || tile.products_n.is_multiple_of(2));
        }

        #[test]
        fn no_bucket_is_slower_for_being_one(
            rows in 1u64..1000, columns in 1u64..1000, depth in 1u64..1000, first in 1u64..100, more in 0u64..10_000,
        ) {
            let product = product(rows, 8 * columns, 8 * depth, false);
            let batches = [first, first + more];
            let [own, usual] = [&batches[..], &BATCHES].map(|batches| cheapest_tile(&product, batches).unwrap());
            for (gpu, images) in GPUS.iter().flat_map(|gpu| batches.map(|images| (gpu, images))) {
                let [own, usual] = [&own, &usual].map(|tile| clocks(&product, tile, gpu, images));
                prop_assert!(own <= usual, "{gpu:?}, {images} images: {own} and {usual} clocks");
            }
        }
    }
}
