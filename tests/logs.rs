//! Logs of trainers come back as tables: what each writes, and the traps that each sets.
#![cfg(feature = "fit")]

use std::fmt::Write as _;

use sovitc::PlanFile;
use sovitc::diagnostic::Diagnostic;
use sovitc::results::{Table, read};
use sovitc::source::MemoryWorld;

const MODEL: &str = "model m { image = 32 px, patch = 8 px, heads = 4, pool = map }\n";

/// The rows of the table `runs` in a plan.
fn rows(world: &MemoryWorld, results: &str) -> (Option<Table>, Vec<Diagnostic>) {
    let law = "law l = sovit fitted to runs.error\n";
    let law = if results.contains("loss =") || results.contains("transformers") {
        law.replace("error", "loss")
    } else {
        law.to_owned()
    };
    let world = world.clone().with("plan.sov", format!("{MODEL}{results}\n{law}"));
    let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
    assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
    let (mut tables, found) = read(&checked.plan, &world);
    (tables.swap_remove(0), found)
}

fn table(world: &MemoryWorld, results: &str) -> Table {
    let (table, found) = rows(world, results);
    assert!(found.is_empty(), "{found:#?}");
    table.unwrap()
}

/// As `train.py` of timm 1.0 writes them.
fn timm(world: MemoryWorld, run: &str, width: u64, epochs: u64, logged: u64) -> MemoryWorld {
    let arguments = format!(
        "aa: null\nbatch_size: 8\nbn_eps: null\ncooldown_epochs: 0\nepochs: {epochs}\ngp: map\ngrad_accum_steps: 2\n\
         lr: 0.001\nmodel: vit_base_patch16_224\nmodel_kwargs:\n  class_token: false\n  depth: 2\n  embed_dim: {width}\n  \
         img_size: 32\n  mlp_ratio: 3.735\n  num_heads: 4\n  patch_size: 8\nnum_classes: 2\nopt: adamw\nwarmup_epochs: 0\n"
    );
    let mut summary = "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n".to_owned();
    for epoch in 0..logged {
        let _ = writeln!(summary, "{epoch},0.69,0.68,{},100.0,0.0005", 50 + 10 * epoch);
    }
    world.with(format!("{run}/args.yaml"), arguments).with(format!("{run}/summary.csv"), summary)
}

/// Epochs count from 0, accuracies are percent, the last batch is dropped, and only a run that ended is a run.
#[test]
fn timm_runs_are_rows() {
    let world = timm(MemoryWorld::default(), "runs/a", 64, 3, 3);
    let world = timm(world, "runs/b", 96, 3, 3);
    let world = timm(world, "runs/stopped", 64, 9, 3);
    let runs = "results runs from trainer timm \"runs/*\" { processes = 3, dataset = 1000 example }";
    let table = table(&world, runs);
    let got: Vec<_> = table.rows.iter().map(|row| (row.shape.unwrap(), row.examples, row.metrics.clone())).collect();
    let shapes: Vec<(u64, u64, u64)> =
        got.iter().map(|(shape, ..)| (shape.width, shape.depth, shape.mlp_dim)).collect();
    assert_eq!(shapes, [(64, 2, 239), (96, 2, 358)]);
    // 41 batches of 8 on 3 processes an epoch, three of them.
    assert!(got.iter().all(|(_, examples, _)| *examples == Some(3.0 * 41.0 * 24.0)), "{got:?}");
    assert!(got.iter().all(|(.., metrics)| (metrics[0] - 0.3).abs() < 1e-12), "{got:?}");
    let every = runs.replace("processes", "where = column epoch >= 0, processes");
    assert_eq!(rows(&world, &every).0.unwrap().rows.len(), 9);
}

