//! Images of several sizes, padded to one length: parameters and FLOPs equal those of transformers and timm.
//!
//! Skipped aloud where `$SOVIT_PYTHON` has no torch, timm and transformers; a failure where `SOVIT_REQUIRE` lists them.

use std::process::Command;

use serde_json::{Value, json};
use sovitc::vit::{Architecture, Packed, Packing, Shape};

use crate::{python, support};

#[test]
fn padded_images_cost_what_the_libraries_count() {
    for module in ["torch", "timm", "transformers"] {
        if let Err(reason) = python::has(module) {
            return support::skip(module, "padded_images_cost_what_the_libraries_count", &reason);
        }
    }
    let shape = Shape { width: 48, depth: 2, mlp_dim: 200 };
    let architecture = Architecture { image: 32, patch: 8, heads: 4, ..Architecture::default() };
    let vit = architecture.with(shape).unwrap();
    let mut cases = Vec::new();
    for library in ["transformers", "timm"] {
        for (shapes, length) in [(vec![[4, 4]], 16), (vec![[3, 4], [5, 5]], 25), (vec![[3, 4], [5, 5], [2, 9]], 32)] {
            let patches: Vec<u64> = shapes.iter().map(|[rows, columns]: &[u64; 2]| rows * columns).collect();
            let case = json!({
                "library": library, "width": 48, "depth": 2, "mlp": 200, "heads": 4, "patch": 8, "base": 4,
                "shapes": shapes, "length": length,
            });
            cases.push((Packed::new(&vit, patches, Some(length), Packing::Padded), case));
        }
    }
    let sent: Vec<Value> = cases.iter().map(|(_, case)| case.clone()).collect();
    for ((packed, case), found) in cases.iter().zip(python::described("check_packed.py", &sent)) {
        assert_eq!(vit.cost().params, found["params"].as_u64().unwrap(), "{case}");
        assert_eq!(packed.cost(&vit).forward_flops, found["flops"].as_u64().unwrap(), "{case}");
    }
}

fn cost(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc")).arg("cost").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The three ways to batch 196, 576 and 1024 patches, of which a person may ask.
#[test]
fn the_assumed_attention_is_said() {
    let asked = |packing: &str, pack: &str| {
        let (code, text, error) = cost(&[
            "siglip_b16",
            "--images",
            "224,384,512",
            "--pack",
            pack,
            "--packing",
            packing,
            "--batch",
            "8",
            "--format",
            "json",
        ]);
        assert_eq!(code, Some(0), "{error}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let [padded, blocks, full] =
        [("padded", "1024"), ("blocks", "2048"), ("full", "2048")].map(|(packing, pack)| asked(packing, pack));
    let flops = |counted: &Value| counted["packed"]["forward_flops"].as_u64().unwrap();
    assert!(flops(&blocks) < flops(&full) && flops(&blocks) < flops(&padded));
    assert_eq!(blocks["packed"]["padding"].as_f64().unwrap(), 1.0 - 1796.0 / 2048.0);
    assert_eq!(padded["packed"]["sequences"], 3);
    assert_eq!(padded["params"], blocks["params"]);
    for (packing, said) in [
        ("padded", "each padded to 1 024 tokens, all of which attend to all"),
        ("blocks", "in one sequence of 1 796 tokens, each attending to itself alone"),
        ("full", "whose attention is computed whole and masked"),
    ] {
        let (_, text, _) = cost(&["siglip_b16", "--patches", "196,576,1024", "--packing", packing]);
        assert!(text.contains(said) && text.contains("Training with 1 sequence a device"), "{text}");
    }
    for (arguments, said) in [
        (vec!["--images", "200"], "give `192` among `--images`"),
        (vec!["--pack", "2048"], "no images are given"),
        (vec!["--patches", "196,576", "--pack", "512"], "use `--pack 576` or more"),
    ] {
        let (code, _, error) = cost(&[&["siglip_b16"], &arguments[..]].concat());
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains(said), "{error}");
    }
}
