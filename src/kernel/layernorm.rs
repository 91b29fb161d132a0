//! Layer norm with residual add: one read of memory, the whole row in registers.
//!
//! The rule, in order:
//!
//! 1. An access moves as many halves as the rows' alignment allows: 8 (16 bytes) where 8 divides the width, else 4, 2, 1.
//! 2. A thread holds at most 16 elements; twice and four times as many where the row would need more warps than a block
//!    has. Few elements a thread make many warps, which hide the latency of one image's rows: measured in
//!    `benches/results/gpu.md`.
//! 3. Of the warps per row that allow this, up to twice the fewest, those with the fewest idle lanes; the fewest of them.
//! 4. A row of one warp shares its block with three others and needs no shared memory; a wider row has its block alone.

use super::{Access, Argument, Dtype, Extent, KernelPlan, Launch, codes};
use crate::diagnostic::Diagnostic;
use crate::vit::Halves;

/// Lanes of a warp.
const WARP: u64 = 32;
/// Most elements of a row that one thread holds, the first that suffices.
const LIMITS: [u64; 3] = [16, 32, LIMIT];
/// Most of all: the row and the loads in flight stay in registers.
const LIMIT: u64 = 64;
/// Most warps of a block: 512 threads leave each of them 128 registers.
const MOST_WARPS: u64 = 16;
/// Warps of a block whose rows take one warp each.
const ROWS: u64 = 4;

/// The widest row: every thread of the largest block holds [`LIMIT`] elements.
const WIDEST: u64 = LIMIT * WARP * MOST_WARPS;

/// The layer norm of rows of `width` bf16, after a residual is added; `epsilon` is added to the variance.
/// [`KernelPlan::over`] makes it one of other floats, as all kernels.
///
/// Fails where the width is 0 or too large for the registers of a block, or the epsilon no positive `float`.
pub fn layernorm_residual(width: u64, epsilon: f64) -> Result<KernelPlan, Diagnostic> {
    plan(width, epsilon, Rows::Added)
}

/// The layer norm of rows of `width` bf16 alone, for where a product has added the residual. Fails as the other.
pub fn layernorm(width: u64, epsilon: f64) -> Result<KernelPlan, Diagnostic> {
    plan(width, epsilon, Rows::All)
}

/// The layer norm of the first of each image's tokens, the class token. Fails as the others.
pub fn class_norm(width: u64, epsilon: f64, tokens: u64) -> Result<KernelPlan, Diagnostic> {
    plan(width, epsilon, Rows::First { tokens })
}

/// The mean of rows of `width` bf16 and one over their deviation, for products that a layer norm is folded into. Fails as
/// the others.
pub fn layernorm_statistics(width: u64, epsilon: f64) -> Result<KernelPlan, Diagnostic> {
    plan(width, epsilon, Rows::Measured)
}

/// What is done with which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// All, after a residual has been added.
    Added,
    /// All.
    All,
    /// One in so many.
    First { tokens: u64 },
    /// All are measured, and none is normalised.
    Measured,
}

/// Bytes of a row's statistics: two `float`.
pub(super) const STATISTICS: u64 = 8;

impl Argument {
    /// The mean of each row and one over its deviation.
    pub(super) fn statistics(access: Access) -> Self {
        Self::new("statistics", Dtype::F32, [Extent::ROWS, Extent::Size(2)], access)
    }
}

