//! The weights of a model by name, and what timm and transformers call them.

use serde::Serialize;

use crate::vit::{Activation, Pooling, Position, QkvBias, Vit};

/// A weight of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weight {
    /// Its name here; `*` stands for the number of a block.
    pub name: String,
    /// Its extents, row-major.
    pub shape: Vec<u64>,
    /// Its name in timm's `VisionTransformer`, with the rows where it is a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timm: Option<String>,
    /// Its name in transformers' `SiglipVisionModel`, where the model is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transformers: Option<String>,
}

/// All weights of a model, in the order of a forward pass. A fixed position is among them: its table differs from trainer
/// to trainer.
pub fn weights(vit: &Vit) -> Vec<Weight> {
    let (architecture, shape) = (&vit.architecture, &vit.shape);
    let variant = &architecture.variant;
    let (width, mlp, patch) = (shape.width, shape.mlp_dim, architecture.patch);
    let mut list = List { siglip: is_siglip(vit), list: Vec::new() };
    list.add(
        "patch.weight",
        &[width, architecture.channels, patch, patch],
        "patch_embed.proj.weight",
        "embeddings.patch_embedding.weight",
    );
    if variant.patch_bias {
        list.add("patch.bias", &[width], "patch_embed.proj.bias", "embeddings.patch_embedding.bias");
    }
    if architecture.class_token {
        list.add("class", &[width], "cls_token", "");
    }
    if variant.registers > 0 {
        list.add("registers", &[variant.registers, width], "reg_token", "");
    }
    let rows = match variant.position {
        Position::Learned => architecture.position_rows(),
        _ => architecture.patches(),
    };
    list.add("position", &[rows, width], "pos_embed", "embeddings.position_embedding.weight");
    if variant.pre_norm {
        list.pair("pre_norm", &[width], "norm_pre", "");
    }
    list.pair("blocks.*.norm1", &[width], "blocks.*.norm1", "encoder.layers.*.layer_norm1");
    for (number, part) in [(0, "q"), (1, "k"), (2, "v")] {
        let lacking = variant.qkv_bias == QkvBias::None || variant.qkv_bias == QkvBias::NoKey && part == "k";
        for (kind, shape) in [("weight", &[width, width][..]), ("bias", &[width])] {
            if kind == "bias" && lacking {
                continue;
            }
            let timm = format!("blocks.*.attn.qkv.{kind}{}", rows_of(number, width));
            let transformers = format!("encoder.layers.*.self_attn.{part}_proj.{kind}");
            list.add(&format!("blocks.*.{part}.{kind}"), shape, &timm, &transformers);
        }
    }
    list.linear("blocks.*.projection", [width, width], "blocks.*.attn.proj", "encoder.layers.*.self_attn.out_proj");
    if variant.layer_scale.is_some() {
        list.add("blocks.*.scale1", &[width], "blocks.*.ls1.gamma", "");
    }
    list.pair("blocks.*.norm2", &[width], "blocks.*.norm2", "encoder.layers.*.layer_norm2");
    let gated = architecture.activation == Activation::SwiGlu;
    let plain = |name: &'static str| if gated { "" } else { name };
    if gated {
        list.linear("blocks.*.gate", [mlp, width], "", "");
    }
    list.linear("blocks.*.fc1", [mlp, width], plain("blocks.*.mlp.fc1"), "encoder.layers.*.mlp.fc1");
    list.linear("blocks.*.fc2", [width, mlp], plain("blocks.*.mlp.fc2"), "encoder.layers.*.mlp.fc2");
    if variant.layer_scale.is_some() {
        list.add("blocks.*.scale2", &[width], "blocks.*.ls2.gamma", "");
    }
    list.pair("norm", &[width], "norm", "post_layernorm");
    if architecture.pooling == Pooling::Map {
        list.map(width, mlp);
    }
    if architecture.classes > 0 {
        list.linear("classifier", [architecture.classes, width], "head", "");
    }
    list.list
}

/// Whether transformers' `SiglipVisionModel` is the model.
fn is_siglip(vit: &Vit) -> bool {
    let architecture = &vit.architecture;
    let features = architecture.variant.features();
    let plain = architecture.pooling == Pooling::Map && !architecture.class_token && architecture.classes == 0;
    plain && features.is_empty() && architecture.activation != Activation::SwiGlu
}

/// The rows of a part, as NumPy slices them.
fn rows_of(part: u64, width: u64) -> String {
    format!("[{}:{}]", part * width, (part + 1) * width)
}

struct List {
    siglip: bool,
    list: Vec<Weight>,
}

impl List {
    /// An empty name is none.
    fn add(&mut self, name: &str, shape: &[u64], timm: &str, transformers: &str) {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let (timm, transformers) = (named(timm), named(transformers).filter(|_| self.siglip));
        self.list.push(Weight { name: name.to_owned(), shape: shape.to_vec(), timm, transformers });
    }

    /// A weight of that shape and a bias of its rows.
    fn pair(&mut self, name: &str, shape: &[u64], timm: &str, transformers: &str) {
        let [weight, bias] = ["weight", "bias"].map(|kind| {
            let with = |name: &str| if name.is_empty() { String::new() } else { format!("{name}.{kind}") };
            (with(name), with(timm), with(transformers))
        });
        self.add(&weight.0, shape, &weight.1, &weight.2);
        self.add(&bias.0, &shape[..1], &bias.1, &bias.2);
    }

    fn linear(&mut self, name: &str, [outputs, inputs]: [u64; 2], timm: &str, transformers: &str) {
        self.pair(name, &[outputs, inputs], timm, transformers);
    }

    /// Multi-head attention pooling.
    fn map(&mut self, width: u64, mlp: u64) {
        self.add("map.probe", &[width], "attn_pool.latent", "head.probe");
        for (number, part, timm) in [(0, "q", "attn_pool.q"), (1, "k", "attn_pool.kv"), (2, "v", "attn_pool.kv")] {
            for (kind, shape) in [("weight", &[width, width][..]), ("bias", &[width])] {
                let own = if part == "q" { String::new() } else { rows_of(number - 1, width) };
                let [timm, packed] = [format!("{timm}.{kind}{own}"), rows_of(number, width)];
                let transformers = format!("head.attention.in_proj_{kind}{packed}");
                self.add(&format!("map.{part}.{kind}"), shape, &timm, &transformers);
            }
        }
        self.linear("map.projection", [width, width], "attn_pool.proj", "head.attention.out_proj");
        self.pair("map.norm", &[width], "attn_pool.norm", "head.layernorm");
        self.linear("map.fc1", [mlp, width], "attn_pool.mlp.fc1", "head.mlp.fc1");
        self.linear("map.fc2", [width, mlp], "attn_pool.mlp.fc2", "head.mlp.fc2");
    }
}
