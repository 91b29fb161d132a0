//! The lowest loss that at most t of compute has reached, and which shape reached it.

use std::collections::BTreeSet;

use crate::vit::Shape;

/// The runs of one shape as points (log t, log loss), by t, each t once, the loss never rising.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) shape: Shape,
    points: Vec<(f64, f64)>,
}

/// A stretch of log t over which one curve is the lowest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Its index.
    pub(super) curve: usize,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A curve's line on an interval.
#[derive(Clone, Copy)]
struct Line {
    curve: usize,
    value: f64,
    slope: f64,
}

impl Curve {
    /// From points by t. A run that ends above a shorter one is replaced by it: training can be stopped.
    pub(super) fn new(shape: Shape, mut points: Vec<(f64, f64)>) -> Self {
        let mut least = f64::INFINITY;
        for (_, loss) in &mut points {
            least = least.min(*loss);
            *loss = least;
        }
        Self { shape, points }
    }

    /// The log loss at a log t: between two runs on the line through them, after the last what that has reached;
    /// `None` before the first.
    pub(super) fn at(&self, t: f64) -> Option<f64> {
        let after = self.points.partition_point(|&(u, _)| u <= t);
        let &(u0, v0) = self.points.get(after.checked_sub(1)?)?;
        Some(self.points.get(after).map_or(v0, |&(u1, v1)| v0 + (v1 - v0) * (t - u0) / (u1 - u0)))
    }

    /// The line from its `i`th point on.
    fn line(&self, curve: usize, i: usize, t: f64) -> Option<Line> {
        let (&(u0, v0), &(u1, v1)) = (self.points.get(i)?, self.points.get(i + 1)?);
        let slope = (v1 - v0) / (u1 - u0);
        Some(Line { curve, value: v0 + slope * (t - u0), slope })
    }
}

/// The stretches of the lower front, by t, from the first run to the last; the last may be empty.
///
/// Of equal losses the one that was reached first stays.
pub(super) fn front(curves: &[Curve]) -> Vec<Stretch> {
    let mut events: Vec<(f64, usize, usize)> = Vec::new();
    for (index, curve) in curves.iter().enumerate() {
        events.extend(curve.points.iter().enumerate().map(|(i, &(t, _))| (t, index, i)));
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let knots: Vec<&[(f64, usize, usize)]> = events.chunk_by(|a, b| a.0 == b.0).collect();

    let mut stretches: Vec<Stretch> = Vec::new();
    // Curves between two of their points, and the lowest of those that have ended.
    let mut open: BTreeSet<usize> = BTreeSet::new();
    let mut place = vec![0; curves.len()];
    let mut ended: Option<Line> = None;
    for (number, knot) in knots.iter().enumerate() {
        let Some(&(from, ..)) = knot.first() else { continue };
        let to = knots.get(number + 1).and_then(|knot| knot.first()).map_or(from, |next| next.0);
        for &(_, index, i) in *knot {
            let Some(points) = curves.get(index).map(|curve| &curve.points) else { continue };
            if let Some(place) = place.get_mut(index) {
                *place = i;
            }
            if i + 1 < points.len() {
                open.insert(index);
            } else {
                open.remove(&index);
                let value = points.last().map_or(f64::INFINITY, |point| point.1);
                if ended.is_none_or(|line| value < line.value) {
                    ended = Some(Line { curve: index, value, slope: 0.0 });
                }
            }
        }
        let line = |&index: &usize| curves.get(index)?.line(index, *place.get(index)?, from);
        let lines: Vec<Line> = open.iter().filter_map(line).chain(ended).collect();
        walk(&lines, from, to, &mut stretches);
    }
    stretches
}

/// Appends the lower front of lines over `from..=to`; their values are those at `from`.
fn walk(lines: &[Line], from: f64, to: f64, stretches: &mut Vec<Stretch>) {
    let before = stretches.last().map(|stretch| stretch.curve);
    let lowest = lines.iter().min_by(|a, b| {
        let is_new = |line: &Line| before != Some(line.curve);
        a.value.total_cmp(&b.value).then(a.slope.total_cmp(&b.slope)).then(is_new(a).cmp(&is_new(b)))
    });
    let Some(&(mut line)) = lowest else { return };
    let mut here = from;
    loop {
        let crossing = |other: &Line| {
            let ahead = (other.value - line.value) / (line.slope - other.slope);
            (other.slope < line.slope && from + ahead > here).then_some((from + ahead, *other))
        };
        let next = lines.iter().filter_map(crossing);
        let next = next.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.slope.total_cmp(&b.1.slope)));
        let Some((until, other)) = next.filter(|&(until, _)| until < to) else { break };
        append(stretches, Stretch { curve: line.curve, from: here, to: until });
        (here, line) = (until, other);
    }
    append(stretches, Stretch { curve: line.curve, from: here, to });
}

fn append(stretches: &mut Vec<Stretch>, next: Stretch) {
    match stretches.last_mut() {
        Some(last) if last.curve == next.curve => last.to = next.to,
        _ => stretches.push(next),
    }
}
