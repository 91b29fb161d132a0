//! How the setting of the form `curve` was chosen: without the rows held out, by the end of the rows to fit.
//!
//! Every setting is fitted to the points of each curve up to half of the largest x that there is to fit, where it weighs
//! its members by an earlier end, and judged by the rest. The setting chosen has the least sum of both domains' means,
//! each in units of its least. `cargo bench --bench curve_setting`
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use sovitc::law::{CurveBlend, FORMS, FitOptions, Form, fit_form};

#[path = "../tests/support/rnsl.rs"]
mod rnsl;

use rnsl::{LearningCurve, curves, mean};

const PARTS: [&[f64]; 4] = [&[1.0], &[1.0, 0.5], &[1.0, 0.5, 0.25], &[0.5, 0.25]];
const CUTS: [&[f64]; 3] = [&[0.5], &[0.5, 0.25], &[0.5, 0.25, 0.125]];
const POWERS: [f64; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 8.0];

/// The mean log errors on the later half of what is to fit, of images and of translation.
fn nested(curves: &[LearningCurve], form: &dyn Form) -> (f64, f64) {
    let options = FitOptions { objective: None, starts: None, draws: 0, seed: 1 };
    let error = |curve: &LearningCurve| {
        let largest = curve.fitted.columns[0].iter().copied().fold(0.0, f64::max);
        let (below, above) = curve.fitted.split(|row| curve.fitted.columns[0][row] <= 0.5 * largest);
        let law = fit_form(form, &below, &above, &options, &mut |_| {}).ok()?;
        Some(law.hold_out?.rmse_log)
    };
    let errors: Vec<f64> = curves.iter().map(|curve| error(curve).unwrap_or(f64::NAN)).collect();
    (mean(curves, &errors, "IC"), mean(curves, &errors, "NMT"))
}

fn main() {
    let curves = curves();
    println!("{:<44} {:>9} {:>12}", "nested error", "image", "translation");
    for form in FORMS.iter().filter(|form| ["m1", "m2", "m3", "m4"].contains(&form.name())) {
        let (image, translation) = nested(&curves, *form);
        println!("{:<44} {image:>9.5} {translation:>12.5}", form.name());
    }
    let mut table = Vec::new();
    for parts in PARTS {
        for cuts in CUTS {
            for power in POWERS {
                let setting = CurveBlend { parts, cuts, power };
                let (image, translation) = nested(&curves, &setting);
                println!("{:<44} {image:>9.5} {translation:>12.5}", format!("{parts:?} {cuts:?} {power}"));
                table.push((setting, image, translation));
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
