//! Runs that trackers hold come back as tables: files that the real libraries wrote, and what is wrong with others.
#![cfg(feature = "fit")]

use std::fs;
use std::path::Path;

use sovitc::PlanFile;
use sovitc::diagnostic::{Diagnostic, Severity};
use sovitc::results::{Table, read};
use sovitc::source::MemoryWorld;

const MODEL: &str = "model m { image = 32 px, patch = 8 px, heads = 4, pool = map }\n";

/// The files of `tests/data/trackers`.
fn world() -> MemoryWorld {
    fn add(folder: &Path, name: &str, mut world: MemoryWorld) -> MemoryWorld {
        let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = format!("{name}{}", path.file_name().unwrap().to_str().unwrap());
            world = if path.is_dir() {
                add(&path, &format!("{name}/"), world)
            } else {
                world.with(name, fs::read(&path).unwrap())
            };
        }
        world
    }
    add(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/trackers"), "", MemoryWorld::default())
}

/// The first table of a plan.
fn rows(world: &MemoryWorld, results: &str) -> (Option<Table>, Vec<Diagnostic>) {
    let law = "law shape = sovit { width = 0.22, depth = 0.45, mlp = 0.60 }\n";
    let world = world.clone().with("plan.sov", format!("{MODEL}{results}\n{law}"));
    let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
    let errors: Vec<_> = checked.diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let (mut tables, found) = read(&checked.plan, &world);
    (tables.swap_remove(0), found)
}

/// Width, examples and first metric of each row.
fn read_as(world: &MemoryWorld, results: &str) -> Vec<(Option<u64>, Option<f64>, f64)> {
    let (table, found) = rows(world, results);
    assert!(found.is_empty(), "{found:#?}");
    let rows = table.unwrap().rows;
    rows.iter().map(|row| (row.shape.map(|shape| shape.width), row.examples, row.metrics[0])).collect()
}

fn close(got: &[(Option<u64>, Option<f64>, f64)], wanted: &[(Option<u64>, Option<f64>, f64)]) {
    let is_close = got.len() == wanted.len()
        && got.iter().zip(wanted).all(|(a, b)| a.0 == b.0 && a.1 == b.1 && (a.2 - b.2).abs() < 1e-7);
    assert!(is_close, "{got:?}\n{wanted:?}");
}

/// What PyTorch writes: numbers of both styles, hyperparameters in a folder below, a run that began anew.
#[test]
fn tensorboard_runs_are_rows() {
    let runs = "results runs from trainer tensorboard \"tensorboard/*\" { batch = 8, processes = 2, error = 1 - column \"val/top1\" }";
    let [a, b] = [(Some(64), Some(3200.0), 0.5), (Some(96), Some(4800.0), 0.35)];
    close(&read_as(&world(), runs), &[a, b]);
    // What was logged behind the step at which a run began anew is void.
    let every = runs.replace("batch", "where = column step >= 100, batch");
    let [a1, b1, b2] = [(Some(64), Some(1600.0), 0.6), (Some(96), Some(1600.0), 0.55), (Some(96), Some(3200.0), 0.45)];
    close(&read_as(&world(), &every), &[a1, a, b1, b2, b]);
    // Sizes and examples from the plan, by the file's name.
    let plan = "results runs from trainer tensorboard \"tensorboard/a/*tfevents*\" {
        width = column `hparams.width`, depth = 2, mlp = 4 * column `hparams.width`
        examples = (column step + 1) * 16, loss = column `train/loss`, cluster = column run
    }";
    close(&read_as(&world(), plan), &[(Some(64), Some(3216.0), 0.5)]);
    // Curves need no shape.
    let curves = "results runs from trainer tensorboard \"tensorboard/a\" { n = column `hparams.width` * 1e6, loss = column `train/loss`, where = column kind != \"\" }";
    assert_eq!(read_as(&world(), curves).len(), 5);
}

