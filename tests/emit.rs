//! What is emitted: golden files, refusals, paths.

#[path = "support/so400m.rs"]
mod so400m;

use std::fmt::Write as _;
use std::path::Path;

use so400m::case;
use sovitc::diagnostic::{Diagnostic, Help};
use sovitc::emit::{Artefact, RustModule, render, rust_module};
use sovitc::plan::{EmitOptions, ModelType, Target, TextSizes};
use sovitc::vit::{
    Activation, Architecture, Batches, BlockForm, Half, Halves, KernelForm, Pooling, Position, PositionRows, QkNorm,
    QkvBias, Shape, Variant, read_config,
};

/// Compares with `tests/golden/NAME`; `SOVIT_UPDATE=1` rewrites it.
fn check_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("SOVIT_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text, golden, "{name} differs; SOVIT_UPDATE=1 rewrites it");
}

fn find<'a>(artefacts: &'a [Artefact], path: &str) -> &'a str {
    let found = artefacts.iter().find(|artefact| artefact.path == path);
    &found.unwrap_or_else(|| panic!("no {path} in {:?}", artefacts.iter().map(|a| &a.path).collect::<Vec<_>>())).text
}

fn refusal(target: Target, architecture: Architecture) -> Diagnostic {
    let case = case().with(architecture).emitting(&[(target, "out")]);
    let mut wrong = render(&case.request()).unwrap_err();
    assert_eq!(wrong.len(), 1);
    wrong.remove(0)
}

#[test]
fn so400m_is_golden() {
    let artefacts = render(&case().request()).unwrap();
    for path in
        ["flagship/hf/config.json", "flagship/timm/config.json", "flagship/big_vision/so400m.py", "summary.json"]
    {
        check_golden(&format!("so400m/{path}"), find(&artefacts, path));
    }
    assert_eq!(artefacts.len(), 4);
}

#[test]
fn the_rust_module_is_golden() {
    let emits = [(Target::Transformers, "hf/"), (Target::Timm, "timm"), (Target::Kernels, "kernels/")];
    let case = case().emitting(&emits);
    let module = RustModule { folder: "so400m", runtime: Some("::sovit_kernels") };
    let artefact = rust_module(&case.request(), &module).unwrap();
    assert_eq!(artefact.path, "so400m.rs");
    check_golden("so400m/so400m.rs", &artefact.text);
    let bare = rust_module(&case.request(), &RustModule { runtime: None, ..module }).unwrap();
    assert!(bare.text.contains("CONFIG_TIMM") && !bare.text.contains("static"), "{}", bare.text);
    let odd = RustModule { runtime: Some("::x; use std"), ..module };
    assert!(rust_module(&case.request(), &odd).is_err());
}

