//! Parameters and FLOPs equal what the real libraries count.
#![cfg(feature = "cli")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use sovitc::PlanFile;
use sovitc::source::MemoryWorld;
use sovitc::vit::{Activation, Architecture, Pooling, Position, QkvBias, Shape, Variant, named};

#[test]
fn every_library_row_is_exact() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vit-cost/vit_cost_table.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let mut checked = 0;
    for record in reader.records() {
        let record = record.unwrap();
        let text = |name: &str| &record[headers.iter().position(|h| h == name).unwrap()];
        let number = |name: &str| text(name).parse::<u64>().unwrap();
        let plain = Variant::default();
        let (pooling, classes, activation, variant) = match text("variant") {
            "map0" | "siglip_vision_model" | "big_vision_map0" => (Pooling::Map, 0, Activation::GeluTanh, plain),
            "gap1000" => (Pooling::Average, 1000, Activation::Gelu, plain),
            "vit_cls1000" | "torchvision_cls1000" => (Pooling::Class, 1000, Activation::Gelu, plain),
            "siglip_vision_nohead" => (Pooling::Average, 0, Activation::GeluTanh, plain),
            "clip_vision" => {
                (Pooling::Class, 0, Activation::QuickGelu, Variant { pre_norm: true, patch_bias: false, ..plain })
            }
            "dinov3_reg4_swiglu" => {
                let variant = Variant {
                    registers: 4,
                    position: Position::Rope,
                    qkv_bias: QkvBias::NoKey,
                    layer_scale: Some(1.0),
                    mask_token: true,
                    ..plain
                };
                (Pooling::Class, 0, Activation::SwiGlu, variant)
            }
            other => panic!("no such variant: {other}"),
        };
        let architecture = Architecture {
            image: number("image"),
            patch: number("patch"),
            heads: number("heads"),
            pooling,
            class_token: pooling == Pooling::Class,
            classes,
            activation,
            variant,
            ..Architecture::default()
        };
        let shape = Shape { width: number("width"), depth: number("depth"), mlp_dim: number("mlp_dim") };
        let cost = architecture.with(shape).unwrap().cost();
        let c = cost.params_by_component;
        let name = format!("{} {}", text("shape"), text("variant"));
        assert_eq!(cost.params, number("params_lib"), "{name}");
        for (ours, theirs) in [
            (c.patch_embedding, "p_patch"),
            (c.position_embedding, "p_pos"),
            (c.class_token, "p_cls"),
            (c.registers, "p_regs"),
            (c.pre_norm, "p_pre_norm"),
            (c.layer_scale, "p_layerscale"),
            (c.block_norms, "p_block_norms"),
            (c.attention, "p_attn"),
            (c.mlp, "p_mlp"),
            (c.final_norm, "p_final_norm"),
            (c.pooling, "p_map"),
            (c.classifier, "p_head"),
        ] {
            assert_eq!(ours, number(theirs), "{name} {theirs}");
        }
        let gflops: f64 = text("gflops_formula").parse().unwrap();
        assert!((cost.forward_flops_per_example as f64 / 1e9 - gflops).abs() <= 0.000_501, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 71);
}

/// FLOPs as published, whose authors count heads and elementwise work each in their own way.
#[test]
fn published_flops_are_within_a_percent() {
    for (name, image, published) in [
        ("sovit_400m14", 224, 221.1),
        ("vit_g14", 224, 533.1),
        ("vit_gigantic14", 224, 965.3),
        // 61.6 multiply-adds (Touvron et al., arXiv 2204.07118).
        ("vit_l16", 224, 2.0 * 61.6),
    ] {
        let mut vit = named(name).unwrap().vit();
        vit.architecture.image = image;
        let ours = vit.cost().forward_flops_per_example as f64 / 1e9;
        assert!((ours / published - 1.0).abs() < 0.01, "{name} at {image}: {ours}");
    }
}

