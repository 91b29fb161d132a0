//! Dimensions, kinds of compute and units that do not fit.

use super::check;

#[test]
fn fields_have_dimensions() {
    check(
        "
        model m {
          image = 224
        //        ^^^ S0301 `image` is a length in pixels, but this is a pure number
        //        > image = 224 px
          patch = 14 token
        //        ^^^^^^^^ S0301 `patch` is a length in pixels, but this is a number of tokens
          heads = 16 gpu
        //        ^^^^^^ S0301 `heads` is a pure number, but this is a number of GPUs
        //        > heads = 16
        }
        ",
    );
}

#[test]
fn a_missing_factor_is_named() {
    check(
        "
        budget a = forward(vit_g14)
        //         ^^^^^^^^^^^^^^^^ S0301 `a` is compute, but this is a quantity in `FLOP/example`
        budget b = 1e9 example
        //         ^^^^^^^^^^^ S0301 `b` is compute, but this is a number of examples
        budget c = 410 TFLOP/s/gpu * 64 gpu
        //         ^^^^^^^^^^^^^^^^^^^^^^^^ S0301 `c` is compute, but this is a quantity in `FLOP/s`
        budget d = 3 ZFLOP * 2 s
        //         ^^^^^^^^^^^^^ S0301 `d` is compute, but this is a quantity in `FLOP*s`
        budget e = 3 s^-1 * 2 FLOP^-1
        //         ^^^^^^^^^^^^^^^^^^ S0301 `e` is compute, but this is a quantity in `FLOP^-1/s`
        ",
    );
}

#[test]
fn an_operator_is_flipped() {
    check(
        "
        budget a = forward(vit_g14) / 16e9 example
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0301 `a` is compute, but this is a quantity in `FLOP/example^2`
        //         > budget a = forward(vit_g14) * 16e9 example
        budget b = 64 gpu * 21 day / h200.bf16
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0301 `b` is compute, but this is a quantity in `s^2*gpu^2/FLOP`
        //         > budget b = 64 gpu * 21 day * h200.bf16
        ",
    );
}

#[test]
fn a_quantity_is_inverted() {
    check(
        "
        budget a = 1 FLOP^-1
        //         ^^^^^^^^^ S0301 `a` is compute, but this is a quantity in `FLOP^-1`
        budget b = 1 gpu / (2 gpu * 3 FLOP)
        //         ^^^^^^^^^^^^^^^^^^^^^^^^ S0301 `b` is compute, but this is a quantity in `FLOP^-1`
        //         > budget b = 1 / (1 gpu / (2 gpu * 3 FLOP))
        law l = sovit { width = 0.22 s, depth = 0.45, mlp = 1 s / 2 gpu }
        //                      ^^^^^^ S0301 `width` is a pure number, but this is a time
        //                      > law l = sovit { width = 0.22, depth = 0.45, mlp = 1 s / 2 gpu }
        //                                                  ^^^^^^^^^^^ S0301 `mlp` is a pure number, but this is a quantity in `s/gpu`
        ",
    );
}

#[test]
fn bytes_are_no_billions() {
    check(
        r#"
        budget a = forward(vit_g14) * 16 B
        //         ^^^^^^^^^^^^^^^^^^^^^^^ S0301 `a` is compute, but this is a quantity in `FLOP*B/example`
        //         > budget a = forward(vit_g14) * 16e9 example
        results r from "r.csv" {
          examples = 16 B
        //           ^^^^ S0301 `examples` is a number of examples, but this is bytes
        //           > examples = 16e9 example
          error = column e
        }
        "#,
    );
}

#[test]
fn sums_are_of_one_dimension() {
    check(
        "
        budget a = 3 ZFLOP + 2 s
        //                   ^^^ S0302 cannot add a time to compute
        budget b = 3 example - 2 token
        //                     ^^^^^^^ S0302 cannot subtract a number of tokens from a number of examples
        budget c = 1 ZFLOP + 1
        //                   ^ S0302 cannot add a pure number to compute
        //                   > budget c = 1 ZFLOP + 1 FLOP
        ",
    );
}

