//! Scales of pictures.

use serde::Serialize;

/// A value along an axis, and where it stands.
#[derive(Serialize)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) text: String,
}

/// A logarithmic scale onto a stretch of pixels.
pub(super) struct Scale {
    low: f64,
    high: f64,
    pixels: (f64, f64),
}

impl Scale {
    pub(super) fn of(values: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Self {
        let usable = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = usable.fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)));
        let (low, high) = if low <= high { (low.ln(), high.ln()) } else { (0.0, 1.0) };
        // A flat line stands in the middle.
        let room = ((high - low) * 0.06).max(0.05);
        Self { low: low - room, high: high + room, pixels }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.ln() - self.low) / (self.high - self.low);
        let pixel = self.pixels.0 + share * (self.pixels.1 - self.pixels.0);
        (pixel * 10.0).round() / 10.0
    }

    /// Round values along it: at most eight of 1, 2 and 5 times powers of ten.
    pub(super) fn ticks(&self, text: impl Fn(f64) -> String) -> Vec<Tick> {
        let decades =
            (self.low / std::f64::consts::LN_10).floor() as i32..=(self.high / std::f64::consts::LN_10).ceil() as i32;
        let inside = |value: &f64| (self.low..=self.high).contains(&value.ln());
        let of = |mantissas: &[f64], every: i32| -> Vec<f64> {
            let decades = decades.clone().filter(|decade| decade.rem_euclid(every) == 0);
            decades.flat_map(|decade| mantissas.iter().map(move |m| m * 10f64.powi(decade))).filter(inside).collect()
        };
        let choices = [
            of(&FINE, 1),
            of(&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0], 1),
            of(&[1.0, 2.0, 5.0], 1),
            of(&[1.0], 1),
            of(&[1.0], 2),
            of(&[1.0], 5),
        ];
        let fitting = choices.into_iter().find(|list| list.len() <= 8).unwrap_or_default();
        fitting.into_iter().map(|value| Tick { at: self.at(value), text: text(value) }).collect()
    }
}

const FINE: [f64; 18] = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
