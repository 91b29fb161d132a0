//! 1000 bootstrap refits of a star of 144 points beside scipy's variable projection, interleaved in one run.
//!
//! `cargo bench --bench star`; the peer runs in the Python that `SOVIT_PEERS` names, where numpy and scipy import.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use sovitc::law::{StarFit, StarForm, StarOptions, StarRun, fit_star};
use sovitc::vit::{Axis, PerAxis};

const ROUNDS: usize = 7;
const DRAWS: u64 = 1000;
/// Draws that the peer refits; its time is told a draw.
const PEER_DRAWS: usize = 60;
const DESIGN: &str = include_str!("../tests/data/stars/design.csv");
const LOSSES: &str = include_str!("../tests/data/stars/c65-1.csv");

/// Arm, size and compute of every point.
fn design() -> Vec<[f64; 3]> {
    let number = |line: &str, i: usize| line.split(',').nth(i).and_then(|cell| cell.parse().ok()).unwrap_or(f64::NAN);
    DESIGN.lines().skip(1).map(|line| [number(line, 0), number(line, 1), number(line, 2)]).collect()
}

fn star(losses: &str) -> PerAxis<Vec<StarRun>> {
    let points = design();
    let losses: Vec<f64> = losses.split(',').filter_map(|cell| cell.trim().parse().ok()).collect();
    PerAxis::from_fn(|axis| {
        let rows = points.iter().zip(&losses).filter(|(point, _)| Axis::ALL[point[0] as usize] == axis);
        let run = |(point, loss): (&[f64; 3], &f64)| StarRun {
            size: point[1],
            flops: 1.0,
            examples: point[2],
            loss: *loss,
            training: None,
            weight: 1.0,
        };
        rows.map(run).collect()
    })
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Writes the data and refits' data for the peer: the other data sets of the same truth stand for draws.
fn peer_files() -> Option<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/star-bench");
    std::fs::create_dir_all(folder).ok()?;
    let (data, draws) = (format!("{folder}/data.csv"), format!("{folder}/draws.csv"));
    let losses = LOSSES.lines().next()?;
    let mut text = String::from("arm,size,flops,examples,loss\n");
    for (point, loss) in design().iter().zip(losses.split(',')) {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{},{},1,{},{loss}", point[0], point[1], point[2]);
    }
    std::fs::write(&data, text).ok()?;
    std::fs::write(&draws, LOSSES.lines().take(PEER_DRAWS).collect::<Vec<_>>().join("\n")).ok()?;
    Some((data, draws))
}

/// Seconds of 1000 draws of the peer.
fn peer(python: &str, files: &(String, String)) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/star_vp.py");
    let output = Command::new(python).args([script, &files.0, &files.1]).output().ok()?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().next()?.parse::<f64>().ok().map(|a_draw| a_draw * DRAWS as f64)
}

fn median(list: &[f64]) -> f64 {
    let mut sorted = list.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let Some(runs) = LOSSES.lines().next().map(star) else { return };
    let centre = PerAxis::from_fn(|_| 1.0);
    let fit = |form| fit_star(&runs, centre, &StarOptions { form: Some(form), ..StarOptions::default() });
    let forms = [StarForm::PerDimension, StarForm::Tied];
    let fits: Vec<StarFit> = forms.into_iter().filter_map(fit).collect();
    let peer_of = std::env::var("SOVIT_PEERS").ok().zip(peer_files());

    let mut times = vec![Vec::new(); 5];
    for _ in 0..ROUNDS {
        for (i, form) in forms.into_iter().enumerate() {
            times[i].push(seconds(|| {
                black_box(fit(form).is_some());
            }));
        }
        for (i, fitted) in fits.iter().enumerate() {
            times[2 + i].push(seconds(|| {
                black_box(fitted.draws(0..DRAWS).len());
            }));
        }
        if let Some(time) = peer_of.as_ref().and_then(|(python, files)| peer(python, files)) {
            times[4].push(time);
        }
    }
    println!("144 points, 1 % noise, median of {ROUNDS} interleaved rounds, one thread");
    println!("fit from 24 starts, 19 parameters      {:>9.5} s", median(&times[0]));
    println!("fit from 24 starts, 15 parameters      {:>9.5} s", median(&times[1]));
    println!("1000 refits, 19 parameters             {:>9.5} s", median(&times[2]));
    println!("1000 refits, 15 parameters             {:>9.5} s", median(&times[3]));
    if times[4].is_empty() {
        println!("SKIPPED scipy: set SOVIT_PEERS to a Python that imports numpy and scipy");
    } else {
        println!("1000 refits, 19 parameters, scipy      {:>9.3} s", median(&times[4]));
        println!("scipy / ours                           {:>9.0}", median(&times[4]) / median(&times[2]));
    }
}
