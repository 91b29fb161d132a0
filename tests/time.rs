//! The time model beside what was measured, on rows that its constants were not fitted to.
#![cfg(feature = "fit")]

#[path = "support/measured.rs"]
mod measured;

use measured::tables;

#[test]
fn blocks_and_encoders_take_about_as_long_as_predicted() {
    for table in tables() {
        assert_eq!(table.device.measured.as_ref().unwrap().rows, table.path);
        let bounds: &[(&str, f64)] = if table.path.contains("blocks") {
            &[("block torch infer", 0.14), ("block torch train", 0.08)]
        } else {
            &[("encoder, mixed precision", 0.1)]
        };
        let device = table.with(&table.device.constants());
        for &(kind, bound) in bounds {
            let error = table.median_error(kind, &device, |row| !row.fitted && !row.is_queued());
            assert!(error < bound, "{} {kind}: {error}", table.device.name);
        }
    }
}

/// Three passes of one's own do for a device what timing its operations one by one does.
#[test]
fn a_few_measured_passes_calibrate_a_device() {
    for table in tables() {
        for kind in ["block torch infer", "block torch train", "encoder, mixed precision"] {
            if table.rows.iter().all(|row| row.kind != kind) {
                continue;
            }
            let [guessed, corrected] =
                [table.guessed(), table.corrected(kind)].map(|device| table.median_error(kind, &device, |_| true));
            let name = &table.device.name;
            assert!(corrected < 0.11 && corrected < guessed + 0.005, "{name} {kind}: {guessed} {corrected}");
        }
    }
}
