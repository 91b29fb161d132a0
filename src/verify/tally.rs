//! Results beside their exact values: how far off they may be.

use super::share;
use crate::vit::Half;

/// What has been seen of a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    /// What its floats of 16 bits are.
    half: Half,
    off: usize,
    seen: usize,
    worst: f64,
}

impl Tally {
    pub(super) const fn of(half: Half) -> Self {
        Self { half, off: 0, seen: 0, worst: 0.0 }
    }

    /// Bits within a step of the exact value, and `slack` for sums in `float`; else how they are wrong. They are infinite
    /// where such a sum rounds to infinity, and nowhere else.
    pub(super) fn half(&mut self, bits: u16, exact: f64, slack: f64) -> Result<(), String> {
        let (half, limit) = (self.half, self.half.step(exact) + slack);
        let got = f64::from(half.widen(bits));
        self.off += usize::from(bits != half.narrow(exact) && (got - exact).abs() > slack);
        if got.is_infinite() || half.rounded(exact).is_infinite() {
            self.seen += 1;
            let near = slack + exact.abs() * 1e-6;
            let [least, most] = [exact - near, exact + near].map(|value| half.rounded(value));
            return if least <= got && got <= most { Ok(()) } else { Err(format!("is {got}, not {exact:.6}")) };
        }
        self.near(got, exact, limit)
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

    /// The largest error in units of what is allowed; all but a few of a hundred halves are the nearest.
    pub(super) fn close(self) -> Result<f64, String> {
        let Self { off, seen, worst, .. } = self;
        if off * 50 > seen + 50 { Err(format!("{off} of {seen} are not nearest")) } else { Ok(worst) }
    }
}

/// The first that is no number.
pub(super) fn numbers(half: Half, out: &[u16]) -> Result<(), String> {
    match out.iter().position(|&bits| half.widen(bits).is_nan()) {
        Some(at) => Err(format!("element {at} of {} is NaN", out.len())),
        None => Ok(()),
    }
}

/// The first that is no number or infinite.
pub(super) fn finite(half: Half, out: &[u16]) -> Result<(), String> {
    match out.iter().position(|&bits| !half.widen(bits).is_finite()) {
        Some(at) => Err(format!("element {at} of {} is {}", out.len(), half.widen(out[at]))),
        None => Ok(()),
    }
}
