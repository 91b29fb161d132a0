//! Names for values, uncertain values and spaced ranges.

use super::{check, plan};
use crate::plan::{Counting, Spacing};

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a / b - 1.0).abs() < tolerance
}

#[test]
fn names_stand_for_values_in_whatever_order() {
    let plan = plan(
        "
        law shape = sovit { width = slope, depth = 2 * slope, mlp = 0.6 }
        budget half = flagship / 2
        budget flagship = (gpus * 21 day * h200.bf16 * mfu) as training
        let gpus = 64 gpu
        let mfu = 42 %
        let slope = 0.22
        ",
    );
    let [half, flagship] = plan.budgets.as_slice() else { panic!("{:?}", plan.budgets) };
    assert!(near(flagship.stated, 64.0 * 21.0 * 86400.0 * 989.4e12 * 0.42, 1e-12));
    assert!(near(half.stated, flagship.stated / 2.0, 1e-12));
    assert_eq!((half.kind, half.interval), (Counting::Training, None));
}

#[test]
fn names_of_values_have_their_mistakes() {
    check(
        "
        let a = b + 1
        let b = c
        let c = a
        //      ^ S0217 `a` is defined by itself, through `b` and `c`
        let d = d
        //      ^ S0217 `d` is defined by itself
        let width = 3
        //  ^^^^^ S0216 `width` is the name of a number of every shape
        //  > let my_width = 3
        let h200 = 3
        //  ^^^^ S0216 `h200` is the name of a device
        let vit_g14 = 3
        //  ^^^^^^^ S0216 `vit_g14` is the name of a published model
        let twice = 3
        let twice = 4
        //  ^^^^^ S0201 `twice` stands for two values
        budget twice = 1 ZFLOP as forward
        //     ^^^^^ S0201 `twice` stands for two values
        let text = \"many\"
        //         ^^^^^^ S0401 `text` takes a number, not a text
        let rate = 410 TFLOP/s/gpu
        budget big = rates * 64 gpu * 2 day as training
        //           ^^^^^ S0202 `rates` means nothing here
        //           > budget big = rate * 64 gpu * 2 day as training
        budget small = rate
        //             ^^^^ S0301 `small` is compute, but this is a quantity in `FLOP/s/gpu`
        ",
    );
}

#[test]
fn chains_of_names_end() {
    let chain = |n: usize, down: bool| {
        let mut lines: Vec<String> = (0..n).map(|i| format!("let x{} = x{i} + 1", i + 1)).collect();
        if down {
            lines.reverse();
        }
        format!("let x0 = 1\n{}\n", lines.join("\n"))
    };
    let codes = |text: &str| super::found(&format!("{text}law l = sovit {{ width = 0.2, depth = 0.4, mlp = 0.6 }}"));
    assert_eq!(codes(&chain(5000, false)), [""; 0]);
    assert_eq!(codes(&chain(100, true)), [""; 0]);
    assert_eq!(codes(&chain(5000, true)), ["S0417"]);
}

#[test]
fn uncertain_budgets_have_an_interval() {
    let plan = plan(
        "
        law shape = sovit { width = 0.2, depth = 0.4, mlp = 0.6 }
        let mfu = 0.42 +- 0.02
        budget a = 2 ZFLOP to 3 ZFLOP as forward
        budget b = (64 gpu * 21 day * h200.bf16 * mfu) as training
        budget c = (64 gpu * 21 day * h200.bf16 * mfu / mfu) as training
        budget d = a at p95
        budget e = (2 ZFLOP to 3 ZFLOP) at median as forward
        budget f = training(a) * mfu at mean
        ",
    );
    let interval = |i: usize| plan.budgets[i].interval;
    let [low, high] = interval(0).unwrap();
    assert!(near(low, 2e21, 1e-3) && near(high, 3e21, 1e-3));
    assert!(near(plan.budgets[0].forward_flops, 6e42_f64.sqrt(), 1e-12));
    let [low, high] = interval(1).unwrap();
    assert!(near(high / low, (0.42 + 1.645 * 0.02) / (0.42 - 1.645 * 0.02), 1e-3));
    // What comes from one value cancels.
    assert_eq!(interval(2), None);
    assert_eq!((interval(3), interval(4), interval(5)), (None, None, None));
    assert!(near(plan.budgets[3].forward_flops, 3e21, 1e-3));
    assert!(near(plan.budgets[4].forward_flops, 6e42_f64.sqrt(), 1e-12));
}

