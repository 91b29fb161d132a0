//! Emitted configs of many shapes, which libraries build and tests compare with what was priced, part by part.

#![allow(dead_code, reason = "every test takes what it needs")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use sovitc::disk::write_all;
use sovitc::emit::render;
use sovitc::plan::Target;
use sovitc::vit::{
    Activation, Architecture, BlockForm, Norm, Pooling, Position, PositionRows, QkNorm, QkvBias, Shape, Variant, Vit,
};

use crate::python::Python;
use crate::so400m::case;

/// One emitted model, and what the library must build of it.
pub(crate) struct Built {
    pub(crate) vit: Vit,
    pub(crate) path: String,
}

/// Sizes with their heads: published, of the paper, and odd ones.
pub(crate) const SHAPES: [[u64; 4]; 14] = [
    [192, 12, 768, 3],
    [384, 12, 1536, 6],
    [768, 12, 3072, 12],
    [896, 18, 2304, 14],
    [832, 21, 2176, 13],
    [880, 18, 2320, 16],
    [1024, 24, 4096, 16],
    [1152, 27, 4304, 16],
    [1280, 32, 5120, 16],
    [1408, 40, 6144, 16],
    [88, 2, 120, 4],
    [64, 1, 239, 1],
    [96, 2, 392, 4],
    [328, 3, 1048, 8],
];

/// Emits every shape in each architecture for a target below a folder; what the target cannot say is refused as such.
pub(crate) fn emit_all(target: Target, shapes: &[[u64; 4]], architectures: &[Architecture], out: &Path) -> Vec<Built> {
    let mut all = Vec::new();
    for (i, &[width, depth, mlp_dim, heads]) in shapes.iter().enumerate() {
        for (j, architecture) in architectures.iter().enumerate() {
            // Large models take a while to build: each shape has half of the architectures, in turn.
            if j > 1 && (i + j) % 2 == 1 {
                continue;
            }
            // Resolutions and patches go around with the shapes.
            let (image, patch) = [(224, 14), (224, 16), (378, 14), (256, 16)][(i + j) % 4];
            let mut case = case();
            case.answers[0].vit.shape = Shape { width, depth, mlp_dim };
            let architecture = Architecture { heads, image, patch, ..*architecture };
            let Ok(vit) = architecture.with(Shape { width, depth, mlp_dim }) else { continue };
            let folder = out.join(format!("{i}-{j}"));
            let name = if target.ending().is_some() { "out.py" } else { "out" };
            let artefacts = match render(&case.with(architecture).emitting(&[(target, name)]).request()) {
                Ok(artefacts) => artefacts,
                // What cannot be said is refused; how much must be said is for the caller to count.
                Err(refused) => {
                    assert!(refused.iter().all(|found| found.code.name == "target-cannot-express"), "{refused:?}");
                    continue;
                }
            };
            write_all(&folder, &artefacts).expect("written files");
            let path = folder.join("flagship").join(name).to_str().expect("UTF-8").to_owned();
            all.push(Built { vit, path });
        }
    }
    all
}

/// Builds emitted models with a script and holds each to what was priced; what the script said of them.
pub(crate) fn build_all(python: Python, script: &str, library: &str, all: &[Built]) -> Vec<Value> {
    let case = |built: &Built| {
        let Architecture { image, channels, .. } = built.vit.architecture;
        json!({ "library": library, "path": built.path, "image": image, "channels": channels })
    };
    let found = python.described(script, &all.iter().map(case).collect::<Vec<_>>());
    for (got, built) in found.iter().zip(all) {
        is_built(got, built);
    }
    found
}

pub(crate) fn is_built(got: &Value, Built { vit, path }: &Built) {
    let (architecture, cost) = (&vit.architecture, vit.cost());
    let listed = cost.params_by_component.list().into_iter().filter(|(_, count)| *count > 0);
    let parts: BTreeMap<String, u64> = listed.map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(
        serde_json::from_value::<BTreeMap<String, u64>>(got["parts"].clone()).unwrap(),
        parts,
        "{path}: {vit:?}"
    );
    assert_eq!(got["params"], cost.params, "{path}");
    let mlp_dim = vit.shape.mlp_dim;
    for (name, value) in [
        ("width", vit.shape.width),
        ("depth", vit.shape.depth),
        ("mlp_dim", mlp_dim),
        ("heads", architecture.heads),
        ("tokens", architecture.tokens()),
    ] {
        assert_eq!(got[name], value, "{path}: {name} of {vit:?}, {got}");
    }
    assert_eq!(got["norm_epsilon"], architecture.norm_epsilon, "{path}");
    let activation = match architecture.activation {
        Activation::GeluTanh if got["activation"] == "gelu_pytorch_tanh" => "gelu_pytorch_tanh",
        // Libraries have one gate, of SiLU, and may call it as they like.
        Activation::SwiGlu => "silu",
        activation => activation.name(),
    };
    assert_eq!(got["activation"], activation, "{path}");
    if let Some(pool) = got["global_pool"].as_str() {
        let map = architecture.pooling == Pooling::Map;
        let want = match architecture.pooling {
            Pooling::Map => "map",
            Pooling::Average => "avg",
            _ => "token",
        };
        assert_eq!(pool, want, "{path}");
        // The MAP probe attends to every token, as in the FLOPs; a mean is over the patches.
        assert_eq!(got["pools_prefix"], map && architecture.prefix() > 0, "{path}");
    }
}

/// Learned positions with a row of the class token, every bias, and nothing else.
pub(crate) const PLAIN: Variant = Variant {
    block: BlockForm::Pre,
    norm: Norm::Layer,
    registers: 0,
    position: Position::Learned,
    position_rows: PositionRows::Class,
    qkv_bias: QkvBias::All,
    layer_scale: None,
    pre_norm: false,
    patch_bias: true,
    qk_norm: QkNorm::None,
    mask_token: false,
    masked: 0.0,
};

/// As DINOv3.
pub(crate) const ROTARY: Variant =
    Variant { position: Position::Rope, registers: 4, layer_scale: Some(1e-5), mask_token: true, ..PLAIN };

/// An encoder that is read at its class token.
pub(crate) fn class_token(variant: Variant) -> Architecture {
    Architecture { pooling: Pooling::Class, class_token: true, variant, ..Architecture::default() }
}
