//! Attention, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Attention, AttentionTile, KernelPlan, Softmax};
use sovitc::verify::{Heads, ORDERS, Order, SCHEDULES};
use sovitc::vit::Halves;

use crate::{compiled, finds, run};

fn agrees(attention: Attention, plan: &KernelPlan, images: usize, orders: &[Order]) {
    let program = compiled(plan, &kernel_source(plan).unwrap(), &[]);
    let case = Heads::over(plan.halves.dtype, attention, images, 0);
    for &order in orders {
        run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {order:?}: {e}", plan.entry));
    }
}

const fn online(warps: u64, products_m: u64, keys: u64, stages: u64) -> AttentionTile {
    AttentionTile { softmax: Softmax::Online, warps, products_m, keys, stages }
}

const fn whole(warps: u64, keys: u64, stages: u64) -> AttentionTile {
    AttentionTile { softmax: Softmax::Whole, warps, products_m: 1, keys, stages }
}

/// Every kind of head, four of each, with a tile.
fn kinds() -> [(Attention, AttentionTile); 18] {
    [
        (1, 8, online(2, 1, 16, 2)),
        (37, 55, online(2, 1, 16, 2)),
        (50, 64, online(4, 2, 48, 2)),
        (70, 72, online(4, 1, 32, 3)),
        (33, 80, online(2, 2, 16, 4)),
        (64, 88, online(2, 1, 64, 2)),
        (65, 104, online(4, 1, 32, 2)),
        (96, 128, online(4, 1, 48, 2)),
        (57, 24, online(3, 2, 32, 3)),
        (1, 8, whole(2, 16, 3)),
        (37, 55, whole(2, 16, 2)),
        (50, 64, whole(5, 48, 3)),
        (70, 72, whole(4, 32, 3)),
        (33, 80, whole(2, 16, 4)),
        (64, 88, whole(2, 64, 3)),
        (65, 104, whole(4, 32, 4)),
        (96, 128, whole(4, 48, 3)),
        (57, 24, whole(3, 32, 3)),
    ]
    .map(|(tokens, head_dim, tile)| (Attention { tokens, heads: 4, head_dim }, tile))
}

#[test]
fn every_kind_of_head_agrees() {
    need_compiler!("attention::every_kind_of_head_agrees");
    for (attention, tile) in kinds() {
        agrees(attention, &attention.plan_with(&tile).unwrap(), 2, &SCHEDULES);
    }
}

#[test]
fn every_kind_of_head_agrees_in_fp16() {
    need_compiler!("attention::every_kind_of_head_agrees_in_fp16");
    for (attention, tile) in kinds() {
        agrees(attention, &attention.plan_with(&tile).unwrap().over(Halves::MIXED), 2, &ORDERS);
    }
    let attention = Attention { tokens: 257, heads: 2, head_dim: 72 };
    agrees(attention, &attention.plan().unwrap().over(Halves::MIXED), 1, &ORDERS[..1]);
}

#[test]
fn published_models_agree() {
    need_compiler!("attention::published_models_agree");
    for (tokens, heads, head_dim) in
        [(256, 16, 72), (197, 12, 64), (256, 16, 55), (257, 2, 72), (261, 2, 64), (729, 2, 72)]
    {
        let attention = Attention { tokens, heads, head_dim };
        agrees(attention, &attention.plan().unwrap(), 1, &ORDERS[..1]);
    }
}

const KINDS: [AttentionTile; 2] = [online(3, 1, 16, 3), whole(3, 16, 3)];

/// Puts a fault into the source of a kind and expects it to be found, in words that hold `finding`.
fn caught_in(tile: &AttentionTile, head_dim: u64, fault: (&str, &str), finding: &str) {
    let attention = Attention { tokens: 70, heads: 4, head_dim };
    let plan = attention.plan_with(tile).unwrap();
    finds(&plan, &Heads::new(attention, 1, 0), &SCHEDULES, fault, finding);
}

