//! Bytes of a training step equal what PyTorch keeps of timm's models.
//!
//! Skipped aloud where `$SOVIT_PYTHON` has no torch and timm; a failure where `SOVIT_REQUIRE` lists them.

use serde_json::{Value, json};
use sovitc::vit::{
    Activation, Architecture, AttentionKind, BlockForm, Norm, NumberFormat, Optimizer, Pooling, QkNorm, QkvBias, Shape,
    Step, Variant, Vit,
};

use crate::{python, support};

const WIDTH: u64 = 96;
const MLP: u64 = 392;

fn models() -> Vec<(Vit, Value)> {
    let plain = Variant::default();
    let base = Architecture { image: 56, heads: 4, ..Architecture::default() };
    let average = Architecture { pooling: Pooling::Average, classes: 10, ..base };
    let class = Architecture { pooling: Pooling::Class, class_token: true, classes: 10, ..base };
    let registers = Variant { registers: 2, position_rows: sovitc::vit::PositionRows::All, ..plain };
    let clip = Variant { pre_norm: true, patch_bias: false, ..registers };
    let res_post = Variant { block: BlockForm::ResPost, ..plain };
    let post = Variant { block: BlockForm::Post, ..plain };
    let parallel = Variant { block: BlockForm::Parallel, ..plain };
    let scaled = Variant { layer_scale: Some(1e-5), ..parallel };
    let normed = Variant { qk_norm: QkNorm::Layer, ..parallel };
    let bare = Variant { qkv_bias: QkvBias::None, ..parallel };
    let rms = Variant { norm: Norm::Rms, qk_norm: QkNorm::Rms, ..bare };
    let side_by_side = |extra: Value| {
        let mut arguments = json!({ "block_fn": "ParallelScalingBlock" });
        arguments.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        arguments
    };
    let list = [
        (base, json!({})),
        (Architecture { variant: Variant { layer_scale: Some(1e-5), ..plain }, ..base }, json!({"init_values": 1e-5})),
        (Architecture { variant: Variant { qk_norm: QkNorm::Layer, ..plain }, ..base }, json!({"qk_norm": true})),
        (average, json!({})),
        (Architecture { activation: Activation::Gelu, ..class }, json!({})),
        (Architecture { classes: 0, ..class }, json!({})),
        (Architecture { activation: Activation::QuickGelu, ..class }, json!({"act_layer": "quick_gelu"})),
        (Architecture { variant: clip, ..class }, json!({"reg_tokens": 2, "pre_norm": true})),
        (Architecture { variant: res_post, ..base }, json!({"block_fn": "ResPostBlock"})),
        (Architecture { variant: post, ..base }, json!({"block_fn": "PostBlock", "final_norm": false})),
        (Architecture { variant: post, ..average }, json!({"block_fn": "PostBlock", "final_norm": false})),
        (
            Architecture { variant: Variant { layer_scale: Some(1e-5), ..post }, ..class },
            json!({"block_fn": "PostBlock", "final_norm": false, "init_values": 1e-5}),
        ),
        (Architecture { variant: Variant { norm: Norm::Rms, ..clip }, ..class }, {
            json!({"reg_tokens": 2, "pre_norm": true, "norm_layer": "rmsnorm"})
        }),
        (
            Architecture { variant: rms, ..base },
            side_by_side(json!({"qkv_bias": false, "qk_norm": true, "norm_layer": "rmsnorm"})),
        ),
        (Architecture { variant: parallel, ..base }, side_by_side(json!({}))),
        (Architecture { variant: scaled, ..class }, side_by_side(json!({"init_values": 1e-5}))),
        (Architecture { variant: normed, ..base }, side_by_side(json!({"qk_norm": true}))),
        (Architecture { variant: bare, ..average }, side_by_side(json!({"qkv_bias": false}))),
        (
            Architecture { variant: Variant { qkv_bias: QkvBias::None, ..normed }, ..class },
            side_by_side(json!({"qkv_bias": false, "qk_norm": true})),
        ),
        (
            Architecture { activation: Activation::QuickGelu, variant: bare, ..base },
            side_by_side(json!({"qkv_bias": false, "act_layer": "quick_gelu"})),
        ),
    ];
    let build = |(architecture, extra): (Architecture, Value)| {
        let vit = architecture.with(Shape { width: WIDTH, depth: 2, mlp_dim: MLP }).unwrap();
        let mut arguments = json!({
            "img_size": 56, "patch_size": 14, "embed_dim": WIDTH, "depth": 2, "num_heads": 4,
            "mlp_ratio": (MLP as f64 + 0.5) / WIDTH as f64, "num_classes": architecture.classes,
            "class_token": architecture.class_token,
            "global_pool": match architecture.pooling {
                Pooling::Map => "map",
                Pooling::Average => "avg",
                _ => "token",
            },
            // As the configs say that sovitc emits: every token is normed, then comes the mean.
            "fc_norm": false,
        });
        arguments.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        (vit, arguments)
    };
    list.into_iter().map(build).collect()
}

