//! Attention, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Attention, AttentionTile, KernelPlan};
use sovitc::verify::{Heads, ORDERS, Order, SCHEDULES};

use crate::{compiled, finds, run};

fn agrees(attention: Attention, plan: &KernelPlan, images: usize, orders: &[Order]) {
    let program = compiled(plan, &kernel_source(plan).unwrap(), &[]);
    let case = Heads::new(attention, images, 0);
    for &order in orders {
        run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {order:?}: {e}", plan.entry));
    }
}

const fn tile(warps: u64, products_m: u64, keys: u64, stages: u64) -> AttentionTile {
    AttentionTile { warps, products_m, keys, stages }
}

#[test]
fn every_kind_of_head_agrees() {
    need_compiler!("attention::every_kind_of_head_agrees");
    for (tokens, head_dim, tile) in [
        (1, 8, tile(2, 1, 16, 2)),
        (37, 55, tile(2, 1, 16, 2)),
        (50, 64, tile(4, 2, 48, 2)),
        (70, 72, tile(4, 1, 32, 3)),
        (33, 80, tile(2, 2, 16, 4)),
        (64, 88, tile(2, 1, 64, 2)),
        (65, 104, tile(4, 1, 32, 2)),
        (96, 128, tile(4, 1, 48, 2)),
    ] {
        let attention = Attention { tokens, heads: 4, head_dim };
        agrees(attention, &attention.plan_with(&tile).unwrap(), 2, &SCHEDULES);
    }
}

#[test]
fn published_models_agree() {
    need_compiler!("attention::published_models_agree");
    for (tokens, heads, head_dim) in [(256, 16, 72), (197, 12, 64), (256, 16, 55), (729, 2, 72)] {
        let attention = Attention { tokens, heads, head_dim };
        agrees(attention, &attention.plan().unwrap(), 1, &ORDERS[..1]);
    }
}

/// Puts a fault into the source and expects it to be found, in words that hold `finding`.
fn caught(fault: (&str, &str), finding: &str) {
    caught_in(24, fault, finding);
}

/// The same in a head whose rows are padded in shared memory.
fn caught_in(head_dim: u64, fault: (&str, &str), finding: &str) {
    let attention = Attention { tokens: 70, heads: 4, head_dim };
    let plan = attention.plan_with(&tile(2, 1, 16, 3)).unwrap();
    finds(&plan, &Heads::new(attention, 1, 0), &SCHEDULES, fault, finding);
}

#[test]
fn planted_faults_are_caught() {
    need_compiler!("attention::planted_faults_are_caught");
    let wait = "        wait_copies<STAGES - 2>();\n        barrier();\n";
    caught((wait, "        wait_copies<STAGES - 2>();\n"), "NaN");
    caught((wait, "        barrier();\n        wait_copies<STAGES - 2>();\n"), "NaN");
    caught(("    wait_copies<STAGES - 2>();\n    barrier();\n\n", "\n"), "NaN");
    caught(("copy_stage(written, tile", "copy_stage(tile % 2 ? read : written, tile"), "image 0");
    caught(("tile + STAGES - 1 < KEY_TILES", "tile + STAGES < KEY_TILES"), "image 0");
    caught(("chunk < left ? 16", "chunk <= left ? 16"), "of argument 0");
    caught(("i % 2 >= TOKENS", "i % 2 > TOKENS"), "image 0");
    caught_in(32, ("16 * (CHUNKS | 1)", "16 * CHUNKS"), "share a bank");
    caught_in(32, ("token + row < TOKENS", "token + row <= TOKENS"), "of argument 0");
    caught(
        ("const unsigned short* head, int token) {", "const unsigned short* head, int token) {\n    head += 4;"),
        "misaligned copy",
    );
    caught(("sum[m][half] *= shrink;", ""), "image 0");
    caught(("result[m][d][2 * half] *= shrink;", ""), "image 0");
    caught(("top = quad_max(top);", ""), "image 0");
    caught(("reciprocal(quad_sum(sum[m][half]))", "reciprocal(sum[m][half])"), "inf");
    caught(("load_matrices<4, true>(v, row + 16 * d)", "load_matrices<4>(v, row + 16 * d)"), "image 0");
    caught(("if (token >= TOKENS) continue;", "if (token > TOKENS) continue;"), "of argument 1");
    caught(("multiply<8>(score[m][n + 1], q_tail[m], k + 1)", "multiply<8>(score[m][n + 1], q_tail[m], k)"), "image 0");
    caught(("    warp_barrier();\n    for", "    for"), "image 0");
}
