//! Attention, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Attention, AttentionTile, KernelPlan};

use crate::host::{self, Argument, ORDERS, Order, Program, SCHEDULES};
use crate::reference::{Noise, narrow, widen};
use crate::{bytes, halves};

/// Inputs of one launch.
struct Case {
    attention: Attention,
    images: usize,
    /// Of a head, as it is stored.
    head: usize,
    qkv: Vec<u16>,
}

impl Case {
    /// Rows of a head whose scores are plain, far apart, huge, or equal, in turn by head.
    fn new(attention: Attention, images: usize) -> Self {
        let Attention { tokens, heads, head_dim } = attention;
        let head = head_dim.next_multiple_of(8) as usize;
        let mut noise = Noise(tokens * 31 + heads * 7 + head_dim);
        let mut qkv = Vec::new();
        for part in 0..3 {
            for at in 0..images as u64 * heads * tokens {
                let scale = if part == 2 { 1.0 } else { [1.0, 3.0, 30.0, 0.0][(at / tokens % 4) as usize] };
                for d in 0..head {
                    // Values that do not cancel show a weight that is slightly off.
                    let value = scale * noise.normal() + if part == 2 { 2.0 } else { 0.0 };
                    qkv.push(if d < head_dim as usize { narrow(value) } else { 0 });
                }
            }
        }
        Self { attention, images, head, qkv }
    }

    fn run(&self, program: &Program, order: Order) -> Result<(), String> {
        let rows = (self.images as u64 * self.attention.tokens) as u32;
        let arguments = [
            Argument::Input(bytes(&self.qkv, u16::to_le_bytes)),
            Argument::Output(self.qkv.len() / 3 * 2),
            Argument::Scalar(&rows.to_le_bytes()),
        ];
        self.check(&halves(&program.run(rows, order, &arguments)?[0]))
    }

    /// Whether the output is right: every element finite and, in a sample of rows, within the rounding of weights and
    /// results to bf16; the root mean square of all errors within half of that.
    fn check(&self, out: &[u16]) -> Result<(), String> {
        if let Some(at) = out.iter().position(|&bits| !widen(bits).is_finite()) {
            return Err(format!("element {at} of {} is {}", out.len(), widen(out[at])));
        }
        let Attention { tokens, heads, .. } = self.attention;
        let [tokens, heads] = [tokens, heads].map(|n| n as usize);
        let queries = self.images * heads * tokens;
        let step = (queries * tokens * self.head / 10_000_000).max(1) | 1;
        let (mut errors, mut sizes) = (0.0, 0.0);
        for query in (0..queries).step_by(step) {
            let (image, head, token) = (query / tokens / heads, query / tokens % heads, query % tokens);
            for (d, (exact, size)) in self.exact(query).into_iter().enumerate() {
                let got = f64::from(widen(out[((image * tokens + token) * heads + head) * self.head + d]));
                let error = (got - exact).abs();
                if error > size / 128.0 {
                    return Err(format!("image {image}, token {token}, head {head}, {d} is {got}, not {exact:.6}"));
                }
                errors += error * error;
                sizes += size * size;
            }
        }
        if errors > sizes / 65536.0 {
            Err(format!("the errors are {:.2e} of the sizes", errors / sizes))
        } else {
            Ok(())
        }
    }

    /// A query's results, and the sizes of what they are summed from.
    fn exact(&self, query: usize) -> Vec<(f64, f64)> {
        let tokens = self.attention.tokens as usize;
        let row = |part: usize, at: usize| {
            let start = (part * self.qkv.len() / 3) + at * self.head;
            self.qkv[start..][..self.head].iter().map(|&bits| f64::from(widen(bits)))
        };
        let first = query / tokens * tokens;
        let scale = (self.attention.head_dim as f64).sqrt();
        let score = |key| row(0, query).zip(row(1, first + key)).map(|(q, k)| q * k).sum::<f64>() / scale;
        let scores: Vec<f64> = (0..tokens).map(score).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
        let mut results = vec![(0.0, 0.0); self.head];
        for (key, score) in scores.iter().enumerate() {
            let weight = (score - largest).exp() / total;
            for ((result, size), value) in results.iter_mut().zip(row(2, first + key)) {
                *result += weight * value;
                *size += weight * value.abs();
            }
        }
        results
    }
}

fn agrees(attention: Attention, plan: &KernelPlan, images: usize, orders: &[Order]) {
    let program = host::compile(plan, &kernel_source(plan).unwrap(), &[]);
    let case = Case::new(attention, images);
    for &order in orders {
        case.run(&program, order).unwrap_or_else(|e| panic!("{}, {order:?}: {e}", plan.entry));
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
fn caught_in(head_dim: u64, (right, wrong): (&str, &str), finding: &str) {
    let attention = Attention { tokens: 70, heads: 4, head_dim };
    let plan = attention.plan_with(&tile(2, 1, 16, 3)).unwrap();
    let source = kernel_source(&plan).unwrap();
    assert_eq!(source.matches(right).count(), 1, "`{right}` stands once in the source");
    let program = host::compile(&plan, &source.replace(right, wrong), &[]);
    let case = Case::new(attention, 1);
    let found: Vec<_> = SCHEDULES.iter().filter_map(|&order| case.run(&program, order).err()).collect();
    let text = found.join("; ");
    assert!(text.contains(finding), "`{wrong}` was found as: {text}");
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
