//! The best legal shape of a box, exactly.
//!
//! Branch and bound, best first. The cost is a sum of one convex function for each axis, so the cheapest point of a
//! sub-box is known at once; if it is legal no other point can be better and the search ends.
//! Requirements on one axis thin out its values beforehand; the others are bounded over sub-boxes by interval
//! arithmetic.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::anchored::AxisCost;
use super::bounds;
use super::hardware::Hardware;
use crate::plan::{Range, Requirement, ShapeVariable, Value};
use crate::vit::{Architecture, Axis, PerAxis, Shape};

/// What is searched.
#[derive(Clone, Copy)]
pub(super) struct Box3<'a> {
    pub(super) architecture: &'a Architecture,
    pub(super) ranges: PerAxis<Range>,
    pub(super) costs: PerAxis<AxisCost>,
    /// Budget in forward FLOPs, for requirements on examples.
    pub(super) forward_flops: f64,
    /// What requirements on time and memory are of.
    pub(super) hardware: &'a Hardware,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The best legal shape.
    Best(Shape),
    /// There is no legal shape.
    Nothing,
    /// More than [`NODES`] sub-boxes were opened.
    GaveUp,
}

/// The most sub-boxes that are opened.
const NODES: usize = 2_000_000;

/// The cheapest shape that is buildable and satisfies every requirement.
/// Between equal costs the one with the smaller width, then depth, then MLP size.
pub(super) fn best(space: &Box3<'_>, requires: &[&Requirement]) -> Found {
    let mut joint = Vec::new();
    let mut unary = PerAxis::<Vec<&Requirement>>::default();
    for &require in requires {
        match axes_of(require).as_slice() {
            [] => unary.width.push(require),
            [axis] => unary.get_mut(*axis).push(require),
            _ => joint.push(require),
        }
    }
    let values = PerAxis::from_fn(|axis| Values::new(space, axis, unary.get(axis)));
    if values.iter().any(|(_, values)| values.sizes.is_empty()) {
        return Found::Nothing;
    }
    branch(space, &values, &joint)
}

/// Whether a shape is buildable and satisfies the requirements; it need not lie in the box.
pub(super) fn legal(space: &Box3<'_>, requires: &[&Requirement], shape: Shape) -> bool {
    let Ok(vit) = space.architecture.with(shape) else { return false };
    let cost = vit.cost();
    let examples = space.forward_flops / cost.forward_flops_per_example as f64;
    requires.iter().all(|require| {
        let lookup = &mut |variable: &ShapeVariable| {
            Value::Number(match variable {
                ShapeVariable::Width => shape.width as f64,
                ShapeVariable::Depth => shape.depth as f64,
                ShapeVariable::Mlp => shape.mlp_dim as f64,
                ShapeVariable::Heads => space.architecture.heads as f64,
                ShapeVariable::HeadDim => vit.head_dim() as f64,
                ShapeVariable::Params => cost.params as f64,
                ShapeVariable::Tokens => space.architecture.tokens() as f64,
                ShapeVariable::Flops => cost.forward_flops_per_example as f64,
                ShapeVariable::Examples => examples,
                ShapeVariable::Latency => space.hardware.latency(&vit),
                ShapeVariable::Throughput => space.hardware.throughput(space.hardware.latency(&vit)),
                ShapeVariable::Memory => space.hardware.memory(&vit),
            })
        };
        require.predicate.truth(lookup) == Ok(true)
    })
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
        | ShapeVariable::Memory => axes.extend(Axis::ALL),
    });
    axes.sort_unstable();
    axes.dedup();
    axes
}

/// The sizes of an axis that its own requirements leave, ascending.
struct Values {
    sizes: Vec<u64>,
    cost: AxisCost,
    /// Index of the cheapest size.
    cheapest: usize,
}

impl Values {
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
        let sizes: Vec<u64> = space.ranges.get(axis).iter().filter(|&size| holds(size)).collect();
        let cost = *space.costs.get(axis);
        let at = |i: &usize| cost.at(sizes[*i] as f64);
        let cheapest = (0..sizes.len()).min_by(|i, j| at(i).total_cmp(&at(j))).unwrap_or(0);
        Self { sizes, cost, cheapest }
    }

    /// The cheapest size of the index range `low..=high`: the cost is convex.
    fn best(&self, (low, high): (usize, usize)) -> u64 {
        self.sizes[self.cheapest.clamp(low, high)]
    }
}

