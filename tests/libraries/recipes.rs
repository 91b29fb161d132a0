//! Recipes: what a plan says of a training, and whether trainers follow the configs that come of it.
//!
//! The trainers are those of `tests/requirements-full.txt`; see `tests/libraries/trainers.rs`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use sovitc::shape::Recipe;

use crate::python::{TORCH, has, run};
use crate::support;

/// A plan with one recipe, which pays for `examples` images of whatever shape is chosen.
fn plan(recipe: &str, model: &str, emits: &str) -> String {
    plan_with("forward(vit_ti16) * 1e6 example", recipe, model, emits)
}

fn plan_with(budget: &str, recipe: &str, model: &str, emits: &str) -> String {
    format!(
        "law shape = sovit {{ effective = {{ width = 0.0675, depth = 0.1055, mlp = 0.1633 }} }}\n\
         start small {{ shape = {{ width = 192, depth = 12, mlp = 768 }}, compute = 0.70 EFLOP as forward }}\n\
         budget big = {budget}\n\
         model encoder {{ image = 224 px, patch = 16 px, heads = 3, {model} }}\n\
         recipe web {{ {recipe} }}\n\
         search encoder {{ width in 192..192, depth in 12..12, mlp in 768..768 }}\n{emits}\n"
    )
}

fn build(folder: &Path, plan: &str) -> Output {
    std::fs::write(folder.join("plan.sov"), plan).unwrap();
    Command::new(env!("CARGO_BIN_EXE_sovitc"))
        .current_dir(folder)
        .args(["plan.sov", "--out", "out", "--format", "json"])
        .output()
        .unwrap()
}

fn summary(folder: &Path, plan: &str) -> Value {
    let output = build(folder, plan);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&std::fs::read_to_string(folder.join("out/summary.json")).unwrap()).unwrap()
}

/// The first error of a plan that is refused: its code, its message and its first help.
fn refusal(plan: &str) -> [String; 3] {
    let folder = tempfile::tempdir().unwrap();
    let output = build(folder.path(), plan);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.path().join("out").exists(), "nothing is written");
    let report: Value = serde_json::from_slice(&output.stderr).unwrap();
    let first = report["diagnostics"].as_array().unwrap().iter().find(|found| found["severity"] == "error").unwrap();
    let help = &first["help"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    [text(&first["code"]), text(&first["message"]), text(&help["message"])]
}

const COSINE: &str = "batch = 512, processes = 4, dataset = 50000 example, schedule = cosine, \
                      warmup = 97 * 10, learning_rate = 1e-3, weight_decay = 0.05";

#[test]
fn a_recipe_is_told_in_steps_with_its_origins() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "batch = 1000, processes = 2, schedule = rsqrt, warmup = 10 %, cooldown = 5e4 example, \
                  learning_rate = 3e-4, weight_decay = 0.01, clip = 1, precision = fp32, seed = 7";
    let told = &summary(folder.path(), &plan(recipe, "", "emit big_vision \"bv.py\""))["searches"][0];
    let recipe = &told["recipe"];
    let examples = told["budget"]["examples"].as_f64().unwrap();
    let steps = (examples / 1000.0).floor() as u64;
    assert_eq!(
        (&recipe["steps"], &recipe["micro_batch"], &recipe["accumulation"]),
        (&json!(steps), &json!(500), &json!(1))
    );
    assert_eq!(
        (&recipe["warmup_steps"], &recipe["cooldown_steps"]),
        (&json!((steps as f64 / 10.0).round() as u64), &json!(50))
    );
    assert_eq!(recipe["origins"]["clip"], "plan");
    assert_eq!(recipe["origins"]["timescale"], "default: that of big_vision");
    let config = std::fs::read_to_string(folder.path().join("out/encoder/bv.py")).unwrap();
    assert!(
        config.contains(&format!("config.total_steps = {steps}  # computed: what the budget pays for")),
        "{config}"
    );
    // What AdamW multiplies by the learning rate, big_vision does not.
    assert!(config.contains("config.wd = 0.01 * config.lr\n") && !config.contains("dtype_mm"), "{config}");
    assert!(config.contains("timescale=10000,") && config.contains("cooldown_steps=50,"), "{config}");
}

