//! Text towers and contrastive losses: parameters, FLOPs and bytes equal those of open_clip and transformers.
//!
//! Skipped aloud where `$SOVIT_PYTHON` has no torch, open_clip and transformers; a failure where `SOVIT_REQUIRE` lists
//! them.

use serde_json::{Value, json};
use sovitc::vit::{
    Activation, Contrastive, ContrastiveLoss, NumberFormat, Shape, Step, TextFamily, TextTower, Vit, named, named_text,
};

use crate::{python, support};

fn is_skipped(test: &str) -> bool {
    for module in ["torch", "open_clip", "transformers"] {
        if let Err(reason) = python::has(module) {
            support::skip(module, test, &reason);
            return true;
        }
    }
    false
}

fn text(name: &str) -> TextTower {
    named_text(name).unwrap().tower
}

fn image(name: &str, size: u64) -> Vit {
    let mut vit = named(name).unwrap().vit();
    vit.architecture.image = size;
    vit
}

fn with(text: TextTower) -> Contrastive {
    Contrastive { text, global_batch: 1024, loss: ContrastiveLoss::of(text.family) }
}

/// Both towers as the configs of transformers name their sizes.
fn config(vit: &Vit, text: &TextTower) -> Value {
    let tower = |shape: &Shape, heads: u64| {
        json!({
            "hidden_size": shape.width, "intermediate_size": shape.mlp_dim,
            "num_hidden_layers": shape.depth, "num_attention_heads": heads,
        })
    };
    let mut vision = tower(&vit.shape, vit.architecture.heads);
    vision["image_size"] = json!(vit.architecture.image);
    vision["patch_size"] = json!(vit.architecture.patch);
    let mut words = tower(&text.shape, text.heads);
    words["vocab_size"] = json!(text.vocabulary);
    words["max_position_embeddings"] = json!(text.context);
    words["projection_size"] = json!(vit.shape.width);
    json!({"vision_config": vision, "text_config": words, "projection_dim": text.shape.width})
}

#[test]
fn both_towers_have_the_parameters_and_flops_of_the_libraries() {
    if is_skipped("both_towers_have_the_parameters_and_flops_of_the_libraries") {
        return;
    }
    let short = TextTower { context: 16, ..text("siglip_so400m") };
    let open_clip = [
        ("ViT-B-16-SigLIP", image("siglip_b16", 224), text("siglip_b")),
        ("ViT-L-16-SigLIP-256", image("siglip_l16", 256), text("siglip_l")),
        ("ViT-SO400M-14-SigLIP", image("siglip_so400m14", 224), short),
        ("ViT-B-16-SigLIP2", image("siglip_b16", 224), text("siglip2_b")),
        ("ViT-SO400M-14-SigLIP2", image("siglip_so400m14", 224), text("siglip2_so400m")),
        ("ViT-gopt-16-SigLIP2-256", image("siglip2_g16", 256), text("siglip2_so400m")),
        ("ViT-B-32", image("clip_b32", 224), text("clip_b")),
        ("ViT-L-14", image("clip_l14", 224), text("clip_l")),
    ];
    let mut cases: Vec<(Vit, TextTower, Value)> = open_clip
        .into_iter()
        .map(|(name, vit, text)| (vit, text, json!({"kind": "model", "library": "open_clip", "name": name})))
        .collect();
    for (vit, text) in [
        (image("siglip_b16", 224), text("siglip_b")),
        (image("siglip_so400m14", 378), text("siglip_so400m")),
        (image("siglip2_g16", 256), text("siglip2_so400m")),
        (image("clip_b32", 224), text("clip_b")),
        (image("clip_l14", 336), text("clip_l")),
    ] {
        let config = config(&vit, &text);
        let case = json!({"kind": "model", "library": "transformers", "family": text.family.name(), "config": config});
        cases.push((vit, text, case));
    }
    let sent: Vec<Value> = cases.iter().map(|(.., case)| case.clone()).collect();
    for ((vit, text, case), found) in cases.iter().zip(python::described("check_contrastive.py", &sent)) {
        let number = |name: &str| found[name].as_u64().unwrap();
        let cost = with(*text).cost(vit);
        assert_eq!(cost.text_params, number("text"), "{case}");
        assert_eq!(cost.image_projection_params, number("image_projection"), "{case}");
        assert_eq!(cost.params, number("params"), "{case}");
        assert_eq!(cost.text_flops, number("text_flops"), "{case}");
        let image = vit.cost().forward_flops_per_example + cost.image_projection_flops;
        assert_eq!(image, number("image_flops"), "{case}");
    }
}

