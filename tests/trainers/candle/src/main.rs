//! Reads emitted configs as candle's `siglip::VisionConfig`, builds each encoder, and says what it has: a line of JSON a
//! case. Cases come as a list on standard input; each has the `path` of its folder, and `forward` where an image is to
//! pass through it. All weights are zero.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Activation, Init, Module, VarBuilder};
use candle_transformers::models::siglip::{VisionConfig, VisionModel};
use serde_json::{Value, json};

/// The weights that a model asks for: their names and sizes.
type Asked = Arc<Mutex<BTreeMap<String, Vec<usize>>>>;

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let cases: Vec<Value> = serde_json::from_reader(io::stdin())?;
    for case in &cases {
        let path = case["path"].as_str().ok_or("a case has a path")?;
        println!("{}", built(&std::fs::read_to_string(format!("{path}/config.json"))?, case["forward"] == true)?);
    }
    Ok(())
}

fn built(text: &str, forward: bool) -> std::result::Result<Value, Box<dyn Error>> {
    let config: VisionConfig = serde_json::from_str(text)?;
    let asked = Asked::default();
    let weights = VarBuilder::from_backend(Box::new(Zeros(asked.clone())), DType::F32, Device::Cpu);
    let model = VisionModel::new(&config, true, weights)?;
    let weights = asked.lock().unwrap_or_else(PoisonError::into_inner);
    let mut parts = BTreeMap::<&str, usize>::new();
    let mut depth = 0;
    for (name, sizes) in weights.iter() {
        *parts.entry(part(name)?).or_default() += sizes.iter().product::<usize>();
        let layer = name.strip_prefix("encoder.layers.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        depth = depth.max(layer.map_or(0, |layer| layer + 1));
    }
    let mut width = weights["post_layernorm.weight"][0];
    if forward {
        let image = (1, config.num_channels, config.image_size, config.image_size);
        let vector = model.forward(&Tensor::zeros(image, DType::F32, &Device::Cpu)?)?;
        width = *vector.dims().last().ok_or("a vector has a size")?;
    }
    Ok(json!({
        "version": version(),
        "parts": parts,
        "params": parts.values().sum::<usize>(),
        "width": width,
        "depth": depth,
        "mlp_dim": config.intermediate_size,
        "heads": config.num_attention_heads,
        "tokens": weights["embeddings.position_embedding.weight"][0],
        "norm_epsilon": config.layer_norm_eps,
        "activation": if config.hidden_act == Activation::GeluPytorchTanh { "gelu_pytorch_tanh" } else { "another" },
    }))
}

/// Zeros of any name and size, which takes no memory before someone reads them; notes what was asked for.
struct Zeros(Asked);

impl SimpleBackend for Zeros {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(name.to_owned(), shape.dims().to_vec());
        Tensor::zeros(shape, dtype, device)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("{name} is asked for without a size")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// The version of candle that this program is built with.
fn version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let package = lock.split("name = \"candle-transformers\"\nversion = \"").nth(1);
    package.and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

/// The part of an encoder that a parameter belongs to, as sovitc counts it.
fn part(name: &str) -> std::result::Result<&'static str, String> {
    let parts = [
        ("embeddings.patch_embedding", "patch_embedding"),
        ("embeddings.position_embedding", "position_embedding"),
        ("self_attn", "attention"),
        ("encoder.layers", if name.contains("layer_norm") { "block_norms" } else { "mlp" }),
        ("post_layernorm", "final_norm"),
        ("head.", "pooling"),
    ];
    let found = parts.into_iter().find(|(word, _)| name.contains(word)).map(|(_, part)| part);
    found.ok_or_else(|| format!("no part has the parameter {name}"))
}