/// What both kinds of softmax must catch, in heads of an odd number of chunks, and in padded rows of shared memory.
fn faults_are_caught(tile: &AttentionTile) {
    let caught = |fault, finding| caught_in(tile, 24, fault, finding);
    let wait = "            wait_copies<STAGES - 2>();\n            barrier();\n";
    caught((wait, "            wait_copies<STAGES - 2>();\n"), "NaN");
    caught((wait, "            barrier();\n            wait_copies<STAGES - 2>();\n"), "NaN");
    caught(("    wait_copies<STAGES - 2>();\n    barrier();\n\n", "\n"), "NaN");
    caught(("copy_stage(ring + written, copy", "copy_stage(ring + (copy % 2 ? read : written), copy"), "image 0");
    caught(("copy + STAGES - 1 < COPIES", "copy + STAGES < COPIES"), "image 0");
    caught(("chunk < left ? 16", "chunk <= left ? 16"), "of argument 0");
    caught(("i % 2 >= TOKENS % 8", "i % 2 > TOKENS % 8"), "image 0");
    caught_in(tile, 32, ("16 * (CHUNKS | 1)", "16 * CHUNKS"), "share a bank");
    caught_in(tile, 32, ("token + row < TOKENS", "token + row <= TOKENS"), "of argument 0");
    caught(
        ("const unsigned short* head, int token) {", "const unsigned short* head, int token) {\n    head += 4;"),
        "misaligned copy",
    );
    caught(("return quad_max(top);", "return top;"), "image 0");
    caught(("reciprocal(quad_sum(sum[m][half]))", "reciprocal(sum[m][half])"), "inf");
    caught(("weight[2 * n + half] =", "weight[2 * n + 1 - half] ="), "image 0");
    caught(("load_matrices<4, true>(v, row", "load_matrices<4>(v, row"), "image 0");
    caught(("if (token >= TOKENS) continue;", "if (token > TOKENS) continue;"), "of argument 1");
    caught(("score[m][at + n + 1], q.tail[m], k + 1)", "score[m][at + n + 1], q.tail[m], k)"), "image 0");
    caught(("keys + (COUNT - 8 + lane % 8)", "keys + (COUNT - 8 + (lane + 1) % 8)"), "image 0");
    caught(("values + (COUNT - 8 + lane % 8)", "values + (COUNT - 8 + (lane + 1) % 8)"), "image 0");
    caught(("2 * at + COUNT / 4 - 2, v + 1)", "2 * at + COUNT / 4 - 2, v)"), "image 0");
    caught(("first + warp * ROWS >= TOKENS", "first + warp * ROWS >= TOKENS - ROWS"), "NaN");
    caught(("    warp_barrier();\n    for", "    for"), "image 0");
}

#[test]
fn planted_faults_are_caught() {
    need_compiler!("attention::planted_faults_are_caught");
    faults_are_caught(&KINDS[0]);
    let caught = |fault, finding| caught_in(&KINDS[0], 24, fault, finding);
    caught(("sum[m][half] *= shrink;", ""), "image 0");
    caught(("result[m][d][2 * half] *= shrink;", ""), "image 0");
}

#[test]
fn planted_faults_of_whole_rows_are_caught() {
    need_compiler!("attention::planted_faults_of_whole_rows_are_caught");
    faults_are_caught(&KINDS[1]);
    let caught = |fault, finding| caught_in(&KINDS[1], 24, fault, finding);
    caught(("largest_of(score[m], half, LOWEST)", "0.0f"), "NaN");
    caught(("copy < KEY_TILES ? key : value", "copy <= KEY_TILES ? key : value"), "image 0");
    caught(("(score, tile * KEYS / 8, q, stage)", "(score, 0, q, stage)"), "image 0");
    caught(("(result, weight, tile * KEYS / 8, stage)", "(result, weight, 0, stage)"), "image 0");
}