/// On real processes that exchange features: the softmax of open_clip's `--local-loss --gather-with-grad`, and its
/// sigmoid in both directions of the ring.
#[test]
fn losses_compute_and_keep_what_open_clip_does() {
    if is_skipped("losses_compute_and_keep_what_open_clip_does") {
        return;
    }
    let (batch, width) = (6, 20);
    let text = TextTower::new(TextFamily::Clip, Shape { width, depth: 1, mlp_dim: 8 }, 4);
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for loss in [ContrastiveLoss::Softmax, ContrastiveLoss::Sigmoid] {
        for world in 1..=4 {
            for format in [NumberFormat::Fp32, NumberFormat::Bf16] {
                let case = json!({
                    "kind": "loss", "loss": loss.name(), "world": world, "batch": batch, "width": width,
                    "format": name(format), "store": folder.path().join(cases.len().to_string()),
                });
                // gloo sends no bf16.
                if world == 1 || format == NumberFormat::Fp32 {
                    cases.push((loss, world, format, case));
                }
            }
        }
    }
    let sent: Vec<Value> = cases.iter().map(|(.., case)| case.clone()).collect();
    for ((loss, world, format, case), found) in cases.iter().zip(python::described("check_contrastive.py", &sent)) {
        let contrastive = Contrastive { text, global_batch: batch * world, loss: *loss };
        let vit = image("clip_b32", 224);
        let step = Step { batch, compute: *format, ..Step::DEFAULT };
        let memory = contrastive.memory(&vit, &step);
        // The log-sigmoid of a CPU keeps one matrix more than that of a GPU.
        let of_cpu =
            if *loss == ContrastiveLoss::Sigmoid { format.bytes() * batch * contrastive.global_batch } else { 0 };
        assert_eq!(memory.logits + memory.features + of_cpu, found["saved"].as_u64().unwrap(), "{case}");
        assert_eq!(contrastive.cost(&vit).logit_flops * batch, found["flops"].as_u64().unwrap(), "{case}");
    }
}

#[test]
fn text_towers_keep_what_pytorch_keeps_to_the_byte() {
    if is_skipped("text_towers_keep_what_pytorch_keeps_to_the_byte") {
        return;
    }
    let (batch, shared) = (3, 64);
    let mut cases = Vec::new();
    for (library, family) in [
        ("transformers", TextFamily::Siglip),
        ("transformers", TextFamily::Clip),
        ("open_clip", TextFamily::Siglip),
        ("open_clip", TextFamily::Clip),
    ] {
        let shape = Shape { width: 48, depth: 3, mlp_dim: 200 };
        let activation = match (library, family) {
            ("transformers", TextFamily::Clip) => Activation::QuickGelu,
            _ => Activation::GeluTanh,
        };
        let text = TextTower { vocabulary: 50, context: 10, activation, ..TextTower::new(family, shape, 4) };
        for checkpointed in [false, true] {
            for format in [NumberFormat::Fp32, NumberFormat::Bf16] {
                let step = Step { batch, compute: format, checkpointed, ..Step::DEFAULT };
                let case = json!({
                    "kind": "text", "library": library, "family": family.name(), "vocabulary": 50, "context": 10,
                    "width": 48, "depth": 3, "heads": 4, "mlp": 200, "shared": shared, "batch": batch,
                    "format": name(format), "checkpointed": checkpointed,
                });
                cases.push((library, text, step, case));
            }
        }
    }
    let sent: Vec<Value> = cases.iter().map(|(.., case)| case.clone()).collect();
    for ((library, text, step, case), found) in cases.iter().zip(python::described("check_contrastive.py", &sent)) {
        let again = if step.checkpointed {
            let of = |depth| TextTower { shape: Shape { depth, ..text.shape }, ..*text };
            let plain = Step { checkpointed: false, ..*step };
            of(2).saved_bytes(&plain) - of(1).saved_bytes(&plain)
        } else {
            0
        };
        let (rows, bf16) = (batch * text.context, step.compute == NumberFormat::Bf16);
        // On the CPU a norm in bf16 keeps its statistics in bf16; on a GPU in fp32, as is counted.
        let norms = if step.checkpointed { 1 } else { 2 * text.shape.depth + 1 };
        let statistics = if bf16 { 2 * 2 * rows * norms } else { 0 };
        // transformers keeps the numbers of the positions, open_clip its causal mask, once for all blocks.
        let library = match (*library, text.family) {
            ("transformers", _) => 8 * text.context,
            (_, TextFamily::Clip) => step.compute.bytes() * text.context * text.context,
            (_, TextFamily::Siglip) => 0,
        };
        let counted = text.saved_bytes(step) - again - statistics + library;
        assert_eq!(counted, found["saved"].as_u64().unwrap(), "{case}");
    }
}

