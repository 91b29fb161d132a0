//! What a search may ask for, with the places of mistakes.

use super::check;

/// What a search says of hardware, and what it asks without saying.
#[test]
fn hardware_of_a_search() {
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search a {
          serving = { on = h20, batch = 0, attention = flash4 }
        //                 ^^^ S0214 there is no device `h20`
        //                 > serving = { on = h200, batch = 0, attention = flash4 }
        //                              ^ S0402 `batch` must lie between 1 and 1048576
        //                                             ^^^^^^ S0210 `attention` has no `flash4`
        //                                             > serving = { on = h20, batch = 0, attention = flash }
          training = { batch = 64, optimiser = adamw, checkpoint = 1 }
        //                         ^^^^^^^^^ S0203 `training` has no `optimiser`
        //                         > training = { batch = 64, optimizer = adamw, checkpoint = 1 }
        //                                                         ^ S0401 `checkpoint` takes `true` or `false`, not a number
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          require latency < 3 ms and memory < 80 GB
        }
        ",
    );
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search a { width in 384..2048 step 16, depth in 6..60, mlp in 512..16384 step 16, require memory < 80 GB }
        //                                                                                        ^^^^^^^^^^^^^^ S0218 `memory` is that of a training step, and search `a` says none
        //                                                                                        > search a { width in 384..2048 step 16, depth in 6..60, mlp in 512..16384 step 16, require memory < 80 GB, training = { batch = 64, shards = 8 } }
        search b {
          serving = 8
        //          ^ S0401 `serving` takes a record, not a number
          compare = [vit_g14, vit_l15]
        //                    ^^^^^^^ S0209 there is no published model `vit_l15`
        //                    > compare = [vit_g14, vit_l16]
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          require throughput > 3 ms
        //                     ^^^^ S0302 cannot compare a quantity in `example/s` with a time
        }
        ",
    );
}

/// What a search prefers, and what it may not.
#[test]
fn preferences_of_a_search() {
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        results r from \"r.csv\" { width = column w, depth = column d, mlp = column m, examples = column n, error = column e }
        law l = sovit fitted to r.error
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search a {
          serving = { on = h200, batch = 8 }
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer fast on h200 within 120 % of best loss
        //                           ^^^^^ S0402 `within` takes a share of the best loss, from 0 % to 100 %
          prefer small within 1 % of best loss
        //^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0204 `prefer` is given twice
        }
        search c {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer latency within 1 % of best loss
        //       ^^^^^^^ S0219 there is no goal `latency`
        //       > prefer least latency within 1 % of best loss
        }
        search d {
          serving = { on = h200, batch = 8 }
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer fast on a100 within 1 % of best loss
        //               ^^^^ S0215 the search serves on `h200`, and prefers fast on `a100`
        //               > prefer fast on h200 within 1 % of best loss
        }
        search e {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer small on h200 within 1 % of best loss
        //                ^^^^ S0215 `small` is the same on every device
        //                > prefer small within 1 % of best loss
        }
        search f {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer least latency + params within 1 % of best loss
        //                       ^^^^^^ S0302 cannot add a number of parameters to a time
        }
        search g {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer light within 1 % of best loss
        //^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0218 `memory` is that of a training step, and search `g` says none
        }
        search k {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          runners_up = 101
        //             ^^^ S0402 `runners_up` must lie between 0 and 100
        }
        search h {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer most params
        //^^^^^^^^^^^^^^^^^^ S0220 nothing holds the loss of what is preferred
        //> prefer most params within 0.1 % of best loss
        }
        search i {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer most tokens - tokens + 3 within 1 % of best loss
        //                              ^ S0302 cannot add a pure number to a number of tokens
        }
        search j {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          prefer least 3 within 1 % of best loss
        //             ^ S0415 a preference must speak of the shape
        }
        ",
    );
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16, prefer small }
        //                                                   ^^^^^^^^^^^^ S0215 model `m` has no `prefer`
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search a {
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
          require loss < 0.2
        //        ^^^^^^^^^^ S0220 search `a` asks for a loss, and law `l` is exponents alone
          prefer small within 1 % of best loss
        //^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0220 search `a` asks for a loss, and law `l` is exponents alone
        }
        ",
    );
}

/// What else the budget of a search has to pay for, and data that end.
#[test]
fn funds_of_a_search() {
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        results r from \"r.csv\" { width = column w, depth = column d, mlp = column m, examples = column n, error = column e }
        law l = sovit fitted to r.error
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search a {
          law = l
          inference = -1 example
        //            ^^^^^^^^^^ S0402 `inference` takes a number of examples, 0 or more
          data = { unique = 0.5 example, repeats = 0 }
        //                  ^^^^^^^^^^^ S0402 `unique` takes a number of examples, 1 or more
        //                                         ^ S0402 `repeats` takes a number above 0
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
        }
        search c {
          law = l
          inference = 10
        //            ^^ S0301 `inference` is a number of examples, but this is a pure number
        //              > inference = 10 example
          data = { unique = 1e9 example }
        //^^^^ S0205 `data` needs `repeats`
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
        }
        search d {
          law = l
          data = { unique = 1e9 example, repeats = l }
        //                                         ^ S0412 law `l` does not say what repeats are worth
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
        }
        ",
    );
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        law l = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }
        start s { shape = vit_s14, compute = 0.7 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search a {
          inference = 1e9 example
        //^^^^^^^^^ S0220 search `a` asks for a loss, and law `l` is exponents alone
          width in 384..2048 step 16
          depth in 6..60
          mlp in 512..16384 step 16
        }
        ",
    );
}
