//! Hugging Face transformers: a folder with the `config.json` of the first model class that is exactly the model.
//!
//! Each class says what it cannot express; `model_type` in the plan asks for one by name.
//! Held to the library by `tests/libraries/trainers.rs`: every field, and the parameters of every part.

mod train;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Activation, Feature, Job, Piece, Pooling, Position, QkvBias};
use crate::diagnostic::Diagnostic;
use crate::emit::engine;
use crate::plan::ModelType;
use crate::vit::{TextFamily, Vit};

/// Fields of a config, by name.
type Fields = Vec<(&'static str, Value)>;

pub(super) fn print(job: &Job<'_>) -> Result<Vec<Piece>, Diagnostic> {
    let options = &job.emit.options;
    let chosen = match options.model_type {
        Some(model_type) => fields(job, model_type)?,
        None if options.text.is_some() => fields(job, ModelType::Siglip)?,
        None => {
            let likely = likely(&job.answer.vit);
            let exact = ModelType::ALL.iter().find_map(|&(_, model_type)| fields(job, model_type).ok());
            exact.map_or_else(|| fields(job, likely), Ok)?
        }
    };
    let mut pieces = vec![file(job, "config.json", chosen)?];
    if let Some(recipe) = job.recipe() {
        pieces.push(file(job, "training_args.json", train::fields(job, recipe)?)?);
    }
    Ok(pieces)
}

/// A JSON file of fields, sorted.
fn file(job: &Job<'_>, name: &str, fields: Fields) -> Result<Piece, Diagnostic> {
    let mut list: Vec<Field> = fields.into_iter().map(|(name, value)| Field { name, value }).collect();
    list.sort_by_key(|field| field.name);
    Ok(job.in_folder(name, engine::render("transformers.json.j2", Context { fields: list })?)?.into())
}

#[derive(Serialize)]
struct Context {
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    name: &'static str,
    value: Value,
}

/// The class whose refusal says most where all refuse.
fn likely(vit: &Vit) -> ModelType {
    let variant = &vit.architecture.variant;
    match vit.architecture.pooling {
        Pooling::Map => ModelType::SiglipVisionModel,
        Pooling::Average => ModelType::Ijepa,
        Pooling::Class if variant.position == Position::Rope => ModelType::Dinov3Vit,
        Pooling::Class if variant.masked > 0.0 => ModelType::VitMae,
        Pooling::Class if variant.pre_norm => ModelType::ClipVisionModel,
        Pooling::Class if variant.layer_scale.is_some() && variant.registers > 0 => ModelType::Dinov2WithRegisters,
        Pooling::Class if variant.layer_scale.is_some() => ModelType::Dinov2,
        Pooling::Class => ModelType::Vit,
    }
}

/// The fields of a config of that class, if it can be the model.
fn fields(job: &Job<'_>, model_type: ModelType) -> Result<Fields, Diagnostic> {
    match model_type {
        ModelType::SiglipVisionModel => siglip(job),
        ModelType::Siglip2VisionModel => siglip2(job),
        ModelType::Siglip => siglip_dual(job),
        ModelType::Vit => vit(job),
        ModelType::Ijepa => ijepa(job),
        ModelType::ClipVisionModel => clip(job),
        ModelType::VitMae => vit_mae(job),
        ModelType::Dinov2 | ModelType::Dinov2WithRegisters => dinov2(job, model_type),
        ModelType::Dinov3Vit => dinov3(job),
    }
}

/// The fields that every class has.
fn common(job: &Job<'_>, class: &str, model_type: ModelType) -> Result<Fields, Diagnostic> {
    match hidden_act(job) {
        Some(activation) => Ok(with_activation(job, class, model_type, activation)),
        None => Err(job.inexpressible("the activation `swiglu`", "its MLPs have no gate")),
    }
}

/// The activation of MLPs without a gate.
fn hidden_act(job: &Job<'_>) -> Option<&'static str> {
    match job.answer.vit.architecture.activation {
        Activation::Gelu => Some("gelu"),
        Activation::GeluTanh => Some("gelu_pytorch_tanh"),
        Activation::QuickGelu => Some("quick_gelu"),
        Activation::SwiGlu => None,
    }
}

fn with_activation(job: &Job<'_>, class: &str, model_type: ModelType, hidden_act: &str) -> Fields {
    let Vit { architecture, shape } = &job.answer.vit;
    vec![
        ("architectures", json!([class])),
        ("model_type", json!(model_type.name())),
        ("hidden_act", json!(hidden_act)),
        ("hidden_size", json!(shape.width)),
        ("image_size", json!(architecture.image)),
        ("intermediate_size", json!(shape.mlp_dim)),
        ("layer_norm_eps", json!(architecture.norm_epsilon)),
        ("num_attention_heads", json!(architecture.heads)),
        ("num_channels", json!(architecture.channels)),
        ("num_hidden_layers", json!(shape.depth)),
        ("patch_size", json!(architecture.patch)),
    ]
}

/// MAP pooling of the patches, and nothing else.
fn siglip(job: &Job<'_>) -> Result<Fields, Diagnostic> {
    let why = "a SigLIP vision model has a MAP head and neither class token nor classifier";
    let architecture = &job.answer.vit.architecture;
    job.only(|_| false, "a SigLIP vision model is the plain encoder")?;
    if architecture.class_token {
        return Err(job.use_timm("a class token", why));
    }
    match architecture.pooling {
        Pooling::Map => {}
        // `vision_use_head: false` leaves the tokens as they are; nobody would pool them.
        Pooling::Average => return Err(job.use_timm("average pooling", why)),
        Pooling::Class => return Err(job.use_timm("class pooling", why)),
    }
    no_classifier(job, why)?;
    let mut fields = common(job, "SiglipVisionModel", ModelType::SiglipVisionModel)?;
    fields.extend([("attention_dropout", json!(0.0)), ("vision_use_head", json!(true))]);
    Ok(fields)
}

/// The same for packed patches; it counts patches instead of pixels.
fn siglip2(job: &Job<'_>) -> Result<Fields, Diagnostic> {
    let mut fields = siglip(job)?;
    fields.retain(|(name, _)| !["architectures", "image_size", "model_type"].contains(name));
    fields.extend([
        ("architectures", json!(["Siglip2VisionModel"])),
        ("model_type", json!(ModelType::Siglip2VisionModel.name())),
        ("num_patches", json!(job.answer.vit.architecture.patches())),
    ]);
    Ok(fields)
}

/// Both towers of SigLIP, the text's of SigLIP-B where the plan names none; it is projected to the encoder's width.
fn siglip_dual(job: &Job<'_>) -> Result<Fields, Diagnostic> {
    let vision: serde_json::Map<String, Value> =
        siglip(job)?.into_iter().filter(|(name, _)| *name != "architectures").map(|(k, v)| (k.to_owned(), v)).collect();
    let text = job.text_tower(TextFamily::Siglip);
    let width = text.shared_width(job.answer.vit.shape.width);
    Ok(vec![
        ("architectures", json!(["SiglipModel"])),
        ("model_type", json!("siglip")),
        (
            "text_config",
            json!({
                "hidden_act": "gelu_pytorch_tanh",
                "hidden_size": text.shape.width,
                "intermediate_size": text.shape.mlp_dim,
                "model_type": "siglip_text_model",
                "num_attention_heads": text.heads,
                "num_hidden_layers": text.shape.depth,
                "projection_size": width,
            }),
        ),
        ("vision_config", Value::Object(vision)),
    ])
}

fn vit(job: &Job<'_>) -> Result<Fields, Diagnostic> {
    class_pooling(job, "a ViT of transformers reads its class token")?;
    job.only(only_qkv_bias, "a ViT of transformers is the plain encoder")?;
    let mut fields = common(job, "ViTForImageClassification", ModelType::Vit)?;
    fields.extend(classifier(job));
    Ok(fields)
}

/// The mean of the patches; the class for classification without labels is the encoder alone.
fn ijepa(job: &Job<'_>) -> Result<Fields, Diagnostic> {
    let architecture = &job.answer.vit.architecture;
    let why = "an I-JEPA model is the mean of its patches";
    if architecture.class_token {
        return Err(job.use_timm("a class token", why));
    }
    if architecture.pooling != Pooling::Average {
        return Err(job.use_timm("other pooling than the average", why));
    }
    job.only(only_qkv_bias, "an I-JEPA model is the plain encoder")?;
    let mut fields = common(job, "IJepaForImageClassification", ModelType::Ijepa)?;
    fields.extend(classifier(job));
    Ok(fields)
}

fn classifier(job: &Job<'_>) -> [(&'static str, Value); 2] {
    let architecture = &job.answer.vit.architecture;
    [("num_labels", json!(architecture.classes)), ("qkv_bias", json!(architecture.variant.qkv_bias == QkvBias::All))]
}

fn clip(job: &Job<'_>) -> Result<Fields, Diagnostic> {
    let why = "a CLIP vision model has a class token and no classifier";
    class_pooling(job, why)?;
    no_classifier(job, why)?;
    let variant = &job.answer.vit.architecture.variant;
    job.only(|feature| matches!(feature, Feature::PreNorm | Feature::NoPatchBias), "a CLIP vision model has none")?;
    if !variant.pre_norm || variant.patch_bias {
        let what = "an encoder without a norm before the first block, or with a bias of the patches";
        return Err(job.inexpressible(what, "a CLIP vision model has the norm and not the bias"));
    }
    let mut fields = common(job, "CLIPVisionModel", ModelType::ClipVisionModel)?;
    fields.push(("attention_dropout", json!(0.0)));
    Ok(fields)
}

/// The encoder of a masked autoencoder.
fn vit_mae(job: &Job<'_>) -> Result<Fields, Diagnostic> {
    let why = "the encoder of ViT-MAE has a class token and no classifier";
    class_pooling(job, why)?;
    no_classifier(job, why)?;
    let can = |feature| {
        let is_fixed = matches!(feature, Feature::Position(Position::SinCos2d) | Feature::Masked);
        is_fixed || only_qkv_bias(feature)
    };
    job.only(can, "the encoder of ViT-MAE is the plain one")?;
    let variant = &job.answer.vit.architecture.variant;
    if variant.position != Position::SinCos2d || variant.masked == 0.0 {
        let what = "learned positions, or an encoder that sees every patch";
        return Err(job.inexpressible(what, "a ViT-MAE has fixed positions and masks patches"));
    }
    let mut fields = common(job, "ViTMAEModel", ModelType::VitMae)?;
    let qkv_bias = variant.qkv_bias == QkvBias::All;
    fields.extend([("mask_ratio", json!(variant.masked)), ("qkv_bias", json!(qkv_bias))]);
    Ok(fields)
}

/// Its configs have an MLP ratio that must be a whole number, and ignore an MLP size.
fn dinov2(job: &Job<'_>, model_type: ModelType) -> Result<Fields, Diagnostic> {
    let why = "a DINOv2 model has a class token and no classifier";
    class_pooling(job, why)?;
    no_classifier(job, why)?;
    let Vit { architecture, shape } = &job.answer.vit;
    let with_registers = model_type == ModelType::Dinov2WithRegisters;
    let can = |feature| {
        let is_its_own = matches!(feature, Feature::LayerScale | Feature::MaskToken);
        is_its_own || only_qkv_bias(feature) || with_registers && feature == Feature::Registers
    };
    job.only(can, "a DINOv2 model has another encoder")?;
    let variant = &architecture.variant;
    let (Some(scale), true) = (variant.layer_scale, variant.mask_token) else {
        let what = "an encoder without a layer scale or without a mask token";
        return Err(job.inexpressible(what, "a DINOv2 model has both"));
    };
    if with_registers && variant.registers == 0 {
        return Err(job.inexpressible("an encoder without registers", "this model class is that with registers"));
    }
    let is_gated = architecture.activation == Activation::SwiGlu;
    // A gate takes two thirds of the ratio's size, up to a multiple of 8.
    let built = |ratio: u64| {
        let size = shape.width * ratio;
        if is_gated { (size * 2 / 3).next_multiple_of(8) } else { size }
    };
    let about = shape.mlp_dim / shape.width;
    let Some(ratio) = (about.max(1)..=about * 3 / 2 + 2).find(|&ratio| built(ratio) == shape.mlp_dim) else {
        let what = format!("an MLP of {} at width {}", shape.mlp_dim, shape.width);
        let why = "its MLP is a whole multiple of the width, and an MLP size in the config is ignored";
        return Err(job.inexpressible(&what, why).help("emit for timm, or describe the model of `dinov3_vit`"));
    };
    let class = if with_registers { "Dinov2WithRegistersModel" } else { "Dinov2Model" };
    // Its gate is always of SiLU, whatever the activation is said to be.
    let mut fields = with_activation(job, class, model_type, hidden_act(job).unwrap_or("silu"));
    fields.retain(|(name, _)| *name != "intermediate_size");
    fields.extend([
        ("layerscale_value", json!(scale)),
        ("mlp_ratio", json!(ratio)),
        ("qkv_bias", json!(variant.qkv_bias == QkvBias::All)),
        ("use_swiglu_ffn", json!(is_gated)),
    ]);
    fields.extend(with_registers.then(|| ("num_register_tokens", json!(variant.registers))));
    Ok(fields)
}

/// Rotary positions, a layer scale and a mask token; registers and gates as one likes.
fn dinov3(job: &Job<'_>) -> Result<Fields, Diagnostic> {
    let why = "a DINOv3 model has a class token and no classifier";
    class_pooling(job, why)?;
    no_classifier(job, why)?;
    let can = |feature| {
        matches!(
            feature,
            Feature::Registers
                | Feature::Position(Position::Rope)
                | Feature::QkvBias(_)
                | Feature::LayerScale
                | Feature::MaskToken
        )
    };
    job.only(can, "a DINOv3 model has another encoder")?;
    let architecture = &job.answer.vit.architecture;
    let variant = &architecture.variant;
    let (Some(scale), Position::Rope, true) = (variant.layer_scale, variant.position, variant.mask_token) else {
        let what = "an encoder without rotary positions, a layer scale or a mask token";
        let help = "write `position = rope`, `layer_scale = 1e-5` and `mask_token = true` in the model";
        return Err(job.inexpressible(what, "a DINOv3 model has all three").help(help));
    };
    let activation = hidden_act(job).unwrap_or("silu");
    let mut fields = with_activation(job, "DINOv3ViTModel", ModelType::Dinov3Vit, activation);
    let has = |bias: &[QkvBias]| json!(bias.contains(&variant.qkv_bias));
    fields.extend([
        ("attention_dropout", json!(0.0)),
        ("key_bias", has(&[QkvBias::All])),
        ("layerscale_value", json!(scale)),
        ("mlp_bias", json!(true)),
        ("num_register_tokens", json!(variant.registers)),
        ("proj_bias", json!(true)),
        ("query_bias", has(&[QkvBias::All, QkvBias::NoKey])),
        ("use_gated_mlp", json!(architecture.activation == Activation::SwiGlu)),
        ("value_bias", has(&[QkvBias::All, QkvBias::NoKey])),
    ]);
    Ok(fields)
}

/// The class token is read, and there is one.
fn class_pooling(job: &Job<'_>, why: &str) -> Result<(), Diagnostic> {
    match job.answer.vit.architecture.pooling {
        Pooling::Class => Ok(()),
        Pooling::Average => Err(job.use_timm("average pooling", why)),
        Pooling::Map => Err(job.use_timm("MAP pooling", why)),
    }
}

fn no_classifier(job: &Job<'_>, why: &str) -> Result<(), Diagnostic> {
    if job.answer.vit.architecture.classes > 0 { Err(job.use_timm("a classifier", why)) } else { Ok(()) }
}

const fn only_qkv_bias(feature: Feature) -> bool {
    matches!(feature, Feature::QkvBias(QkvBias::None))
}
