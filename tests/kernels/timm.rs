//! A whole forward pass by the kernels beside timm's: the model of the emitted config on the CPU in double precision, with
//! the same weights by the names that they are packed from.

use serde_json::{Value, json};
use sovitc::disk::write_all;
use sovitc::emit::render;
use sovitc::kernel::weights;
use sovitc::plan::Target;
use sovitc::vit::{
    Activation, Architecture, Halves, KernelForm, LayerNorm, Pixels, Pooling, PositionRows, QkNorm, Variant, Vit,
};

use crate::forward::{Trial, Weights};
use crate::python::{TORCH, described};
use crate::{so400m, support};

/// The weights as timm calls them, the rows of a part behind the name.
fn by_timm(vit: &Vit, weights_here: &Weights) -> Vec<Value> {
    let blocks = 0..vit.shape.depth;
    let of_block = |name: &str, block: u64| name.replace('*', &block.to_string());
    let mut list = Vec::new();
    for weight in weights(vit) {
        let timm = weight.timm.expect("timm has all of them");
        let times = if weight.name.contains('*') { blocks.end } else { 1 };
        list.extend((0..times).map(|block| {
            let values = &weights_here[&of_block(&weight.name, block)];
            json!({ "name": of_block(&timm, block), "values": values })
        }));
    }
    list
}

/// Models with every pooling, which timm has, too.
fn models() -> [Architecture; 3] {
    let base = Architecture { image: 56, heads: 2, classes: 10, ..Architecture::default() };
    let variant = Variant {
        registers: 4,
        position_rows: PositionRows::All,
        layer_scale: Some(1e-5),
        pre_norm: true,
        patch_bias: false,
        ..Variant::default()
    };
    let mean = Architecture { pooling: Pooling::Average, class_token: true, variant, ..base };
    let normed =
        Variant { registers: 1, position_rows: PositionRows::Patches, qk_norm: QkNorm::Layer, ..Variant::default() };
    [
        base,
        Architecture { activation: Activation::Gelu, ..mean },
        Architecture { pooling: Pooling::Class, class_token: true, variant: normed, classes: 0, ..base },
    ]
}

#[test]
fn every_pooling_computes_what_timm_does() {
    const TEST: &str = "kernels::timm::every_pooling_computes_what_timm_does";
    need_compiler!("timm::every_pooling_computes_what_timm_does");
    if let Err(reason) = TORCH.has("timm") {
        return support::skip("timm", TEST, &reason);
    }
    let out = tempfile::tempdir().unwrap();
    let trials = models().map(|architecture| Trial::new(architecture, Pixels::Uint8, 2));
    let cases: Vec<Value> = trials
        .iter()
        .enumerate()
        .map(|(number, trial)| {
            let folder = out.path().join(number.to_string());
            let mut case = so400m::case();
            case.answers[0].vit.shape = trial.vit.shape;
            let case = case.with(trial.vit.architecture).emitting(&[(Target::Timm, "timm")]);
            write_all(&folder, &render(&case.request()).unwrap()).unwrap();
            let weights = by_timm(&trial.vit, &trial.weights);
            json!({ "path": folder.join("flagship/timm"), "weights": weights, "images": trial.images.seen() })
        })
        .collect();
    let floats = Halves::ALL.map(|halves| KernelForm { halves, ..KernelForm::default() });
    let folded = KernelForm { layernorm: LayerNorm::Folded, halves: Halves::ALL[2], ..KernelForm::default() };
    for (trial, timm) in trials.iter().zip(described("check_kernels.py", &cases)) {
        let list = |name: &str| serde_json::from_value::<Vec<f64>>(timm[name].clone()).unwrap();
        for form in floats.iter().chain([&folded]) {
            trial.by_kernels(form).agrees(&list("vectors"), &list("classes"));
        }
    }
}
