//! Values that a definition cannot take.

use super::check;

#[test]
fn patches_tile_the_image() {
    check(
        "
        model m {
          image = 225 px
        //        ^^^^^^ S0404 patches of 14 px do not tile an image of 225 px
        //        > image = 224 px
          patch = 14 px
          heads = 16
        }
        ",
    );
}

#[test]
fn class_pooling_needs_its_token() {
    check(
        "
        model m {
          image = 224 px; patch = 14 px; heads = 16
          pool = class
          class_token = false
        //              ^^^^^ S0404 class pooling needs a class token
        //              > class_token = true
        }
        ",
    );
}

#[test]
fn sizes_have_ranges() {
    check(
        "
        model m {
          image = 224.5 px
        //        ^^^^^^^^ S0403 `image` must be a whole number
        //        > image = 224 px
          patch = 0 px
        //        ^^^^ S0402 `patch` must lie between 1 and 1048576
          heads = -16
        //        ^^^ S0402 `heads` must lie between 1 and 1048576
        //        > heads = 16
          channels = 1e9
        //           ^^^ S0402 `channels` must lie between 1 and 1048576
          classes = 10.5
        //          ^^^^ S0403 `classes` must be a whole number
        //          > classes = 10
          norm_epsilon = 0
        //               ^ S0402 `norm_epsilon` must lie between 0 and 1, both excluded
        }
        ",
    );
}

#[test]
fn parts_of_a_model_are_words_switches_and_shares() {
    check(
        "
        model m {
          image = 224 px
          patch = 14 px
          heads = 16
          registers = -4
        //            ^^ S0402 `registers` must lie between 0 and 1048576
        //            > registers = 4
          position = sincos
        //           ^^^^^^ S0210 `position` has no `sincos`
        //           > position = sincos2d
          block = postnorm
        //        ^^^^^^^^ S0210 `block` has no `postnorm`
          qkv_bias = false
        //           ^^^^^ S0401 `qkv_bias` takes one of `all`, `no_key` and `none`, not a truth value
          layer_scale = 1
        //              ^ S0402 `layer_scale` must lie between 0 and 1, both excluded
          masked = 1
        //         ^ S0402 `masked` must lie between 0 and 1, 1 excluded
          pre_norm = 1
        //           ^ S0401 `pre_norm` takes `true` or `false`, not a number
        }
        ",
    );
    check(
        "
        model m { image = 28 px; patch = 14 px; heads = 16; masked = 0.9 }
        //                                                           ^^^ S0404 no patch of 4 is left to see
        ",
    );
}

#[test]
fn sizes_are_exact() {
    check(
        "
        model m { image = 224 px; patch = 14 px; heads = 16 +- 1 }
        //                                               ^^^^^^^ S0411 `heads` must be exact
        //                                               > model m { image = 224 px; patch = 14 px; heads = 16 }
        ",
    );
}

#[test]
fn values_have_types() {
    check(
        r#"
        model m {
          image = "224"
        //        ^^^^^ S0401 `image` takes a number, not a text
          patch = [14 px]
        //        ^^^^^^^ S0401 `patch` takes a number, not a list
          heads = { a = 1 }
        //        ^^^^^^^^^ S0401 `heads` takes a number, not a record
          class_token = 1
        //              ^ S0401 `class_token` takes `true` or `false`, not a number
        }
        model n { image = 224 px; patch = true; heads = sixteen }
        //                                ^^^^ S0401 `patch` takes a number, not a truth value
        //                                              ^^^^^^^ S0202 `sixteen` means nothing here
        "#,
    );
}