#[test]
fn kernels_come_with_a_manifest() {
    let artefacts = render(&case().emitting(&[(Target::Kernels, "kernels/")]).request()).unwrap();
    let source = find(&artefacts, "flagship/kernels/layernorm_residual.cu");
    let manifest: serde_json::Value = serde_json::from_str(find(&artefacts, "flagship/kernels/manifest.json")).unwrap();
    assert_eq!(manifest["version"], 4);
    let kernel = &manifest["kernels"][0];
    assert_eq!(kernel["file"], "layernorm_residual.cu");
    assert_eq!(kernel["entry"], "sovit_layernorm_residual_w1152");
    assert_eq!(kernel["blake3"], sovitc::lock::Input::new("", source.as_bytes()).blake3);
    assert_eq!(kernel["archs"], serde_json::json!(["sm_80", "sm_90a"]));
    assert_eq!(kernel["bytes_per_row"], 8 * 1152);
    assert_eq!(kernel["arguments"][0]["shape"], serde_json::json!(["rows", 1152]));
    assert!(source.contains("sovit_layernorm_residual_w1152"));
    let list = manifest["kernels"].as_array().unwrap();
    let names: Vec<_> = list.iter().map(|kernel| kernel["name"].as_str().unwrap()).collect();
    let block = ["layernorm", "qkv", "attention", "projection", "fc1", "fc2"];
    let head = ["map_scores", "map_pool", "map_value", "map_projection", "map_fc1", "map_fc2"];
    assert_eq!(names, [&["layernorm_residual", "patch_embedding"][..], &block[..], &head[..]].concat());
    let qkv = &list[3];
    assert_eq!(qkv["launch"]["rows_multiple"], 256);
    assert_eq!(qkv["arguments"][1]["shape"], serde_json::json!([3, 16, 72, 1152]));
    assert_eq!(qkv["arguments"][3]["shape"], serde_json::json!([3, "images", 16, 256, 72]));
    // Patches of 588 numbers are read from the bytes of images; the columns of W are padded to 16 bytes.
    let image = &list[1]["arguments"][0];
    assert_eq!((&image["dtype"], &image["shape"]), (&"u8".into(), &serde_json::json!(["images", 224, 224, 3])));
    assert_eq!(image["strides"], serde_json::json!(["image_stride", "row_stride"]));
    assert_eq!(list[1]["arguments"][1]["shape"], serde_json::json!([1152, 592]));
    assert_eq!(list[1]["arguments"][1]["used"], serde_json::json!([1152, 588]));
    // A forward pass by launches, each argument a buffer or packed weights that are listed.
    let steps = manifest["forward"].as_array().unwrap();
    let order: Vec<_> = steps.iter().map(|step| step["kernel"].as_str().unwrap()).collect();
    assert_eq!(order[..3], ["patch_embedding", "layernorm", "qkv"]);
    assert_eq!(order[order.len() - 3..], ["layernorm", "map_fc1", "map_fc2"]);
    assert_eq!((&steps[2]["each_block"], &steps[2]["rows"]), (&true.into(), &"tokens".into()));
    let weight = serde_json::json!({"argument": "weight", "weights": {
        "rule": "copy", "from": ["blocks.*.q.weight", "blocks.*.k.weight", "blocks.*.v.weight"]}});
    assert_eq!(steps[2]["arguments"][2], weight);
    let weights = manifest["weights"].as_array().unwrap();
    let key = weights.iter().find(|weight| weight["name"] == "map.k.weight").unwrap();
    assert_eq!(key["timm"], "attn_pool.kv.weight[0:1152]");
    assert_eq!(key["transformers"], "head.attention.in_proj_weight[1152:2304]");
    for kernel in list {
        let source = find(&artefacts, &format!("flagship/kernels/{}", kernel["file"].as_str().unwrap()));
        assert!(source.contains(kernel["entry"].as_str().unwrap()));
    }
}

