//! Norms and rotations of queries and keys, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::QueryKey;
use sovitc::verify::{ORDERS, Turned};
use sovitc::vit::{Half, Halves, QkNorm};

use crate::{compiled, finds, run};

const fn what(tokens: u64, head_dim: u64, norm: QkNorm, rotated: Option<u64>) -> QueryKey {
    QueryKey { tokens, heads: 3, head_dim, norm, epsilon: 1e-6, rotated }
}

fn agrees(what: QueryKey) {
    agrees_in(Half::Bf16, what);
}

fn agrees_in(half: Half, what: QueryKey) {
    let plan = what.plan().unwrap().over(Halves::of(half));
    let program = compiled(&plan, &kernel_source(&plan).unwrap(), &[]);
    for images in [1, 3] {
        let case = Turned::over(half, what, images, 0);
        for order in ORDERS {
            run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {images} images, {order:?}: {e}", plan.entry));
        }
    }
}

#[test]
fn norms_of_every_kind_of_head_agree() {
    need_compiler!("query_key::norms_of_every_kind_of_head_agree");
    for (tokens, head_dim) in [(37, 64), (21, 72), (16, 55), (5, 90), (1, 1), (33, 128)] {
        agrees(what(tokens, head_dim, QkNorm::Layer, None));
        agrees(what(tokens, head_dim, QkNorm::Rms, None));
    }
}

#[test]
fn rotations_of_every_kind_of_head_agree() {
    need_compiler!("query_key::rotations_of_every_kind_of_head_agree");
    for (tokens, head_dim, prefix) in [(41, 64, 5), (17, 72, 1), (16, 80, 0), (10, 20, 1), (9, 4, 0), (30, 128, 5)] {
        for (_, norm) in QkNorm::ALL {
            agrees(what(tokens, head_dim, norm, Some(prefix)));
        }
    }
}

#[test]
fn norms_and_rotations_agree_in_fp16() {
    need_compiler!("query_key::norms_and_rotations_agree_in_fp16");
    for (_, norm) in QkNorm::ALL {
        agrees_in(Half::Fp16, what(41, 64, norm, Some(5)));
        agrees_in(Half::Fp16, what(10, 20, norm, Some(1)));
    }
    agrees_in(Half::Fp16, what(16, 55, QkNorm::Layer, None));
    agrees_in(Half::Fp16, what(21, 72, QkNorm::Rms, None));
}

/// Puts a fault into the kernel that does everything and expects it to be found, in words that hold `finding`.
fn caught(fault: (&str, &str), finding: &str) {
    caught_in(what(21, 20, QkNorm::Layer, Some(5)), fault, finding);
}

fn caught_in(what: QueryKey, fault: (&str, &str), finding: &str) {
    finds(&what.plan().unwrap(), &Turned::new(what, 2, 0), &ORDERS, fault, finding);
}

#[test]
fn planted_faults_of_norms_are_caught() {
    need_compiler!("query_key::planted_faults_of_norms_are_caught");
    caught(("squares + EPSILON", "squares + 2 * EPSILON"), "query");
    caught(("squares + EPSILON", "squares"), "query");
    // Over half of a head, over two heads, and over what is stored.
    caught(("int distance = LANES / 2", "int distance = LANES / 4"), "query");
    caught(("int distance = LANES / 2", "int distance = LANES"), "query");
    caught(
        ("squares = lanes_sum(squares) * (1.0f / HEAD_DIM)", "squares = lanes_sum(squares) * (1.0f / HEAD)"),
        "query",
    );
    // 1 / 56 is badly rounded as a float.
    let odd = what(21, 56, QkNorm::Layer, Some(5));
    caught_in(odd, ("(value[i][side][j] - missed)", "value[i][side][j]"), "query");
    caught(("at < keys ? 0 : HEAD_DIM", "0"), "key");
    caught(("beta + table + side * SIDE", "beta + table"), "query");
    let rms = what(21, 20, QkNorm::Rms, None);
    caught_in(rms, ("+ EPSILON", ""), "query");
    caught_in(rms, ("*= scale * gain[j]", "*= scale"), "query");
}

#[test]
fn planted_faults_of_rotations_are_caught() {
    need_compiler!("query_key::planted_faults_of_rotations_are_caught");
    caught(("- second * sine[j]", "+ second * sine[j]"), "query");
    caught(("second * cosine[j] + first * sine[j]", "second * cosine[j] - first * sine[j]"), "query");
    // The last of the tokens before the patches turns, or the first patch does not.
    let plain = what(21, 20, QkNorm::None, Some(5));
    caught(("token >= PREFIX", "token >= PREFIX - 1"), "of argument 3");
    caught(("if (token >= PREFIX) {", "if (token >= PREFIX - 5) {"), "of argument 3");
    caught(("(token - PREFIX) * HEAD_DIM", "token % (TOKENS - PREFIX) * HEAD_DIM"), "query");
    caught_in(plain, ("token >= PREFIX", "token > PREFIX"), "query 5,");
    caught_in(plain, ("&& token >= PREFIX", ""), "of argument 1");
    // By the angles of another patch, of heights for widths, and of the image's first tokens.
    caught(("(int)(at % TOKENS)", "(int)(at / HEADS % TOKENS)"), "query");
    caught(("angles + SIDE", "angles + SIDE / 2"), "misaligned");
    caught_in(what(21, 32, QkNorm::None, Some(5)), ("angles + SIDE", "angles"), "query");
    // The class token turns as the first patch does.
    let all = what(21, 20, QkNorm::Layer, Some(5));
    let plan = all.plan().unwrap();
    let source = kernel_source(&plan).unwrap().replace("if (token >= PREFIX) {", "{");
    let source = source.replace("(token - PREFIX) *", "(token < PREFIX ? 0 : token - PREFIX) *");
    let found = run(&compiled(&plan, &source, &[]), &Turned::new(all, 2, 0), ORDERS[0]).unwrap_err();
    assert!(found.starts_with("query 0,"), "{found}");
}

#[test]
fn planted_faults_of_addressing_are_caught() {
    need_compiler!("query_key::planted_faults_of_addressing_are_caught");
    caught(("at < 2 * keys", "at <= 2 * keys"), "is of a value");
    caught(("qkv + at * HEAD", "qkv + at * HEAD_DIM"), "query");
    caught(("at < 2 * keys", "at < 3 * keys"), "is of a value");
    caught(("blockIdx.x * VECTORS", "blockIdx.x * (VECTORS - 1)"), "query");
    caught(("i * LANES + lane < ACCESSES", "i * LANES + lane <= ACCESSES"), ", which has");
}
