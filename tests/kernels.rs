//! The kernels' source, run on the CPU and held to a double-precision reference.
//!
//! The same text that NVRTC compiles is compiled here by the system's C++ compiler with `kernels/host`.
#![cfg(feature = "verify")]

/// Skips the test loudly where there is no compiler.
macro_rules! need_compiler {
    ($test:literal) => {
        if crate::compiler().is_none() {
            return crate::support::skip(
                "cxx",
                concat!("kernels::", $test),
                "no C++ compiler (c++, g++ or clang++) was found",
            );
        }
    };
}

#[path = "kernels/attention.rs"]
mod attention;
#[path = "kernels/block.rs"]
mod block;
#[path = "kernels/fold.rs"]
mod fold;
#[path = "kernels/forward.rs"]
mod forward;
#[path = "kernels/gates.rs"]
mod gates;
#[path = "kernels/gemm.rs"]
mod gemm;
#[path = "support/held.rs"]
mod held;
#[path = "kernels/image.rs"]
mod image;
#[path = "kernels/matrix.rs"]
mod matrix;
#[path = "kernels/overflow.rs"]
mod overflow;
#[path = "kernels/plain.rs"]
mod plain;
#[path = "kernels/pool.rs"]
mod pool;
#[path = "support/python.rs"]
mod python;
#[path = "kernels/query_key.rs"]
mod query_key;
#[path = "support/so400m.rs"]
mod so400m;
mod support;
#[path = "kernels/timm.rs"]
mod timm;
#[path = "kernels/traffic.rs"]
mod traffic;
#[path = "kernels/verify.rs"]
mod verify;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sovitc::emit::kernel_source;
use sovitc::kernel::{KernelPlan, layernorm, layernorm_residual};
use sovitc::verify::{Argument, Case, Compiler, Norm, ORDERS, Order, Program, halves};
use sovitc::vit::{Half, Halves};

fn compiler() -> Option<&'static Compiler> {
    static FOUND: OnceLock<Option<Compiler>> = OnceLock::new();
    FOUND.get_or_init(|| Compiler::find(|name| std::env::var_os(name))).as_ref()
}

fn compiled_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels")
}

