//! The kernels' source, run on the CPU and held to a double-precision reference.
//!
//! The same text that NVRTC compiles is compiled here by the system's C++ compiler with `kernels/host`.

/// Skips the test loudly where there is no compiler.
macro_rules! need_compiler {
    ($test:literal) => {
        if crate::host::compiler().is_none() {
            return crate::support::skip(
                "cxx",
                concat!("kernels::", $test),
                "no C++ compiler (c++, g++ or clang++) was found",
            );
        }
    };
}

#[path = "kernels/argument.rs"]
mod argument;
#[path = "kernels/attention.rs"]
mod attention;
#[path = "kernels/block.rs"]
mod block;
#[path = "kernels/gemm.rs"]
mod gemm;
#[path = "kernels/heads.rs"]
mod heads;
#[path = "kernels/host.rs"]
mod host;
#[path = "kernels/product.rs"]
mod product;
#[path = "kernels/reference.rs"]
mod reference;
mod support;

use argument::{Argument, bytes, halves};
use host::{ORDERS, Order, Program};
use reference::Case;
use sovitc::emit::kernel_source;
use sovitc::kernel::{KernelPlan, layernorm_residual};

fn kernel(width: u64) -> (KernelPlan, String) {
    let kernel = layernorm_residual(width, 1e-6).unwrap();
    let source = kernel_source(&kernel).unwrap();
    (kernel, source)
}

/// Runs a case and checks it; what the executor or the reference found wrong.
fn run(program: &Program, case: &Case, order: Order) -> Result<(), String> {
    let filled = program.run(case.rows as u32, order, &case.arguments())?;
    case.check(&halves(&filled[0]), &halves(&filled[1]))
}

/// Every row count, both orders, for some widths.
fn agrees(widths: &[u64]) {
    for &width in widths {
        let (kernel, source) = kernel(width);
        let program = host::compile(&kernel, &source, &[]);
        for rows in [1, 3, 37, 200] {
            let case = Case::new(width as usize, rows);
            for order in ORDERS {
                run(&program, &case, order).unwrap_or_else(|e| panic!("width {width}, {rows} rows, {order:?}: {e}"));
            }
        }
    }
}

#[test]
fn rows_of_one_warp_agree() {
    need_compiler!("rows_of_one_warp_agree");
    agrees(&[1, 55, 192, 384, 880, 896, 897]);
}

#[test]
fn wide_rows_agree() {
    need_compiler!("wide_rows_agree");
    agrees(&[1152, 1408, 2050, 2304, 4097]);
}

#[test]
fn the_portable_switch_of_fibers_agrees() {
    need_compiler!("the_portable_switch_of_fibers_agrees");
    let (kernel, source) = kernel(2304);
    let program = host::compile(&kernel, &source, &["-DSOVIT_UCONTEXT"]);
    run(&program, &Case::new(2304, 3), ORDERS[0]).unwrap();
}

#[test]
fn the_sum_may_replace_an_input() {
    need_compiler!("the_sum_may_replace_an_input");
    for width in [1152, 2304] {
        let (kernel, source) = kernel(width);
        let program = host::compile(&kernel, &source, &[]);
        let case = Case::new(width as usize, 5);
        let [x, residual] = [&case.x, &case.residual].map(|list| bytes(list, u16::to_le_bytes));
        let [gamma, beta] = [&case.gamma, &case.beta].map(|list| bytes(list, f32::to_le_bytes));
        for replaced in [0, 1] {
            let pick = |n, data: &Vec<u8>| {
                if n == replaced { Argument::Updated(data.clone()) } else { Argument::Input(data.clone()) }
            };
            let filled = program.run(
                5,
                ORDERS[0],
                &[
                    pick(0, &x),
                    pick(1, &residual),
                    Argument::Input(gamma.clone()),
                    Argument::Input(beta.clone()),
                    Argument::Same(replaced),
                    Argument::Output(x.len()),
                    Argument::Scalar(5),
                ],
            );
            let filled = filled.unwrap();
            case.check(&halves(&filled[0]), &halves(&filled[1])).unwrap();
        }
    }
}

/// Puts a fault into the source and expects it to be found, in words that hold `finding`, in some order of threads.
fn caught(width: u64, (right, wrong): (&str, &str), finding: &str) {
    let (kernel, source) = kernel(width);
    assert_eq!(source.matches(right).count(), 1, "`{right}` stands once in the source");
    let program = host::compile(&kernel, &source.replace(right, wrong), &[]);
    let case = Case::new(width as usize, 6);
    let found: Vec<_> = ORDERS.iter().filter_map(|&order| run(&program, &case, order).err()).collect();
    let text = found.join("; ");
    assert!(text.contains(finding), "`{wrong}` was found as: {text}");
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
    caught(384, ("value[i][j] = widen(rounded, j);", ""), "row");
    caught(897, ("gamma + column", "gamma + (column + 1) % WIDTH"), "row 0");
    caught(897, ("normalised + start + column", "normalised + start + (column + 1) % WIDTH"), "row 0");
}
