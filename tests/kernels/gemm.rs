//! Matrix products with their epilogues, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Dtype, Epilogue, Gemm, KernelPlan, Source, Tile, products};
use sovitc::verify::{Argument, Case as _, ORDERS, Order, Product, SCHEDULES, halves};
use sovitc::vit::{Activation, Architecture, Half, ImageFormat, Shape, Vit, named};

use crate::{OTHERS, compiled, finds, run};

const fn tile(warps: [u64; 2], products: [u64; 2], depth: u64, stages: u64) -> Tile {
    let ([warps_m, warps_n], [products_m, products_n]) = (warps, products);
    Tile { warps_m, warps_n, products_m, products_n, depth, stages }
}

fn small(inputs: u64, outputs: u64, epilogue: Epilogue) -> Gemm {
    Gemm::new("product", 16, [inputs, outputs], epilogue)
}

/// Every schedule of the executor, for some numbers of rows.
pub(crate) fn agrees(gemm: &Gemm, plan: &KernelPlan, rows: &[usize], orders: &[Order]) {
    let program = compiled(plan, &kernel_source(plan).unwrap(), &[]);
    for &rows in rows {
        let case = Product::new(gemm, plan, rows, 0);
        for &order in orders {
            run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {rows} rows, {order:?}: {e}", plan.entry));
        }
    }
}

/// Every epilogue with a tile and numbers of rows.
fn epilogues() -> [(Gemm, Tile, [usize; 3]); 9] {
    let heads = |head_dim, tokens| Epilogue::Heads { parts: 3, heads: 2, head_dim, tokens };
    [
        (200, 88, Epilogue::Bias, tile([2, 2], [1, 3], 32, 3), [1, 3, 37]),
        (96, 90, Epilogue::Activation(Activation::Gelu), tile([4, 1], [1, 5], 64, 3), [1, 70, 37]),
        (588, 48, Epilogue::Activation(Activation::GeluTanh), tile([1, 4], [2, 2], 64, 4), [1, 3, 37]),
        (64, 40, Epilogue::Activation(Activation::QuickGelu), tile([2, 2], [1, 1], 64, 5), [1, 3, 37]),
        (72, 90, Epilogue::Activation(Activation::SwiGlu), tile([2, 2], [2, 2], 32, 4), [1, 3, 70]),
        (72, 88, Epilogue::Residual { layer_scale: false }, tile([2, 4], [1, 2], 32, 3), [1, 3, 70]),
        (40, 88, Epilogue::Residual { layer_scale: true }, tile([4, 2], [1, 7], 32, 3), [1, 3, 200]),
        (72, 330, heads(55, 37), tile([2, 2], [1, 4], 32, 3), [37, 74, 111]),
        (72, 144, heads(24, 5), tile([2, 2], [2, 9], 32, 3), [5, 10, 40]),
    ]
    .map(|(inputs, outputs, epilogue, tile, rows)| (small(inputs, outputs, epilogue), tile, rows))
}

#[test]
fn every_epilogue_agrees() {
    need_compiler!("gemm::every_epilogue_agrees");
    for (gemm, tile, rows) in epilogues() {
        agrees(&gemm, &gemm.plan_with(&tile).unwrap(), &rows, &SCHEDULES);
    }
}

#[test]
fn every_epilogue_agrees_in_other_floats() {
    need_compiler!("gemm::every_epilogue_agrees_in_other_floats");
    for halves in OTHERS {
        for (gemm, tile, rows) in epilogues() {
            agrees(&gemm, &gemm.plan_with(&tile).unwrap().over(halves), &rows, &ORDERS);
        }
        for (gemm, tile) in of_heads() {
            agrees(&gemm, &gemm.plan_with(&tile).unwrap().over(halves), &[3, 70], &ORDERS);
        }
        let gemm = Gemm { out: Dtype::F32, ..small(200, 10, Epilogue::Bias) };
        agrees(&gemm, &gemm.plan_with(&tile([4, 1], [1, 2], 32, 3)).unwrap().over(halves), &[3, 70], &ORDERS);
    }
}

#[test]
fn results_in_float_agree() {
    need_compiler!("gemm::results_in_float_agree");
    for (inputs, outputs, tile) in [(200, 10, tile([4, 1], [1, 2], 32, 3)), (72, 90, tile([2, 2], [1, 3], 64, 3))] {
        let gemm = Gemm { out: Dtype::F32, ..small(inputs, outputs, Epilogue::Bias) };
        agrees(&gemm, &gemm.plan_with(&tile).unwrap(), &[1, 3, 70], &SCHEDULES);
    }
    // Nothing but a bias may stand before them.
    let gemm = Gemm { out: Dtype::F32, ..small(64, 64, Epilogue::Residual { layer_scale: false }) };
    assert!(gemm.plan().is_err());
}

