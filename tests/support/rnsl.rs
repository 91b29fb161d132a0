//! The learning curves of `tests/data/rnsl`.

#![allow(dead_code, reason = "every program takes what it needs")]

use sovitc::law::Sample;

/// One curve.
#[derive(Debug)]
pub(crate) struct LearningCurve {
    /// Domain (`IC` or `NMT`), task and model.
    pub(crate) name: [String; 3],
    /// Rows to fit.
    pub(crate) fitted: Sample,
    /// Rows to predict.
    pub(crate) held: Sample,
    /// Extrapolation errors of the authors' M1 to M4.
    pub(crate) published: [f64; 4],
    /// That of the global optimum of their M2.
    pub(crate) global_m2: f64,
}

/// Cells of a line; some are quoted and hold commas.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

/// Columns of a table by name, row after row.
fn columns<const N: usize>(text: &str, names: [&str; N]) -> Vec<[String; N]> {
    let mut lines = text.lines().map(cells);
    let header = lines.next().unwrap();
    let places = names.map(|name| header.iter().position(|known| known.trim() == name).unwrap());
    lines.map(|row| places.map(|i| row[i].trim().to_owned())).collect()
}

/// Every curve, in the order of `recomputed_m1_m4.csv`.
pub(crate) fn curves() -> Vec<LearningCurve> {
    let points = ["Domain", "Task", "Model", "Seen Examples", "Loss", "Training"];
    let mut rows = columns(include_str!("../data/rnsl/benchmark.vision.csv"), points);
    rows.extend(columns(include_str!("../data/rnsl/benchmark.lang.csv"), points));
    let number = |text: &String| text.parse::<f64>().unwrap();
    let sample = |name: &[String; 3], training: f64| {
        let mut sample = Sample { columns: vec![Vec::new(); 2], ..Sample::default() };
        for [domain, task, model, x, y, part] in &rows {
            if [domain, task, model] == name.each_ref() && number(part) == training {
                sample.columns[0].push(number(x));
                sample.columns[1].push(number(y));
            }
        }
        sample
    };
    let published = ["domain", "task", "model", "m1_rmse", "m2_rmse", "m3_rmse", "m4_rmse", "m2_rmse_profile"];
    columns(include_str!("../data/rnsl/recomputed_m1_m4.csv"), published)
        .into_iter()
        .map(|[domain, task, model, m1, m2, m3, m4, global]| {
            let name = [domain, task, model];
            LearningCurve {
                fitted: sample(&name, 1.0),
                held: sample(&name, 0.0),
                published: [m1, m2, m3, m4].map(|error| number(&error)),
                global_m2: number(&global),
                name,
            }
        })
        .collect()
}

/// The mean over the curves of one domain.
pub(crate) fn mean(curves: &[LearningCurve], errors: &[f64], domain: &str) -> f64 {
    let of: Vec<f64> =
        curves.iter().zip(errors).filter(|(curve, _)| curve.name[0] == domain).map(|(_, error)| *error).collect();
    of.iter().sum::<f64>() / of.len() as f64
}
