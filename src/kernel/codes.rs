//! What can go wrong with kernels, from the plan to the compiled binary.

use crate::diagnostic::Code;

/// No kernel is written for this width.
pub const WIDTH: Code = Code::new("S0801", "kernel-width");
/// The layer norm's epsilon is not a positive `float`.
pub const EPSILON: Code = Code::new("S0802", "kernel-epsilon");
/// No kernel norms or rotates queries and keys of such heads, or has the norms of the blocks.
pub const VARIANT: Code = Code::new("S0803", "kernel-variant");
/// Rows of the width do not begin at multiples of 16 bytes.
pub const ALIGNMENT: Code = Code::new("S0804", "kernel-alignment");
/// No matrix product is written for these sizes.
pub const GEMM: Code = Code::new("S0805", "kernel-gemm");
/// No attention kernel is written for these heads.
pub const ATTENTION: Code = Code::new("S0806", "kernel-attention");
/// No kernel pools these tokens.
pub const POOL: Code = Code::new("S0807", "kernel-pool");
/// A weight that a kernel needs is not there, or has another size.
pub const WEIGHTS: Code = Code::new("S0808", "kernel-weights");
/// A weight is beyond what fp16 holds.
pub const TOO_LARGE: Code = Code::new("S0809", "weight-too-large");
/// libnvrtc was not found.
pub const NVRTC_MISSING: Code = Code::new("S0810", "nvrtc-missing");
/// A libnvrtc was found that cannot be used.
pub const NVRTC_UNUSABLE: Code = Code::new("S0811", "nvrtc-unusable");
/// The GPU architecture is not one that NVRTC knows.
pub const ARCHITECTURE: Code = Code::new("S0812", "gpu-architecture");
/// The source does not compile.
pub const COMPILE: Code = Code::new("S0813", "kernel-compile");
/// The kernel does not fit in registers.
pub const SPILLS: Code = Code::new("S0814", "kernel-spills");
/// The compiler announced a loss of performance.
pub const SLOW: Code = Code::new("S0815", "kernel-slow");
/// NVRTC failed for reasons of its own.
pub const NVRTC_FAILED: Code = Code::new("S0816", "nvrtc-failed");
/// What was compiled is not kept.
pub const CACHE: Code = Code::new("S0817", "kernel-cache");
/// What was kept of a kernel was damaged.
pub const DAMAGED: Code = Code::new("S0818", "kernel-damaged");
/// A block of a kernel needs more registers or shared memory than there are.
pub const LAUNCH: Code = Code::new("S0819", "kernel-launch");