#[test]
fn the_manifest_and_the_module_say_what_floats_are() {
    let mut case = case().emitting(&[(Target::Kernels, "kernels/")]);
    let fp16 = Halves::of(Half::Fp16);
    // The fewer roundings are to bf16, the smaller is the error.
    for (halves, stream, errors) in
        [(Halves::default(), "bf16", 0.02..0.04), (Halves::MIXED, "bf16", 0.01..0.02), (fp16, "fp16", 0.002..0.005)]
    {
        case.plan.emits[0].options.form = KernelForm { halves, ..KernelForm::default() };
        let dtype = halves.dtype.name();
        let artefacts = render(&case.request()).unwrap();
        let manifest: serde_json::Value =
            serde_json::from_str(find(&artefacts, "flagship/kernels/manifest.json")).unwrap();
        assert_eq!((&manifest["dtype"], &manifest["residual"]), (&dtype.into(), &stream.into()));
        let error = manifest["error"].as_f64().unwrap();
        assert!(errors.contains(&error), "{halves}: {error}");
        let dtypes = |kernel: &str| {
            let list = manifest["kernels"].as_array().unwrap();
            let own = list.iter().find(|own| own["name"] == kernel).unwrap();
            let arguments = own["arguments"].as_array().unwrap().iter();
            arguments.map(|a| format!("{} {}", a["name"], a["dtype"]).replace('"', "")).collect::<Vec<_>>().join(", ")
        };
        let expected = format!("x {dtype}, weight {dtype}, bias f32, residual {stream}, out {stream}, rows u32");
        assert_eq!(dtypes("projection"), expected);
        assert_eq!(dtypes("layernorm"), format!("x {stream}, gamma f32, beta f32, normalised {dtype}, rows u32"));
        assert_eq!(dtypes("attention"), format!("qkv {dtype}, out {dtype}, rows u32"));
        assert!(dtypes("patch_embedding").contains(&format!("image u8, weight {dtype}, bias f32")));
        assert!(dtypes("map_fc2").ends_with(&format!("residual {dtype}, out {dtype}, rows u32")));
        // The head of a source, and the constant in the module.
        let source = find(&artefacts, "flagship/kernels/projection.cu");
        assert!(source.contains(&format!("x is rows x 1152 {dtype} and W 1152 x 1152 {dtype}")), "{source}");
        assert!(source.contains(&format!("residual and out are rows x 1152 {stream}, dense.")), "{source}");
        let module = RustModule { folder: "so400m", runtime: Some("::sovit_kernels") };
        let text = rust_module(&case.request(), &module).unwrap().text;
        let of = |name: &str| format!("(\"residual\", ::sovit_kernels::Dtype::{name})");
        let [own, other] = if stream == "bf16" { ["Bf16", "Fp16"] } else { ["Fp16", "Bf16"] };
        assert!(text.contains(&of(own)), "{text}");
        // The probe's MLP adds to the vector, which is as products are.
        assert_eq!(text.contains(&of(other)), halves == Halves::MIXED);
    }
}

#[test]
fn batches_have_kernels_in_the_manifest_and_the_module() {
    let mut case = case().emitting(&[(Target::Kernels, "kernels/")]);
    let usual = render(&case.request()).unwrap();
    let batches = Batches::new(&[1, 4, 64]).unwrap();
    case.plan.emits[0].options.form = KernelForm { batches, ..KernelForm::default() };
    let artefacts = render(&case.request()).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(find(&artefacts, "flagship/kernels/manifest.json")).unwrap();
    let kernels = manifest["kernels"].as_array().unwrap();
    let mut launches = String::new();
    for step in manifest["forward"].as_array().unwrap() {
        let small = step["up_to"].as_array().map(Vec::as_slice).unwrap_or_default();
        let small = small.iter().map(|small| format!("{} up to {}, ", small["kernel"], small["images"]));
        writeln!(launches, "{}{}", small.collect::<String>(), step["kernel"]).unwrap();
        // Each is listed with a file and an entry of its own, and stands for the launch's.
        for small in step["up_to"].as_array().into_iter().flatten() {
            let own = |kernel: &&serde_json::Value| kernel["name"] == small["kernel"];
            let Some(kernel) = kernels.iter().find(own) else { panic!("{small}") };
            let source = find(&artefacts, &format!("flagship/kernels/{}", kernel["file"].as_str().unwrap()));
            assert!(source.contains(&format!("{}(\n", kernel["entry"].as_str().unwrap())), "{kernel}");
            assert!(kernel["instead_of"] == step["kernel"] || kernel["name"] == step["kernel"], "{kernel}");
        }
    }
    check_golden("so400m/batches.txt", &launches.replace('"', ""));
    // What does not depend on the batch is as it was.
    let same = |path: &str| assert_eq!(find(&artefacts, path), find(&usual, path));
    same("flagship/kernels/layernorm.cu");
    same("flagship/kernels/map_pool.cu");

    let module = RustModule { folder: "so400m", runtime: Some("::sovit_kernels") };
    let text = rust_module(&case.request(), &module).unwrap().text;
    let by_rows = "    pub static FC2_BY_ROWS: ::sovit_kernels::ByRows = ::sovit_kernels::ByRows {
        up_to: &[
            (256, &FC2_B1),
            (1024, &FC2_B4),
        ],
        beyond: &FC2,
    };\n";
    assert!(text.contains(by_rows) && text.contains("pub static FC2_B1: ::sovit_kernels::Kernel"), "{text}");
    assert!(!text.contains("LAYERNORM_BY_ROWS"));
}

