//! What a launch moves to and from device memory: a model of the cache that all units share.
//!
//! Blocks start in the order of their numbers, as many at a time as all units hold, and go through their steps abreast. In
//! a step a block reads and writes pieces of buffers, such as the rows of its tile over one step of the depth. The cache
//! holds the pieces that were used last, whole and wherever they lie (LRU); what is written leaves it once, when it is
//! put out or at the end. Sets, sectors that pieces share, and a cache in two halves, which holds twice what units
//! of both read, are left out.
//!
//! Only addresses count, so that a launch of any size is soon told: steps repeat, and of a very large launch the end is
//! taken to go on like the second half of a smaller one.

mod cache;
mod pieces;

pub use cache::{Cache, Traffic};
use pieces::Pieces;

use super::KernelPlan;

/// Most steps of blocks that are followed one by one.
const MOST_STEPS: u64 = 1 << 21;

impl KernelPlan {
    /// What a launch over `rows` rows moves where the cache holds `bytes` and all units together hold `blocks` blocks.
    pub fn traffic(&self, rows: u64, bytes: u64, blocks: u64) -> Traffic {
        let rows = rows.next_multiple_of(self.launch.rows_multiple.max(1));
        let followed = self.followed(rows);
        let whole = self.follow(followed, bytes, blocks);
        if followed == rows {
            return whole;
        }
        let half = (followed / 2).next_multiple_of(self.launch.rows_multiple.max(1));
        let first = self.follow(half, bytes, blocks);
        let on = |whole: u64, first: u64| {
            let slope = whole.saturating_sub(first) as f64 / (followed - half).max(1) as f64;
            whole.saturating_add((slope * (rows - followed) as f64) as u64)
        };
        Traffic {
            read: on(whole.read, first.read),
            written: on(whole.written, first.written),
            least: on(whole.least, first.least),
        }
    }

    /// Rows of the launch that is followed in the place of one of `rows`.
    fn followed(&self, rows: u64) -> u64 {
        let launch = &self.launch;
        let steps_of_row = |rows: u64| {
            let bands = rows.div_ceil(launch.rows_per_block.max(1));
            bands.saturating_mul(launch.blocks_per_band).saturating_mul(Pieces::of(self, rows).steps())
        };
        let mut rows = rows;
        while steps_of_row(rows) > MOST_STEPS {
            let half = (rows / 2).next_multiple_of(launch.rows_multiple.max(1));
            if half >= rows {
                break;
            }
            rows = half;
        }
        rows
    }

    fn follow(&self, rows: u64, bytes: u64, at_a_time: u64) -> Traffic {
        let pieces = Pieces::of(self, rows);
        let bands = rows.div_ceil(self.launch.rows_per_block.max(1));
        let blocks = bands.saturating_mul(self.launch.blocks_per_band);
        let mut cache = Cache::new(bytes);
        let mut first = 0;
        while first < blocks {
            let end = first.saturating_add(at_a_time.max(1)).min(blocks);
            for step in 0..pieces.steps() {
                for block in first..end {
                    pieces.touch(block, step, &mut cache);
                }
            }
            first = end;
        }
        cache.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Epilogue, Gemm, plan};
    use crate::vit::named;
    use proptest::prelude::*;

    #[test]
    fn a_large_cache_moves_everything_once() {
        let vit = named("sovit_400m14").unwrap().vit();
        for kernel in plan(&vit).unwrap().list {
            let rows = (40 * kernel.launch.rows_per_block).next_multiple_of(kernel.launch.rows_multiple);
            let traffic = kernel.traffic(rows, u64::MAX, 200);
            let planned = kernel.bytes_per_row * rows + kernel.bytes_of_weights;
            assert_eq!(traffic.moved(), traffic.least, "{}", kernel.entry);
            let share = traffic.least as f64 / planned as f64;
            assert!((0.99..1.01).contains(&share), "{}: {share}", kernel.entry);
        }
    }

    #[test]
    fn launches_too_large_to_follow_go_on_as_they_began() {
        let gemm = Gemm::new("product", 256, [1152, 1152], Epilogue::Bias);
        let kernel = gemm.plan().unwrap();
        let [one, two] = [1 << 18, 1 << 24].map(|rows| (rows, kernel.traffic(rows, 40 << 20, 216)));
        assert_eq!(kernel.followed(one.0), one.0);
        assert!(kernel.followed(two.0) < two.0);
        let per_row = |(rows, traffic): (u64, Traffic)| traffic.moved() as f64 / rows as f64;
        assert!((per_row(two) / per_row(one) - 1.0).abs() < 0.02);
        assert!(kernel.traffic(u64::MAX / 2, 40 << 20, u64::MAX).moved() > 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn a_larger_cache_never_moves_more(
            rows in 1u64..3000, columns in 1u64..200, depth in 1u64..60, small in 0u64..1 << 20, more in 0u64..1 << 20,
            blocks in 1u64..300,
        ) {
            let kernel = Gemm::new("product", 256, [8 * depth, 8 * columns], Epilogue::Bias).plan().unwrap();
            let [one, other] = [small, small + more].map(|bytes| kernel.traffic(rows, bytes, blocks));
            prop_assert!(one.moved() >= other.moved() && other.moved() >= other.least);
            prop_assert_eq!(one.least, other.least);
        }
    }
}
