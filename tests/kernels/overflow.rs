//! fp16 at the ends of its range: sums, scores, squares and polynomials that pass 65,504 on their way to results that do
//! not, and results that do, which are infinite as their rounded references are.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Attention, AttentionTile, Epilogue, Gemm, KernelPlan, Pool, Softmax, Tile, Weights, layernorm};
use sovitc::verify::{Case, Heads, Norm, ORDERS, Pooled, Product, halves};
use sovitc::vit::{Activation, Half, Halves};

use crate::{OTHERS, compiled, finds, run};

const FP16: Half = Half::Fp16;
const TILE: Tile = Tile { warps_m: 2, warps_n: 2, products_m: 1, products_n: 2, depth: 32, stages: 3 };
const KINDS: [AttentionTile; 2] = [
    AttentionTile { softmax: Softmax::Online, warps: 3, products_m: 1, keys: 16, stages: 3 },
    AttentionTile { softmax: Softmax::Whole, warps: 3, products_m: 1, keys: 16, stages: 3 },
];

fn product(epilogue: Epilogue) -> Gemm {
    Gemm::new("product", 16, [200, 96], epilogue)
}

/// The share of infinite numbers among a case's results, once these agree.
fn infinite(plan: &KernelPlan, case: &dyn Case, half: Half) -> f64 {
    let program = compiled(plan, &kernel_source(plan).unwrap(), &[]);
    let out = halves(&program.run(case.rows(), ORDERS[0], &case.arguments()).unwrap()[0]);
    case.check(std::slice::from_ref(&out)).unwrap_or_else(|wrong| panic!("{}: {wrong}", plan.entry));
    out.iter().filter(|&&bits| half.widen(bits).is_infinite()).count() as f64 / out.len() as f64
}

/// Products of 65,536 on average, whose sums lie in and out of the range of fp16.
#[test]
fn products_are_infinite_where_their_results_are() {
    need_compiler!("overflow::products_are_infinite_where_their_results_are");
    let heads = Epilogue::Heads { parts: 3, heads: 2, head_dim: 16, tokens: 5 };
    let activations = Activation::ALL.map(|(_, activation)| Epilogue::Activation(activation));
    for epilogue in [Epilogue::Bias, heads].into_iter().chain(activations) {
        let gemm = product(epilogue);
        let plan = gemm.plan_with(&TILE).unwrap().over(Halves::MIXED);
        let share = infinite(&plan, &Product::new(&gemm, &plan, 40, 0).times(256.0, 256.0, 1.0), FP16);
        assert!(share > 0.1 && share < 0.9, "{epilogue:?}: {share}");
    }
    let gemm = product(Epilogue::Bias);
    let plan = gemm.plan_with(&TILE).unwrap().over(Halves::MIXED);
    let case = Product::new(&gemm, &plan, 40, 0).times(256.0, 256.0, 1.0);
    // What is too large becomes the largest fp16, or infinite though it is not too large.
    let stored = "narrow<8>(value)";
    let clamped = "narrow<8>([&] { for (float& v : value) v = fminf(fmaxf(v, -65504.0f), 65504.0f); return value; }())";
    finds(&plan, &case, &ORDERS[..1], (stored, clamped), "65504, not ");
    let early = "narrow<8>([&] { for (float& v : value) v = v > 6e4f ? 1e6f : v; return value; }())";
    finds(&plan, &case, &ORDERS[..1], (stored, early), "is inf, not 6");
}

/// The residual stream holds 2^18 in bf16, and not in fp16.
#[test]
fn residuals_beyond_fp16_stay_in_bf16() {
    need_compiler!("overflow::residuals_beyond_fp16_stay_in_bf16");
    for layer_scale in [false, true] {
        let gemm = product(Epilogue::Residual { layer_scale });
        for halves in OTHERS {
            let plan = gemm.plan_with(&TILE).unwrap().over(halves);
            let large = 2_f64.powi(if halves.is_one() { 12 } else { 20 });
            let case = Product::new(&gemm, &plan, 70, 0).times(256.0, 128.0, large);
            let share = infinite(&plan, &case, halves.residual);
            assert!(if halves.is_one() { share > 0.01 && share < 0.5 } else { share == 0.0 }, "{halves}: {share}");
        }
    }
}