#[test]
fn saved_tensors_and_states_are_counted_to_the_byte() {
    let name = "saved_tensors_and_states_are_counted_to_the_byte";
    for module in ["torch", "timm"] {
        if let Err(reason) = python::has(module) {
            return support::skip(module, name, &reason);
        }
    }
    let mut cases = Vec::new();
    for (vit, arguments) in models() {
        for attention in [AttentionKind::Fused, AttentionKind::Math] {
            for checkpointed in [false, true] {
                for format in [NumberFormat::Fp32, NumberFormat::Bf16] {
                    let step =
                        Step { batch: 3, compute: format, weights: format, attention, checkpointed, ..Step::DEFAULT };
                    let case = json!({
                        "arguments": arguments, "batch": 3, "checkpointed": checkpointed,
                        "format": if format == NumberFormat::Fp32 { "float32" } else { "bfloat16" },
                        "fused": attention == AttentionKind::Fused,
                    });
                    cases.push((vit, step, case));
                }
            }
        }
    }
    let sent: Vec<Value> = cases.iter().map(|(.., case)| case.clone()).collect();
    let lines = python::described("check_memory.py", &sent);
    for ((vit, step, case), kept) in cases.iter().zip(&lines) {
        let number = |name: &str| kept[name].as_u64().unwrap();
        assert_eq!(number("tokens"), vit.architecture.tokens(), "{case}");
        assert_eq!(number("adamw"), vit.optimizer_bytes(Optimizer::AdamW), "{case}");
        assert_eq!(number("adafactor"), vit.optimizer_bytes(Optimizer::Adafactor), "{case}");
        let again = if step.checkpointed {
            vit.saved_by_blocks(&Step { checkpointed: false, ..*step }) / vit.shape.depth
        } else {
            0
        };
        // On the CPU a norm in bf16 keeps its statistics in bf16; on a GPU in fp32, as is counted.
        let in_bf16 = step.compute == NumberFormat::Bf16 && vit.architecture.variant.norm == Norm::Layer;
        let statistics = |norms: u64| if in_bf16 { 2 * 2 * norms } else { 0 };
        let rows = 3 * vit.architecture.tokens();
        let variant = &vit.architecture.variant;
        let heads = if variant.qk_norm == QkNorm::None { 0 } else { 2 * vit.architecture.heads };
        let in_blocks = if step.checkpointed { 0 } else { vit.shape.depth * rows * (variant.block.norms() + heads) };
        let outer = if variant.block.has_final_norm() { rows } else { 0 };
        let map = if vit.architecture.pooling == Pooling::Map { 3 } else { 0 };
        let around = outer + map + if variant.pre_norm { rows } else { 0 };
        assert_eq!(number("blocks"), vit.saved_by_blocks(step) - statistics(in_blocks), "{case}");
        assert_eq!(number("model"), vit.saved_bytes(step) - again - statistics(in_blocks + around), "{case}");
    }
}
