//! Emitted configs and the real libraries: they load unchanged and build the model that was priced.
//!
//! `SOVIT_PYTHON` names an interpreter with the packages of `tests/requirements.txt`; models are built where it has
//! torch and timm, as with those of `tests/requirements-full.txt`. What is missing is skipped aloud, or fails where `SOVIT_REQUIRE` lists it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sovitc::disk::write_all;
use sovitc::emit::render;
use sovitc::kernel::{Normalisation, Numbers, Operand, Pack, plan, weights};
use sovitc::plan::Target;
use sovitc::vit::{
    Activation, Architecture, BlockForm, ConfigProblem, KernelForm, Norm, Pooling, Position, PositionRows, QkNorm,
    QkvBias, Shape, Variant, Vit, read_config,
};

use crate::built::{
    Built, PARALLEL, PLAIN, RES_POST, ROTARY, SHAPES, UNCENTRED, build_all, class_token, emit_all, of_open_clip,
    of_timm, of_transformers,
};
use crate::python::{JAX, TORCH, has, run};
use crate::so400m::{Case, case};
use crate::support;

/// Emits a case for one target and returns the folder with its `config.json`.
fn emitted(case: Case, target: Target, out: &Path) -> String {
    let artefacts = render(&case.emitting(&[(target, "out")]).request()).expect("artefacts");
    write_all(out, &artefacts).expect("written files");
    out.join("flagship/out").to_str().expect("UTF-8").to_owned()
}

#[test]
fn transformers_loads_every_field() {
    if let Err(reason) = has("transformers") {
        return support::skip("transformers", "transformers_loads_every_field", &reason);
    }
    let gelu =
        Architecture { activation: Activation::Gelu, norm_epsilon: 1e-5, channels: 4, ..Architecture::default() };
    for architecture in [Architecture::default(), gelu] {
        let folder = tempfile::tempdir().unwrap();
        let path = emitted(case().with(architecture), Target::Transformers, folder.path());
        let expected = json!({
            "architectures": ["SiglipVisionModel"],
            "model_type": "siglip_vision_model",
            "hidden_size": 1152,
            "num_hidden_layers": 27,
            "intermediate_size": 4304,
            "num_attention_heads": 16,
            "num_channels": architecture.channels,
            "image_size": 224,
            "patch_size": 14,
            "hidden_act": if architecture.activation == Activation::Gelu { "gelu" } else { "gelu_pytorch_tanh" },
            "layer_norm_eps": architecture.norm_epsilon,
            "attention_dropout": 0.0,
            "vision_use_head": true,
        });
        let said = run("check_configs.py", &[path], &expected.to_string()).unwrap_or_else(|error| panic!("{error}"));
        assert!(said.ends_with(" ok\n"), "{said}");
    }
}

