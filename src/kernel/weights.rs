//! The weights of a model by name, and what timm, transformers and open_clip call them.

use serde::Serialize;

use crate::vit::{Activation, Feature, Pooling, Position, QkNorm, QkvBias, Vit};

/// A weight of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weight {
    /// Its name here; `*` stands for the number of a block, here and below.
    pub name: String,
    /// Its extents, row-major.
    pub shape: Vec<u64>,
    /// Its name in timm's `VisionTransformer`; its rows as NumPy slices them, here and below, where it is a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timm: Option<String>,
    /// Its name in transformers' `SiglipVisionModel`, `ViTForImageClassification` or `DINOv3ViTModel`, where the model is
    /// one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transformers: Option<String>,
    /// Its name in open_clip's `VisionTransformer`, where the model is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_clip: Option<String>,
}

/// Names here, in timm, in `SiglipVisionModel`, in `ViTForImageClassification`, in open_clip and in `DINOv3ViTModel`;
/// empty where there is none. `KIND` is `weight` or `bias`, and a digit in brackets a part of that number.
#[rustfmt::skip]
const NAMES: [[&str; 6]; 28] = [
    ["patch.KIND", "patch_embed.proj.KIND", "embeddings.patch_embedding.KIND", "vit.embeddings.patch_embeddings.projection.KIND", "conv1.KIND", "embeddings.patch_embeddings.KIND"],
    ["class", "cls_token", "", "vit.embeddings.cls_token", "class_embedding", "embeddings.cls_token"],
    ["registers", "reg_token", "", "", "", "embeddings.register_tokens"],
    ["position", "pos_embed", "embeddings.position_embedding.weight", "vit.embeddings.position_embeddings", "positional_embedding", ""],
    ["pre_norm.KIND", "norm_pre.KIND", "", "", "ln_pre.KIND", ""],
    ["blocks.*.norm1.KIND", "blocks.*.norm1.KIND", "encoder.layers.*.layer_norm1.KIND", "vit.layers.*.layernorm_before.KIND", "transformer.resblocks.*.ln_1.KIND", "model.layer.*.norm1.KIND"],
    ["blocks.*.q.KIND", "blocks.*.attn.qkv.KIND[0]", "encoder.layers.*.self_attn.q_proj.KIND", "vit.layers.*.attention.q_proj.KIND", "transformer.resblocks.*.attn.in_proj_KIND[0]", "model.layer.*.attention.q_proj.KIND"],
    ["blocks.*.k.KIND", "blocks.*.attn.qkv.KIND[1]", "encoder.layers.*.self_attn.k_proj.KIND", "vit.layers.*.attention.k_proj.KIND", "transformer.resblocks.*.attn.in_proj_KIND[1]", "model.layer.*.attention.k_proj.KIND"],
    ["blocks.*.v.KIND", "blocks.*.attn.qkv.KIND[2]", "encoder.layers.*.self_attn.v_proj.KIND", "vit.layers.*.attention.v_proj.KIND", "transformer.resblocks.*.attn.in_proj_KIND[2]", "model.layer.*.attention.v_proj.KIND"],
    ["blocks.*.q_norm.KIND", "blocks.*.attn.q_norm.KIND", "", "", "", ""],
    ["blocks.*.k_norm.KIND", "blocks.*.attn.k_norm.KIND", "", "", "", ""],
    ["blocks.*.projection.KIND", "blocks.*.attn.proj.KIND", "encoder.layers.*.self_attn.out_proj.KIND", "vit.layers.*.attention.o_proj.KIND", "transformer.resblocks.*.attn.out_proj.KIND", "model.layer.*.attention.o_proj.KIND"],
    ["blocks.*.scale1", "blocks.*.ls1.gamma", "", "", "transformer.resblocks.*.ls_1.gamma", "model.layer.*.layer_scale1.lambda1"],
    ["blocks.*.norm2.KIND", "blocks.*.norm2.KIND", "encoder.layers.*.layer_norm2.KIND", "vit.layers.*.layernorm_after.KIND", "transformer.resblocks.*.ln_2.KIND", "model.layer.*.norm2.KIND"],
    ["blocks.*.gate.KIND", "", "", "", "", "model.layer.*.mlp.gate_proj.KIND"],
    ["blocks.*.fc1.KIND", "blocks.*.mlp.fc1.KIND", "encoder.layers.*.mlp.fc1.KIND", "vit.layers.*.mlp.fc1.KIND", "transformer.resblocks.*.mlp.c_fc.KIND", "model.layer.*.mlp.up_proj.KIND"],
    ["blocks.*.fc2.KIND", "blocks.*.mlp.fc2.KIND", "encoder.layers.*.mlp.fc2.KIND", "vit.layers.*.mlp.fc2.KIND", "transformer.resblocks.*.mlp.c_proj.KIND", "model.layer.*.mlp.down_proj.KIND"],
    ["blocks.*.scale2", "blocks.*.ls2.gamma", "", "", "transformer.resblocks.*.ls_2.gamma", "model.layer.*.layer_scale2.lambda1"],
    ["norm.KIND", "norm.KIND", "post_layernorm.KIND", "vit.layernorm.KIND", "ln_post.KIND", "norm.KIND"],
    ["map.probe", "attn_pool.latent", "head.probe", "", "", ""],
    ["map.q.KIND", "attn_pool.q.KIND", "head.attention.in_proj_KIND[0]", "", "", ""],
    ["map.k.KIND", "attn_pool.kv.KIND[0]", "head.attention.in_proj_KIND[1]", "", "", ""],
    ["map.v.KIND", "attn_pool.kv.KIND[1]", "head.attention.in_proj_KIND[2]", "", "", ""],
    ["map.projection.KIND", "attn_pool.proj.KIND", "head.attention.out_proj.KIND", "", "", ""],
    ["map.norm.KIND", "attn_pool.norm.KIND", "head.layernorm.KIND", "", "", ""],
    ["map.fc1.KIND", "attn_pool.mlp.fc1.KIND", "head.mlp.fc1.KIND", "", "", ""],
    ["map.fc2.KIND", "attn_pool.mlp.fc2.KIND", "head.mlp.fc2.KIND", "", "", ""],
    ["classifier.KIND", "head.KIND", "", "classifier.KIND", "", ""],
];