#[test]
fn weights_are_shares() {
    check(
        "
        law a = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = [0.377, 0.288, 0.334] }
        //                                                                ^^^^^^^^^^^^^^^^^^^^^ S0405 the weights sum to 0.999, not to 1
        //                                                                > law a = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = [0.3773774, 0.2882883, 0.3343343] }
        law b = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = [0.5, 0.5] }
        //                                                                ^^^^^^^^^^ S0405 `weights` takes three numbers
        //                                                                > law b = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = [1/3, 1/3, 1/3] }
        law c = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = { width = 1, depth = 1, mlp = 1 } }
        //                                                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0405 the weights sum to 3, not to 1
        //                                                                > law c = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = { width = 0.3333333, depth = 0.3333333, mlp = 0.3333333 } }
        law d = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = [1.5, -0.5, 0] }
        //                                                                ^^^^^^^^^^^^^^ S0405 the weight of depth must be positive
        law e = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = 1/3 }
        //                                                                ^^^ S0405 `weights` takes three numbers
        //                                                                > law e = sovit { width = 0.22, depth = 0.45, mlp = 0.60, weights = [1/3, 1/3, 1/3] }
        ",
    );
}

#[test]
fn exponents_have_a_range() {
    check(
        "
        law a = sovit { width = 0, depth = -0.45, mlp = 60 }
        //                      ^ S0402 the exponent of `width` must lie between 0 and 10
        //                                 ^^^^^ S0402 the exponent of `depth` must lie between 0 and 10
        //                                 > law a = sovit { width = 0, depth = 0.45, mlp = 60 }
        //                                              ^^ S0402 the exponent of `mlp` must lie between 0 and 10
        ",
    );
}

#[test]
fn an_uncertain_exponent() {
    check(
        "
        law a = sovit { width = 0.22 +- 10 %, depth = 0.45 +- (0 - 1), mlp = 0.60 }
        //                              ^^^^ S0411 a standard deviation in percent says not of what
        //                              > law a = sovit { width = 0.22 +- 0.022, depth = 0.45 +- (0 - 1), mlp = 0.60 }
        //                                                    ^^^^^^^ S0402 a standard deviation must be one number from 0 up
        law b = sovit { width = 0.22 +- 0.1 s, depth = (0.45 +- 0.1) +- 0.1, mlp = 0.60 }
        //                              ^^^^^ S0301 `0.22` is a pure number, but this is a time
        //                              > law b = sovit { width = 0.22 +- 0.1, depth = (0.45 +- 0.1) +- 0.1, mlp = 0.60 }
        //                                                              ^^^ S0402 a standard deviation must be one number from 0 up
        ",
    );
}

#[test]
fn stated_or_effective_not_both() {
    check(
        "
        law a = sovit { effective = { width = 0.07, depth = 0.1, mlp = 0.2 }, depth = 0.45 }
        //                                                                    ^^^^^ S0414 `effective` and `depth` exclude each other
        law b = sovit { effective = { width = 0.07, depth = 0.1 } }
        //              ^^^^^^^^^ S0205 `effective` needs `mlp`
        law c = sovit { weights = [1/3, 1/3, 1/3] }
        //  ^ S0205 law `c` states no exponents
        law d = sovit { }
        //  ^ S0205 law `d` states no exponents
        law e = sovit { width = 0.22, calibrated_on = 3 }
        //  ^ S0205 law `e` needs `depth`
        //  ^ S0205 law `e` needs `mlp`
        //                                            ^ S0401 `calibrated_on` takes a text in quotes, not a number
        ",
    );
}

#[test]
fn laws_and_their_tables() {
    check(
        r#"
        results curves from "curves.csv" { examples = column n; error = column e }
        law a = sovit fitted to curves.error
        //                      ^^^^^^ S0412 a `sovit` law needs shapes, and table `curves` has none
        law b = m4 fitted to curves.error { weights = [1/3, 1/3, 1/3] }
        //                                  ^^^^^^^ S0203 law `b` has no `weights`
        law c = sovit fitted to curves.error { weight = [1/3, 1/3, 1/3] }
        //                      ^^^^^^ S0412 a `sovit` law needs shapes, and table `curves` has none
        //                                     ^^^^^^ S0203 law `c` has no `weight`
        //                                     > law c = sovit fitted to curves.error { weights = [1/3, 1/3, 1/3] }
        "#,
    );
}

#[test]
fn a_search_needs_a_shape_law() {
    check(
        r#"
        model m { image = 224 px; patch = 14 px; heads = 16 }
        results curves from "curves.csv" { examples = column n; error = column e }
        law a = m4 fitted to curves.error
        budget b = 1 ZFLOP as forward
        search s { law = a; width in 384..2048; depth in 6..60; mlp in 512..4096 }
        //               ^ S0412 search `s` needs a shape law, and `a` is of the form `m4`
        "#,
    );
}

