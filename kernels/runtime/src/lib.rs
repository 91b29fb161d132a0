//! The run-time half of `sovitc`: what a plan compiled to, in a program.
//!
//! A build script compiles the plan; the program includes what came out and finds its kernels as plain data.
//!
//! ```
//! use sovit_kernels::{Dtype, Kernel};
//!
//! // In a crate with a build script: mod encoder { sovit_kernels::include_plan!("encoder"); }
//! # mod encoder {
//! #     use sovit_kernels::{Dtype, Kernel};
//! #     pub const LAYERNORM: Kernel = Kernel {
//! #         entry: "sovit_layernorm_residual_w1152", source: "", threads: 128, rows_per_block: 4, blocks_per_band: 1,
//! #         rows_multiple: 1, shared_bytes: 0, constants: &[("WIDTH", 1152)], arguments: &[("x", Dtype::Bf16)],
//! #     };
//! # }
//! let kernel: Kernel = encoder::LAYERNORM;
//! assert_eq!(kernel.constant("WIDTH"), Some(1152));
//! assert_eq!(kernel.blocks(256), 64);
//! assert_eq!(kernel.dtype("x"), Some(Dtype::Bf16));
//! ```
//!
//! With the feature `cuda`, the module `cuda` loads a compiled kernel and launches it; no CUDA is needed to build it.
//! Without it the crate needs neither a dependency nor the standard library.
#![cfg_attr(not(feature = "cuda"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "cuda")]
#[cfg_attr(docsrs, doc(cfg(feature = "cuda")))]
pub mod cuda;

/// One kernel, specialised to a shape: its source and how it is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// The entry point, such as `sovit_layernorm_residual_w1152`.
    pub entry: &'static str,
    /// The CUDA source: one file that needs no header. Its first lines say what the arguments are.
    pub source: &'static str,
    /// Threads of a block.
    pub threads: u32,
    /// Rows that a band of blocks handles, at least 1.
    pub rows_per_block: u32,
    /// Blocks of a band.
    pub blocks_per_band: u32,
    /// The number of rows is a multiple of it, at least 1.
    pub rows_multiple: u32,
    /// Dynamic shared memory of a block, in bytes.
    pub shared_bytes: u32,
    /// The compile-time constants of the source, in its order.
    pub constants: &'static [(&'static str, u64)],
    /// The arguments in order, and what the elements of each are.
    pub arguments: &'static [(&'static str, Dtype)],
}

/// What the elements of an argument are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// `unsigned char`.
    U8,
    /// The upper half of a `float`, as its bits.
    Bf16,
    /// A float of IEEE 754 in 16 bits, as its bits.
    Fp16,
    /// `float`.
    F32,
    /// `unsigned int`.
    U32,
}

impl Dtype {
    /// Bytes of one.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::Bf16 | Self::Fp16 => 2,
            Self::F32 | Self::U32 => 4,
        }
    }
}

impl Kernel {
    /// Blocks of the grid, which has one dimension, for so many rows.
    pub const fn blocks(&self, rows: u32) -> u32 {
        rows.div_ceil(self.rows_per_block).saturating_mul(self.blocks_per_band)
    }

    /// A compile-time constant by name.
    pub fn constant(&self, name: &str) -> Option<u64> {
        self.constants.iter().find(|&&(n, _)| n == name).map(|&(_, value)| value)
    }

    /// What the elements of an argument are, by its name.
    pub fn dtype(&self, argument: &str) -> Option<Dtype> {
        self.arguments.iter().find(|&&(name, _)| name == argument).map(|&(_, dtype)| dtype)
    }
}

/// The kernels of one launch, of which the number of rows chooses: what a plan with `batches` compiles to.
///
/// All compute the same, as fast as can be for their rows.
///
/// ```
/// use sovit_kernels::{ByRows, Kernel};
///
/// # const FC1: Kernel = Kernel {
/// #     entry: "sovit_fc1_n4304_k1152", source: "", threads: 128, rows_per_block: 128, blocks_per_band: 39,
/// #     rows_multiple: 1, shared_bytes: 0, constants: &[], arguments: &[],
/// # };
/// # const FC1_B4: Kernel = Kernel { entry: "sovit_fc1_n4304_k1152_b4", rows_per_block: 64, ..FC1 };
/// // In the module of the plan: batches of up to 4 images of 256 tokens have a kernel of their own.
/// static FC1_BY_ROWS: ByRows = ByRows { up_to: &[(1024, &FC1_B4)], beyond: &FC1 };
/// assert_eq!(FC1_BY_ROWS.of(1024), &FC1_B4);
/// assert_eq!(FC1_BY_ROWS.of(1025), &FC1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByRows {
    /// The most rows that each of these is for, rising, and the kernel.
    pub up_to: &'static [(u32, &'static Kernel)],
    /// The kernel for more rows.
    pub beyond: &'static Kernel,
}

impl ByRows {
    /// The kernel for so many rows.
    pub fn of(&self, rows: u32) -> &'static Kernel {
        self.up_to.iter().find(|&&(most, _)| rows <= most).map_or(self.beyond, |&(_, kernel)| kernel)
    }
}

/// Includes the module that a build script wrote for a plan, by the plan's name.
///
/// ```ignore
/// mod encoder {
///     sovit_kernels::include_plan!("encoder"); // OUT_DIR/encoder.rs
/// }
/// ```
#[macro_export]
macro_rules! include_plan {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_block_may_be_part_full() {
        let kernel = Kernel {
            entry: "k",
            source: "",
            threads: 128,
            rows_per_block: 4,
            blocks_per_band: 1,
            rows_multiple: 1,
            shared_bytes: 0,
            constants: &[],
            arguments: &[("x", Dtype::Fp16), ("out", Dtype::Bf16), ("rows", Dtype::U32)],
        };
        assert_eq!(["x", "out", "y"].map(|name| kernel.dtype(name)), [Some(Dtype::Fp16), Some(Dtype::Bf16), None]);
        assert_eq!(kernel.arguments.iter().map(|(_, dtype)| dtype.bytes()).sum::<usize>(), 8);
        assert_eq!([0, 1, 4, 5, u32::MAX].map(|rows| kernel.blocks(rows)), [0, 1, 1, 2, 1 << 30]);
        assert_eq!(Kernel { blocks_per_band: 30, ..kernel }.blocks(5), 60);
        assert_eq!(kernel.constant("WIDTH"), None);
    }

    #[test]
    fn every_number_of_rows_has_one_kernel() {
        const BEYOND: Kernel = Kernel {
            entry: "k",
            source: "",
            threads: 128,
            rows_per_block: 128,
            blocks_per_band: 1,
            rows_multiple: 1,
            shared_bytes: 0,
            constants: &[],
            arguments: &[],
        };
        const ONE: Kernel = Kernel { entry: "k_b1", ..BEYOND };
        const FOUR: Kernel = Kernel { entry: "k_b4", ..BEYOND };
        let kernels = ByRows { up_to: &[(256, &ONE), (1024, &FOUR)], beyond: &BEYOND };
        let entries = [0, 1, 256, 257, 1024, 1025, u32::MAX].map(|rows| kernels.of(rows).entry);
        assert_eq!(entries, ["k_b1", "k_b1", "k_b1", "k_b4", "k_b4", "k", "k"]);
        assert_eq!(ByRows { up_to: &[], beyond: &BEYOND }.of(1).entry, "k");
    }
}
