//! The time model beside what was measured, on rows that its constants were not fitted to.
#![cfg(feature = "fit")]

#[path = "support/measured.rs"]
mod measured;

use measured::{Measured, tables};

/// Median of the relative errors of the rows of a kind that were held out.
fn median_error(table: &Measured, kind: &str) -> f64 {
    let device = table.with(&table.device.constants());
    let rows = table.rows.iter().filter(|row| row.kind == kind && !row.fitted && !row.is_queued());
    let mut errors: Vec<f64> = rows.map(|row| (row.predict(&device) / row.seconds - 1.0).abs()).collect();
    assert!(errors.len() >= 60, "{kind}: {}", errors.len());
    errors.sort_by(f64::total_cmp);
    errors[errors.len() / 2]
}

#[test]
fn blocks_and_encoders_take_about_as_long_as_predicted() {
    for table in tables() {
        assert_eq!(table.device.measured.as_ref().unwrap().rows, table.path);
        let bounds: &[(&str, f64)] = if table.path.contains("blocks") {
            &[("block torch infer", 0.14), ("block torch train", 0.08)]
        } else {
            &[("encoder, mixed precision", 0.1)]
        };
        for &(kind, bound) in bounds {
            let error = median_error(&table, kind);
            assert!(error < bound, "{} {kind}: {error}", table.device.name);
        }
    }
}