#[test]
fn big_vision_config_loads() {
    if let Err(reason) = has("ml_collections") {
        return support::skip("ml_collections", "big_vision_config_loads", &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let artefacts = render(&case().emitting(&[(Target::BigVision, "so400m.py")]).request()).expect("artefacts");
    write_all(folder.path(), &artefacts).expect("written files");
    let path = folder.path().join("flagship/so400m.py").to_str().expect("UTF-8").to_owned();
    let said = run("check_big_vision.py", &[path], "").unwrap_or_else(|error| panic!("{error}"));
    let expected = json!({
        "model_name": "vit",
        "model": {
            "width": 1152, "depth": 27, "mlp_dim": 4304, "num_heads": 16, "patch_size": [14, 14],
            "posemb": "learn", "pool_type": "map", "rep_size": false,
        },
        "num_classes": 0,
        "image_size": 224,
        "total_examples": 38_755_838_392_u64,
    });
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
}

/// Emits every shape in each architecture for a target, and builds them with its library.
fn check_built(test: &str, target: Target, library: &str, architectures: &[Architecture], least: usize) {
    if let Err(reason) = has("torch").and_then(|()| has(library)) {
        return support::skip(library, test, &reason);
    }
    let out = tempfile::tempdir().unwrap();
    let all = emit_all(target, &SHAPES, architectures, out.path());
    assert!(all.len() >= least, "{} models", all.len());
    build_all(TORCH, "check_models.py", library, &all);
}

#[test]
fn transformers_builds_what_was_priced() {
    check_built("transformers_builds_what_was_priced", Target::Transformers, "transformers", &of_transformers(), 80);
}

#[test]
fn timm_builds_what_was_priced() {
    check_built("timm_builds_what_was_priced", Target::Timm, "timm", &of_timm(), 90);
}

#[test]
fn open_clip_builds_what_was_priced() {
    check_built("open_clip_builds_what_was_priced", Target::OpenClip, "open_clip", &of_open_clip(), 60);
}

/// What is emitted is read back as the very model, by `sovitc cost` and by `model m from`.
#[test]
fn what_is_emitted_is_read_back() {
    let out = tempfile::tempdir().unwrap();
    let all: Vec<Architecture> = [of_transformers(), of_timm(), of_open_clip()].concat();
    for (target, file, least) in [
        (Target::Transformers, "config.json", 100),
        (Target::Timm, "config.json", 200),
        (Target::OpenClip, "flagship.json", 40),
        (Target::BigVision, "", 10),
        (Target::Lightning, "", 150),
    ] {
        let built = emit_all(target, &SHAPES, &all, &out.path().join(target.name()));
        let mut read = 0;
        for Built { vit, path } in &built {
            let path = if file.is_empty() { path.clone() } else { format!("{path}/{file}") };
            let text = std::fs::read_to_string(&path).unwrap();
            // A name that a module registers says no sizes.
            if text.contains("timm_model_name") {
                assert!(matches!(read_config(&text), Err(ConfigProblem::NameOfTimm(_))), "{text}");
                continue;
            }
            let found = read_config(&text).unwrap_or_else(|problem| panic!("{problem:?}: {text}")).vit;
            // Rows of positions that are not there may be called by any name.
            let variant =
                Variant { position_rows: vit.architecture.variant.position_rows, ..found.architecture.variant };
            let alike = Architecture { variant, ..found.architecture };
            assert_eq!(Vit { architecture: alike, ..found }, *vit, "{text}");
            assert_eq!(found.architecture.with(found.shape).unwrap().cost(), vit.cost(), "{text}");
            read += 1;
        }
        assert!(read >= least, "{read} of {}", target.name());
    }
}

/// A config that leaves its sizes to transformers has those of the library.
#[test]
fn configs_that_say_nothing_are_those_of_the_library() {
    if let Err(reason) = has("torch").and_then(|()| has("transformers")) {
        return support::skip("transformers", "configs_that_say_nothing_are_those_of_the_library", &reason);
    }
    let out = tempfile::tempdir().unwrap();
    let all = [
        ("siglip_vision_model", "SiglipVisionModel"),
        ("siglip2_vision_model", "Siglip2VisionModel"),
        ("clip_vision_model", "CLIPVisionModel"),
        ("vit", "ViTForImageClassification"),
        ("ijepa", "IJepaForImageClassification"),
        ("vit_mae", "ViTMAEModel"),
        ("dinov2", "Dinov2Model"),
        ("dinov2_with_registers", "Dinov2WithRegistersModel"),
        ("dinov3_vit", "DINOv3ViTModel"),
    ];
    let all = all.map(|(kind, class)| {
        let text = json!({ "model_type": kind, "architectures": [class] }).to_string();
        let vit = read_config(&text).unwrap().vit;
        let path = out.path().join(kind);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("config.json"), text).unwrap();
        Built { vit: vit.architecture.with(vit.shape).unwrap(), path: path.to_str().expect("UTF-8").to_owned() }
    });
    build_all(TORCH, "check_models.py", "transformers", &all);
}

/// Files name the versions of the libraries that the tests are run with.
#[test]
fn versions_are_those_of_the_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = ["requirements.txt", "requirements-full.txt", "requirements-jax.txt", "requirements-keras-hub.txt"];
    let pinned: String =
        files.iter().map(|file| std::fs::read_to_string(root.join(file)).unwrap() + "\n").collect::<String>()
            + &std::fs::read_to_string(root.join("trainers/candle/Cargo.toml")).unwrap();
    let tested: Vec<&str> = sovitc::emit::targets::list().iter().filter_map(|listed| listed.tested_with).collect();
    assert_eq!(tested.len(), 7);
    for library in tested {
        let (name, version) = library.split_once(' ').unwrap();
        let pins = [format!("\n{name}=={version}\n"), format!("\n{name} = {{ version = \"{version}\"")];
        assert!(pins.iter().any(|pin| pinned.contains(pin)), "{library}");
    }
}

