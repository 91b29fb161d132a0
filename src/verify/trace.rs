//! What the executor traces: the sectors that each block touches, step by step, as `kernels/host/trace.hpp` orders them.

use crate::kernel::{Cache, Traffic};

/// The flag that makes the executor trace.
pub const TRACING: &str = "-DSOVIT_TRACE";

/// Bytes of a sector.
const SECTOR: u64 = 32;

/// A launch, by the sectors of global memory that its blocks touch between their barriers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// By block and step: sectors times two, and one more where they are written.
    blocks: Vec<Vec<Vec<u64>>>,
}

impl Trace {
    /// What a program that traces writes last.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (words, []) = bytes.as_chunks::<8>() else { return None };
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let mut blocks: Vec<Vec<Vec<u64>>> = Vec::new();
        while let Some(block) = words.next() {
            let count = words.next()?;
            let sectors: Vec<u64> = words.by_ref().take(count as usize).collect();
            // Blocks run one after another.
            if block >= blocks.len() as u64 {
                blocks.push(Vec::new());
            }
            blocks.get_mut(block as usize)?.push(sectors);
        }
        (!blocks.is_empty()).then_some(Self { blocks })
    }

    /// What moves where a cache of sectors that were used last holds so many bytes and so many blocks run abreast: what
    /// [`KernelPlan::traffic`](crate::kernel::KernelPlan::traffic) tells without a run.
    pub fn traffic(&self, bytes: u64, blocks: u64) -> Traffic {
        let mut cache = Cache::new(bytes);
        for wave in self.blocks.chunks(blocks.max(1) as usize) {
            let steps = wave.iter().map(Vec::len).max().unwrap_or(0);
            for sector in (0..steps).flat_map(|step| wave.iter().filter_map(move |block| block.get(step))).flatten() {
                match sector % 2 {
                    0 => cache.read(sector / 2, SECTOR),
                    _ => cache.write(sector / 2, SECTOR),
                }
            }
        }
        cache.close()
    }
}