#[test]
fn the_lock_holds_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(COSINE, "", "emit big_vision \"bv.py\"");
    let first = summary(folder.path(), &plan);
    let lock = std::fs::read_to_string(folder.path().join("plan.lock")).unwrap();
    assert!(lock.contains("warmup_steps = 970"), "{lock}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
    let output = command.current_dir(&folder).args(["plan.sov", "--locked", "--out", "again"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("again/summary.json")).unwrap()).unwrap();
    assert_eq!(first["searches"][0]["recipe"], again["searches"][0]["recipe"]);
}

#[test]
fn what_a_trainer_cannot_follow_is_refused() {
    let check = |recipe: &str, model: &str, emits: &str, [message, help]: [&str; 2]| {
        let [code, said, first] = refusal(&plan(recipe, model, emits));
        assert!(code == "S0702" && said.contains(message) && first.contains(help), "{code} {said} {first}");
    };
    let classes = "pool = average, classes = 1000";
    let contrastive = format!("{COSINE}, task = contrastive");
    check(&contrastive, classes, "emit timm \"t/\"", ["compares each image with its label", "recipe = false"]);
    check(COSINE, "", "emit timm \"t/\"", ["the model has none", "`classes`"]);
    // One epoch leaves none for a warm-up.
    let once = COSINE.replace("50000 example", "1e6 example");
    check(&once, classes, "emit timm \"t/\"", ["whole epochs", "`warmup = 0`"]);
    check(&COSINE.replace("97 * 10", "500"), classes, "emit timm \"t/\"", ["whole epochs, of 97", "`warmup = 485`"]);
    let stream = COSINE.replace("dataset = 50000 example, ", "");
    check(&stream, classes, "emit timm \"t/\"", ["gives no data set", "`dataset = "]);
    let short = COSINE.replace("50000 example", "50e6 example");
    check(&short, classes, "emit timm \"t/\"", ["less than one", "count steps"]);
    check(&COSINE.replace("cosine", "rsqrt"), classes, "emit timm \"t/\"", ["ends with a cooldown", "`cooldown`"]);
    check(&contrastive, "", "emit transformers \"h/\"", ["of one process alone", "recipe = false"]);
    let split = format!("{contrastive}, micro_batch = 64");
    check(&split, "", "emit transformers \"h/\"", ["would compare its own examples", "`processes`"]);
    check(&split, "", "emit big_vision \"b.py\"", ["a batch in one pass", "`micro_batch`"]);
    let rsqrt = COSINE.replace("cosine", "rsqrt, cooldown = 10");
    check(&rsqrt, "", "emit transformers \"h/\"", ["`inverse_sqrt` has none", "recipe = false"]);
    check(&format!("{COSINE}, optimizer = adafactor"), "", "emit transformers \"h/\"", ["Adafactor has no", "recipe"]);
    check(COSINE, "", "emit open_clip \"o/\"", ["images with texts", "task = contrastive"]);
    check(&contrastive.replace("cosine", "rsqrt"), "", "emit open_clip \"o/\"", ["`cosine` and `constant`", "recipe"]);
    check(&format!("{COSINE}, precision = fp16"), "", "emit big_vision \"b.py\"", ["scale no loss", "recipe"]);
    // The model alone is written all the same.
    let folder = tempfile::tempdir().unwrap();
    summary(folder.path(), &plan(COSINE, "", "emit timm \"t/\" { recipe = false }"));
    assert!(folder.path().join("out/encoder/t/config.json").exists());
    assert!(!folder.path().join("out/encoder/t/train.yaml").exists());
}

#[test]
fn what_the_budget_does_not_pay_for_is_refused() {
    let [code, message, help] = refusal(&plan(&COSINE.replace("97 * 10", "100000"), "", ""));
    assert_eq!(code, "S0614");
    assert!(message.contains("warms up for 100000 steps") && help.contains("shares"), "{message} {help}");
}