/// All weights of a model, in the order of a forward pass. A fixed position is among them, unless it is rotary: its table differs from trainer
/// to trainer.
pub fn weights(vit: &Vit) -> Vec<Weight> {
    let (architecture, shape) = (&vit.architecture, &vit.shape);
    let variant = &architecture.variant;
    let (width, mlp, patch) = (shape.width, shape.mlp_dim, architecture.patch);
    let mut list = List { libraries: libraries(vit), width, all: Vec::new() };
    list.add("patch.weight", &[width, architecture.channels, patch, patch]);
    list.add_if(variant.patch_bias, "patch.bias", &[width]);
    list.add_if(architecture.class_token, "class", &[width]);
    list.add_if(variant.registers > 0, "registers", &[variant.registers, width]);
    let rows = match variant.position {
        Position::Learned => architecture.position_rows(),
        _ => architecture.patches(),
    };
    list.add_if(variant.position != Position::Rope, "position", &[rows, width]);
    if variant.pre_norm {
        list.with_bias("pre_norm", &[width]);
    }
    list.with_bias("blocks.*.norm1", &[width]);
    for part in ["q", "k", "v"] {
        let lacking = variant.qkv_bias == QkvBias::None || variant.qkv_bias == QkvBias::NoKey && part == "k";
        list.add(&format!("blocks.*.{part}.weight"), &[width, width]);
        list.add_if(!lacking, &format!("blocks.*.{part}.bias"), &[width]);
    }
    for norm in ["blocks.*.q_norm", "blocks.*.k_norm"] {
        match variant.qk_norm {
            QkNorm::None => {}
            QkNorm::Layer => list.with_bias(norm, &[vit.head_dim()]),
            QkNorm::Rms => list.add(&format!("{norm}.weight"), &[vit.head_dim()]),
        }
    }
    list.with_bias("blocks.*.projection", &[width, width]);
    list.add_if(variant.layer_scale.is_some(), "blocks.*.scale1", &[width]);
    list.with_bias("blocks.*.norm2", &[width]);
    if architecture.activation == Activation::SwiGlu {
        list.with_bias("blocks.*.gate", &[mlp, width]);
    }
    list.with_bias("blocks.*.fc1", &[mlp, width]);
    list.with_bias("blocks.*.fc2", &[width, mlp]);
    list.add_if(variant.layer_scale.is_some(), "blocks.*.scale2", &[width]);
    list.with_bias("norm", &[width]);
    if architecture.pooling == Pooling::Map {
        list.add("map.probe", &[width]);
        for part in ["map.q", "map.k", "map.v", "map.projection"] {
            list.with_bias(part, &[width, width]);
        }
        list.with_bias("map.norm", &[width]);
        list.with_bias("map.fc1", &[mlp, width]);
        list.with_bias("map.fc2", &[width, mlp]);
    }
    if architecture.classes > 0 {
        list.with_bias("classifier", &[architecture.classes, width]);
    }
    list.all
}

