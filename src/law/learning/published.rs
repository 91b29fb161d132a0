//! The procedure of Alabdulmohsin, Neyshabur and Zhai (arXiv 2209.06640) for M1 to M4, step by step.
//!
//! It minimises squares of the difference of both sides' logarithms by turns. **What it gives for M2 and M4 is where the
//! turns end, not an optimum**: steps are small, bounds and starts are part of the answer, and the global optimum of the
//! stated objective predicts differently. It is here to reproduce published figures; margins of 0.001 and steps of 1e-8
//! tie it to losses of about 1, so it depends on the unit of y.
//!
//! Two things differ from the authors' program, neither of them in the fit: predictions of M4 invert the law exactly
//! instead of to the nearest of 10,000 points between floor and ceiling, and where a loss is 1 or more the ceiling starts
//! above the largest one instead of at 1, which has no logarithm then.

use crate::law::Termination;
use crate::law::learning::{CurveForm, CurveParameters};
use crate::law::nnls;

/// What floor and ceiling keep from the losses.
const MARGIN: f64 = 1e-3;
/// The ceiling of an error rate.
const RATE_CEILING: f64 = 1.0 + MARGIN;
/// Turns at most, and those that take gradient steps.
const TURNS: u32 = 10_000;
const GRADIENT_TURNS: u32 = 100;
/// Steps in a turn, and their sizes.
const GRADIENT_STEPS: (u32, f64) = (1000, 1e-8);
const NEWTON_STEPS: (u32, f64) = (100, 0.1);
/// Newton's steps of M4 pass over smaller curvatures.
const FLAT: f64 = 1e-5;
/// Change of b at which turns end.
const SETTLED: f64 = 1e-10;

/// Where the procedure ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) parameters: CurveParameters,
    /// Sum of squared differences of both sides' logarithms.
    pub(super) value: f64,
    pub(super) termination: Termination,
}

/// Runs the procedure on points in order of x. Losses all below 1 are taken for error rates, whose ceiling is at most
/// 1.001. `None` where it comes to no falling curve.
pub(super) fn run(form: CurveForm, points: &[(f64, f64)]) -> Option<End> {
    let end = match form {
        CurveForm::M1 => power(points),
        CurveForm::M2 => Turns::new(points, false).run(),
        CurveForm::M3 => levelling(points),
        CurveForm::M4 => Turns::new(points, true).run(),
    };
    let curve = end.parameters;
    let is_whole = curve.b.is_finite() && curve.b > 0.0 && curve.c.is_finite() && curve.c > 0.0;
    (is_whole && end.value.is_finite()).then_some(end)
}

fn curve(ln_b: f64, c: f64) -> CurveParameters {
    CurveParameters { b: ln_b.exp(), c, floor: 0.0, ceiling: None, a: None, g: None }
}

/// Intercept and slope of plain least squares.
fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> [f64; 2] {
    let (n, x, y) = points.clone().fold((0.0, 0.0, 0.0), |(n, sx, sy), (x, y)| (n + 1.0, sx + x, sy + y));
    let (mean_x, mean_y) = (x / n, y / n);
    let sums = points
        .fold((0.0, 0.0), |(xx, xy), (x, y)| (xx + (x - mean_x) * (x - mean_x), xy + (x - mean_x) * (y - mean_y)));
    let slope = if sums.0 > 0.0 { sums.1 / sums.0 } else { 0.0 };
    [mean_y - slope * mean_x, slope]
}

/// M1: a line through logarithms.
fn power(points: &[(f64, f64)]) -> End {
    let [ln_b, c] = line(points.iter().map(|&(x, y)| (-x.ln(), y.ln())));
    let value = points.iter().map(|&(x, y)| (y.ln() - ln_b + c * x.ln()).powi(2)).sum();
    End { parameters: curve(ln_b, c), value, termination: Termination::Gradient }
}

/// M3: a line for b and c, then the best g of those with which the curve meets a point.
fn levelling(points: &[(f64, f64)]) -> End {
    let squares = |ln_b: f64, c: f64, g: f64| -> f64 {
        points.iter().map(|&(x, y)| (y.ln() - ln_b - c * (1.0 / x + g).ln()).powi(2)).sum()
    };
    let (mut g, mut b) = (0.0, 1.0);
    let (mut ln_b, mut c) = (0.0, 0.0);
    let mut termination = Termination::Iterations;
    for _ in 0..TURNS {
        [ln_b, c] = line(points.iter().map(|&(x, y)| ((1.0 / x + g).ln(), y.ln())));
        c = c.max(0.0);
        let mut least = squares(ln_b, c, g);
        for &(x, y) in points {
            let meeting = ((y.ln() - ln_b) / c).exp() - 1.0 / x;
            let value = if meeting >= 0.0 { squares(ln_b, c, meeting) } else { f64::INFINITY };
            if value < least {
                (least, g) = (value, meeting);
            }
        }
        let moved = ln_b.exp() - b;
        b += moved;
        if moved.abs() < SETTLED {
            termination = Termination::Step;
            break;
        }
    }
    let parameters = CurveParameters { g: Some(g), ..curve(ln_b, c) };
    End { parameters, value: squares(ln_b, c, g), termination }
}

/// M2 and M4, by turns: a line for b, c and a; steps for floor and ceiling.
struct Turns {
    ln_x: Vec<f64>,
    y: Vec<f64>,
    /// `ln (1 - y)` of the first ceiling; never made new. Empty for M2.
    ln_rest: Vec<f64>,
    floors: (f64, f64),
    ceilings: (f64, f64),
    floor: f64,
    ceiling: f64,
    ln_b: f64,
    c: f64,
    a: f64,
    /// `ln b - c ln x`.
    right: Vec<f64>,
}

