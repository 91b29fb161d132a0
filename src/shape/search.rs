//! The best legal shape of a box, exactly.
//!
//! Branch and bound, best first. Where the cost is a sum of one convex function for each axis, the cheapest point of a
//! sub-box is known at once; if it is legal no other point can be better and the search ends. Otherwise the cost is
//! bounded until a sub-box is one point.
//! Requirements on one axis thin out its values beforehand; the others are bounded over sub-boxes by interval
//! arithmetic.

use std::collections::BinaryHeap;

use super::funds::Funds;
use super::hardware::Hardware;
use super::lattice::{Lattice, Ranges, value};
use super::objective::Objective;
use crate::plan::{Range, Requirement, Value};
use crate::vit::{Architecture, Cost, PerAxis, Shape, Vit};

/// What is searched.
#[derive(Clone)]
pub(super) struct Box3<'a> {
    pub(super) architecture: &'a Architecture,
    pub(super) ranges: PerAxis<Range>,
    pub(super) objective: Objective,
    /// The budget, for requirements on examples.
    pub(super) funds: Funds,
    /// What requirements on time and memory are of.
    pub(super) hardware: &'a Hardware<'a>,
}

impl Box3<'_> {
    /// How far the loss of a shape lies above that on the frontier.
    pub(super) fn excess(&self, shape: Shape) -> f64 {
        self.objective.excess(shape)
    }

    /// Examples that the budget pays for at a shape.
    pub(super) fn examples(&self, vit: &Vit, cost: &Cost) -> f64 {
        let (trained, served) = flops(vit, cost);
        self.funds.examples(trained, served)
    }
}