/// Sums of q k up to 2^22 before they are divided by the root of the head, scores of 1e4 and more.
#[test]
fn scores_beyond_fp16_become_weights() {
    need_compiler!("overflow::scores_beyond_fp16_become_weights");
    let attention = Attention { tokens: 70, heads: 4, head_dim: 24 };
    for tile in &KINDS {
        let plan = attention.plan_with(tile).unwrap().over(Halves::MIXED);
        let program = compiled(&plan, &kernel_source(&plan).unwrap(), &[]);
        for (query, key, value) in [(2.0, 2.0, 1.0), (256.0, 256.0, 1.0), (1.0, 1.0, 8192.0), (16.0, 16.0, 8192.0)] {
            let case = Heads::over(FP16, attention, 2, 0).times(query, key, value);
            run(&program, &case, ORDERS[0]).unwrap_or_else(|e| panic!("{}, {query} {value}: {e}", plan.entry));
        }
    }
}

/// Weights far below the smallest fp16 of their row's largest, before values so large that they count.
#[test]
fn small_probabilities_of_large_values_count() {
    need_compiler!("overflow::small_probabilities_of_large_values_count");
    let attention = Attention { tokens: 70, heads: 1, head_dim: 16 };
    // The last key has a score of its head's root times 20, or 2^-28.9 of the first's weight for each other.
    let case = Heads::of(FP16, attention, 1, |part, token, d| match (part, token) {
        (0, _) => f64::from(u8::from(d == 0)) * 10.0,
        (1, 69) => f64::from(u8::from(d == 0)) * 8.0,
        (1, _) => 0.0,
        (_, 69) => 0.001,
        _ => 60_000.0,
    });
    for tile in &KINDS {
        let plan = attention.plan_with(tile).unwrap().over(Halves::MIXED);
        run(&compiled(&plan, &kernel_source(&plan).unwrap(), &[]), &case, ORDERS[0]).unwrap();
        finds(&plan, &case, &ORDERS[..1], ("LIFT = 15.0f", "LIFT = 0.0f"), "image 0");
        finds(&plan, &case, &ORDERS[..1], ("LIFT = 15.0f", "LIFT = 17.0f"), "element 0");
    }
}

/// Rows whose squares pass 65,504 4,000 times, and rows of the smallest fp16.
#[test]
fn norms_of_the_ends_of_the_range_agree() {
    need_compiler!("overflow::norms_of_the_ends_of_the_range_agree");
    for halves in OTHERS {
        for width in [144, 1152] {
            let plan = layernorm(width, 1e-6).unwrap().over(halves);
            let program = compiled(&plan, &kernel_source(&plan).unwrap(), &[]);
            let sign = |column: usize| if column.is_multiple_of(3) { 1.0 } else { -0.75 };
            let case = Norm::over(halves, width as usize, 4, false, 1e-6, 0).of(|row, column| match row {
                0 => 60_000.0 * sign(column),
                1 => 65_504.0 * f64::from(u8::from(column == 5)),
                2 => 2_f64.powi(-24) * sign(column).ceil(),
                _ => 65_504.0,
            });
            run(&program, &case, ORDERS[0]).unwrap_or_else(|e| panic!("{}: {e}", plan.entry));
        }
    }
}

/// Sums of tokens pass 65,504, and their means do not.
#[test]
fn means_of_large_tokens_agree() {
    need_compiler!("overflow::means_of_large_tokens_agree");
    for weights in [Weights::Equal { prefix: 1 }, Weights::Scores { heads: 12 }] {
        let pool = Pool { tokens: 70, width: 72, weights };
        let plan = pool.plan().unwrap().over(Halves::MIXED);
        let program = compiled(&plan, &kernel_source(&plan).unwrap(), &[]);
        run(&program, &Pooled::over(FP16, pool, 2, 0).times(8192.0), ORDERS[0]).unwrap();
    }
}
