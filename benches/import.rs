//! Five million rows of CSV read and folded into their distinct points, beside the table readers of the field,
//! interleaved in one run.
//!
//! `cargo bench --bench import`; peers run in the Python that `SOVIT_PEERS` names, where they import:
//! `pip install pandas polars`. Each reading is a process of its own, so that its peak memory is its own: resident
//! bytes as Linux counts them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use sovitc::disk::DiskWorld;
use sovitc::source::MemoryWorld;

const ROUNDS: usize = 5;
const ROWS: u64 = 5_000_000;

/// A plan for the files below; the table's name stands for `TABLE`.
const PLAN: &str = "
model encoder { image = 224 px, patch = 14 px, heads = 16 }
results sweep from \"TABLE\" {
  width = column width
  depth = column depth
  mlp = column mlp
  examples = column seen
  error = 1 - column accuracy
  where = column task == \"inet\"
  seeds = average
}
";

/// The columns of a row: 96 points, each with as many seeds as it takes.
fn row(i: u64) -> (u64, u64, u64, u64, u64, f64) {
    let (width, depth) = (384 + 64 * (i % 4), 6 + 3 * (i / 4 % 4));
    let seen = 100_000_000 << (i / 16 % 6);
    let noise = (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 16_777_216.0;
    (width, depth, 4 * width, seen, i / 96, 0.5 + 0.3 * noise)
}

fn write_tables(folder: &Path) -> io::Result<()> {
    let mut csv = BufWriter::new(File::create(folder.join("rows.csv"))?);
    let mut json = BufWriter::new(File::create(folder.join("rows.jsonl"))?);
    writeln!(csv, "task,width,depth,mlp,seen,seed,accuracy")?;
    for i in 0..ROWS {
        let (width, depth, mlp, seen, seed, accuracy) = row(i);
        writeln!(csv, "inet,{width},{depth},{mlp},{seen},{seed},{accuracy:.6}")?;
        writeln!(
            json,
            "{{\"task\":\"inet\",\"width\":{width},\"depth\":{depth},\"mlp\":{mlp},\"seen\":{seen},\"seed\":{seed},\"accuracy\":{accuracy:.6}}}"
        )?;
    }
    csv.flush()?;
    json.flush()
}

/// Reads one table in this process and prints `seconds mebibytes`.
fn child(folder: &str, table: &str) {
    let world = MemoryWorld::default().with("plan.sov", PLAN.replace("TABLE", table));
    let plan = sovitc::check(&world, &sovitc::PlanFile::named("plan", "plan.sov")).plan;
    let start = Instant::now();
    let (tables, found) = sovitc::results::read(&plan, &DiskWorld::new(folder));
    let seconds = start.elapsed().as_secs_f64();
    let rows = tables.into_iter().flatten().flat_map(|table| table.rows).collect::<Vec<_>>();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!((rows.len(), rows.iter().map(|row| row.weight).sum::<f64>()), (96, ROWS as f64));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok());
    println!("{seconds} {}", peak.map_or(f64::NAN, |kibibytes| kibibytes / 1024.0));
}

/// What a process prints: `seconds mebibytes`.
fn measure(command: &mut Command) -> Option<(f64, f64)> {
    let output = command.output().ok()?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (seconds, peak) = text.trim().split_once(' ')?;
    Some((seconds.parse().ok()?, peak.parse().ok()?))
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, folder, table] = &arguments[..]
        && word == "read"
    {
        child(folder, table);
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    write_tables(folder.path())?;
    let python = std::env::var("SOVIT_PEERS").ok();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/import.py");
    let mut runs: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    let mut note = |name: &str, run: Option<(f64, f64)>| match runs.iter_mut().find(|(known, _)| known == name) {
        Some((_, list)) => list.extend(run),
        None => runs.push((name.to_owned(), Vec::from_iter(run))),
    };
    for _ in 0..ROUNDS {
        for (name, table) in [("sovitc, CSV", "rows.csv"), ("sovitc, JSON lines", "rows.jsonl")] {
            note(name, measure(Command::new(std::env::current_exe()?).arg("read").arg(folder.path()).arg(table)));
        }
        for peer in ["pandas", "polars", "polars-one-thread"].iter().filter(|_| python.is_some()) {
            let mut command = Command::new(python.as_deref().unwrap_or_default());
            note(&format!("{peer}, CSV"), measure(command.arg(script).arg(peer).arg(folder.path().join("rows.csv"))));
        }
    }
    if python.is_none() {
        println!("SKIPPED peers: set SOVIT_PEERS to a Python that imports them");
    }
    let median = |list: &mut Vec<f64>| {
        list.sort_by(f64::total_cmp);
        list.get(list.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let medians: Vec<(String, f64, f64)> = runs
        .into_iter()
        .map(|(name, list)| {
            let (mut seconds, mut peaks) = list.into_iter().unzip();
            (name, median(&mut seconds), median(&mut peaks))
        })
        .collect();
    let base = medians.first().map_or(f64::NAN, |(_, seconds, _)| *seconds);
    println!("{:<32} {:>9} {:>9} {:>11}", format!("{ROWS} rows, median of {ROUNDS}"), "seconds", "ratio", "peak MiB");
    for (name, seconds, peak) in medians {
        println!("{name:<32} {seconds:>9.2} {:>9.2} {peak:>11.1}", seconds / base);
    }
    Ok(())
}
