//! The main job, warm: `cargo bench --bench main_job` prints the median of each.

use std::path::Path;
use std::process::{Command, Stdio};

use divan::Bencher;
use sovitc::PlanFile;
use sovitc::disk::DiskWorld;

fn main() {
    divan::main();
}

/// The whole process, writing its files: what a user waits for.
#[divan::bench(args = ["so400m", "star", "curves"], sample_count = 20)]
fn process(bencher: Bencher<'_, '_>, example: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example).join("plan.sov");
    bencher.bench(|| {
        let status = Command::new(env!("CARGO_BIN_EXE_sovitc"))
            .arg(&plan)
            .arg("--out")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    });
}

/// Reading, checking, fitting and searching, in memory.
#[divan::bench(args = ["so400m", "star", "curves"], sample_count = 20)]
fn compile(bencher: Bencher<'_, '_>, example: &str) {
    let world = DiskWorld::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example));
    bencher.bench(|| sovitc::compile(&world, &PlanFile::named(example, "plan.sov")));
}