/// A masked autoencoder's encoder sees a quarter of the patches: 54.312 GFLOP, counted by PyTorch in transformers.
#[test]
fn masked_patches_cost_no_block() {
    let variant = Variant { masked: 0.75, ..Variant::default() };
    let architecture = Architecture { pooling: Pooling::Class, class_token: true, variant, ..Architecture::default() };
    let cost = architecture.with(Shape { width: 1152, depth: 27, mlp_dim: 4304 }).unwrap().cost();
    assert_eq!(architecture.tokens(), 65);
    assert!((cost.forward_flops_per_example as f64 / 1e9 - 54.312).abs() < 0.0006, "{cost:?}");
}

fn cost(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sovitc")).arg("cost").args(arguments).output().unwrap()
}

fn counted(arguments: &[&str]) -> Value {
    let output = cost(&[arguments, &["--format", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_model_is_named_or_given_by_its_sizes() {
    let by_name = counted(&["siglip_so400m14"]);
    assert_eq!(by_name["params"], 427_680_704_u64);
    assert_eq!(by_name["training_flops"], 3 * 220_353_896_448_u64);
    let sizes =
        ["--width", "1152", "--depth", "27", "--mlp", "4304", "--heads", "16", "--patch", "14", "--image", "224"];
    let by_sizes = counted(&sizes);
    assert_eq!(by_name["params_by_component"], by_sizes["params_by_component"]);
    assert!(by_sizes.get("model").is_none());
    // Two fp32 moments of each parameter.
    assert_eq!(by_name["memory"]["optimizer"], 8 * 427_680_704_u64);
    let wide = counted(&["siglip_so400m14", "--image", "378", "--classes", "1000", "--pool", "average"]);
    assert_eq!(wide["params"], 414_140_248_u64);
}

/// Published counts of DINOv3: 21.6, 28.7, 85.7, 303 and 841 million.
#[test]
fn variants_of_the_catalogue_are_whole() {
    for (name, params) in [
        ("dinov3_s16", 21_596_544_u64),
        ("dinov3_s_plus16", 28_692_864),
        ("dinov3_b16", 85_660_416),
        ("dinov3_l16", 303_129_600),
        ("dinov3_h_plus16", 840_592_640),
    ] {
        assert_eq!(counted(&[name])["params"], params, "{name}");
    }
}

/// What the compiler emits it reads back.
#[test]
fn emitted_configs_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/so400m/plan.sov");
    let build = Command::new(env!("CARGO_BIN_EXE_sovitc")).arg(plan).arg("--out").arg(folder.path()).output().unwrap();
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("summary.json")).unwrap()).unwrap();
    let search = &summary["searches"][0];
    let mut read = 0;
    for target in ["hf", "timm"] {
        let config = folder.path().join(search["name"].as_str().unwrap()).join(target);
        let again = counted(&[config.to_str().unwrap()]);
        assert_eq!(again["params"], search["cost"]["params"], "{target}");
        assert_eq!(again["params_by_component"], search["cost"]["params_by_component"], "{target}");
        assert_eq!(again["forward_flops"], search["cost"]["forward_flops_per_example"], "{target}");
        assert_eq!(again["shape"]["heads"], search["shape"]["heads"], "{target}");
        read += 1;
    }
    assert_eq!(read, 2);
}

/// So is its YAML: of Lightning, and of timm's `train.py`, whose `args.yaml` has the same words.
#[test]
fn emitted_yaml_is_read_back() {
    for parts in [
        "pool = map, classes = 10, activation = gelu",
        "pool = average, classes = 1000, channels = 4",
        "pool = class, classes = 20, registers = 4, position_rows = patches, qk_norm = layer, layer_scale = 1e-5",
        "pool = class, classes = 30, pre_norm = true, patch_bias = false, qkv_bias = none, activation = quick_gelu",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let plan = format!(
            "law shape = sovit {{ effective = {{ width = 0.0675, depth = 0.1055, mlp = 0.1633 }} }}\n\
             start small {{ shape = {{ width = 192, depth = 12, mlp = 768 }}, compute = 0.70 EFLOP as forward }}\n\
             budget big = forward(vit_ti16) * 1e6 example\n\
             model encoder {{ image = 256 px, patch = 16 px, heads = 3, {parts} }}\n\
             recipe web {{ batch = 512, processes = 4, dataset = 50000 example, schedule = cosine, warmup = 97 * 10,\n\
             learning_rate = 1e-3, weight_decay = 0.05 }}\n\
             search encoder {{ width in 192..192, depth in 12..12, mlp in 765..765 }}\n\
             emit timm \"timm/\"\nemit lightning \"cli.yaml\"\n"
        );
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("plan.sov"), plan).unwrap();
        let build = Command::new(env!("CARGO_BIN_EXE_sovitc")).arg(at("plan.sov")).arg("--out").arg(at("out")).output();
        let build = build.unwrap();
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        let summary: Value = serde_json::from_str(&std::fs::read_to_string(at("out/summary.json")).unwrap()).unwrap();
        let search = &summary["searches"][0];
        for file in ["timm/config.json", "timm/train.yaml", "cli.yaml"] {
            let path = at("out/encoder").join(file);
            let again = counted(&[path.to_str().unwrap()]);
            assert_eq!(again["params_by_component"], search["cost"]["params_by_component"], "{parts}: {file}");
            assert_eq!(again["forward_flops"], search["cost"]["forward_flops_per_example"], "{parts}: {file}");
            for (name, size) in again["shape"].as_object().unwrap() {
                assert_eq!(*size, search["shape"][name], "{parts}: {name} of {file}");
            }
            // A model may begin so, too, and is the same encoder.
            let text = std::fs::read(&path).unwrap();
            let world = MemoryWorld::default().with("config", text).with("plan.sov", "model again from \"config\"\n");
            let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
            let model = checked.plan.models.first().unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
            let cost = model.architecture.with(Shape { width: 192, depth: 12, mlp_dim: 765 }).unwrap().cost();
            let parts = serde_json::to_value(cost.params_by_component).unwrap();
            assert_eq!(parts, search["cost"]["params_by_component"], "{file}");
        }
    }
}

