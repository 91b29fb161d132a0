//! The examples do what they say, and say the same everywhere.
#![cfg(feature = "cli")]

mod support;

#[path = "../examples/grid/generate.rs"]
#[allow(dead_code, unreachable_pub, reason = "an example of its own, whose main prints")]
mod grid;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs an example where it lies, writing elsewhere; its lock must be up to date.
fn build(name: &str) -> (tempfile::TempDir, Value) {
    build_plan(&format!("{name}/plan"))
}

/// The same for a plan of any name, without its ending.
fn build_plan(name: &str) -> (tempfile::TempDir, Value) {
    let lock = root().join("examples").join(format!("{name}.lock"));
    let before = fs::read(&lock).ok();
    let out = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .current_dir(root())
        .arg(format!("examples/{name}.sov"))
        .args(["--format", "json", "--out"])
        .arg(out.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = fs::read(out.path().join("summary.json")).unwrap();
    assert_eq!(output.stdout, written, "stdout is the summary and nothing else");
    if env::var_os("SOVIT_UPDATE").is_none() {
        assert!(before == fs::read(&lock).ok(), "examples/{name}.lock was stale: commit the new one");
    }
    (out, serde_json::from_slice(&written).unwrap())
}

/// What is preferred is bought with no more loss than the plan allows; the loss alone would choose heads of 66, which
/// FlashAttention pads to 96.
#[test]
fn the_fastest_shape_costs_a_little_loss() {
    let (_, summary) = build_plan("star/fast");
    let search = &summary["searches"][1];
    let preference = &search["preference"];
    assert_eq!(search["shape"]["head_dim"], 64);
    assert_eq!(preference["text"], "fast within 0.1 % of best loss");
    assert_eq!(preference["unit"], "s");
    assert_eq!(preference["value"], search["serving"]["latency"]);
    let (fast, slow) = (preference["value"].as_f64().unwrap(), preference["value_at_least_loss"].as_f64().unwrap());
    assert!(fast < 0.75 * slow, "{fast} {slow}");
    assert!((0.0..=1e-3).contains(&preference["loss_given_up"].as_f64().unwrap()), "{preference}");
    assert_eq!(preference["least_loss"]["shape"]["width"], 1056);
    let runners_up = search["runners_up"].as_array().unwrap();
    assert_eq!(runners_up.len(), 3);
    let excess: Vec<f64> = runners_up.iter().map(|shape| shape["excess"].as_f64().unwrap()).collect();
    assert!(excess.is_sorted() && excess[0] < 0.0, "{excess:?}");
}

/// What serving takes from the budget makes the encoder smaller; what is left pays for exactly so many examples.
#[test]
fn a_lifetime_of_inference_is_paid_for() {
    let (_, summary) = build_plan("star/lifetime");
    let [plain, served] = [0, 1].map(|i| &summary["searches"][i]);
    let number = |value: &Value| value.as_f64().unwrap();
    let budget = &served["budget"];
    let (inference, data) = (&budget["inference"], &budget["data"]);
    assert_eq!((number(&inference["examples"]), number(&data["unique"])), (100e9, 2e9));
    let flops = number(&served["cost"]["forward_flops_per_example"]);
    let all = number(&budget["examples"]) * flops + 100e9 * flops / 3.0;
    assert!((all / number(&budget["forward_flops"]) - 1.0).abs() < 1e-12, "{all}");
    assert!((number(&inference["share"]) - 100e9 * flops / 3.0 / 8e21).abs() < 1e-12);
    assert!(number(&served["cost"]["params"]) < 0.65 * number(&plain["cost"]["params"]));
    let epochs = number(&data["epochs"]);
    assert!((epochs - number(&budget["examples"]) / 2e9).abs() < 1e-9);
    let worth = 2e9 * (1.0 + 15.0 * (1.0 - (-(epochs - 1.0) / 15.0).exp()));
    assert!((number(&data["worth"]) / worth - 1.0).abs() < 1e-12);
    assert_eq!(plain["budget"]["inference"], Value::Null);
}

/// Six encoders, and a file for each trainer that can express one of them.
#[test]
fn trainers_get_what_they_can_express() {
    let (out, summary) = build("trainers");
    let files: Vec<&str> = summary["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert_eq!(files.len(), 25);
    let classes: Vec<String> = files
        .iter()
        .filter(|path| path.contains("/hf") && path.ends_with("config.json"))
        .map(|path| {
            let config: Value = serde_json::from_slice(&fs::read(out.path().join(path)).unwrap()).unwrap();
            config["model_type"].as_str().unwrap().to_owned()
        })
        .collect();
    let want =
        ["vit", "clip_vision_model", "dinov3_vit", "siglip", "siglip2_vision_model", "siglip_vision_model", "ijepa"];
    assert_eq!(classes, want);
}

/// What templates see is what the schema says, whatever a search asks for.
#[test]
fn summaries_are_what_the_schema_says() {
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc")).args(["emit", "--schema"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let known = schema["properties"].as_object().unwrap();
    let required = schema["required"].as_array().unwrap();
    for (_, summary) in [build("serving"), build("trainers"), build_plan("star/fast"), build_plan("star/lifetime")] {
        for search in summary["searches"].as_array().unwrap() {
            let search = search.as_object().unwrap();
            assert!(search.keys().all(|key| known.contains_key(key)), "{:?}", search.keys());
            let others = ["plan", "examples", "mlp_ratio"];
            let is_there =
                |key: &Value| key.as_str().is_some_and(|key| others.contains(&key) || search.contains_key(key));
            assert!(required.iter().all(is_there), "{required:?}");
        }
    }
    let described = known.values().filter(|property| property["description"].is_string()).count();
    assert_eq!(described, known.len());
}

fn codes(summary: &Value) -> Vec<&str> {
    summary["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect()
}

/// The time of a batch and the memory of a device decide the shape; 2.98 ms go with heads that no library pads.
#[test]
fn serving_keeps_within_its_latency_and_its_memory() {
    let (_, summary) = build("serving");
    let search = &summary["searches"][0];
    let (latency, memory) = (search["serving"]["latency"].as_f64().unwrap(), &search["training"]["memory"]);
    assert!((2.9e-3..3e-3).contains(&latency), "{latency}");
    let bytes: u64 =
        ["weights", "gradients", "optimizer", "activations"].map(|part| memory[part].as_u64().unwrap()).iter().sum();
    assert!(bytes < 60_000_000_000, "{memory}");
    assert_eq!(search["binding"], serde_json::json!(["latency < 3 ms"]));
    assert_eq!(search["shape"]["head_dim"], 64);
    let price = &search["shadow_prices"][0];
    assert_eq!(price["requirement"], "latency < 3 ms");
    assert!(price["shape"]["mlp_dim"].as_u64() > search["shape"]["mlp_dim"].as_u64(), "{price}");
    // Both published shapes are too slow, and one stands in the box with the other heads.
    for (i, name) in ["vit_l14", "sovit_400m14"].into_iter().enumerate() {
        let compared = &search["compared"][i];
        assert!(compared["name"] == name && compared["legal"] == false, "{compared}");
        assert!(compared["latency"].as_f64().unwrap() > 3e-3, "{compared}");
    }
    assert!(codes(&summary).contains(&"binding-constraint"));
    // The command says the same of the shape that was chosen.
    let shape = ["width", "depth", "mlp_dim"].map(|axis| search["shape"][axis].to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .args(["cost", "--width", &shape[0], "--depth", &shape[1], "--mlp", &shape[2], "--heads", "16"])
        .args(["--patch", "14", "--image", "224", "--on", "h200", "--batch", "8", "--attention", "cudnn"])
        .args(["--format", "json"])
        .output()
        .unwrap();
    let cost: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(cost["device"]["inference"]["seconds"], search["serving"]["latency"]);
}

#[test]
fn cluster_takes_a_careful_budget_and_pins_what_it_uses() {
    let (out, summary) = build("cluster");
    let budget = &summary["searches"][0]["budget"];
    let median = 64.0 * 21.0 * 86400.0 * 989.4e12 * 0.42 / 3.0;
    let careful = budget["forward_flops"].as_f64().unwrap() / median;
    // The lowest tenth of a normal share of 0.42 +- 0.03.
    assert!((careful - (0.42 - 1.2816 * 0.03) / 0.42).abs() < 1e-3, "{careful}");
    assert!(!codes(&summary).contains(&"uncertain-budget"));
    assert!(out.path().join("encoder/timm/config.json").exists());

    let folder = tempfile::tempdir().unwrap();
    support::copy(&root().join("examples/cluster"), folder.path());
    let locked = || {
        let plan = folder.path().join("plan.sov");
        let out = folder.path().join("out");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
        command.arg(plan).arg("--locked").arg("--out").arg(out).output().unwrap()
    };
    assert!(locked().status.success());
    let used = folder.path().join("encoder.sov");
    fs::write(&used, fs::read_to_string(&used).unwrap() + "// changed\n").unwrap();
    let stale = locked();
    let said = String::from_utf8_lossy(&stale.stderr).into_owned();
    assert!(stale.status.code() == Some(1) && said.contains("`encoder.sov` has changed"), "{said}");
}

#[test]
fn so400m_lands_on_the_published_shapes() {
    let (out, summary) = build("so400m");
    assert_eq!(summary["plan"], "so400m");
    for (search, name, [width, depth, mlp]) in [(0, "so400m", [1152, 27, 4304]), (1, "so150m", [880, 18, 2320])] {
        let search = &summary["searches"][search];
        assert_eq!(search["name"], name);
        let shape = &search["shape"];
        let near = |key: &str, want: i64, step: i64| {
            let got = shape[key].as_i64().unwrap();
            assert!((got - want).abs() <= step, "{name}: {key} {got}, published {want}");
        };
        near("width", width, 16);
        near("depth", depth, 1);
        near("mlp_dim", mlp, 16);
        assert_eq!(shape["heads"], 16);
        assert!(search["predicted"].is_null());
    }
    assert_eq!(summary["searches"][1]["shape"]["head_dim"], 55);
    let flops = summary["searches"][0]["budget"]["forward_flops"].as_f64().unwrap();
    assert!((flops / 8.544e21 - 1.0).abs() < 1e-4, "{flops}");
    assert!(codes(&summary).contains(&"no-loss-model"));
    assert!(codes(&summary).contains(&"calibrated-exponents"));
    for file in summary["files"].as_array().unwrap() {
        let path = out.path().join(file["path"].as_str().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().len(), file["bytes"].as_u64().unwrap());
    }
    for file in [
        "so400m/hf/config.json",
        "so400m/timm/config.json",
        "so400m/big_vision.py",
        "so400m/kernels/layernorm_residual.cu",
    ] {
        assert!(out.path().join(file).is_file(), "{file}");
    }
}

#[test]
fn kernels_are_shown_without_a_compiler() {
    let run = |more: &[&str]| {
        let plan = root().join("examples/so400m/plan.sov");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
        let output = command.args(["kernels", "plan"]).arg(plan).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = run(&[]);
    assert!(text.starts_with("so400m: width 1152, ") && text.contains("\n  attention   "), "{text}");
    let json: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    let kernels = json["searches"][1]["kernels"].as_array().unwrap();
    let projection = kernels.iter().find(|kernel| kernel["name"] == "projection").unwrap();
    // Attention leaves heads of 55 in 56 numbers.
    assert_eq!(projection["arguments"][1]["shape"], serde_json::json!([880, 16, 56]));
    assert_eq!(projection["arguments"][1]["used"], serde_json::json!([880, 16, 55]));
}

#[test]
fn other_budgets_and_starts_follow_the_law() {
    let text = fs::read_to_string(root().join("examples/so400m/plan.sov")).unwrap();
    let solve = |examples: &str, start: [f64; 3]| {
        let folder = tempfile::tempdir().unwrap();
        let [width, depth, mlp] = start;
        let text = text
            .replace("16e9 example", &format!("{examples} example"))
            .replace("width = 608, depth = 10, mlp = 928", &format!("width = {width}, depth = {depth}, mlp = {mlp}"));
        fs::write(folder.path().join("plan.sov"), text.replace("  require params < 450 Mparam\n", "")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_sovitc"))
            .current_dir(folder.path())
            .args(["plan.sov", "--format", "json"])
            .output()
            .unwrap();
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let shape = &summary["searches"][0]["shape"];
        ["width", "depth", "mlp_dim"].map(|key| shape[key].as_f64().unwrap())
    };
    for (examples, tokens_times) in [("2e9", 2e9), ("100e9", 100e9)] {
        for start in [[608.0, 10.0, 928.0], [512.0, 12.0, 1360.0]] {
            let growth = tokens_times * 533_999_763_456.0 / 7.0e17;
            let chosen = solve(examples, start);
            for (i, (exponent, step)) in [(0.0675, 16.0), (0.1055, 1.0), (0.1633, 16.0)].into_iter().enumerate() {
                let law: f64 = start[i] * f64::powf(growth, exponent);
                assert!((chosen[i] - law).abs() <= step, "{examples} {start:?}: {} against {law}", chosen[i]);
            }
        }
    }
}

#[test]
fn star_covers_the_planted_truth() {
    let (_, summary) = build("star");
    let law = &summary["laws"][0];
    let text = serde_json::to_string_pretty(law).unwrap();
    for (axis, truth) in [("width", 0.22), ("depth", 0.45), ("mlp", 0.60)] {
        let s = &law["intervals"]["exponents"][axis];
        let (low, high) = (s["low"].as_f64().unwrap(), s["high"].as_f64().unwrap());
        assert!(low < truth && truth < high, "{axis}: {low} to {high}\n{text}");
    }
    let search = &summary["searches"][0];
    let predicted = &search["predicted"];
    let [value, low, high] = ["value", "low", "high"].map(|key| predicted[key].as_f64().unwrap());
    assert!(low <= value && value <= high && high - low > 0.0, "{predicted}");
    assert!(!search["plateau"].is_null());
    let alternatives = search["alternatives"].as_array().unwrap();
    assert!(!alternatives.is_empty());
    for other in alternatives {
        assert!(other["wasted_compute"].as_f64().unwrap() >= 0.0, "{other}");
    }
    assert!(search["shape"]["head_dim"].as_u64().unwrap().is_multiple_of(8));
    // The baseline that trains too large a model wastes more than the one that is nearly of this shape.
    let baselines = search["compared"].as_array().unwrap();
    let wasted = |i: usize| baselines[i]["alternative"]["wasted_compute"].as_f64().unwrap();
    assert!(baselines[0]["name"] == "vit_l14" && baselines[1]["name"] == "vit_g14");
    assert!(0.0 < wasted(0) && wasted(0) < wasted(1), "{baselines:#?}");
}

#[test]
fn grid_starts_at_its_planted_optimum() {
    let (_, summary) = build("grid");
    let start = &summary["starts"][0];
    let shape = &start["optimum"]["shape"];
    assert_eq!(["width", "depth", "mlp_dim"].map(|key| shape[key].as_u64()), [Some(608), Some(10), Some(928)]);
    let [low, high] = [0, 1].map(|end| start["grid"]["range"][end].as_f64().unwrap());
    let planted = grid::compute(grid::BEST, 600_000_000);
    assert!(low < planted && planted < high, "{start}");
    assert_eq!(start["optimum"]["forward_flops"].as_f64(), Some(low));
    assert_eq!(fs::read_to_string(root().join("examples/grid/grid.csv")).unwrap(), grid::csv());
}

#[test]
fn curves_predict_their_held_out_part() {
    let (_, summary) = build("curves");
    assert!(summary["searches"].as_array().unwrap().is_empty());
    let laws = summary["laws"].as_array().unwrap();
    assert_eq!(laws.len(), 3);
    for law in laws {
        for curve in law["parameters"]["fits"].as_array().unwrap() {
            let rmse = curve["hold_out"]["rmse_log"].as_f64().unwrap();
            assert!(rmse > 0.0 && rmse < 0.15, "{curve}");
        }
    }
}

#[test]
fn output_is_the_same_everywhere() {
    let run = |name: &str, zone: &str, locale: &str| {
        let home = tempfile::Builder::new().prefix("a folder é").tempdir().unwrap();
        let plan = home.path().join(name);
        support::copy(&root().join("examples").join(name), &plan);
        let status = Command::new(env!("CARGO_BIN_EXE_sovitc"))
            .current_dir(&plan)
            .args(["plan.sov", "--out", "out"])
            .env("TZ", zone)
            .env("LC_ALL", locale)
            .env("LANG", locale)
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert!(status.status.success());
        let mut files = BTreeMap::new();
        read_all(&plan, &plan, &mut files);
        files
    };
    for name in ["so400m", "star", "grid", "curves"] {
        let (here, there) = (run(name, "UTC", "C"), run(name, "Asia/Kolkata", "de_DE.UTF-8"));
        assert!(here.keys().any(|path| path.ends_with("plan.lock")));
        assert_eq!(here.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
        for (path, bytes) in &here {
            assert!(there[path] == *bytes, "{path} differs");
        }
    }
}

#[test]
fn a_locked_build_writes_the_same_bytes_and_refuses_a_changed_plan() {
    let folder = tempfile::tempdir().unwrap();
    support::copy(&root().join("examples/so400m"), folder.path());
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_sovitc")).current_dir(folder.path()).args(arguments).output().unwrap()
    };
    assert!(run(&["plan.sov", "--out", "fresh"]).status.success());
    assert!(run(&["plan.sov", "--out", "locked", "--locked"]).status.success());
    let read = |name: &str| {
        let mut files = BTreeMap::new();
        read_all(&folder.path().join(name), &folder.path().join(name), &mut files);
        files
    };
    let (fresh, locked) = (read("fresh"), read("locked"));
    for (path, bytes) in &fresh {
        assert!(locked[path] == *bytes, "{path} differs");
    }
    let plan = fs::read_to_string(folder.path().join("plan.sov")).unwrap();
    fs::write(folder.path().join("plan.sov"), plan.replace("16e9", "17e9")).unwrap();
    let stale = run(&["plan.sov", "--locked"]);
    assert_eq!(stale.status.code(), Some(1));
    let text = String::from_utf8(stale.stderr).unwrap();
    assert!(text.contains("sovitc lock"), "{text}");
}

fn read_all(base: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(base, &path, files);
        } else {
            let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
            files.insert(name, fs::read(path).unwrap());
        }
    }
}