#[test]
fn requirements_are_checked() {
    check(
        r#"
        model m { image = 224 px; patch = 14 px; heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget b = 1 ZFLOP as forward
        search s {
          width in 384..2048
          depth in 6..60
          mlp in 512..4096
          require params < 450
        //                 ^^^ S0302 cannot compare a number of parameters with a pure number
        //                 > require params < 450 Mparam
          require params < 450e6
        //                 ^^^^^ S0302 cannot compare a number of parameters with a pure number
        //                 > require params < 450e6 param
          require params < 450 M
        //                     ^ S0305 `M` is a prefix without a unit
        //                     > require params < 450 Mparam
          require params < 450 B
        //                 ^^^^^ S0302 cannot compare a number of parameters with bytes
        //                 > require params < 450e9 param
          require 450 < params
        //        ^^^ S0302 cannot compare a pure number with a number of parameters
        //        > require 450 Mparam < params
          require width < 3 px
        //                ^^^^ S0302 cannot compare a pure number with a length in pixels
        //                > require width < 3
          require width + params < 3
        //                ^^^^^^ S0302 cannot add a number of parameters to a pure number
          require flops < 200 GFLOP/example
        //                ^^^^^^^^^^^^^^^^^ S0304 cannot compare forward compute with compute of unsaid kind
        //                > require flops < (200 GFLOP/example as forward)
          require flops < training(vit_g14)
        //                ^^^^^^^^^^^^^^^^^ S0303 cannot compare forward compute with training compute
        //                > require flops < forward(vit_g14)
          require flops < forward(vit_g14)
          require training(flops) < 1 TFLOP/example as training
          require examples > tokens
        //                   ^^^^^^ S0302 cannot compare a number of examples with a number of tokens
          require 8 divides params
        //                  ^^^^^^ S0301 `divides` stands between pure numbers
          require tokens * examples < 1e15
        //                            ^^^^ S0302 cannot compare a quantity in `example*token` with a pure number
        //                            > require tokens * examples < 1e15 example*token
          require width
        //        ^^^^^ S0401 a condition must be true or false
          require 3 < 4
        //        ^^^^^ S0415 a requirement must speak of the shape
          require widht > 3
        //        ^^^^^ S0202 `widht` means nothing here
        //        > require width > 3
          require width < column x
        //                ^^^^^^^^ S0215 no table is read here, so there is no column `x`
          require width < 3 +- 1
        //                ^^^^^^ S0411 an uncertain value stands where an exact one is needed
        //                > require width < 3
          require width == "wide"
        //        ^^^^^^^^^^^^^^^ S0416 a number is never equal to, less or more than a text
          require not width
        //            ^^^^^ S0401 a condition must be true or false
          require params < 4 Mparams and (depth > 3 or depth < 2)
        }
        "#,
    );
}

#[test]
fn kinds_of_compute_do_not_mix() {
    check(
        "
        budget a = forward(vit_g14) * 1e9 example + training(vit_g14) * 1e9 example
        //                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0303 cannot add training compute to forward compute
        //                                          > budget a = forward(vit_g14) * 1e9 example + forward(training(vit_g14) * 1e9 example)
        budget b = forward(vit_g14) * 1e9 example + 1 ZFLOP
        //                                          ^^^^^^^ S0304 cannot add compute of unsaid kind to forward compute
        //                                          > budget b = forward(vit_g14) * 1e9 example + (1 ZFLOP as forward)
        budget c = 1 ZFLOP - training(vit_g14) * 1e9 example
        //         ^^^^^^^ S0304 cannot subtract training compute from compute of unsaid kind
        //         > budget c = (1 ZFLOP as training) - training(vit_g14) * 1e9 example
        budget d = forward(vit_g14) / training(vit_g14) * 1 ZFLOP
        //                            ^^^^^^^^^^^^^^^^^ S0303 cannot divide forward compute by training compute
        //                            > budget d = forward(vit_g14) / forward(vit_g14) * 1 ZFLOP
        budget e = h200.bf16 * 64 gpu * 3 day + forward(vit_b14) * 1e9 example
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^ S0303 cannot add forward compute to executed compute
        //         > budget e = (h200.bf16 * 64 gpu * 3 day as forward) + forward(vit_b14) * 1e9 example
        ",
    );
}

#[test]
fn kinds_of_compute_must_be_said() {
    check(
        "
        budget a = 1e23 FLOP
        //         ^^^^^^^^^ S0304 `a` must know what kind of compute this is
        //         > budget a = 1e23 FLOP as forward
        budget b = h200.bf16 * 64 gpu * 3 day
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^ S0303 `b` takes forward or training compute
        //         > budget b = h200.bf16 * 64 gpu * 3 day as forward
        budget c = (1 ZFLOP as executed)
        //         ^^^^^^^^^^^^^^^^^^^^^ S0303 `c` takes forward or training compute
        //         > budget c = (1 ZFLOP as forward)
        budget d = forward(vit_g14) * 1e9 example as training
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0303 forward compute is not training compute, and `as` does not convert
        //         > budget d = training(forward(vit_g14) * 1e9 example)
        budget e = 3 s as forward
        //         ^^^ S0306 only compute has a kind, and this is a time
        budget f = 1 ZFLOP as trianing
        //                    ^^^^^^^^ S0210 there is no kind of compute `trianing`
        //                    > budget f = 1 ZFLOP as training
        budget g = forward(3 ZFLOP)
        //                 ^^^^^^^ S0304 `forward(...)` must know what kind of compute this is
        //                 > budget g = forward(3 ZFLOP as forward)
        budget h = training(h200.bf16 * 64 gpu * 3 day)
        //                  ^^^^^^^^^^^^^^^^^^^^^^^^^^ S0303 `training(...)` takes forward or training compute
        //                  > budget h = training(h200.bf16 * 64 gpu * 3 day as forward)
        budget i = forward(3 s)
        //                 ^^^ S0306 only compute has a kind, and this is a time
        budget j = training(vit_g14) * 1e9 example as executed
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0303 training compute is not executed compute, and `as` does not convert
        budget k = training(forward(vit_g14)) * 1e9 example
        budget l = 3 ZFLOP as inference
        //                    ^^^^^^^^^ S0210 there is no kind of compute `inference`
        start s { shape = { width = 608, depth = 10, mlp = 928 }, compute = 0.70 EFLOP }
        //                                                                  ^^^^^^^^^^ S0304 `compute` must know what kind of compute this is
        //                                                                  > start s { shape = { width = 608, depth = 10, mlp = 928 }, compute = 0.70 EFLOP as forward }
        ",
    );
}

#[test]
fn units() {
    check(
        "
        model m { image = 224 pxx; patch = 14 px; heads = 16 }
        //                    ^^^ S0305 there is no unit `pxx`
        //                    > model m { image = 224 px; patch = 14 px; heads = 16 }
        budget a = 3 ZFLOPS
        //           ^^^^^^ S0305 `ZFLOPS` is not a unit here
        budget b = 3 GMAC
        //           ^^^^ S0305 `GMAC` is not a unit here
        budget c = 64 Mgpu
        //            ^^^^ S0305 `gpu` does not take the prefix `M`
        //            > budget c = 64e6 gpu
        budget d = 3 M
        //           ^ S0305 `M` is a prefix without a unit
        //           > budget d = 3 MFLOP
        budget e = 3 parsec
        //           ^^^^^^ S0305 there is no unit `parsec`
        budget f = 64 gpu * 3 month
        //                    ^^^^^ S0305 `month` is not a unit here
        budget g = 1e3 kgpu
        //             ^^^^ S0305 `gpu` does not take the prefix `k`
        ",
    );
}

#[test]
fn dimensions_do_not_wrap() {
    check(
        "
        budget a = 1 s^100 * 1 s^100
        //         ^^^^^^^^^^^^^^^^^ S0307 a dimension has an exponent beyond 127
        ",
    );
}

#[test]
fn results_stay_numbers() {
    check(
        "
        budget a = 1 ZFLOP / 0
        //                   ^ S0410 division by zero
        budget b = 1e300 YFLOP * 1e300
        //         ^^^^^^^^^^^ S0410 the result is too large for a number
        ",
    );
}

#[test]
fn parentheses_belong_to_what_they_hold() {
    check(
        "
        model m { image = (224); patch = 14 px; heads = (16 gpu) }
        //                ^^^^^ S0301 `image` is a length in pixels, but this is a pure number
        //                > model m { image = 224 px; patch = 14 px; heads = (16 gpu) }
        //                                              ^^^^^^^^ S0301 `heads` is a pure number, but this is a number of GPUs
        //                                              > model m { image = (224); patch = 14 px; heads = 16 }
        budget a = 64 gpu * (21 day * h200.bf16)
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0303 `a` takes forward or training compute
        //         > budget a = 64 gpu * (21 day * h200.bf16) as forward
        budget b = (1e9 example) / (forward(vit_g14))
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0301 `b` is compute, but this is a quantity in `example^2/FLOP`
        //         > budget b = (1e9 example) * (forward(vit_g14))
        ",
    );
}
