//! timm: `config.json` with `model_args`, the arguments of `train.py`, and what a `LightningCLI` is given.

use serde_json::{Map, Value, json};

use super::{ConfigProblem, Fields, ReadConfig, found};
use crate::vit::{Activation, Architecture, BlockForm, Norm, Pooling, PositionRows, QkNorm, QkvBias, Shape, Variant};

/// What an architecture of timm is where its arguments do not say; else it is `VisionTransformer`'s own.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of timm")]
struct Usual {
    block: BlockForm,
    qkv_bias: bool,
    qk_norm: bool,
    pre_norm: bool,
    no_embed_class: bool,
    norm_layer: &'static str,
}

impl Usual {
    fn of(architecture: &str) -> Result<Self, ConfigProblem> {
        let plain = Self {
            block: BlockForm::Pre,
            qkv_bias: true,
            qk_norm: false,
            pre_norm: false,
            no_embed_class: false,
            norm_layer: "layernorm",
        };
        // Architectures have a tag behind a dot.
        match architecture.split('.').next().unwrap_or_default() {
            "vit_base_patch16_rpn_224" => Ok(Self { block: BlockForm::ResPost, qkv_bias: false, ..plain }),
            "vit_base_patch16_xp_224" | "vit_large_patch14_xp_224" | "vit_huge_patch14_xp_224" => Ok(Self {
                block: BlockForm::Parallel,
                qkv_bias: false,
                qk_norm: true,
                pre_norm: true,
                no_embed_class: true,
                norm_layer: "rmsnorm",
            }),
            // Attention of differences, blocks of two parallel pairs, and more norms in a block.
            other if ["_dwee_", "_dpwee_", "_dlittle_", "_18x2_", "beit3_"].iter().any(|part| other.contains(part)) => {
                Err(ConfigProblem::UnknownModel(other.to_owned()))
            }
            _ => Ok(plain),
        }
    }
}

pub(super) fn read(config: &Fields<'_>, fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    let usual = Usual::of(config.text("architecture")?.unwrap_or_default())?;
    let width = fields.needed("embed_dim")?;
    let pooling = match fields.text("global_pool")?.or(config.text("global_pool")?).unwrap_or("token") {
        "map" => Pooling::Map,
        "avg" => Pooling::Average,
        "token" => Pooling::Class,
        other => return Err(ConfigProblem::Field("global_pool", other.to_owned())),
    };
    let (norm, norm_of_queries) = match fields.text("norm_layer")?.unwrap_or(usual.norm_layer) {
        "layernorm" => (Norm::Layer, QkNorm::Layer),
        "rmsnorm" => (Norm::Rms, QkNorm::Rms),
        other => return Err(ConfigProblem::Field("norm_layer", other.to_owned())),
    };
    for (name, has) in
        [("scale_attn_norm", false), ("scale_mlp_norm", false), ("proj_bias", true), ("final_norm", true)]
    {
        fields.only(name, has)?;
    }
    fields.only("pos_embed", "learn")?;
    for name in ["embed_layer", "embed_norm_layer", "block_fn", "mlp_layer", "attn_layer"] {
        fields.only(name, Value::Null)?;
    }
    let pre_norm = fields.flag("pre_norm", usual.pre_norm)?;
    let no_embed_class = fields.flag("no_embed_class", usual.no_embed_class)?;
    let variant = Variant {
        block: usual.block,
        norm,
        registers: fields.or("reg_tokens", 0)?,
        position_rows: if no_embed_class { PositionRows::Patches } else { PositionRows::All },
        qkv_bias: if fields.flag("qkv_bias", usual.qkv_bias)? { QkvBias::All } else { QkvBias::None },
        qk_norm: if fields.flag("qk_norm", usual.qk_norm)? { norm_of_queries } else { QkNorm::None },
        // Norms behind the branches begin at this value, which is no scale beside them.
        layer_scale: fields.number("init_values")?.filter(|_| usual.block != BlockForm::ResPost),
        pre_norm,
        patch_bias: !pre_norm,
        ..Variant::default()
    };
    // Without registers or a class token the switch says nothing.
    let class_token = fields.flag("class_token", true)?;
    if pooling == Pooling::Class && !class_token {
        return Err(ConfigProblem::Field("class_token", "false, and it is what is read".to_owned()));
    }
    let says_nothing = variant.registers == 0 && (!class_token || variant.position_rows == PositionRows::All);
    let variant = if says_nothing { Variant { position_rows: PositionRows::default(), ..variant } } else { variant };
    let architecture = Architecture {
        image: fields.needed("img_size")?,
        patch: fields.needed("patch_size")?,
        channels: fields.or("in_chans", 3)?,
        heads: fields.needed("num_heads")?,
        pooling,
        class_token,
        classes: config.or("num_classes", 0)?,
        activation: fields.activation("act_layer", Activation::Gelu)?,
        norm_epsilon: 1e-6,
        variant,
    };
    let shape = Shape { width, depth: fields.needed("depth")?, mlp_dim: fields.mlp(width, 4.0)? };
    Ok(found("timm".to_owned(), architecture, shape))
}

/// The arguments of timm's `train.py`, as its `--config` takes them and its `args.yaml` tells them: sizes stand in
/// `model_kwargs`, for `img_size` beside them is that of the data.
pub(super) fn arguments(arguments: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    let mut sizes = arguments.get("model_kwargs").and_then(Value::as_object).cloned().unwrap_or_default();
    for (argument, name) in [("gp", "global_pool"), ("in_chans", "in_chans")] {
        sizes.extend(arguments.get(argument).map(|value| (name.to_owned(), value.clone())));
    }
    let classes = arguments.or("num_classes", IMAGENET)?;
    let config = Map::from_iter([("num_classes".to_owned(), json!(classes))]);
    Ok(ReadConfig { format: "timm train.py".to_owned(), ..read(&Fields(&config), &Fields(&sizes))? })
}

/// Classes of timm's models unless it is told otherwise.
const IMAGENET: u64 = 1000;

/// The `encoder` of a `LightningCLI`: timm's class with its arguments.
pub(super) fn lightning(encoder: &Value) -> Result<ReadConfig, ConfigProblem> {
    let class = encoder["class_path"].as_str().unwrap_or("an encoder without `class_path`");
    if !["timm.models.VisionTransformer", "timm.models.vision_transformer.VisionTransformer"].contains(&class) {
        return Err(ConfigProblem::UnknownModel(class.to_owned()));
    }
    let mut arguments = encoder["init_args"].as_object().cloned().unwrap_or_default();
    arguments.entry("num_classes").or_insert(json!(IMAGENET));
    let arguments = Fields(&arguments);
    Ok(ReadConfig { format: "Lightning, timm".to_owned(), ..read(&arguments, &arguments)? })
}
