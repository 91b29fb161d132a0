//! Encoders read back from the configs of trainers: transformers, timm, open_clip, big_vision, Lightning and NeMo.
//!
//! A config that leaves a size to the library's own defaults gets those defaults where they are one number for the
//! whole format, and is refused where they hang on a name that only the library knows.

use serde_json::{Map, Value, json};

use super::{
    Activation, Architecture, BlockForm, Norm, Pooling, Position, PositionRows, QkNorm, QkvBias, Shape, Variant, Vit,
    named,
};
use crate::source::yaml;

/// What a config is of.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadConfig {
    /// The format, such as `transformers siglip_vision_model`.
    pub format: String,
    /// The encoder, of which [`Architecture::with`] may still say that it cannot be built.
    pub vit: Vit,
}

/// Why a config says no encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigProblem {
    /// Neither JSON nor YAML, or nothing with fields; what the reader said.
    Broken(String),
    /// JSON or YAML, but no config that is known.
    UnknownFormat,
    /// A model that is no encoder that is known.
    UnknownModel(String),
    /// A field that is needed and has no default.
    Missing(&'static str),
    /// A field whose value means nothing here.
    Field(&'static str, String),
}

impl ConfigProblem {
    /// What is wrong with the config at `path`, and what to do.
    pub fn says(&self, path: &str) -> (String, String) {
        let known = "configs of transformers, timm, open_clip, big_vision, Lightning and NeMo are read";
        match self {
            Self::Broken(why) => (format!("`{path}` is no config: {why}"), known.to_owned()),
            Self::UnknownFormat => (format!("`{path}` is the config of no trainer that is known"), known.to_owned()),
            Self::UnknownModel(name) => (
                format!("`{path}` is of `{name}`, which is no encoder that can be counted"),
                "give its sizes instead".to_owned(),
            ),
            Self::Missing(field) => {
                (format!("`{path}` leaves `{field}` to its library"), format!("write `{field}` in the config"))
            }
            Self::Field(field, value) => (
                format!("`{field}` of `{path}` is {value}, which means nothing here"),
                "correct it, or give the sizes instead".to_owned(),
            ),
        }
    }
}

/// Reads a config, in JSON or YAML.
///
/// # Errors
/// Where the text is no config of an encoder that can be counted exactly.
pub fn read_config(text: &str) -> Result<ReadConfig, ConfigProblem> {
    let Value::Object(object) = parsed(text)? else { return Err(ConfigProblem::Broken("it has no fields".to_owned())) };
    if let Some(kind) = object.get("model_type").and_then(Value::as_str) {
        return transformers(kind, &Fields(&object));
    }
    if let Some(Value::Object(arguments)) = object.get("model_args") {
        return timm(&Fields(&object), &Fields(arguments));
    }
    if let Some(Value::Object(vision)) = object.get("vision_cfg") {
        return open_clip(&Fields(&object), &Fields(vision));
    }
    if let Some(Value::Object(model)) = object.get("model")
        && (model.contains_key("width") || model.contains_key("variant"))
    {
        return big_vision(&Fields(&object), &Fields(model));
    }
    if object.get("model_kwargs").is_some_and(Value::is_object) || object.get("model").is_some_and(Value::is_string) {
        return timm_arguments(&Fields(&object));
    }
    if let Some(Value::Object(model)) = object.get("model")
        && model.contains_key("patch_dim")
    {
        return nemo(&Fields(model));
    }
    if let Some(encoder) = object.get("model").and_then(|model| model["init_args"].get("encoder")) {
        return lightning(encoder);
    }
    Err(ConfigProblem::UnknownFormat)
}

/// JSON where the text begins as such, else YAML, which may say anything in one line.
fn parsed(text: &str) -> Result<Value, ConfigProblem> {
    if text.trim_start().starts_with(['{', '[']) {
        return serde_json::from_str(text).map_err(|error| ConfigProblem::Broken(format!("it is no JSON: {error}")));
    }
    yaml(text).map_err(|bad| ConfigProblem::Broken(format!("it {}", bad.what)))
}

struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A whole number, or the one that a list such as `[14, 14]` repeats.
    fn size(&self, name: &'static str) -> Result<Option<u64>, ConfigProblem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let whole = |value: &Value| value.as_u64();
        let found = match value {
            Value::Array(list) if !list.is_empty() && list.iter().all(|item| item == &list[0]) => whole(&list[0]),
            value => whole(value),
        };
        found.map(Some).ok_or_else(|| ConfigProblem::Field(name, value.to_string()))
    }

    fn needed(&self, name: &'static str) -> Result<u64, ConfigProblem> {
        self.size(name)?.ok_or(ConfigProblem::Missing(name))
    }

    fn or(&self, name: &'static str, default: u64) -> Result<u64, ConfigProblem> {
        Ok(self.size(name)?.unwrap_or(default))
    }

    fn flag(&self, name: &'static str, default: bool) -> Result<bool, ConfigProblem> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| ConfigProblem::Field(name, value.to_string())),
        }
    }

    fn number(&self, name: &'static str) -> Result<Option<f64>, ConfigProblem> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| ConfigProblem::Field(name, value.to_string())),
        }
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, ConfigProblem> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| ConfigProblem::Field(name, value.to_string())),
        }
    }

    fn activation(&self, name: &'static str, default: Activation) -> Result<Activation, ConfigProblem> {
        match self.text(name)? {
            None => Ok(default),
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_pytorch_tanh" | "gelu_tanh" | "gelu_new") => Ok(Activation::GeluTanh),
            Some("quick_gelu") => Ok(Activation::QuickGelu),
            Some(other) => Err(ConfigProblem::Field(name, other.to_owned())),
        }
    }

    /// `int(width * ratio)`, as every library that has a ratio computes.
    fn mlp(&self, width: u64, default: f64) -> Result<u64, ConfigProblem> {
        Ok((width as f64 * self.number("mlp_ratio")?.unwrap_or(default)) as u64)
    }
}