#[test]
fn the_summary_lists_every_other_file() {
    let artefacts = render(&case().request()).unwrap();
    let summary: serde_json::Value = serde_json::from_str(find(&artefacts, "summary.json")).unwrap();
    let listed: Vec<(&str, u64)> = summary["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["path"].as_str().unwrap(), file["bytes"].as_u64().unwrap()))
        .collect();
    let others = artefacts.iter().filter(|artefact| artefact.path != "summary.json");
    assert_eq!(listed, others.map(|a| (a.path.as_str(), a.text.len() as u64)).collect::<Vec<_>>());
    assert!(listed.is_sorted());
    assert_eq!(summary["searches"][0]["cost"]["params"], 427_680_704);
    assert!(summary["searches"][0]["predicted"].is_null());
}

/// The first class that can be the model, or the one that the plan names.
#[test]
fn transformers_chooses_the_model_class() {
    let base = Architecture::default();
    let class = Architecture { class_token: true, pooling: Pooling::Class, ..base };
    let clip = Variant { pre_norm: true, patch_bias: false, ..Variant::default() };
    for (architecture, model_type, class) in [
        (base, "siglip_vision_model", "SiglipVisionModel"),
        (class, "vit", "ViTForImageClassification"),
        (Architecture { variant: clip, ..class }, "clip_vision_model", "CLIPVisionModel"),
        (Architecture { pooling: Pooling::Average, ..base }, "ijepa", "IJepaForImageClassification"),
    ] {
        let artefacts = render(&case().with(architecture).emitting(&[(Target::Transformers, "hf")]).request()).unwrap();
        let config: serde_json::Value = serde_json::from_str(find(&artefacts, "flagship/hf/config.json")).unwrap();
        assert_eq!((&config["model_type"], &config["architectures"][0]), (&model_type.into(), &class.into()));
    }
    let named = |model_type, text| {
        let mut case = case().emitting(&[(Target::Transformers, "hf")]);
        case.plan.emits[0].options = EmitOptions { model_type, text, ..EmitOptions::default() };
        render(&case.request()).map(|artefacts| {
            serde_json::from_str::<serde_json::Value>(find(&artefacts, "flagship/hf/config.json")).unwrap()
        })
    };
    let packed = named(Some(ModelType::Siglip2VisionModel), None).unwrap();
    assert_eq!((&packed["num_patches"], &packed["image_size"]), (&256.into(), &serde_json::Value::Null));
    let dual = named(None, Some(TextSizes { width: 512, depth: 6, heads: 8 })).unwrap();
    assert_eq!(dual["model_type"], "siglip");
    assert_eq!(dual["vision_config"]["hidden_size"], 1152);
    assert_eq!(
        (&dual["text_config"]["hidden_size"], &dual["text_config"]["projection_size"]),
        (&512.into(), &1152.into())
    );
    let refused = named(Some(ModelType::Vit), None).unwrap_err().remove(0);
    assert!(refused.message.contains("MAP pooling"), "{}", refused.message);
}

/// Sizes that a config cannot carry are refused, for the library would build others without a word.
#[test]
fn transformers_refuses_what_no_class_can_be() {
    let base = Architecture::default();
    let class = Architecture { class_token: true, pooling: Pooling::Class, ..base };
    let dino = Variant { layer_scale: Some(1e-5), mask_token: true, ..Variant::default() };
    for (architecture, what) in [
        (Architecture { class_token: true, ..base }, "class token"),
        (Architecture { classes: 10, ..base }, "classifier"),
        (Architecture { variant: dino, ..class }, "an MLP of 4304 at width 1152"),
    ] {
        let diagnostic = refusal(Target::Transformers, architecture);
        assert!(diagnostic.message.contains(what), "{}", diagnostic.message);
    }
    assert_eq!(refusal(Target::Transformers, Architecture { classes: 10, ..base }).help[0].edits[0].text, "timm");
}

#[test]
fn a_refusal_says_what_to_do_with_the_rest_of_the_plan() {
    let class = Architecture { class_token: true, ..Architecture::default() };
    let refused = |emits: &[(Target, &str)]| {
        let found = render(&case().with(class).emitting(emits).request()).unwrap_err();
        found.into_iter().next().unwrap().help.swap_remove(0)
    };
    let texts = |help: &Help| help.edits.iter().map(|edit| edit.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&refused(&[(Target::Transformers, "hf/")])), ["timm"]);
    assert_eq!(texts(&refused(&[(Target::BigVision, "bv.py")])), ["timm", "\"timm/\""]);
    let twice = refused(&[(Target::Transformers, "hf/"), (Target::Timm, "timm/")]);
    assert!(twice.edits.is_empty() && twice.message.contains("leave this out"), "{twice:?}");
}

