//! How the setting of the form `curve` was chosen: without the rows held out, by the end of the rows to fit.
//!
//! Every setting is fitted to the points of each curve up to half of the largest x that there is to fit, where it weighs
//! its members by an earlier end, and judged by the rest. The setting chosen has the least sum of both domains' means,
//! each in units of its least. `cargo bench --bench curve_setting`
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use sovitc::law::{CurveBlend, FORMS, FitOptions, Fitted, Sample};

#[path = "../tests/support/rnsl.rs"]
mod rnsl;

use rnsl::{LearningCurve, curves, mean};

const PARTS: [&[f64]; 4] = [&[1.0], &[1.0, 0.5], &[1.0, 0.5, 0.25], &[0.5, 0.25]];
const CUTS: [&[f64]; 3] = [&[0.5], &[0.5, 0.25], &[0.5, 0.25, 0.125]];
const POWERS: [f64; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 8.0];

/// The earlier half of what is to fit, by x, and the rest.
fn parts(curve: &LearningCurve) -> (Sample, Sample) {
    let x = &curve.fitted.columns[0];
    let largest = x.iter().copied().fold(0.0, f64::max);
    curve.fitted.split(|row| x[row] <= 0.5 * largest)
}

fn log_error(law: &Fitted, held: &Sample) -> f64 {
    let error = |(row, y): (usize, &f64)| ((law.predict)(&held.inputs(row)) / y).ln().powi(2);
    (held.target().iter().enumerate().map(error).sum::<f64>() / held.rows() as f64).sqrt()
}

/// One line: what was fitted, and the mean errors of both domains.
fn line(curves: &[LearningCurve], title: &str, errors: &[f64]) -> (f64, f64) {
    let (image, translation) = (mean(curves, errors, "IC"), mean(curves, errors, "NMT"));
    println!("{title:<44} {image:>9.5} {translation:>12.5}");
    (image, translation)
}

fn main() {
    let curves = curves();
    let halves: Vec<(Sample, Sample)> = curves.iter().map(parts).collect();
    let options = FitOptions::plain(0, 1);
    println!("{:<44} {:>9} {:>12}", "nested error", "image", "translation");
    for form in FORMS.iter().filter(|form| ["m1", "m2", "m3", "m4"].contains(&form.name())) {
        let fit = |(below, above): &(Sample, Sample)| {
            form.fit(below, &options, &mut |_| {}).map_or(f64::NAN, |law| log_error(&law, above))
        };
        line(&curves, form.name(), &halves.iter().map(fit).collect::<Vec<_>>());
    }
    let mut table = Vec::new();
    for parts in PARTS {
        for cuts in CUTS {
            let blend = CurveBlend { parts, cuts, power: 1.0 };
            // One list of errors a curve, an error a power.
            let fit = |(below, above): &(Sample, Sample)| match blend.at_powers(below, &options, &POWERS) {
                Ok(laws) => laws.iter().map(|law| log_error(law, above)).collect(),
                Err(_) => vec![f64::NAN; POWERS.len()],
            };
            let errors: Vec<Vec<f64>> = halves.iter().map(fit).collect();
            for (i, power) in POWERS.into_iter().enumerate() {
                let errors: Vec<f64> = errors.iter().map(|errors| errors[i]).collect();
                let (image, translation) = line(&curves, &format!("{parts:?} {cuts:?} {power}"), &errors);
                table.push((CurveBlend { power, ..blend }, image, translation));
            }
        }
    }
    let least = |of: fn(&(CurveBlend, f64, f64)) -> f64| table.iter().map(of).fold(f64::INFINITY, f64::min);
    let (image, translation) = (least(|row| row.1), least(|row| row.2));
    let sum = |row: &&(CurveBlend, f64, f64)| row.1 / image + row.2 / translation;
    if let Some((setting, ..)) = table.iter().min_by(|a, b| sum(a).total_cmp(&sum(b))) {
        println!("least: {setting:?}");
    }
    println!("in use: {:?}", CurveBlend::DEFAULT);
}
