//! Kernel plans as data; `emit` prints them, `nvrtc` compiles what was printed.

use serde::{Deserialize, Serialize};

/// Every kernel of one shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kernels {
    /// The kernels, in the order a forward pass first needs them.
    pub list: Vec<KernelPlan>,
}

/// One kernel, specialised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelPlan {
    /// The template's stem, such as `layernorm_residual`.
    pub template: String,
    /// The entry point, such as `sovit_layernorm_residual_w1152`.
    pub entry: String,
    /// Compile-time constants by name, in the order the source prints them.
    pub constants: Vec<(String, u64)>,
    /// The layer norm's epsilon.
    pub norm_epsilon: f64,
    /// Threads of a block.
    pub threads: u64,
    /// Rows a block handles; the grid is `ceil(rows / rows_per_block)`.
    pub rows_per_block: u64,
    /// Dynamic shared memory of a block, in bytes.
    pub shared_bytes: u64,
}
