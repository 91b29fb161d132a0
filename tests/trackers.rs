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
            world = match path.is_dir() {
                true => add(&path, &format!("{name}/"), world),
                false => world.with(name, fs::read(&path).unwrap()),
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
        (world(), &runs.replace("board/a", "board/c"), "unreadable-table", "no such file"),
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