/// Each process takes an equal part of the data, padded; a warm-up before the epochs is more of them, and a run that was
/// taken up again has its header twice.
#[test]
fn timm_counts_as_its_trainer_does() {
    let world = timm(MemoryWorld::default(), "runs/a", 64, 3, 3);
    let runs = "results runs from trainer timm \"runs/*\" { processes = 3, dataset = 1007 example }";
    // 336 examples a process.
    assert_eq!(table(&world, runs).rows[0].examples, Some(3.0 * 42.0 * 24.0));
    let read = |path: &str| String::from_utf8(sovitc::source::World::read(&world, path).unwrap()).unwrap();
    let (arguments, summary) = (read("runs/a/args.yaml"), read("runs/a/summary.csv"));
    let prefixed = arguments.replace("warmup_epochs: 0", "warmup_epochs: 2\nwarmup_prefix: true");
    let prefixed = world.clone().with("runs/a/args.yaml", prefixed);
    assert_eq!(rows(&prefixed, runs).1[0].code.name, "no-rows-kept");
    let again = summary.replacen("2,0.69", "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n2,0.69", 1);
    assert_eq!(table(&world.clone().with("runs/a/summary.csv", again), runs).rows.len(), 1);
    // A last line that was cut short is no end, and the line before it neither.
    let cut = world.clone().with("runs/a/summary.csv", summary.replace("2,0.69,0.68,70,100.0,0.0005\n", "2,0.69,0.6"));
    assert_eq!(rows(&cut, runs).1[0].code.name, "no-rows-kept");
    for epoch in ["-1", "1.5", "1e300", "nan"] {
        let (_, found) =
            rows(&world.clone().with("runs/a/summary.csv", summary.replace("\n0,", &format!("\n{epoch},"))), runs);
        assert!(found[0].message.contains(&format!("says `epoch = {epoch}`, which is no count")), "{found:#?}");
    }
}

/// An evaluation before the end is none of the model that the run ended with.
#[test]
fn only_what_stands_at_the_end_is_final() {
    let state = |step: u64| {
        format!(
            r#"{{"max_steps": 20, "train_batch_size": 4, "log_history": [{{"eval_loss": 0.7, "step": {step}}}, {{"loss": 0.6, "step": 20}}]}}"#
        )
    };
    let runs =
        "results runs from trainer transformers \"r/*\" { width = 64, depth = 2, mlp = 239, loss = column eval_loss }";
    let world = |text: String| MemoryWorld::default().with("r/1/trainer_state.json", text);
    assert_eq!(table(&world(state(20)), runs).rows.len(), 1);
    assert_eq!(rows(&world(state(15)), runs).1[0].code.name, "no-rows-kept");
}

/// Python writes numbers into JSON that JSON has no word for.
#[test]
fn runs_that_diverged_are_told_as_such() {
    let state = r#"{"max_steps": 20, "train_batch_size": 4, "best": -Infinity, "log_history": [
        {"loss": NaN, "step": 20, "a \"NaN\" \\": "NaN, Infinity"}, {"eval_loss": NaN, "step": 20}]}"#;
    let world = MemoryWorld::default().with("r/1/trainer_state.json", state);
    let runs = "results runs from trainer transformers \"r/*\" { width = 64, depth = 2, mlp = 239 }";
    let (_, found) = rows(&world, runs);
    assert!(found[0].message.starts_with("`loss` is NaN in line 1"), "{found:#?}");
    let lines = "{\"step\": 1, \"val\": 0.5, \"g\": Infinity}\n{\"step\": 2, \"val\": NaN}\n";
    let world = MemoryWorld::default().with("w/a/big_vision_metrics.txt", lines);
    let runs = "results runs from trainer big_vision \"w/*\" \
                { width = 64, depth = 2, mlp = 239, examples = 9, loss = column val }";
    let (_, found) = rows(&world, runs);
    assert!(found[0].message.starts_with("`loss` is NaN in line 2"), "{found:#?}");
}

