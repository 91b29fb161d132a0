//! The legal sizes of a box, its sub-boxes, and what is known of all shapes of one.

use std::cmp::Ordering;

use super::bounds;
use super::objective::Objective;
use super::search::{Box3, legal};
use crate::plan::{Expression, Requirement, ShapeVariable};
use crate::vit::{Axis, Cost, PerAxis, Shape, Vit};

/// The sizes of a box that requirements on one axis leave, and the requirements on several.
pub(super) struct Lattice<'a> {
    pub(super) space: &'a Box3<'a>,
    sizes: PerAxis<Sizes>,
    joint: Vec<&'a Requirement>,
}

/// The sizes of one axis, ascending.
struct Sizes {
    list: Vec<u64>,
    /// Index of the cheapest one, where that is known of an axis alone.
    cheapest: usize,
}

/// A sub-box by index ranges, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ranges(PerAxis<(usize, usize)>);

impl Ranges {
    /// Whether it is one point.
    pub(super) fn is_point(&self) -> bool {
        Axis::ALL.into_iter().all(|axis| self.0.get(axis).0 == self.0.get(axis).1)
    }
}

/// A sub-box, and what no shape of it goes below.
#[derive(PartialEq)]
pub(super) struct Node {
    /// The number that decides: the cost, or what is preferred.
    pub(super) bound: f64,
    pub(super) cost: f64,
    /// Its cheapest shape where that is known, else its smallest.
    pub(super) shape: Shape,
    pub(super) ranges: Ranges,
}

impl Eq for Node {}