#[test]
fn big_vision_refuses_what_it_would_build_otherwise() {
    let base = Architecture::default();
    for (architecture, what) in [
        (Architecture { class_token: true, pooling: Pooling::Class, ..base }, "class token"),
        (Architecture { class_token: true, ..base }, "class token"),
        (Architecture { class_token: true, pooling: Pooling::Average, ..base }, "class token"),
        (Architecture { activation: Activation::Gelu, ..base }, "gelu"),
        (Architecture { norm_epsilon: 1e-5, ..base }, "epsilon"),
    ] {
        let diagnostic = refusal(Target::BigVision, architecture);
        assert!(diagnostic.message.contains(what), "{}", diagnostic.message);
    }
    assert!(refusal(Target::Timm, Architecture { norm_epsilon: 1e-5, ..base }).message.contains("epsilon"));
}

/// Blocks with their norms elsewhere are those of timm's classes, or of a switch of Burn; nothing else is said of them.
#[test]
fn forms_of_blocks_are_named_or_refused() {
    let with = |block| Architecture { variant: Variant { block, ..Variant::default() }, ..Architecture::default() };
    let written = |target, path: &str, architecture| {
        let artefacts = render(&case().with(architecture).emitting(&[(target, path)]).request()).unwrap();
        artefacts.into_iter().map(|artefact| artefact.text).collect::<String>()
    };
    for (block, named, class) in [
        (BlockForm::ResPost, "vit_base_patch16_rpn_224", "ResPostBlock"),
        (BlockForm::Parallel, "vit_base_patch16_xp_224", "ParallelScalingBlock"),
    ] {
        let timm = written(Target::Timm, "out", with(block));
        for said in [named, "\"qkv_bias\": true", "\"pre_norm\": false", "\"norm_layer\": \"layernorm\""] {
            assert!(timm.contains(said), "{said}: {timm}");
        }
        let open_clip = written(Target::OpenClip, "out", with(block));
        assert!(open_clip.contains(&format!("\"block_fn\": {class}")), "{open_clip}");
        for target in [Target::Transformers, Target::BigVision, Target::Lightning, Target::Candle] {
            let refused = refusal(target, with(block));
            assert!(refused.code.id == "S0702" && refused.message.contains(block.name()), "{}", refused.message);
            assert_eq!(refused.help[0].edits[0].text, "timm");
        }
    }
    let scaled = Variant { block: BlockForm::ResPost, layer_scale: Some(1e-5), ..Variant::default() };
    let refused = refusal(Target::Timm, Architecture { variant: scaled, ..Architecture::default() });
    assert!(refused.message.contains("layer scale"), "{}", refused.message);
    assert!(refusal(Target::Timm, with(BlockForm::Post)).message.contains("`block = post`"));
    let post = Architecture { activation: Activation::Gelu, pooling: Pooling::Average, ..with(BlockForm::Post) };
    assert!(written(Target::Burn, "out.rs", post).contains(".with_norm_first(false)"));
    assert!(refusal(Target::Kernels, with(BlockForm::Post)).message.contains("no kernels are written"));
}

