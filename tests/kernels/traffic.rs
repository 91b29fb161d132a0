//! Traffic of device memory: the model of pieces held to the sectors that kernels touch.

use sovitc::emit::kernel_source;
use sovitc::kernel::{KernelPlan, Rows, plan, plan_for};
use sovitc::verify::{Argument, TRACING, Trace, case};
use sovitc::vit::{Activation, Architecture, KernelForm, LayerNorm, Pooling, Position, QkNorm, Shape, Variant, Vit};

use crate::compiled;

/// An encoder small enough to be run whole; 64 patches, heads of 72, products with ragged tiles.
fn model(architecture: Architecture) -> Vit {
    architecture.with(Shape { width: 144, depth: 1, mlp_dim: 408 }).unwrap()
}

fn small() -> Architecture {
    Architecture { image: 112, heads: 2, ..Architecture::default() }
}

fn traced(vit: &Vit, plan: &KernelPlan, source: &str, rows: u64) -> Trace {
    let program = compiled(plan, source, &[TRACING]);
    let case = case(vit, plan, rows, 0).unwrap();
    let mut arguments = case.arguments();
    let named = |name: &str| plan.arguments.iter().position(|argument| argument.name == name);
    // In place, as in a forward pass.
    if let (Some(residual), Some(out)) = (named("residual"), named("out"))
        && let Argument::Input(data) = arguments[residual].clone()
    {
        (arguments[residual], arguments[out]) = (Argument::Updated(data), Argument::Same(residual));
    }
    program.trace(case.rows(), &arguments).unwrap_or_else(|failure| panic!("{}: {failure}", plan.entry))
}

/// The model and the trace for few and many blocks at a time, and for caches from what a step of these needs to more than
/// all. The model leaves out sectors that tiles share, and stages that are copied ahead.
fn agrees(vit: &Vit, plan: &KernelPlan, rows: u64) {
    let trace = traced(vit, plan, &kernel_source(plan).unwrap(), rows);
    let rows = rows.next_multiple_of(plan.launch.rows_multiple);
    for blocks in [1, 7, 40] {
        for cache in [128 << 10, 256 << 10, 512 << 10, 1 << 40] {
            let [model, real] = [plan.traffic(rows, cache, blocks), trace.traffic(cache, blocks)];
            for (model, real) in [(model.moved(), real.moved()), (model.least, real.least)] {
                let off = (model as f64 / real as f64 - 1.0).abs();
                assert!(off < 0.09, "{}, {blocks} blocks, {cache} bytes: {model}, not {real}", plan.entry);
            }
        }
    }
}

#[test]
fn the_model_tells_what_kernels_move() {
    need_compiler!("traffic::the_model_tells_what_kernels_move");
    let vit = model(small());
    let folded = KernelForm { layernorm: LayerNorm::Folded, ..KernelForm::default() };
    let kernels = plan(&vit).unwrap();
    let folded = plan_for(&vit, folded).unwrap();
    let changed = ["layernorm_statistics", "qkv", "fc1"].map(|name| folded.named(name).unwrap());
    for plan in kernels.list.iter().chain(changed) {
        let images = if kernels.rows(&plan.name) == Rows::Images { 8 } else { 6 };
        agrees(&vit, plan, images * kernels.rows(&plan.name).of(&vit));
    }
    // What these lack.
    let variant = Variant { registers: 3, qk_norm: QkNorm::Layer, position: Position::Rope, ..Variant::default() };
    let base = Architecture { pooling: Pooling::Average, class_token: true, variant, ..small() };
    let vit = model(Architecture { activation: Activation::SwiGlu, ..base });
    let kernels = plan(&vit).unwrap();
    for name in ["patch_embedding", "query_key", "attention", "fc1", "average"] {
        let plan = kernels.named(name).unwrap();
        agrees(&vit, plan, 4 * kernels.rows(name).of(&vit));
    }
    let vit = model(Architecture { pooling: Pooling::Class, ..base });
    agrees(&vit, plan(&vit).unwrap().named("class_norm").unwrap(), 8);
}

/// A source whose tiles come column by column moves what neither the plan nor the model expects.
#[test]
fn a_planted_order_of_tiles_moves_more() {
    need_compiler!("traffic::a_planted_order_of_tiles_moves_more");
    let architecture = Architecture { image: 224, heads: 2, ..Architecture::default() };
    let vit = architecture.with(Shape { width: 144, depth: 1, mlp_dim: 1152 }).unwrap();
    let kernels = plan(&vit).unwrap();
    let plan = kernels.named("fc1").unwrap();
    let (rows, cache, blocks) = (16 * 256, 900 << 10, 12);
    let source = kernel_source(plan).unwrap();
    let planned = (plan.bytes_per_row * rows + plan.bytes_of_weights) as f64;
    let moved = |source: &str| traced(&vit, plan, source, rows).traffic(cache, blocks).moved() as f64 / planned;
    let model = plan.traffic(rows, cache, blocks).moved() as f64 / planned;
    let right = moved(&source);
    assert!(right < 1.1 && (model / right - 1.0).abs() < 0.02, "{right}, by the model {model}");
    let fault = source.replace("constexpr int GROUP = 8;", "constexpr int GROUP = 1 << 12;");
    assert_ne!(fault, source);
    let wrong = moved(&fault);
    assert!(wrong > 1.3, "{wrong}");
}
