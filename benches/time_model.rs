//! The time model beside what was measured: PyTorch's operations and ViT blocks on an H200 and an H100, and timm's
//! encoders on an RTX PRO 6000 Max-Q.
//!
//! `cargo bench --bench time_model` prints the errors as Markdown; `-- --fit` searches the constants of
//! `grammar/devices.toml` again and prints them. Blocks and every other encoder are held out of the search.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "../tests/support/measured.rs"]
mod measured;

use measured::{Measured, Row, tables};
use sovitc::hardware::Constants;

fn main() {
    let fit = std::env::args().any(|argument| argument == "--fit");
    for table in tables() {
        let constants = if fit { search(&table) } else { table.device.constants() };
        if fit {
            let text = toml::to_string(&constants).expect("numbers");
            println!("# {}\n[device.measured]\n{text}", table.device.name);
        }
        report(&table, &constants);
    }
    println!("\n## Three passes of one's own\n");
    println!("| device | rows | uncalibrated | by three of the rows | by its constants |");
    println!("|---|---|---|---|---|");
    for table in tables() {
        for kind in ["block torch infer", "block torch train", "encoder, mixed precision"] {
            if table.rows.iter().any(|row| row.kind == kind) {
                let devices = [table.guessed(), table.corrected(kind), table.device.clone()];
                let [guessed, own, constants] =
                    devices.map(|device| 100.0 * table.median_error(kind, &device, |_| true));
                let title = &table.device.title;
                println!("| {title} | {kind} | {guessed:.1} % | {own:.1} % | {constants:.1} % |");
            }
        }
    }
}

/// Constants of least mean square of the log errors of the rows that may be fitted.
fn search(table: &Measured) -> Constants {
    let mut best = table.device.constants();
    best.rows.clone_from(&table.path);
    // What the host takes concerns rows without a graph alone, and they nothing else.
    for host in [false, true] {
        let rows: Vec<&Row> = table.rows.iter().filter(|row| row.fitted && row.is_queued() == host).collect();
        let loss = |constants: &Constants| {
            let timed = table.with(constants);
            rows.iter().map(|row| (row.predict(&timed) / row.seconds).ln().powi(2)).sum::<f64>() / rows.len() as f64
        };
        descend(&mut best, if host { &[10] } else { &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] }, &loss);
    }
    for index in 0..=10 {
        let value = field(&mut best, index);
        let digits = 10f64.powf(2.0 - value.abs().log10().floor());
        *value = (*value * digits).round() / digits;
    }
    best
}

/// Coordinate descent by ever smaller factors.
fn descend(best: &mut Constants, fields: &[usize], loss: &dyn Fn(&Constants) -> f64) {
    let mut least = loss(best);
    if least.is_nan() {
        return;
    }
    let mut step = 1.3f64;
    while step > 1.005 {
        let mut moved = false;
        for &index in fields {
            for factor in [step, 1.0 / step] {
                let mut trial = best.clone();
                let value = field(&mut trial, index);
                *value *= factor;
                // A share of the data sheet's figure; the times are far below a second.
                if *value > 1.0 {
                    continue;
                }
                let found = loss(&trial);
                if found < least * (1.0 - 1e-6) {
                    (*best, least, moved) = (trial, found, true);
                }
            }
        }
        if !moved {
            step = step.sqrt();
        }
    }
}

fn field(constants: &mut Constants, index: usize) -> &mut f64 {
    match index {
        0 => &mut constants.product,
        1 => &mut constants.wave,
        2 => &mut constants.latency,
        3 => &mut constants.product_bandwidth,
        4 => &mut constants.bandwidth,
        5 => &mut constants.norm,
        6 => &mut constants.activation,
        7 => &mut constants.flash,
        8 => &mut constants.cudnn,
        9 => &mut constants.norm_row,
        _ => &mut constants.host,
    }
}

fn report(table: &Measured, constants: &Constants) {
    let timed = table.with(constants);
    println!("\n## {}: `{}`\n", table.device.title, table.path);
    println!("| rows | count | in the fit | median error | 90 % within | bias |");
    println!("|---|---|---|---|---|---|");
    let mut kinds: Vec<(&str, bool)> = table.rows.iter().map(|row| (row.kind.as_str(), row.fitted)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (kind, fitted) in kinds {
        let rows = table.rows.iter().filter(|row| row.kind == kind && row.fitted == fitted);
        let errors: Vec<f64> = rows.map(|row| row.predict(&timed) / row.seconds - 1.0).collect();
        let mut sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let at = |share: f64| sizes[((sizes.len() - 1) as f64 * share).round() as usize] * 100.0;
        let mean = errors.iter().sum::<f64>() / errors.len() as f64 * 100.0;
        let fitted = if fitted { "yes" } else { "no" };
        println!("| {kind} | {} | {fitted} | {:.1} % | {:.1} % | {mean:+.1} % |", errors.len(), at(0.5), at(0.9));
    }
}
