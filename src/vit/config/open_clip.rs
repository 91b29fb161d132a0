//! open_clip: the `vision_cfg` of its own towers.

use serde_json::Value;

use super::{ConfigProblem, Fields, ReadConfig, found};
use crate::vit::{Activation, Architecture, Pooling, Position, Shape, Variant};

/// Reads a tower without its projection, which is no part of the encoder.
pub(super) fn read(config: &Fields<'_>, fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    if let Some(name) = fields.text("timm_model_name")? {
        return Err(ConfigProblem::NameOfTimm(name.to_owned()));
    }
    for name in ["attentional_pool", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn"] {
        fields.only(name, false)?;
    }
    for (name, usual) in [("scale_fc", Value::from(false)), ("block_type", Value::Null)] {
        fields.only(name, usual)?;
    }
    let width = fields.or("width", 768)?;
    let head_width = fields.or("head_width", 64)?;
    let pooling = match fields.text("pool_type")?.unwrap_or("tok") {
        "tok" => Pooling::Class,
        "avg" => Pooling::Average,
        other => return Err(ConfigProblem::Field("pool_type", other.to_owned())),
    };
    let position = match fields.text("pos_embed_type")?.unwrap_or("learnable") {
        "learnable" => Position::Learned,
        "sin_cos_2d" => Position::SinCos2d,
        other => return Err(ConfigProblem::Field("pos_embed_type", other.to_owned())),
    };
    let of_norms = fields.get("norm_kwargs").and_then(Value::as_object);
    let epsilon = of_norms.map_or(Ok(1e-5), |given| Fields(given).epsilon("eps", 1e-5))?;
    let is_tanh = fields.get("act_kwargs").is_some_and(|given| given["approximate"] == "tanh");
    let architecture = Architecture {
        image: fields.or("image_size", 224)?,
        patch: fields.or("patch_size", 16)?,
        heads: width.checked_div(head_width).unwrap_or(0),
        pooling,
        class_token: true,
        activation: match config.flag("quick_gelu", false)? {
            true => Activation::QuickGelu,
            false if is_tanh => Activation::GeluTanh,
            false => Activation::Gelu,
        },
        norm_epsilon: epsilon,
        variant: Variant {
            position,
            pre_norm: !fields.flag("no_ln_pre", false)?,
            patch_bias: false,
            layer_scale: fields.number("ls_init_value")?,
            ..Variant::default()
        },
        ..Architecture::default()
    };
    let shape = Shape { width, depth: fields.or("layers", 12)?, mlp_dim: fields.mlp(width, 4.0)? };
    Ok(found("open_clip, without its projection".to_owned(), architecture, shape))
}