/// Keras keeps a run in two folders with the same tags; hyperparameters lie beside them, or nothing does.
#[test]
fn runs_of_keras_are_rows() {
    let events = |name: &str| sovitc::source::World::read(&world(), name).unwrap();
    let (a, b) = (
        events("tensorboard/a/events.out.tfevents.1795890334.host.1.0"),
        events("tensorboard/b/events.out.tfevents.1795890335.host.1.3"),
    );
    let log = "events.out.tfevents.1.host.1.0.v2";
    let keras = MemoryWorld::default()
        .with(format!("keras/a/train/{log}"), b.as_slice())
        .with(format!("keras/a/validation/{log}"), a.as_slice())
        .with(format!("keras/b/validation/{log}"), a.as_slice())
        .with(format!("keras/b/{log}"), b"".as_slice());
    let told = "batch = 8, processes = 2, width = 64, depth = 2, mlp = 239";
    let runs = format!(
        "results runs from trainer tensorboard \"keras/*\" {{ {told}, error = 1 - column \"validation/val/top1\" }}"
    );
    let row = (Some(64), Some(3200.0), 0.5);
    close(&read_as(&keras, &runs), &[row, row]);
    let one = runs.replace("keras/*", "keras/a");
    close(&read_as(&keras, &one), &[row]);
    // A half by its own name has its tags as they are.
    close(&read_as(&keras, &one.replace("keras/a", "keras/a/validation").replace("validation/val", "val")), &[row]);
    let (_, found) = rows(&keras, &one.replace("validation/val/top1", "val/top1"));
    assert!(found[0].message.contains("has no column `val/top1`"), "{found:#?}");
    assert!(found[0].notes[0].contains("`train/train/loss`"), "{found:#?}");
}

/// Every form in which MLflow holds runs has the same ones: finished, not deleted, the last written of the last step.
#[test]
fn mlflow_runs_are_rows() {
    let [a, b] = [(Some(64), Some(3200.0), 0.5), (Some(96), Some(4800.0), 0.35)];
    for (path, has_steps) in [
        ("mlflow/mlflow.db", true),
        ("mlflow/mlruns/*/*", true),
        ("mlflow/mlruns/*/*/meta.yaml", true),
        ("mlflow/runs.csv", false),
    ] {
        let told = if has_steps { "batch = 8, accumulation = 2" } else { "examples = column `params.steps` * 16" };
        let runs = format!(
            "results runs from trainer mlflow \"{path}\" {{ {told}, error = 1 - column \"metrics.val/top1\", where = column kind == \"final\" and column `tags.mlflow.runName` != \"diverged\" }}"
        );
        let mut got = read_as(&world(), &runs);
        got.sort_by_key(|row| row.0);
        close(&got, &[a, b]);
        // A loss that is no number is none.
        let loss = format!(
            "results runs from trainer mlflow \"{path}\" {{ n = column `params.width`, loss = column `metrics.val/top1` }}"
        );
        let (_, found) = rows(&world(), &loss);
        let says = "`loss` is infinite in line ";
        assert!(found.len() == 1 && found[0].message.contains("must be positive and finite"), "{says} {found:#?}");
        // A place of several runs does not tell which.
        assert!(found[0].notes.iter().any(|note| note.starts_with("in run `")), "{found:#?}");
        if has_steps {
            // Steps are those of the metrics that the plan asks for: one was logged late at an early step.
            let every =
                runs.replace("column kind == \"final\"", "column step >= 100").replace("!= \"diverged\"", "== \"w96\"");
            close(&read_as(&world(), &every), &[(Some(96), Some(1600.0), 0.9), b]);
        }
    }
}

