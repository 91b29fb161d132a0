//! What is recovered from synthetic stars, beside scipy on the same data.
#![cfg(feature = "fit")]

use std::fs;
use std::path::Path;

use sovitc::law::{StarForm, StarOptions, StarRun, fit_star};
use sovitc::vit::{Axis, PerAxis};

/// Ten times the largest compute.
const FAR: f64 = 1000.0;

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/stars").join(name)).unwrap()
}

fn numbers(line: &str, separator: char) -> Vec<f64> {
    line.split(separator).filter_map(|cell| cell.parse().ok()).collect()
}

struct Recovered {
    /// Root mean squared errors of s, log x* and log loss.
    rmse: [f64; 7],
    cost: f64,
    /// Starts, and those at the best optimum.
    starts: [u64; 2],
}

fn recovered(truth: &str, noise: &str) -> Recovered {
    let design: Vec<Vec<f64>> = text("design.csv").lines().skip(1).map(|line| numbers(line, ',')).collect();
    let truths = text("truths.csv");
    let planted = numbers(truths.lines().find(|line| line.starts_with(truth)).unwrap(), ',');
    let (mut squares, mut cost, mut starts, mut sets) = ([0.0; 7], 0.0, [0; 2], 0.0);
    for line in text(&format!("{truth}-{noise}.csv")).lines() {
        let losses = numbers(line, ',');
        let runs = PerAxis::from_fn(|axis| {
            let rows = design.iter().zip(&losses).filter(|(point, _)| Axis::ALL[point[0] as usize] == axis);
            let run = |(point, loss): (&Vec<f64>, &f64)| StarRun {
                size: point[1],
                flops: 1.0,
                examples: point[2],
                loss: *loss,
                training: None,
                weight: 1.0,
            };
            rows.map(run).collect()
        });
        let options = StarOptions { form: Some(StarForm::Tied), ..StarOptions::default() };
        let fit = fit_star(&runs, PerAxis::from_fn(|_| 1.0), &options).unwrap();
        let (law, t) = (fit.parameters, FAR / fit.t_reference);
        let s = Axis::ALL.map(|axis| law.exponent(axis));
        let x = Axis::ALL.map(|axis| law.optimum(axis, t).ln());
        let found = [s[0], s[1], s[2], x[0], x[1], x[2], law.arm(Axis::Width, 1.0, t).ln()];
        for ((sum, found), planted) in squares.iter_mut().zip(found).zip(&planted) {
            *sum += (found - planted).powi(2);
        }
        cost += fit.fit.value;
        starts = [starts[0] + fit.fit.starts, starts[1] + fit.fit.at_best];
        sets += 1.0;
    }
    Recovered { rmse: squares.map(|sum| (sum / sets).sqrt()), cost: cost / sets, starts }
}

#[test]
fn stars_are_recovered_as_well_as_scipy_does_and_from_every_start() {
    let peers = text("scipy.tsv");
    let mut starts = [0; 2];
    let mut rows = 0;
    for line in peers.lines().filter(|line| line.starts_with('c')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let ours = recovered(cells[0], cells[1]);
        let theirs = numbers(&cells[2..].join("\t"), '\t');
        for (i, (ours, theirs)) in ours.rmse.iter().zip(&theirs).enumerate() {
            assert!(*ours <= 1.02 * theirs, "{} at {} %, quantity {i}: {ours} against {theirs}", cells[0], cells[1]);
        }
        assert!(ours.cost <= theirs[7] * (1.0 + 1e-6), "{} {}", ours.cost, theirs[7]);
        starts = [starts[0] + ours.starts[0], starts[1] + ours.starts[1]];
        rows += 1;
    }
    assert_eq!(rows, 6);
    let share = starts[1] as f64 / starts[0] as f64;
    assert!(share >= 0.999, "{starts:?}");
}
