//! Hugging Face transformers: the `config.json` of a model class, or of two towers with a vision one.

use serde_json::Value;

use super::{ConfigProblem, Fields, ReadConfig, found};
use crate::vit::{Activation, Architecture, Pooling, Position, QkvBias, Shape, Variant};

pub(super) fn read(kind: &str, fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    let format = format!("transformers {kind}");
    // Of two towers the vision one.
    if let Some(Value::Object(vision)) = fields.get("vision_config") {
        let vision = Fields(vision);
        let inner = vision.text("model_type")?.unwrap_or(match kind {
            "siglip" => "siglip_vision_model",
            "siglip2" => "siglip2_vision_model",
            "clip" => "clip_vision_model",
            other => return Err(ConfigProblem::UnknownModel(other.to_owned())),
        });
        return Ok(ReadConfig { format, ..read(inner, &vision)? });
    }
    let usual = Usual::of(kind).ok_or_else(|| ConfigProblem::UnknownModel(kind.to_owned()))?;
    let is_dinov2 = kind.starts_with("dinov2");
    let width = fields.or("hidden_size", usual.width)?;
    let is_gated = match kind {
        "dinov3_vit" => fields.flag("use_gated_mlp", false)?,
        _ => is_dinov2 && fields.flag("use_swiglu_ffn", false)?,
    };
    let activation = if is_gated { Activation::SwiGlu } else { fields.activation("hidden_act", usual.activation)? };
    let mlp_dim = if is_dinov2 {
        // `intermediate_size` is accepted and ignored; gated MLPs are two thirds, up to a multiple of 8.
        let hidden = fields.mlp(width, 4.0)?;
        if is_gated { (hidden.saturating_mul(2) / 3).next_multiple_of(8) } else { hidden }
    } else {
        fields.or("intermediate_size", 4 * usual.width)?
    };
    let patch = fields.or("patch_size", usual.patch)?;
    let architecture = Architecture {
        image: image(kind, fields, patch)?,
        patch,
        channels: fields.or("num_channels", 3)?,
        heads: fields.or("num_attention_heads", usual.width / 64)?,
        pooling: match kind {
            "siglip_vision_model" | "siglip2_vision_model" if fields.flag("vision_use_head", true)? => Pooling::Map,
            "siglip_vision_model" | "siglip2_vision_model" | "ijepa" => Pooling::Average,
            _ => Pooling::Class,
        },
        class_token: usual.class_token,
        classes: classes(fields)?,
        activation,
        norm_epsilon: fields.epsilon("layer_norm_eps", usual.epsilon)?,
        variant: variant(kind, fields)?,
    };
    let depth = fields.or("num_hidden_layers", 12)?;
    Ok(found(format, architecture, Shape { width, depth, mlp_dim }))
}

/// What a class has where its config does not say; heads of 64, MLPs of four times the width and 12 layers are all's.
struct Usual {
    width: u64,
    patch: u64,
    class_token: bool,
    activation: Activation,
    epsilon: f64,
}

impl Usual {
    fn of(kind: &str) -> Option<Self> {
        let plain = Self { width: 768, patch: 16, class_token: true, activation: Activation::Gelu, epsilon: 1e-12 };
        match kind {
            "siglip_vision_model" | "siglip2_vision_model" => {
                Some(Self { class_token: false, activation: Activation::GeluTanh, epsilon: 1e-6, ..plain })
            }
            "clip_vision_model" => Some(Self { patch: 32, activation: Activation::QuickGelu, epsilon: 1e-5, ..plain }),
            "vit" | "vit_mae" => Some(plain),
            "ijepa" => Some(Self { class_token: false, ..plain }),
            "dinov2" => Some(Self { patch: 14, epsilon: 1e-6, ..plain }),
            "dinov2_with_registers" => Some(Self { epsilon: 1e-6, ..plain }),
            "dinov3_vit" => Some(Self { width: 384, epsilon: 1e-5, ..plain }),
            _ => None,
        }
    }
}

/// The side of an image; SigLIP 2 says how many patches it has.
fn image(kind: &str, fields: &Fields<'_>, patch: u64) -> Result<u64, ConfigProblem> {
    if kind != "siglip2_vision_model" {
        return fields.or("image_size", 224);
    }
    let patches = fields.or("num_patches", 256)?;
    let side = patches.isqrt();
    if side * side != patches {
        return Err(ConfigProblem::Field("num_patches", format!("{patches}, no square")));
    }
    Ok(side.saturating_mul(patch))
}

/// Classes of the models whose classifier is one layer behind the pooling; the others' is no part of the encoder.
fn classes(fields: &Fields<'_>) -> Result<u64, ConfigProblem> {
    let class = fields.get("architectures").and_then(|list| list[0].as_str());
    if !matches!(class, Some("ViTForImageClassification" | "IJepaForImageClassification")) {
        return Ok(0);
    }
    let labels = fields.get("id2label").and_then(Value::as_object).map_or(2, |labels| labels.len() as u64);
    fields.or("num_labels", labels)
}

fn variant(kind: &str, fields: &Fields<'_>) -> Result<Variant, ConfigProblem> {
    let plain = Variant::default();
    let scale = || Ok(Some(fields.number("layerscale_value")?.unwrap_or(1.0)));
    let qkv_bias = || Ok(if fields.flag("qkv_bias", true)? { QkvBias::All } else { QkvBias::None });
    Ok(match kind {
        "clip_vision_model" => Variant { pre_norm: true, patch_bias: false, ..plain },
        "vit" | "ijepa" => Variant { qkv_bias: qkv_bias()?, ..plain },
        "vit_mae" => {
            let masked = fields.number("mask_ratio")?.unwrap_or(0.75);
            Variant { qkv_bias: qkv_bias()?, position: Position::SinCos2d, masked, ..plain }
        }
        "dinov2" | "dinov2_with_registers" => {
            let registers = if kind == "dinov2" { 0 } else { fields.or("num_register_tokens", 4)? };
            Variant { qkv_bias: qkv_bias()?, registers, layer_scale: scale()?, mask_token: true, ..plain }
        }
        "dinov3_vit" => {
            for name in ["proj_bias", "mlp_bias"] {
                fields.only(name, true)?;
            }
            let has_query = fields.flag("query_bias", true)?;
            fields.only("value_bias", has_query)?;
            let qkv_bias = match (has_query, fields.flag("key_bias", false)?) {
                (true, true) => QkvBias::All,
                (true, false) => QkvBias::NoKey,
                (false, false) => QkvBias::None,
                (false, true) => {
                    return Err(ConfigProblem::Field("key_bias", "true without a bias of queries".to_owned()));
                }
            };
            let registers = fields.or("num_register_tokens", 0)?;
            let position = Position::Rope;
            Variant { registers, position, qkv_bias, layer_scale: scale()?, mask_token: true, ..plain }
        }
        _ => plain,
    })
}
