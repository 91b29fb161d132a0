//! Encoders read back from the configs of trainers: transformers, timm, open_clip, big_vision, Lightning and NeMo.
//!
//! A config that leaves a size to the library's own defaults gets those defaults where they are one number for the
//! whole format, and is refused where they hang on a name that only the library knows.

mod big_vision;
mod nemo;
mod open_clip;
mod python;
mod timm;
mod transformers;

use serde_json::{Map, Value};

use super::{Activation, Architecture, Shape, Vit};
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
    /// Neither JSON nor YAML nor Python of big_vision, or nothing with fields; what the reader said.
    Broken(String),
    /// JSON or YAML, but no config that is known.
    UnknownFormat,
    /// A model that is no encoder that is known.
    UnknownModel(String),
    /// A model of timm's, by its name alone.
    NameOfTimm(String),
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
            Self::NameOfTimm(name) => (
                format!("`{path}` names `{name}` of timm, and says none of its sizes"),
                "read a config of timm for it, or give its sizes instead".to_owned(),
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

/// Reads a config, in JSON, YAML or the Python of big_vision.
///
/// # Errors
/// Where the text is no config of an encoder that can be counted exactly.
pub fn read_config(text: &str) -> Result<ReadConfig, ConfigProblem> {
    let Value::Object(object) = parsed(text)? else { return Err(ConfigProblem::Broken("it has no fields".to_owned())) };
    if let Some(kind) = object.get("model_type").and_then(Value::as_str) {
        return transformers::read(kind, &Fields(&object));
    }
    if let Some(Value::Object(arguments)) = object.get("model_args") {
        return timm::read(&Fields(&object), &Fields(arguments));
    }
    if let Some(Value::Object(vision)) = object.get("vision_cfg") {
        return open_clip::read(&Fields(&object), &Fields(vision));
    }
    if let Some(Value::Object(model)) = object.get("model")
        && (model.contains_key("width") || model.contains_key("variant"))
    {
        return big_vision::read(&Fields(&object), &Fields(model));
    }
    if object.get("model_kwargs").is_some_and(Value::is_object) || object.get("model").is_some_and(Value::is_string) {
        return timm::arguments(&Fields(&object));
    }
    if let Some(Value::Object(model)) = object.get("model")
        && model.contains_key("patch_dim")
    {
        return nemo::read(&Fields(model));
    }
    if let Some(encoder) = object.get("model").and_then(|model| model["init_args"].get("encoder")) {
        return timm::lightning(encoder);
    }
    Err(ConfigProblem::UnknownFormat)
}

/// JSON where the text begins as such, Python where it has what big_vision calls, else YAML, which may say anything in
/// one line.
fn parsed(text: &str) -> Result<Value, ConfigProblem> {
    if text.lines().any(|line| line.starts_with("def get_config(")) {
        return Ok(python::assigned(text, "config"));
    }
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

    /// What a norm adds to the variance.
    fn epsilon(&self, name: &'static str, default: f64) -> Result<f64, ConfigProblem> {
        match self.number(name)?.unwrap_or(default) {
            epsilon if epsilon > 0.0 => Ok(epsilon),
            epsilon => Err(ConfigProblem::Field(name, epsilon.to_string())),
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

    /// Refuses a field that is neither absent nor as the encoders that are counted have it.
    fn only(&self, name: &'static str, usual: impl Into<Value>) -> Result<(), ConfigProblem> {
        let usual = usual.into();
        match self.get(name) {
            Some(value) if *value != usual => Err(ConfigProblem::Field(name, value.to_string())),
            _ => Ok(()),
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

#[cfg(test)]
mod tests;
