//! Names that are taken, unknown, left out or misplaced.

use super::{check, plan};
use crate::vit::{Half, Halves};

#[test]
fn a_name_is_defined_once_for_each_kind() {
    check(
        "
        budget b = 1 ZFLOP as forward
        budget b = 2 ZFLOP as forward
        //     ^ S0201 the budget `b` is defined twice
        start b { shape = { width = 608, depth = 10, mlp = 928 }, compute = 1 EFLOP as forward }
        ",
    );
}

#[test]
fn unknown_names_offer_the_nearest() {
    check(
        "
        model encoder { image = 224 px; patch = 14 px; heads = 16 }
        law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget flagship = 1 ZFLOP as forward
        search s {
          model = encodr
        //        ^^^^^^ S0202 there is no model `encodr`
        //        > model = encoder
          law = shapes
        //      ^^^^^^ S0202 there is no law `shapes`
        //      > law = shape
          start = small
        //        ^^^^^ S0202 there is no start `small`
          budget = cheap
        //         ^^^^^ S0202 there is no budget `cheap`
          width in 384..2048
          depth in 6..60
          mlp in 512..4096
        }
        ",
    );
}

#[test]
fn a_reference_may_be_left_out_only_where_one_definition_can_be_meant() {
    check(
        "
        model a { image = 224 px; patch = 14 px; heads = 16 }
        model b { image = 224 px; patch = 14 px; heads = 16 }
        law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        search s {
        //     ^ S0206 search `s` does not say which model it means
        //     > mlp in 512..4096
        //     ^ S0207 search `s` needs a budget, and the plan has none
          width in 384..2048
          depth in 6..60
          mlp in 512..4096
        }
        ",
    );
}