/// Compares learning rates that the trainer's own code gives with those of the recipes, one after another.
fn follows(test: &str, modules: &[&str], recipes: &[String], model: &str, emits: &str) {
    for module in modules {
        if let Err(reason) = has(module) {
            return support::skip(module.trim_end_matches("_train"), test, &reason);
        }
    }
    let mut folders = Vec::new();
    let mut input = String::new();
    for recipe in recipes {
        let folder = tempfile::tempdir().unwrap();
        // So much compute that it is a million images of this very model.
        let flops =
            &summary(folder.path(), &plan(recipe, model, ""))["searches"][0]["cost"]["forward_flops_per_example"];
        let budget = format!("{flops} FLOP/example * 1e6 example as forward");
        let summary = summary(folder.path(), &plan_with(&budget, recipe, model, emits));
        let search = &summary["searches"][0];
        let mut told = search["recipe"].clone();
        let recipe: Recipe = serde_json::from_value(told.clone()).unwrap();
        let middle = recipe.warmup_steps + (recipe.steps - recipe.warmup_steps) / 3;
        let cooling = recipe.steps - recipe.cooldown_steps / 2 - 1;
        let steps = [0, 1, recipe.warmup_steps / 2, recipe.warmup_steps, middle, cooling, recipe.steps - 1];
        told["factors"] = steps.iter().map(|&step| json!([step, recipe.factor(step)])).collect();
        told["params"] = search["cost"]["params"].clone();
        input += &json!({ "folder": folder.path().join("out/encoder"), "recipe": told }).to_string();
        input.push('\n');
        folders.push(folder);
    }
    let said = run("check_recipes.py", &[], &input).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(said.matches(": 7 rates ok").count(), recipes.len(), "{said}");
}

