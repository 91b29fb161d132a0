//! The shape that a plan prefers among those whose loss is near the best.
//!
//! First the least loss, then branch and bound by what is preferred: sub-boxes shrink to what the loss allows, and are
//! opened in the order of what their number cannot go below.

use std::collections::BinaryHeap;

use super::lattice::{Lattice, Node, Ranges, value};
use super::search::{Box3, Found, NODES, best};
use crate::plan::{Expression, Preference, Requirement, ShapeVariable, Value};
use crate::vit::Shape;

/// The legal shape that is wanted: by the preference where there is one, else the one with the least loss.
/// Between equal numbers the one with the lower loss, then the smaller one.
pub(super) fn wanted(space: &Box3<'_>, requires: &[&Requirement], preference: Option<&Preference>) -> Found {
    wanted_in(space, requires, preference, NODES / 2)
}

/// The same, opening at most so many sub-boxes for the preference.
fn wanted_in(space: &Box3<'_>, requires: &[&Requirement], preference: Option<&Preference>, nodes: usize) -> Found {
    let least = best(space, requires);
    let (Some(preference), Found::Best(start)) = (preference, least) else { return least };
    let excess = space.excess(start);
    let limit = preference.within.map_or(f64::INFINITY, |share| excess + share * (space.objective.level() + excess));
    let Some(lattice) = Lattice::new(space, requires) else { return least };
    let objective = minimised(preference);
    let mut incumbent = point(&lattice, lattice.point(start), start, &objective);
    let mut heap: BinaryHeap<Node> = BinaryHeap::new();
    let push = |heap: &mut BinaryHeap<Node>, incumbent: &mut Node, ranges: Ranges| {
        let Some(ranges) = lattice.within(&ranges, limit) else { return };
        if ranges.is_point() {
            let shape = lattice.corners(&ranges).0;
            if space.excess(shape) <= limit && lattice.legal(shape) {
                let found = point(&lattice, ranges, shape, &objective);
                if found > *incumbent {
                    *incumbent = found;
                }
            }
        } else if lattice.may_hold(&ranges) {
            let node = Node { bound: lattice.least(&ranges, &objective), ..lattice.node(ranges) };
            if node > *incumbent {
                heap.push(node);
            }
        }
    };
    push(&mut heap, &mut incumbent, lattice.whole());
    let mut opened = 0;
    while let Some(node) = heap.pop() {
        // What is left cannot go below the best point.
        if node <= incumbent {
            break;
        }
        opened += 1;
        if opened > nodes {
            let gap = (incumbent.bound - node.bound) / incumbent.bound.abs();
            return Found::Near(incumbent.shape, Some(gap).filter(|gap| gap.is_finite()));
        }
        for half in lattice.halves(&node.ranges).into_iter().flatten() {
            push(&mut heap, &mut incumbent, half);
        }
    }
    Found::Best(incumbent.shape)
}

/// What is preferred, of one shape, in base units.
pub(super) fn number(space: &Box3<'_>, preference: &Preference, shape: Shape) -> f64 {
    evaluate(space, &preference.objective, shape)
}

/// The objective as something to be minimised.
fn minimised(preference: &Preference) -> Expression<ShapeVariable> {
    let objective = preference.objective.clone();
    if preference.most { Expression::Negate(Box::new(objective)) } else { objective }
}

/// NaN where the shape is no model.
fn evaluate(space: &Box3<'_>, number: &Expression<ShapeVariable>, shape: Shape) -> f64 {
    let Ok(vit) = space.architecture.with(shape) else { return f64::NAN };
    let cost = vit.cost();
    number.number(&mut |variable| Value::Number(value(space, &vit, &cost, *variable))).unwrap_or(f64::NAN)
}