#[test]
fn every_pooling_has_its_config() {
    let base = Architecture::default();
    for (pooling, class_token, timm, big_vision) in [
        (Pooling::Map, false, "map", Some("map")),
        (Pooling::Average, false, "avg", Some("gap")),
        (Pooling::Average, true, "avg", None),
        (Pooling::Class, true, "token", None),
    ] {
        let architecture = Architecture { pooling, class_token, classes: 10, ..base };
        let artefacts = render(&case().with(architecture).emitting(&[(Target::Timm, "timm")]).request()).unwrap();
        let config: serde_json::Value = serde_json::from_str(find(&artefacts, "flagship/timm/config.json")).unwrap();
        assert_eq!(config["model_args"]["global_pool"], timm);
        assert_eq!(config["model_args"]["class_token"], class_token);
        assert_eq!(config["num_classes"], 10);
        if let Some(pool_type) = big_vision {
            let case = case().with(architecture).emitting(&[(Target::BigVision, "bv.py")]);
            let artefacts = render(&case.request()).unwrap();
            let text = find(&artefacts, "flagship/bv.py");
            assert!(
                text.contains(&format!("pool_type=\"{pool_type}\"")) && text.contains("num_classes = 10"),
                "{text}"
            );
        }
    }
}

#[test]
fn hostile_names_stay_data() {
    let hostile = "x\"\n import os; os.system('true') #\\\u{2028}import os\u{85}import os\u{7f}";
    let mut case = case();
    case.plan.name = hostile.to_owned();
    case.answers[0].budget.name = hostile.to_owned();
    case.answers[0].model = hostile.to_owned();
    let artefacts = render(&case.request()).unwrap();
    let python = find(&artefacts, "flagship/big_vision/so400m.py");
    assert!(python.lines().all(|line| !line.trim_start().starts_with("import os")), "{python}");
    let summary: serde_json::Value = serde_json::from_str(find(&artefacts, "summary.json")).unwrap();
    assert_eq!(summary["plan"], hostile);
    // In every language that is written.
    let average = Architecture { pooling: Pooling::Average, classes: 0, ..Architecture::default() };
    let class = Architecture { pooling: Pooling::Class, class_token: true, classes: 10, ..average };
    for (target, path, architecture) in [
        (Target::OpenClip, "out", Architecture::default()),
        (Target::Torchvision, "out.py", Architecture { activation: Activation::Gelu, ..class }),
        (Target::Scenic, "out.py", class),
        (Target::KerasHub, "out.py", Architecture { activation: Activation::Gelu, ..average }),
        (Target::NanoVlm, "out.py", average),
        (Target::Nemo, "out.yaml", Architecture { classes: 0, ..class }),
        (Target::Mmpretrain, "out.py", class),
        (Target::Lightning, "out.yaml", Architecture::default()),
        (Target::Burn, "out.rs", Architecture { activation: Activation::Gelu, ..average }),
        (Target::Candle, "out", Architecture::default()),
    ] {
        let mut case = so400m::case().with(architecture).emitting(&[(target, path)]);
        case.plan.name = hostile.to_owned();
        case.answers[0].budget.name = "{{ 7 * 7 }}\r\n$(true)".to_owned();
        for artefact in render(&case.request()).unwrap() {
            // Where YAML ends a line, or refuses to be read.
            assert!(!artefact.text.contains(['\u{2028}', '\u{85}', '\u{7f}']), "{}", artefact.text);
            let is_code = |line: &str| line.trim_start().starts_with("import os") || line.contains("49");
            assert!(
                artefact.path == "summary.json" || target.ending().is_none() || !artefact.text.lines().any(is_code),
                "{}",
                artefact.text
            );
        }
    }
    case.plan.name = "so400m".to_owned();
    let module = rust_module(&case.request(), &RustModule { folder: "x", runtime: None }).unwrap();
    assert!(module.text.lines().all(|line| !line.trim_start().starts_with("import os")), "{}", module.text);
}