impl Ord for Node {
    /// A heap pops its greatest: least number first, then least cost, then smallest shape, then ranges for a total order.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .bound
            .total_cmp(&self.bound)
            .then_with(|| other.cost.total_cmp(&self.cost))
            .then_with(|| other.shape.cmp(&self.shape))
            .then_with(|| other.ranges.cmp(&self.ranges))
    }
}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> Lattice<'a> {
    /// None where the requirements leave no size of some axis.
    pub(super) fn new(space: &'a Box3<'a>, requires: &[&'a Requirement]) -> Option<Self> {
        let mut joint = Vec::new();
        let mut unary = PerAxis::<Vec<&Requirement>>::default();
        for &require in requires {
            match axes_of(require).as_slice() {
                [] => unary.width.push(require),
                [axis] => unary.get_mut(*axis).push(require),
                _ => joint.push(require),
            }
        }
        let sizes = PerAxis::from_fn(|axis| Sizes::new(space, axis, unary.get(axis)));
        let is_empty = sizes.iter().any(|(_, sizes)| sizes.list.is_empty());
        (!is_empty).then_some(Self { space, sizes, joint })
    }

    /// The box as a whole.
    pub(super) fn whole(&self) -> Ranges {
        Ranges(PerAxis::from_fn(|axis| (0, self.sizes.get(axis).list.len() - 1)))
    }

    /// Both halves of a sub-box across the side along which sizes differ most, as a ratio; none where it is one point.
    pub(super) fn halves(&self, ranges: &Ranges) -> Option<[Ranges; 2]> {
        let ratio = |axis: Axis| {
            let ((low, high), list) = (*ranges.0.get(axis), &self.sizes.get(axis).list);
            list[high] as f64 / list[low] as f64
        };
        let axis = Axis::ALL.into_iter().max_by(|&a, &b| ratio(a).total_cmp(&ratio(b)))?;
        let (low, high) = *ranges.0.get(axis);
        let middle = usize::midpoint(low, high);
        (low < high).then(|| {
            [(low, middle), (middle + 1, high)].map(|half| {
                let mut ranges = *ranges;
                *ranges.0.get_mut(axis) = half;
                ranges
            })
        })
    }

    /// The sub-box of one shape of the lattice.
    pub(super) fn point(&self, shape: Shape) -> Ranges {
        Ranges(PerAxis::from_fn(|axis| {
            let at = self.sizes.get(axis).list.partition_point(|size| *size < shape.get(axis));
            (at, at)
        }))
    }

    /// Whether a sub-box's node has the shape that costs least in it: so where costs are convex, and of one point.
    pub(super) fn settles(&self, ranges: &Ranges) -> bool {
        matches!(self.space.objective, Objective::Separable { .. }) || ranges.is_point()
    }

    /// Where the costs of axes are convex: the cheapest shape of a sub-box.
    fn cheapest(&self, ranges: &Ranges) -> Shape {
        self.shape(|axis| {
            let (low, high) = *ranges.0.get(axis);
            self.sizes.get(axis).cheapest.clamp(low, high)
        })
    }

    /// The smallest and the largest shape of a sub-box.
    pub(super) fn corners(&self, ranges: &Ranges) -> (Shape, Shape) {
        (self.shape(|axis| ranges.0.get(axis).0), self.shape(|axis| ranges.0.get(axis).1))
    }

    fn shape(&self, index: impl Fn(Axis) -> usize) -> Shape {
        let size = |axis| self.sizes.get(axis).list[index(axis)];
        Shape { width: size(Axis::Width), depth: size(Axis::Depth), mlp_dim: size(Axis::Mlp) }
    }

    /// A sub-box by what no shape of it costs less than, where the cost decides.
    pub(super) fn node(&self, ranges: Ranges) -> Node {
        let (cost, shape) = match &self.space.objective {
            Objective::Coupled(loss) if !ranges.is_point() => {
                let (low, high) = self.corners(&ranges);
                (loss.least(low, high), low)
            }
            objective => {
                let shape = self.cheapest(&ranges);
                (objective.cost(shape), shape)
            }
        };
        Node { bound: cost, cost, shape, ranges }
    }

    /// Whether a shape of the box is legal.
    pub(super) fn legal(&self, shape: Shape) -> bool {
        legal(self.space, &self.joint, shape)
    }

    /// Whether every requirement may hold somewhere in a sub-box.
    pub(super) fn may_hold(&self, ranges: &Ranges) -> bool {
        let Some(corners) = Corners::new(self, *ranges) else { return true };
        let lookup = |variable| corners.range(variable);
        self.joint.iter().all(|require| bounds::can_hold(&require.predicate, &lookup))
    }

    /// The part of a sub-box outside of which every shape has an excess loss above `limit`; none where all have.
    pub(super) fn within(&self, ranges: &Ranges, limit: f64) -> Option<Ranges> {
        let Objective::Separable { costs, .. } = &self.space.objective else {
            return (self.node(*ranges).cost <= limit + ROUNDING).then_some(*ranges);
        };
        let loss = |axis: Axis, index: usize| costs.get(axis).loss(self.sizes.get(axis).list[index] as f64);
        let cheapest = PerAxis::from_fn(|axis| {
            let (low, high) = *ranges.0.get(axis);
            self.sizes.get(axis).cheapest.clamp(low, high)
        });
        let least: f64 = Axis::ALL.into_iter().map(|axis| loss(axis, *cheapest.get(axis))).sum();
        if least > limit + ROUNDING {
            return None;
        }
        Some(Ranges(PerAxis::from_fn(|axis| {
            let (low, high) = *ranges.0.get(axis);
            let here = *cheapest.get(axis);
            let room = limit - least + loss(axis, here) + ROUNDING;
            let is_in = |index: u64| loss(axis, index as usize) <= room;
            let end = |end: usize| furthest(here as u64, end as u64, is_in) as usize;
            (end(low), end(high))
        })))
    }

    /// What the excess loss lies between in a sub-box.
    fn excess(&self, ranges: &Ranges) -> (f64, f64) {
        match &self.space.objective {
            Objective::Separable { costs, .. } => {
                let ends = |axis: Axis| {
                    let (sizes, (low, high)) = (self.sizes.get(axis), *ranges.0.get(axis));
                    let loss = |index: usize| costs.get(axis).loss(sizes.list[index] as f64);
                    (loss(sizes.cheapest.clamp(low, high)), loss(low).max(loss(high)))
                };
                let ends = Axis::ALL.map(ends);
                (ends.iter().map(|(least, _)| least).sum(), ends.iter().map(|(_, most)| most).sum())
            }
            Objective::Coupled(loss) => {
                let (low, high) = self.corners(ranges);
                (loss.least(low, high), loss.most(low, high))
            }
        }
    }

    /// What a number of shapes cannot go below in a sub-box.
    pub(super) fn least(&self, ranges: &Ranges, number: &Expression<ShapeVariable>) -> f64 {
        let Some(corners) = Corners::new(self, *ranges) else { return f64::NEG_INFINITY };
        bounds::range(number, &|variable| corners.range(variable)).0
    }
}

/// What rounding may do to a sum of losses.
const ROUNDING: f64 = 1e-11;

/// The furthest index from `here` towards `end` that is good; on the way goodness ends once.
pub(super) fn furthest(here: u64, end: u64, good: impl Fn(u64) -> bool) -> u64 {
    if good(end) {
        return end;
    }
    let (mut inside, mut outside) = (here, end);
    while inside.abs_diff(outside) > 1 {
        let middle = u64::midpoint(inside, outside);
        if good(middle) { inside = middle } else { outside = middle }
    }
    inside
}

/// The smallest and the largest shape of a sub-box, and what they cost.
struct Corners<'a> {
    lattice: &'a Lattice<'a>,
    ranges: Ranges,
    small: Vit,
    large: Vit,
    cheap: Cost,
    dear: Cost,
}