#[test]
fn what_is_no_run_of_mlflow_is_explained() {
    let runs = "results runs from trainer mlflow \"mlflow/mlflow.db\" { batch = 8, error = 1 - column `metrics.val/top1`, where = column `tags.mlflow.runName` == \"w64\" }";
    let file = sovitc::source::World::read(&world(), "mlflow/mlflow.db").unwrap();
    let with = |bytes: &[u8]| world().with("mlflow/mlflow.db", bytes);
    let mut logged = file.clone();
    logged[19] = 2;
    let mut wide = file.clone();
    wide[59] = 2;
    let mut empty = [0; 512];
    empty[..101].copy_from_slice(&file[..101]);
    empty[100] = 0x0d;
    let metric = "mlflow/mlruns/x/y/metrics/val/top1";
    let oops = world().with("mlflow/mlruns/x/y/meta.yaml", "run_id: a\nstatus: 3\n").with(metric, "1 0.5 2\noops\n");
    for (world, results, says) in [
        (with(&empty), runs, "has no table `runs`: it is none of MLflow"),
        (oops, &runs.replace("mlflow.db", "mlruns/*/*"), "has no time, number and step in line 2"),
        (with(&file[..1 << 12]), runs, "is a damaged database: page "),
        (with(b"run_id,status\n"), runs, "is no SQLite database"),
        (with(&wide), runs, "is a database in UTF-16"),
        (
            with(&logged).with("mlflow/mlflow.db-wal", &b"7\x7f\x06\x82changes"[..]),
            runs,
            "has changes in `mlflow/mlflow.db-wal` that are not in it yet",
        ),
        (world(), &runs.replace("mlflow.db", "mlruns/*"), "is of no run: it has no `run_id`"),
        (
            world(),
            &runs.replace("mlflow.db", "runs.csv").replace("runs.csv", "../tensorboard.csv"),
            "has no `run_id` and `status`",
        ),
        (world(), &runs.replace("val/top1", "val/top5"), "has no column `metrics.val/top5`"),
        (world(), &runs.replace("mlflow/mlflow.db", "http://localhost:5000"), "is an address, and only files are read"),
    ] {
        let world = world.with("mlflow/../tensorboard.csv", "step,value\n1,2\n");
        let (_, found) = rows(&world, results);
        let found = found.first().unwrap_or_else(|| panic!("{says}"));
        assert!(found.message.contains(says), "{says}: {found:#?}");
    }
}

/// Only finished runs count; steps are those of the optimizer where they are logged, never calls of `wandb.log`.
#[test]
fn wandb_runs_are_rows() {
    let told = "examples = column \"train/global_step\" * 16, error = 1 - column \"val/top1\"";
    let [a, b] = [(Some(64), Some(3200.0), 0.5), (Some(96), Some(4800.0), 0.35)];
    let good = "where = column kind == \"final\" and column run != \"diverged\"";
    let table = format!("results runs from trainer wandb \"wandb/runs.csv\" {{ {told}, {good} }}");
    close(&read_as(&world(), &table), &[a, b]);
    let all = table.replace("column kind == \"final\"", "column State != \"running\"");
    close(&read_as(&world(), &all), &[a, b, (Some(96), Some(1600.0), 0.8)]);
    // A run that diverged is no fraction of 1, and is said to be none.
    let (_, found) = rows(&world(), &table.replace(good, ""));
    assert_eq!(found[0].code.name, "error-not-a-fraction", "{found:#?}");
    // As `wandb.Api` and pandas write them.
    let api = ",name,state,model_type,hidden_size,num_hidden_layers,intermediate_size,image_size,num_attention_heads,patch_size,train/global_step,val/top1\n\
               0,a,finished,siglip_vision_model,64,2,239,32,4,8,200,0.5\n1,b,failed,,,,,,,,100,\n";
    let other = MemoryWorld::default().with("runs.csv", api);
    close(&read_as(&other, &format!("results runs from trainer wandb \"runs.csv\" {{ {told} }}")), &[a]);

    let sizes = "width = 64, depth = 2, mlp = 239";
    let b = (Some(64), b.1, b.2);
    let history = format!("results runs from trainer wandb \"wandb/w*.jsonl\" {{ {sizes}, {told} }}");
    close(&read_as(&world(), &history), &[a, b]);
    let every = history.replace("width", "where = column `train/global_step` > 50, width");
    let early = |examples| (Some(64), Some(examples), 0.9);
    close(&read_as(&world(), &every), &[early(1600.0), a, early(1600.0), early(3200.0), b]);
    let frame = ",run_id,_step,train/global_step,val/top1\n0,a,4,200,\n1,a,5,200,0.5\n2,b,1,100,\n3,b,7,300,0.65\n";
    let other = MemoryWorld::default().with("history.csv", frame);
    close(&read_as(&other, &history.replace("wandb/w*.jsonl", "history.csv")), &[a, b]);
}