/// The repositories of DINO name their shapes; no other can be said.
#[test]
fn dino_has_the_shapes_of_its_repositories() {
    let student = Architecture { pooling: Pooling::Class, class_token: true, classes: 0, ..Architecture::default() };
    let plain = Variant { registers: 4, layer_scale: Some(1e-5), mask_token: true, ..Variant::default() };
    let rotary = Variant { position: Position::Rope, qkv_bias: QkvBias::NoKey, ..plain };
    let text = |target, architecture: Architecture, [width, depth, mlp_dim]: [u64; 3]| {
        let mut case = case().with(architecture).emitting(&[(target, "student.yaml")]);
        case.answers[0].vit.shape = Shape { width, depth, mlp_dim };
        render(&case.request()).map(|artefacts| find(&artefacts, "flagship/student.yaml").to_owned())
    };
    let gelu = Architecture { activation: Activation::Gelu, variant: plain, ..student };
    let second = text(Target::DinoV2, Architecture { heads: 16, ..gelu }, [1024, 24, 4096]).unwrap();
    assert!(second.contains("  arch: vit_large\n") && second.contains("  num_register_tokens: 4\n"), "{second}");
    assert!(second.contains("  layerscale: 1.0e-5\n") && second.contains("  ffn_layer: mlp\n"), "{second}");
    let gated = Architecture { heads: 24, activation: Activation::SwiGlu, ..gelu };
    assert!(text(Target::DinoV2, gated, [1536, 40, 4096]).unwrap().contains("  ffn_layer: swiglufused\n"));
    let third = Architecture { heads: 18, norm_epsilon: 1e-5, variant: rotary, ..gelu };
    let so400m = text(Target::DinoV3, third, [1152, 27, 4352]).unwrap();
    assert!(so400m.contains("  arch: vit_so400m\n") && so400m.contains("  mask_k_bias: true\n"), "{so400m}");
    assert!(so400m.contains("  norm_layer: layernormbf16\n") && so400m.contains("31104 more"), "{so400m}");
    for (target, architecture, shape, says) in [
        (Target::DinoV3, third, [1152, 27, 4304], "`vit_so400m`"),
        (Target::DinoV3, Architecture { variant: plain, ..third }, [1152, 27, 4352], "these positions"),
        (Target::DinoV2, Architecture { heads: 16, norm_epsilon: 1e-5, ..gelu }, [1024, 24, 4096], "epsilon"),
        (Target::DinoV2, Architecture { heads: 8, ..gelu }, [1024, 24, 4096], "with 8 heads"),
        (
            Target::DinoV2,
            Architecture { variant: Variant { mask_token: false, ..plain }, ..gelu },
            [1024, 24, 4096],
            "mask token",
        ),
    ] {
        let refused = text(target, architecture, shape).unwrap_err();
        assert!(refused[0].code.id == "S0702" && refused[0].message.contains(says), "{}", refused[0].message);
    }
}