/// Slopes and curvatures by floor and ceiling, each up to a common factor.
struct Local {
    slope: [f64; 2],
    curvature: [f64; 2],
}

impl Turns {
    fn new(points: &[(f64, f64)], has_ceiling: bool) -> Self {
        let y: Vec<f64> = points.iter().map(|p| p.1).collect();
        let (least, most) = y.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), &y| (least.min(y), most.max(y)));
        let is_rate = most < 1.0;
        let ceiling = if is_rate { 1.0 } else { most + MARGIN };
        let ln_rest = if has_ceiling { y.iter().map(|y| (ceiling - y).ln()).collect() } else { Vec::new() };
        Self {
            ln_x: points.iter().map(|p| p.0.ln()).collect(),
            ln_rest,
            floors: (0.0, least - MARGIN),
            ceilings: (most + MARGIN, if is_rate { RATE_CEILING } else { f64::INFINITY }),
            floor: (least - MARGIN).max(0.0),
            ceiling,
            ln_b: 0.0,
            c: 0.0,
            a: 0.0,
            right: vec![0.0; y.len()],
            y,
        }
    }

    fn run(mut self) -> End {
        let mut termination = Termination::Iterations;
        let mut b = 1.0;
        for turn in 0..TURNS {
            self.line();
            if turn < GRADIENT_TURNS {
                for _ in 0..GRADIENT_STEPS.0 {
                    let local = self.local::<false>();
                    self.step(local.slope.map(|slope| GRADIENT_STEPS.1 * slope));
                }
            } else {
                for _ in 0..NEWTON_STEPS.0 {
                    let Local { slope, curvature } = self.local::<true>();
                    let newton = |i: usize| {
                        let is_flat = !self.ln_rest.is_empty() && curvature[i].abs() <= FLAT;
                        if is_flat { 0.0 } else { NEWTON_STEPS.1 * slope[i] / curvature[i] }
                    };
                    let step = [newton(0), if self.ln_rest.is_empty() { 0.0 } else { newton(1) }];
                    self.step(step);
                }
            }
            let moved = self.ln_b.exp() - b;
            b += moved;
            if moved.abs() < SETTLED && turn > GRADIENT_TURNS + 1 {
                termination = Termination::Step;
                break;
            }
        }
        let has_ceiling = !self.ln_rest.is_empty();
        let value = self.residuals().map(|r| r * r).sum();
        let parameters = CurveParameters {
            floor: self.floor,
            ceiling: has_ceiling.then_some(self.ceiling),
            a: has_ceiling.then_some(self.a),
            ..curve(self.ln_b, self.c)
        };
        End { parameters, value, termination }
    }

    /// Least squares for b, c and a; non-negative in M4.
    fn line(&mut self) {
        if self.ln_rest.is_empty() {
            let floor = self.floor;
            [self.ln_b, self.c] = line(self.ln_x.iter().zip(&self.y).map(|(ln_x, y)| (-ln_x, (y - floor).ln())));
        } else {
            let (mut gram, mut rhs) = ([[0.0; 3]; 3], [0.0; 3]);
            for ((ln_x, ln_rest), y) in self.ln_x.iter().zip(&self.ln_rest).zip(&self.y) {
                let (row, left) = ([1.0, -ln_x, *ln_rest], (y - self.floor).ln());
                for (i, xi) in row.iter().enumerate() {
                    rhs[i] += xi * left;
                    for (j, xj) in row.iter().enumerate() {
                        gram[i][j] += xi * xj;
                    }
                }
            }
            [self.ln_b, self.c, self.a] = nnls::solve(&gram, &rhs).coefficients;
        }
        for (right, ln_x) in self.right.iter_mut().zip(&self.ln_x) {
            *right = self.ln_b - self.c * ln_x;
        }
    }

    fn residuals(&self) -> impl Iterator<Item = f64> {
        let ceiling = |y: f64| if self.a > 0.0 { self.a * (self.ceiling - y).ln() } else { 0.0 };
        self.y.iter().zip(&self.right).map(move |(&y, right)| (y - self.floor).ln() - ceiling(y) - right)
    }

    fn local<const CURVED: bool>(&self) -> Local {
        let mut local = Local { slope: [0.0; 2], curvature: [0.0; 2] };
        for (r, y) in self.residuals().zip(&self.y) {
            let below = 1.0 / (y - self.floor);
            local.slope[0] -= r * below;
            if CURVED {
                local.curvature[0] += (1.0 - r) * below * below;
            }
            if self.a > 0.0 {
                let above = 1.0 / (self.ceiling - y);
                local.slope[1] -= self.a * r * above;
                if CURVED {
                    local.curvature[1] += self.a * (self.a + r) * above * above;
                }
            }
        }
        let n = self.y.len() as f64;
        Local { slope: local.slope.map(|sum| sum / n), curvature: local.curvature.map(|sum| sum / n) }
    }

    /// A step downhill, kept inside the bounds.
    fn step(&mut self, [floor, ceiling]: [f64; 2]) {
        self.floor = (self.floor - floor).max(self.floors.0).min(self.floors.1);
        self.ceiling = (self.ceiling - ceiling).max(self.ceilings.0).min(self.ceilings.1);
    }
}
