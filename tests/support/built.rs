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
    // Rows of positions that are trained; others are no parameters.
    let rows = architecture.patches()
        + match architecture.variant.position_rows {
            PositionRows::All => architecture.prefix(),
            PositionRows::Class => u64::from(architecture.class_token),
            _ => 0,
        };
    let positions = match architecture.variant.position {
        Position::Learned => json!([[rows, vit.shape.width]]),
        _ => json!([]),
    };
    for (name, want) in [("positions", positions), ("head_dim", json!(vit.head_dim()))] {
        assert!(got.get(name).is_none_or(|found| *found == want), "{path}: {name} of {vit:?}, {got}");
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

/// Norms behind attention and MLP.
pub(crate) const RES_POST: Variant = Variant { block: BlockForm::ResPost, ..PLAIN };

/// Attention and MLP side by side, as ViT-22B.
pub(crate) const PARALLEL: Variant =
    Variant { block: BlockForm::Parallel, qk_norm: QkNorm::Layer, layer_scale: Some(1e-5), ..PLAIN };

/// Norms without shift and centring, of queries and keys too, as ViT-22B.
pub(crate) const UNCENTRED: Variant =
    Variant { norm: Norm::Rms, qk_norm: QkNorm::Rms, qkv_bias: QkvBias::None, ..PARALLEL };

/// Encoders of a model class of transformers.
pub(crate) fn of_transformers() -> Vec<Architecture> {
    let base = Architecture::default();
    let dino = Variant { layer_scale: Some(1e-5), mask_token: true, ..PLAIN };
    let rope = Variant { position: Position::Rope, registers: 4, ..dino };
    let clip = Variant { pre_norm: true, patch_bias: false, ..PLAIN };
    let masked = Variant { position: Position::SinCos2d, masked: 0.75, ..PLAIN };
    vec![
        base,
        Architecture { activation: Activation::Gelu, norm_epsilon: 1e-5, channels: 4, ..base },
        Architecture { pooling: Pooling::Average, classes: 10, ..base },
        Architecture { pooling: Pooling::Average, variant: Variant { qkv_bias: QkvBias::None, ..PLAIN }, ..base },
        Architecture { classes: 1000, activation: Activation::Gelu, ..class_token(PLAIN) },
        class_token(Variant { qkv_bias: QkvBias::None, ..PLAIN }),
        Architecture { activation: Activation::QuickGelu, norm_epsilon: 1e-5, ..class_token(clip) },
        class_token(masked),
        class_token(dino),
        class_token(Variant { registers: 4, ..dino }),
        Architecture { activation: Activation::SwiGlu, ..class_token(dino) },
        Architecture { norm_epsilon: 1e-5, ..class_token(Variant { qkv_bias: QkvBias::NoKey, ..rope }) },
        Architecture { activation: Activation::SwiGlu, ..class_token(rope) },
    ]
}

/// Encoders of timm's `VisionTransformer`.
pub(crate) fn of_timm() -> Vec<Architecture> {
    let base = Architecture::default();
    let average = Architecture { pooling: Pooling::Average, ..base };
    let class = class_token(PLAIN);
    let four = |position_rows| Variant { registers: 4, position_rows, ..PLAIN };
    vec![
        base,
        Architecture { class_token: true, classes: 10, activation: Activation::Gelu, ..base },
        Architecture { classes: 20, ..average },
        Architecture { class_token: true, classes: 30, activation: Activation::Gelu, ..average },
        Architecture { classes: 40, activation: Activation::QuickGelu, ..class },
        Architecture { variant: Variant { layer_scale: Some(1e-5), ..four(PositionRows::Patches) }, ..base },
        Architecture { variant: Variant { qk_norm: QkNorm::Layer, ..four(PositionRows::All) }, ..average },
        class_token(Variant { pre_norm: true, patch_bias: false, qkv_bias: QkvBias::None, ..PLAIN }),
        class_token(four(PositionRows::Patches)),
        Architecture { variant: RES_POST, ..base },
        Architecture { activation: Activation::Gelu, ..class_token(PARALLEL) },
        Architecture { variant: Variant { qkv_bias: QkvBias::None, layer_scale: None, ..PARALLEL }, ..average },
        Architecture { classes: 5, ..class_token(Variant { qk_norm: QkNorm::Layer, ..RES_POST }) },
        Architecture { variant: UNCENTRED, ..base },
        Architecture { variant: Variant { norm: Norm::Rms, ..PLAIN }, ..average },
    ]
}

/// Encoders of open_clip: its own tower, and encoders of timm that a module registers.
pub(crate) fn of_open_clip() -> Vec<Architecture> {
    let base = Architecture::default();
    let own = Variant { pre_norm: true, patch_bias: false, ..PLAIN };
    vec![
        Architecture { norm_epsilon: 1e-5, activation: Activation::Gelu, ..class_token(own) },
        Architecture { activation: Activation::QuickGelu, ..class_token(own) },
        Architecture { activation: Activation::GeluTanh, pooling: Pooling::Average, ..class_token(own) },
        class_token(Variant { layer_scale: Some(1e-4), ..own }),
        class_token(Variant { position: Position::SinCos2d, pre_norm: false, ..own }),
        base,
        Architecture { variant: Variant { registers: 4, position_rows: PositionRows::Patches, ..PLAIN }, ..base },
        class_token(PLAIN),
        Architecture { variant: RES_POST, ..base },
        class_token(PARALLEL),
    ]
}
