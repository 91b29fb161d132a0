//! NeMo: the `model` of its ViT classification.

use super::{ConfigProblem, Fields, ReadConfig, found};
use crate::vit::{Activation, Architecture, Pooling, PositionRows, Shape, Variant};

/// The encoder of NeMo's ViT classification, without its classifier.
pub(super) fn read(fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    let image = fields.needed("img_h")?;
    if fields.or("img_w", image)? != image {
        return Err(ConfigProblem::Field("img_w", "another than `img_h`".to_owned()));
    }
    if fields.flag("layerscale", false)? {
        return Err(ConfigProblem::Field("layerscale", "true".to_owned()));
    }
    let rows = fields.or("class_token_length", 8)?;
    let registers = rows.checked_sub(1).ok_or_else(|| ConfigProblem::Field("class_token_length", "0".to_owned()))?;
    let is_tanh = fields.flag("openai_gelu", false)? || fields.flag("bias_activation_fusion", false)?;
    let architecture = Architecture {
        image,
        patch: fields.needed("patch_dim")?,
        channels: fields.or("num_channels", 3)?,
        heads: fields.needed("num_attention_heads")?,
        pooling: Pooling::Class,
        class_token: true,
        activation: if is_tanh { Activation::GeluTanh } else { Activation::Gelu },
        norm_epsilon: fields.epsilon("layernorm_epsilon", 1e-5)?,
        variant: Variant {
            registers,
            position_rows: if registers > 0 { PositionRows::All } else { PositionRows::default() },
            pre_norm: fields.flag("preprocess_layernorm", false)?,
            masked: fields.number("drop_patch_rate")?.unwrap_or(0.0),
            ..Variant::default()
        },
        ..Architecture::default()
    };
    let shape = Shape {
        width: fields.needed("hidden_size")?,
        depth: fields.needed("num_layers")?,
        mlp_dim: fields.needed("ffn_hidden_size")?,
    };
    Ok(found("NeMo, without its classifier".to_owned(), architecture, shape))
}