const fn found(format: String, architecture: Architecture, shape: Shape) -> ReadConfig {
    ReadConfig { format, vit: Vit { architecture, shape } }
}

fn transformers(kind: &str, fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    let format = format!("transformers {kind}");
    // Of two towers the vision one.
    if let Some(Value::Object(vision)) = fields.get("vision_config") {
        let vision = Fields(vision);
        let inner = vision.text("model_type")?.unwrap_or(match kind {
            "siglip" => "siglip_vision_model",
            "clip" => "clip_vision_model",
            other => return Err(ConfigProblem::UnknownModel(other.to_owned())),
        });
        return Ok(ReadConfig { format, ..transformers(inner, &vision)? });
    }
    let plain = Variant::default();
    let learned = |variant| (Pooling::Class, true, Activation::Gelu, 1e-12, variant);
    let (pooling, class_token, activation, epsilon, variant) = match kind {
        "siglip_vision_model" => {
            let pooling = if fields.flag("vision_use_head", true)? { Pooling::Map } else { Pooling::Average };
            (pooling, false, Activation::GeluTanh, 1e-6, plain)
        }
        "clip_vision_model" => {
            let variant = Variant { pre_norm: true, patch_bias: false, ..plain };
            (Pooling::Class, true, Activation::QuickGelu, 1e-5, variant)
        }
        "vit" => {
            let bias = if fields.flag("qkv_bias", true)? { QkvBias::All } else { QkvBias::None };
            learned(Variant { qkv_bias: bias, ..plain })
        }
        "ijepa" => (Pooling::Average, false, Activation::Gelu, 1e-12, plain),
        "vit_mae" => {
            let masked = fields.number("mask_ratio")?.unwrap_or(0.75);
            learned(Variant { position: Position::SinCos2d, masked, ..plain })
        }
        "dinov2" | "dinov2_with_registers" => {
            let registers = if kind == "dinov2" { 0 } else { fields.or("num_register_tokens", 4)? };
            let scale = Some(fields.number("layerscale_value")?.unwrap_or(1.0));
            let (pooling, class, activation, _, variant) =
                learned(Variant { registers, layer_scale: scale, mask_token: true, ..plain });
            (pooling, class, activation, 1e-6, variant)
        }
        "dinov3_vit" => {
            let bias = match (fields.flag("query_bias", true)?, fields.flag("key_bias", false)?) {
                (true, true) => QkvBias::All,
                (true, false) => QkvBias::NoKey,
                (false, _) => QkvBias::None,
            };
            let variant = Variant {
                registers: fields.or("num_register_tokens", 0)?,
                position: Position::Rope,
                qkv_bias: bias,
                layer_scale: Some(fields.number("layerscale_value")?.unwrap_or(1.0)),
                mask_token: true,
                ..plain
            };
            (Pooling::Class, true, Activation::Gelu, 1e-5, variant)
        }
        other => return Err(ConfigProblem::UnknownModel(other.to_owned())),
    };
    let width = fields.needed("hidden_size")?;
    let activation = if kind == "dinov3_vit" && fields.flag("use_gated_mlp", false)?
        || kind.starts_with("dinov2") && fields.flag("use_swiglu_ffn", false)?
    {
        Activation::SwiGlu
    } else {
        fields.activation("hidden_act", activation)?
    };
    let mlp_dim = if kind.starts_with("dinov2") {
        // `intermediate_size` is accepted and ignored; gated MLPs are two thirds, up to a multiple of 8.
        let hidden = fields.mlp(width, 4.0)?;
        if activation == Activation::SwiGlu { (hidden * 2 / 3).next_multiple_of(8) } else { hidden }
    } else {
        fields.needed("intermediate_size")?
    };
    let architecture = Architecture {
        image: fields.needed("image_size")?,
        patch: fields.needed("patch_size")?,
        channels: fields.or("num_channels", 3)?,
        heads: fields.needed("num_attention_heads")?,
        pooling,
        class_token,
        classes: 0,
        activation,
        norm_epsilon: fields.number("layer_norm_eps")?.unwrap_or(epsilon),
        variant,
    };
    let depth = fields.needed("num_hidden_layers")?;
    Ok(found(format, architecture, Shape { width, depth, mlp_dim }))
}

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