/// A shape with its number; what is no number is worse than any.
fn point(lattice: &Lattice<'_>, ranges: Ranges, shape: Shape, objective: &Expression<ShapeVariable>) -> Node {
    let bound = evaluate(lattice.space, objective, shape);
    Node {
        bound: if bound.is_nan() { f64::INFINITY } else { bound },
        cost: lattice.space.objective.cost(shape),
        shape,
        ranges,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::{AttentionLibrary, devices};
    use crate::plan::{Comparison, Operator, Range, Serving};
    use crate::shape::fixtures::{funds, separable};
    use crate::shape::hardware::Hardware;
    use crate::shape::search::{legal, runners_up};
    use crate::source::Span;
    use crate::units::Dimension;
    use crate::vit::{Architecture, PerAxis, Step};
    use proptest::prelude::*;

    fn shapes<'a>(space: &'a Box3<'_>, requires: &'a [&Requirement]) -> impl Iterator<Item = Shape> + 'a {
        space.ranges.width.iter().flat_map(move |width| {
            space.ranges.depth.iter().flat_map(move |depth| {
                let all = space.ranges.mlp.iter().map(move |mlp_dim| Shape { width, depth, mlp_dim });
                all.filter(|&shape| legal(space, requires, shape))
            })
        })
    }

    fn cost(space: &Box3<'_>, shape: Shape) -> f64 {
        space.objective.cost(shape)
    }

    fn variable(variable: ShapeVariable) -> Expression<ShapeVariable> {
        Expression::Variable(variable)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        /// Of every shape of the box: what is wanted, and the runners-up.
        #[test]
        fn agrees_with_brute_force(
            w in 1u64..40, d in 1u64..10, m in 16u64..200, step in 1u64..9, heads in 1u64..6, batch in 1u64..9,
            device in 0usize..14, objective in 0usize..6, within in 0.0..0.3f64, count in 0usize..6,
            fw in 10.0..400.0f64, fd in 1.0..20.0f64, fm in 10.0..400.0f64, a in 0.1..2.0f64, b in 0.1..2.0f64,
        ) {
            let architecture = Architecture { heads, image: 56, ..Architecture::default() };
            let range = |low: u64, len: u64, step| Range::stepped(low, low + len * step, step);
            let attention = AttentionLibrary::ALL[device % 4].1;
            let serving = Serving { device: devices()[device].clone(), batch, attention };
            let hardware = Hardware::of(Some(&serving), Some(Step { batch, ..Step::DEFAULT }));
            let space = Box3 {
                architecture: &architecture,
                ranges: PerAxis { width: range(w * heads, 10, step), depth: range(d, 6, 1), mlp: range(m, 10, step) },
                objective: separable(PerAxis { width: fw, depth: fd, mlp: fm }, a, b),
                funds: funds(1e9),
                hardware: &hardware,
            };
            let weighted = Expression::Arithmetic(
                Operator::Add,
                Box::new(variable(ShapeVariable::Loss)),
                Box::new(Expression::Arithmetic(
                    Operator::Multiply,
                    Box::new(Expression::Number(1e3)),
                    Box::new(variable(ShapeVariable::Latency)),
                )),
            );
            let (objective, most, within) = match objective {
                0 => (variable(ShapeVariable::Latency), false, Some(within)),
                1 => (variable(ShapeVariable::Throughput), true, Some(within)),
                2 => (variable(ShapeVariable::Params), false, Some(within)),
                3 => (variable(ShapeVariable::Depth), true, Some(within)),
                4 => (variable(ShapeVariable::Memory), false, Some(within)),
                _ => (weighted, false, None),
            };
            let preference = Preference {
                text: String::new(),
                span: Span::default(),
                objective,
                dimension: Dimension::NONE,
                most,
                within,
            };
            let even = Requirement {
                text: String::new(),
                span: Span::default(),
                predicate: Expression::Compare(
                    Comparison::Divides,
                    Box::new(Expression::Number(2.0)),
                    Box::new(variable(ShapeVariable::Depth)),
                ),
            };
            let requires = [&even];
            let least = shapes(&space, &requires)
                .min_by(|a, b| cost(&space, *a).total_cmp(&cost(&space, *b)).then(a.cmp(b)));
            let limit = least.map_or(0.0, |least| {
                let excess = space.excess(least);
                within.map_or(f64::INFINITY, |share| excess + share * (space.objective.level() + excess))
            });
            let sign = if most { -1.0 } else { 1.0 };
            let key = |shape: Shape| (sign * number(&space, &preference, shape), cost(&space, shape), shape);
            let brute = shapes(&space, &requires).filter(|&shape| space.excess(shape) <= limit).min_by(|a, b| {
                let (a, b) = (key(*a), key(*b));
                a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
            });
            let found = wanted(&space, &requires, Some(&preference));
            prop_assert_eq!(found, brute.map_or(Found::Nothing, Found::Best));

            // A search that is ended early has a legal shape all the same, and says how far off it may be.
            if let (Found::Near(near, gap), Some(brute)) = (wanted_in(&space, &requires, Some(&preference), 3), brute) {
                prop_assert!(legal(&space, &requires, near) && space.excess(near) <= limit);
                let (best, near) = (key(brute).0, key(near).0);
                prop_assert!(best <= near && gap.is_none_or(|gap| best >= near - gap * near.abs() * (1.0 + 1e-9)));
            }

            let Some(taken) = least else { return Ok(()) };
            let mut all: Vec<Shape> = shapes(&space, &requires).collect();
            all.sort_by(|a, b| cost(&space, *a).total_cmp(&cost(&space, *b)).then(a.cmp(b)));
            let mut kept = vec![taken];
            for shape in all {
                if kept.len() <= count && kept.iter().all(|other| shape.distance(*other) >= 0.05) {
                    kept.push(shape);
                }
            }
            prop_assert_eq!(runners_up(&space, &requires, taken, (count, 0.05)), kept.split_off(1));
        }
    }
}