/// The program of a kernel, kept for the next run of the tests.
fn compiled(plan: &KernelPlan, source: &str, flags: &[&str]) -> Program {
    let compiler = compiler().expect("the caller has asked for a compiler");
    compiler.compile(plan, source, flags, &compiled_folder()).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a case and checks it; what the executor or the reference found wrong.
fn run(program: &Program, case: &dyn Case, order: Order) -> Result<(), String> {
    let filled = program.run(case.rows(), order, &case.arguments()).map_err(|failure| failure.to_string())?;
    let filled: Vec<Vec<u16>> = filled.iter().map(|buffer| halves(buffer)).collect();
    case.check(&filled).map(|_| ())
}

/// Puts a fault into the source and expects it to be found, in words that hold `finding`, in some order of threads.
fn finds(plan: &KernelPlan, case: &dyn Case, orders: &[Order], (right, wrong): (&str, &str), finding: &str) {
    let source = kernel_source(plan).unwrap();
    assert_eq!(source.matches(right).count(), 1, "`{right}` stands once in the source");
    let program = compiled(plan, &source.replace(right, wrong), &[]);
    let found: Vec<_> = orders.iter().filter_map(|&order| run(&program, case, order).err()).collect();
    let text = found.join("; ");
    assert!(text.contains(finding), "`{wrong}` was found as: {text}");
}

/// The floats beside bf16 for all.
const OTHERS: [Halves; 2] = [Halves::MIXED, Halves::of(Half::Fp16)];

fn kernel(width: u64) -> (KernelPlan, String) {
    let kernel = layernorm_residual(width, 1e-6).unwrap();
    let source = kernel_source(&kernel).unwrap();
    (kernel, source)
}

fn norm(width: u64, rows: usize) -> Norm {
    Norm::new(width as usize, rows, true, 1e-6, 0)
}

/// Every row count, both orders, for some widths.
fn agrees(halves: Halves, widths: &[u64]) {
    for &width in widths {
        let kernel = kernel(width).0.over(halves);
        let program = compiled(&kernel, &kernel_source(&kernel).unwrap(), &[]);
        for rows in [1, 3, 37, 200] {
            let case = Norm::over(halves, width as usize, rows, true, 1e-6, 0);
            for order in ORDERS {
                run(&program, &case, order).unwrap_or_else(|e| panic!("{}, {rows} rows, {order:?}: {e}", kernel.entry));
            }
        }
    }
}

#[test]
fn rows_of_one_warp_agree() {
    need_compiler!("rows_of_one_warp_agree");
    agrees(Halves::default(), &[1, 55, 192, 384, 880, 896, 897]);
}

#[test]
fn wide_rows_agree() {
    need_compiler!("wide_rows_agree");
    agrees(Halves::default(), &[1152, 1408, 2050, 2304, 4097]);
}

#[test]
fn rows_of_other_floats_agree() {
    need_compiler!("rows_of_other_floats_agree");
    for halves in OTHERS {
        agrees(halves, &[1, 55, 384, 897, 1152, 2304, 4097]);
    }
}

#[test]
fn the_portable_switch_of_fibers_agrees() {
    need_compiler!("the_portable_switch_of_fibers_agrees");
    let (kernel, source) = kernel(2304);
    let program = compiled(&kernel, &source, &["-DSOVIT_UCONTEXT"]);
    run(&program, &norm(2304, 3), ORDERS[0]).unwrap();
}

#[test]
fn the_sum_may_replace_an_input() {
    need_compiler!("the_sum_may_replace_an_input");
    for width in [1152, 2304] {
        let (kernel, source) = kernel(width);
        let program = compiled(&kernel, &source, &[]);
        let case = norm(width, 5);
        for replaced in [0, 1] {
            let mut arguments = case.arguments();
            let Argument::Input(data) = arguments[replaced].clone() else { unreachable!("both are read") };
            (arguments[replaced], arguments[4]) = (Argument::Updated(data), Argument::Same(replaced));
            let filled = program.run(5, ORDERS[0], &arguments).unwrap();
            case.check(&[halves(&filled[0]), halves(&filled[1])]).unwrap();
        }
    }
}

fn caught(width: u64, fault: (&str, &str), finding: &str) {
    finds(&kernel(width).0, &norm(width, 6), &ORDERS, fault, finding);
}

#[test]
fn planted_faults_of_synchronisation_are_caught() {
    need_compiler!("planted_faults_of_synchronisation_are_caught");
    caught(2304, ("slots[threadIdx.x / 32] = value;\n    barrier();", "slots[threadIdx.x / 32] = value;"), "NaN");
    caught(2304, ("    barrier();\n    float", "    if (threadIdx.x < 64) barrier();\n    float"), "deadlock");
    caught(2304, ("slots + 2 * WARPS_PER_ROW", "slots + 3 * WARPS_PER_ROW"), "beyond its 108 bytes of shared memory");
    caught(384, ("shuffle_xor(0xffffffffu", "shuffle_xor(0x0000ffffu"), "leaves out its own lane");
    caught(
        384,
        ("shuffle_xor(0xffffffffu, value, distance)", "shuffle_xor(0xffffffffu, value, distance > 16 ? distance : 16)"),
        "row 0",
    );
    caught(384, ("int distance = 16", "int distance = 8"), "row 0");
    caught(384, ("    if (row >= rows) return;", "    if (row >= rows || thread == 5) return;"), "lane 5 is not there");
}

#[test]
fn planted_faults_of_addressing_are_caught() {
    need_compiler!("planted_faults_of_addressing_are_caught");
    let load = "a[i] = load_stream<VECTOR>(x + at);";
    caught(897, (load, "a[i] = load_stream<VECTOR>(x + at + 1);"), "read of 2 bytes at byte 10764 of argument 0");
    caught(897, (load, "a[i] = load_stream<VECTOR>(x + (at ? at - 1 : at));"), "sum[0][1]");
    caught(384, (load, "a[i] = load_stream<VECTOR>(x + at + 1);"), "misaligned read of 16 bytes");
    caught(384, (load, "a[i] = load_stream<VECTOR>(x + at + VECTOR);"), "of argument 0, which has 4608");
    caught(384, ("if (row >= rows) return;", "if (row > rows) return;"), "of argument 0, which has 4608");
    caught(
        384,
        ("* THREADS_PER_ROW + thread < VECTORS_PER_ROW", "* THREADS_PER_ROW + thread + 1 < VECTORS_PER_ROW"),
        "sum",
    );
    caught(384, ("gamma + column);", "gamma + column + 4);"), "argument 2");
    // Past the primitives, hence past their checks.
    let end = "    // First pass: ";
    caught(384, (end, "    sum[(unsigned long long)rows * WIDTH] = 1; //"), "outside the buffer of argument 4");
    caught(384, (end, "    const_cast<float*>(gamma)[3] = 1; //"), "wrote to argument 2, which is an input");
}

#[test]
fn planted_faults_of_arithmetic_are_caught() {
    need_compiler!("planted_faults_of_arithmetic_are_caught");
    let average = "squares = warp_sum(squares) * (1.0f / WIDTH)";
    caught(384, (average, "squares = warp_sum(squares) * (1.0f / (WIDTH - 1))"), "row 0");
    // 1 / 896 is badly rounded as a float.
    caught(896, ("(value[i][j] - missed)", "value[i][j]"), "row");
    caught(384, ("squares + EPSILON", "squares"), "row");
    caught(384, ("value[i][j] = widen<STREAM>(rounded, j);", ""), "row");
    caught(897, ("gamma + column", "gamma + (column + 1) % WIDTH"), "row 0");
    caught(897, ("normalised + start + column", "normalised + start + (column + 1) % WIDTH"), "row 0");
}

#[test]
fn planted_faults_of_floats_are_caught() {
    need_compiler!("planted_faults_of_floats_are_caught");
    for halves in OTHERS {
        let caught = |right: &str, wrong: &str, finding: &str| {
            let case = Norm::over(halves, 384, 6, true, 1e-6, 0);
            finds(&kernel(384).0.over(halves), &case, &ORDERS, (right, wrong), finding);
        };
        // What is read, what is added, and what is written are taken for another float.
        let other = if halves.residual == Half::Bf16 { "Half::FP16" } else { "Half::BF16" };
        let [read, kept] = ["value[i][j] = widen<STREAM>(a[i], j)", "value[i][j] = widen<STREAM>(rounded, j)"];
        caught(read, &read.replace("STREAM", other), "sum[0]");
        caught(kept, &kept.replace("STREAM", other), "row 0");
        caught("narrow<VECTOR, STREAM>", &format!("narrow<VECTOR, {other}>"), "sum[0]");
        caught("narrow<VECTOR>(value[i])", "narrow<VECTOR, Half::BF16>(value[i])", "row 0");
    }
    // The variance of a row with one element that is not like the others.
    let halves = Halves::of(Half::Fp16);
    let plan = layernorm(8160, 1e-6).unwrap().over(halves);
    let case = Norm::over(halves, 8160, 1, false, 1e-6, 0).of(|_, column| if column == 7 { 2050.0 } else { 2048.0 });
    run(&compiled(&plan, &kernel_source(&plan).unwrap(), &[]), &case, ORDERS[0]).unwrap();
    finds(&plan, &case, &ORDERS, ("squares - missed * missed", "squares"), "row 0");
}
