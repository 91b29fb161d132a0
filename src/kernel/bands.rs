//! How the patches of a tile lie in shared memory: in bands, as images hold them.
//!
//! Patches of a tile that lie side by side in an image are a band. A run of a patch, its numbers that lie side by side, is
//! followed by the next patch's; so a run of a band is one piece of memory, whose sectors are all of use. It is copied by
//! 16 bytes as it lies. A ring of such runs stands in shared memory, and warps read the fragments of their products from
//! it, a pair of numbers a lane.

use super::image::Images;
use super::tile::Tile;
use crate::units::gcd;

/// Bytes of an asynchronous copy.
const CHUNK: u64 = 16;
/// Bytes by which a band's first chunk may begin before it: less than a chunk for the band and for the run.
const BEFORE: u64 = 2 * (CHUNK - 1);
/// Chunks of padding behind a band by which it can begin in any bank.
const MOST_PADDING: u64 = 7;
/// Bytes of a bank of shared memory, and banks.
const BANK: u64 = 4;
const BANKS: u64 = 32;
/// Steps of products, and groups of 16 rows, in which conflicts are looked for.
const STEPS: u64 = 8;
const GROUPS: u64 = 2;

/// The runs of images' patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bands {
    /// Patches along a side.
    grid: u64,
    /// Numbers of a patch, of one of its runs, and bytes of a number.
    numbers: u64,
    run: u64,
    pixel: u64,
}

/// What of the arrangement is free: bits of a tile's row that differ among the rows that a warp reads at once, from the
/// lowest, and chunks of padding behind a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spread {
    bits: [u64; 3],
    padding: u64,
}

impl Bands {
    pub(super) const fn of(images: &Images) -> Self {
        Self { grid: images.grid, numbers: images.numbers(), run: images.run(), pixel: images.pixels.bytes() }
    }

    /// Bands of a tile of so many rows, wherever among the images it begins.
    const fn count(&self, rows: u64) -> u64 {
        if rows.is_multiple_of(self.grid) { rows / self.grid } else { (rows + self.grid - 2) / self.grid + 1 }
    }

    /// Chunks of a band's run, as eights: those that as many lanes copy at a time meet in no bank.
    const fn chunks(&self, rows: u64) -> u64 {
        let patches = if rows < self.grid { rows } else { self.grid };
        patches
            .saturating_mul(self.run)
            .saturating_mul(self.pixel)
            .saturating_add(BEFORE)
            .div_ceil(8 * CHUNK)
            .saturating_mul(8)
    }

    /// Most chunks of padding behind it: a fourth of it, for small bands have other places by themselves.
    const fn most_padding(&self, rows: u64) -> u64 {
        let quarter = self.chunks(rows) / 4;
        if quarter < MOST_PADDING { quarter } else { MOST_PADDING }
    }

    /// Runs that stand in shared memory at a time: those of as many steps of the tile's depth as it has stages.
    const fn slots(&self, tile: &Tile) -> u64 {
        // Steps begin at multiples of the depth, hence within runs at multiples of what both have in common.
        (self.run - gcd(self.run, tile.depth) + tile.stages * tile.depth - 1) / self.run + 1
    }

    /// Bytes of shared memory for a tile, with the most padding that there may be.
    pub(super) const fn bytes(&self, tile: &Tile) -> u64 {
        let band = (self.chunks(tile.rows()) + self.most_padding(tile.rows())).saturating_mul(CHUNK);
        self.slots(tile).saturating_mul(self.count(tile.rows())).saturating_mul(band)
    }

    /// Copies that a thread makes of each run.
    pub(super) const fn copies(&self, tile: &Tile) -> u64 {
        self.count(tile.rows()).saturating_mul(self.chunks(tile.rows())).div_ceil(tile.threads())
    }

    /// Registers of a thread: where copies come from, where rows lie, and numbers on their way, of which those of 16 bits
    /// come by two widths of accesses.
    pub(super) const fn registers(&self, tile: &Tile) -> u64 {
        let on_their_way = if self.pixel > 1 { 28 } else { 12 };
        self.copies(tile).saturating_mul(3).saturating_add(2 * tile.products_m + on_their_way)
    }