/// Draws depend on a definition's name and its own text, so that lines around it do not move them.
#[test]
fn draws_do_not_depend_on_what_stands_around() {
    let law = "law shape = sovit { width = 0.2, depth = 0.4, mlp = 0.6 }\n";
    let product = "budget a = (1 ZFLOP to 3 ZFLOP) * (0.3 to 0.5) as forward\n";
    let alone = plan(&format!("{law}{product}"));
    let other = plan(&format!("let x = 1 to 2\n{law}\nbudget b = 1 ZFLOP to 2 ZFLOP as training\n{product}"));
    assert_eq!(alone.budgets[0].interval, other.budgets[1].interval);
}

#[test]
fn uncertain_values_have_their_mistakes() {
    check(
        "
        budget a = 2 to 3 ZFLOP as forward
        //         ^ S0301 both numbers of an uncertain value have a unit
        //         > budget a = 2 ZFLOP to 3 ZFLOP as forward
        budget b = 3 ZFLOP to 2 ZFLOP as forward
        //         ^^^^^^^^^^^^^^^^^^ S0406 an interval must rise
        //         > budget b = 2 ZFLOP to 3 ZFLOP as forward
        budget c = 2 ZFLOP to 3 day as forward
        //                    ^^^^^ S0301 `2 ZFLOP` is compute, but this is a time
        budget d = (1 ZFLOP +- 1 EFLOP) to 3 ZFLOP as forward
        //         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0402 the ends of an interval must be exact
        budget e = 2 ZFLOP to 3 ZFLOP at medain as forward
        //                               ^^^^^^ S0210 there is no quantile `medain`
        //                               > budget e = 2 ZFLOP to 3 ZFLOP at median as forward
        budget f = 2 ZFLOP to 3 ZFLOP at p100 as forward
        //                               ^^^^ S0210 there is no quantile `p100`
        budget g = 2 ZFLOP / (-1 to 1) as forward
        //                   ^^^^^^^^^ S0410 division by an uncertain value that may be 0
        let size = 16 to 20
        model m { image = 224 px, patch = 14 px, heads = size }
        //                                               ^^^^ S0411 `heads` must be exact
        //                                               > model m { image = 224 px, patch = 14 px, heads = size at median }
        budget h = 3 ZFLOP as forward
        start s { shape = { width = 608, depth = 10, mlp = 928 }, compute = 1 EFLOP to 2 EFLOP as forward }
        //                                                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ S0411 `compute` must be exact
        law l = sovit { width = 0.2, depth = 0.4, mlp = 0.6 }
        search q {
          model = m
          budget = h
          width in 384..2048
          depth in 6..60
          mlp in 512..4096
          require head_dim < size
        //                   ^^^^ S0411 `size` is uncertain, and an exact value is needed here
        //                   > require head_dim < (size at median)
          require head_dim > 2 to 3
        //                   ^^^^^^ S0411 an uncertain value stands where an exact one is needed
        //                   > require head_dim > 2 to 3 at median
        }
        ",
    );
}

#[test]
fn ranges_grow_by_a_factor() {
    let plan = plan(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        law l = sovit { width = 0.2, depth = 0.4, mlp = 0.6 }
        start s { shape = { width = 608, depth = 10, mlp = 928 }, compute = 1 EFLOP as forward }
        budget b = 1 ZFLOP as forward
        search q {
          width in 256..2048 by 2
          depth in 6..60 by 1.5
          mlp in 512..4096 step 512
          require head_dim < (64 to 128) at p90
        }
        ",
    );
    let ranges = &plan.searches[0].ranges;
    assert_eq!(ranges.width.value.spacing, Spacing::Factor(2.0));
    assert_eq!(ranges.width.value.iter().collect::<Vec<_>>(), [256, 512, 1024, 2048]);
    assert_eq!(ranges.depth.value.iter().collect::<Vec<_>>(), [6, 9, 14, 20, 30, 46]);
    assert_eq!(ranges.mlp.value.len(), 8);
}

#[test]
fn factors_have_their_mistakes() {
    check(
        "
        model m { image = 224 px, patch = 14 px, heads = 16 }
        law l = sovit { width = 0.2, depth = 0.4, mlp = 0.6 }
        budget b = 1 ZFLOP as forward
        search q {
          width in 250..2048 by 3
        //         ^^^^^^^^^ S0407 no width in 250..2048 by 3 is divisible by the 16 heads
          depth in 6..60 by 1
        //                  ^ S0402 `by` takes a factor above 1 and up to 1048576
          mlp in 6..60 by 1.1
        //                ^^^ S0402 from 6, a factor of 1.1 leads to no new whole number
        //                > mlp in 6..60 by 2
        }
        ",
    );
}