/// A sub-box by index ranges, both ends included.
#[derive(PartialEq)]
struct Node {
    cost: f64,
    shape: Shape,
    ranges: PerAxis<(usize, usize)>,
}

impl Node {
    fn new(values: &PerAxis<Values>, ranges: PerAxis<(usize, usize)>) -> Self {
        let size = |axis| values.get(axis).best(*ranges.get(axis));
        let shape = Shape { width: size(Axis::Width), depth: size(Axis::Depth), mlp_dim: size(Axis::Mlp) };
        let cost = values.iter().map(|(axis, values)| values.cost.at(shape.get(axis) as f64)).sum();
        Self { cost, shape, ranges }
    }
}

impl Eq for Node {}

impl Ord for Node {
    /// The heap pops its greatest: cheapest first, then smallest shape, then ranges for a total order.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .cost
            .total_cmp(&self.cost)
            .then_with(|| other.shape.cmp(&self.shape))
            .then_with(|| other.ranges.cmp(&self.ranges))
    }
}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn branch(space: &Box3<'_>, values: &PerAxis<Values>, joint: &[&Requirement]) -> Found {
    let whole = PerAxis::from_fn(|axis| (0, values.get(axis).sizes.len() - 1));
    let mut heap = BinaryHeap::from([Node::new(values, whole)]);
    let mut opened = 0;
    while let Some(node) = heap.pop() {
        if legal(space, joint, node.shape) {
            return Found::Best(node.shape);
        }
        opened += 1;
        if opened > NODES {
            return Found::GaveUp;
        }
        let longest = Axis::ALL.into_iter().max_by_key(|&axis| {
            let (low, high) = *node.ranges.get(axis);
            high - low
        });
        let Some(axis) = longest else { continue };
        let (low, high) = *node.ranges.get(axis);
        if low == high {
            continue;
        }
        let middle = usize::midpoint(low, high);
        for half in [(low, middle), (middle + 1, high)] {
            let mut ranges = node.ranges;
            *ranges.get_mut(axis) = half;
            if may_hold(space, values, &ranges, joint) {
                heap.push(Node::new(values, ranges));
            }
        }
    }
    Found::Nothing
}

