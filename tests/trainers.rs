//! Emitted configs and the real libraries: they load unchanged and build the model that was priced.
//!
//! `SOVIT_PYTHON` names an interpreter with the packages of `tests/requirements.txt`; models are built where it has
//! torch and timm, as with those of `tests/requirements-full.txt`. What is missing is skipped aloud, or fails where `SOVIT_REQUIRE` lists it.

#[path = "support/so400m.rs"]
mod so400m;
mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use so400m::{Case, case};
use sovitc::disk::write_all;
use sovitc::emit::render;
use sovitc::plan::Target;
use sovitc::vit::{Activation, Architecture, Pooling, PositionRows, QkNorm, QkvBias, Shape, Variant};

/// Runs one of the check scripts; its standard output, or why it failed.
fn run(script: &str, folders: &[String], input: &str) -> Result<String, String> {
    let python = std::env::var("SOVIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trainers").join(script);
    let mut child = Command::new(python)
        .arg(script)
        .args(folders)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    // A script that ends before it reads closes the pipe; its status says the rest.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Whether the interpreter imports a package; says why not.
fn has(module: &str) -> Result<(), String> {
    let python = std::env::var("SOVIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    match Command::new(&python).args(["-c", &format!("import {module}")]).output() {
        Err(error) => Err(format!("{python}: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) => Err(format!("{python} cannot import {module}; set SOVIT_PYTHON")),
    }
}

/// Emits a case for one target and returns the folder with its `config.json`.
fn emitted(case: Case, target: Target, out: &Path) -> String {
    let artefacts = render(&case.emitting(&[(target, "out")]).request()).expect("artefacts");
    write_all(out, &artefacts).expect("written files");
    out.join("flagship/out").to_str().expect("UTF-8").to_owned()
}

#[test]
fn transformers_loads_every_field() {
    if let Err(reason) = has("transformers") {
        return support::skip("transformers", "transformers_loads_every_field", &reason);
    }
    let gelu =
        Architecture { activation: Activation::Gelu, norm_epsilon: 1e-5, channels: 4, ..Architecture::default() };
    for architecture in [Architecture::default(), gelu] {
        let folder = tempfile::tempdir().unwrap();
        let path = emitted(case().with(architecture), Target::Transformers, folder.path());
        let expected = json!({
            "architectures": ["SiglipVisionModel"],
            "model_type": "siglip_vision_model",
            "hidden_size": 1152,
            "num_hidden_layers": 27,
            "intermediate_size": 4304,
            "num_attention_heads": 16,
            "num_channels": architecture.channels,
            "image_size": 224,
            "patch_size": 14,
            "hidden_act": if architecture.activation == Activation::Gelu { "gelu" } else { "gelu_pytorch_tanh" },
            "layer_norm_eps": architecture.norm_epsilon,
            "attention_dropout": 0.0,
            "vision_use_head": true,
        });
        let said = run("check_configs.py", &[path], &expected.to_string()).unwrap_or_else(|error| panic!("{error}"));
        assert!(said.ends_with(" ok\n"), "{said}");
    }
}

#[test]
fn transformers_builds_what_was_priced() {
    if let Err(reason) = has("torch").and_then(|()| has("transformers")) {
        return support::skip("torch", "transformers_builds_what_was_priced", &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = emitted(case(), Target::Transformers, folder.path());
    let said = run("check_transformers.py", &[path], "").unwrap_or_else(|error| panic!("{error}"));
    let expected =
        json!({ "params": 427_680_704, "positions": [256, 1152], "heads": 16, "layers": 27, "mlp_dim": 4304 });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
}

#[test]
fn big_vision_config_loads() {
    if let Err(reason) = has("ml_collections") {
        return support::skip("ml_collections", "big_vision_config_loads", &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let artefacts = render(&case().emitting(&[(Target::BigVision, "so400m.py")]).request()).expect("artefacts");
    write_all(folder.path(), &artefacts).expect("written files");
    let path = folder.path().join("flagship/so400m.py").to_str().expect("UTF-8").to_owned();
    let said = run("check_big_vision.py", &[path], "").unwrap_or_else(|error| panic!("{error}"));
    let expected = json!({
        "model_name": "vit",
        "model": {
            "width": 1152, "depth": 27, "mlp_dim": 4304, "num_heads": 16, "patch_size": [14, 14],
            "posemb": "learn", "pool_type": "map", "rep_size": false,
        },
        "num_classes": 0,
        "total_examples": 38_755_838_392_u64,
    });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
}

#[test]
fn timm_builds_what_was_priced() {
    if let Err(reason) = has("torch").and_then(|()| has("timm")) {
        return support::skip("timm", "timm_builds_what_was_priced", &reason);
    }
    let base = Architecture::default();
    let shapes = [[1152, 2, 4304, 16], [880, 1, 2320, 16], [1408, 1, 6144, 16], [88, 2, 120, 4], [64, 1, 239, 1]];
    let poolings = [
        (Pooling::Map, false),
        (Pooling::Map, true),
        (Pooling::Average, false),
        (Pooling::Average, true),
        (Pooling::Class, true),
    ];
    let out = tempfile::tempdir().unwrap();
    let (mut folders, mut vits) = (Vec::new(), Vec::new());
    for (i, [width, depth, mlp_dim, heads]) in shapes.into_iter().enumerate() {
        for (j, (pooling, class_token)) in poolings.into_iter().enumerate() {
            let activation = if j % 2 == 0 { Activation::GeluTanh } else { Activation::Gelu };
            let classes = 10 * j as u64;
            let mut case = case();
            let architecture = Architecture { heads, pooling, class_token, classes, activation, ..base };
            case.answers[0].vit.shape = Shape { width, depth, mlp_dim };
            let case = case.with(architecture);
            vits.push(case.answers[0].vit);
            folders.push(emitted(case, Target::Timm, &out.path().join(format!("{i}-{j}"))));
        }
    }
    let plain = Variant::default();
    let variants = [
        Variant { registers: 4, position_rows: PositionRows::Patches, layer_scale: Some(1e-5), ..plain },
        Variant { registers: 4, position_rows: PositionRows::All, qk_norm: QkNorm::Layer, ..plain },
        Variant { pre_norm: true, patch_bias: false, qkv_bias: QkvBias::None, ..plain },
    ];
    for (i, variant) in variants.into_iter().enumerate() {
        for (j, pooling) in [Pooling::Map, Pooling::Average, Pooling::Class].into_iter().enumerate() {
            let class_token = pooling == Pooling::Class;
            let mut case = case();
            case.answers[0].vit.shape = Shape { width: 96, depth: 2, mlp_dim: 392 };
            let case = case.with(Architecture { heads: 4, pooling, class_token, variant, ..base });
            vits.push(case.answers[0].vit);
            folders.push(emitted(case, Target::Timm, &out.path().join(format!("variant-{i}-{j}"))));
        }
    }
    let said = run("check_timm.py", &folders, "").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(said.lines().count(), vits.len());
    for (line, vit) in said.lines().zip(&vits) {
        let built: Value = serde_json::from_str(line).unwrap();
        let map = vit.architecture.pooling == Pooling::Map;
        let expected = json!({
            "version": built["version"],
            "params": vit.cost().params,
            "width": vit.shape.width,
            "depth": vit.shape.depth,
            "mlp_dim": vit.shape.mlp_dim,
            "pool_mlp_dim": map.then_some(vit.shape.mlp_dim),
            "heads": vit.architecture.heads,
            "position_rows": vit.cost().params_by_component.position_embedding / vit.shape.width,
            "activation": if vit.architecture.activation == Activation::Gelu { "GELU" } else { "GELUTanh" },
            "norm_epsilon": 1e-6,
            "classes": vit.architecture.classes,
            "global_pool": match vit.architecture.pooling {
                Pooling::Map => "map",
                Pooling::Average => "avg",
                _ => "token",
            },
            // The MAP probe attends to every token, as in the FLOPs; a mean is over the patches.
            "pools_class_token": map && vit.architecture.prefix() > 0,
            "registers": vit.architecture.variant.registers,
            "query_norm": if vit.architecture.variant.qk_norm == QkNorm::Layer { "LayerNorm" } else { "Identity" },
        });
        assert_eq!(built, expected);
    }
}
