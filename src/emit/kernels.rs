//! Kernel plans to CUDA source: one template a kernel, the primitives printed into each file.

use std::collections::BTreeMap;

use serde::Serialize;

use super::engine;
use crate::diagnostic::Diagnostic;
use crate::kernel::KernelPlan;

/// The whole source of one kernel: a single file that needs no header, with the same bytes everywhere.
///
/// NVRTC and nvcc compile the source as it is; a C++ compiler does with `kernels/host`. Fails where the plan
/// names an unknown template or lacks a constant its template needs.
pub fn kernel_source(kernel: &KernelPlan) -> Result<String, Diagnostic> {
    let constants = kernel.constants.iter().map(|(name, value)| (name.as_str(), Known::Constant(*value)));
    let choices = kernel.choices.iter().map(|(name, value)| (name.as_str(), Known::Choice(value)));
    let context = Context {
        known: constants.chain(choices).collect(),
        half: kernel.halves.dtype.name(),
        stream: kernel.halves.residual.name(),
        constants: &kernel.constants,
        reals: &kernel.reals,
        entry: &kernel.entry,
        threads: kernel.launch.threads,
        shared_bytes: kernel.launch.shared_bytes,
        flops_per_row: kernel.flops_per_row,
        bytes_per_row: kernel.bytes_per_row,
        bytes_of_weights: kernel.bytes_of_weights,
    };
    engine::render(&kernel.template, context)
}

/// The constants and choices by name, the constants in order, and what the comments say.
#[derive(Serialize)]
struct Context<'a> {
    #[serde(flatten)]
    known: BTreeMap<&'a str, Known<'a>>,
    /// What is multiplied, and the residual stream.
    half: &'a str,
    stream: &'a str,
    constants: &'a [(String, u64)],
    reals: &'a [(String, f64)],
    entry: &'a str,
    threads: u64,
    shared_bytes: u64,
    flops_per_row: u64,
    bytes_per_row: u64,
    bytes_of_weights: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Known<'a> {
    Constant(u64),
    Choice(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::codes;
    use crate::kernel::layernorm_residual;

    fn source(width: u64) -> String {
        kernel_source(&layernorm_residual(width, 1e-6).unwrap()).unwrap()
    }

    #[test]
    fn the_source_says_what_it_is_and_needs_no_header() {
        let text = source(1152);
        assert!(text.starts_with("// sovit_layernorm_residual_w1152\n"), "{text}");
        assert!(text.contains("constexpr int WIDTH = 1152;\n") && text.contains("constexpr float EPSILON = 1e-6f;\n"));
        assert!(text.contains("so 16 of 160 threads sit out the last"));
        assert!(!text.contains("#include") && !text.contains("{{") && text.contains("row_sum"));
        // A row of one warp needs no sum over warps.
        assert!(!source(384).contains("row_sum"));
        assert!(text.ends_with("}\n") && !text.contains("\n\n\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 140 && line.trim_end() == line));
    }

    #[test]
    fn wide_rows_sum_over_their_warps() {
        let text = source(4096);
        assert!(text.contains("row_sum(squares, slots + 2 * WARPS_PER_ROW)"), "{text}");
    }

    #[test]
    fn an_unknown_template_and_a_missing_constant_are_diagnostics() {
        let mut kernel = layernorm_residual(1152, 1e-6).unwrap();
        kernel.constants.retain(|(name, _)| name != "WIDTH");
        assert_eq!(kernel_source(&kernel).unwrap_err().code, codes::TEMPLATE);
        kernel.template = "no_such".to_owned();
        assert_eq!(kernel_source(&kernel).unwrap_err().code, codes::TEMPLATE);
    }
}