#[test]
fn a_table_needs_a_model_for_shapes_examples_and_something_to_fit() {
    check(
        r#"
        results star from "star.csv" {
        //      ^^^^ S0205 table `star` has `width` but no `mlp`
        //      ^^^^ S0205 table `star` has nothing to fit
        //      ^^^^ S0205 table `star` needs `examples`
        //      ^^^^ S0207 table `star` needs a model, and the plan has none
          width = column w
          depth = column d
        }
        "#,
    );
}

#[test]
fn a_table_of_the_wrong_types() {
    check(
        r#"
        results r from "" {
        //             ^^ S0408 a table's path must name a file
          examples = "many"
        //           ^^^^^^ S0401 a text stands where a number is needed
          error = accuracy
        //        ^^^^^^^^ S0202 `accuracy` means nothing in a row
        //        > error = column accuracy
          loss = 1 - column "a" - true
        //                        ^^^^ S0401 there is no arithmetic with a truth value
          where = column split
        //        ^^^^^^^^^^^^ S0401 a condition must be true or false
          hold_out = column x == true
        //           ^^^^^^^^^^^^^^^^ S0416 a column is never equal to, less or more than a truth value
          group = column a
        //        ^^^^^^^^ S0401 `group` takes a list
        //        > group = [column a]
        }
        results q from "q.csv" {
          examples = 128 token * column steps
        //           ^^^^^^^^^^^^^^^^^^^^^^^^ S0301 `examples` is a number of examples, but this is a number of tokens
          error = column e
          where = "a" < "b"
        //        ^^^^^^^^^ S0416 two texts are only equal or not
          hold_out = column a < "b" and 3
        //           ^^^^^^^^^^^^^^ S0416 a column and a text are only equal or not
        //                              ^ S0401 a condition must be true or false
          group = [column a, column a, 3]
        //                   ^^^^^^^^ S0204 `a` groups twice
        //                             ^ S0401 `group` takes columns, not a number
          cluster = 3
        //          ^ S0401 `cluster` takes a column, not a number
          seeds = averge
        //        ^^^^^^ S0210 `seeds` has no `averge`
        //        > seeds = average
        }
        results p from "p.csv" {
          examples = 128 example * column steps + 64
          error = 1 - column acc * 1 %
          loss = column l +- 1
        //       ^^^^^^^^^^^^^ S0411 an uncertain value stands where an exact one is needed
        //       > loss = column l
          where = column steps > 10 s or 3 == "x"
        //                               ^^^^^^^^ S0416 a number is never equal to, less or more than a text
        }
        "#,
    );
}