    /// The constants of a kernel that say all this.
    pub(super) fn constants(&self, tile: &Tile) -> [(&'static str, u64); 6] {
        let Spread { bits: [near, middle, far], padding } = self.spread(tile);
        let band = CHUNK * (self.chunks(tile.rows()) + padding);
        [
            ("BANDS", self.count(tile.rows())),
            ("BAND_BYTES", band),
            ("SLOTS", self.slots(tile)),
            ("NEAR_BIT", near),
            ("MIDDLE_BIT", middle),
            ("FAR_BIT", far),
        ]
    }

    /// The spread with the fewest conflicts in dense images whose rows begin with a chunk, and then the least padding.
    fn spread(&self, tile: &Tile) -> Spread {
        let bits = u64::from(tile.rows().trailing_zeros());
        let sets = (0..bits).flat_map(|near| {
            (near + 1..bits).flat_map(move |middle| (middle + 1..bits).map(move |far| [near, middle, far]))
        });
        let spreads = (0..=self.most_padding(tile.rows()))
            .flat_map(|padding| sets.clone().map(move |bits| Spread { bits, padding }));
        let first = Spread { bits: [0, 1, 2], padding: 0 };
        let (mut least, mut best) = (self.conflicts(tile, first), first);
        for spread in spreads {
            if least == 0 {
                break;
            }
            let conflicts = self.conflicts(tile, spread);
            if conflicts < least {
                (least, best) = (conflicts, spread);
            }
        }
        best
    }

    /// Turns that conflicts of banks cost warps in some steps of some rows.
    fn conflicts(&self, tile: &Tile, spread: Spread) -> u64 {
        let band = CHUNK * (self.chunks(tile.rows()) + spread.padding);
        let slot = band * self.count(tile.rows());
        let slots = self.slots(tile);
        let mut sum = 0;
        for pair in 0..2 * STEPS.min(self.numbers.div_ceil(16)) {
            for group in 0..2 * GROUPS.min(tile.rows() / 16) {
                let mut words = [u64::MAX; BANKS as usize];
                for lane in 0..32 {
                    let row = spread.row(8 * group + lane / 4);
                    let number = 8 * pair + lane % 4 * 2;
                    let (run, within) = (number / self.run, number % self.run);
                    let patch = row / self.grid * band + row % self.grid * self.run * self.pixel;
                    let word = (run % slots * slot + patch + within * self.pixel) / BANK;
                    let first = &mut words[(word % BANKS) as usize];
                    // A bank's second word costs a turn, and so, more or less, does each after it.
                    sum += u64::from(*first != u64::MAX && *first != word);
                    *first = word;
                }
            }
        }
        sum
    }
}

impl Spread {
    /// The row of the tile that stands in row `i` of its products.
    fn row(&self, i: u64) -> u64 {
        let rest = self.bits.iter().fold(i / 8, |rest, &bit| (rest % (1 << bit)) | ((rest >> bit) << (bit + 1)));
        self.bits.iter().enumerate().fold(rest, |row, (from, &bit)| row | (((i >> from) & 1) << bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::{Layout, Pixels};
    use proptest::prelude::*;

    const TILE: Tile = Tile { warps_m: 4, warps_n: 1, products_m: 2, products_n: 12, depth: 32, stages: 3 };

    fn bands(grid: u64, patch: u64, pixels: Pixels, layout: Layout) -> Bands {
        Bands::of(&Images { grid, patch, channels: 3, pixels, layout })
    }

    #[test]
    fn patches_of_14_pixels() {
        // Eight bands of 16 patches, each of 16 x 42 bytes; of 96 numbers, as many as three steps have, up to four runs.
        let bands = bands(16, 14, Pixels::Uint8, Layout::Nhwc);
        assert_eq!([bands.count(128), bands.chunks(128), bands.slots(&TILE)], [8, 48, 4]);
        assert_eq!(bands.conflicts(&TILE, bands.spread(&TILE)), 0);
        // 27 do not divide 128: a tile begins amid a band.
        let bands = self::bands(27, 14, Pixels::Uint8, Layout::Nhwc);
        assert_eq!([bands.count(128), bands.count(27), bands.count(1)], [6, 1, 1]);
    }

    proptest! {
        #[test]
        fn every_row_stands_once(near in 0u64..4, middle in 1u64..3, far in 1u64..3) {
            let spread = Spread { bits: [near, near + middle, near + middle + far], padding: 0 };
            let rows = 1 << (near + middle + far + 1);
            let mut seen: Vec<u64> = (0..rows).map(|i| spread.row(i)).collect();
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..rows));
        }

        /// Steps touch no more runs than there are slots, whichever of them is the first.
        #[test]
        fn runs_of_the_stages_fit(patch in 1u64..40, first in 0u64..50, stages in 3u64..6, deep: bool, layout: bool) {
            let layout = if layout { Layout::Nhwc } else { Layout::Nchw };
            let bands = bands(7, patch, Pixels::Uint8, layout);
            let tile = Tile { depth: if deep { 64 } else { 32 }, stages, ..TILE };
            let (from, to) = (first * tile.depth, (first + stages) * tile.depth);
            prop_assert!((to - 1) / bands.run - from / bands.run < bands.slots(&tile));
        }

        /// A tile touches no more bands than are planned for.
        #[test]
        fn patches_of_a_tile_fit(grid in 1u64..40, tiles in 0u64..100, products in 1u64..9) {
            let bands = bands(grid, 14, Pixels::Uint8, Layout::Nhwc);
            let rows = 16 * products;
            let first = tiles * rows;
            prop_assert!((first + rows - 1) / grid - first / grid < bands.count(rows));
        }
    }
}