#[test]
fn torchvision_builds_what_was_priced() {
    let class = Architecture { classes: 1000, activation: Activation::Gelu, ..class_token(PLAIN) };
    check_built("torchvision_builds_what_was_priced", Target::Torchvision, "torchvision", &[class], 14);
}

/// The example emits for every trainer, and its script finds every model to have the predicted parameters.
#[test]
fn the_example_loads_with_every_library() {
    for (module, tool) in
        ["torch", "transformers", "timm", "open_clip", "torchvision", "ml_collections"].map(|m| (m, m))
    {
        if let Err(reason) = has(module) {
            return support::skip(tool, "the_example_loads_with_every_library", &reason);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let build = Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .current_dir(root)
        .args(["examples/trainers/plan.sov", "--out"])
        .arg(out.path())
        .output()
        .unwrap();
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let python = std::env::var("SOVIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = root.join("examples/trainers/load.py");
    let load = |python: &str| {
        let output = Command::new(python).env("KERAS_BACKEND", "jax").arg(&script).arg(out.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    };
    let said = load(&python);
    let equal = |library: Option<&str>| {
        let lines = said.lines().filter(|line| line.ends_with(" equal"));
        lines.filter(|line| library.is_none_or(|library| line.starts_with(library))).count()
    };
    assert_eq!(equal(None) - equal(Some("candle")), 13, "{said}");
    if std::env::var_os("SOVIT_CANDLE").is_none_or(|program| program.is_empty()) {
        support::skip("candle", "the_example_loads", "SOVIT_CANDLE names no program");
    } else {
        assert_eq!(equal(Some("candle")), 1, "{said}");
    }
    let missing: Vec<&str> = said.lines().filter(|line| line.contains("missing")).collect();
    let apart = |line: &&str| line.starts_with("keras_hub") || line.starts_with("candle");
    assert!(said.contains("loads") && missing.iter().all(apart), "{said}");
    match JAX.has("keras_hub") {
        Ok(()) => {
            let said = load(&std::env::var("SOVIT_JAX").unwrap());
            assert!(said.lines().any(|line| line.starts_with("keras_hub") && line.ends_with(" equal")), "{said}");
        }
        Err(reason) => support::skip("keras_hub", "the_example_loads", &reason),
    }
}

/// One image through tiny models with the same weights: every library computes what the encoder says it is.
#[test]
fn libraries_compute_what_the_model_says() {
    for module in ["torch", "transformers", "timm", "open_clip", "torchvision"] {
        if let Err(reason) = has(module) {
            return support::skip(module, "libraries_compute_what_the_model_says", &reason);
        }
    }
    let base = Architecture { image: 42, heads: 4, ..Architecture::default() };
    let class = |variant| Architecture { pooling: Pooling::Class, class_token: true, variant, ..base };
    let clip = Variant { pre_norm: true, patch_bias: false, ..PLAIN };
    let dino = Variant { layer_scale: Some(1e-5), mask_token: true, ..PLAIN };
    let average = Architecture { pooling: Pooling::Average, ..base };
    let gelu = Activation::Gelu;
    let architectures = [
        (base, 3),
        (Architecture { activation: gelu, norm_epsilon: 1e-3, ..base }, 1),
        (Architecture { class_token: true, ..base }, 2),
        (average, 2),
        (Architecture { classes: 10, activation: gelu, ..average }, 2),
        (Architecture { classes: 10, activation: gelu, ..class(PLAIN) }, 3),
        (class(Variant { qkv_bias: QkvBias::None, ..PLAIN }), 3),
        (Architecture { activation: Activation::QuickGelu, ..class(clip) }, 3),
        (Architecture { activation: gelu, norm_epsilon: 1e-3, ..class(clip) }, 2),
        (Architecture { pooling: Pooling::Average, ..class(clip) }, 2),
        (class(Variant { layer_scale: Some(1e-5), ..clip }), 2),
        (class(dino), 1),
        (Architecture { activation: Activation::SwiGlu, ..class(dino) }, 1),
        (class(Variant { registers: 3, ..dino }), 1),
        (Architecture { norm_epsilon: 1e-5, ..class(Variant { qkv_bias: QkvBias::NoKey, ..ROTARY }) }, 1),
        (Architecture { activation: Activation::SwiGlu, ..class(ROTARY) }, 1),
        (class(Variant { position: Position::SinCos2d, masked: 0.5, ..PLAIN }), 1),
        (Architecture { variant: Variant { registers: 3, position_rows: PositionRows::Patches, ..PLAIN }, ..base }, 2),
        (class(Variant { registers: 3, position_rows: PositionRows::All, qk_norm: QkNorm::Layer, ..PLAIN }), 2),
        (class(Variant { position_rows: PositionRows::Patches, ..PLAIN }), 2),
        (Architecture { variant: RES_POST, ..base }, 2),
        (Architecture { classes: 10, ..class(Variant { qkv_bias: QkvBias::None, ..RES_POST }) }, 1),
        (Architecture { activation: Activation::QuickGelu, ..class(PARALLEL) }, 2),
        (Architecture { variant: Variant { qk_norm: QkNorm::None, layer_scale: None, ..PARALLEL }, ..average }, 2),
        (class(Variant { qkv_bias: QkvBias::None, ..PARALLEL }), 2),
        (Architecture { variant: UNCENTRED, ..base }, 2),
        (class(Variant { norm: Norm::Rms, ..clip }), 2),
    ];
    let out = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for (i, (architecture, least)) in architectures.into_iter().enumerate() {
        let mut expressed = 0;
        for (target, library) in [
            (Target::Transformers, "transformers"),
            (Target::Timm, "timm"),
            (Target::OpenClip, "open_clip"),
            (Target::Torchvision, "torchvision"),
        ] {
            let mut case = case();
            // Four times the width is an MLP that every library can express; two thirds of it for a gate.
            let mlp_dim = if architecture.activation == Activation::SwiGlu { 128 } else { 192 };
            case.answers[0].vit.shape = Shape { width: 48, depth: 2, mlp_dim };
            let name = if target.ending().is_some() { "out.py" } else { "out" };
            let case = case.with(architecture).emitting(&[(target, name)]);
            let Ok(artefacts) = render(&case.request()) else { continue };
            let folder = out.path().join(format!("{i}-{library}"));
            write_all(&folder, &artefacts).expect("written files");
            let path = folder.join("flagship").join(name);
            cases.push(json!({ "library": library, "path": path, "vit": case.answers[0].vit }));
            expressed += 1;
        }
        assert!(expressed >= least, "{expressed} libraries express {architecture:?}");
    }
    // No trainer has norms behind the residual sums; PyTorch's own layers do.
    let post = |architecture: Architecture| {
        let architecture =
            Architecture { variant: Variant { block: BlockForm::Post, ..architecture.variant }, ..architecture };
        let vit = architecture.with(Shape { width: 48, depth: 3, mlp_dim: 193 }).unwrap();
        json!({ "library": "torch_encoder", "path": "", "vit": vit })
    };
    cases.extend([base, Architecture { classes: 10, activation: gelu, ..average }, class(clip)].map(post));
    let said = run("check_forward.py", &[], &json!(cases).to_string()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(said.lines().count(), cases.len());
    for (line, case) in said.lines().zip(&cases) {
        let found: Value = serde_json::from_str(line).unwrap();
        let (difference, largest) = (found["difference"].as_f64().unwrap(), found["largest"].as_f64().unwrap());
        assert!(largest > 0.1 && difference < 1e-5, "{found} {case}");
    }
}

/// The names by which kernels find their weights are those of the libraries, and they leave none out.
#[test]
fn weights_of_kernels_are_found_by_their_names() {
    for module in ["torch", "transformers", "timm", "open_clip"] {
        if let Err(reason) = has(module) {
            return support::skip(module, "weights_of_kernels_are_found_by_their_names", &reason);
        }
    }
    let base = Architecture { image: 42, heads: 4, ..Architecture::default() };
    let class = |variant| Architecture { pooling: Pooling::Class, class_token: true, variant, ..base };
    let clip = Variant { pre_norm: true, patch_bias: false, ..PLAIN };
    let registers = Variant { registers: 3, position_rows: PositionRows::All, layer_scale: Some(1e-5), ..PLAIN };
    let rotary = Variant { qkv_bias: QkvBias::NoKey, ..ROTARY };
    let average = Architecture { pooling: Pooling::Average, classes: 10, ..base };
    let cases = [
        ("transformers", Target::Transformers, base),
        ("transformers", Target::Transformers, Architecture { activation: Activation::Gelu, ..class(PLAIN) }),
        ("transformers", Target::Transformers, Architecture { classes: 5, ..class(PLAIN) }),
        ("transformers", Target::Transformers, class(rotary)),
        ("transformers", Target::Transformers, Architecture { activation: Activation::SwiGlu, ..class(rotary) }),
        ("timm", Target::Timm, base),
        ("timm", Target::Timm, average),
        ("timm", Target::Timm, class(registers)),
        ("timm", Target::Timm, class(clip)),
        ("timm", Target::Timm, class(Variant { qk_norm: QkNorm::Layer, ..PLAIN })),
        ("open_clip", Target::OpenClip, Architecture { activation: Activation::QuickGelu, ..class(clip) }),
        ("open_clip", Target::OpenClip, class(Variant { layer_scale: Some(1e-5), ..clip })),
    ];
    let out = tempfile::tempdir().unwrap();
    let listed = cases.into_iter().enumerate().map(|(i, (library, target, architecture))| {
        let mut case = case();
        case.answers[0].vit.shape = Shape { width: 48, depth: 2, mlp_dim: 192 };
        let case = case.with(architecture);
        let list = weights(&case.answers[0].vit).into_iter().map(|weight| {
            let name = match library {
                "timm" => weight.timm,
                "open_clip" => weight.open_clip,
                _ => weight.transformers,
            };
            json!({ "name": name.unwrap_or_else(|| panic!("{library}: {}", weight.name)), "shape": weight.shape })
        });
        let list: Vec<Value> = list.collect();
        // open_clip projects the vector into the space of the texts, and a mask token is for training: no part of a pass.
        let rest: &[&str] = match library {
            "open_clip" => &["proj"],
            "transformers" if architecture.variant.mask_token => &["embeddings.mask_token"],
            _ => &[],
        };
        let path = emitted(case, target, &out.path().join(i.to_string()));
        json!({ "library": library, "path": path, "weights": list, "rest": rest })
    });
    let listed: Vec<Value> = listed.collect();
    let said = run("check_weights.py", &[], &json!(listed).to_string()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(said.lines().count(), listed.len());
    for (line, case) in said.lines().zip(&listed) {
        let found: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&found["wrong"], &found["rest"]),
            (&json!([]), &case["rest"]),
            "{} {}",
            case["library"],
            case["path"]
        );
    }
}

/// The rotary positions that kernels read are those of the model that is emitted.
#[test]
fn rotary_positions_of_kernels_are_those_of_transformers() {
    for module in ["torch", "transformers"] {
        if let Err(reason) = has(module) {
            return support::skip(module, "rotary_positions_of_kernels_are_those_of_transformers", &reason);
        }
    }
    let out = tempfile::tempdir().unwrap();
    let cases = [(42, 48), (56, 80), (224, 288)].map(|(image, width)| {
        let mut case = case();
        case.answers[0].vit.shape = Shape { width, depth: 1, mlp_dim: 192 };
        let case = case.with(Architecture { image, heads: 4, ..class_token(ROTARY) });
        let table = rotation(&case.answers[0].vit);
        let path = emitted(case, Target::Transformers, &out.path().join(image.to_string()));
        json!({ "path": path, "image": image, "table": table })
    });
    let said = run("check_rotation.py", &[], &json!(cases).to_string()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(said.lines().count(), cases.len());
    for (line, count) in said.lines().zip([9 * 12, 16 * 20, 256 * 72]) {
        let found: Value = serde_json::from_str(line).unwrap();
        // transformers computes the angles, up to 2 pi, in float.
        assert!(found["count"] == count && found["difference"].as_f64().unwrap() < 2e-6, "{found}");
    }
}

/// The table of rotary positions as it is packed.
fn rotation(vit: &Vit) -> Vec<f32> {
    let kernels = plan(vit).unwrap();
    let step = kernels.forward.iter().find(|step| step.kernel == "query_key").unwrap();
    let bound = step.arguments.iter().find(|bound| bound.argument == "rotation").unwrap();
    let argument = kernels.named("query_key").unwrap().arguments.iter().find(|a| a.name == "rotation").unwrap();
    let Operand::Weights(packing) = &bound.operand else { panic!("it is packed") };
    let normalisation = Normalisation::of(1.0, &[0.5; 3], &[0.5; 3]);
    let pack = Pack { vit, form: &KernelForm::default(), normalisation: &normalisation };
    match pack.buffer(argument, packing, 0, &|_| None).unwrap().numbers {
        Numbers::Floats(list) => list,
        Numbers::Halves(_) => panic!("they are floats"),
    }
}

/// Tiny models are trained from what is emitted, by the trainers' own code, and their logs come back as the rows they are.
#[test]
fn emitted_models_train_and_their_logs_come_back() {
    for module in ["torch", "transformers", "timm", "accelerate"] {
        if let Err(reason) = has(module) {
            return support::skip(module, "emitted_models_train_and_their_logs_come_back", &reason);
        }
    }
    let class = class_token(PLAIN);
    let architecture = Architecture { image: 32, patch: 8, heads: 4, classes: 2, ..class };
    let out = tempfile::tempdir().unwrap();
    for (target, library, says) in
        [(Target::Timm, "timm", "dataset = 50 example"), (Target::Transformers, "transformers", "accumulation = 2")]
    {
        let mut case = case();
        case.answers[0].vit.shape = Shape { width: 64, depth: 2, mlp_dim: 239 };
        let folder = out.path().join(library);
        let emitted = emitted(case.with(architecture), target, &folder);
        let logs = folder.join("runs/first");
        let arguments = [library.to_owned(), emitted, logs.to_str().expect("UTF-8").to_owned()];
        let said = run("train.py", &arguments, "").unwrap_or_else(|error| panic!("{error}"));
        // Trainers talk; the count comes last.
        let seen: f64 = said.lines().last().and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("{said}"));
        let plan = folder.join("plan.sov");
        let metric = if library == "timm" { "error" } else { "loss" };
        let text = format!(
            "model m {{ image = 32 px, patch = 8 px, heads = 4, pool = class }}\n\
             results runs from trainer {library} \"runs/*\" {{ {says} }}\nlaw l = sovit fitted to runs.{metric}\n"
        );
        std::fs::write(&plan, text).unwrap();
        let world = sovitc::disk::DiskWorld::of_plan(&plan);
        let checked = sovitc::check(&world, &sovitc::PlanFile::named("plan", "plan.sov"));
        assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
        let (tables, found) = sovitc::results::read(&checked.plan, &world);
        assert!(found.is_empty(), "{library}: {found:#?}");
        let rows = &tables[0].as_ref().unwrap().rows;
        assert_eq!((rows.len(), rows[0].examples), (1, Some(seen)), "{library}");
        assert_eq!(rows[0].shape, Some(Shape { width: 64, depth: 2, mlp_dim: 239 }));
        assert!(rows[0].metrics[0] > 0.0 && rows[0].metrics[0] < 2.0, "{library}: {:?}", rows[0].metrics);
    }
}
