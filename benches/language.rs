//! The language at work: checking a plan of 2,639 lines and 499 definitions, and reading and formatting megabytes.
//!
//! `cargo bench --bench language`; beside it `nickel typecheck` on a file of as many definitions, where `nickel` is on
//! the path. Both are timed as whole processes, interleaved; the stages of sovitc also within one.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use sovitc::PlanFile;
use sovitc::source::{MemoryWorld, Sources};

const ROUNDS: usize = 21;

/// 499 definitions: 100 values, half of them uncertain, 100 models, 50 tables, 50 laws, a start, 99 budgets, 99 searches.
fn plan() -> String {
    let mut text = String::new();
    for i in 0..100 {
        let uncertain = if i % 2 == 0 { " +- 0.02" } else { "" };
        let _ = writeln!(text, "// How well cluster {i} is used.\nlet mfu{i} = 0.4{}{uncertain}\n", i % 10);
        let _ = writeln!(text, "model m{i} {{\n  image = 224 px\n  patch = 14 px\n  heads = 16\n}}\n");
    }
    for i in 0..50 {
        let _ = write!(text, "results r{i} from \"r{i}.csv\" {{\n  model = m{i}\n  width = column width\n");
        let _ = write!(text, "  depth = column depth\n  mlp = column mlp\n  examples = column n * 1e6\n");
        let _ = writeln!(text, "  error = 1 - column accuracy / 100\n  where = column split == \"star\"\n}}");
        let _ = writeln!(text, "law l{i} = sovit fitted to r{i}.error {{ draws = 300 }}\n");
    }
    text.push_str("start small { shape = { width = 608, depth = 10, mlp = 928 }, compute = 0.7 EFLOP as forward }\n");
    for i in 0..99 {
        let _ = writeln!(text, "budget b{i} = ({} gpu * 21 day * h200.bf16 * mfu{i}) as training\n", 8 + i);
        let _ = write!(text, "search s{i} {{\n  model = m{i}\n  law = l{}\n  budget = b{i}\n", i % 50);
        let _ = write!(text, "  width in 384..2048 step 16\n  depth in 6..60\n  mlp in 512..16384 by 1.25\n");
        text.push_str("  require params < 450 Mparam and 8 divides head_dim\n}\n\n");
    }
    text
}

/// As many definitions of records with contracts, for `nickel typecheck`.
fn nickel() -> String {
    let mut text = String::from("{\n");
    for i in 0..500 {
        let _ = writeln!(text, "  d{i} : {{ width : Number, depth : Number, ratio : Number, name : String }} = {{");
        let _ = writeln!(text, "    width = {i},\n    depth = 27,\n    ratio = {i} / 27,\n    name = \"d{i}\",\n  }},");
    }
    text + "}\n"
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = plan();
    let path = folder.path().join("plan.sov");
    std::fs::write(&path, &text).expect("a plan");
    let peer = folder.path().join("peer.ncl");
    std::fs::write(&peer, nickel()).expect("a peer's file");
    let world = MemoryWorld::default().with("plan.sov", text.as_str());
    let file = PlanFile::named("plan", "plan.sov");
    let checked = sovitc::check(&world, &file);
    assert!(checked.diagnostics.is_empty(), "{:?}", checked.diagnostics.first().map(|found| &found.message));
    let definitions = text.lines().filter(|line| line.starts_with(|first: char| first.is_alphabetic())).count();
    println!("{definitions} definitions, {} lines, {} bytes", text.lines().count(), text.len());

    let large = text.repeat((16 << 20) / text.len());
    let mut sources = Sources::default();
    let (small_id, large_id) = (sources.add("plan.sov", text.as_str()), sources.add("large.sov", large.as_str()));
    let has_nickel = Command::new("nickel").arg("--version").stdout(Stdio::null()).status().is_ok();
    let mut times: Vec<(&str, Vec<f64>)> = Vec::new();
    for round in 0..ROUNDS {
        note(&mut times, "check, in memory", || drop(black_box(sovitc::check(&world, &file))));
        note(&mut times, "parse, the same plan", || drop(black_box(sovitc::syntax::parse(&sources, small_id))));
        note(&mut times, "format, the same plan", || drop(black_box(sovitc::syntax::format(&sources, small_id))));
        let sovitc = Path::new(env!("CARGO_BIN_EXE_sovitc"));
        note(&mut times, "sovitc check, whole process", || run(Command::new(sovitc).arg("check").arg(&path)));
        if has_nickel {
            note(&mut times, "nickel typecheck, whole process", || {
                run(Command::new("nickel").arg("typecheck").arg(&peer));
            });
        }
        if round % 4 == 0 {
            note(&mut times, "parse, 16 MiB", || drop(black_box(sovitc::syntax::parse(&sources, large_id))));
        }
    }
    for (name, list) in &mut times {
        list.sort_by(f64::total_cmp);
        let median = list[list.len() / 2];
        let bytes = if name.contains("16 MiB") { large.len() } else { text.len() };
        println!("{name:<34} {:>9.2} ms {:>8.1} MB/s", median * 1e3, bytes as f64 / median / 1e6);
    }
    if !has_nickel {
        println!("SKIPPED nickel typecheck: `nickel` is not on the path");
    }
}

fn note(times: &mut Vec<(&'static str, Vec<f64>)>, name: &'static str, job: impl FnOnce()) {
    let start = Instant::now();
    job();
    let seconds = start.elapsed().as_secs_f64();
    match times.iter_mut().find(|(known, _)| *known == name) {
        Some((_, list)) => list.push(seconds),
        None => times.push((name, vec![seconds])),
    }
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()));
}