/// open_clip trains by the emitted file: its own entry point, on images that it makes up.
#[test]
fn open_clip_trains_by_the_emitted_file() {
    let test = "recipes::open_clip_trains_by_the_emitted_file";
    // The last three are what training imports beside the library.
    for module in ["torch", "open_clip_train", "braceexpand", "pandas", "webdataset"] {
        if let Err(reason) = has(module) {
            return support::skip("open_clip", test, &reason);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let recipe = "task = contrastive, batch = 8, micro_batch = 4, dataset = 32 example, schedule = cosine, warmup = 2, \
                  learning_rate = 1e-3, weight_decay = 0.1, precision = fp32";
    let tiny = |emits: &str, budget: &str| {
        let plan = plan_with(budget, recipe, "", emits);
        let plan = plan.replace("224 px", "32 px").replace("width in 192..192", "width in 48..48");
        plan.replace("depth in 12..12", "depth in 1..1").replace("mlp in 768..768", "mlp in 96..96")
    };
    let flops =
        &summary(folder.path(), &tiny("", "1 GFLOP as forward"))["searches"][0]["cost"]["forward_flops_per_example"];
    let text = "text = { width = 32, depth = 1, heads = 2 }";
    let emits = format!("emit open_clip \"oc/\" {{ {text} }}");
    summary(folder.path(), &tiny(&emits, &format!("{flops} FLOP/example * 86 example as forward")));
    // Two passes make a batch, whose features are computed twice: three quarters of 86 examples are 8 batches.
    let output = TORCH
        .command()
        .current_dir(folder.path())
        .env("HF_HUB_OFFLINE", "1")
        .args(["out/encoder/oc/train.py", "--train-data", "made-up", "--dataset-type", "synthetic"])
        .args(["--device", "cpu", "--workers", "1", "--log-every-n-steps", "1", "--logs", "logs"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let steps: Vec<&str> = said.lines().filter(|line| line.contains("Train Epoch: ")).collect();
    let rates: Vec<f64> =
        steps.iter().filter_map(|line| line.split("LR: ").nth(1)?.split_whitespace().next()?.parse().ok()).collect();
    // Two epochs of four steps: up in two, down to zero in six.
    let cosine = |step: f64| 0.5e-3 * (1.0 + (std::f64::consts::PI * step / 6.0).cos());
    let want = [0.5e-3, 1e-3, 1e-3, cosine(1.0), cosine(2.0), cosine(3.0), cosine(4.0), cosine(5.0)];
    assert_eq!(rates.len(), want.len(), "{said}");
    assert!(rates.iter().zip(want).all(|(rate, want)| (rate - want).abs() < 1e-6), "{rates:?}");
}

/// timm's own `train.py`, a copy of which `TIMM_TRAIN` names, trains by the emitted file; what it leaves is read back.
#[test]
fn timm_trains_by_the_emitted_file() {
    let test = "recipes::timm_trains_by_the_emitted_file";
    let Ok(script) = std::env::var("TIMM_TRAIN") else {
        return support::skip(
            "timm_train",
            test,
            "TIMM_TRAIN names no copy of timm's train.py, which its package lacks",
        );
    };
    for module in ["torch", "timm", "PIL"] {
        if let Err(reason) = has(module) {
            return support::skip("timm", test, &reason);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let recipe = "batch = 8, dataset = 48 example, schedule = cosine, warmup = 0, learning_rate = 1e-3, \
                  weight_decay = 0.05, precision = fp32";
    let tiny = |emits: &str, budget: &str| {
        let plan = plan_with(budget, recipe, "pool = class, classes = 2", emits).replace("224 px", "32 px");
        let plan = plan.replace("width in 192..192", "width in 48..48").replace("depth in 12..12", "depth in 1..1");
        plan.replace("mlp in 768..768", "mlp in 95..95")
    };
    let flops =
        &summary(folder.path(), &tiny("", "1 GFLOP as forward"))["searches"][0]["cost"]["forward_flops_per_example"];
    let told =
        summary(folder.path(), &tiny("emit timm \"timm/\"", &format!("{flops} FLOP/example * 96 example as forward")));
    let output = TORCH
        .command()
        .current_dir(folder.path())
        .env("HF_HUB_OFFLINE", "1")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trainers/train_by_timm.py"))
        .args([&script, "out/encoder/timm/train.yaml", "."])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The arguments that it writes are the model that was priced.
    let arguments = std::fs::read_to_string(folder.path().join("runs/first/args.yaml")).unwrap();
    let read = sovitc::vit::read_config(&arguments).unwrap();
    let cost = read.vit.architecture.with(read.vit.shape).unwrap().cost();
    assert_eq!(
        serde_json::to_value(cost.params_by_component).unwrap(),
        told["searches"][0]["cost"]["params_by_component"]
    );
    let plan = "model m { image = 32 px, patch = 16 px, heads = 3, pool = class, classes = 2 }\n\
                results runs from trainer timm \"runs/*\" { dataset = 48 example, loss = column eval_loss }\n\
                law l = sovit fitted to runs.loss\n";
    std::fs::write(folder.path().join("runs.sov"), plan).unwrap();
    let world = sovitc::disk::DiskWorld::of_plan(&folder.path().join("runs.sov"));
    let checked = sovitc::check(&world, &sovitc::PlanFile::named("runs", "runs.sov"));
    let (tables, found) = sovitc::results::read(&checked.plan, &world);
    assert!(checked.diagnostics.is_empty() && found.is_empty(), "{:#?} {found:#?}", checked.diagnostics);
    let rows = &tables[0].as_ref().unwrap().rows;
    assert_eq!((rows.len(), rows[0].examples), (1, Some(96.0)));
    assert_eq!(rows[0].shape, Some(read.vit.shape));
}

/// So many images that the budget, 1e6 images, is whole epochs of whole batches.
const WHOLE: &str = "batch = 500, processes = 4, dataset = 50000 example, learning_rate = 1e-3, weight_decay = 0.05";

fn whole(more: &[&str]) -> Vec<String> {
    more.iter().map(|more| format!("{WHOLE}, {more}")).collect()
}

#[test]
fn timm_follows_every_schedule() {
    let recipes = whole(&[
        "schedule = cosine, warmup = 500, clip = 1",
        "schedule = cosine, warmup = 0, micro_batch = 25, beta2 = 0.95, precision = fp16",
        "schedule = rsqrt, warmup = 1e5 example, cooldown = 400, timescale = 250, optimizer = adafactor",
        "schedule = constant, warmup = 200, cooldown = 20 %, epsilon = 1e-6",
        "schedule = constant, warmup = 5 %",
    ]);
    follows("recipes::timm", &["torch", "timm"], &recipes, "pool = average, classes = 1000", "emit timm \"timm/\"");
}

#[test]
fn transformers_follows_every_schedule() {
    let recipes = whole(&[
        "schedule = cosine, warmup = 123, clip = 1",
        "schedule = rsqrt, warmup = 150, timescale = 250, micro_batch = 25, beta2 = 0.95",
        "schedule = constant, warmup = 77, cooldown = 20 %, precision = fp32",
        "schedule = constant, warmup = 1 %, epsilon = 1e-6",
    ]);
    let modules = ["torch", "transformers", "accelerate"];
    follows("recipes::transformers", &modules, &recipes, "", "emit transformers \"hf/\"");
}

#[test]
fn open_clip_follows_every_schedule() {
    let recipes = whole(&[
        "task = contrastive, schedule = cosine, warmup = 123, clip = 1",
        "task = contrastive, schedule = constant, warmup = 77, cooldown = 20 %, micro_batch = 25",
        "task = contrastive, schedule = constant, warmup = 5 %, beta2 = 0.95, precision = fp32",
    ]);
    let modules = ["torch", "open_clip", "open_clip_train"];
    follows("recipes::open_clip", &modules, &recipes, "", "emit open_clip \"open_clip/\"");
}
