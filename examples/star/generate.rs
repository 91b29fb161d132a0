//! Prints a synthetic star sweep as CSV: runs of no real model, from a planted law with seeded noise.
//!
//! `cargo run --example star-sweep > examples/star/star.csv`
//!
//! The planted law is the joint form (3) of the SoViT paper, of which every arm shows the per-dimension form (2):
//! `f = sum_k (alpha_k x_k^-a_k + beta_k x_k^b_k t^-c) + xi t^-c + eps`, with c = 0.65, exponents
//! s = c / (a + b) of 0.22, 0.45 and 0.60 for width, depth and MLP size, a : b = 4 : 6, and eps = 0.12.

use std::fmt::Write as _;
use std::io::Write as _;

use sovitc::vit::{Architecture, PerAxis, Shape};

/// The data exponent.
pub const C: f64 = 0.65;
/// The exponents s_k of compute.
pub const S: PerAxis<f64> = PerAxis { width: 0.22, depth: 0.45, mlp: 0.60 };
/// The floor.
pub const FLOOR: f64 = 0.12;
/// Standard deviation of the error, relative.
pub const NOISE: f64 = 0.003;
/// The seed of the committed sweep.
pub const SEED: u64 = 1;

/// The centre, which is not run.
pub const CENTRE: Shape = Shape { width: 1968, depth: 40, mlp_dim: 6144 };
const WIDTHS: [u64; 6] = [256, 368, 528, 768, 1104, 1584];
const DEPTHS: [u64; 6] = [4, 6, 9, 14, 21, 32];
const MLP_DIMS: [u64; 6] = [256, 448, 784, 1360, 2368, 4128];
/// Millions of examples.
const DURATIONS: [u64; 5] = [64, 192, 576, 1728, 5184];

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(csv(SEED).as_bytes())
}

/// The sweep with the noise of `seed`.
pub fn csv(seed: u64) -> String {
    let mut noise = Noise { state: seed };
    let mut text = String::from("width,depth,mlp_dim,examples_seen,inet_10shot,source\n");
    let widths = WIDTHS.map(|width| Shape { width, ..CENTRE });
    let depths = DEPTHS.map(|depth| Shape { depth, ..CENTRE });
    let mlp_dims = MLP_DIMS.map(|mlp_dim| Shape { mlp_dim, ..CENTRE });
    for shape in widths.into_iter().chain(depths).chain(mlp_dims) {
        for examples in DURATIONS.map(|millions| millions * 1_000_000) {
            let error = error(shape, examples) * (1.0 + NOISE * noise.normal());
            let Shape { width, depth, mlp_dim } = shape;
            let _ = writeln!(text, "{width},{depth},{mlp_dim},{examples},{:.6},synthetic", 1.0 - error);
        }
    }
    text
}

/// The planted error of a shape after so many examples, without noise.
pub fn error(shape: Shape, examples: u64) -> f64 {
    // Each term in units of a middle size and of the compute at which that size is the best one.
    const MIDDLE: PerAxis<f64> = PerAxis { width: 560.0, depth: 10.0, mlp: 1000.0 };
    const COMPUTE: PerAxis<f64> = PerAxis { width: 4e18, depth: 7e18, mlp: 1.6e19 };
    const CAPACITY: PerAxis<f64> = PerAxis { width: 0.050, depth: 0.060, mlp: 0.080 };
    const DATA: f64 = 0.02;

    let architecture = Architecture { image: 224, patch: 14, heads: 16, ..Architecture::default() };
    let flops = architecture.with(shape).map_or(0, |vit| vit.cost().forward_flops_per_example);
    let t = flops as f64 * examples as f64;
    let axes = shape.reals();
    let terms = axes.iter().map(|(axis, x)| {
        let (sum, u) = (C / S.get(axis), x / MIDDLE.get(axis));
        let (a, b) = (0.4 * sum, 0.6 * sum);
        CAPACITY.get(axis) * (u.powf(-a) + a / b * u.powf(b) * (t / COMPUTE.get(axis)).powf(-C))
    });
    terms.sum::<f64>() + DATA * (t / COMPUTE.width).powf(-C) + FLOOR
}

/// Seeded normal deviates.
struct Noise {
    state: u64,
}

impl Noise {
    /// Above 0 and below 1: `SplitMix64` (Steele, Lea, Flood, 2014).
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON
    }

    /// Standard normal, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