#[test]
fn a_device_tells_the_time_and_whether_anybody_measured_it() {
    let on = |device: &str| counted(&["sovit_400m14", "--batch", "64", "--on", device])["device"].clone();
    let (h200, b200) = (on("h200"), on("b200"));
    assert_eq!(h200["calibrated"]["training"], "benches/results/blocks-h200.csv");
    assert_eq!(b200["calibrated"]["inference"], Value::Null);
    let seconds = |device: &Value, pass: &str| device[pass]["seconds"].as_f64().unwrap();
    // 2156 images/s were measured, eager, for the blocks alone.
    let measured = 64.0 / 2156.0;
    assert!((seconds(&h200, "inference") / measured - 1.0).abs() < 0.15, "{h200}");
    assert!(seconds(&h200, "training") > 3.0 * seconds(&h200, "inference"));
    assert!(seconds(&b200, "inference") < seconds(&h200, "inference"));
    assert!(h200["fits"] == true && on("tpu_v5e")["fits"] == false);
    let shown = String::from_utf8(cost(&["sovit_400m14", "--on", "b200"]).stdout).unwrap();
    assert!(shown.contains("uncalibrated") && shown.contains("heads of 72 are computed as 96"), "{shown}");
}

/// A device of a plan is one to be timed on, by what its users measured of it.
#[test]
fn passes_of_ones_own_correct_times() {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("devices.sov");
    let device = |time: &str| {
        let pass = format!("model = vit_b16, pass = inference, batch = 256, time = {time}");
        std::fs::write(&plan, format!("device ours from b200 {{ source = \"us\", measured = [{{ {pass} }}] }}\n"))
            .unwrap();
    };
    let on = |arguments: &[&str]| cost(&[&["vit_b16", "--batch", "256", "--on"], arguments].concat());
    let plan = plan.to_str().unwrap();
    device("17 ms");
    let shown = String::from_utf8(on(&["ours", "--plan", plan]).stdout).unwrap();
    assert!(shown.contains("inference: calibrated on 1 measured pass of `ours`: us"), "{shown}");
    assert!(shown.contains("training:  uncalibrated") && shown.contains("17 ms  15 059 images/s"), "{shown}");
    // The plan's other devices are not lost, and unknown ones are told with the plan's.
    assert_eq!(on(&["b200", "--plan", plan]).status.code(), Some(0));
    let unknown = on(&["our", "--plan", plan]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is `ours`"));
    device("17 us");
    let wrong = on(&["ours", "--plan", plan]);
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("S0223"));
}