#[test]
fn several_starts_must_be_named_no_start_need_be() {
    check(
        "
        model a { image = 224 px; patch = 14 px; heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget b = 1 ZFLOP as forward
        start one { shape = { width = 608, depth = 10, mlp = 928 }, compute = 1 EFLOP as forward }
        start two { shape = { width = 608, depth = 10, mlp = 928 }, compute = 1 EFLOP as forward }
        search s { width in 384..2048; depth in 6..60; mlp in 512..4096 }
        //     ^ S0206 search `s` does not say which start it means
        //     > search s { width in 384..2048; depth in 6..60; mlp in 512..4096, start = one }
        ",
    );
}

#[test]
fn tables_and_metrics() {
    check(
        r#"
        model a { image = 224 px; patch = 14 px; heads = 16 }
        results star from "star.csv" {
          width = column w; depth = column d; mlp = column m
          examples = column n
          error = column e
        }
        law one = sovit fitted to stars.error
        //                        ^^^^^ S0202 there is no table `stars`
        //                        > law one = sovit fitted to star.error
        law two = sovit fitted to star.loss
        //                             ^^^^ S0208 table `star` has no metric `loss`
        //                             > law two = sovit fitted to star.error
        law three = sovit fitted to star
        //                          ^^^^ S0208 the law does not say which metric of `star` it is fitted to
        //                          > law three = sovit fitted to star.error
        law four = sovit fitted to star.error.mean
        //                         ^^^^^^^^^^^^^^^ S0208 `star.error.mean` is no metric of a table
        "#,
    );
}

#[test]
fn unknown_fields_offer_the_nearest_and_are_not_missing_too() {
    check(
        "
        model m {
          image = 224 px
          pach = 14 px
//        ^^^^ S0203 model `m` has no `pach`
//        > patch = 14 px
          heads = 16
          colour = 3
//        ^^^^^^ S0203 model `m` has no `colour`
        }
        ",
    );
}

#[test]
fn a_field_is_given_once() {
    check(
        "
        model m {
          image = 224 px
          patch = 14 px
          heads = 16
          image = 256 px
//        ^^^^^ S0204 `image` is given twice
        }
        ",
    );
}

#[test]
fn what_must_be_given() {
    check(
        "
        model m { channels = 3 }
        //    ^ S0205 model `m` needs `heads`
        //    ^ S0205 model `m` needs `image`
        //    ^ S0205 model `m` needs `patch`
        start s { }
        //    ^ S0205 start `s` needs `compute`
        //    ^ S0205 start `s` needs `shape`
        ",
    );
}

#[test]
fn entries_of_other_definitions() {
    check(
        "
        model m {
          image = 224 px
          patch = 14 px
          heads in 1..3
//        ^^^^^ S0203 `heads` of model `m` is a field
          require width < 3
//        ^^^^^^^^^^^^^^^^^ S0215 model `m` has no `require`
        }
        ",
    );
}

#[test]
fn a_range_is_not_a_field() {
    check(
        "
        model m { image = 224 px; patch = 14 px; heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget b = 1 ZFLOP as forward
        search s {
          width = 384
//        ^^^^^ S0203 `width` of search `s` is a range
          depth in 6..60
          depth in 6..70
//        ^^^^^ S0204 `depth` is given twice
          mpl in 512..1024
//        ^^^ S0203 search `s` has no `mpl`
//        > mlp in 512..1024
        }
        ",
    );
}

#[test]
fn published_models() {
    check(
        "
        budget a = forward(vit_g15) * 1e9 example
        //                 ^^^^^^^ S0209 there is no published model `vit_g15`
        //                 > budget a = forward(vit_g14) * 1e9 example
        budget b = forward(resnet) * 1e9 example
        //                 ^^^^^^ S0209 there is no published model `resnet`
        budget c = vit_g14 * 1e9 example
        //         ^^^^^^^ S0202 `vit_g14` means nothing here
        //         > budget c = forward(vit_g14) * 1e9 example
        budget d = params(vit_g14)
        //         ^^^^^^ S0213 there is no function `params`
        budget e = forwards(vit_g14) * 1e9 example
        //         ^^^^^^^^ S0213 there is no function `forwards`
        //         > budget e = forward(vit_g14) * 1e9 example
        budget f = forward() * 1e9 example
        //         ^^^^^^^^^ S0401 `forward` takes one argument, not 0
        ",
    );
}

#[test]
fn devices() {
    check(
        "
        budget a = h300.bf16 * 1 s * 1 gpu as forward
        //         ^^^^ S0214 there is no device `h300`
        //         > budget a = h200.bf16 * 1 s * 1 gpu as forward
        budget b = h200.bf61 * 1 s * 1 gpu as forward
        //              ^^^^ S0214 `h200` has no rate `bf61`
        //         > budget b = h200.bf16 * 1 s * 1 gpu as forward
        budget c = h200 * 1 s * 1 gpu as forward
        //         ^^^^ S0214 `h200` is a device, not a number
        //         > budget c = h200.bf16 * 1 s * 1 gpu as forward
        budget d = tpu.bf16 * 1 s * 1 gpu as forward
        //         ^^^ S0214 there is no device `tpu`
        budget e = h200.bf16 * 1 s * gpu as forward
        //                           ^^^ S0202 `gpu` means nothing here
        //                           > budget e = h200.bf16 * 1 s * 1 gpu as forward
        ",
    );
}

#[test]
fn words() {
    check(
        r#"
        model m {
          image = 224 px
          patch = 14 px
          heads = 16
          pool = mean
        //       ^^^^ S0210 `pool` has no `mean`
          activation = gelu_tan
        //             ^^^^^^^^ S0210 `activation` has no `gelu_tan`
        //             > activation = gelu_tanh
          class_token = yes
        //              ^^^ S0401 `class_token` takes `true` or `false`, not a name
        }
        model n { image = 224 px; patch = 14 px; heads = 16; pool = "map" }
        //                                                          ^^^^^ S0401 `pool` takes a word, not a text
        //                                                          > model n { image = 224 px; patch = 14 px; heads = 16; pool = map }
        model o { image = 224 px; patch = 14 px; heads = 16; pool = 3 }
        //                                                          ^ S0401 `pool` takes one of `map`, `average` and `class`, not a number
        "#,
    );
}

#[test]
fn forms_of_laws() {
    check(
        "
        law a = sovitt { width = 0.22, depth = 0.45, mlp = 0.60 }
        //      ^^^^^^ S0211 there is no law of the form `sovitt`
        //      > law a = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        law b = power { width = 0.22, depth = 0.45, mlp = 0.60 }
        //      ^^^^^ S0211 there is no law of the form `power`
        law c = m4 { width = 0.22 }
        //      ^^ S0205 a law of the form `m4` must be fitted
        //      > law c = m4 fitted to TABLE.error { width = 0.22 }
        ",
    );
}

#[test]
fn targets() {
    check(
        r#"
        emit huggingface "hf/"
        //   ^^^^^^^^^^^ S0212 nothing can be emitted for `huggingface`
        emit tim "timm/"
        //   ^^^ S0212 nothing can be emitted for `tim`
        //   > emit timm "timm/"
        "#,
    );
}

#[test]
fn emits_name_their_search() {
    check(
        r#"
        model m { image = 224 px; patch = 14 px; heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget b = 1 ZFLOP as forward
        search flagship { width in 384..2048; depth in 6..60; mlp in 512..4096 }
        emit timm "timm/" { search = flagshp }
        //                           ^^^^^^^ S0202 there is no search `flagshp`
        //                           > emit timm "timm/" { search = flagship }
        emit timm "timm2/" { arch = [sm_80] }
        //                   ^^^^ S0203 `emit timm` has no `arch`
        emit kernels "k/" { arch = [sm_80, sm_91, sm_80], dtype = fp8 }
        //                                 ^^^^^ S0210 `arch` has no `sm_91`
        //                                 > emit kernels "k/" { arch = [sm_80, sm_90, sm_80], dtype = fp8 }
        //                                        ^^^^^ S0204 `sm_80` is named twice
        //                                                        ^^^ S0210 `dtype` has no `fp8`
        "#,
    );
}

#[test]
fn batches_of_kernels_rise_from_one() {
    const SEARCH: &str = r"
        model m { image = 224 px; patch = 14 px; heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget b = 1 ZFLOP as forward
        search s { width in 384..2048; depth in 6..60; mlp in 512..4096 }
";
    check(&format!(
        "{SEARCH}{}",
        r#"
        emit kernels "a/" { batches = [4, 64, 64] }
        //                                    ^^ S0204 a batch of 64 is named twice
        //                             > emit kernels "a/" { batches = [4, 64] }
        emit kernels "b/" { batches = [64, 4, 8] }
        //                                 ^ S0402 `batches` must rise, and 4 comes after 64
        //                             > emit kernels "b/" { batches = [4, 8, 64] }
        emit kernels "c/" { batches = [0, 4] }
        //                             ^ S0402 `batches` must lie between 1 and 65536
        emit kernels "d/" { batches = [4, 1e30] }
        //                                ^^^^ S0402 `batches` must lie between 1 and 65536
        emit kernels "e/" { batches = [4.5] }
        //                             ^^^ S0403 `batches` must be a whole number
        //                           > emit kernels "e/" { batches = [4] }
        emit kernels "f/" { batches = [] }
        //                            ^^ S0401 `batches` must name a batch
        //                             > emit kernels "f/" { batches = [64] }
        emit kernels "g/" { batches = 4 }
        //                            ^ S0401 `batches` takes a list
        //                          > emit kernels "g/" { batches = [4] }
        emit kernels "h/" { batches = [1, 2, 3, 4, 5, 6, 7, 8, 9] }
        //                                                     ^ S0417 `batches` has more than 8 buckets
        emit timm "t/" { batches = [4] }
        //               ^^^^^^^ S0203 `emit timm` has no `batches`
        "#
    ));
    let plan = plan(&format!("{SEARCH}emit kernels \"k/\" {{ batches = [4, 64] }}\n"));
    let inputs = plan.form_of("s");
    assert_eq!(inputs.batches.buckets().collect::<Vec<_>>(), [[1, 4], [5, 64]]);
}

#[test]
fn floats_of_kernels_go_together() {
    const SEARCH: &str = r"
        model m { image = 224 px; patch = 14 px; heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget b = 1 ZFLOP as forward
        search s { width in 384..2048; depth in 6..60; mlp in 512..4096 }
";
    check(&format!(
        "{SEARCH}{}",
        r#"
        emit kernels "a/" { residual = fp16 }
        //                  ^^^^^^^^ S0425 a residual stream in fp16 needs products in fp16
        //                  > emit kernels "a/" { residual = fp16, dtype = fp16 }
        emit kernels "b/" { dtype = bf16, residual = fp16 }
        //                                ^^^^^^^^ S0425 a residual stream in fp16 needs products in fp16
        //                                > emit kernels "b/" { dtype = fp16, residual = fp16 }
        emit kernels "c/" { dtype = fp16, layernorm = folded }
        //                                ^^^^^^^^^ S0425 a folded layer norm in fp16 needs a residual stream in fp16
        //                                > emit kernels "c/" { dtype = fp16, layernorm = folded, residual = fp16 }
        emit kernels "d/" { dtype = fp16, residual = bf16, layernorm = folded }
        //                                                 ^^^^^^^^^ S0425 a folded layer norm in fp16 needs a residual stream in fp16
        //                                                 > emit kernels "d/" { dtype = fp16, residual = fp16, layernorm = folded }
        emit kernels "e/" { dtype = fp32 }
        //                          ^^^^ S0210 `dtype` has no `fp32`
        emit timm "t/" { residual = bf16 }
        //               ^^^^^^^^ S0203 `emit timm` has no `residual`
        "#
    ));
    for (said, halves) in [
        ("dtype = bf16, residual = bf16", Halves::default()),
        ("dtype = fp16", Halves::MIXED),
        ("dtype = fp16, residual = bf16, pixels = fp16", Halves::MIXED),
        ("dtype = fp16, residual = fp16, layernorm = folded", Halves::of(Half::Fp16)),
    ] {
        let plan = plan(&format!("{SEARCH}emit kernels \"k/\" {{ {said} }}\n"));
        assert_eq!(plan.form_of("s").halves, halves, "{said}");
    }
}

#[test]
fn an_emit_needs_a_search() {
    check(
        r#"
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        emit timm "timm/"
//      ^^^^ S0207 `emit` needs a search, and the plan has none
        "#,
    );
}

#[test]
fn a_plan_must_ask_something() {
    check(
        "
        budget b = 1 ZFLOP as forward
//      ^^^^^^ S0413 the plan asks nothing: it has neither a law nor a search
        ",
    );
}
