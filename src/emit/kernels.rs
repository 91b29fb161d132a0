//! Kernel plans to CUDA source: one template a kernel, the primitives printed into each file.

use std::collections::BTreeMap;

use serde::Serialize;

use super::engine;
use crate::diagnostic::Diagnostic;
use crate::kernel::KernelPlan;
use crate::vit::Vit;

/// The whole source of one kernel: a single file that needs no header, with the same bytes everywhere.
///
/// `vit` only serves the comments. NVRTC and nvcc compile the source as it is; a C++ compiler does with
/// `kernels/host/run.cpp`. Fails where the plan names an unknown template or lacks a constant its template needs.
pub fn kernel_source(kernel: &KernelPlan, vit: &Vit) -> Result<String, Diagnostic> {
    let context = Context {
        values: kernel.constants.iter().map(|(name, value)| (name.as_str(), *value)).collect(),
        constants: &kernel.constants,
        entry: &kernel.entry,
        threads: kernel.threads,
        shared_bytes: kernel.shared_bytes,
        epsilon: kernel.norm_epsilon,
        tokens: vit.architecture.tokens(),
    };
    engine::render(&kernel.template, context)
}

/// The constants by name and in order, and what the comments say.
#[derive(Serialize)]
struct Context<'a> {
    #[serde(flatten)]
    values: BTreeMap<&'a str, u64>,
    constants: &'a [(String, u64)],
    entry: &'a str,
    threads: u64,
    shared_bytes: u64,
    epsilon: f64,
    tokens: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::codes;
    use crate::kernel::plan;
    use crate::vit::named;

    fn source(name: &str, width: u64) -> String {
        let mut vit = named(name).unwrap().vit();
        vit.shape.width = width;
        kernel_source(&plan(&vit).unwrap().list[0], &vit).unwrap()
    }

    #[test]
    fn the_source_says_what_it_is_and_needs_no_header() {
        let text = source("sovit_400m14", 1152);
        assert!(text.starts_with("// sovit_layernorm_residual_w1152\n"), "{text}");
        assert!(text.contains("constexpr int WIDTH = 1152;\n") && text.contains("constexpr float EPSILON = 1e-6f;\n"));
        assert!(text.contains("256 rows an image") && text.contains("so 16 of 160 threads sit out the last"));
        assert!(!text.contains("#include") && !text.contains("{{") && text.contains("row_sum"));
        // A row of one warp needs no sum over warps.
        assert!(!source("sovit_400m14", 384).contains("row_sum"));
        assert!(text.ends_with("}\n") && !text.contains("\n\n\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 140 && line.trim_end() == line));
    }

    #[test]
    fn wide_rows_sum_over_their_warps() {
        let text = source("sovit_400m14", 4096);
        assert!(text.contains("row_sum(squares, slots + 2 * WARPS_PER_ROW)"), "{text}");
    }

    #[test]
    fn an_unknown_template_and_a_missing_constant_are_diagnostics() {
        let vit = named("sovit_400m14").unwrap().vit();
        let mut kernel = plan(&vit).unwrap().list.remove(0);
        kernel.constants.retain(|(name, _)| name != "WIDTH");
        assert_eq!(kernel_source(&kernel, &vit).unwrap_err().code, codes::TEMPLATE);
        kernel.template = "no_such".to_owned();
        assert_eq!(kernel_source(&kernel, &vit).unwrap_err().code, codes::TEMPLATE);
    }
}
