//! timm: a folder with the `config.json` that `create_model("local-dir:...")` and the hub read.
//!
//! `model_args` override every size of the named architecture, which only chooses the model class. timm moves the final
//! norm behind average pooling (`fc_norm`), which changes no count.

use serde::Serialize;
use serde_json::Value;

use super::{Activation, FIXED_EPSILON, Job, Pooling};
use crate::diagnostic::Diagnostic;
use crate::emit::{Artefact, codes, engine, ratio};
use crate::vit::Vit;

pub(super) fn print(job: &Job<'_>) -> Result<Artefact, Diagnostic> {
    let vit = job.answer.vit;
    let architecture = &vit.architecture;
    if architecture.norm_epsilon != FIXED_EPSILON {
        return Err(job
            .inexpressible("this layer norm epsilon", "its configs name a norm, whose epsilon is 1e-6")
            .help("use the epsilon 1e-6 in the model, or emit for transformers"));
    }
    let context = Context {
        vit,
        architecture: match architecture.pooling {
            Pooling::Map => "vit_so400m_patch14_siglip_224",
            Pooling::Average | Pooling::Class => "vit_base_patch16_224",
        },
        global_pool: match architecture.pooling {
            Pooling::Map => "map",
            Pooling::Average => "avg",
            Pooling::Class => "token",
        },
        // The MAP probe attends to every token; timm would leave the class token out.
        pool_include_prefix: architecture.class_token && architecture.pooling == Pooling::Map,
        act_layer: match architecture.activation {
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu_tanh",
        },
        mlp_ratio: ratio::mlp_ratio(vit.shape.width, vit.shape.mlp_dim),
    };
    let text = engine::render("timm.json.j2", context)?;
    recheck(&text, &vit)?;
    job.in_folder("config.json", text)
}

#[derive(Serialize)]
struct Context {
    vit: Vit,
    architecture: &'static str,
    global_pool: &'static str,
    pool_include_prefix: bool,
    act_layer: &'static str,
    mlp_ratio: f64,
}

/// Reads the text as timm does and computes the MLP size it would build.
fn recheck(text: &str, vit: &Vit) -> Result<(), Diagnostic> {
    let config: Value = serde_json::from_str(text).unwrap_or_default();
    let arguments = &config["model_args"];
    let width = arguments["embed_dim"].as_u64();
    let built = width.zip(arguments["mlp_ratio"].as_f64()).map(|(width, ratio)| ratio::truncated(width, ratio));
    if built == Some(vit.shape.mlp_dim) {
        return Ok(());
    }
    let message = format!("the timm config would build an MLP of {built:?}, not {}", vit.shape.mlp_dim);
    Err(Diagnostic::error(codes::RECHECK, message).note("this is a fault of sovitc, not of the plan"))
}
