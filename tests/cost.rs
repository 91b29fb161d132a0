//! Parameters and FLOPs equal what the real libraries count.
#![cfg(feature = "fit")]

use sovitc::vit::{Activation, Architecture, Pooling, Position, QkvBias, Shape, Variant, named};

#[test]
fn every_library_row_is_exact() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vit-cost/vit_cost_table.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let mut checked = 0;
    for record in reader.records() {
        let record = record.unwrap();
        let text = |name: &str| &record[headers.iter().position(|h| h == name).unwrap()];
        let number = |name: &str| text(name).parse::<u64>().unwrap();
        let plain = Variant::default();
        let (pooling, classes, activation, variant) = match text("variant") {
            "map0" | "siglip_vision_model" | "big_vision_map0" => (Pooling::Map, 0, Activation::GeluTanh, plain),
            "gap1000" => (Pooling::Average, 1000, Activation::Gelu, plain),
            "vit_cls1000" | "torchvision_cls1000" => (Pooling::Class, 1000, Activation::Gelu, plain),
            "siglip_vision_nohead" => (Pooling::Average, 0, Activation::GeluTanh, plain),
            "clip_vision" => {
                (Pooling::Class, 0, Activation::QuickGelu, Variant { pre_norm: true, patch_bias: false, ..plain })
            }
            "dinov3_reg4_swiglu" => {
                let variant = Variant {
                    registers: 4,
                    position: Position::Rope,
                    qkv_bias: QkvBias::NoKey,
                    layer_scale: Some(1.0),
                    mask_token: true,
                    ..plain
                };
                (Pooling::Class, 0, Activation::SwiGlu, variant)
            }
            other => panic!("no such variant: {other}"),
        };
        let architecture = Architecture {
            image: number("image"),
            patch: number("patch"),
            heads: number("heads"),
            pooling,
            class_token: pooling == Pooling::Class,
            classes,
            activation,
            variant,
            ..Architecture::default()
        };
        let shape = Shape { width: number("width"), depth: number("depth"), mlp_dim: number("mlp_dim") };
        let cost = architecture.with(shape).unwrap().cost();
        let c = cost.params_by_component;
        let name = format!("{} {}", text("shape"), text("variant"));
        assert_eq!(cost.params, number("params_lib"), "{name}");
        for (ours, theirs) in [
            (c.patch_embedding, "p_patch"),
            (c.position_embedding, "p_pos"),
            (c.class_token, "p_cls"),
            (c.registers, "p_regs"),
            (c.pre_norm, "p_pre_norm"),
            (c.layer_scale, "p_layerscale"),
            (c.block_norms, "p_block_norms"),
            (c.attention, "p_attn"),
            (c.mlp, "p_mlp"),
            (c.final_norm, "p_final_norm"),
            (c.pooling, "p_map"),
            (c.classifier, "p_head"),
        ] {
            assert_eq!(ours, number(theirs), "{name} {theirs}");
        }
        let gflops: f64 = text("gflops_formula").parse().unwrap();
        assert!((cost.forward_flops_per_example as f64 / 1e9 - gflops).abs() <= 0.000_501, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 71);
}

/// FLOPs as published, whose authors count heads and elementwise work each in their own way.
#[test]
fn published_flops_are_within_a_percent() {
    for (name, image, published) in [
        ("sovit_400m14", 224, 221.1),
        ("vit_g14", 224, 533.1),
        ("vit_gigantic14", 224, 965.3),
        // 61.6 multiply-adds (Touvron et al., arXiv 2204.07118).
        ("vit_l16", 224, 2.0 * 61.6),
    ] {
        let mut vit = named(name).unwrap().vit();
        vit.architecture.image = image;
        let ours = vit.cost().forward_flops_per_example as f64 / 1e9;
        assert!((ours / published - 1.0).abs() < 0.01, "{name} at {image}: {ours}");
    }
}

/// A masked autoencoder's encoder sees a quarter of the patches: 54.312 GFLOP, counted by PyTorch in transformers.
#[test]
fn masked_patches_cost_no_block() {
    let variant = Variant { masked: 0.75, ..Variant::default() };
    let architecture = Architecture { pooling: Pooling::Class, class_token: true, variant, ..Architecture::default() };
    let cost = architecture.with(Shape { width: 1152, depth: 27, mlp_dim: 4304 }).unwrap().cost();
    assert_eq!(architecture.tokens(), 65);
    assert!((cost.forward_flops_per_example as f64 / 1e9 - 54.312).abs() < 0.0006, "{cost:?}");
}
