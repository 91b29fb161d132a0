//! Law forms on published tables, against published optima.
#![cfg(feature = "fit")]

use sovitc::law::{FORMS, FitOptions, Fitted, Form, Objective, Sample, fit_form};

fn form(name: &str) -> &'static dyn Form {
    *FORMS.iter().find(|form| form.name() == name).unwrap_or_else(|| panic!("no form `{name}`"))
}

const PLAIN: FitOptions = FitOptions::plain(0, 1);

fn fit(name: &str, sample: &Sample, options: FitOptions) -> Fitted {
    fit_form(form(name), sample, &Sample::default(), &options, &mut |_| {}).unwrap_or_else(|why| panic!("{why:?}"))
}

fn value(fitted: &Fitted, name: &str) -> f64 {
    fitted.parameters.iter().find(|(known, _)| known == name).map_or(f64::NAN, |(_, estimate)| estimate.value)
}

fn of(columns: Vec<Vec<f64>>) -> Sample {
    Sample { columns, ..Sample::default() }
}

/// The 240 runs below the five highest losses.
fn chinchilla() -> Sample {
    let text = include_str!("data/chinchilla/svg_extracted_data.csv");
    let mut rows: Vec<[f64; 3]> = text
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let number = |i: usize| cells[i].parse::<f64>().unwrap();
            [number(3), number(4) / (6.0 * number(3)), number(6)]
        })
        .collect();
    rows.sort_by(|a, b| a[2].total_cmp(&b[2]));
    rows.truncate(240);
    of((0..3).map(|i| rows.iter().map(|row| row[i]).collect()).collect())
}

/// `A`, `B`, `E`, `alpha`, `beta`.
fn check_chinchilla(objective: Objective, expected: [f64; 5], tolerance: f64) -> Fitted {
    let fitted = fit("chinchilla", &chinchilla(), FitOptions { objective: Some(objective), ..PLAIN });
    let found = ["A", "B", "E", "alpha", "beta"].map(|name| value(&fitted, name));
    for (found, expected) in found.into_iter().zip(expected) {
        assert!(expected.is_nan() || (found / expected - 1.0).abs() < tolerance, "{found} {expected}");
    }
    fitted
}

#[test]
fn chinchilla_by_log_huber_is_the_known_optimum() {
    let fitted = check_chinchilla(Objective::Huber(Some(1e-3)), [477.826, 2143.42, 1.81722, 0.347310, 0.367172], 1e-5);
    assert!((fitted.objective.1 / 1.0182740178e-3 - 1.0).abs() < 1e-9, "{:?}", fitted.objective);
}

#[test]
fn chinchilla_under_other_deltas() {
    for (delta, expected) in [
        (1e-2, [538.75, 2905.6, 1.83808, 0.35442, 0.38154]),
        (1e-4, [478.69, 2065.4, 1.81582, 0.34741, 0.36538]),
        (1e-5, [481.39, 2081.4, 1.81668, 0.34774, 0.36576]),
        (2e-6, [481.86, 2084.6, 1.81682, 0.34780, 0.36583]),
    ] {
        check_chinchilla(Objective::Huber(Some(delta)), expected, 3e-5);
    }
}

#[test]
fn chinchilla_as_published() {
    check_chinchilla(Objective::Published, [482.01, 2085.43, 1.8172, 0.3478, 0.3658], 2e-4);
}

#[test]
fn chinchilla_by_squares_of_the_loss() {
    check_chinchilla(Objective::Absolute, [f64::NAN, f64::NAN, 1.8828, 0.3576, 0.4276], 1e-4);
}

fn gemstones(text: &str) -> Vec<[f64; 5]> {
    let rows = text.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        ["width", "depth", "params_active_precise", "tokens", "final_loss"].map(|name| row[name].as_f64().unwrap())
    });
    rows.collect()
}

fn check_gemstones(text: &str, by_size: f64, by_shape: f64) {
    let rows = gemstones(text);
    let columns = |names: &[usize]| of(names.iter().map(|&i| rows.iter().map(|row| row[i]).collect()).collect());
    let published = FitOptions { objective: Some(Objective::Huber(Some(1e-4))), ..PLAIN };
    for (name, sample, bar) in
        [("chinchilla", columns(&[2, 3, 4]), by_size), ("gemstones", columns(&[0, 1, 2, 3, 4]), by_shape)]
    {
        let fitted = fit(name, &sample, published);
        assert!(fitted.objective.1 <= bar * (1.0 + 1e-6), "{name}: {:?} above {bar}", fitted.objective);
    }
}

#[test]
fn gemstones_to_100b_tokens() {
    check_gemstones(include_str!("data/gemstones/hot.jsonl"), 2.07602e-4, 1.11878e-4);
}

#[test]
fn gemstones_beyond_100b_tokens() {
    check_gemstones(include_str!("data/gemstones/hot_100b_plus.jsonl"), 6.92330e-4, 2.94971e-4);
}