/// Heads of 20, stored as 24, whose columns are less and more than a tile's.
fn of_heads() -> [(Gemm, Tile); 2] {
    [tile([2, 2], [1, 1], 32, 3), tile([2, 2], [1, 2], 64, 3)]
        .map(|tile| (Gemm { source: Source::Heads(3), ..small(72, 60, Epilogue::Bias) }, tile))
}

#[test]
fn products_of_each_head_agree() {
    need_compiler!("gemm::products_of_each_head_agree");
    for (gemm, tile) in of_heads() {
        agrees(&gemm, &gemm.plan_with(&tile).unwrap(), &[1, 3, 70], &SCHEDULES);
    }
}

#[test]
fn planted_faults_of_heads_and_floats_are_caught() {
    need_compiler!("gemm::planted_faults_of_heads_and_floats_are_caught");
    let [(gemm, tile), (_, wide)] = of_heads();
    let plan = gemm.plan_with(&wide).unwrap();
    let caught = |fault, finding| finds(&plan, &Product::new(&gemm, &plan, 37, 0), &SCHEDULES, fault, finding);
    caught(("1, HEADS * K>(stage", "1, K>(stage"), "row 16");
    let plan = gemm.plan_with(&tile).unwrap();
    let caught = |fault, finding| finds(&plan, &Product::new(&gemm, &plan, 37, 0), &SCHEDULES, fault, finding);
    caught(("* HEADS + head) * K", "* HEADS) * K"), "row 0");
    caught(("end = (head + 1) * HEAD;", "end = (head + 2) * HEAD;"), "of argument");
    caught(("head * HEAD + within", "head * BLOCK_N + within"), "element ");
    caught(("group_size % HEAD_TILES * BLOCK_N", "group_size % HEAD_TILES"), "misaligned read");
    let gemm = Gemm { out: Dtype::F32, ..small(72, 24, Epilogue::Bias) };
    let plan = gemm.plan_with(&tile).unwrap();
    let caught = |fault, finding| finds(&plan, &Product::new(&gemm, &plan, 37, 0), &SCHEDULES, fault, finding);
    caught(("store_floats(out + to + 4, value + 4)", "store_floats(out + to + 4, value)"), "row 0, column 4");
    caught(("            store_floats(out + to + 4, value + 4);\n", ""), "NaN");
    caught(("store_floats(out + to, value)", "store_floats(out + to + 2, value)"), "misaligned write");
}

#[test]
fn the_result_may_replace_the_residual() {
    need_compiler!("gemm::the_result_may_replace_the_residual");
    let gemm = small(200, 88, Epilogue::Residual { layer_scale: false });
    let plan = gemm.plan_with(&tile([2, 2], [2, 3], 32, 3)).unwrap();
    let program = compiled(&plan, &kernel_source(&plan).unwrap(), &[]);
    let case = Product::new(&gemm, &plan, 70, 0);
    let mut arguments = case.arguments();
    let Argument::Input(residual) = arguments[3].clone() else { unreachable!("the residual is read") };
    (arguments[3], arguments[4]) = (Argument::Updated(residual), Argument::Same(3));
    for order in ORDERS {
        let filled = program.run(70, order, &arguments).unwrap();
        case.check(&[halves(&filled[0])]).unwrap();
    }
}

/// The products of a model with few tokens, as planned; the wide ones on a sample of columns.
fn model_agrees(name: &str, shape: Shape, rows: usize) {
    let architecture = Architecture { image: 84, ..named(name).unwrap().vit().architecture };
    let vit = Vit { architecture, shape };
    for gemm in products(&vit, ImageFormat::default()) {
        if matches!(gemm.source, Source::Images(_)) {
            continue;
        }
        let plan = gemm.plan().unwrap();
        let multiple = plan.launch.rows_multiple as usize;
        agrees(&gemm, &plan, &[rows.next_multiple_of(multiple)], &ORDERS[..1]);
    }
}

#[test]
fn the_products_of_sovit_400m_agree() {
    need_compiler!("gemm::the_products_of_sovit_400m_agree");
    model_agrees("sovit_400m14", Shape { width: 1152, depth: 1, mlp_dim: 4304 }, 37);
}

/// Heads of 55 are stored as 56.
#[test]
fn the_products_of_sovit_150m_agree() {
    need_compiler!("gemm::the_products_of_sovit_150m_agree");
    model_agrees("sovit_150m14", Shape { width: 880, depth: 1, mlp_dim: 2320 }, 3);
}