/// Whether every requirement may hold somewhere in a sub-box. Parameters and FLOPs rise with every axis.
fn may_hold(
    space: &Box3<'_>,
    values: &PerAxis<Values>,
    ranges: &PerAxis<(usize, usize)>,
    joint: &[&Requirement],
) -> bool {
    let end = |axis, pick: fn(&(usize, usize)) -> usize| values.get(axis).sizes[pick(ranges.get(axis))];
    let corner = |pick: fn(&(usize, usize)) -> usize| Shape {
        width: end(Axis::Width, pick),
        depth: end(Axis::Depth, pick),
        mlp_dim: end(Axis::Mlp, pick),
    };
    let (low, high) = (corner(|r| r.0), corner(|r| r.1));
    let (Ok(small), Ok(large)) = (space.architecture.with(low), space.architecture.with(high)) else { return true };
    let (cheap, dear) = (small.cost(), large.cost());
    let (least, most) = (cheap.forward_flops_per_example as f64, dear.forward_flops_per_example as f64);
    let lookup = |variable| match variable {
        ShapeVariable::Width => (low.width as f64, high.width as f64),
        ShapeVariable::Depth => (low.depth as f64, high.depth as f64),
        ShapeVariable::Mlp => (low.mlp_dim as f64, high.mlp_dim as f64),
        ShapeVariable::Heads => (space.architecture.heads as f64, space.architecture.heads as f64),
        ShapeVariable::HeadDim => (small.head_dim() as f64, large.head_dim() as f64),
        ShapeVariable::Params => (cheap.params as f64, dear.params as f64),
        ShapeVariable::Tokens => (space.architecture.tokens() as f64, space.architecture.tokens() as f64),
        ShapeVariable::Flops => (least, most),
        ShapeVariable::Examples => (space.forward_flops / most, space.forward_flops / least),
        // Sizes that are misaligned take longer than larger ones, so only what none goes below is known.
        ShapeVariable::Latency => (space.hardware.least_latency(&small), f64::INFINITY),
        ShapeVariable::Throughput => (0.0, space.hardware.throughput(space.hardware.least_latency(&small))),
        ShapeVariable::Memory => (space.hardware.memory(&small), space.hardware.memory(&large)),
    };
    joint.iter().all(|require| bounds::can_hold(&require.predicate, &lookup))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::{AttentionLibrary, device, devices};
    use crate::plan::{Comparison, Expression, Serving};
    use crate::source::Span;
    use crate::vit::Step;
    use proptest::prelude::*;

    fn require(variable: ShapeVariable, comparison: Comparison, number: f64) -> Requirement {
        let sides = (Box::new(Expression::Variable(variable)), Box::new(Expression::Number(number)));
        let predicate = match comparison {
            Comparison::Divides => Expression::Compare(comparison, sides.1, sides.0),
            _ => Expression::Compare(comparison, sides.0, sides.1),
        };
        Requirement { text: String::new(), span: Span::default(), predicate }
    }

    fn brute(space: &Box3<'_>, requires: &[&Requirement]) -> Found {
        let mut best: Option<(f64, Shape)> = None;
        for width in space.ranges.width.iter() {
            for depth in space.ranges.depth.iter() {
                for mlp_dim in space.ranges.mlp.iter() {
                    let shape = Shape { width, depth, mlp_dim };
                    let cost: f64 = space.costs.iter().map(|(axis, cost)| cost.at(shape.get(axis) as f64)).sum();
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
                Serving { device: &devices()[device], batch, attention: AttentionLibrary::ALL[library].1 };
            let training = Step { batch, checkpointed: slower, ..Step::DEFAULT };
            let hardware = Hardware::of(Some(serving), Some(training));
            let space = Box3 {
                architecture: &architecture,
                ranges: PerAxis { width: range(w * heads, 12, step), depth: range(d, 8, 1), mlp: range(m, 12, step) },
                costs: PerAxis { width: fw, depth: fd, mlp: fm }
                    .map(|&frontier| AxisCost::Loss { frontier, scale: 1.0, a, b }),
                forward_flops: 1e9,
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
                costs: PerAxis { width: fw, depth: fd, mlp: fm }
                    .map(|&frontier| AxisCost::Loss { frontier, scale: 1.0, a, b }),
                forward_flops: 1e9,
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
            costs: PerAxis { width: 1147.5, depth: 26.9, mlp: 4314.2 }.map(|&frontier| AxisCost::Distance { frontier }),
            forward_flops: 1e21,
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
                device: &devices()[(seed % 14) as usize],
                batch: pick(1, 1, 65),
                attention: AttentionLibrary::ALL[(seed % 3) as usize].1,
            };
            let hardware = Hardware::of(Some(serving), Some(Step { batch: pick(2, 1, 65), ..Step::DEFAULT }));
            let steps = PerAxis { width: heads * pick(3, 1, 4), depth: 1, mlp: pick(4, 1, 9) };
            let ranges = steps.map(|&step| Range::stepped(step, step * 10_000, step));
            let frontier = PerAxis { width: 2000.5, depth: 40.3, mlp: 6000.7 };
            let space = Box3 {
                architecture: &architecture,
                ranges,
                costs: frontier.map(|&frontier| AxisCost::Loss { frontier, scale: 1.0, a: 0.4, b: 0.7 }),
                forward_flops: 1e21,
                hardware: &hardware,
            };
            let (divisor, deep, wide) = (pick(5, 2, 60), pick(6, 12, 60), pick(7, 500, 9000));
            let own = |axis: Axis, size: u64| match axis {
                Axis::Width => size.is_multiple_of(heads) && (size / heads).is_multiple_of(2),
                Axis::Depth => size <= deep,
                Axis::Mlp => size.is_multiple_of(divisor) && size >= wide,
            };
            let size = |axis: Axis| {
                let cost = |size: &u64| space.costs.get(axis).at(*size as f64);
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
        let serving = Serving { device: device("h200").unwrap(), batch: 64, attention: AttentionLibrary::CuDnn };
        let hardware = Hardware::of(Some(serving), None);
        let space = Box3 {
            architecture: &architecture,
            ranges: PerAxis { width: range, depth: Range::stepped(1, 10_000, 1), mlp: Range::stepped(1, 10_000, 1) },
            costs: PerAxis { width: 1147.5, depth: 26.9, mlp: 4314.2 }.map(|&frontier| AxisCost::Distance { frontier }),
            forward_flops: 1e21,
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