/// NeMo has no encoder but one with a class token, and a classifier of its own: what it has is read back, the rest refused.
#[test]
fn nemo_has_encoders_with_a_class_token() {
    let class = Architecture { pooling: Pooling::Class, class_token: true, ..Architecture::default() };
    let with = |variant| Architecture { variant, activation: Activation::Gelu, ..class };
    let plain = Variant::default();
    let eight = Variant { registers: 7, position_rows: PositionRows::All, ..plain };
    for architecture in [
        class,
        with(eight),
        Architecture { channels: 4, norm_epsilon: 1e-5, ..with(Variant { pre_norm: true, masked: 0.5, ..plain }) },
    ] {
        let case = case().with(architecture).emitting(&[(Target::Nemo, "vit.yaml")]);
        let artefacts = render(&case.request()).unwrap();
        let text = find(&artefacts, "flagship/vit.yaml");
        assert_eq!(read_config(text).unwrap().vit, case.answers[0].vit, "{text}");
    }
    for (architecture, says, helps) in [
        (Architecture::default(), "MAP pooling", "emit for timm"),
        (Architecture { pooling: Pooling::Average, ..Architecture::default() }, "average pooling", "emit for timm"),
        (Architecture { classes: 10, ..class }, "a hidden layer as wide as the encoder", "leave `classes` out"),
        (with(Variant { registers: 7, ..plain }), "registers without a position", "`position_rows = all`"),
        (with(Variant { layer_scale: Some(1e-5), ..plain }), "a layer scale", "emit for timm"),
        (Architecture { activation: Activation::SwiGlu, ..class }, "`swiglu`", ""),
    ] {
        let refused = refusal(Target::Nemo, architecture);
        assert!(refused.message.contains(says), "{}", refused.message);
        let helped = helps.is_empty() || refused.help.iter().any(|help| help.message.contains(helps));
        assert!(helped, "{helps}: {:?}", refused.help);
    }
}

#[test]
fn paths_stay_inside_and_apart() {
    let refused = |emits: &[(Target, &str)]| render(&case().emitting(emits).request()).unwrap_err()[0].code.name;
    assert_eq!(refused(&[(Target::Timm, "../up")]), "unsafe-output-path");
    assert_eq!(refused(&[(Target::Timm, "/etc")]), "unsafe-output-path");
    assert_eq!(refused(&[(Target::BigVision, "bv/")]), "unsafe-output-path");
    assert_eq!(refused(&[(Target::Timm, "x"), (Target::Transformers, "x/")]), "same-output-path");
    assert_eq!(refused(&[(Target::Timm, "x"), (Target::BigVision, "x")]), "same-output-path");
    let mut escaping = case();
    escaping.answers[0].search = "../flagship".to_owned();
    assert_eq!(render(&escaping.request()).unwrap_err()[0].code.name, "unsafe-output-path");
}

/// A variant is refused where the target has no word for it, and sent to timm where that has one.
#[test]
fn variants_are_emitted_or_refused_never_dropped() {
    let plain = Variant::default();
    let with = |variant| Architecture { variant, ..Architecture::default() };
    let registers = with(Variant { registers: 4, ..plain });
    for target in [Target::Transformers, Target::BigVision] {
        let refused = refusal(target, registers);
        assert!(refused.message.contains("cannot express registers"), "{}", refused.message);
        assert_eq!(refused.help[0].edits[0].text, "timm");
    }
    for (variant, what) in [
        (Variant { position: Position::Rope, ..plain }, "`position = rope`"),
        (Variant { qkv_bias: QkvBias::NoKey, ..plain }, "`qkv_bias = no_key`"),
        (Variant { qk_norm: QkNorm::Rms, ..plain }, "`qk_norm = rms`"),
        (Variant { masked: 0.75, ..plain }, "masked patches"),
        (Variant { pre_norm: true, ..plain }, "one without the other"),
    ] {
        for target in [Target::Timm, Target::Transformers, Target::BigVision] {
            let message = refusal(target, with(variant)).message;
            assert!(message.contains(what) || variant.pre_norm && message.contains("norm before"), "{message}");
        }
    }
    let gated = Architecture { activation: Activation::SwiGlu, ..Architecture::default() };
    for target in [Target::Timm, Target::Transformers, Target::BigVision] {
        assert!(refusal(target, gated).message.contains("swiglu"));
    }
    let sines = case().with(with(Variant { position: Position::SinCos2d, ..plain }));
    let artefacts = render(&sines.emitting(&[(Target::BigVision, "bv.py")]).request()).unwrap();
    assert!(find(&artefacts, "flagship/bv.py").contains("posemb=\"sincos2d\""));
}
