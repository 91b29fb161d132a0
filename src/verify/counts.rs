//! What the executor counts, as `kernels/host/counts.hpp` orders it.

use serde::Serialize;

/// Work of a launch by warp instruction, as a GPU would issue it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// FLOPs of matrix products that are issued.
    pub flops: u64,
    /// Additions and multiplications in `float` of a kernel that has no such products; 0 elsewhere.
    pub scalar_flops: u64,
    /// Distinct bytes that reads of global memory ask for, asynchronous copies among them; instruction by instruction.
    pub read_bytes: u64,
    /// Sectors of 32 bytes that these lie in.
    pub read_sectors: u64,
    /// The same of writes.
    pub write_bytes: u64,
    /// The same of writes.
    pub write_sectors: u64,
    /// The same of tables that all rows read and that stay cached.
    pub table_bytes: u64,
    /// The same of tables.
    pub table_sectors: u64,
    /// Turns of shared memory, 128 bytes each, that ldmatrix takes.
    pub matrix_turns: u64,
    /// Those of them that bank conflicts add.
    pub matrix_conflicts: u64,
    /// The same of reads and writes by threads.
    pub shared_turns: u64,
    /// The same of reads and writes by threads.
    pub shared_conflicts: u64,
    /// The same of what asynchronous copies write.
    pub copy_turns: u64,
    /// The same of what asynchronous copies write.
    pub copy_conflicts: u64,
    /// Barriers that blocks meet at.
    pub barriers: u64,
    /// Groups of copies that threads commit.
    pub groups: u64,
}

impl Counts {
    fn fields(&mut self) -> [&mut u64; 16] {
        [
            &mut self.flops,
            &mut self.scalar_flops,
            &mut self.read_bytes,
            &mut self.read_sectors,
            &mut self.write_bytes,
            &mut self.write_sectors,
            &mut self.table_bytes,
            &mut self.table_sectors,
            &mut self.matrix_turns,
            &mut self.matrix_conflicts,
            &mut self.shared_turns,
            &mut self.shared_conflicts,
            &mut self.copy_turns,
            &mut self.copy_conflicts,
            &mut self.barriers,
            &mut self.groups,
        ]
    }

    /// What a program that counts writes last.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut counts = Self::default();
        let (words, rest) = bytes.as_chunks::<8>();
        let fields = counts.fields();
        if words.len() != fields.len() || !rest.is_empty() {
            return None;
        }
        for (field, word) in fields.into_iter().zip(words) {
            *field = u64::from_le_bytes(*word);
        }
        Some(counts)
    }

    /// The same for `blocks` blocks of the same work, where these are of `counted`.
    #[must_use]
    pub fn scaled(mut self, blocks: u64, counted: u64) -> Self {
        for field in self.fields() {
            *field = (u128::from(*field) * u128::from(blocks) / u128::from(counted.max(1))) as u64;
        }
        self
    }

    /// Share of the bytes of touched sectors that were asked for, tables left out; 1 where nothing is touched.
    pub fn useful_bytes(&self) -> f64 {
        let touched = 32 * (self.read_sectors + self.write_sectors);
        if touched == 0 { 1.0 } else { (self.read_bytes + self.write_bytes) as f64 / touched as f64 }
    }

    /// Turns of shared memory.
    pub fn turns(&self) -> u64 {
        self.matrix_turns + self.shared_turns + self.copy_turns
    }

    /// Conflicts in main loops: of ldmatrix and of asynchronous copies.
    pub fn loop_conflicts(&self) -> u64 {
        self.matrix_conflicts + self.copy_conflicts
    }
}
