//! Results beside their exact values: how far off they may be.

use super::share;
use crate::kernel::{narrow, widen};

/// What has been seen of a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    off: usize,
    seen: usize,
    worst: f64,
}

impl Tally {
    /// A bf16 within a step of the exact value, and `slack` for sums in `float`; else how it is wrong.
    pub(super) fn half(&mut self, bits: u16, exact: f64, slack: f64) -> Result<(), String> {
        let got = f64::from(widen(bits));
        self.off += usize::from(bits != narrow(exact) && (got - exact).abs() > slack);
        self.near(got, exact, exact.abs() / 128.0 + slack)
    }

    /// A `float` within `slack` of the exact value, and its own rounding.
    pub(super) fn float(&mut self, got: f32, exact: f64, slack: f64) -> Result<(), String> {
        self.near(f64::from(got), exact, exact.abs() * 1e-6 + slack)
    }

    fn near(&mut self, got: f64, exact: f64, limit: f64) -> Result<(), String> {
        let error = (got - exact).abs();
        self.seen += 1;
        self.worst = self.worst.max(share(error, limit));
        // Also where either is no number.
        if error <= limit { Ok(()) } else { Err(format!("is {got}, not {exact:.6}")) }
    }

    /// The largest error in units of what is allowed; all but a few of a hundred bf16 are the nearest.
    pub(super) fn close(self) -> Result<f64, String> {
        let Self { off, seen, worst } = self;
        if off * 50 > seen + 50 { Err(format!("{off} of {seen} are not nearest")) } else { Ok(worst) }
    }
}

/// The first that is no number or infinite.
pub(super) fn finite(out: &[u16]) -> Result<(), String> {
    match out.iter().position(|&bits| !widen(bits).is_finite()) {
        Some(at) => Err(format!("element {at} of {} is {}", out.len(), widen(out[at]))),
        None => Ok(()),
    }
}