/// Losses of training and of evaluation stand apart, and `total_flos` is no compute.
#[test]
fn transformers_runs_are_rows() {
    let state = r#"{"best_metric": null, "epoch": 2.0, "global_step": 20, "max_steps": 20, "num_train_epochs": 2,
        "total_flos": 1.293e11, "train_batch_size": 4, "log_history": [
        {"epoch": 1.0, "grad_norm": 0.5, "learning_rate": 0.001, "loss": 0.7, "step": 10},
        {"epoch": 1.0, "eval_loss": 0.69, "eval_runtime": 0.1, "step": 10},
        {"epoch": 2.0, "loss": 0.6, "step": 20}, {"epoch": 2.0, "eval_loss": 0.61, "step": 20},
        {"epoch": 2.0, "step": 20, "total_flos": 1.293e11, "train_loss": 0.65}]}"#;
    let config = r#"{"model_type": "siglip_vision_model", "hidden_size": 64, "num_hidden_layers": 2, "image_size": 32,
        "intermediate_size": 239, "num_attention_heads": 4, "patch_size": 8}"#;
    let world = MemoryWorld::default().with("r/1/trainer_state.json", state).with("r/1/config.json", config);
    let table = table(&world, "results runs from trainer transformers \"r/*\" { processes = 2, accumulation = 3 }");
    let row = &table.rows[0];
    assert_eq!((table.rows.len(), row.examples, row.metrics[0]), (1, Some(20.0 * 4.0 * 2.0 * 3.0), 0.61));
    assert_eq!(row.shape.unwrap().mlp_dim, 239);
}

/// Steps log what there is to log; lists are the shapes of arrays.
#[test]
fn big_vision_runs_are_rows() {
    let config = r#"{"input": {"batch_size": 32}, "total_steps": 200, "image_size": 32,
        "model": {"width": 64, "depth": 2, "mlp_dim": 239, "num_heads": 4, "patch_size": [8, 8], "pool_type": "map"}}"#;
    let log = "{\"step\": 100, \"training_loss\": 0.9, \"val/acc@1\": 0.4}\n{\"step\": 150, \"training_loss\": 0.8, \"img\": [2, 3]}\n\
               {\"step\": 200, \"training_loss\": 0.7}\n{\"step\": 200, \"val/acc@1\": 0.6}\n";
    let world = MemoryWorld::default().with("w/x/config.json", config).with("w/x/big_vision_metrics.txt", log);
    let runs = "results runs from trainer big_vision \"w/*\" { error = 1 - column `val/acc@1` }";
    let row = &table(&world, runs).rows[0];
    assert_eq!((row.examples, row.metrics[0]), (Some(6400.0), 0.4));
    // A run that was stopped early has no end.
    let world = world.with("w/x/config.json", config.replace("200", "400"));
    let (_, found) = rows(&world, runs);
    assert_eq!(found[0].code.name, "no-rows-kept", "{found:#?}");
    // In epochs, only the data set's size tells.
    let world = world.with("w/x/config.json", config.replace("\"total_steps\": 200", "\"total_epochs\": 4"));
    let (_, found) = rows(&world, runs);
    assert!(found[0].message.contains("counts in epochs"), "{found:#?}");
    let of = |examples: u64| runs.replace("{ error", &format!("{{ dataset = {examples} example, error"));
    assert_eq!(table(&world, &of(1600)).rows.len(), 1);
    assert_eq!(rows(&world, &of(3200)).1[0].code.name, "no-rows-kept");
}

#[test]
fn lightning_and_open_clip_runs_take_their_sizes_from_the_plan() {
    let csv = "epoch,step,train_loss_step,val_loss\n0,0,1.5,\n0,9,1.0,\n0,9,,0.9\n1,19,0.8,\n1,19,,0.7\n";
    let world = MemoryWorld::default().with("l/version_0/metrics.csv", csv);
    let sizes = "width = 64, depth = 2, mlp = 239";
    let lightning =
        format!("results runs from trainer lightning \"l/*\" {{ batch = 16, {sizes}, loss = column val_loss }}");
    let row = &table(&world, &lightning).rows[0];
    assert_eq!((row.examples, row.metrics[0]), (Some(320.0), 0.7));
    let jsonl = "{\"imagenet-zeroshot-val-top1\": 0.2, \"epoch\": 1, \"num_samples\": 50}\n{\"imagenet-zeroshot-val-top1\": 0.3, \"epoch\": 2}\n";
    let world = MemoryWorld::default().with("c/a/checkpoints/results.jsonl", jsonl);
    let open_clip = format!(
        "results runs from trainer open_clip \"c/*/checkpoints\" {{ dataset = 1000 example, {sizes}, error = 1 - column `imagenet-zeroshot-val-top1` }}"
    );
    let row = &table(&world, &open_clip).rows[0];
    assert_eq!((row.examples, row.metrics[0]), (Some(2000.0), 0.7));
}

