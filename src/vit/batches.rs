//! Batches of images in buckets.

/// Batches in buckets, each of which has kernels of its own; no buckets where all batches share theirs.
///
/// A bucket is told by its largest batch, and begins where the one before it ends. The last has no end: its largest batch
/// is the largest that its kernels are chosen for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batches(Vec<u64>);

impl Batches {
    /// The most buckets.
    pub const MOST: usize = 8;
    /// The largest batch that kernels are chosen for, in images.
    pub const LARGEST: u64 = 1 << 16;

    /// Buckets by their largest batches, which rise from 1 on; none where they do not, or are too large or too many.
    pub fn new(largest: &[u64]) -> Option<Self> {
        let are_in_range = largest.iter().all(|images| (1..=Self::LARGEST).contains(images));
        let rise = largest.is_sorted_by(|before, after| before < after);
        (are_in_range && rise && largest.len() <= Self::MOST).then(|| Self(largest.to_vec()))
    }

    /// The smallest and the largest batch of each bucket, in images.
    pub fn buckets(&self) -> impl Iterator<Item = [u64; 2]> {
        let smallest = std::iter::once(1).chain(self.0.iter().map(|before| before + 1));
        smallest.zip(&self.0).map(|(smallest, &largest)| [smallest, largest])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_one_another() {
        let buckets = |largest: &[u64]| Batches::new(largest).map(|batches| batches.buckets().collect::<Vec<_>>());
        assert_eq!(buckets(&[4, 64]), Some(vec![[1, 4], [5, 64]]));
        assert_eq!(buckets(&[1, 2, Batches::LARGEST]), Some(vec![[1, 1], [2, 2], [3, Batches::LARGEST]]));
        assert_eq!(buckets(&[]), Some(vec![]));
        for wrong in [&[0, 4][..], &[4, 4], &[64, 4], &[Batches::LARGEST + 1], &[1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            assert_eq!(buckets(wrong), None, "{wrong:?}");
        }
    }
}