#[test]
fn ranges() {
    check(
        "
        model m { image = 224 px; patch = 14 px; heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget b = 1 ZFLOP as forward
        search s {
          width in 2048..384
        //         ^^^^^^^^^ S0406 the range of `width` is empty: 2048 lies above 384
        //         > width in 384..2048
          depth in 0..60
        //         ^ S0402 `depth` must lie between 1 and 1048576
          mlp in 512..4096 step 0
        //                      ^ S0402 `step` must lie between 1 and 1048576
        }
        search t {
        //     ^ S0205 search `t` needs `mlp`
          width in 384..2048.5
        //              ^^^^^^ S0403 `width` must be a whole number
        //              > width in 384..2048
          depth in 6..99999999
        //            ^^^^^^^^ S0402 `depth` must lie between 1 and 1048576
        }
        ",
    );
}

#[test]
fn heads_divide_a_width() {
    check(
        "
        model m { image = 224 px; patch = 14 px; heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        budget b = 1 ZFLOP as forward
        search s { width in 385..2049 step 2; depth in 6..60; mlp in 512..4096 }
        //                  ^^^^^^^^^ S0407 no width in 385..2049 step 2 is divisible by the 16 heads
        //                  > search s { width in 384..2049 step 2; depth in 6..60; mlp in 512..4096 }
        search t { width in 385..390; depth in 6..60; mlp in 512..4096 }
        //                  ^^^^^^^^ S0407 no width in 385..390 is divisible by the 16 heads
        //                  > search t { width in 384..390; depth in 6..60; mlp in 512..4096 }
        search u { width in 2..9; depth in 6..60; mlp in 512..4096 }
        //                  ^^^^ S0407 no width in 2..9 is divisible by the 16 heads
        //                  > search u { width in 16..16; depth in 6..60; mlp in 512..4096 }
        ",
    );
}

#[test]
fn budgets_are_positive() {
    check(
        r#"
        budget a = -3 ZFLOP as forward
        //         ^^^^^^^^^^^^^^^^^^^ S0402 `a` must be positive
        //         > budget a = 3 ZFLOP as forward
        budget b = 0 FLOP as training
        //         ^^^^^^^^^^^^^^^^^^ S0402 `b` must be positive
        budget c = 1 ZFLOP +- 1 ZFLOP as forward
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0402 `c` must be positive
        budget d = "lots"
        //         ^^^^^^ S0401 `d` takes a number, not a text
        budget e = 1 ZFLOP - 2 ZFLOP as forward
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0402 `e` must be positive
        budget f = { a = 3 }
        //         ^^^^^^^^^ S0401 `f` takes a number, not a record
        budget g = true
        //         ^^^^ S0401 `g` takes a number, not a truth value
        "#,
    );
}

#[test]
fn starts() {
    check(
        "
        start s { shape = { width = 608, depth = 10.5, mpl = 928 }, compute = -1 EFLOP as forward }
        //                                       ^^^^ S0403 `depth` must be a whole number
        //                                       > start s { shape = { width = 608, depth = 10, mpl = 928 }, compute = -1 EFLOP as forward }
        //                                             ^^^ S0203 `shape` has no `mpl`
        //                                             > start s { shape = { width = 608, depth = 10.5, mlp = 928 }, compute = -1 EFLOP as forward }
        //                                                                    ^^^^^^^^^^^^^^^^^^^ S0402 `compute` must be positive
        //                                                                    > start s { shape = { width = 608, depth = 10.5, mpl = 928 }, compute = 1 EFLOP as forward }
        start t { shape = [608, 10, 928], compute = 1 EFLOP as training }
        //                ^^^^^^^^^^^^^^ S0401 `shape` takes a record, not a list
        //                > start t { shape = { width = 608, depth = 10, mlp = 928 }, compute = 1 EFLOP as training }
        ",
    );
}

#[test]
fn a_declared_centre_is_a_shape() {
    check(
        r#"
        model m { image = 224 px; patch = 14 px; heads = 16 }
        results star from "star.csv" {
          width = column w; depth = column d; mlp = column m; examples = column n; error = column e
        }
        law a = sovit fitted to star.error { centre = { width = 1968, depth = 40, mlp = 6144 } }
        law b = sovit fitted to star.error { centre = { width = 1968, depth = 40.5, mlp = 6144 } }
        //                                                                    ^^^^ S0403 `depth` must be a whole number
        law c = sovit fitted to star.error { center = { width = 1968, depth = 40, mlp = 6144 } }
        //                                   ^^^^^^ S0203 law `c` has no `center`
        law d = sovit fitted to star.error { centre = [1968, 40, 6144] }
        //                                            ^^^^^^^^^^^^^^^^ S0401 `centre` takes a record, not a list
        //                                            > law d = sovit fitted to star.error { centre = { width = 1968, depth = 40, mlp = 6144 } }
        "#,
    );
}

#[test]
fn starts_in_a_grid() {
    check(
        r#"
        model m { image = 224 px; patch = 14 px; heads = 16 }
        results grid from "grid.csv" {
          width = column w; depth = column d; mlp = column m; examples = column n; error = column e
        }
        results curves from "curves.csv" { examples = column n; error = column e }
        start a = best of gird.error
        //                ^^^^ S0202 there is no table `gird`
        //                > start a = best of grid.error
        start b = best of grid.eror
        //                     ^^^^ S0208 table `grid` has no metric `eror`
        //                     > start b = best of grid.error
        start c = best of grid
        //                ^^^^ S0208 the start does not say which metric of `grid` it is the best of
        //                > start c = best of grid.error
        start d = best of curves.error
        //                ^^^^^^ S0419 `best of` needs shapes, and table `curves` has none
        start e = best of grid.error { compute = -1 EFLOP as forward }
        //                                       ^^^^^^^^^^^^^^^^^^^ S0402 `compute` must be positive
        //                                       > start e = best of grid.error { compute = 1 EFLOP as forward }
        start f = best of grid.error { shape = { width = 608, depth = 10, mlp = 928 } }
        //                             ^^^^^ S0203 start `f` has no `shape`
        start g = best of grid.error.top
        //                ^^^^^^^^^^^^^^ S0208 `grid.error.top` is no metric of a table
        start h = best of grid.error { comptue = 1 EFLOP as forward }
        //                             ^^^^^^^ S0203 start `h` has no `comptue`
        //                             > start h = best of grid.error { compute = 1 EFLOP as forward }
        start i = best of grid.error
        start i = best of grid.error { compute = 3 EFLOP as training }
        //    ^ S0201 the start `i` is defined twice
        "#,
    );
}

#[test]
fn paths_stay_below_the_output_folder() {
    check(
        r#"
        emit timm "/abs"
        //        ^^^^^^ S0408 nothing can be written to this path: it must be relative
        //        > emit timm "abs"
        emit timm "../up"
        //        ^^^^^^^ S0408 nothing can be written to this path: it must not leave the output folder
        //        > emit timm "up"
        emit timm "a/../b"
        //        ^^^^^^^^ S0408 nothing can be written to this path: it must not leave the output folder
        //        > emit timm "a/b"
        emit timm "C:/x"
        //        ^^^^^^ S0408 nothing can be written to this path: it must be relative
        //        > emit timm "x"
        emit timm "a\\b"
        //        ^^^^^^ S0408 nothing can be written to this path: parts are joined by `/`, not by `\`
        //        > emit timm "a/b"
        emit timm ""
        //        ^^ S0408 nothing can be written to this path: it is empty
        emit timm "a//b"
        //        ^^^^^^ S0408 nothing can be written to this path: it holds a part that names nothing
        //        > emit timm "a/b"
        emit timm "./a"
        //        ^^^^^ S0408 nothing can be written to this path: it holds a part that names nothing
        //        > emit timm "a"
        emit timm ".."
        //        ^^^^ S0408 nothing can be written to this path: it must not leave the output folder
        emit timm "a\tb"
        //        ^^^^^^ S0408 nothing can be written to this path: it holds a control character
        emit big_vision "bv/"
        //              ^^^^^ S0408 `big_vision` is one Python file, so its path must end in `.py`
        //              > emit big_vision "bv/config.py"
        emit big_vision "bv/.py"
        //              ^^^^^^^^ S0408 `big_vision` is one Python file, so its path must end in `.py`
        //              > emit big_vision "bv/config.py"
        "#,
    );
}

#[test]
fn artefacts_do_not_overwrite_one_another() {
    check(
        r#"
        emit timm "out/"
        emit transformers "out"
        //                ^^^^^ S0409 two emits write to `out`
        emit big_vision "conf/a.py"
        emit kernels "conf/a.py/k"
        //           ^^^^^^^^^^^^^ S0409 two emits write to `conf/a.py/k`
        emit timm "Conf/A.py"
        //        ^^^^^^^^^^^ S0409 two emits write to `Conf/A.py`
        "#,
    );
}

/// What an emit says beyond its path.
#[test]
fn options_of_an_emit() {
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search a { width in 384..2048 step 16, depth in 6..60, mlp in 512..16384 step 16 }
        emit transformers \"a/\" { model_type = siglip3 }
        //                                    ^^^^^^^ S0210 `model_type` has no `siglip3`
        //                       > emit transformers \"a/\" { model_type = siglip }
        emit open_clip \"b/\" { text = { width = 512, depth = 12, heads = 7 } }
        //                                                              ^ S0407 7 heads do not divide the text tower's width 512
        emit open_clip \"c/\" { text = { width = 512, depth = 12 } }
        //                    ^^^^ S0205 `text` needs `heads`
        emit transformers \"h/\" { model_type = vit, text = { width = 512, depth = 12, heads = 8 } }
        //                                         ^^^^ S0215 `vit` has no text tower
        //                       > emit transformers \"h/\" { model_type = siglip, text = { width = 512, depth = 12, heads = 8 } }
        emit timm \"d/\" { embed_dim = 512 }
        //               ^^^^^^^^^ S0203 `emit timm` has no `embed_dim`
        emit torchvision \"e/\"
        //               ^^^^ S0408 `torchvision` is one Python file, so its path must end in `.py`
        //               > emit torchvision \"e/config.py\"
        emit template \"mine.j2\"
        //            ^^^^^^^^^ S0205 a template's text must go somewhere
        //            > emit template \"mine.j2\" to \"config.yaml\"
        emit timm \"f/\" to \"g/\"
        //                ^^^^ S0215 `timm` is no template, and has one path
        //                > emit timm \"f/\"
        emit template \"mine.j2\" to \"../up\"
        //                         ^^^^^^^ S0408 nothing can be written to this path
        //                         > emit template \"mine.j2\" to \"up\"
        ",
    );
}

#[test]
fn recipes() {
    check(
        "
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        recipe none { }
        //     ^^^^ S0205 recipe `none` needs `batch`
        //     ^^^^ S0205 recipe `none` needs `learning_rate`
        //     ^^^^ S0205 recipe `none` needs `schedule`
        //     ^^^^ S0205 recipe `none` needs `warmup`
        //     ^^^^ S0205 recipe `none` needs `weight_decay`
        recipe odd {
          batch = 4096
        //        ^^^^ S0421 a batch of 4096 is no whole number of passes of 8 x 96
        //> batch = 3840
          processes = 8
          micro_batch = 96
          schedule = cosine
          warmup = 2 %
          learning_rate = 1e-3
          weight_decay = 0.1
        }
        recipe much {
          batch = 4096
          schedule = linear
        //           ^^^^^^ S0210 `schedule` has no `linear`
          warmup = 2.5
        //         ^^^ S0403 `warmup` must be a whole number
          cooldown = 3 h
        //           ^^^ S0301 `cooldown` is a number of examples, but this is a time
          learning_rate = -1e-3
        //                ^^^^^ S0402 `learning_rate` must be above 0
        //> learning_rate = 1e-3
          weight_decay = 0.1 +- 0.01
        //               ^^^^^^^^^^^ S0411 `weight_decay` must be exact
          dataset = 1e6
        //          ^^^ S0301 `dataset` is a number of examples, but this is a pure number
          beta2 = 1
        //        ^ S0402 `beta2` must be from 0 to below 1
          clip = 0
        //       ^ S0402 `clip` must be above 0
          lr = 3
        //^^ S0203 recipe `much` has no `lr`
        }
        recipe apart {
          batch = 4096
          schedule = cosine
          warmup = 10000
          cooldown = 100
        //^^^^^^^^ S0414 `cooldown` belongs to `schedule = rsqrt` and `schedule = constant`
          timescale = 100
        //^^^^^^^^^ S0414 `timescale` belongs to `schedule = rsqrt`
          learning_rate = 1e-3
          weight_decay = 0.1
          optimizer = adafactor
          beta1 = 0.9
        //^^^^^ S0414 `beta1` belongs to `adamw`
        }
        ",
    );
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        recipe a { batch = 4096, schedule = cosine, warmup = 1 %, learning_rate = 1e-3, weight_decay = 0.1 }
        recipe c { batch = 4096, schedule = cosine, warmup = 1 %, learning_rate = 1e-3, weight_decay = 0.1 }
        search one { width in 384..2048 step 16, depth in 6..60, mlp in 512..16384 step 16 }
        //     ^^^ S0206 search `one` does not say which recipe it means
        search two { recipe = d, width in 384..2048 step 16, depth in 6..60, mlp in 512..16384 step 16 }
        //                    ^ S0202 there is no recipe `d`
        emit timm \"a/\" { search = two, recipe = off }
        //                                      ^^^ S0401 `recipe` takes `true` or `false`, not a name
        ",
    );
}
