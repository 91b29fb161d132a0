//! Prints a synthetic grid sweep as CSV: runs of no real model, from a planted law without noise.
//!
//! `cargo run --example grid-sweep > examples/grid/grid.csv`
//!
//! The planted law is a bowl in log size around a frontier: `f = sum_k 0.4 ln^2(x_k / x_k^F(t)) + 0.02 (t / t0)^-0.65 + 0.3`
//! with `x_k^F(t) = x0_k (t / t0)^(s_k / 3)`, x0 = (608, 10, 928), s of 0.22, 0.45 and 0.60, and t0 the compute of x0 on
//! 600 million examples.

use std::fmt::Write as _;
use std::io::Write as _;

use sovitc::vit::{Architecture, PerAxis, Shape};

/// The planted optimum at the planted compute.
pub const BEST: Shape = Shape { width: 608, depth: 10, mlp_dim: 928 };
/// The exponents s_k of the frontier, of which each axis takes a third.
pub const S: PerAxis<f64> = PerAxis { width: 0.22, depth: 0.45, mlp: 0.60 };
const WIDTHS: [u64; 4] = [416, 512, 608, 768];
const DEPTHS: [u64; 4] = [6, 8, 10, 12];
const MLP_DIMS: [u64; 4] = [768, 928, 1088, 1360];
/// Millions of examples.
const DURATIONS: [u64; 4] = [150, 300, 600, 1200];

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(csv().as_bytes())
}

/// The sweep.
pub fn csv() -> String {
    let mut text = String::from("width,depth,mlp_dim,examples_seen,error,source\n");
    for width in WIDTHS {
        for depth in DEPTHS {
            for mlp_dim in MLP_DIMS {
                for examples in DURATIONS.map(|millions| millions * 1_000_000) {
                    let error = error(Shape { width, depth, mlp_dim }, examples);
                    let _ = writeln!(text, "{width},{depth},{mlp_dim},{examples},{error:.6},synthetic");
                }
            }
        }
    }
    text
}

/// Forward FLOPs of a shape over so many examples.
pub fn compute(shape: Shape, examples: u64) -> f64 {
    let flops = Architecture::default().with(shape).map_or(0, |vit| vit.cost().forward_flops_per_example);
    flops as f64 * examples as f64
}

fn error(shape: Shape, examples: u64) -> f64 {
    let growth = compute(shape, examples) / compute(BEST, 600_000_000);
    let bowls = S.iter().map(|(axis, s)| {
        let frontier = BEST.get(axis) as f64 * growth.powf(s / 3.0);
        0.4 * (shape.get(axis) as f64 / frontier).ln().powi(2)
    });
    0.3 + 0.02 * growth.powf(-0.65) + bowls.sum::<f64>()
}