/// A chart has a line for each run and metric, over steps; what bounds a line is none.
#[test]
fn charts_of_wandb_are_rows() {
    let chart = "\"Step\",\"w - 64 - val/top1\",\"w - 64 - val/top1__MIN\",\"w - 64 - val/top1__MAX\",\"w96 - val/top1\",\"w96 - val/top1__MIN\",\"w96 - val/top1__MAX\"\n\
                 \"100\",\"0.4\",\"0.4\",\"0.4\",\"0.45\",\"0.45\",\"0.45\"\n\"200\",\"0.5\",\"0.5\",\"0.5\",\"\",\"\",\"\"\n\"300\",\"\",\"\",\"\",\"0.65\",\"0.65\",\"0.65\"\n";
    let plan = "results runs from trainer wandb \"chart.csv\" { width = 64, depth = 2, mlp = 239, examples = column `Step` * 16, error = 1 - column `val/top1`, where = column run != \"\" }";
    let last = plan.replace("column run != \"\"", "column kind == \"final\"");
    let with = |text: &str| MemoryWorld::default().with("chart.csv", text);
    let row = |examples, error| (Some(64), Some(examples), error);
    let (a, b) = ([row(1600.0, 0.6), row(3200.0, 0.5)], [row(1600.0, 0.55), row(4800.0, 0.35)]);
    close(&read_as(&with(chart), plan), &[a, b].concat());
    close(&read_as(&with(chart), &last), &[a[1], b[1]]);
    close(&read_as(&with(chart), &last.replace("kind == \"final\"", "run == \"w96\"")), &b);
    close(&read_as(&with(&chart.replace("Step", "train/global_step")), &last.replace("Step", "step")), &[a[1], b[1]]);
    for (text, says) in [
        (chart.replace("w - 64", "w96"), "has two columns `w96 - val/top1`: its runs are not told apart"),
        (chart.replace("\"100\"", "\"1.5\""), "has no step in line 2: its first column is no count"),
        (chart.replace("\"0.4\",", "\"high\","), "has `high` in column `w - 64 - val/top1`, line 2"),
        (chart.replace("0.65", "1.65"), "`error` is "),
    ] {
        let (_, found) = rows(&with(&text), plan);
        let found = found.first().unwrap_or_else(|| panic!("{says}"));
        assert!(found.message.contains(says), "{says}: {found:#?}");
        assert!(!says.starts_with("`error`") || found.notes.contains(&"in run `w96`".to_owned()), "{found:#?}");
    }
}

#[test]
fn what_is_no_run_of_wandb_is_explained() {
    let runs = "results runs from trainer wandb \"a.csv\" { width = 64, depth = 2, mlp = 239, examples = column n, error = column e }";
    let sized = runs.replace("width = 64, depth = 2, mlp = 239,", "");
    for (text, results, says) in [
        ("summary,config,name\n\"{'e': 1}\",{},a\n", runs, "has no `State` of runs, as the table of a project has"),
        ("name,_step,n,e\na,9,1,0.5\n", runs, "has no `State` of runs, as the table of a project has"),
        ("_step,n,e\n9,1,0.5\n9,1,0.4\n", runs, "its `_step` does not grow in line 3"),
        ("_step,n,e\n,1,0.5\n", runs, "has no `_step` in line 2"),
        ("_step,n,e\n1,1,high\n", runs, "has `high` in column `e`, line 2"),
        ("_step,n,e\n1,1,0.5\n", &sized, "says no `width` of run `a.csv`"),
        ("Name,State,n,e\nx,finished,1,0.5\n", &sized, "says no `width` of run `x`"),
        ("Name,State,n,e\nx,crashed,1,0.5\n", runs, "no row of `a.csv` passes the filter"),
        ("Name,State,n\nx,finished,1\n", runs, "has no column `e`"),
        ("Name,State,n,e\n", runs, "is empty"),
    ] {
        let (_, found) = rows(&MemoryWorld::default().with("a.csv", text), results);
        let found = found.first().unwrap_or_else(|| panic!("{says}"));
        assert!(found.message.contains(says), "{says}: {found:#?}");
    }
}

