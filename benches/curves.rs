//! M1 to M4 on the 29 learning curves of `tests/data/rnsl`: the time of the default engine, of the authors' procedure
//! beside it, and what each predicts of the rows held out.
//!
//! `cargo bench --bench curves`; `-- --each` prints every curve.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::time::Instant;

use sovitc::law::{FORMS, FitOptions, Objective, Sample, fit_form};

#[path = "../tests/support/rnsl.rs"]
mod rnsl;

use rnsl::{LearningCurve, curves, mean};

/// Log errors on the held-out rows, NaN where there is no fit, and seconds.
fn errors(curves: &[LearningCurve], name: &str, objective: Objective) -> (Vec<f64>, f64) {
    let options = FitOptions { objective: Some(objective), starts: None, ..FitOptions::plain(0, 1) };
    let form = FORMS.iter().find(|form| form.name() == name);
    let start = Instant::now();
    let error = |curve: &LearningCurve| {
        let law = fit_form(*form?, &curve.fitted, &curve.held, &options, &mut |_| {}).ok()?;
        Some(law.hold_out?.rmse_log)
    };
    let errors = curves.iter().map(|curve| error(curve).unwrap_or(f64::NAN)).collect();
    (errors, start.elapsed().as_secs_f64())
}

/// A curve with all of its rows to fit.
fn whole(curve: &LearningCurve) -> LearningCurve {
    let columns = (0..2).map(|i| [&curve.fitted.columns[i][..], &curve.held.columns[i][..]].concat()).collect();
    let fitted = Sample { columns, ..Sample::default() };
    LearningCurve { name: curve.name.clone(), fitted, held: Sample::default(), ..*curve }
}

fn main() {
    let curves = curves();
    let wholes: Vec<LearningCurve> = curves.iter().map(whole).collect();
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let rows = |curves: &[LearningCurve]| curves.iter().map(|curve| curve.fitted.rows()).sum::<usize>();
    let (mut fitted, mut all, mut published) = (0.0, 0.0, 0.0);
    println!(
        "{:<5} {:<10} {:>8} {:>9} {:>12} {:>22}",
        "law", "objective", "seconds", "image", "translation", "published, or better"
    );
    for (law, name) in ["m1", "m2", "m3", "m4", "curve"].into_iter().enumerate() {
        for (objective, title) in [(Objective::Log, "default"), (Objective::Published, "published")] {
            if name == "curve" && objective == Objective::Published {
                continue;
            }
            let (errors, seconds) = errors(&curves, name, objective);
            match objective {
                Objective::Published => published += seconds,
                _ if law < 4 => {
                    fitted += seconds;
                    all += self::errors(&wholes, name, objective).1;
                }
                _ => {}
            }
            let bar = |curve: &LearningCurve| curve.published[law.min(3)];
            let near = curves.iter().zip(&errors).filter(|(curve, error)| **error <= 1.02 * bar(curve)).count();
            let (image, translation) = (mean(&curves, &errors, "IC"), mean(&curves, &errors, "NMT"));
            println!(
                "{name:<5} {title:<10} {seconds:>8.3} {image:>9.5} {translation:>12.5} {near:>16} of {}",
                curves.len()
            );
            if has("--each") {
                for (curve, error) in curves.iter().zip(&errors) {
                    println!("  {:<40} {error:.6} {:.6}", curve.name.join(" "), bar(curve));
                }
            }
        }
    }
    let means = |law: usize| {
        let bars: Vec<f64> = curves.iter().map(|curve| curve.published[law]).collect();
        (mean(&curves, &bars, "IC"), mean(&curves, &bars, "NMT"))
    };
    for law in 0..4 {
        let (image, translation) = means(law);
        println!("m{}    authors'           {image:>9.5} {translation:>12.5}", law + 1);
    }
    println!(
        "m1 to m4 by the default engine: {fitted:.3} s on the {} rows to fit, {all:.3} s on all {}",
        rows(&curves),
        rows(&wholes)
    );
    println!("m1 to m4 by the authors' procedure: {published:.1} s");
}