fn timm(config: &Fields<'_>, fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
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
fn timm_arguments(arguments: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    let mut sizes = arguments.get("model_kwargs").and_then(Value::as_object).cloned().unwrap_or_default();
    for (argument, name) in [("gp", "global_pool"), ("in_chans", "in_chans")] {
        sizes.extend(arguments.get(argument).map(|value| (name.to_owned(), value.clone())));
    }
    let classes = arguments.or("num_classes", IMAGENET)?;
    let config = Map::from_iter([("num_classes".to_owned(), json!(classes))]);
    Ok(ReadConfig { format: "timm train.py".to_owned(), ..timm(&Fields(&config), &Fields(&sizes))? })
}

/// Classes of timm's models unless it is told otherwise.
const IMAGENET: u64 = 1000;

/// The `encoder` of a `LightningCLI`: timm's class with its arguments.
fn lightning(encoder: &Value) -> Result<ReadConfig, ConfigProblem> {
    let class = encoder["class_path"].as_str().unwrap_or("an encoder without `class_path`");
    if !["timm.models.VisionTransformer", "timm.models.vision_transformer.VisionTransformer"].contains(&class) {
        return Err(ConfigProblem::UnknownModel(class.to_owned()));
    }
    let mut arguments = encoder["init_args"].as_object().cloned().unwrap_or_default();
    arguments.entry("num_classes").or_insert(json!(IMAGENET));
    let arguments = Fields(&arguments);
    Ok(ReadConfig { format: "Lightning, timm".to_owned(), ..timm(&arguments, &arguments)? })
}

/// The encoder of NeMo's ViT classification, without its classifier.
fn nemo(fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
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
        norm_epsilon: fields.number("layernorm_epsilon")?.unwrap_or(1e-5),
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

fn open_clip(config: &Fields<'_>, fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    if fields.get("timm_model_name").is_some() {
        return Err(ConfigProblem::UnknownModel("a timm tower, whose sizes timm knows".to_owned()));
    }
    let width = fields.or("width", 768)?;
    let head_width = fields.or("head_width", 64)?;
    let quick = config.flag("quick_gelu", false)?;
    let architecture = Architecture {
        image: fields.or("image_size", 224)?,
        patch: fields.or("patch_size", 16)?,
        heads: width.checked_div(head_width).unwrap_or(0),
        pooling: Pooling::Class,
        class_token: true,
        activation: if quick { Activation::QuickGelu } else { Activation::Gelu },
        norm_epsilon: 1e-5,
        variant: Variant {
            pre_norm: true,
            patch_bias: false,
            layer_scale: fields.number("ls_init_value")?,
            ..Variant::default()
        },
        ..Architecture::default()
    };
    let shape = Shape { width, depth: fields.or("layers", 12)?, mlp_dim: fields.mlp(width, 4.0)? };
    // The projection is no part of the encoder.
    Ok(found("open_clip, without its projection".to_owned(), architecture, shape))
}

fn big_vision(config: &Fields<'_>, fields: &Fields<'_>) -> Result<ReadConfig, ConfigProblem> {
    let (mut shape, mut heads, mut patch) = (None, None, None);
    if let Some(variant) = fields.text("variant")? {
        let unknown = || ConfigProblem::Field("variant", variant.to_owned());
        let (name, side) = variant.split_once('/').ok_or_else(unknown)?;
        let entry = match name {
            "Ti" => named("vit_ti16"),
            "S" => named("vit_s16"),
            "B" => named("vit_b16"),
            "L" => named("vit_l16"),
            "So400m" => named("sovit_400m14"),
            "H" => named("vit_h14"),
            "g" => named("vit_g14"),
            "G" => named("vit_gigantic14"),
            "e" => named("vit_e14"),
            _ => None,
        };
        let entry = entry.ok_or_else(unknown)?;
        shape = Some(entry.shape);
        heads = Some(entry.heads);
        patch = Some(side.parse().map_err(|_| unknown())?);
    }
    let size = |name: &'static str, known: Option<u64>| -> Result<u64, ConfigProblem> {
        fields.size(name)?.or(known).ok_or(ConfigProblem::Missing(name))
    };
    let shape = Shape {
        width: size("width", shape.map(|shape| shape.width))?,
        depth: size("depth", shape.map(|shape| shape.depth))?,
        mlp_dim: size("mlp_dim", shape.map(|shape| shape.mlp_dim))?,
    };
    let pooling = match fields.text("pool_type")?.unwrap_or("gap") {
        "map" => Pooling::Map,
        "gap" => Pooling::Average,
        "tok" => Pooling::Class,
        other => return Err(ConfigProblem::Field("pool_type", other.to_owned())),
    };
    let class_token = pooling == Pooling::Class;
    let variant = Variant {
        position: if fields.text("posemb")? == Some("sincos2d") { Position::SinCos2d } else { Position::Learned },
        position_rows: if class_token { PositionRows::Patches } else { PositionRows::default() },
        ..Variant::default()
    };
    let architecture = Architecture {
        image: config.or("image_size", 224)?,
        patch: size("patch_size", patch)?,
        heads: size("num_heads", heads)?,
        pooling,
        class_token,
        classes: config.or("num_classes", 0)?,
        variant,
        ..Architecture::default()
    };
    Ok(found("big_vision".to_owned(), architecture, shape))
}

#[cfg(test)]
mod tests;