/// A search's memory is that of both towers and their loss, and its budget still the encoder's alone.
#[cfg(feature = "fit")]
#[test]
fn a_search_holds_both_towers_and_spends_on_one() {
    let plan = |training: &str, memory: &str| {
        let text = format!(
            "model encoder {{ image = 224 px, patch = 14 px, heads = 16 }}\n\
             law shape = sovit {{ effective = {{ width = 0.0675, depth = 0.1055, mlp = 0.1633 }} }}\n\
             start small {{ shape = {{ width = 608, depth = 10, mlp = 928 }}, compute = 0.7 EFLOP as forward }}\n\
             budget big = forward(vit_g14) * 16e9 example\n\
             search encoder {{\n  training = {{ batch = 64, shards = 8{training} }}\n\
             width in 384..2048 step 16\n  depth in 6..60\n  mlp in 512..16384 step 16\n\
             require memory < {memory}\n}}\n"
        );
        let world = sovitc::source::MemoryWorld::default().with("plan.sov", text);
        let compiled = sovitc::compile(&world, &sovitc::PlanFile::named("encoder", "plan.sov"));
        compiled.outcome.expect("the plan is right").answers.remove(0)
    };
    let alone = plan("", "40 GB");
    let with = ", text = siglip_so400m, global_batch = 32768";
    let both = plan(with, "40 GB");
    assert_eq!(alone.vit, both.vit);
    assert_eq!(alone.budget, both.budget);
    let trained = both.training.unwrap();
    let contrasted = trained.contrastive.unwrap();
    assert_eq!(trained.memory, contrasted.asked.memory(&both.vit, &trained.step).memory);
    assert!(trained.memory.total() > alone.training.unwrap().memory.total() + 4_000_000_000);
    let of_run = contrasted.forward_flops_per_example as f64 * both.budget.examples;
    assert_eq!(contrasted.forward_flops, of_run);
    assert_eq!(contrasted.forward_flops_per_example, 53_129_281_536 + 2 * 32_768 * 1152);
    // Less memory than both need leads to another shape.
    let room = "18 GB";
    assert_eq!(plan("", room).vit, both.vit);
    assert_ne!(plan(with, room).vit, both.vit);
    // A tower of one's own has the vocabulary, the context and the loss of its family, and an MLP four times as wide.
    let own = ", text = { family = clip, width = 640, depth = 12, heads = 10 }, global_batch = 256";
    let asked = plan(own, "40 GB").training.unwrap().contrastive.unwrap().asked;
    assert_eq!((asked.text.vocabulary, asked.text.context, asked.text.shape.mlp_dim), (49_408, 77, 2560));
    assert_eq!((asked.global_batch, asked.loss), (256, ContrastiveLoss::Softmax));
}

fn name(format: NumberFormat) -> &'static str {
    if format == NumberFormat::Fp32 { "float32" } else { "bfloat16" }
}