/// The text tower stands beside the encoder's own counts, and shares its memory.
#[test]
fn a_text_tower_is_told_beside_the_encoder() {
    let step = ["siglip_so400m14", "--batch", "64"];
    let (alone, both) = (counted(&step), counted(&[&step[..], &["--text", "siglip_so400m", "--shards", "2"]].concat()));
    let beside = &both["contrastive"];
    assert_eq!(both["forward_flops"], alone["forward_flops"]);
    assert_eq!(beside["cost"]["params"], 877_415_602_u64);
    assert_eq!(beside["global_batch"], 128);
    assert_eq!(beside["cost"]["logit_flops"], 2 * 128 * 1152);
    assert_eq!(beside["forward_flops"], 53_129_281_536_u64 + 2 * 128 * 1152);
    let number = |value: &Value| value.as_u64().unwrap();
    let own = ["text", "logits", "features"].map(|name| number(&beside["activations"][name]));
    let activations = |counted: &Value| number(&counted["memory"]["activations"]);
    assert_eq!(activations(&both), activations(&alone) + own.iter().sum::<u64>());
    let shown = |arguments: &[&str]| String::from_utf8(cost(arguments).stdout).unwrap();
    let text = shown(&["clip_b32", "--text", "clip_b", "--context", "32", "--on", "h200", "--loss", "chunked_sigmoid"]);
    for said in ["which alone a budget counts", "with other sizes", "texts of 32 of 49 408", "times are the encoder's"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    for (arguments, said) in [
        (vec!["--text", "siglip"], "there is `siglip_b`"),
        (vec!["--text", "clip_b", "--text-heads", "7"], "7 heads do not divide the text tower's width 512"),
        (vec!["--text", "clip_b", "--context", "0"], "the text tower's context is 0"),
        (vec!["--text", "clip_b", "--batch", "64", "--global-batch", "100"], "`--global-batch 64`"),
    ] {
        let output = cost(&[&["clip_b32"], &arguments[..]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn wrong_models_and_devices_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(&config, r#"{"model_args": {"embed_dim": 768}}"#).unwrap();
    let config = config.to_str().unwrap();
    let yaml = folder.path().join("a_file.yaml");
    std::fs::write(&yaml, "model: [1\ngp: map\n").unwrap();
    let yaml = yaml.to_str().unwrap();
    for (arguments, said) in [
        (vec!["sovit_400m"], "there is `sovit_400m14`"),
        (vec!["vit_b16", "--on", "h20"], "there is `h200`"),
        (vec!["vit_b16", "--on", "h200", "--attention", "math"], "S0053"),
        (vec!["--width", "768", "--depth", "12"], "`--mlp`, `--heads`, `--patch`, `--image` are not given"),
        (vec![config], "leaves `img_size` to its library"),
        (vec![yaml], "a_file.yaml` is no config: it is no YAML: "),
        (vec!["vit_b16", "--masked", "1"], "S0404"),
        (vec!["vit_b16", "--heads", "7"], "7 heads do not divide the width 768"),
    ] {
        let output = cost(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}
