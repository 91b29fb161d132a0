//! The search over boxes of a million million shapes: 95 named boxes, each asked through the compiler as a plan is.
//! Those that need a loss fit their law to `examples/star/star.csv` each time.
//!
//! `cargo bench --bench search` prints the time of each, the largest, and the memory that all of them took.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::fmt::Write as _;
use std::time::Instant;

use sovitc::PlanFile;
use sovitc::source::MemoryWorld;

const ROUNDS: usize = 5;
const STAR: &str = include_str!("../examples/star/star.csv");

/// A box, its model and what it requires.
struct Case {
    name: String,
    plan: String,
}

const STATED: &str = "law shape = sovit { effective = { width = 0.0675, depth = 0.1055, mlp = 0.1633 } }\n";
const FITTED: &str = "results star from \"star.csv\" { width = column width, depth = column depth, mlp = column mlp_dim, examples = column examples_seen, error = 1 - column inet_10shot }
law shape = sovit fitted to star.error
";

fn plan(model: &str, search: &str, flops: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "model encoder {{ image = 224 px, patch = 14 px, {model} }}");
    text.push_str(STATED);
    let _ = writeln!(
        text,
        "start small {{ shape = {{ width = 608, depth = 10, mlp = 928 }}, compute = 0.70 EFLOP as forward }}"
    );
    let _ = writeln!(text, "budget b = {flops} as forward");
    let _ = writeln!(text, "search s {{\n{search}}}");
    text
}

/// Ten kinds of requirements, on six kinds of boxes.
fn cases() -> Vec<Case> {
    let boxes = [
        ("every-16-heads", "heads = 16", "width in 16..160000 step 16\n  depth in 1..10000\n  mlp in 1..10000\n"),
        ("every-12-heads", "heads = 12", "width in 12..120000 step 12\n  depth in 1..10000\n  mlp in 1..10000\n"),
        ("every-1-head", "heads = 1", "width in 1..10000\n  depth in 1..10000\n  mlp in 1..10000\n"),
        ("odd-steps", "heads = 16", "width in 16..480000 step 48\n  depth in 1..10000\n  mlp in 8..80000 step 8\n"),
        (
            "swiglu",
            "heads = 16, activation = swiglu",
            "width in 16..160000 step 16\n  depth in 1..10000\n  mlp in 1..10000\n",
        ),
        (
            "class-token",
            "heads = 16, pool = class",
            "width in 16..160000 step 16\n  depth in 1..10000\n  mlp in 1..10000\n",
        ),
    ];
    let requirements = [
        ("nothing", ""),
        ("params", "require params < 300 Mparam\n"),
        ("params-between", "require params < 301 Mparam and params > 299 Mparam\n"),
        ("divisible", "require 8 divides head_dim and 64 divides mlp\n"),
        ("flops", "require flops < (150 GFLOP/example as forward)\n"),
        ("examples", "require examples > 80e9 example\n"),
        ("latency", "serving = { on = h200, batch = 64, attention = cudnn }\n  require latency < 20 ms\n"),
        ("throughput", "serving = { on = a100, batch = 1 }\n  require throughput > 200 example/s\n"),
        ("memory", "training = { batch = 256, checkpoint = true, shards = 8 }\n  require memory < 20 GB\n"),
        (
            "all",
            "serving = { on = l4, batch = 8 }\n  training = { batch = 64, optimizer = adafactor }\n  require latency < 40 ms\n  require memory < 24 GB\n  require params < 350 Mparam\n  require 8 divides mlp\n",
        ),
    ];
    let preferences = [
        ("fast", "serving = { on = h200, batch = 64 }\n  prefer fast within 0.1 % of best loss\n"),
        ("small", "prefer small within 1 % of best loss\n"),
        (
            "weighted",
            "serving = { on = a100, batch = 8 }\n  prefer least latency * params within 0.5 % of best loss\n  require 8 divides head_dim\n",
        ),
    ];
    // The shape decides how much compute is left to train it.
    let funds = [
        ("inference", "inference = 100e9 example\n"),
        ("scarce", "data = { unique = 1e9 example, repeats = 15 }\n"),
        (
            "lifetime",
            "inference = 100e9 example\n  data = { unique = 1e9 example, repeats = 15 }\n  serving = { on = h200, batch = 64, attention = cudnn }\n  require latency < 20 ms\n  require params < 300 Mparam\n",
        ),
        (
            "lifetime-fast",
            "inference = 100e9 example\n  serving = { on = h200, batch = 64 }\n  prefer fast within 0.1 % of best loss\n",
        ),
    ];
    let mut cases = Vec::new();
    for (box_name, model, ranges) in boxes {
        // The star's runs have 16 heads, which 12 do not go with.
        for (name, preference) in preferences.into_iter().chain(funds).filter(|_| !model.contains("12")) {
            let plan = plan(model, &format!("  {ranges}  {preference}"), "8 ZFLOP").replace(STATED, FITTED);
            cases.push(Case { name: format!("{box_name} {name}"), plan });
        }
        for (name, requires) in requirements {
            let plan = plan(model, &format!("  {ranges}  {requires}"), "8 ZFLOP");
            cases.push(Case { name: format!("{box_name} {name}"), plan });
        }
    }
    cases
}

fn main() {
    let mut slowest = (0.0, String::new());
    let cases = cases();
    println!("| box | shape | ms |\n|---|---|---|");
    for case in &cases {
        let world = MemoryWorld::default().with("plan.sov", case.plan.as_str()).with("star.csv", STAR);
        let mut times = Vec::new();
        let mut shape = String::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let compiled = sovitc::compile(&world, &PlanFile::named("plan", "plan.sov"));
            times.push(start.elapsed().as_secs_f64());
            shape = match &compiled.outcome {
                Some(outcome) => outcome.answers[0].vit.shape.to_string(),
                None => compiled.diagnostics.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; "),
            };
            if times[0] > 5.0 {
                break;
            }
        }
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        println!("| {} | {shape} | {:.1} |", case.name, median * 1e3);
        if median > slowest.0 {
            slowest = (median, case.name.clone());
        }
    }
    println!(
        "\n{} boxes; the slowest, {}, takes {:.0} ms (medians of {ROUNDS}).",
        cases.len(),
        slowest.1,
        slowest.0 * 1e3
    );
    if let Ok(status) = std::fs::read_to_string("/proc/self/status")
        && let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))
    {
        println!("Peak memory of the process: {}.", peak.trim());
    }
}
