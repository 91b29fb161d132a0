//! The Chinchilla law on 240 published runs, beside the tools of the field, interleaved in one run.
//!
//! `cargo bench --bench chinchilla`; peers run in the Python that `SOVIT_PEERS` names, where they import:
//! `pip install simple-scaling-laws==0.2.0 chinchilla==0.2.0 vpnls==0.1.0`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use sovitc::law::{FORMS, FitOptions, Form, Objective, Sample, fit_form};

const ROUNDS: usize = 5;
const DRAWS: u32 = 1000;

fn runs() -> Sample {
    let text = include_str!("../tests/data/chinchilla/svg_extracted_data.csv");
    let mut rows: Vec<[f64; 3]> = text
        .lines()
        .skip(1)
        .map(|line| {
            let number =
                |i: usize| line.split(',').nth(i).and_then(|cell| cell.parse::<f64>().ok()).unwrap_or(f64::NAN);
            [number(3), number(4) / (6.0 * number(3)), number(6)]
        })
        .collect();
    rows.sort_by(|a, b| a[2].total_cmp(&b[2]));
    rows.truncate(240);
    Sample { columns: (0..3).map(|i| rows.iter().map(|row| row[i]).collect()).collect(), ..Sample::default() }
}

fn ours(form: &dyn Form, sample: &Sample, objective: Objective) -> f64 {
    let options = FitOptions { objective: Some(objective), starts: None, ..FitOptions::plain(DRAWS, 1) };
    let start = Instant::now();
    black_box(fit_form(form, sample, &Sample::default(), &options, &mut |_| {}).is_ok());
    start.elapsed().as_secs_f64()
}

/// Seconds of each peer, as the script prints them: `name seconds` a line.
fn peers() -> Vec<(String, f64)> {
    let Ok(python) = std::env::var("SOVIT_PEERS") else { return Vec::new() };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/chinchilla_law.py");
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/chinchilla/svg_extracted_data.csv");
    let output = Command::new(python).args([script, data]).output();
    let Ok(output) = output else { return Vec::new() };
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let (name, seconds) = line.rsplit_once(' ')?;
        Some((name.to_owned(), seconds.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn main() {
    let sample = runs();
    let Some(form) = FORMS.iter().find(|form| form.name() == "chinchilla") else { return };
    let mut times: Vec<(String, Vec<f64>)> = Vec::new();
    let mut note = |name: &str, seconds: f64| match times.iter_mut().find(|(known, _)| known == name) {
        Some((_, list)) => list.push(seconds),
        None => times.push((name.to_owned(), vec![seconds])),
    };
    for _ in 0..ROUNDS {
        note("sovitc, relative squares, 1000 draws", ours(*form, &sample, Objective::Relative));
        note("sovitc, robust Huber (default), 1000 draws", ours(*form, &sample, Objective::Huber(None)));
        for (name, seconds) in peers() {
            note(&name, seconds);
        }
    }
    if times.len() == 2 {
        println!("SKIPPED peers: set SOVIT_PEERS to a Python that imports them");
    }
    let median = |list: &[f64]| {
        let mut sorted = list.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    let base = times.first().map_or(f64::NAN, |(_, list)| median(list));
    println!("{:<48} {:>10} {:>9}", "240 runs, median of 5", "seconds", "ratio");
    for (name, list) in &times {
        println!("{name:<48} {:>10.4} {:>9.1}", median(list), median(list) / base);
    }
}
