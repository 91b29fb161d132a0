//! Tokens to vectors, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Pool, Weights, class_norm};
use sovitc::verify::{Norm, ORDERS, Pooled, SCHEDULES};
use sovitc::vit::{Half, Halves};

use crate::{OTHERS, compiled, finds, run};

fn agrees(half: Half, pool: Pool, images: &[usize]) {
    let plan = pool.plan().unwrap().over(Halves::of(half));
    let program = compiled(&plan, &kernel_source(&plan).unwrap(), &[]);
    for &images in images {
        let case = Pooled::over(half, pool, images, 0);
        for order in ORDERS {
            run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {images} images, {order:?}: {e}", plan.entry));
        }
    }
}

#[test]
fn means_agree() {
    need_compiler!("pool::means_agree");
    for (tokens, width, prefix) in [(1, 8, 0), (21, 144, 5), (256, 1152, 0), (37, 264, 1), (33, 256, 1), (2, 64, 1)] {
        agrees(Half::Bf16, Pool { tokens, width, weights: Weights::Equal { prefix } }, &[1, 3]);
    }
}

#[test]
fn weighted_means_agree() {
    need_compiler!("pool::weighted_means_agree");
    for (tokens, width, heads) in
        [(1, 8, 1), (21, 144, 2), (256, 1152, 16), (37, 264, 12), (33, 256, 24), (64, 72, 32), (100, 80, 9)]
    {
        agrees(Half::Bf16, Pool { tokens, width, weights: Weights::Scores { heads } }, &[1, 3]);
    }
}

#[test]
fn means_agree_in_fp16() {
    need_compiler!("pool::means_agree_in_fp16");
    for (tokens, width, weights) in [
        (21, 144, Weights::Equal { prefix: 5 }),
        (256, 1152, Weights::Equal { prefix: 0 }),
        (37, 264, Weights::Scores { heads: 12 }),
        (256, 1152, Weights::Scores { heads: 16 }),
    ] {
        agrees(Half::Fp16, Pool { tokens, width, weights }, &[1, 3]);
    }
}

#[test]
fn the_norm_of_the_class_token_agrees() {
    need_compiler!("pool::the_norm_of_the_class_token_agrees");
    let sizes = [(144, 21), (1152, 257), (2304, 2), (55, 1)].map(|sizes| (sizes, Halves::default()));
    for ((width, tokens), halves) in sizes.into_iter().chain(OTHERS.map(|halves| ((144, 21), halves))) {
        let plan = class_norm(width, 1e-6, tokens).unwrap().over(halves);
        let program = compiled(&plan, &kernel_source(&plan).unwrap(), &[]);
        for rows in [1, 7] {
            let case = Norm::over(halves, width as usize, rows, false, 1e-6, 0).first_of(tokens as usize);
            for order in ORDERS {
                run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {rows} rows: {e}", plan.entry));
            }
        }
    }
    let plan = class_norm(144, 1e-6, 21).unwrap();
    let case = Norm::new(144, 7, false, 1e-6, 0).first_of(21);
    finds(&plan, &case, &ORDERS, ("(TOKENS - 1) * WIDTH", "TOKENS * WIDTH"), "NaN");
    finds(&plan, &case, &ORDERS, ("(unsigned long long)row * (TOKENS - 1)", "0ull * (TOKENS - 1)"), "NaN");
}

/// Puts a fault into a small kernel and expects it to be found.
fn caught(weights: Weights, fault: (&str, &str), finding: &str) {
    let pool = Pool { tokens: 70, width: 72, weights };
    finds(&pool.plan().unwrap(), &Pooled::new(pool, 2, 0), &SCHEDULES[..4], fault, finding);
}

#[test]
fn planted_faults_of_weighted_means_are_caught() {
    need_compiler!("pool::planted_faults_of_weighted_means_are_caught");
    let caught = |fault, finding| caught(Weights::Scores { heads: 20 }, fault, finding);
    // Meetings.
    caught(
        (
            "    store_shared<1>(slots + 4 * threadIdx.x, &largest);\n    barrier();",
            "    store_shared<1>(slots + 4 * threadIdx.x, &largest);",
        ),
        "image 0",
    );
    caught(
        ("        barrier();\n#pragma unroll\n        for (int i = own", "#pragma unroll\n        for (int i = own"),
        "image 0",
    );
    caught(("        }\n        barrier();\n#pragma", "        }\n#pragma"), "NaN");
    caught(
        (
            "    barrier();\n    store_shared<1>(slots + 4 * threadIdx.x, &total);",
            "    store_shared<1>(slots + 4 * threadIdx.x, &total);",
        ),
        "image 0",
    );
    caught(("    barrier();\n    for (int i = threadIdx.x;", "    for (int i = threadIdx.x;"), "NaN");
    // Weights.
    caught(("        largest = fmaxf(largest, other);\n", ""), "image 0");
    caught(("power_of_two(weight - largest)", "power_of_two(weight)"), "NaN");
    caught(("if (chunk + i < TOKENS)", "if (chunk + i <= TOKENS)"), "of argument 1");
    caught(("weights += part;", "weights = part;"), "is inf");
    caught(("* STORED_HEADS + first_head + head;", "* STORED_HEADS + head;"), "head 8");
    caught(("* TOKENS * STORED_HEADS", "* TOKENS * HEADS"), "NaN");
    caught(("((i * WARPS + warp) * AT_ONCE + h)", "((i * WARPS + warp) * AT_ONCE)"), "head 4");
    // Places.
    caught(("if (inside && token < TOKENS) value", "if (token < TOKENS) value"), "of argument 0");
    caught(("if (inside && token < TOKENS) value", "if (inside && token <= TOKENS) value"), "of argument 0");
    caught((" || first_head + h >= HEADS", ""), "of argument 2");
    caught(("if (to >= COLUMNS", "if (to > COLUMNS"), "of argument 2");
    caught(("j / 2 * 64 + i % 32 * 2", "j / 2 * 64 + i % 32"), "misaligned");
    caught(("* TOKENS * COLUMNS + column", "* COLUMNS + column"), "image 1");
}

#[test]
fn planted_faults_of_means_are_caught() {
    need_compiler!("pool::planted_faults_of_means_are_caught");
    let caught = |fault, finding| caught(Weights::Equal { prefix: 5 }, fault, finding);
    caught(("chunk = PREFIX; chunk", "chunk = 0; chunk"), "image 0");
    caught(("1.0f / (TOKENS - PREFIX)", "1.0f / TOKENS"), "image 0");
    caught(("chunk = PREFIX; chunk < TOKENS;", "chunk = PREFIX; chunk < TOKENS - CHUNK;"), "image 0");
    caught(("other < WARPS; ++other", "other < WARPS - 1; ++other"), "image 0");
    caught(("    barrier();\n    for (int i = threadIdx.x;", "    for (int i = threadIdx.x;"), "NaN");
    caught(("mean[j + 1] += part[1];", "mean[j + 1] += part[0];"), "column 1");
}