#[test]
fn planted_faults_of_floats_are_caught() {
    need_compiler!("gemm::planted_faults_of_floats_are_caught");
    for halves in OTHERS {
        let gemm = small(200, 88, Epilogue::Residual { layer_scale: false });
        let plan = gemm.plan_with(&tile([2, 2], [2, 3], 32, 3)).unwrap().over(halves);
        let case = Product::new(&gemm, &plan, 70, 0);
        let caught = |right: &str, wrong: &str| finds(&plan, &case, &ORDERS[..1], (right, wrong), "row 0");
        let other = if halves.residual == Half::Bf16 { "Half::FP16" } else { "Half::BF16" };
        caught("multiply<16>(sum[m][n]", "multiply<16, Half::BF16>(sum[m][n]");
        caught("widen<STREAM>(before, j)", &format!("widen<{other}>(before, j)"));
        caught("narrow<8, STREAM>", &format!("narrow<8, {other}>"));
    }
}

/// Puts a fault into a small product's source and expects it to be found, in words that hold `finding`.
fn caught(fault: (&str, &str), finding: &str) {
    // Two rounds through the stages, and four tiles that remain; the last is not whole.
    let gemm = small(296, 88, Epilogue::Residual { layer_scale: false });
    let plan = gemm.plan_with(&tile([2, 2], [2, 3], 32, 3)).unwrap();
    finds(&plan, &Product::new(&gemm, &plan, 70, 0), &SCHEDULES, fault, finding);
}

#[test]
fn planted_faults_of_the_ring_are_caught() {
    need_compiler!("gemm::planted_faults_of_the_ring_are_caught");
    // The first stage, and every other.
    for (indent, unwaited) in [("    ", "NaN"), ("            ", "copies in flight")] {
        let (wait, barrier) = (format!("\n{indent}wait_copies<STAGES - 2>();"), format!("\n{indent}barrier();"));
        let whole = format!("{wait}{barrier}");
        caught((&whole, &wait), "NaN");
        caught((&whole, &barrier), unwaited);
        caught((&wait, &wait.replace("STAGES - 2", "STAGES - 1")), unwaited);
        caught((&whole, &format!("{barrier}{wait}")), "NaN");
    }
    // In a round, and behind all of them.
    for before in ["            ", "else "] {
        let multiply = |next: &str| {
            format!("{before}multiply_stage<STEPS, false>(sum, fragments, stage_of(tile), stage_of({next})")
        };
        caught((&multiply("tile + 1"), &multiply("tile")), "row ");
    }
    for rest in ["round, tile + STAGES - 1, false", "ROUNDS, tile + STAGES - 1, tile"] {
        let copy = |stage: &str| format!("copy_stage(stage_of({stage}), {rest}");
        caught((&copy("tile + STAGES - 1"), &copy("tile % 2 ? tile : tile + STAGES - 1")), "row ");
    }
    caught(("    barrier();\n\n    // Sums", "    // Sums"), "element ");
    caught(("more = tile + STAGES - 1 < REMAINING", "more = tile + STAGES - 2 < REMAINING"), "copies in flight");
    caught(("more = tile + STAGES - 1 < REMAINING", "more = tile + STAGES < REMAINING"), "row ");
    caught(("        if (m > 0) warp_barrier();\n", ""), "row ");
}

#[test]
fn planted_faults_of_tiles_are_caught() {
    need_compiler!("gemm::planted_faults_of_tiles_are_caught");
    caught(("weight + (unsigned long long)(column", "weight + 4 + (unsigned long long)(column"), "misaligned copy");
    caught(("copied = place(first, chunk)", "copied = first * ROW_BYTES + chunk * 16"), "row ");
    caught(("row / 2 % 4)) * 16", "row / 2 % 8)) * 16"), "of shared memory");
    caught(("row / 2 % 4)) * 16", "row % 4)) * 16"), "share a bank");
    caught(("BLOCK_K + 8 * chunk < K", "BLOCK_K + 8 * chunk <= K"), "of argument 0");
    caught(("BLOCK_K + 8 * chunk < K", "BLOCK_K + 8 * chunk + 8 < K"), "row ");
    caught(("tile + STAGES == REMAINING", "tile + STAGES > REMAINING"), "of argument 0");
    caught(("inside && source < count", "inside && source <= count"), "of argument 0");
    caught(("round < ROUNDS; ++round) {", "round < ROUNDS - 1; ++round) {"), "row ");
    caught(("round * (STAGES * BLOCK_K)", "round * ((STAGES - 1) * BLOCK_K)"), "row ");
    caught(("8 * LAST * ROW_BYTES", "8 * (LAST - 1) * ROW_BYTES"), "row ");
    caught(("if (r >= rows || c >= N)", "if (r > rows || c >= N)"), "of argument");
    caught(("if (r >= rows || c >= N)", "if (r >= rows || c > N)"), "of argument 2");
    caught(("const int w_count = N -", "const int w_count = N + 1 -"), "of argument 1");
    caught(("within / group_size * BLOCK_N", "(within / group_size + 1) * BLOCK_N"), "element 0 ");
    caught(("BLOCK_K + 15) / 16", "BLOCK_K) / 16"), "row ");
}
