//! Encoders read back from the configs of trainers: transformers, timm, open_clip and big_vision.
//!
//! A config that leaves a size to the library's own defaults gets those defaults where they are one number for the
//! whole format, and is refused where they hang on a name that only the library knows.

use serde_json::{Map, Value};

use super::{
    Activation, Architecture, BlockForm, Norm, Pooling, Position, PositionRows, QkNorm, QkvBias, Shape, Variant, Vit,
    named,
};

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
    /// Not JSON, or no object; what the reader said.
    NotJson(String),
    /// JSON, but no config that is known.
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
        let known = "configs of transformers, timm, open_clip and big_vision are read";
        match self {
            Self::NotJson(why) => (format!("`{path}` is not the JSON of a config: {why}"), known.to_owned()),
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

/// Reads a config.
///
/// # Errors
/// Where the text is no config of an encoder that can be counted exactly.
pub fn read_config(text: &str) -> Result<ReadConfig, ConfigProblem> {
    let value: Value = serde_json::from_str(text).map_err(|error| ConfigProblem::NotJson(error.to_string()))?;
    let Value::Object(object) = value else { return Err(ConfigProblem::NotJson("no object".to_owned())) };
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
    Err(ConfigProblem::UnknownFormat)
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
mod tests {
    use super::*;

    fn params(text: &str) -> (String, u64) {
        let read = read_config(text).unwrap_or_else(|problem| panic!("{problem:?}: {text}"));
        let vit = read.vit.architecture.with(read.vit.shape).unwrap();
        (read.format, vit.cost().params)
    }

    const SIZES: &str = r#""hidden_size": 1152, "num_hidden_layers": 27, "intermediate_size": 4304,
        "num_attention_heads": 16, "patch_size": 14, "image_size": 224"#;

    /// Counts of the libraries themselves, on the meta device; see `tests/data/vit-cost`.
    #[test]
    fn configs_count_as_their_libraries_do() {
        for (kind, extra, counted) in [
            ("siglip_vision_model", "", 427_680_704),
            ("siglip_vision_model", r#", "vision_use_head": false"#, 412_442_352),
            ("clip_vision_model", "", 412_445_808),
            ("ijepa", "", 412_442_352),
            ("dinov3_vit", r#", "num_register_tokens": 4"#, 412_185_456),
            ("dinov3_vit", r#", "num_register_tokens": 4, "use_gated_mlp": true"#, 546_173_280),
            // With a pooler of D^2 + D, which is no part of the encoder, 413 772 912.
            ("vit", "", 413_772_912 - 1152 * 1152 - 1152),
            ("vit", r#", "qkv_bias": false"#, 413_679_600 - 1152 * 1152 - 1152),
            // Accepts the MLP size and builds 4 times the width.
            ("dinov2", "", 431_427_456),
        ] {
            let text = format!(r#"{{"model_type": "{kind}", {SIZES}{extra}}}"#);
            assert_eq!(params(&text), (format!("transformers {kind}"), counted), "{text}");
        }
        let two_towers = format!(r#"{{"model_type": "siglip", "vision_config": {{{SIZES}}}}}"#);
        assert_eq!(params(&two_towers).1, 427_680_704);
    }

    #[test]
    fn other_trainers_are_read_too() {
        let timm = r#"{"architecture": "vit_so400m_patch14_siglip_224", "num_classes": 0, "model_args": {
            "img_size": 224, "patch_size": 14, "embed_dim": 1152, "depth": 27, "num_heads": 16, "mlp_ratio": 3.7362,
            "class_token": false, "global_pool": "map"}}"#;
        assert_eq!(params(timm), ("timm".to_owned(), 427_680_704));
        let parallel = r#"{"architecture": "vit_base_patch16_xp_224", "num_classes": 0, "model_args": {
            "img_size": 224, "patch_size": 14, "embed_dim": 1152, "depth": 27, "num_heads": 16, "mlp_ratio": 3.7362,
            "class_token": false, "global_pool": "map", "pre_norm": false, "norm_layer": "layernorm", "qk_norm": false,
            "qkv_bias": true}}"#;
        // A norm less in each block; and without shifts in all that are left.
        assert_eq!(params(parallel).1, 427_680_704 - 27 * 2 * 1152);
        assert_eq!(params(&parallel.replace("layernorm", "rmsnorm")).1, 427_680_704 - (27 * 3 + 2) * 1152);
        let open_clip = r#"{"embed_dim": 512, "vision_cfg": {"image_size": 224, "layers": 27, "width": 1152,
            "head_width": 72, "mlp_ratio": 3.7362, "patch_size": 14}}"#;
        assert_eq!(params(open_clip).1, 412_445_808);
        for model in [
            r#"{"variant": "So400m/14", "pool_type": "map"}"#,
            r#"{"width": 1152, "depth": 27, "mlp_dim": 4304, "num_heads": 16, "patch_size": [14, 14], "pool_type": "map"}"#,
        ] {
            let text = format!(r#"{{"model_name": "vit", "num_classes": 0, "model": {model}}}"#);
            assert_eq!(params(&text), ("big_vision".to_owned(), 427_680_704));
        }
    }

    #[test]
    fn what_says_no_encoder_is_refused() {
        let problem = |text: &str| read_config(text).unwrap_err();
        assert!(matches!(problem("{"), ConfigProblem::NotJson(_)));
        assert!(matches!(problem("[1]"), ConfigProblem::NotJson(_)));
        assert_eq!(problem("{}"), ConfigProblem::UnknownFormat);
        assert_eq!(problem(r#"{"model_type": "bert"}"#), ConfigProblem::UnknownModel("bert".to_owned()));
        assert_eq!(problem(r#"{"model_type": "vit"}"#), ConfigProblem::Missing("hidden_size"));
        let wide = r#"{"model_type": "vit", "hidden_size": "1152"}"#;
        assert_eq!(problem(wide), ConfigProblem::Field("hidden_size", "\"1152\"".to_owned()));
    }
}