/// Forward FLOPs of one image in training, and where the model is served.
pub(super) fn flops(vit: &Vit, cost: &Cost) -> (f64, f64) {
    let trained = cost.forward_flops_per_example as f64;
    let seeing = vit.seeing();
    (trained, if seeing == *vit { trained } else { seeing.cost().forward_flops_per_example as f64 })
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found {
    /// The best legal shape.
    Best(Shape),
    /// A legal shape; none is better by more than this fraction, where any bound is known.
    Near(Shape, Option<f64>),
    /// There is no legal shape.
    Nothing,
    /// More than [`NODES`] sub-boxes were opened.
    GaveUp,
}

impl Found {
    /// The shape, where there is one.
    pub(super) const fn shape(self) -> Option<Shape> {
        match self {
            Self::Best(shape) | Self::Near(shape, _) => Some(shape),
            Self::Nothing | Self::GaveUp => None,
        }
    }
}

/// The most sub-boxes that are opened.
pub(super) const NODES: usize = 2_000_000;

/// The cheapest shape that is buildable and satisfies every requirement.
/// Between equal costs the one with the smaller width, then depth, then MLP size.
pub(super) fn best(space: &Box3<'_>, requires: &[&Requirement]) -> Found {
    let Some(lattice) = Lattice::new(space, requires) else { return Found::Nothing };
    let mut heap = BinaryHeap::from([lattice.node(lattice.whole())]);
    let mut opened = 0;
    while let Some(node) = heap.pop() {
        if lattice.settles(&node.ranges) && lattice.legal(node.shape) {
            return Found::Best(node.shape);
        }
        opened += 1;
        if opened > NODES {
            return Found::GaveUp;
        }
        for half in lattice.halves(&node.ranges).into_iter().flatten().filter(|half| lattice.may_hold(half)) {
            heap.push(lattice.node(half));
        }
    }
    Found::Nothing
}

/// Up to `count` legal shapes beside those `taken`, cheapest first; each is at least `apart` away in the logarithm of
/// one of its sizes from those taken and from every cheaper one.
pub(super) fn runners_up(
    space: &Box3<'_>,
    requires: &[&Requirement],
    taken: Shape,
    (count, apart): (usize, f64),
) -> Vec<Shape> {
    let Some(lattice) = Lattice::new(space, requires) else { return Vec::new() };
    let mut found = vec![taken];
    let mut heap = BinaryHeap::from([lattice.node(lattice.whole())]);
    let mut opened = 0;
    while let Some(node) = heap.pop() {
        opened += 1;
        if found.len() > count || opened > NODES {
            break;
        }
        let is_near = |shape: &Shape| found.iter().any(|other| shape.distance(*other) < apart);
        if lattice.settles(&node.ranges) && !is_near(&node.shape) && lattice.legal(node.shape) {
            found.push(node.shape);
        }
        // What lies around one shape as a whole holds no other.
        let is_used = |half: &Ranges| {
            let (low, high) = lattice.corners(half);
            found.iter().any(|other| low.distance(*other) < apart && high.distance(*other) < apart)
        };
        for half in lattice.halves(&node.ranges).into_iter().flatten() {
            if !is_used(&half) && lattice.may_hold(&half) {
                heap.push(lattice.node(half));
            }
        }
    }
    found.split_off(1)
}

/// Whether a shape is buildable and satisfies the requirements; it need not lie in the box.
pub(super) fn legal(space: &Box3<'_>, requires: &[&Requirement], shape: Shape) -> bool {
    let Ok(vit) = space.architecture.with(shape) else { return false };
    let cost = vit.cost();
    requires.iter().all(|require| {
        let lookup = &mut |variable: &_| Value::Number(value(space, &vit, &cost, *variable));
        require.predicate.truth(lookup) == Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::{AttentionLibrary, device, devices};
    use crate::plan::{Comparison, Serving, ShapeVariable};
    use crate::shape::fixtures::{distant, funds, require, separable};
    use crate::vit::{Axis, Step};
    use proptest::prelude::*;

    fn brute(space: &Box3<'_>, requires: &[&Requirement]) -> Found {
        let mut best: Option<(f64, Shape)> = None;
        for width in space.ranges.width.iter() {
            for depth in space.ranges.depth.iter() {
                for mlp_dim in space.ranges.mlp.iter() {
                    let shape = Shape { width, depth, mlp_dim };
                    let cost = space.objective.cost(shape);
                    if legal(space, requires, shape) && best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, shape));
                    }
                }
            }
        }
        best.map_or(Found::Nothing, |(_, shape)| Found::Best(shape))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        /// Requirements on time and memory too, with heads and batches that no library likes.
        #[test]
        fn agrees_with_brute_force_on_hardware(
            w in 1u64..40, d in 1u64..10, m in 16u64..200, step in 1u64..9, heads in 1u64..6, batch in 1u64..9,
            device in 0usize..14, library in 0usize..4, position in 0.05..0.95f64, slower in any::<bool>(),
            fw in 10.0..400.0f64, fd in 1.0..20.0f64, fm in 10.0..400.0f64, a in 0.1..2.0f64, b in 0.1..2.0f64,
        ) {
            let architecture = Architecture { heads, image: 56, ..Architecture::default() };
            let range = |low: u64, len: u64, step| Range::stepped(low, low + len * step, step);
            let serving =
                Serving { device: devices()[device].clone(), batch, attention: AttentionLibrary::ALL[library].1 };
            let training = Step { batch, checkpointed: slower, ..Step::DEFAULT };
            let hardware = Hardware::of(Some(&serving), Some(training));
            let space = Box3 {
                architecture: &architecture,
                ranges: PerAxis { width: range(w * heads, 12, step), depth: range(d, 8, 1), mlp: range(m, 12, step) },
                objective: separable(PerAxis { width: fw, depth: fd, mlp: fm }, a, b),
                funds: funds(1e9),
                hardware: &hardware,
            };
            let end = |pick: fn(&Range) -> u64| Shape {
                width: pick(&space.ranges.width) / heads * heads,
                depth: pick(&space.ranges.depth),
                mlp_dim: pick(&space.ranges.mlp),
            };
            let [Ok(small), Ok(large)] = [end(|range| range.low), end(|range| range.high)].map(|s| architecture.with(s))
            else {
                return Ok(());
            };
            let between = |low: f64, high: f64| low + position * (high - low);
            let latency = between(hardware.latency(&small), hardware.latency(&large));
            let memory = between(hardware.memory(&small), hardware.memory(&large));
            let requires = [
                require(ShapeVariable::Memory, Comparison::LessEqual, memory),
                if slower {
                    require(ShapeVariable::Throughput, Comparison::Less, batch as f64 / latency)
                } else {
                    require(ShapeVariable::Latency, Comparison::Less, latency)
                },
            ];
            let requires: Vec<_> = requires.iter().collect();
            prop_assert_eq!(best(&space, &requires), brute(&space, &requires));
        }

        #[test]
        fn agrees_with_brute_force(
            w in 16u64..200, d in 1u64..10, m in 16u64..200, step in 1u64..9,
            fw in 10.0..400.0f64, fd in 1.0..20.0f64, fm in 10.0..400.0f64,
            a in 0.1..2.0f64, b in 0.1..2.0f64,
            params in 1e4..2e6f64, examples in 1.0..1e4f64, divisor in 1u32..6,
        ) {
            let architecture = Architecture { heads: 4, image: 28, ..Architecture::default() };
            let range = |low: u64, len: u64, step| Range::stepped(low, low + len * step, step);
            let space = Box3 {
                architecture: &architecture,
                ranges: PerAxis { width: range(w, 12, step), depth: range(d, 8, 1), mlp: range(m, 12, step) },
                objective: separable(PerAxis { width: fw, depth: fd, mlp: fm }, a, b),
                funds: funds(1e9),
                hardware: &Hardware::of(None, None),
            };
            let requires = [
                require(ShapeVariable::Params, Comparison::Less, params),
                require(ShapeVariable::Examples, Comparison::GreaterEqual, examples),
                require(ShapeVariable::HeadDim, Comparison::Divides, f64::from(divisor)),
            ];
            let requires: Vec<_> = requires.iter().collect();
            prop_assert_eq!(best(&space, &requires), brute(&space, &requires));
        }
    }

    #[test]
    fn a_box_of_a_million_million_shapes_is_fine() {
        let architecture = Architecture { heads: 1, ..Architecture::default() };
        let range = Range::stepped(1, 10_000, 1);
        let space = Box3 {
            architecture: &architecture,
            ranges: PerAxis { width: range, depth: range, mlp: range },
            objective: distant(),
            funds: funds(1e21),
            hardware: &Hardware::of(None, None),
        };
        let requires = [require(ShapeVariable::Params, Comparison::Less, 400e6)];
        let requires: Vec<_> = requires.iter().collect();
        let Found::Best(shape) = best(&space, &requires) else { panic!("no shape") };
        assert!(legal(&space, &requires, shape));
        assert!(architecture.with(shape).unwrap().cost().params > 399_000_000);
    }

    /// Optima planted in boxes of a million million shapes: requirements on one axis each, whose best size is found by
    /// looking at every size of that axis, under bounds on the whole shape that the optimum only just keeps.
    #[test]
    fn planted_optima_are_found_in_large_boxes() {
        for seed in 0..24u64 {
            let pick = |salt: u64, low: u64, high: u64| low + (seed * 7919 + salt * 104_729) % (high - low);
            let heads = [1, 3, 8, 16][(seed % 4) as usize];
            let architecture = Architecture { heads, ..Architecture::default() };
            let serving = Serving {
                device: devices()[(seed % 14) as usize].clone(),
                batch: pick(1, 1, 65),
                attention: AttentionLibrary::ALL[(seed % 3) as usize].1,
            };
            let hardware = Hardware::of(Some(&serving), Some(Step { batch: pick(2, 1, 65), ..Step::DEFAULT }));
            let steps = PerAxis { width: heads * pick(3, 1, 4), depth: 1, mlp: pick(4, 1, 9) };
            let ranges = steps.map(|&step| Range::stepped(step, step * 10_000, step));
            let frontier = PerAxis { width: 2000.5, depth: 40.3, mlp: 6000.7 };
            let space = Box3 {
                architecture: &architecture,
                ranges,
                objective: separable(frontier, 0.4, 0.7),
                funds: funds(1e21),
                hardware: &hardware,
            };
            let (divisor, deep, wide) = (pick(5, 2, 60), pick(6, 12, 60), pick(7, 500, 9000));
            let own = |axis: Axis, size: u64| match axis {
                Axis::Width => size.is_multiple_of(heads) && (size / heads).is_multiple_of(2),
                Axis::Depth => size <= deep,
                Axis::Mlp => size.is_multiple_of(divisor) && size >= wide,
            };
            let size = |axis: Axis| {
                let Objective::Separable { costs, .. } = &space.objective else { unreachable!() };
                let cost = |size: &u64| costs.get(axis).at(*size as f64);
                let sizes = space.ranges.get(axis).iter().filter(|&size| own(axis, size));
                sizes.min_by(|a, b| cost(a).total_cmp(&cost(b)).then(a.cmp(b))).unwrap()
            };
            let planted = Shape { width: size(Axis::Width), depth: size(Axis::Depth), mlp_dim: size(Axis::Mlp) };
            let vit = architecture.with(planted).unwrap();
            let requires = [
                require(ShapeVariable::HeadDim, Comparison::Divides, 2.0),
                require(ShapeVariable::Depth, Comparison::LessEqual, deep as f64),
                require(ShapeVariable::Mlp, Comparison::Divides, divisor as f64),
                require(ShapeVariable::Mlp, Comparison::GreaterEqual, wide as f64),
                require(ShapeVariable::Params, Comparison::LessEqual, vit.cost().params as f64),
                require(ShapeVariable::Latency, Comparison::LessEqual, hardware.latency(&vit)),
                require(ShapeVariable::Memory, Comparison::LessEqual, hardware.memory(&vit)),
            ];
            let requires: Vec<_> = requires.iter().collect();
            assert_eq!(best(&space, &requires), Found::Best(planted), "{seed}");
        }
    }

    /// A bound on the latency of a GPU is as good as any other.
    #[test]
    fn a_box_of_a_million_million_shapes_has_its_fastest() {
        let architecture = Architecture { heads: 16, ..Architecture::default() };
        let range = Range::stepped(16, 16 * 10_000, 16);
        let serving =
            Serving { device: device("h200").unwrap().clone(), batch: 64, attention: AttentionLibrary::CuDnn };
        let hardware = Hardware::of(Some(&serving), None);
        let space = Box3 {
            architecture: &architecture,
            ranges: PerAxis { width: range, depth: Range::stepped(1, 10_000, 1), mlp: Range::stepped(1, 10_000, 1) },
            objective: distant(),
            funds: funds(1e21),
            hardware: &hardware,
        };
        let requires = [require(ShapeVariable::Latency, Comparison::Less, 0.024)];
        let requires: Vec<_> = requires.iter().collect();
        let Found::Best(shape) = best(&space, &requires) else { panic!("no shape") };
        assert!(legal(&space, &requires, shape), "{shape}");
        let latency = hardware.latency(&architecture.with(shape).unwrap());
        assert!(latency < 0.024 && latency > 0.0235, "{shape}: {latency}");
    }
}