/// Whether timm, `SiglipVisionModel`, `ViTForImageClassification`, open_clip and `DINOv3ViTModel` have a class that is
/// the model, the classifier of those that have none aside.
fn libraries(vit: &Vit) -> [bool; 5] {
    let architecture = &vit.architecture;
    let features = architecture.variant.features();
    let class = architecture.class_token && architecture.pooling == Pooling::Class;
    let map = !architecture.class_token && architecture.pooling == Pooling::Map;
    let may = |feature: &Feature| matches!(feature, Feature::PreNorm | Feature::NoPatchBias | Feature::LayerScale);
    let must = [Feature::PreNorm, Feature::NoPatchBias];
    let clip = features.iter().all(may) && must.iter().all(|feature| features.contains(feature));
    let plain = features.is_empty();
    let gated = architecture.activation == Activation::SwiGlu;
    let rotary = Feature::Position(Position::Rope);
    let dino = |feature: &Feature| {
        *feature == rotary
            || matches!(feature, Feature::Registers | Feature::QkvBias(_) | Feature::LayerScale | Feature::MaskToken)
    };
    let dino = [rotary, Feature::LayerScale, Feature::MaskToken].iter().all(|feature| features.contains(feature))
        && features.iter().all(dino);
    let moved = features.iter().any(|feature| matches!(feature, Feature::Block(_) | Feature::Norm(_)));
    let timm = !moved && !features.contains(&rotary) && !features.contains(&Feature::QkNorm(QkNorm::Rms));
    let [timm, siglip, vit, clip] = [timm, map && plain, class && plain, class && clip].map(|has| has && !gated);
    [timm, siglip, vit, clip, class && dino]
}

struct List {
    /// As [`libraries`] tells.
    libraries: [bool; 5],
    width: u64,
    all: Vec<Weight>,
}

impl List {
    fn add(&mut self, name: &str, shape: &[u64]) {
        let (stem, kind) = match name.rsplit_once('.') {
            Some((stem, kind @ ("weight" | "bias"))) => (format!("{stem}.KIND"), kind),
            _ => (name.to_owned(), ""),
        };
        let names = NAMES.iter().find(|names| names[0] == stem).copied().unwrap_or_default();
        let [timm, siglip, vit, open_clip, dino] = std::array::from_fn(|at| {
            let pattern = names[at + 1];
            (self.libraries[at] && !pattern.is_empty()).then(|| self.filled(pattern, kind))
        });
        let (name, shape, transformers) = (name.to_owned(), shape.to_vec(), siglip.or(vit).or(dino));
        self.all.push(Weight { name, shape, timm, transformers, open_clip });
    }

    fn add_if(&mut self, there: bool, name: &str, shape: &[u64]) {
        if there {
            self.add(name, shape);
        }
    }

    /// A weight of that shape and a bias of its rows.
    fn with_bias(&mut self, name: &str, shape: &[u64]) {
        self.add(&format!("{name}.weight"), shape);
        self.add(&format!("{name}.bias"), &shape[..1]);
    }

    /// A pattern of [`NAMES`] with its kind and rows.
    fn filled(&self, pattern: &str, kind: &str) -> String {
        let mut name = pattern.replace("KIND", kind);
        for part in 0..3 {
            let rows = format!("[{}:{}]", part * self.width, (part + 1) * self.width);
            name = name.replace(&format!("[{part}]"), &rows);
        }
        name
    }
}