impl<'a> Corners<'a> {
    /// None where a corner is no model; then nothing is known.
    fn new(lattice: &'a Lattice<'a>, ranges: Ranges) -> Option<Self> {
        let (low, high) = lattice.corners(&ranges);
        let architecture = lattice.space.architecture;
        let (small, large) = (architecture.with(low).ok()?, architecture.with(high).ok()?);
        let (cheap, dear) = (small.cost(), large.cost());
        Some(Self { lattice, ranges, small, large, cheap, dear })
    }

    /// What a variable lies between. Parameters, FLOPs and memory rise with every axis.
    fn range(&self, variable: ShapeVariable) -> (f64, f64) {
        let space = self.lattice.space;
        let low = || value(space, &self.small, &self.cheap, variable);
        let high = || value(space, &self.large, &self.dear, variable);
        match variable {
            ShapeVariable::Width
            | ShapeVariable::Depth
            | ShapeVariable::Mlp
            | ShapeVariable::Heads
            | ShapeVariable::HeadDim
            | ShapeVariable::Params
            | ShapeVariable::Tokens
            | ShapeVariable::Flops
            | ShapeVariable::Memory => (low(), high()),
            ShapeVariable::Examples => (high(), low()),
            // Sizes that are misaligned take longer than larger ones, so only what none goes below is known.
            ShapeVariable::Latency => (space.hardware.least_latency(&self.small), f64::INFINITY),
            ShapeVariable::Throughput => (0.0, space.hardware.throughput(space.hardware.least_latency(&self.small))),
            ShapeVariable::Loss => {
                let (least, most) = self.lattice.excess(&self.ranges);
                let level = space.objective.level();
                (level + least - ROUNDING, level + most + ROUNDING)
            }
        }
    }
}

/// A number of a shape.
pub(super) fn value(space: &Box3<'_>, vit: &Vit, cost: &Cost, variable: ShapeVariable) -> f64 {
    match variable {
        ShapeVariable::Width => vit.shape.width as f64,
        ShapeVariable::Depth => vit.shape.depth as f64,
        ShapeVariable::Mlp => vit.shape.mlp_dim as f64,
        ShapeVariable::Heads => space.architecture.heads as f64,
        ShapeVariable::HeadDim => vit.head_dim() as f64,
        ShapeVariable::Params => cost.params as f64,
        ShapeVariable::Tokens => space.architecture.tokens() as f64,
        ShapeVariable::Flops => cost.forward_flops_per_example as f64,
        ShapeVariable::Examples => space.examples(vit, cost),
        ShapeVariable::Latency => space.hardware.latency(vit),
        ShapeVariable::Throughput => space.hardware.throughput(space.hardware.latency(vit)),
        ShapeVariable::Memory => space.hardware.memory(vit),
        ShapeVariable::Loss => space.objective.level() + space.excess(vit.shape),
    }
}

/// The axes a requirement speaks of, each once.
fn axes_of(require: &Requirement) -> Vec<Axis> {
    let mut axes = Vec::new();
    require.predicate.variables(&mut |variable| match variable {
        ShapeVariable::Width | ShapeVariable::HeadDim => axes.push(Axis::Width),
        ShapeVariable::Depth => axes.push(Axis::Depth),
        ShapeVariable::Mlp => axes.push(Axis::Mlp),
        ShapeVariable::Heads | ShapeVariable::Tokens => {}
        ShapeVariable::Params
        | ShapeVariable::Flops
        | ShapeVariable::Examples
        | ShapeVariable::Latency
        | ShapeVariable::Throughput
        | ShapeVariable::Memory
        | ShapeVariable::Loss => axes.extend(Axis::ALL),
    });
    axes.sort_unstable();
    axes.dedup();
    axes
}

impl Sizes {
    fn new(space: &Box3<'_>, axis: Axis, requires: &[&Requirement]) -> Self {
        let lowest =
            Shape { width: space.ranges.width.low, depth: space.ranges.depth.low, mlp_dim: space.ranges.mlp.low };
        let heads = space.architecture.heads;
        let holds = |size: u64| {
            if axis == Axis::Width && !size.is_multiple_of(heads) {
                return false;
            }
            // Only this axis's variables occur, and a legal width keeps the shape buildable.
            let mut shape = lowest.with(axis, size);
            if axis != Axis::Width {
                shape.width = heads;
            }
            requires.is_empty() || legal(space, requires, shape)
        };
        let list: Vec<u64> = space.ranges.get(axis).iter().filter(|&size| holds(size)).collect();
        let cheapest = match &space.objective {
            Objective::Separable { costs, .. } => {
                let at = |i: &usize| costs.get(axis).at(list[*i] as f64);
                (0..list.len()).min_by(|i, j| at(i).total_cmp(&at(j))).unwrap_or(0)
            }
            Objective::Coupled(_) => 0,
        };
        Self { list, cheapest }
    }
}