#[test]
fn logs_that_say_no_run_are_explained() {
    let good = || timm(MemoryWorld::default(), "runs/a", 64, 3, 3);
    let runs = "results runs from trainer timm \"runs/*\" { dataset = 1000 example }";
    // Nine copies of nine copies, twelve deep.
    let mut laughs = "a: &a0 [x]\n".to_owned();
    for i in 1..12 {
        let _ = writeln!(laughs, "b{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 9].join(","));
    }
    let arguments = |text: &str| good().with("runs/a/args.yaml", text);
    for (world, code, says) in [
        (MemoryWorld::default(), "no-files", "no file fits `runs/*/summary.csv`"),
        (
            MemoryWorld::default().with("runs/a/summary.csv", "epoch,eval_top1\n0,50\n"),
            "bad-log",
            "has no `args.yaml` beside it",
        ),
        (
            arguments("batch_size: 8\nmodel: vit_small_patch16_224\nmodel_kwargs: {}\n"),
            "bad-log",
            "does not say `embed_dim`",
        ),
        (arguments("a: [1\nb: 2"), "bad-log", "`runs/a/args.yaml` is no YAML"),
        (arguments(&"[".repeat(100_000)), "bad-log", "`runs/a/args.yaml` is no YAML"),
        (arguments(&"- ".repeat(100_000)), "bad-log", "`runs/a/args.yaml` nests more than 64 deep"),
        (arguments(&laughs), "bad-log", "more than 8 aliases"),
        (arguments(&"a".repeat(2 << 20)), "bad-log", "has more than 1048576 bytes"),
        (arguments("batch_size: 8\nepoch_repeats: 2.0\n"), "bad-log", "`epoch_repeats`"),
        (
            arguments(
                "batch_size: 8\ngp: map\nmodel_kwargs: {embed_dim: 64, depth: 2, num_heads: 8, img_size: 32, patch_size: 8, mlp_ratio: 3.735, class_token: false}\n",
            ),
            "bad-log",
            "`heads = 8`, and model `m` has `heads = 4`",
        ),
        (good().with("runs/a/summary.csv", ""), "bad-log", "`runs/a/summary.csv` has no rows: its run logged nothing"),
        (good().with("runs/a/summary.csv", "epoch,eval_top1\n"), "bad-log", "has no rows"),
        (good().with("runs/a/summary.csv", "epoch,eval_top5\n0,50\n"), "unknown-column", "has no column `eval_top1`"),
    ] {
        let (_, found) = rows(&world, runs);
        let found = found.first().unwrap_or_else(|| panic!("{says}"));
        assert!(found.code.name == code && found.message.contains(says), "{says}: {found:#?}");
    }
}

/// What a plan says of logs is checked as all of it is.
#[test]
fn plans_about_logs_are_checked() {
    for (results, code) in [
        ("results runs from trainer tim \"runs/*\" { dataset = 1000 example }", "S0221"),
        ("results runs from trainer timm \"runs/*\" { dataset = 1000 example, accumulation = 2 }", "S0215"),
        ("results runs from trainer timm \"runs/*\" { processes = 8 }", "S0205"),
        ("results runs from trainer lightning \"runs/*\" { width = 64, depth = 2, mlp = 9, loss = column a }", "S0205"),
        ("results runs from trainer timm \"runs/*\" { dataset = 1000 s }", "S0301"),
        (
            "results runs from \"runs.csv\" { processes = 8, width = column a, depth = column b, mlp = column c, examples = column n, error = column e }",
            "S0203",
        ),
    ] {
        let world = MemoryWorld::default().with("plan.sov", format!("{MODEL}{results}\n"));
        let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
        let codes: Vec<_> = checked.diagnostics.iter().map(|found| found.code.id).collect();
        assert!(codes.contains(&code), "{results}: {codes:?}");
    }
}