fn plan(width: u64, epsilon: f64, rows: Rows) -> Result<KernelPlan, Diagnostic> {
    if width == 0 || width > WIDEST {
        let message = format!("no layer-norm kernel is written for width {width}");
        return Err(Diagnostic::error(codes::WIDTH, message).help(format!("choose a width from 1 to {WIDEST}")));
    }
    let epsilon = epsilon_of(epsilon)?;
    let vector = [8, 4, 2].into_iter().find(|&v| width.is_multiple_of(v)).unwrap_or(1);
    let vectors = width / vector;
    let fits = |limit: &u64| vectors.div_ceil(limit / vector * WARP) <= MOST_WARPS;
    let limit = LIMITS.into_iter().find(fits).unwrap_or(LIMIT);
    let warps = warps_per_row(vectors, limit / vector);
    let rows_per_block = if warps == 1 { ROWS } else { 1 };
    let threads_per_row = warps * WARP;
    let residual = rows == Rows::Added;
    let mut constants = vec![
        ("WIDTH", width),
        ("VECTOR", vector),
        ("VECTORS_PER_ROW", vectors),
        ("VECTORS_PER_THREAD", vectors.div_ceil(threads_per_row)),
        ("THREADS_PER_ROW", threads_per_row),
        ("WARPS_PER_ROW", warps),
        ("ROWS_PER_BLOCK", rows_per_block),
    ];
    let name = match rows {
        Rows::Added => "layernorm_residual",
        Rows::All => "layernorm",
        Rows::First { .. } => "class_norm",
        Rows::Measured => "layernorm_statistics",
    };
    let mut entry = format!("sovit_{name}_w{width}");
    let matrix = |name, access| Argument::new(name, Dtype::Bf16, [Extent::ROWS, Extent::Size(width)], access);
    let table = |name| Argument::new(name, Dtype::F32, [Extent::Size(width)], Access::Read);
    let mut arguments = vec![
        matrix("x", Access::Read),
        matrix("residual", Access::Read),
        table("gamma"),
        table("beta"),
        matrix("sum", Access::Write),
        matrix("normalised", Access::Write),
        Argument::rows(),
    ];
    if let Rows::First { tokens } = rows {
        constants.push(("TOKENS", tokens));
        entry = format!("{entry}_t{tokens}");
        arguments[0].shape = vec![Extent::ROWS, Extent::Size(tokens), Extent::Size(width)];
    }
    if rows == Rows::Measured {
        arguments = vec![matrix("x", Access::Read), Argument::statistics(Access::Write), Argument::rows()];
    }
    arguments.retain(|argument| residual || !matches!(argument.name.as_str(), "residual" | "sum"));
    let bytes_of_weights = Argument::bytes_of_shared(&arguments);
    Ok(KernelPlan {
        name: name.to_owned(),
        template: "layernorm_residual".to_owned(),
        entry,
        instead_of: None,
        halves: Halves::default(),
        constants: constants.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        reals: vec![("EPSILON".to_owned(), epsilon)],
        choices: [
            ("residual", if residual { "added" } else { "none" }),
            (
                "rows",
                match rows {
                    Rows::Added | Rows::All => "all",
                    Rows::First { .. } => "first",
                    Rows::Measured => "measured",
                },
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        launch: Launch {
            threads: threads_per_row * rows_per_block,
            rows_per_block,
            blocks_per_band: 1,
            rows_multiple: 1,
            // Three floats a warp: its part of the mean, then of the two sums that correct it.
            shared_bytes: if warps == 1 { 0 } else { 3 * warps * 4 },
        },
        arguments,
        flops_per_row: 0,
        // A sum; a difference, another sum and one of squares; what is missed off, scale, gain and shift.
        scalar_flops_per_row: width
            * match rows {
                Rows::Added => 10,
                Rows::All | Rows::First { .. } => 9,
                Rows::Measured => 5,
            },
        bytes_per_row: match rows {
            Rows::Added => 8 * width,
            Rows::All | Rows::First { .. } => 4 * width,
            Rows::Measured => 2 * width + STATISTICS,
        },
        bytes_of_weights,
    })
}

/// The same epsilon, where a norm may have it.
pub(super) fn epsilon_of(epsilon: f64) -> Result<f64, Diagnostic> {
    // Below the smallest normal `float`, a row of equal elements would divide by zero.
    if (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&epsilon) {
        return Ok(epsilon);
    }
    let message = format!("the layer norm's epsilon {epsilon:e} is not a positive `float`");
    Err(Diagnostic::error(codes::EPSILON, message).help("the usual value is 1e-6"))
}

/// Warps that share a row of so many vectors when a thread holds at most `most` of them.
fn warps_per_row(vectors: u64, most: u64) -> u64 {
    let fewest = vectors.div_ceil(most * WARP);
    let slots = |warps: u64| vectors.div_ceil(warps * WARP) * warps;
    (fewest..=(2 * fewest).min(MOST_WARPS)).min_by_key(|&warps| slots(warps)).unwrap_or(fewest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(width: u64, [vector, per_thread, warps, rows]: [u64; 4]) {
        let plan = layernorm_residual(width, 1e-6).unwrap();
        let names = ["VECTOR", "VECTORS_PER_THREAD", "WARPS_PER_ROW", "ROWS_PER_BLOCK"];
        assert_eq!(names.map(|name| plan.constant(name).unwrap()), [vector, per_thread, warps, rows], "width {width}");
    }

    #[test]
    fn the_published_widths() {
        check(192, [8, 1, 1, 4]);
        check(880, [8, 2, 2, 1]);
        check(1152, [8, 1, 5, 1]);
        check(1408, [8, 2, 3, 1]);
        check(1664, [8, 1, 7, 1]);
    }

    #[test]
    fn odd_and_wide_rows() {
        check(1, [1, 1, 1, 4]);
        check(55, [1, 2, 1, 4]);
        check(897, [1, 15, 2, 1]);
        check(1156, [4, 2, 5, 1]);
        check(2304, [8, 1, 9, 1]);
        check(4096, [8, 2, 8, 1]);
        check(16384, [8, 4, 16, 1]);
    }

    #[test]
    fn refused_sizes_are_diagnostics() {
        assert_eq!(layernorm_residual(0, 1e-6).unwrap_err().code, codes::WIDTH);
        assert_eq!(layernorm_residual(WIDEST + 1, 1e-6).unwrap_err().code, codes::WIDTH);
        for epsilon in [0.0, -1e-6, 1e-60, 1e60, f64::NAN, f64::INFINITY] {
            assert_eq!(layernorm_residual(768, epsilon).unwrap_err().code, codes::EPSILON, "{epsilon}");
        }
    }

    proptest! {
        #[test]
        fn every_width_is_covered_once_and_fits(width in 1..=WIDEST) {
            let plan = layernorm_residual(width, 1e-6).unwrap();
            let [vector, vectors, per_thread, threads] =
                ["VECTOR", "VECTORS_PER_ROW", "VECTORS_PER_THREAD", "THREADS_PER_ROW"].map(|n| plan.constant(n).unwrap());
            prop_assert_eq!(vector * vectors, width);
            prop_assert!(per_thread * threads >= vectors && (per_thread - 1) * threads < vectors);
            prop_assert!(per_thread * vector <= LIMIT);
            prop_assert!(plan.launch.threads <= 512 && plan.launch.threads.is_multiple_of(WARP));
            // Every row starts on an access's boundary.
            prop_assert!(width.is_multiple_of(vector));
        }
    }
}
