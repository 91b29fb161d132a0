//! Reads emitted configs as candle's `siglip::VisionConfig`, builds each encoder, and says what it has: a line of JSON a
//! case. Cases come as a list on standard input; each has the `path` of its folder.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;

use candle_core::{DType, Device, Tensor};
use candle_nn::{Activation, Module, VarBuilder, VarMap};
use candle_transformers::models::siglip::{VisionConfig, VisionModel};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let cases: Vec<Value> = serde_json::from_reader(io::stdin())?;
    for case in &cases {
        let path = case["path"].as_str().ok_or("a case has a path")?;
        println!("{}", built(&std::fs::read_to_string(format!("{path}/config.json"))?)?);
    }
    Ok(())
}

fn built(text: &str) -> Result<Value, Box<dyn Error>> {
    let config: VisionConfig = serde_json::from_str(text)?;
    let weights = VarMap::new();
    let model = VisionModel::new(&config, true, VarBuilder::from_varmap(&weights, DType::F32, &Device::Cpu))?;
    let mut parts = BTreeMap::<&str, usize>::new();
    let mut depth = 0;
    for (name, variable) in weights.data().lock().map_err(|_| "poisoned")?.iter() {
        *parts.entry(part(name)?).or_default() += variable.elem_count();
        let layer = name.strip_prefix("encoder.layers.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        depth = depth.max(layer.map_or(0, |layer| layer + 1));
    }
    let size = config.image_size;
    let image = Tensor::zeros((1, config.num_channels, size, size), DType::F32, &Device::Cpu)?;
    let vector = model.forward(&image)?;
    let positions = weights.data().lock().map_err(|_| "poisoned")?["embeddings.position_embedding.weight"].dims().to_vec();
    Ok(json!({
        "parts": parts,
        "params": parts.values().sum::<usize>(),
        "width": vector.dims().last(),
        "depth": depth,
        "mlp_dim": config.intermediate_size,
        "heads": config.num_attention_heads,
        "tokens": positions[0],
        "norm_epsilon": config.layer_norm_eps,
        "activation": if config.hidden_act == Activation::GeluPytorchTanh { "gelu_pytorch_tanh" } else { "another" },
    }))
}

/// The part of an encoder that a parameter belongs to, as sovitc counts it.
fn part(name: &str) -> Result<&'static str, String> {
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