/// What a plan may say of trackers is checked as all of it is.
#[test]
fn plans_about_trackers_are_checked() {
    for (results, code, says) in [
        (
            "results runs from trainer tensorbord \"runs/*\" { batch = 8, error = column e }",
            "S0221",
            "no logs of a trainer `tensorbord` are known",
        ),
        ("results runs from trainer tensorboard \"runs/*\" { error = column e }", "S0205", "needs `examples`"),
        ("results runs from trainer mlflow \"mlflow.db\" { batch = 8 }", "S0205", "has nothing to fit"),
        (
            "results runs from trainer wandb \"runs.csv\" { batch = 8, examples = column n, error = column e }",
            "S0215",
            "`batch` changes nothing of runs of wandb",
        ),
        (
            "results runs from trainer mlflow \"mlflow.db\" { dataset = 8 example, batch = 8, error = column e }",
            "S0215",
            "`dataset` changes nothing of runs of mlflow",
        ),
    ] {
        let world = MemoryWorld::default().with("plan.sov", format!("{MODEL}{results}\n"));
        let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
        let is_told = |found: &&Diagnostic| found.code.id == code && found.message.contains(says);
        assert!(checked.diagnostics.iter().any(|found| is_told(&found)), "{says}: {:#?}", checked.diagnostics);
    }
}

/// Nobody's bytes are too strange, whatever they are called.
#[test]
fn no_bytes_panic() {
    let world = world();
    let names = [
        "tensorboard/b/events.out.tfevents.1795890335.host.1.3",
        "mlflow/mlflow.db",
        "mlflow/runs.csv",
        "wandb/w64.jsonl",
        "wandb/runs.csv",
    ];
    for name in names {
        let good = sovitc::source::World::read(&world, name).unwrap();
        let trainer = name.split('/').next().unwrap();
        let plan = format!(
            "results runs from trainer {trainer} \"{name}\" {{ examples = column step, error = column `val/top1` }}"
        );
        let mut state = 1_u64;
        for _ in 0..100 {
            let mut bytes = good.clone();
            for _ in 0..20 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = state as u8 ^ (state >> 56) as u8;
            }
            bytes.truncate((state >> 20) as usize % (2 * good.len()));
            drop(rows(&MemoryWorld::default().with(name, bytes), &plan));
        }
    }
}

#[test]
fn event_files_that_say_no_run_are_explained() {
    let runs = "results runs from trainer tensorboard \"tensorboard/a\" { batch = 8, error = 1 - column \"val/top1\" }";
    let name = "tensorboard/a/events.out.tfevents.1795890334.host.1.0";
    let file = sovitc::source::World::read(&world(), name).unwrap();
    let with = |bytes: &[u8]| world().with(name, bytes);
    // A writer that crashed leaves half a record.
    let (table, found) = rows(&with(&file[..file.len() - 9]), runs);
    assert!(found.is_empty(), "{found:#?}");
    assert!((table.unwrap().rows[0].metrics[0] - 0.6).abs() < 1e-7);
    let mut damaged = file.clone();
    damaged[100] ^= 1;
    let alone = MemoryWorld::default().with(name, file.clone());
    for (world, results, code, says) in [
        (with(&damaged), runs, "bad-log", "is damaged: the checksum of record 2, at byte 88, is wrong"),
        (
            with(b"epoch,val/top1\n0,0.5\n"),
            runs,
            "bad-log",
            "is no event file: the checksum of its first record is wrong",
        ),
        (alone, runs, "bad-log", "says no `width` of run `tensorboard/a`"),
        (with(b""), runs, "unknown-column", "has no column `val/top1`"),
        (world(), &runs.replace("val/top1", "val/top"), "unknown-column", "has no column `val/top`"),
        (
            world(),
            &runs.replace("board/a", "board/c"),
            "no-files",
            "no file fits `tensorboard/c/events.out.tfevents.*`",
        ),
        (
            world(),
            &runs.replace("board/a", "board/c*"),
            "no-files",
            "no file fits `tensorboard/c*/events.out.tfevents.*`",
        ),
    ] {
        let (_, found) = rows(&world, results);
        let found = found.first().unwrap_or_else(|| panic!("{says}"));
        assert!(found.code.name == code && found.message.contains(says), "{says}: {found:#?}");
    }
}
