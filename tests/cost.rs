//! Parameters and FLOPs equal what the real libraries count.
#![cfg(feature = "fit")]

use sovitc::vit::{Architecture, Pooling, Shape};

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
        let (pooling, class_token, classes) = match text("variant") {
            "map0" | "siglip_vision_model" | "big_vision_map0" => (Pooling::Map, false, 0),
            "gap1000" => (Pooling::Average, false, 1000),
            "vit_cls1000" | "torchvision_cls1000" => (Pooling::Class, true, 1000),
            "siglip_vision_nohead" => (Pooling::Average, false, 0),
            _ => continue,
        };
        let architecture = Architecture {
            image: number("image"),
            patch: number("patch"),
            heads: number("heads"),
            pooling,
            class_token,
            classes,
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
    assert!(checked >= 68, "{checked}");
}
